// What the web platform's parts cost: each case is run for a while, several times over, and its best time is printed as a line
// of JSON. Runs as it is under NANO, Node, Deno and Bun.

const short = "The quick brown fox jumps over the lazy dog";
const long = "The quick brown fox jumps over the lazy dog. ".repeat(1500);
const accented = "Falsches Üben von Xylophonmusik quält jeden größeren Zwerg. ".repeat(1000);
const cyrillic = "Съешь же ещё этих мягких французских булок, да выпей чаю. ".repeat(1000);
const encoder = new TextEncoder();
const decoder = new TextDecoder();
const bytes = Object.fromEntries(Object.entries({ short, long, accented, cyrillic }).map(([name, text]) => [name, encoder.encode(text)]));
const room = new Uint8Array(long.length);
const query = "a=1&b=two&c=%C3%A4%20b&d=&e=5&f=six+seven&g=8";
const blob = new Blob([bytes.long]);
const headers = new Headers({ accept: "*/*", "content-type": "text/plain", "x-a": "1", "x-b": "2", "user-agent": "bench" });
let sink = 0;
// Different URLs, so that none is found again where the last one is remembered.
const urls = Array.from({ length: 64 }, (_, at) => `https://user:pass@sub${at}.example.com:8080/a/b/../c/${at}?q=${at}&r=2#hash`);
const plain = Array.from({ length: 64 }, (_, at) => `https://example.com/path/${at}`);

function pipeline(count) {
  let stream = new ReadableStream({
    at: 0,
    pull(controller) {
      if (this.at++ === count) controller.close();
      else controller.enqueue(this.at);
    },
  });
  for (let stage = 0; stage < 10; stage++) {
    stream = stream.pipeThrough(new TransformStream({ transform(chunk, controller) { controller.enqueue(chunk + 1); } }));
  }
  return stream;
}

const quiet = { a: 1, b: ["x", { c: 2 }], d: new Map([[1, 2]]) };

// [name, what is done once, how often within one call if not once]
const cases = [
  ["TextEncoder, 43 characters", () => { sink += encoder.encode(short).length; }],
  ["TextEncoder, 67 kB ASCII", () => { sink += encoder.encode(long).length; }],
  ["TextEncoder, 60 kB Latin-1", () => { sink += encoder.encode(accented).length; }],
  ["TextEncoder, 58,000 Cyrillic", () => { sink += encoder.encode(cyrillic).length; }],
  ["TextEncoder.encodeInto, 67 kB", () => { sink += encoder.encodeInto(long, room).written; }],
  ["TextDecoder, 43 bytes", () => { sink += decoder.decode(bytes.short).length; }],
  ["TextDecoder, 67 kB ASCII", () => { sink += decoder.decode(bytes.long).length; }],
  ["TextDecoder, 63 kB of Latin-1's letters", () => { sink += decoder.decode(bytes.accented).length; }],
  ["TextDecoder, 104 kB Cyrillic", () => { sink += decoder.decode(bytes.cyrillic).length; }],
  ["new URL, all parts", (at) => { sink += new URL(urls[at & 63]).href.length; }],
  ["new URL, plain", (at) => { sink += new URL(plain[at & 63]).pathname.length; }],
  ["new URL, relative", (at) => { sink += new URL("../x/y?z=1", urls[at & 63]).href.length; }],
  ["URLSearchParams, parse and get", () => { sink += new URLSearchParams(query).get("g").length; }],
  ["URLSearchParams, append and toString", () => { const p = new URLSearchParams(); p.append("a", "1"); p.append("b", "ä b"); sink += p.toString().length; }],
  ["new Headers of 5", () => { sink += new Headers({ accept: "*/*", "content-type": "text/plain", "x-a": "1", "x-b": "2", "user-agent": "b" }).has("x-a") ? 1 : 0; }],
  ["Headers.get and set", () => { headers.set("x-a", "3"); sink += headers.get("X-A").length; }],
  ["Headers, iterate 5", () => { for (const [name] of headers) sink += name.length; }],
  ["Blob.slice", () => { sink += blob.slice(10, 1000).size; }],
  ["Blob.slice and arrayBuffer", async () => { sink += (await blob.slice(10, 1000).arrayBuffer()).byteLength; }],
  ["ten transforms, a chunk", async () => { for await (const chunk of pipeline(200)) sink += chunk; }, 200],
  ["console.log, text", () => { console.log("hello"); }],
  ["console.log, an object", () => { console.log("%s is", "this", quiet); }],
  ["structuredClone, small", () => { sink += structuredClone(quiet).a; }],
  ["atob and btoa, 1 kB", () => { sink += atob(btoa(long.slice(0, 1000))).length; }],
  ["AbortController and a listener", () => { const c = new AbortController(); c.signal.addEventListener("abort", () => { sink++; }); c.abort(); }],
  ["dispatchEvent", () => { target.dispatchEvent(new Event("x")); }],
];
const target = new EventTarget();
target.addEventListener("x", () => { sink++; });

const wanted = (globalThis.scriptArgs ?? globalThis.Deno?.args ?? globalThis.process?.argv.slice(2))?.[0] ?? "400";
const budget = Number(wanted);

for (const [name, run, inner = 1] of cases) {
  if (name.startsWith("structuredClone") && typeof structuredClone !== "function") continue;
  const isAsync = run.constructor.name === "AsyncFunction";
  let best = Infinity;
  // As many calls as take about a tenth of the budget; the first rounds let compilers do their work.
  let count = 1;
  const end = performance.now() + budget;
  while (performance.now() < end) {
    const begun = performance.now();
    if (isAsync) for (let at = 0; at < count; at++) await run(at);
    else for (let at = 0; at < count; at++) run(at);
    const took = performance.now() - begun;
    if (took > budget / 40) best = Math.min(best, took / count / inner);
    if (took < budget / 20) count *= 2;
  }
  console.error(JSON.stringify({ name, ns: best * 1e6 }));
}
console.error(JSON.stringify({ name: "", ns: sink > 0 ? 1 : 0 }));
