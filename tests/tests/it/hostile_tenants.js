// A tenant that misbehaves in every way but memory (for that: memory_bombs.js): the path names the way. `/` answers "ok".

const spin = (ms) => {
  const end = performance.now() + ms;
  while (performance.now() < end);
};
const never = () => new Promise(() => {});
// (module (func (export "spin") (loop br 0)))
const WASM = new Uint8Array([
  0, 97, 115, 109, 1, 0, 0, 0, 1, 4, 1, 96, 0, 0, 3, 2, 1, 0, 7, 8, 1, 4, 115, 112, 105, 110, 0, 0, 10, 9, 1, 7, 0, 3,
  64, 12, 0, 11, 11,
]);
let aborted = "never";

// Each ends by `timeout_ms`: 503.
const cpu = {
  loop() {
    for (;;);
  },
  "try-finally"() {
    for (;;) {
      try {
        for (;;);
      } catch {
        continue;
      } finally {
        for (;;);
      }
    }
  },
  regexp: () => /^(a+)+$/.test("a".repeat(50) + "b"),
  replace: () => "a".repeat(50).replace(/(a*)*b/g, ""),
  wasm: () => new WebAssembly.Instance(new WebAssembly.Module(WASM)).exports.spin(),
  microtasks() {
    const again = () => queueMicrotask(again);
    again();
  },
  async promises() {
    for (;;) await null;
  },
  thenables() {
    return { then(resolve) { resolve({ then: this.then }); } };
  },
  async timers() {
    const again = () => {
      spin(1);
      setTimeout(again, 0);
    };
    for (let i = 0; i < 100; i++) again();
    await never();
  },
  async intervals() {
    for (let i = 0; i < 100; i++) setInterval(() => spin(1), 0);
    await never();
  },
  async messages() {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      spin(1);
      port2.postMessage(1);
    };
    port2.postMessage(1);
    await never();
  },
  json() {
    const text = JSON.stringify(Array.from({ length: 50000 }, (_, i) => ({ i, name: "n" + i })));
    for (;;) JSON.stringify(JSON.parse(text));
  },
  parse() {
    const text = JSON.stringify(Array.from({ length: 50000 }, (_, i) => ({ i })));
    for (;;) JSON.parse(text);
  },
  "parse-deep"() {
    const text = "[".repeat(1e6);
    for (;;) {
      try {
        JSON.parse(text);
      } catch {}
    }
  },
  stringify() {
    const value = Array.from({ length: 50000 }, (_, i) => ({ i }));
    for (;;) JSON.stringify(value);
  },
  normalize() {
    const text = "\u00e9".repeat(1 << 20);
    for (;;) text.normalize("NFD");
  },
  compare() {
    const text = "\u00e9".repeat(1 << 20);
    for (;;) text.localeCompare(text + "x");
  },
  "copy-within"() {
    const bytes = new Uint8Array(16 << 20);
    for (;;) bytes.copyWithin(1, 0);
  },
  validate() {
    const bytes = new Uint8Array([...WASM.slice(0, 8), 0, 0xff, 0xff, 0x3f, 0, ...new Array(0xfffff - 1).fill(0)]);
    for (;;) WebAssembly.validate(bytes);
  },
  sort() {
    const numbers = Float64Array.from({ length: 200000 }, (_, i) => (i * 7919) % 200003);
    for (;;) numbers.slice().sort();
  },
  comparator() {
    [3, 1, 2, 5, 4].sort(() => {
      for (;;);
    });
  },
  bigint() {
    let n = 3n ** 20000n;
    for (;;) n = (n * n) & ((1n << 40000n) - 1n) | 1n;
  },
  clone() {
    const value = Array.from({ length: 20000 }, (_, i) => ({ i }));
    for (;;) structuredClone(value);
  },
  async digests() {
    const bytes = new Uint8Array(8 << 20);
    for (;;) await crypto.subtle.digest("SHA-512", bytes);
  },
  async keys() {
    for (;;) {
      const algorithm = { name: "RSA-PSS", modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]), hash: "SHA-256" };
      await crypto.subtle.generateKey(algorithm, false, ["sign", "verify"]);
    }
  },
  proxy() {
    const proxy = new Proxy({}, { get: (_, name, self) => self[name] ?? self[String(name) + "x"], ownKeys() { for (;;); } });
    return Object.keys(proxy);
  },
  "prototype-loop"() {
    Object.defineProperty(Object.prototype, "then", { get() { for (;;); }, configurable: true });
    return {};
  },
};

// Each ends by `wall_timeout_ms`: 504.
const wall = {
  never,
  sleep: () => new Promise((done) => setTimeout(done, 3_600_000)),
  async signal(request) {
    request.signal.addEventListener("abort", () => (aborted = request.signal.reason.name));
    await never();
  },
  async held(request) {
    // A server that takes connections and says nothing.
    const port = new URL(request.url).searchParams.get("port");
    const asked = Array.from({ length: 40 }, () => fetch(`http://127.0.0.1:${port}/`));
    await Promise.all(asked);
  },
};

// Each is answered: by what the tenant makes of it, or 500.
const answered = {
  stack() {
    const deeper = () => deeper() + 1;
    return deeper();
  },
  "stack-caught"() {
    let depth = 0;
    const deeper = () => {
      try {
        depth++;
        deeper();
      } catch {
        depth++;
      }
    };
    deeper();
    return depth > 0;
  },
  "stack-json": () => JSON.parse("[".repeat(1e6)),
  "stack-regexp": () => new RegExp("(".repeat(1e5) + ")".repeat(1e5)).test("x"),
  "stack-proxy"() {
    let proxy = {};
    for (let i = 0; i < 1e5; i++) proxy = new Proxy(proxy, {});
    return proxy.x;
  },
  "stack-toString"() {
    const list = [];
    list.push({ toString: () => String(list) + list.map(String) });
    return String(list);
  },
  atomics: () => Atomics.wait(new Int32Array(new SharedArrayBuffer(8)), 0, 0),
  async fetches() {
    let failed = 0;
    for (let i = 0; i < 1000; i++) {
      const some = Array.from({ length: 1000 }, () => fetch("http://127.0.0.1:1/").catch(() => failed++));
      await Promise.all(some);
    }
    return failed;
  },
  logs() {
    for (let i = 0; i < 100000; i++) console.log("flood", i);
    console.log("x".repeat(10 << 20));
    return "printed";
  },
  "many-timers"() {
    for (let i = 0; i < 200000; i++) setTimeout(never, 3_600_000);
    return "made";
  },
  pollution() {
    const evil = () => {
      throw new Error("polluted");
    };
    for (const prototype of [Object, Array, Promise, Map, String, Function, Uint8Array, Response, Headers, Request, URL]) {
      for (const name of Reflect.ownKeys(prototype.prototype)) {
        try {
          Object.defineProperty(prototype.prototype, name, { get: evil, set: evil, configurable: true });
        } catch {}
      }
    }
    globalThis.Response = globalThis.Promise = globalThis.Object = undefined;
    throw 1;
  },
  "not-a-response": () => ({ status: 200, body: "x" }),
  revoked() {
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    throw proxy;
  },
  // What prints a thrown value reads no getter of it.
  getters() {
    throw { get stack() { for (;;); }, get message() { for (;;); }, get name() { for (;;); }, toString() { for (;;); } };
  },
  "symbol-getters"() {
    const error = new Error("hostile");
    Object.defineProperty(error, "cause", { get() { for (;;); } });
    Object.defineProperty(error, Symbol.toStringTag, { get() { for (;;); } });
    Object.defineProperty(error, "stack", { get() { for (;;); } });
    throw error;
  },
  "throws-in-getter"() {
    throw { get stack() { throw new Error("again"); }, toString() { throw new Error("and again"); } };
  },
};

export default {
  async fetch(request) {
    const path = new URL(request.url).pathname.slice(1);
    switch (path) {
      case "": return new Response("ok");
      case "names": return Response.json({ cpu: Object.keys(cpu), wall: Object.keys(wall), answered: Object.keys(answered) });
      case "aborted": return new Response(aborted);
    }
    const way = cpu[path] ?? wall[path] ?? answered[path];
    const made = await way(request);
    return path === "not-a-response" ? made : new Response(String(made));
  },
};
