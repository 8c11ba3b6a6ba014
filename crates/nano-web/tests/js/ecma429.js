// ECMA-429, the Minimum Common Web Platform API (2025 snapshot): everything that its API index lists is here and has the shape that its
// standard gives it. Members are as in the interfaces' IDL: attributes "a", operations "a()", statics with "static ".

const interfaces = {
  AbortController: "abort() signal",
  AbortSignal: "static abort() static any() static timeout() aborted reason throwIfAborted() onabort",
  Blob: "arrayBuffer() bytes() size slice() stream() text() type",
  ByteLengthQueuingStrategy: "highWaterMark size",
  CompressionStream: "readable writable",
  CountQueuingStrategy: "highWaterMark size",
  Crypto: "subtle getRandomValues() randomUUID()",
  CryptoKey: "type extractable algorithm usages",
  CustomEvent: "detail initCustomEvent()",
  DecompressionStream: "readable writable",
  DOMException: "name message code",
  ErrorEvent: "message filename lineno colno error",
  Event: "type target srcElement currentTarget composedPath() eventPhase stopPropagation() cancelBubble stopImmediatePropagation() bubbles cancelable returnValue preventDefault() defaultPrevented composed timeStamp initEvent()",
  EventTarget: "addEventListener() removeEventListener() dispatchEvent()",
  File: "name lastModified",
  FormData: "append() delete() get() getAll() has() set() entries() keys() values() forEach()",
  Headers: "append() delete() get() getSetCookie() has() set() entries() keys() values() forEach()",
  MessageChannel: "port1 port2",
  MessageEvent: "data origin lastEventId source ports initMessageEvent()",
  MessagePort: "postMessage() start() close() onmessage onmessageerror",
  Performance: "now() timeOrigin toJSON()",
  PromiseRejectionEvent: "promise reason",
  ReadableByteStreamController: "byobRequest desiredSize close() enqueue() error()",
  ReadableStream: "static from() locked cancel() getReader() pipeThrough() pipeTo() tee() values()",
  ReadableStreamBYOBReader: "closed cancel() read() releaseLock()",
  ReadableStreamBYOBRequest: "view respond() respondWithNewView()",
  ReadableStreamDefaultController: "desiredSize close() enqueue() error()",
  ReadableStreamDefaultReader: "closed cancel() read() releaseLock()",
  Request: "method url headers destination referrer referrerPolicy mode credentials cache redirect integrity keepalive isReloadNavigation isHistoryNavigation signal duplex clone() body bodyUsed arrayBuffer() blob() bytes() formData() json() text()",
  Response: "static error() static redirect() static json() type url redirected status ok statusText headers clone() body bodyUsed arrayBuffer() blob() bytes() formData() json() text()",
  SubtleCrypto: "encrypt() decrypt() sign() verify() digest() generateKey() deriveKey() deriveBits() importKey() exportKey() wrapKey() unwrapKey()",
  TextDecoder: "encoding fatal ignoreBOM decode()",
  TextDecoderStream: "encoding fatal ignoreBOM readable writable",
  TextEncoder: "encoding encode() encodeInto()",
  TextEncoderStream: "encoding readable writable",
  TransformStream: "readable writable",
  TransformStreamDefaultController: "desiredSize enqueue() error() terminate()",
  URL: "static parse() static canParse() href origin protocol username password host hostname port pathname search searchParams hash toJSON()",
  URLPattern: "test() exec() protocol username password hostname port pathname search hash hasRegExpGroups",
  URLSearchParams: "size append() delete() get() getAll() has() set() sort() entries() keys() values() forEach()",
  WritableStream: "locked abort() close() getWriter()",
  WritableStreamDefaultController: "signal error()",
  WritableStreamDefaultWriter: "closed desiredSize ready abort() close() releaseLock() write()",
};

for (const [name, members] of Object.entries(interfaces)) {
  test(name, () => {
    const { value: Class, writable, enumerable, configurable } = Object.getOwnPropertyDescriptor(globalThis, name);
    assert.same([typeof Class, writable, enumerable, configurable, Class.name], ["function", true, false, true, name]);
    assert.is(Class.prototype[Symbol.toStringTag], name);
    assert.is(Class.prototype.constructor, Class);
    let isStatic = false;
    for (const member of members.split(" ")) {
      if (member === "static") {
        isStatic = true;
        continue;
      }
      const operation = member.endsWith("()");
      const key = operation ? member.slice(0, -2) : member;
      const found = Object.getOwnPropertyDescriptor(isStatic ? Class : Class.prototype, key);
      assert(found !== undefined, `${member} is missing`);
      assert(found.enumerable && found.configurable, `${member} is not as Web IDL has it`);
      assert.is(typeof (operation ? found.value : found.get), "function", member);
      if (operation) assert(found.writable, `${member} is not writable`);
      isStatic = false;
    }
  });
}

test("the namespaces and functions of the global object", () => {
  for (const name of [
    "atob", "btoa", "clearTimeout", "clearInterval", "fetch", "queueMicrotask", "reportError", "setTimeout", "setInterval", "structuredClone",
  ]) {
    const { value, writable, enumerable, configurable } = Object.getOwnPropertyDescriptor(globalThis, name);
    assert.same([typeof value, writable, enumerable, configurable, value.name], ["function", true, true, true, name]);
  }
  for (const name of ["console", "crypto", "navigator", "performance"]) assert.is(typeof globalThis[name], "object", name);
  for (const name of ["onerror", "onunhandledrejection", "onrejectionhandled"]) assert.is(globalThis[name], null, name);
  assert.is(self, globalThis);
  assert(crypto instanceof Crypto && performance instanceof Performance && crypto.subtle instanceof SubtleCrypto);
  assert.is(typeof performance.timeOrigin, "number");
  // RFC 7231, section 5.5.3: one product token, with its version
  assert(/^[!#$%&'*+.^_`|~0-9A-Za-z-]+(\/[!#$%&'*+.^_`|~0-9A-Za-z-]+)?$/.test(navigator.userAgent), navigator.userAgent);
});

test("console", () => {
  for (const name of [
    "assert", "clear", "debug", "error", "info", "log", "table", "trace", "warn", "dir", "dirxml", "count", "countReset", "group",
    "groupCollapsed", "groupEnd", "time", "timeLog", "timeEnd",
  ]) {
    assert.is(typeof console[name], "function", name);
    assert(Object.getOwnPropertyDescriptor(console, name).enumerable, name);
  }
  assert.is(console[Symbol.toStringTag], "console");
});

test("WebAssembly", () => {
  for (const name of ["Global", "Instance", "Memory", "Module", "Table", "Tag", "Exception", "CompileError", "LinkError", "RuntimeError"]) {
    assert.is(typeof WebAssembly[name], "function", name);
    assert(!Object.getOwnPropertyDescriptor(WebAssembly, name).enumerable, name);
  }
  for (const name of ["compile", "compileStreaming", "instantiate", "instantiateStreaming", "validate"]) {
    assert.is(typeof WebAssembly[name], "function", name);
  }
  assert(WebAssembly.JSTag instanceof WebAssembly.Tag);
});

test("the global object is an event target, and what nobody handles is told there", async () => {
  const seen = [];
  const listener = (event) => {
    seen[seen.length] = [event.type, event instanceof ErrorEvent ? event.error.message : event.reason];
    event.preventDefault();
  };
  for (const type of ["error", "unhandledrejection"]) addEventListener(type, listener);
  reportError(new Error("reported"));
  Promise.reject("rejected");
  await new Promise((resolve) => setTimeout(resolve, 1));
  for (const type of ["error", "unhandledrejection"]) removeEventListener(type, listener);
  assert.same(seen, [["error", "reported"], ["unhandledrejection", "rejected"]]);
});
