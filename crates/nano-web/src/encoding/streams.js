// TextEncoderStream and TextDecoderStream (Encoding Standard section 7.5-section 7.6): the codecs as transform streams.
//
// Nothing is read of a class that scripts have: a tenant may have patched TransformStream before this file is evaluated.

const { Uint8Array } = internal.primordials;
const {
  StringPrototypeCharCodeAt,
  StringPrototypeSlice,
  TypedArrayPrototypeGetByteLength,
} = internal.primordials;
const webidl = internal.webidl;
const { converters } = webidl;
const { convertDecoderOptions, getEncoding, malformed, viewBytes } = internal.encoding;
const { createTransform, transformEnqueue } = internal.streams;

const isHighSurrogate = (unit) => (unit & 0xfc00) === 0xd800;

class TextDecoderStream {
  #encoding;
  #fatal;
  #ignoreBOM;
  #transform;

  constructor(label = "utf-8", options = undefined) {
    const prefix = "Failed to construct 'TextDecoderStream'";
    label = converters.DOMString(label, prefix, "Argument 1");
    options = convertDecoderOptions(options, prefix, "Argument 2");
    const encoding = this.#encoding = getEncoding(label, prefix);
    this.#fatal = options.fatal;
    this.#ignoreBOM = options.ignoreBOM;
    let decoder = ops.decoderNew(encoding, options.fatal, options.ignoreBOM);

    const decode = (bytes, flush, controller) => {
      const text = ops.decoderDecode(decoder, bytes, flush);
      if (text === undefined) throw malformed(encoding, "TextDecoderStream");
      if (text.length !== 0) transformEnqueue(controller, text);
    };
    this.#transform = createTransform(
      (chunk, controller) => {
        const source = converters.BufferSource(chunk, "TextDecoderStream", "The chunk", {
          __proto__: null, allowShared: true, allowResizable: true,
        });
        decode(viewBytes(source), false, controller);
      },
      (controller) => {
        decode(new Uint8Array(0), true, controller);
        decoder = null;
      },
    );
  }

  get encoding() {
    return this.#encoding;
  }

  get fatal() {
    this.#encoding;
    return this.#fatal;
  }

  get ignoreBOM() {
    this.#encoding;
    return this.#ignoreBOM;
  }

  get readable() {
    return this.#transform.readable;
  }

  get writable() {
    return this.#transform.writable;
  }
}
webidl.configureInterface(TextDecoderStream);

class TextEncoderStream {
  #transform;

  constructor() {
    // A high surrogate at the end of a chunk waits for its other half in the next. section 7.5, "convert code unit to scalar value"
    let pending = "";
    this.#transform = createTransform(
      (chunk, controller) => {
        let text = pending + converters.DOMString(chunk, "TextEncoderStream", "The chunk");
        const end = text.length - 1;
        if (end >= 0 && isHighSurrogate(StringPrototypeCharCodeAt(text, end))) {
          pending = text[end];
          text = StringPrototypeSlice(text, 0, end);
        } else {
          pending = "";
        }
        if (text.length === 0) return;
        const bytes = ops.utf8Encode(text);
        if (TypedArrayPrototypeGetByteLength(bytes) !== 0) transformEnqueue(controller, bytes);
      },
      (controller) => {
        if (pending !== "") transformEnqueue(controller, ops.utf8Encode("\ufffd"));
      },
    );
  }

  get encoding() {
    this.#transform;
    return "utf-8";
  }

  get readable() {
    return this.#transform.readable;
  }

  get writable() {
    return this.#transform.writable;
  }
}
webidl.configureInterface(TextEncoderStream);

internal.expose({ TextDecoderStream, TextEncoderStream });
