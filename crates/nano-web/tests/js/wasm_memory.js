// WebAssembly as V8 has it, with memories that count against the isolate (10 MiB here: PURSE_BYTES of it.rs).

const PAGE = 65536;
const header = [0, 97, 115, 109, 1, 0, 0, 0];
// (module (memory (export "m") 1) (func (export "grow") (param i32) (result i32) local.get 0 memory.grow))
const growing = new Uint8Array([
  ...header, 1, 6, 1, 96, 1, 127, 1, 127, 3, 2, 1, 0, 5, 3, 1, 0, 1, 7, 12, 2, 1, 109, 2, 0, 4, 103, 114, 111, 119, 0, 0,
  10, 8, 1, 6, 0, 32, 0, 64, 0, 11,
]);
// The same without the export of the memory.
const hiding = new Uint8Array([
  ...header, 1, 6, 1, 96, 1, 127, 1, 127, 3, 2, 1, 0, 5, 3, 1, 0, 1, 7, 8, 1, 4, 103, 114, 111, 119, 0, 0,
  10, 8, 1, 6, 0, 32, 0, 64, 0, 11,
]);

test("the namespace is as its standard has it", () => {
  const descriptor = Object.getOwnPropertyDescriptor(globalThis, "WebAssembly");
  assert.same([descriptor.writable, descriptor.enumerable, descriptor.configurable], [true, false, true]);
  assert.is(String(WebAssembly), "[object WebAssembly]");
  for (const name of ["Memory", "Instance", "Module", "Table", "Global"]) {
    const { value, writable, enumerable, configurable } = Object.getOwnPropertyDescriptor(WebAssembly, name);
    assert.same([value.name, value.length, writable, enumerable, configurable], [name, 1, true, false, true]);
    assert.is(value.prototype.constructor, value);
    assert.is(Object.getOwnPropertyDescriptor(value, "prototype").writable, false);
    assert.throws(() => value(), TypeError);
  }
  const { value, enumerable } = Object.getOwnPropertyDescriptor(WebAssembly, "instantiate");
  assert.same([value.name, value.length, enumerable], ["instantiate", 1, true]);
  assert.throws(() => new WebAssembly.Memory(), TypeError);
  assert.throws(() => new WebAssembly.instantiate(), TypeError);
});

test("memories and instances work", async () => {
  class Mine extends WebAssembly.Memory {}
  const memory = new Mine({ initial: 1, maximum: 3 });
  assert(memory instanceof Mine && memory instanceof WebAssembly.Memory);
  assert.is(memory.buffer.byteLength, PAGE);
  assert.is(memory.grow(1), 1);
  assert.is(memory.buffer.byteLength, 2 * PAGE);
  assert.throws(() => memory.grow(2), RangeError);
  assert.throws(() => memory.grow(-1), TypeError);
  const { module, instance } = await WebAssembly.instantiate(growing);
  assert(module instanceof WebAssembly.Module && instance instanceof WebAssembly.Instance);
  assert.is(instance.exports.grow(2), 1);
  assert.is(instance.exports.m.buffer.byteLength, 3 * PAGE);
  assert((await WebAssembly.instantiate(module)) instanceof WebAssembly.Instance);
  await assert.rejects(WebAssembly.instantiate(new Uint8Array(4)), WebAssembly.CompileError);
  await assert.rejects(WebAssembly.instantiate(1), TypeError);
});

test("a memory that a script makes or grows is counted", () => {
  assert.throws(() => new WebAssembly.Memory({ initial: 200 }), RangeError);
  const memory = new WebAssembly.Memory({ initial: 50 });
  assert.throws(() => memory.grow(200), RangeError);
  assert.is(memory.grow(10), 50);
  assert.throws(() => new WebAssembly.Memory({ initial: 130 }), RangeError);
});

test("memories that nobody has any more give room to others", () => {
  for (let i = 0; i < 100; i++) new WebAssembly.Memory({ initial: 20 }).buffer;
});

test("a memory's buffer counts without the memory", () => {
  const kept = [];
  assert.throws(() => {
    for (let i = 0; i < 100; i++) kept.push(new WebAssembly.Memory({ initial: 20 }).buffer);
  }, RangeError);
  assert(kept.length > 2 && kept.length < 9, `kept ${kept.length}`);
});

test("a memory that an instance hides has a maximum, and counts whole", () => {
  // 16 MiB are more than there is.
  assert.throws(() => new WebAssembly.Instance(new WebAssembly.Module(hiding)), RangeError);
  // With a maximum of two pages.
  const bounded = Uint8Array.from([...hiding.slice(0, 20), 5, 4, 1, 1, 1, 2, ...hiding.slice(25)]);
  const { grow } = new WebAssembly.Instance(new WebAssembly.Module(bounded)).exports;
  assert.same([grow(1), grow(1)], [1, -1]);
});
