// Parts that are evaluated on first use: nobody can tell, and nothing that goes wrong meanwhile leaves half a part behind.

test("a global that was never touched is a data property like any other", () => {
  for (const name of ["Blob", "URLSearchParams", "ReadableStream"]) {
    const { value, writable, enumerable, configurable } = Object.getOwnPropertyDescriptor(globalThis, name);
    assert.same([typeof value, writable, enumerable, configurable], ["function", true, false, true]);
    assert.is(value === globalThis[name], true);
  }
  const { value, enumerable } = Object.getOwnPropertyDescriptor(globalThis, "atob");
  assert.same([value.name, enumerable], ["atob", true]);
  assert.is(Object.keys(globalThis).includes("performance"), true);
  assert.is("TransformStream" in globalThis, true);
});

test("a global can be replaced and deleted before it was ever read", () => {
  globalThis.FormData = 1;
  assert.is(globalThis.FormData, 1);
  assert.is(delete globalThis.TextDecoderStream, true);
  assert.is("TextDecoderStream" in globalThis, false);
});

test("a part whose evaluation overflowed the stack is evaluated anew, whole", () => {
  let thrown = 0;
  const use = () => {
    crypto.getRandomValues(new Uint8Array(1));
    performance.mark("deep");
  };
  // From the deepest call outwards: at first there is room for nothing, then for some of the work, then for all of it.
  const descend = () => {
    try {
      descend();
    } catch {
      thrown++;
    }
    use();
  };
  try {
    descend();
  } catch {
    thrown++;
  }
  assert.is(thrown > 0, true);
  assert.is(crypto instanceof Crypto, true);
  assert.is(performance.mark("again") instanceof PerformanceMark, true);
  assert.is(performance instanceof EventTarget, true);
  assert.is(performance.getEntriesByName("again").length, 1);
});
