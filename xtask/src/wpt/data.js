// Checks one data file of web-platform-tests, and prints the results as reporter.js does. The file's name and
// its text are filled in.
"use strict";
const name = __NAME__;
const data = __DATA__;
const line = (record) => console.log("@@WPT " + JSON.stringify(record));

function check(title, test) {
  let status = 0, message = null;
  try { test(); } catch (error) { status = 1; message = String(error?.message ?? error).toWellFormed(); }
  line({ name: title.toWellFormed(), status, message });
}
function same(actual, expected, what) {
  if (actual !== expected) throw new Error(`${what}: expected ${JSON.stringify(expected)}, got ${JSON.stringify(actual)}`);
}
function fails(test) {
  try { test(); } catch (error) {
    if (error instanceof TypeError) return;
    throw new Error(`expected a TypeError, got ${error}`);
  }
  throw new Error("expected a TypeError");
}
const cases = Array.isArray(data) ? data.filter((entry) => typeof entry === "object") : data;

const parts = ["href", "protocol", "username", "password", "host", "hostname", "port", "pathname", "search", "hash"];

function parsing() {
  for (const entry of cases) {
    const base = entry.base ?? undefined;
    check(`<${entry.input}> against <${entry.base}>`, () => {
      if (entry.failure) {
        fails(() => new URL(entry.input, base));
        same(URL.canParse(entry.input, base), false, "canParse");
        same(URL.parse(entry.input, base), null, "parse");
        return;
      }
      const url = new URL(entry.input, base);
      same(URL.canParse(entry.input, base), true, "canParse");
      same(URL.parse(entry.input, base).href, url.href, "parse");
      for (const part of parts) same(url[part], entry[part], part);
      if ("origin" in entry) same(url.origin, entry.origin, "origin");
      if ("searchParams" in entry) same(url.searchParams.toString(), entry.searchParams, "searchParams");
      same(new URL(url.href).href, url.href, "parsed again");
    });
  }
}

function setters() {
  for (const attribute in cases) {
    if (attribute === "comment") continue;
    for (const entry of cases[attribute]) {
      check(`<${entry.href}>.${attribute} = '${entry.new_value}'`, () => {
        const url = new URL(entry.href);
        url[attribute] = entry.new_value;
        for (const part in entry.expected) same(url[part], entry.expected[part], part);
      });
    }
  }
}

function hosts() {
  for (const entry of cases) {
    // A URL of this kind cannot have an empty host: what follows would be it.
    if (entry.input === "") continue;
    check(`${entry.input}${entry.comment ? ` (${entry.comment})` : ""}`, () => {
      if (entry.output === null) {
        fails(() => new URL(`https://${entry.input}/x`));
        const url = new URL("https://other.test/x");
        url.host = entry.input;
        same(url.host, "other.test", "host after a setter that must do nothing");
        return;
      }
      const url = new URL(`https://${entry.input}/x`);
      same(url.host, entry.output, "host");
      same(url.hostname, entry.output, "hostname");
      same(url.pathname, "/x", "pathname");
      same(url.href, `https://${entry.output}/x`, "href");
      const other = new URL("https://other.test/x");
      other.hostname = entry.input;
      same(other.hostname, entry.output, "hostname after the setter");
    });
  }
}

// Other encodings are those of documents, which there are none of.
function percentEncoding() {
  for (const entry of cases) {
    check(`${entry.input}`, () => {
      const url = new URL(`https://doc.test/?${entry.input}#${entry.input}`);
      same(url.search, `?${entry.output["utf-8"]}`, "search");
      same(url.hash, `#${entry.output["utf-8"]}`, "hash");
    });
  }
}

const patternParts = ["protocol", "username", "password", "hostname", "port", "pathname", "search", "hash"];
// Parts that, given in an object, keep a later one from coming out of the base.
const before = {
  protocol: [], hostname: ["protocol"], port: ["protocol", "hostname"], username: [], password: [],
  pathname: ["protocol", "hostname", "port"], search: ["protocol", "hostname", "port", "pathname"],
  hash: ["protocol", "hostname", "port", "pathname", "search"],
};

// What a case leaves out of the compiled pattern's parts: what was given, else what the base has, else
// everything.
function expectedPart(entry, part) {
  const said = entry.expected_obj?.[part];
  if (said !== undefined) return said;
  if (entry.exactly_empty_components?.includes(part)) return "";
  const [first, second] = entry.pattern;
  if (typeof first === "object" && first[part]) return first[part];
  if (typeof first === "object" && before[part].some((other) => other in first)) return "*";
  const base = first?.baseURL || (typeof second === "string" ? second : null);
  if (!base || part === "username" || part === "password") return "*";
  const value = new URL(base)[part];
  return part === "protocol" ? value.slice(0, -1) : part === "search" || part === "hash" ? value.slice(1) : value;
}

function patterns() {
  for (const entry of cases) {
    check(`${JSON.stringify(entry.pattern)} ${JSON.stringify(entry.inputs)}`, () => {
      if (entry.expected_obj === "error") {
        fails(() => new URLPattern(...entry.pattern));
        return;
      }
      const pattern = new URLPattern(...entry.pattern);
      for (const part of patternParts) same(pattern[part], expectedPart(entry, part), `the pattern's ${part}`);
      if (entry.inputs === undefined) return;
      if (entry.expected_match === "error") {
        fails(() => pattern.test(...entry.inputs));
        fails(() => pattern.exec(...entry.inputs));
        return;
      }
      same(pattern.test(...entry.inputs), Boolean(entry.expected_match), "test()");
      const result = pattern.exec(...entry.inputs);
      if (!entry.expected_match) {
        same(result, null, "exec()");
        return;
      }
      same(JSON.stringify(result.inputs.map(sorted)), JSON.stringify((entry.expected_match.inputs ?? entry.inputs).map(sorted)), "inputs");
      for (const part of patternParts) {
        const empty = entry.exactly_empty_components?.includes(part);
        const { input, groups } = entry.expected_match[part] ?? { input: "", groups: empty ? {} : { 0: "" } };
        same(result[part].input, input, `the input's ${part}`);
        // JSON has null for undefined.
        const found = Object.entries(result[part].groups).map(([key, value]) => [key, value ?? null]);
        same(JSON.stringify(found.sort()), JSON.stringify(Object.entries(groups).sort()), `the groups of ${part}`);
      }
    });
  }
}
const sorted = (input) => typeof input === "string" ? input : Object.entries(input).sort();

function generating() {
  for (const { pattern, component, groups, expected } of cases) {
    check(`${JSON.stringify(pattern)}.${component} with ${JSON.stringify(groups)}`, () => {
      if (expected === null) fails(() => new URLPattern(pattern).generate(component, groups));
      else same(new URLPattern(pattern).generate(component, groups), expected, "generate()");
    });
  }
}

function comparing() {
  for (const { component, left, right, expected } of cases) {
    check(`${component}: ${JSON.stringify(left)} and ${JSON.stringify(right)}`, () => {
      const [a, b] = [new URLPattern(left), new URLPattern(right)];
      same(URLPattern.compareComponent(component, a, b), expected, "one way");
      same(URLPattern.compareComponent(component, b, a), expected === 0 ? 0 : -expected, "the other way");
      same(URLPattern.compareComponent(component, a, a), 0, "with itself");
    });
  }
}

function mimeTypes() {
  for (const entry of cases) {
    const output = entry.output ?? "";
    check(`${entry.input} (Blob)`, () => same(new Blob([], { type: entry.input }).type, blobType(entry.input), "type"));
    if (!/^[\t\n\r ]|[\t\n\r ]$|[^\x01-\x09\x0b\x0c\x0e-\xff]/.test(entry.input)) {
      const headers = [["Content-Type", entry.input]];
      pending.push(...[
        ["Request", () => new Request("about:blank", { headers }).blob()],
        ["Response", () => new Response(null, { headers }).blob()],
      ].map(async ([kind, blob]) => {
        let type, problem;
        try { type = (await blob()).type; } catch (error) { problem = error; }
        check(`${entry.input} (${kind})`, () => {
          if (problem !== undefined) throw problem;
          same(type, output, "the blob's type");
        });
      }));
    }
  }
}
// File API, the Blob constructor: lower case, or nothing if it holds anything but printable ASCII.
function blobType(type) {
  return /[^\x20-\x7e]/.test(type) ? "" : type.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}
const pending = [];

({
  "url/urltestdata.json": parsing,
  "url/urltestdata-javascript-only.json": parsing,
  "url/setters_tests.json": setters,
  "url/toascii.json": hosts,
  "url/percent-encoding.json": percentEncoding,
  "url/IdnaTestV2.json": hosts,
  "urlpattern/urlpatterntestdata.json": patterns,
  "urlpattern/generate.json": generating,
  "urlpattern/compare.json": comparing,
  "mimesniff/mime-types.json": mimeTypes,
  "mimesniff/generated-mime-types.json": mimeTypes,
})[name]();
Promise.all(pending).then(() => line({ end: 0, message: null }));
