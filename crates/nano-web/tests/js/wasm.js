// WebAssembly.compileStreaming() and instantiateStreaming(), and navigator.

const add = bytes(
  0, 97, 115, 109, 1, 0, 0, 0, 1, 7, 1, 96, 2, 127, 127, 1, 127, 3, 2, 1, 0, 7, 7, 1, 3, 97, 100, 100, 0, 0, 10, 9, 1, 7,
  0, 32, 0, 32, 1, 106, 11,
);
const response = (body, type = "application/wasm", init = {}) =>
  new Response(body, { ...init, headers: type === null ? {} : { "content-type": type } });

test("the functions are there", () => {
  assert.is(typeof WebAssembly.compileStreaming, "function");
  assert.is(typeof WebAssembly.instantiateStreaming, "function");
});

test("what is no response of WebAssembly", async () => {
  await assert.rejects(WebAssembly.compileStreaming(add), TypeError);
  await assert.rejects(WebAssembly.compileStreaming(response(add, null)), TypeError);
  await assert.rejects(WebAssembly.compileStreaming(response(add, "application/wasm;x=y")), TypeError);
  await assert.rejects(WebAssembly.compileStreaming(response(add, undefined, { status: 404 })), TypeError);
  await assert.rejects(WebAssembly.compileStreaming(Promise.reject(new RangeError())), RangeError);
  const used = response(add);
  await used.text();
  await assert.rejects(WebAssembly.compileStreaming(used), TypeError);
  await assert.rejects(WebAssembly.compileStreaming(response(streamOf(add.slice(0, 8), "text"))), TypeError);
  const failing = new ReadableStream({ pull(controller) { controller.error(new SyntaxError("on purpose")); } });
  await assert.rejects(WebAssembly.instantiateStreaming(response(failing)), SyntaxError);
});

test("navigator", () => {
  assert(/^NANO\/\d+\.\d+$/.test(navigator.userAgent), navigator.userAgent);
  assert(navigator.hardwareConcurrency >= 1);
  assert(navigator instanceof Navigator);
  assert.throws(() => new Navigator(), TypeError);
});
