// SubtleCrypto: Web Cryptography, section 14, and what "Modern Algorithms in the Web Cryptography API" adds.
//
// Each method converts its arguments, normalizes the algorithm and calls a native function, which checks the
// key and does the work: at once if it is small, so that the promise is settled when the method returns.
// Knows nothing of algorithms.

const {
  ArrayBufferIsView, ArrayPrototypeIndexOf, ObjectPrototypeIsPrototypeOf, PromisePrototype,
  PromisePrototypeThen, PromiseReject, PromiseResolve, TypeError,
} = internal.primordials;
const { webidl } = internal;
const { converters, requiredArguments } = webidl;
const algorithms = internal.cryptoAlgorithms;
const { convertIdentifier, normalize } = algorithms;
const { convertCryptoKey, handleOf, newCryptoKey, usageNames } = internal.cryptoKeys;
const jwks = internal.cryptoJwk;
const { BufferSource } = converters;

const formats = ops.subtleNames(3);
const JWK = ArrayPrototypeIndexOf(formats, "jwk");
const RAW_SECRET = ArrayPrototypeIndexOf(formats, "raw-secret");
const convertFormatName = webidl.createEnumConverter("KeyFormat", formats);
const convertFormat = (value, prefix, context) =>
  ArrayPrototypeIndexOf(formats, convertFormatName(value, prefix, context));

const convertUsageNames = webidl.createSequenceConverter(webidl.createEnumConverter("KeyUsage", usageNames));
// sequence<KeyUsage> as bits.
function convertUsages(value, prefix, context) {
  const names = convertUsageNames(value, prefix, context);
  let bits = 0;
  for (let i = 0; i < names.length; i++) bits |= 1 << ArrayPrototypeIndexOf(usageNames, names[i]);
  return bits;
}
const usage = (name) => 1 << ArrayPrototypeIndexOf(usageNames, name);
const ENCAPSULATE_KEY = usage("encapsulateKey");
const ENCAPSULATE_BITS = usage("encapsulateBits");
const DECAPSULATE_KEY = usage("decapsulateKey");
const DECAPSULATE_BITS = usage("decapsulateBits");

const ENCRYPT = 0;
const DECRYPT = 1;
const WRAP = 2;
const UNWRAP = 3;

const on = (name) => `Failed to execute '${name}' on 'SubtleCrypto'`;
const ENCRYPT_PREFIX = on("encrypt");
const DECRYPT_PREFIX = on("decrypt");
const SIGN_PREFIX = on("sign");
const VERIFY_PREFIX = on("verify");
const DIGEST_PREFIX = on("digest");

// Native functions throw their failures, and return a promise where another thread does the work. That
// promise is V8's own and no script has seen it, so its prototype tells it from other results.
const isPromise = (result) => ObjectPrototypeIsPrototypeOf(PromisePrototype, result);

// A promise for a native result.
function toPromise(result) {
  return isPromise(result) ? result : PromiseResolve(result);
}

// A promise for what `make` makes of a native result.
function toPromiseOf(result, make) {
  return isPromise(result) ? PromisePrototypeThen(result, make) : PromiseResolve(make(result));
}

const makeKey = (list) => newCryptoKey(list, 0);

// A CryptoKey, or a CryptoKeyPair.
function makeKeys(list) {
  if (list.length === 4) return newCryptoKey(list, 0);
  return { publicKey: newCryptoKey(list, 0), privateKey: newCryptoKey(list, 4) };
}

function cipher(direction, algorithm, key, data, prefix) {
  algorithm = convertIdentifier(algorithm, prefix, "Argument 1");
  convertCryptoKey(key, prefix, "Argument 2");
  BufferSource(data, prefix, "Argument 3");
  const to = normalize(algorithms.encrypt, algorithm, prefix);
  return toPromise(ops.subtleCipher(direction, handleOf(key), to.id, to.first, to.second, to.number, data));
}

// Imports a key natively after normalization: the last arguments of several functions.
function importBytes(format, bytes, to, extractable, usages) {
  return ops.subtleImport(format, bytes, to.id, to.parameter, to.number, extractable, usages);
}

function importJwk(jwk, to, extractable, usages) {
  return ops.subtleImportJwk(jwk, to.id, to.parameter, to.number, extractable, usages);
}

// Key data that is no BufferSource and no object is neither of the union's types.
function convertKeyData(value, prefix, context) {
  if (ArrayBufferIsView(value) || webidl.isArrayBuffer(value) || webidl.isSharedArrayBuffer(value)) {
    return { __proto__: null, bytes: BufferSource(value, prefix, context), jwk: undefined };
  }
  return { __proto__: null, bytes: undefined, jwk: jwks.convertJwk(value, prefix, context) };
}

// Checked by deriveBits and deriveKey before anything else of it is looked at.
function deriveArguments(to) {
  return to.key === undefined ? undefined : handleOf(to.key);
}

function timingSafeEqual(a, b, given, prefix) {
  requiredArguments(given, 2, prefix);
  BufferSource(a, prefix, "Argument 1");
  BufferSource(b, prefix, "Argument 2");
  if (byteLength(a) !== byteLength(b)) throw new TypeError(`${prefix}: the buffers have different lengths.`);
  return ops.timingSafeEqual(a, b);
}

const {
  ArrayBufferPrototypeGetByteLength, DataViewPrototypeGetByteLength, TypedArrayPrototypeGetByteLength,
} = internal.primordials;

function byteLength(source) {
  if (!ArrayBufferIsView(source)) return ArrayBufferPrototypeGetByteLength(source);
  return webidl.isDataView(source) ? DataViewPrototypeGetByteLength(source) : TypedArrayPrototypeGetByteLength(source);
}

class SubtleCrypto {
  #brand;

  constructor(key = undefined) {
    if (key !== webidl.constructorKey) webidl.illegalConstructor();
  }

  // section 14.3.1
  encrypt(algorithm, key, data) {
    try {
      this.#brand;
      requiredArguments(arguments.length, 3, ENCRYPT_PREFIX);
      return cipher(ENCRYPT, algorithm, key, data, ENCRYPT_PREFIX);
    } catch (error) {
      return PromiseReject(error);
    }
  }

  // section 14.3.2
  decrypt(algorithm, key, data) {
    try {
      this.#brand;
      requiredArguments(arguments.length, 3, DECRYPT_PREFIX);
      return cipher(DECRYPT, algorithm, key, data, DECRYPT_PREFIX);
    } catch (error) {
      return PromiseReject(error);
    }
  }

  // section 14.3.3
  sign(algorithm, key, data) {
    try {
      this.#brand;
      requiredArguments(arguments.length, 3, SIGN_PREFIX);
      algorithm = convertIdentifier(algorithm, SIGN_PREFIX, "Argument 1");
      convertCryptoKey(key, SIGN_PREFIX, "Argument 2");
      BufferSource(data, SIGN_PREFIX, "Argument 3");
      const to = normalize(algorithms.sign, algorithm, SIGN_PREFIX);
      return toPromise(ops.subtleSign(handleOf(key), to.id, to.parameter, to.first, data));
    } catch (error) {
      return PromiseReject(error);
    }
  }

  // section 14.3.4
  verify(algorithm, key, signature, data) {
    try {
      this.#brand;
      requiredArguments(arguments.length, 4, VERIFY_PREFIX);
      algorithm = convertIdentifier(algorithm, VERIFY_PREFIX, "Argument 1");
      convertCryptoKey(key, VERIFY_PREFIX, "Argument 2");
      BufferSource(signature, VERIFY_PREFIX, "Argument 3");
      BufferSource(data, VERIFY_PREFIX, "Argument 4");
      const to = normalize(algorithms.sign, algorithm, VERIFY_PREFIX);
      return toPromise(ops.subtleVerify(handleOf(key), to.id, to.parameter, to.first, signature, data));
    } catch (error) {
      return PromiseReject(error);
    }
  }

  // section 14.3.5
  digest(algorithm, data) {
    try {
      this.#brand;
      requiredArguments(arguments.length, 2, DIGEST_PREFIX);
      algorithm = convertIdentifier(algorithm, DIGEST_PREFIX, "Argument 1");
      BufferSource(data, DIGEST_PREFIX, "Argument 2");
      return toPromise(ops.subtleDigest(algorithms.normalizeHash(algorithm, DIGEST_PREFIX), data));
    } catch (error) {
      return PromiseReject(error);
    }
  }

  // section 14.3.6
  generateKey(algorithm, extractable, keyUsages) {
    const prefix = on("generateKey");
    try {
      this.#brand;
      requiredArguments(arguments.length, 3, prefix);
      algorithm = convertIdentifier(algorithm, prefix, "Argument 1");
      const usages = convertUsages(keyUsages, prefix, "Argument 3");
      const to = normalize(algorithms.generateKey, algorithm, prefix);
      const made = ops.subtleGenerate(to.id, to.parameter, to.number, to.first, !!extractable, usages);
      return toPromiseOf(made, makeKeys);
    } catch (error) {
      return PromiseReject(error);
    }
  }

  // section 14.3.7
  deriveKey(algorithm, baseKey, derivedKeyType, extractable, keyUsages) {
    const prefix = on("deriveKey");
    try {
      this.#brand;
      requiredArguments(arguments.length, 5, prefix);
      algorithm = convertIdentifier(algorithm, prefix, "Argument 1");
      convertCryptoKey(baseKey, prefix, "Argument 2");
      derivedKeyType = convertIdentifier(derivedKeyType, prefix, "Argument 3");
      const usages = convertUsages(keyUsages, prefix, "Argument 5");
      const to = normalize(algorithms.deriveBits, algorithm, prefix);
      const target = normalize(algorithms.importKey, derivedKeyType, prefix);
      const length = normalize(algorithms.keyLength, derivedKeyType, prefix);
      const made = ops.subtleDerive(
        handleOf(baseKey), to.id, deriveArguments(to), to.parameter, to.first, to.second, to.number, undefined,
        target.id, target.parameter, length.number, !!extractable, usages,
      );
      return toPromiseOf(made, makeKey);
    } catch (error) {
      return PromiseReject(error);
    }
  }

  // section 14.3.8
  deriveBits(algorithm, baseKey, length = null) {
    const prefix = on("deriveBits");
    try {
      this.#brand;
      requiredArguments(arguments.length, 2, prefix);
      algorithm = convertIdentifier(algorithm, prefix, "Argument 1");
      convertCryptoKey(baseKey, prefix, "Argument 2");
      const bits = length === null || length === undefined
        ? undefined
        : converters["unsigned long"](length, prefix, "Argument 3");
      const to = normalize(algorithms.deriveBits, algorithm, prefix);
      return toPromise(ops.subtleDerive(
        handleOf(baseKey), to.id, deriveArguments(to), to.parameter, to.first, to.second, to.number, bits,
      ));
    } catch (error) {
      return PromiseReject(error);
    }
  }

  // section 14.3.9
  importKey(format, keyData, algorithm, extractable, keyUsages) {
    const prefix = on("importKey");
    try {
      this.#brand;
      requiredArguments(arguments.length, 5, prefix);
      format = convertFormat(format, prefix, "Argument 1");
      const { bytes, jwk } = convertKeyData(keyData, prefix, "Argument 2");
      algorithm = convertIdentifier(algorithm, prefix, "Argument 3");
      const usages = convertUsages(keyUsages, prefix, "Argument 5");
      const to = normalize(algorithms.importKey, algorithm, prefix);
      if (format === JWK) {
        if (jwk === undefined) throw new TypeError(`${prefix}: Argument 2 is not a JsonWebKey, as the format says.`);
        return toPromiseOf(importJwk(jwk, to, !!extractable, usages), makeKey);
      }
      if (bytes === undefined) throw new TypeError(`${prefix}: Argument 2 is not a BufferSource, as the format says.`);
      return toPromiseOf(importBytes(format, bytes, to, !!extractable, usages), makeKey);
    } catch (error) {
      return PromiseReject(error);
    }
  }

  // section 14.3.10
  exportKey(format, key) {
    const prefix = on("exportKey");
    try {
      this.#brand;
      requiredArguments(arguments.length, 2, prefix);
      format = convertFormat(format, prefix, "Argument 1");
      convertCryptoKey(key, prefix, "Argument 2");
      const made = ops.subtleExport(format, handleOf(key));
      return PromiseResolve(format === JWK ? jwks.fromList(made) : made);
    } catch (error) {
      return PromiseReject(error);
    }
  }

  // section 14.3.11
  wrapKey(format, key, wrappingKey, wrapAlgorithm) {
    const prefix = on("wrapKey");
    try {
      this.#brand;
      requiredArguments(arguments.length, 4, prefix);
      format = convertFormat(format, prefix, "Argument 1");
      convertCryptoKey(key, prefix, "Argument 2");
      convertCryptoKey(wrappingKey, prefix, "Argument 3");
      wrapAlgorithm = convertIdentifier(wrapAlgorithm, prefix, "Argument 4");
      const to = normalize(algorithms.wrapKey, wrapAlgorithm, prefix);
      ops.subtleCheckWrap(handleOf(wrappingKey), to.id, false);
      const exported = ops.subtleExport(format, handleOf(key));
      const bytes = format === JWK ? jwks.toBytes(exported) : exported;
      return toPromise(ops.subtleCipher(WRAP, handleOf(wrappingKey), to.id, to.first, to.second, to.number, bytes));
    } catch (error) {
      return PromiseReject(error);
    }
  }

  // section 14.3.12
  unwrapKey(format, wrappedKey, unwrappingKey, unwrapAlgorithm, unwrappedKeyAlgorithm, extractable, keyUsages) {
    const prefix = on("unwrapKey");
    try {
      this.#brand;
      requiredArguments(arguments.length, 7, prefix);
      format = convertFormat(format, prefix, "Argument 1");
      BufferSource(wrappedKey, prefix, "Argument 2");
      convertCryptoKey(unwrappingKey, prefix, "Argument 3");
      unwrapAlgorithm = convertIdentifier(unwrapAlgorithm, prefix, "Argument 4");
      unwrappedKeyAlgorithm = convertIdentifier(unwrappedKeyAlgorithm, prefix, "Argument 5");
      extractable = !!extractable;
      const usages = convertUsages(keyUsages, prefix, "Argument 7");
      const to = normalize(algorithms.wrapKey, unwrapAlgorithm, prefix);
      const target = normalize(algorithms.importKey, unwrappedKeyAlgorithm, prefix);
      const bytes = ops.subtleCipher(
        UNWRAP, handleOf(unwrappingKey), to.id, to.first, to.second, to.number, wrappedKey,
      );
      return toPromiseOf(bytes, (bytes) => {
        const made = format === JWK
          ? importJwk(jwks.parse(bytes, prefix), target, extractable, usages)
          : importBytes(format, bytes, target, extractable, usages);
        return makeKey(made);
      });
    } catch (error) {
      return PromiseReject(error);
    }
  }

  // "Modern Algorithms": encapsulateKey
  encapsulateKey(encapsulationAlgorithm, encapsulationKey, sharedKeyAlgorithm, extractable, keyUsages) {
    const prefix = on("encapsulateKey");
    try {
      this.#brand;
      requiredArguments(arguments.length, 5, prefix);
      const algorithm = convertIdentifier(encapsulationAlgorithm, prefix, "Argument 1");
      convertCryptoKey(encapsulationKey, prefix, "Argument 2");
      sharedKeyAlgorithm = convertIdentifier(sharedKeyAlgorithm, prefix, "Argument 3");
      const usages = convertUsages(keyUsages, prefix, "Argument 5");
      const to = normalize(algorithms.encapsulate, algorithm, prefix);
      const target = normalize(algorithms.importKey, sharedKeyAlgorithm, prefix);
      const made = ops.subtleEncapsulate(handleOf(encapsulationKey), ENCAPSULATE_KEY, to.id);
      const key = importBytes(RAW_SECRET, made[0], target, !!extractable, usages);
      return PromiseResolve({ sharedKey: makeKey(key), ciphertext: made[1] });
    } catch (error) {
      return PromiseReject(error);
    }
  }

  // "Modern Algorithms": encapsulateBits
  encapsulateBits(encapsulationAlgorithm, encapsulationKey) {
    const prefix = on("encapsulateBits");
    try {
      this.#brand;
      requiredArguments(arguments.length, 2, prefix);
      const algorithm = convertIdentifier(encapsulationAlgorithm, prefix, "Argument 1");
      convertCryptoKey(encapsulationKey, prefix, "Argument 2");
      const to = normalize(algorithms.encapsulate, algorithm, prefix);
      const made = ops.subtleEncapsulate(handleOf(encapsulationKey), ENCAPSULATE_BITS, to.id);
      return PromiseResolve({ sharedKey: made[0], ciphertext: made[1] });
    } catch (error) {
      return PromiseReject(error);
    }
  }

  // "Modern Algorithms": decapsulateKey
  decapsulateKey(decapsulationAlgorithm, decapsulationKey, ciphertext, sharedKeyAlgorithm, extractable, keyUsages) {
    const prefix = on("decapsulateKey");
    try {
      this.#brand;
      requiredArguments(arguments.length, 6, prefix);
      const algorithm = convertIdentifier(decapsulationAlgorithm, prefix, "Argument 1");
      convertCryptoKey(decapsulationKey, prefix, "Argument 2");
      BufferSource(ciphertext, prefix, "Argument 3");
      sharedKeyAlgorithm = convertIdentifier(sharedKeyAlgorithm, prefix, "Argument 4");
      const usages = convertUsages(keyUsages, prefix, "Argument 6");
      const to = normalize(algorithms.encapsulate, algorithm, prefix);
      const target = normalize(algorithms.importKey, sharedKeyAlgorithm, prefix);
      const bits = ops.subtleDecapsulate(handleOf(decapsulationKey), DECAPSULATE_KEY, to.id, ciphertext);
      return PromiseResolve(makeKey(importBytes(RAW_SECRET, bits, target, !!extractable, usages)));
    } catch (error) {
      return PromiseReject(error);
    }
  }

  // "Modern Algorithms": decapsulateBits
  decapsulateBits(decapsulationAlgorithm, decapsulationKey, ciphertext) {
    const prefix = on("decapsulateBits");
    try {
      this.#brand;
      requiredArguments(arguments.length, 3, prefix);
      const algorithm = convertIdentifier(decapsulationAlgorithm, prefix, "Argument 1");
      convertCryptoKey(decapsulationKey, prefix, "Argument 2");
      BufferSource(ciphertext, prefix, "Argument 3");
      const to = normalize(algorithms.encapsulate, algorithm, prefix);
      return toPromise(ops.subtleDecapsulate(handleOf(decapsulationKey), DECAPSULATE_BITS, to.id, ciphertext));
    } catch (error) {
      return PromiseReject(error);
    }
  }

  // "Modern Algorithms": getPublicKey
  getPublicKey(key, keyUsages) {
    const prefix = on("getPublicKey");
    try {
      this.#brand;
      requiredArguments(arguments.length, 2, prefix);
      convertCryptoKey(key, prefix, "Argument 1");
      const usages = convertUsages(keyUsages, prefix, "Argument 2");
      return toPromiseOf(ops.subtlePublicKey(handleOf(key), usages), makeKey);
    } catch (error) {
      return PromiseReject(error);
    }
  }

  // "Modern Algorithms": supports. Whether an operation with these parameters would get as far as the key.
  static supports(operation, algorithm, lengthOrAdditionalAlgorithm = null) {
    const prefix = on("supports");
    requiredArguments(arguments.length, 2, prefix);
    operation = converters.DOMString(operation, prefix, "Argument 1");
    algorithm = convertIdentifier(algorithm, prefix, "Argument 2");
    const table = operationTables[operation];
    if (table === undefined) return false;
    try {
      normalize(algorithms[table], algorithm, prefix);
      if (additionalTables[operation] !== undefined && lengthOrAdditionalAlgorithm !== null) {
        const additional = convertIdentifier(lengthOrAdditionalAlgorithm, prefix, "Argument 3");
        normalize(algorithms[additionalTables[operation]], additional, prefix);
      }
      return true;
    } catch {
      return false;
    }
  }

  // https://developers.cloudflare.com/workers/runtime-apis/web-crypto/#timingsafeequal
  timingSafeEqual(a, b) {
    this.#brand;
    return timingSafeEqual(a, b, arguments.length, on("timingSafeEqual"));
  }
}
webidl.configureInterface(SubtleCrypto);

// Which table says what an operation takes, and its second algorithm.
const operationTables = {
  __proto__: null,
  encrypt: "encrypt", decrypt: "encrypt", sign: "sign", verify: "sign", digest: "digest", generateKey: "generateKey",
  deriveKey: "deriveBits", deriveBits: "deriveBits", importKey: "importKey", exportKey: "exportable", wrapKey: "wrapKey",
  unwrapKey: "wrapKey", encapsulateKey: "encapsulate", encapsulateBits: "encapsulate", decapsulateKey: "encapsulate",
  decapsulateBits: "encapsulate",
};
const additionalTables = {
  __proto__: null,
  deriveKey: "keyLength", wrapKey: "exportable", unwrapKey: "importKey", encapsulateKey: "importKey",
  decapsulateKey: "importKey",
};

const newSubtleCrypto = () => new SubtleCrypto(webidl.constructorKey);

internal.subtle = { __proto__: null, newSubtleCrypto, timingSafeEqual };
internal.expose({ SubtleCrypto });
