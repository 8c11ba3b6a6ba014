// WebAssembly.compileStreaming() and instantiateStreaming(): what becomes of the source that they are given.
// WebAssembly Web API, section 3. V8 has the functions, awaits the source, and compiles the bytes that it is fed here.

const {
  StringPrototypeSlice, StringPrototypeToLowerCase, TypeError, TypedArrayPrototypeGetSymbolToStringTag,
} = internal.primordials;
const { isResponse, responseContentType, responseStatus, responseTakeBody, responseUrl } = internal.fetch;

// Without the white space that HTTP allows around a value.
function trim(text) {
  let start = 0;
  let end = text.length;
  const isBlank = (character) => character === " " || character === "\t" || character === "\r" || character === "\n";
  while (start < end && isBlank(text[start])) start++;
  while (end > start && isBlank(text[end - 1])) end--;
  return StringPrototypeSlice(text, start, end);
}

// section 3, "compile a potential WebAssembly response"
function checkResponse(source) {
  const prefix = "Failed to compile a WebAssembly module from a response";
  if (!isResponse(source)) throw new TypeError(`${prefix}: it is not of type 'Response'.`);
  const type = responseContentType(source);
  if (type === null || StringPrototypeToLowerCase(trim(type)) !== "application/wasm") {
    throw new TypeError(`${prefix}: its Content-Type is ${type === null ? "missing" : `'${type}'`}, not 'application/wasm'.`);
  }
  const status = responseStatus(source);
  if (status < 200 || status > 299) throw new TypeError(`${prefix}: its status is ${status}.`);
}

// V8 has a source, and `id` names the compilation that waits for its bytes.
function stream(source, id) {
  const fail = (reason) => ops.wasmAbort(id, reason);
  try {
    checkResponse(source);
    // null, a string, bytes or a stream; it throws where the body was used or is locked.
    const body = responseTakeBody(source);
    ops.wasmUrl(id, responseUrl(source));
    if (body === null) {
      ops.wasmFinish(id);
      return;
    }
    if (!internal.streams.isReadableStream(body)) {
      ops.wasmBytes(id, typeof body === "string" ? ops.utf8Encode(body) : body);
      ops.wasmFinish(id);
      return;
    }
    internal.streams.readLoop(
      body,
      (chunk) => {
        if (TypedArrayPrototypeGetSymbolToStringTag(chunk) !== "Uint8Array") {
          throw new TypeError("A chunk of the response's body is not a Uint8Array.");
        }
        ops.wasmBytes(id, chunk);
      },
      () => ops.wasmFinish(id),
      fail,
    );
  } catch (error) {
    fail(error);
  }
}

internal.wasm = { __proto__: null, stream };
