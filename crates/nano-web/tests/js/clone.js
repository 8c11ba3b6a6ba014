// structuredClone: what is cloned, what is refused and when, what is transferred.

const roundTrip = (value) => structuredClone(value);

test("primitives are themselves", () => {
  for (const value of [undefined, null, true, 0, -0, NaN, 1.5, 2n ** 70n, "", "a\u0000\u20ac\ud800"]) {
    assert.is(structuredClone(value), value);
  }
  assert.throws(() => structuredClone(Symbol("s")), "DataCloneError");
  assert.throws(() => structuredClone(), TypeError);
});

test("objects of the language", () => {
  const date = structuredClone(new Date(86400000));
  assert(date instanceof Date);
  assert.is(date.getTime(), 86400000);
  const regexp = /a+/giu;
  regexp.lastIndex = 3;
  const cloned = structuredClone(regexp);
  assert.is(String(cloned), "/a+/giu");
  assert.is(cloned.lastIndex, 0);
  for (const value of [true, 7, "x", 10n]) {
    const boxed = structuredClone(Object(value));
    assert.is(typeof boxed, "object");
    assert.is(boxed.valueOf(), value);
  }
  const map = structuredClone(new Map([[1, { a: 1 }], [{ k: 1 }, "v"]]));
  assert.is(map.size, 2);
  assert.is(map.get(1).a, 1);
  assert.same([...structuredClone(new Map([[1, 2], ["a", undefined], [null, NaN]]))], [[1, 2], ["a", null], [null, null]]);
  assert.same([...structuredClone(new Set([1, "a", true]))], [1, "a", true]);
  assert.is([...structuredClone(new Set([{ a: 1 }]))][0].a, 1);
  assert.throws(() => structuredClone(new Map([[1, Symbol("x")]])), "DataCloneError");
  assert.throws(() => structuredClone(new Set([() => {}])), "DataCloneError");
});

test("arrays", () => {
  const sparse = [1, , 3];
  sparse.extra = "x";
  const copy = structuredClone(sparse);
  assert.is(copy.length, 3);
  assert.is(1 in copy, false);
  assert.is(copy.extra, "x");
  const long = new Array(4_000_000_000);
  long[3_999_999_999] = 1;
  assert.is(structuredClone(long)[3_999_999_999], 1);
});

test("bytes", () => {
  const buffer = new ArrayBuffer(8);
  new Uint8Array(buffer).set([1, 2, 3, 4]);
  const view = new Uint16Array(buffer, 2, 1);
  const copy = structuredClone(view);
  assert.is(copy.length, 1);
  assert.is(copy.byteOffset, 2);
  assert.is(copy.buffer.byteLength, 8);
  assert.is(copy[0], view[0]);
  view[0] = 0;
  assert(copy[0] !== 0);
  assert.is(structuredClone(buffer).byteLength, 8);
  for (const Class of [
    Int8Array, Uint8Array, Uint8ClampedArray, Int16Array, Uint16Array, Int32Array, Uint32Array, Float32Array, Float64Array,
    BigInt64Array, BigUint64Array, DataView, ...(globalThis.Float16Array ? [Float16Array] : []),
  ]) {
    const copy = structuredClone(new Class(buffer));
    assert(copy instanceof Class, Class.name);
    assert.is(structuredClone({ a: new Class(buffer) }).a.constructor, Class);
  }
  const pair = structuredClone([view, buffer, new DataView(buffer)]);
  assert.is(pair[0].buffer, pair[1]);
  assert.is(pair[2].buffer, pair[1]);
  const resizable = new ArrayBuffer(4, { maxByteLength: 16 });
  const tracking = structuredClone(new Uint8Array(resizable));
  assert.is(tracking.buffer.maxByteLength, 16);
  tracking.buffer.resize(8);
  assert.is(tracking.length, 8);
  const outside = new Uint8Array(resizable, 2, 2);
  resizable.resize(1);
  assert.throws(() => structuredClone(outside), "DataCloneError");
});

test("identity and cycles", () => {
  const shared = { a: 1 };
  const value = { x: shared, y: [shared], m: new Map([[shared, shared]]) };
  value.self = value;
  const copy = structuredClone(value);
  assert(copy !== value && copy.x !== shared);
  assert.is(copy.self, copy);
  assert.is(copy.y[0], copy.x);
  assert.is([...copy.m][0][0], copy.x);
});

test("errors keep message, cause and stack", () => {
  const cause = new RangeError("inner");
  const error = new TypeError("outer", { cause });
  error.extra = 1;
  const copy = structuredClone(error);
  assert(copy instanceof TypeError);
  assert.is(copy.message, "outer");
  assert.is(copy.stack, error.stack);
  assert(copy.cause instanceof RangeError);
  assert.is(copy.extra, undefined);
  const odd = new Error("m");
  odd.name = "Odd";
  assert.is(structuredClone(odd).name, "Error");
  const own = new (class Mine extends RangeError {})("x");
  assert.is(Object.getPrototypeOf(structuredClone(own)), RangeError.prototype);
  const looped = new Error("loop");
  looped.cause = looped;
  assert.is(structuredClone(looped).cause.message, "loop");
});

test("instances of the application's classes become plain objects", () => {
  class Point {
    x = 1;
    get y() { return 2; }
  }
  const copy = structuredClone(new Point());
  assert.is(Object.getPrototypeOf(copy), Object.prototype);
  assert.same(copy, { x: 1 });
  assert.same(structuredClone(Object.create(null, { a: { __proto__: null, value: 1, enumerable: true }, b: { __proto__: null, value: 2 } })), { a: 1 });
});

test("what cannot be cloned is named", () => {
  const message = (value) => {
    try {
      structuredClone(value);
    } catch (error) {
      assert(error instanceof DOMException);
      assert.is(error.name, "DataCloneError");
      assert.is(error.code, 25);
      return error.message;
    }
    throw new Error("was cloned");
  };
  assert.is(message({ f: () => {} }), "() => {} could not be cloned.");
  assert.is(message([Symbol("s")]), "Symbol(s) could not be cloned.");
  assert.is(message(new WeakMap()), "#<WeakMap> could not be cloned.");
  assert.is(message(Promise.resolve()), "#<Promise> could not be cloned.");
  assert(message(new Proxy({}, {})).endsWith("could not be cloned."));
  for (const make of [
    () => new Headers(), () => new Response(""), () => new Request("http://a/"), () => new Event("a"), () => new URL("http://a/"),
    () => new AbortController(), () => new EventTarget(), () => new ReadableStream(), () => new FormData(),
  ]) {
    const object = make();
    assert.is(message({ object }), `#<${object.constructor.name}> could not be cloned.`);
  }
  assert(message(globalThis).endsWith("could not be cloned."));
});

test("getters run, in order, and what they throw comes out", () => {
  const log = [];
  const value = { get a() { log.push("a"); return 1; }, get b() { log.push("b"); throw new RangeError("mine"); } };
  assert.throws(() => structuredClone(value), RangeError);
  assert.same(log, ["a", "b"]);
  const nested = { get a() { return structuredClone({ blob: new Blob(["x"]) }).blob.size; }, blob: new Blob(["yy"]) };
  const copy = structuredClone(nested);
  assert.is(copy.a, 1);
  assert.is(copy.blob.size, 2);
});

test("depth ends with an error", () => {
  let value = {};
  for (let i = 0; i < 200_000; i++) value = { value };
  assert.throws(() => structuredClone(value), RangeError);
});

test("DOMException, QuotaExceededError", () => {
  const error = new DOMException("m", "AbortError");
  const copy = structuredClone({ error }).error;
  assert(copy instanceof DOMException && copy !== error);
  assert.is(copy.name, "AbortError");
  assert.is(copy.message, "m");
  assert.is(copy.code, 20);
  assert.is(copy.stack, error.stack);
  const quota = structuredClone(new QuotaExceededError("q", { quota: 1, requested: 2 }));
  assert(quota instanceof QuotaExceededError);
  assert.same([quota.quota, quota.requested, quota.message], [1, 2, "q"]);
});

test("Blob and File", async () => {
  const file = new File(["abc"], "n.txt", { type: "text/plain", lastModified: 5 });
  const blob = new Blob(["x", "yz"], { type: "a/b" });
  const copy = structuredClone({ file, list: [blob, blob] });
  assert(copy.file instanceof File);
  assert.same([copy.file.name, copy.file.type, copy.file.lastModified, copy.file.size], ["n.txt", "text/plain", 5, 3]);
  assert.is(await copy.file.text(), "abc");
  assert.is(copy.list[0], copy.list[1]);
  assert(copy.list[0] !== blob);
  assert.is(await copy.list[0].text(), "xyz");
  assert.is(copy.list[0].type, "a/b");
  assert.is(await structuredClone(blob).text(), "xyz");
});

test("buffers are transferred", () => {
  const buffer = new ArrayBuffer(16);
  const view = new Uint8Array(buffer, 4);
  view[0] = 9;
  const copy = structuredClone({ view }, { transfer: [buffer] });
  assert.is(buffer.byteLength, 0);
  assert.is(buffer.detached, true);
  assert.is(copy.view[0], 9);
  assert.is(copy.view.byteOffset, 4);
  const resizable = new ArrayBuffer(4, { maxByteLength: 8 });
  const moved = structuredClone(resizable, { transfer: [resizable] });
  assert.is(moved.maxByteLength, 8);
  assert.is(moved.resizable, true);
});

test("what is transferred whole keeps its class, place and length", () => {
  for (const value of [new Uint8Array([1, 2, 3, 4, 5, 6, 7, 8]).subarray(2, 4), new Float64Array([1.5, 2]), new Uint8ClampedArray(3)]) {
    const { buffer, byteOffset, length } = value;
    const [bytes, whole] = [[...value], buffer.byteLength];
    const moved = structuredClone(value, { transfer: [buffer] });
    assert.is(moved.constructor, value.constructor);
    assert.same([...moved], bytes);
    assert.same([moved.byteOffset, moved.length, moved.buffer.byteLength], [byteOffset, length, whole]);
    assert(buffer.detached && !moved.buffer.detached);
    assert.is(value.length, 0);
  }
  const buffer = new Uint8Array([9, 8]).buffer;
  const moved = structuredClone(buffer, { transfer: [buffer] });
  assert.same([...new Uint8Array(moved)], [9, 8]);
  assert(buffer.detached);
  const view = new DataView(moved, 1);
  const movedView = structuredClone(view, { transfer: [moved] });
  assert.is(movedView.getUint8(0), 8);
  assert(moved.detached);
  assert.throws(() => structuredClone(moved, { transfer: [moved] }), "DataCloneError");
  const other = new ArrayBuffer(1);
  assert.is(structuredClone(new Uint8Array(2), { transfer: [other] }).length, 2);
  assert(other.detached);
  const { buffer: ofWasm } = new WebAssembly.Memory({ initial: 1 });
  assert.throws(() => structuredClone(ofWasm, { transfer: [ofWasm] }), "DataCloneError");
  assert.throws(() => structuredClone(new Uint8Array(ofWasm), { transfer: [ofWasm] }), "DataCloneError");
});

test("a transfer that fails detaches nothing", () => {
  const buffer = new ArrayBuffer(4);
  assert.throws(() => structuredClone(() => {}, { transfer: [buffer] }), "DataCloneError");
  assert.throws(() => structuredClone(null, { transfer: [buffer, buffer] }), "DataCloneError");
  assert.throws(() => structuredClone(null, { transfer: [buffer, {}] }), "DataCloneError");
  const detached = new ArrayBuffer(4);
  structuredClone(null, { transfer: [detached] });
  assert.throws(() => structuredClone(null, { transfer: [buffer, detached] }), "DataCloneError");
  assert.throws(() => structuredClone(detached), "DataCloneError");
  assert.throws(() => structuredClone({ get a() { throw new RangeError(); } }, { transfer: [buffer] }), RangeError);
  assert.throws(() => structuredClone(null, { transfer: 1 }), TypeError);
  assert.is(buffer.byteLength, 4);
});

test("a string repeated beyond memory is an error", () => {
  const text = "x".repeat(1 << 20);
  assert.throws(() => structuredClone(Array(3000).fill(text)), RangeError);
});
