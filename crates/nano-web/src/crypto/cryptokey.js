// CryptoKey: Web Cryptography, section 13. The key itself is native, under a number that nobody else knows.
//
// Knows nothing of algorithms but how `algorithm` describes them.

const { ArrayIsArray, ArrayPrototypePush, Uint8Array } = internal.primordials;
const { webidl } = internal;

const types = ["secret", "public", "private"];
const usageNames = ops.subtleNames(4);

let handleOf;
let isCryptoKey;

class CryptoKey {
  #handle;
  #type;
  #extractable;
  #usages;
  // Made when they are first read; the same objects from then on. section 13.4
  #algorithm = null;
  #usageList = null;

  constructor(key = undefined, handle = undefined, type = undefined, extractable = undefined, usages = undefined) {
    if (key !== webidl.constructorKey) webidl.illegalConstructor();
    this.#handle = handle;
    this.#type = type;
    this.#extractable = extractable;
    this.#usages = usages;
    ops.subtleKeep(this, handle);
  }

  get type() {
    return types[this.#type];
  }

  get extractable() {
    return this.#extractable;
  }

  get algorithm() {
    return this.#algorithm ??= describe(this.#handle);
  }

  get usages() {
    return this.#usageList ??= namesOfUsages(this.#usages);
  }

  static {
    handleOf = (key) => key.#handle;
    isCryptoKey = (value) => webidl.isObject(value) && #handle in value;
  }
}
webidl.configureInterface(CryptoKey);

// A KeyAlgorithm dictionary of what the native side says of a key.
function describe(handle) {
  const list = ops.subtleDescribe(handle);
  const length = list[1];
  const hash = list[2];
  const curve = list[3];
  const exponent = list[4];
  const name = list[0];
  if (exponent !== undefined) {
    return { name, modulusLength: length, publicExponent: new Uint8Array(exponent), hash: { name: hash } };
  }
  if (hash !== undefined) return { name, hash: { name: hash }, length };
  if (length !== undefined) return { name, length };
  if (curve !== undefined) return { name, namedCurve: curve };
  return { name };
}

function namesOfUsages(bits) {
  const names = [];
  for (let i = 0; i < usageNames.length; i++) {
    if (bits & (1 << i)) ArrayPrototypePush(names, usageNames[i]);
  }
  return names;
}

// The key at a place of a native result, which has four values for each key.
const newCryptoKey = (list, at) =>
  new CryptoKey(webidl.constructorKey, list[at], list[at + 1], list[at + 2], list[at + 3]);

const convertCryptoKey = webidl.createInterfaceConverter("CryptoKey", isCryptoKey);

// ---------------------------------------------------------------------------------------------------------------------
// Structured clone: section 13.6

// A clone in this isolate: the same key.
const clone = (key) => newCryptoKey(ops.subtleClone(handleOf(key)), 0);

// A value that a key elsewhere is made of; it holds the material, extractable or not.
function serialize(key) {
  try {
    return ops.subtleSerialize(handleOf(key));
  } catch (error) {
    const { DOMException, getState, isDOMException } = internal.domexception;
    throw isDOMException(error) ? new DOMException(getState(error).message, "DataCloneError") : error;
  }
}

// The key of such a value; undefined if it is none (it may come from storage).
function deserialize(value) {
  if (!ArrayIsArray(value) || value.length !== 7) return undefined;
  if (!webidl.isArrayBuffer(value[1])) return undefined;
  let made;
  try {
    made = ops.subtleImport(value[0], value[1], value[2], value[3], value[4], value[5], value[6]);
  } catch {
    return undefined;
  }
  return newCryptoKey(made, 0);
}

internal.cryptoKeys = {
  __proto__: null, CryptoKey, convertCryptoKey, handleOf, isCryptoKey, newCryptoKey, usageNames,
};
internal.hooks.cryptoKeyClone = { __proto__: null, is: isCryptoKey, clone, serialize, deserialize };
internal.expose({ CryptoKey });
