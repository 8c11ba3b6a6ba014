// Web Cryptography, section 10: the Crypto interface, its randomness, and what Workers add to it.
//
// Everything else is behind `subtle`, which is a part of its own (subtle.js).

const {
  ArrayBufferIsView, NumberPrototypeToString, StringPrototypePadStart, TypedArrayPrototypeGetByteLength,
  TypedArrayPrototypeGetSymbolToStringTag, Uint8Array,
} = internal.primordials;
const { webidl } = internal;
const { DOMException, QuotaExceededError } = internal.domexception;

const RANDOM_BYTES_MAX = 65536;

class Crypto {
  #brand = true;
  #subtle;
  constructor(key = undefined) {
    if (key !== webidl.constructorKey) webidl.illegalConstructor();
  }

  get subtle() {
    this.#brand;
    return this.#subtle ??= internal.subtle.newSubtleCrypto();
  }

  // https://w3c.github.io/webcrypto/#Crypto-method-getRandomValues
  getRandomValues(array) {
    this.#brand;
    const prefix = "Failed to execute 'getRandomValues' on 'Crypto'";
    webidl.requiredArguments(arguments.length, 1, prefix);
    switch (TypedArrayPrototypeGetSymbolToStringTag(array)) {
      case "Int8Array": case "Uint8Array": case "Uint8ClampedArray": case "Int16Array": case "Uint16Array":
      case "Int32Array": case "Uint32Array": case "BigInt64Array": case "BigUint64Array":
        break;
      default:
        if (!ArrayBufferIsView(array)) webidl.converters.ArrayBufferView(array, prefix, "Argument 1");
        throw new DOMException("The provided value is not an integer-typed array", "TypeMismatchError");
    }
    webidl.converters.ArrayBufferView(array, prefix, "Argument 1");
    const length = TypedArrayPrototypeGetByteLength(array);
    if (length > RANDOM_BYTES_MAX) {
      throw new QuotaExceededError(
        `The array has ${length} bytes; getRandomValues fills at most ${RANDOM_BYTES_MAX}`,
        { __proto__: null, quota: RANDOM_BYTES_MAX, requested: length },
      );
    }
    ops.randomBytes(array);
    return array;
  }

  // https://w3c.github.io/webcrypto/#Crypto-method-randomUUID
  randomUUID() {
    this.#brand;
    const bytes = new Uint8Array(16);
    ops.randomBytes(bytes);
    bytes[6] = (bytes[6] & 0x0f) | 0x40;
    bytes[8] = (bytes[8] & 0x3f) | 0x80;
    let text = "";
    for (let i = 0; i < 16; i++) {
      if (i === 4 || i === 6 || i === 8 || i === 10) text += "-";
      text += StringPrototypePadStart(NumberPrototypeToString(bytes[i], 16), 2, "0");
    }
    return text;
  }

  // https://developers.cloudflare.com/workers/runtime-apis/web-crypto/#timingsafeequal
  timingSafeEqual(a, b) {
    this.#brand;
    return internal.subtle.timingSafeEqual(a, b, arguments.length, "Failed to execute 'timingSafeEqual' on 'Crypto'");
  }

  // The interface itself: `new crypto.DigestStream("SHA-256")`.
  // https://developers.cloudflare.com/workers/runtime-apis/web-crypto/#constructors
  get DigestStream() {
    this.#brand;
    return internal.digestStream.DigestStream;
  }
}
webidl.configureInterface(Crypto);

internal.expose({ Crypto, crypto: new Crypto(webidl.constructorKey) });
