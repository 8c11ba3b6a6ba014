// Web Cryptography, section 10: the Crypto interface's source of randomness. `subtle` is not here yet.

const {
  NumberPrototypeToString, StringPrototypePadStart, TypedArrayPrototypeGetByteLength,
  TypedArrayPrototypeGetSymbolToStringTag, TypeError, Uint8Array,
} = internal.primordials;
const { webidl } = internal;

const key = {};

class Crypto {
  #brand = true;
  constructor(given) {
    if (given !== key) throw new TypeError("Illegal constructor");
  }

  // https://w3c.github.io/webcrypto/#Crypto-method-getRandomValues
  getRandomValues(array) {
    this.#brand;
    webidl.requiredArguments(arguments.length, 1, "Failed to execute 'getRandomValues' on 'Crypto'");
    switch (TypedArrayPrototypeGetSymbolToStringTag(array)) {
      case "Int8Array": case "Uint8Array": case "Uint8ClampedArray": case "Int16Array": case "Uint16Array":
      case "Int32Array": case "Uint32Array": case "BigInt64Array": case "BigUint64Array":
        break;
      default:
        throw new internal.domexception.DOMException("The provided value is not an integer-typed array", "TypeMismatchError");
    }
    const length = TypedArrayPrototypeGetByteLength(array);
    if (length > 65536) {
      throw new internal.domexception.DOMException(
        `The array has ${length} bytes; getRandomValues fills at most 65536`, "QuotaExceededError",
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
}
webidl.configureInterface(Crypto);

internal.expose({ Crypto, crypto: new Crypto(key) });
