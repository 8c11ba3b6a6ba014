// TextEncoder and TextDecoder (Encoding Standard section 7.1-section 7.4).
//
// The codecs themselves are native; this file holds the interfaces and the state that a decoder keeps between
// calls. Knows nothing of streams.

const { ArrayBufferIsView, TypedArrayPrototypeGetBuffer, TypedArrayPrototypeGetByteOffset, TypedArrayPrototypeGetSymbolToStringTag } = internal.primordials;
const {
  ArrayBufferPrototypeGetDetached,
  ArrayBufferPrototypeSlice,
  DataViewPrototypeGetBuffer,
  DataViewPrototypeGetByteLength,
  DataViewPrototypeGetByteOffset,
  RangeError,
  StringPrototypeCharCodeAt,
  TypeError,
  TypedArrayPrototypeGetByteLength,
  Uint32Array,
  Uint8Array,
} = internal.primordials;
const webidl = internal.webidl;
const { converters } = webidl;

const isTypedArray = (view) => TypedArrayPrototypeGetSymbolToStringTag(view) !== undefined;

const isDetached = (buffer) => webidl.isArrayBuffer(buffer) && ArrayBufferPrototypeGetDetached(buffer);

// The bytes that a BufferSource holds now, as a Uint8Array on the same memory. A detached buffer holds none.
function viewBytes(source) {
  if (!ArrayBufferIsView(source)) return new Uint8Array(isDetached(source) ? 0 : source);
  if (isTypedArray(source)) {
    const length = TypedArrayPrototypeGetByteLength(source);
    if (length === 0) return new Uint8Array(0);
    return new Uint8Array(TypedArrayPrototypeGetBuffer(source), TypedArrayPrototypeGetByteOffset(source), length);
  }
  if (isDetached(DataViewPrototypeGetBuffer(source))) return new Uint8Array(0);
  return new Uint8Array(
    DataViewPrototypeGetBuffer(source),
    DataViewPrototypeGetByteOffset(source),
    DataViewPrototypeGetByteLength(source),
  );
}

// The bytes that a BufferSource holds now, as a Uint8Array of its own. Web IDL section 3.2.25, "get a copy of
// the bytes".
function copyBytes(source) {
  const view = viewBytes(source);
  return new Uint8Array(
    ArrayBufferPrototypeSlice(
      TypedArrayPrototypeGetBuffer(view),
      TypedArrayPrototypeGetByteOffset(view),
      TypedArrayPrototypeGetByteOffset(view) + TypedArrayPrototypeGetByteLength(view),
    ),
  );
}

// UTF-8 decode: a leading byte order mark is dropped, malformed sequences become U+FFFD. Encoding section 6
function utf8Decode(bytes) {
  return ops.utf8Decode(bytes, false, false);
}

// Texts up to this length are tried as ASCII first, in an array that JavaScript makes: the engine does that
// faster than a native function.
const SHORT_MAX = 1024;

// Where the native encodeInto leaves what it read and wrote; made when first needed, once for an isolate.
let progress;

class TextEncoder {
  #brand;

  constructor() {}

  get encoding() {
    this.#brand;
    return "utf-8";
  }

  encode(input = undefined) {
    this.#brand;
    if (input === undefined) return new Uint8Array(0);
    if (typeof input !== "string") {
      input = converters.DOMString(input, "Failed to execute 'encode' on 'TextEncoder'", "Argument 1");
    }
    if (input.length <= SHORT_MAX && (input.length === 0 || StringPrototypeCharCodeAt(input, 0) < 0x80)) {
      const bytes = new Uint8Array(input.length);
      if (ops.asciiInto(input, bytes)) return bytes;
    }
    // The native side replaces lone surrogates as the conversion to USVString would.
    return ops.utf8Encode(input);
  }

  encodeInto(source, destination) {
    this.#brand;
    const prefix = "Failed to execute 'encodeInto' on 'TextEncoder'";
    webidl.requiredArguments(arguments.length, 2, prefix);
    source = converters.USVString(source, prefix, "Argument 1");
    destination = converters.Uint8Array(destination, prefix, "Argument 2", { __proto__: null, allowShared: true });
    progress ??= new Uint32Array(2);
    ops.utf8EncodeInto(source, destination, progress);
    return { read: progress[0], written: progress[1] };
  }
}
webidl.configureInterface(TextEncoder);

const convertDecoderOptions = webidl.createDictionaryConverter("TextDecoderOptions", [
  { __proto__: null, key: "fatal", converter: converters.boolean, defaultValue: false },
  { __proto__: null, key: "ignoreBOM", converter: converters.boolean, defaultValue: false },
]);
const convertDecodeOptions = webidl.createDictionaryConverter("TextDecodeOptions", [
  { __proto__: null, key: "stream", converter: converters.boolean, defaultValue: false },
]);

// "get an encoding" for an API: the name, or a RangeError. Encoding section 4.2, section 7.2
function getEncoding(label, prefix) {
  const name = ops.encodingLabel(label);
  if (name === undefined || name === "replacement") {
    throw new RangeError(`${prefix}: '${label}' is not the label of a supported encoding.`);
  }
  return name;
}

function malformed(encoding, prefix) {
  return new TypeError(`${prefix}: the data is not valid ${encoding}.`);
}

class TextDecoder {
  #encoding = "utf-8";
  #fatal = false;
  #ignoreBOM = false;
  // The native decoder, as long as one has state: between a decode() with { stream: true } and the next
  // without.
  #decoder = null;

  constructor(label = undefined, options = undefined) {
    const prefix = "Failed to construct 'TextDecoder'";
    if (label !== undefined) {
      label = converters.DOMString(label, prefix, "Argument 1");
    }
    if (options !== undefined) {
      options = convertDecoderOptions(options, prefix, "Argument 2");
    }
    if (label !== undefined && label !== "utf-8") this.#encoding = getEncoding(label, prefix);
    if (options !== undefined) {
      this.#fatal = options.fatal;
      this.#ignoreBOM = options.ignoreBOM;
    }
  }

  get encoding() {
    return this.#encoding;
  }

  get fatal() {
    return this.#fatal;
  }

  get ignoreBOM() {
    return this.#ignoreBOM;
  }

  decode(input = undefined, options = undefined) {
    if (
      options === undefined && this.#decoder === null && this.#encoding === "utf-8" &&
      TypedArrayPrototypeGetSymbolToStringTag(input) === "Uint8Array"
    ) {
      const text = ops.utf8Decode(input, this.#ignoreBOM, this.#fatal);
      if (text !== undefined) return text;
      throw malformed("utf-8", "Failed to execute 'decode' on 'TextDecoder'");
    }
    const prefix = "Failed to execute 'decode' on 'TextDecoder'";
    const encoding = this.#encoding;
    if (input !== undefined) {
      input = converters.BufferSource(input, prefix, "Argument 1", {
        __proto__: null, allowShared: true, allowResizable: true,
      });
    }
    const stream = options === undefined ? false : convertDecodeOptions(options, prefix, "Argument 2").stream;
    const bytes = input === undefined ? new Uint8Array(0) : viewBytes(input);

    let text;
    if (!stream && this.#decoder === null && encoding === "utf-8") {
      text = ops.utf8Decode(bytes, this.#ignoreBOM, this.#fatal);
    } else {
      const decoder = this.#decoder ??= ops.decoderNew(encoding, this.#fatal, this.#ignoreBOM);
      if (!stream) this.#decoder = null;
      text = ops.decoderDecode(decoder, bytes, !stream);
    }
    if (text === undefined) {
      // The next chunk starts afresh: the decoder that failed is not used again.
      this.#decoder = null;
      throw malformed(encoding, prefix);
    }
    return text;
  }
}
webidl.configureInterface(TextDecoder);

internal.encoding = {
  __proto__: null,
  convertDecoderOptions,
  copyBytes,
  getEncoding,
  malformed,
  utf8Decode,
  viewBytes,
};
internal.expose({ TextDecoder, TextEncoder });
