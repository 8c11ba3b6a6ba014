// Web IDL as the platform's own classes show it, and DOMException.

const classes = [
  "AbortController", "AbortSignal", "Blob", "ByteLengthQueuingStrategy", "CountQueuingStrategy", "CustomEvent", "DOMException",
  "ErrorEvent", "Event", "EventTarget", "File", "FormData", "Headers", "PromiseRejectionEvent", "ReadableByteStreamController",
  "ReadableStream", "ReadableStreamBYOBReader", "ReadableStreamBYOBRequest", "ReadableStreamDefaultController",
  "ReadableStreamDefaultReader", "Request", "Response", "TextDecoder", "TextDecoderStream", "TextEncoder", "TextEncoderStream",
  "TransformStream", "TransformStreamDefaultController", "URL", "URLSearchParams", "WritableStream",
  "WritableStreamDefaultController", "WritableStreamDefaultWriter",
];

for (const name of classes) {
  test(`interface ${name}`, () => {
    const descriptor = Object.getOwnPropertyDescriptor(globalThis, name);
    assert.same([descriptor.writable, descriptor.enumerable, descriptor.configurable], [true, false, true]);
    const Class = descriptor.value;
    assert.is(Class.name, name);
    assert.is(Class.prototype[Symbol.toStringTag], name);
    assert.throws(() => Class(), TypeError);
    const prototype = Object.getOwnPropertyDescriptor(Class, "prototype");
    assert.is(prototype.writable, false);
    // Operations and attributes are enumerable, and want their own kind of `this`.
    for (const key of Object.getOwnPropertyNames(Class.prototype)) {
      if (key === "constructor") continue;
      const member = Object.getOwnPropertyDescriptor(Class.prototype, key);
      assert(member.enumerable, `${name}.${key} is not enumerable`);
      if (member.get) {
        let error;
        try {
          const result = member.get.call({});
          // Promises of attributes are rejected instead.
          if (result instanceof Promise) result.catch(() => {});
          else error = "none";
        } catch (thrown) {
          error = thrown.name;
        }
        assert(error !== "none", `${name}.${key} does not look at its receiver`);
      }
    }
  });
}

for (const name of ["atob", "btoa", "clearInterval", "clearTimeout", "queueMicrotask", "reportError", "setInterval", "setTimeout"]) {
  test(`operation ${name}`, () => {
    const descriptor = Object.getOwnPropertyDescriptor(globalThis, name);
    assert.same([descriptor.writable, descriptor.enumerable, descriptor.configurable], [true, true, true]);
    assert.is(typeof descriptor.value, "function");
  });
}

test("nothing of the platform's inside is on the global object", () => {
  for (const name of ["internal", "ops", "primordials", "nano", "Deno", "process", "require"]) assert.is(typeof globalThis[name], "undefined", name);
});

test("self", () => assert.is(self, globalThis));

test("DOMException", () => {
  const error = new DOMException("message", "AbortError");
  assert.is(error.name, "AbortError");
  assert.is(error.message, "message");
  assert.is(error.code, 20);
  assert.is(DOMException.ABORT_ERR, 20);
  assert.is(error.ABORT_ERR, 20);
  assert(error instanceof Error);
  assert.is(String(error), "AbortError: message");
  assert(error.stack.includes("infra.js"), error.stack);
  assert.is(new DOMException().name, "Error");
  assert.is(new DOMException("", "Nonsense").code, 0);
  assert.throws(() => DOMException.prototype.name, TypeError);
});

test("a DOMException's stack begins where it was made, and says its name and message", () => {
  const make = () => new DOMException("message", "AbortError");
  const lines = make().stack.split("\n");
  assert.is(lines[0], "AbortError: message");
  assert(lines[1].includes("at make (") && lines[1].includes("infra.js"), lines[1]);
  class Derived extends DOMException {}
  const makeDerived = () => new Derived("other", "DataError");
  const derived = makeDerived();
  assert(derived instanceof Derived && derived.stack.startsWith("DataError: other\n"), derived.stack);
  assert(derived.stack.split("\n")[1].includes("at makeDerived ("), derived.stack);
  assert.same(Object.getOwnPropertyNames(derived), ["stack"]);
  assert.is(Object.getPrototypeOf(Reflect.construct(DOMException, [], Array)), Array.prototype);
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 0;
  assert.is(new DOMException("m", "N").stack, "N: m");
  Error.stackTraceLimit = limit;
});

// Where hostile.js has not replaced them: the language's own functions, some of which the platform stands before.
if (globalThis.trespasses === undefined) {
  for (const [object, names] of [
    [JSON, ["parse", "stringify"]],
    [globalThis, ["decodeURI", "decodeURIComponent", "encodeURI", "encodeURIComponent", "escape", "unescape"]],
    [String.prototype, ["localeCompare", "normalize", "slice"]],
    [Object.getPrototypeOf(Uint8Array.prototype), ["copyWithin", "fill", "includes", "indexOf", "lastIndexOf", "slice"]],
    [Function.prototype, ["toString", "call"]],
  ]) {
    for (const name of names) {
      test(`${name} is the language's own to look at`, () => {
        const { value: f, writable, enumerable, configurable } = Object.getOwnPropertyDescriptor(object, name);
        assert.same([writable, enumerable, configurable], [true, false, true]);
        assert.is(f.toString(), `function ${name}() { [native code] }`);
        assert.is(`${f}`, f.toString());
        assert.is(Function.prototype.toString.call(f), f.toString());
        assert.same(Object.getOwnPropertyNames(f).sort(), ["length", "name"]);
        assert.is(f.name, name);
        assert.throws(() => new f(), TypeError);
      });
    }
  }

  test("Function.prototype.toString of everything else", () => {
    assert.is((function f() { return 1; }).toString(), "function f() { return 1; }");
    assert.is(Function.prototype.toString.call(class A {}), "class A {}");
    for (const value of [undefined, null, {}, "f", 1]) assert.throws(() => Function.prototype.toString.call(value), TypeError);
  });
}

// Conversions, each by a call that uses it.
const conversions = [
  ["USVString", () => new URLSearchParams([["\ud800", "1"]]).toString(), "%EF%BF%BD=1"],
  ["DOMString of an object", () => new Event({ toString: () => "type" }).type, "type"],
  ["boolean", () => new Event("a", { cancelable: "yes" }).cancelable, true],
  ["a dictionary that is null", () => new Event("a", null).bubbles, false],
  ["unrestricted double", () => new CountQueuingStrategy({ highWaterMark: "2" }).highWaterMark, 2],
  ["unsigned short", () => new Response(null, { status: "200.9" }).status, 200],
  ["a record", () => [...new Headers({ b: 1, a: 2 })].join("|"), "a,2|b,1"],
  ["a sequence", () => [...new Headers(new Set([["b", 1]]))].join("|"), "b,1"],
];
for (const [name, run, expected] of conversions) test(`conversion: ${name}`, () => assert.is(run(), expected));

const refusals = [
  ["a Symbol is no string", () => new Event(Symbol())],
  ["a dictionary is an object", () => new Event("a", 1)],
  ["a pair has two", () => new Headers([["a"]])],
  ["too few arguments", () => new URL()],
  ["an enumeration", () => new Request("http://a/", { redirect: "sometimes" })],
  ["an interface", () => new Request("http://a/", { signal: {} })],
  ["a ByteString", () => new Headers([["a", "\u0100"]])],
  ["a buffer", () => new TextDecoder().decode("text")],
  ["a callback", () => queueMicrotask(1)],
];
for (const [name, run] of refusals) test(`refused: ${name}`, () => assert.throws(run, TypeError));
