// "Normalize an algorithm": Web Cryptography, section 18.4. What a script gives (a name, or an object with a name and members)
// becomes numbers and buffers, in the order and with the errors of the specification.
//
// Which operation takes which algorithm with which members is here, and nothing of what they do.

const {
  Map, MapPrototypeGet, MapPrototypeSet, StringPrototypeCharCodeAt, StringPrototypeToUpperCase, TypeError,
} = internal.primordials;
const { webidl } = internal;
const { converters, isObject, makeException } = webidl;

const enforceRange = { __proto__: null, enforceRange: true };

// An algorithm with what its operation wants to know. Natively, buffers that are undefined are empty.
class Normalized {
  constructor(id) {
    // The algorithm's number; of a digest the hash's.
    this.id = id;
    // A buffer: iv, counter, label, context, salt, publicExponent. And another: additionalData, info.
    this.first = undefined;
    this.second = undefined;
    // Length of a tag, counter, key or salt; iterations.
    this.number = undefined;
    // Number of a hash or a curve.
    this.parameter = undefined;
    // Another CryptoKey.
    this.key = undefined;
  }
}
internal.primordials.hideObjectPrototype(Normalized);

function index(names) {
  const map = new Map();
  for (let i = 0; i < names.length; i++) MapPrototypeSet(map, names[i], i);
  return map;
}

const algorithmIds = index(ops.subtleNames(0));
const hashNames = ops.subtleNames(1);
const hashIds = index(hashNames);
const curveIds = index(ops.subtleNames(2));

// Makes an operation's table of `[names, reader]`: reader(algorithm, normalized, prefix) converts the members. None: there are
// no members. Each name is there as the specification writes it, and in capitals.
function table(rows, ids = algorithmIds) {
  const map = new Map();
  for (let i = 0; i < rows.length; i++) {
    const names = rows[i][0];
    const reader = rows[i][1];
    for (let j = 0; j < names.length; j++) {
      const entry = { __proto__: null, id: MapPrototypeGet(ids, names[j]), name: names[j], reader };
      MapPrototypeSet(map, names[j], entry);
      MapPrototypeSet(map, StringPrototypeToUpperCase(names[j]), entry);
    }
  }
  return map;
}

function find(operation, name) {
  const found = MapPrototypeGet(operation, name);
  if (found !== undefined) return found;
  for (let i = 0; i < name.length; i++) {
    // Letters beyond ASCII whose capitals are within it make no name.
    if (StringPrototypeCharCodeAt(name, i) > 0x7f) return undefined;
  }
  return MapPrototypeGet(operation, StringPrototypeToUpperCase(name));
}

// AlgorithmIdentifier: (object or DOMString)
function convertIdentifier(value, prefix, context) {
  return isObject(value) ? value : converters.DOMString(value, prefix, context);
}

function unsupported(name, prefix) {
  return new internal.domexception.DOMException(
    `${prefix}: ${name} is no algorithm for this operation`, "NotSupportedError",
  );
}

// The name of an object that is an Algorithm dictionary.
function readName(algorithm, prefix) {
  const name = algorithm.name;
  if (name === undefined) {
    throw makeException(TypeError, "has no 'name', which is required.", prefix, "The algorithm");
  }
  return typeof name === "string" ? name : converters.DOMString(name, prefix, "'name' of the algorithm");
}

// section 18.4.4. `algorithm` was converted with convertIdentifier.
function normalize(operation, algorithm, prefix) {
  if (typeof algorithm === "string") {
    const entry = find(operation, algorithm);
    if (entry === undefined) throw unsupported(algorithm, prefix);
    const normalized = new Normalized(entry.id);
    if (entry.reader !== undefined) entry.reader({ __proto__: null, name: algorithm }, normalized, prefix);
    return normalized;
  }
  const name = readName(algorithm, prefix);
  const entry = find(operation, name);
  if (entry === undefined) throw unsupported(name, prefix);
  // The dictionary of this algorithm is converted as a whole, its name once more.
  readName(algorithm, prefix);
  const normalized = new Normalized(entry.id);
  if (entry.reader !== undefined) entry.reader(algorithm, normalized, prefix);
  return normalized;
}

// The number of a hash: a HashAlgorithmIdentifier.
function normalizeHash(algorithm, prefix) {
  const name = typeof algorithm === "string" ? algorithm : readName(algorithm, prefix);
  const entry = find(digest, name);
  if (entry === undefined) throw unsupported(name, prefix);
  if (typeof algorithm !== "string") readName(algorithm, prefix);
  return entry.id;
}

// ---------------------------------------------------------------------------------------------------------------------
// Members, read in the order of the alphabet; of a dictionary that inherits, the inherited ones first.

function missing(member, prefix) {
  return makeException(TypeError, `has no '${member}', which is required.`, prefix, "The algorithm");
}

function required(algorithm, member, convert, prefix, opts) {
  const value = algorithm[member];
  if (value === undefined) throw missing(member, prefix);
  return convert(value, prefix, `'${member}' of the algorithm`, opts);
}

function optional(algorithm, member, convert, prefix, opts) {
  const value = algorithm[member];
  return value === undefined ? undefined : convert(value, prefix, `'${member}' of the algorithm`, opts);
}

const { BufferSource, DOMString, octet } = converters;
const short = converters["unsigned short"];
const long = converters["unsigned long"];

// AesGcmParams, and AeadParams of "Modern Algorithms"
const aead = (algorithm, to, prefix) => {
  to.second = optional(algorithm, "additionalData", BufferSource, prefix);
  to.first = required(algorithm, "iv", BufferSource, prefix);
  to.number = optional(algorithm, "tagLength", octet, prefix, enforceRange);
};
// AesCbcParams
const iv = (algorithm, to, prefix) => {
  to.first = required(algorithm, "iv", BufferSource, prefix);
};
// AesCtrParams
const counter = (algorithm, to, prefix) => {
  to.first = required(algorithm, "counter", BufferSource, prefix);
  to.number = required(algorithm, "length", octet, prefix, enforceRange);
};
// RsaOaepParams
const label = (algorithm, to, prefix) => {
  to.first = optional(algorithm, "label", BufferSource, prefix);
};
// ContextParams
const context = (algorithm, to, prefix) => {
  to.first = optional(algorithm, "context", BufferSource, prefix);
};
// RsaPssParams
const saltLength = (algorithm, to, prefix) => {
  to.parameter = required(algorithm, "saltLength", long, prefix, enforceRange);
};
// EcdsaParams, RsaHashedImportParams
const hash = (algorithm, to, prefix) => {
  to.parameter = normalizeHash(required(algorithm, "hash", convertIdentifier, prefix), prefix);
};
// EcdhKeyDeriveParams
const publicKey = (algorithm, to, prefix) => {
  to.key = required(algorithm, "public", internal.cryptoKeys.convertCryptoKey, prefix);
};
// HkdfParams
const hkdf = (algorithm, to, prefix) => {
  const hash = required(algorithm, "hash", convertIdentifier, prefix);
  to.second = required(algorithm, "info", BufferSource, prefix);
  to.first = required(algorithm, "salt", BufferSource, prefix);
  to.parameter = normalizeHash(hash, prefix);
};
// Pbkdf2Params
const pbkdf2 = (algorithm, to, prefix) => {
  const hash = required(algorithm, "hash", convertIdentifier, prefix);
  to.number = required(algorithm, "iterations", long, prefix, enforceRange);
  to.first = required(algorithm, "salt", BufferSource, prefix);
  to.parameter = normalizeHash(hash, prefix);
};
// RsaHashedKeyGenParams
const rsaKeyGen = (algorithm, to, prefix) => {
  to.number = required(algorithm, "modulusLength", long, prefix, enforceRange);
  to.first = required(algorithm, "publicExponent", converters.Uint8Array, prefix);
  hash(algorithm, to, prefix);
};
// EcKeyGenParams, EcKeyImportParams. A curve that is not known is refused natively, after the usages.
const curve = (algorithm, to, prefix) => {
  to.parameter = MapPrototypeGet(curveIds, required(algorithm, "namedCurve", DOMString, prefix)) ?? -1;
};
// AesKeyGenParams, AesDerivedKeyParams
const aesLength = (algorithm, to, prefix) => {
  to.number = required(algorithm, "length", short, prefix, enforceRange);
};
// HmacKeyGenParams, HmacImportParams
const hmac = (algorithm, to, prefix) => {
  const hash = required(algorithm, "hash", convertIdentifier, prefix);
  to.number = optional(algorithm, "length", long, prefix, enforceRange);
  to.parameter = normalizeHash(hash, prefix);
};

// ---------------------------------------------------------------------------------------------------------------------
// Operations. section 18.2.2

const aes = ["AES-GCM", "AES-CBC", "AES-CTR", "AES-KW"];
const rsa = ["RSASSA-PKCS1-v1_5", "RSA-PSS", "RSA-OAEP"];
const ec = ["ECDSA", "ECDH"];
const okp = ["Ed25519", "X25519"];
const chacha = ["ChaCha20-Poly1305"];
const mlKem = ["ML-KEM-512", "ML-KEM-768", "ML-KEM-1024"];
const mlDsa = ["ML-DSA-44", "ML-DSA-65", "ML-DSA-87"];
const kdf = ["HKDF", "PBKDF2"];

const ciphers = [
  [["AES-GCM"], aead], [["AES-CBC"], iv], [["AES-CTR"], counter], [["RSA-OAEP"], label], [chacha, aead],
];
const digest = table([[hashNames, undefined]], hashIds);
const encrypt = table(ciphers);
const wrapKey = table([[["AES-KW"], undefined], ciphers[0], ciphers[1], ciphers[2], ciphers[3], ciphers[4]]);
const sign = table([
  [["HMAC", "RSASSA-PKCS1-v1_5", "Ed25519"], undefined], [["RSA-PSS"], saltLength], [["ECDSA"], hash], [mlDsa, context],
]);
const deriveBits = table([[["ECDH", "X25519"], publicKey], [["HKDF"], hkdf], [["PBKDF2"], pbkdf2]]);
const generateKey = table([
  [aes, aesLength], [["HMAC"], hmac], [rsa, rsaKeyGen], [ec, curve], [okp, undefined], [chacha, undefined],
  [mlKem, undefined], [mlDsa, undefined],
]);
const importKey = table([
  [aes, undefined], [["HMAC"], hmac], [rsa, hash], [ec, curve], [okp, undefined], [kdf, undefined], [chacha, undefined],
  [mlKem, undefined], [mlDsa, undefined],
]);
const keyLength = table([[aes, aesLength], [["HMAC"], hmac], [kdf, undefined], [chacha, undefined]]);
const encapsulate = table([[mlKem, undefined]]);
// Every algorithm whose keys go out: section 14.3.10 has no parameters for that.
const exportable = table([[aes, undefined], [["HMAC"], undefined], [rsa, undefined], [ec, undefined], [okp, undefined],
  [chacha, undefined], [mlKem, undefined], [mlDsa, undefined]]);

internal.cryptoAlgorithms = {
  __proto__: null, convertIdentifier, deriveBits, digest, encapsulate, encrypt, exportable, find, generateKey, importKey,
  keyLength, normalize, normalizeHash, sign, wrapKey,
};
