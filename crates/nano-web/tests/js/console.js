// console, as far as it prints; the inside of inspect() by what it prints.

const line = (...values) => {
  printed();
  console.log(...values);
  return printed().slice("Info ".length);
};

for (const [values, expected] of [
  [["text", 1, true, null, undefined], "text 1 true null undefined"],
  [["%s is %d of %i %f%%", "a", 1.5, 2.9, "3.5"], "a is 1.5 of 2 3.5%"],
  [["%s", "a", "more"], "a more"],
  [["%x"], "%x"],
  [[["a", [1, 2]]], "[ 'a', [ 1, 2 ] ]"],
  [[{ a: 1, "b c": { d: {} } }], "{ a: 1, 'b c': { d: {} } }"],
  [[new Map([["k", 1]]), new Set(["v"])], "Map(1) { 'k' => 1 } Set(1) { 'v' }"],
  [[-0, 10n, Symbol("s")], "-0 10n Symbol(s)"],
  [[new Date(0)], "1970-01-01T00:00:00.000Z"],
  [[/x/g, () => {}, class A {}], "/x/g [Function (anonymous)] [class A]"],
  [[Promise.resolve(1)], "Promise { 1 }"],
  [[bytes(1, 2)], "Uint8Array(2) [ 1, 2 ]"],
]) test(`log ${expected}`, () => assert.is(line(...values), expected));

// First, since nothing of these classes must have been printed yet.
test("printing calls nothing that a tenant has put into a class", async () => {
  const trap = () => {
    throw new Error("a tenant's getter was called");
  };
  const before = [];
  const values = [
    new Response(null, { status: 204 }), new Request("http://x.test/"), new URL("http://x.test/a"), new Blob(["ab"]), new File([], "name.txt"),
    AbortSignal.abort(1), new Event("kind"), new ReadableStream(), new DOMException("says", "AbortError"),
  ];
  const expected = ["status: 204", "GET", "http://x.test/a", "size: 2", "name.txt", "aborted: true", "kind", "locked: false", "says"];
  for (const value of values) {
    for (let object = Object.getPrototypeOf(value); object !== Object.prototype && object !== Error.prototype; object = Object.getPrototypeOf(object)) {
      for (const name of Object.getOwnPropertyNames(object)) {
        const descriptor = Object.getOwnPropertyDescriptor(object, name);
        if (descriptor.get === undefined) continue;
        before.push([object, name, descriptor]);
        Object.defineProperty(object, name, { __proto__: null, get: trap });
      }
    }
  }
  for (let i = 0; i < values.length; i++) {
    const text = line(values[i]);
    assert(text.includes(expected[i]), `${expected[i]} is not in ${text}`);
  }
  for (const [object, name, descriptor] of before) Object.defineProperty(object, name, { __proto__: null, ...descriptor });
});

test("levels", () => {
  printed();
  console.debug("d");
  console.info("i");
  console.warn("w");
  console.error("e");
  console.assert(true, "silent");
  console.assert(false, "loud");
  const lines = printed().split("\n");
  assert.same(lines, ["Debug d", "Info i", "Warn w", "Error e", "Error Assertion failed: loud"]);
});

test("groups indent, counts count", () => {
  printed();
  console.group("g");
  console.log("a\nb");
  console.groupEnd();
  console.count();
  console.count();
  assert.is(printed(), "Info g\nInfo   a\n  b\nInfo default: 1\nInfo default: 2");
});

test("no code of a value runs", () => {
  let ran = false;
  const tricky = {
    get x() {
      ran = true;
      return 1;
    },
    toString() {
      ran = true;
      return "";
    },
  };
  const proxy = new Proxy({}, { get: () => (ran = true), ownKeys: () => ((ran = true), []), getPrototypeOf: () => ((ran = true), null) });
  line(tricky, proxy);
  assert(!ran);
});

test("cycles and depth end", () => {
  const cycle = { name: "c" };
  cycle.self = cycle;
  assert(line(cycle).includes("[Circular"));
  let deep = {};
  for (let i = 0; i < 10_000; i++) deep = { deep };
  assert(line(deep).length < 10_000);
});

test("errors show stack, cause and properties", () => {
  const text = line(new TypeError("outer", { cause: new Error("inner") }));
  assert(text.startsWith("TypeError: outer\n    at "), text);
  assert(text.includes("[cause]: Error: inner"), text);
});
