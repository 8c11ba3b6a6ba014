// The JsonWebKey dictionary: Web Cryptography, section 15; RFC 7517. From scripts, to scripts, and as JSON for wrapped keys.

const {
  ArrayIsArray, JSONParse, JSONStringify, ObjectDefineProperty, ObjectSetPrototypeOf,
} = internal.primordials;
const { webidl } = internal;
const { converters } = webidl;

const text = (key) => ({ __proto__: null, key, converter: converters.DOMString });

const convertOtherPrimes = webidl.createSequenceConverter(
  webidl.createDictionaryConverter("RsaOtherPrimesInfo", [text("d"), text("r"), text("t")]),
);

const convertJwk = webidl.createDictionaryConverter("JsonWebKey", [
  text("alg"), text("crv"), text("d"), text("dp"), text("dq"), text("e"),
  { __proto__: null, key: "ext", converter: converters.boolean },
  text("k"),
  { __proto__: null, key: "key_ops", converter: converters["sequence<DOMString>"] },
  text("kty"), text("n"),
  { __proto__: null, key: "oth", converter: convertOtherPrimes },
  text("p"), text("priv"), text("pub"), text("q"), text("qi"), text("use"), text("x"), text("y"),
]);

// A JWK of the names and values, in turn, that a native export gives.
function fromList(list) {
  const jwk = {};
  for (let i = 0; i < list.length; i += 2) {
    ObjectDefineProperty(jwk, list[i], {
      __proto__: null, value: list[i + 1], writable: true, enumerable: true, configurable: true,
    });
  }
  return jwk;
}

// Bytes of its JSON, which is ASCII. Nothing of a tenant's is called: a toJSON that it has put on a prototype is not found.
function toBytes(list) {
  const jwk = { __proto__: null };
  for (let i = 0; i < list.length; i += 2) {
    const value = list[i + 1];
    if (ArrayIsArray(value)) ObjectSetPrototypeOf(value, null);
    jwk[list[i]] = value;
  }
  return ops.utf8Encode(JSONStringify(jwk));
}

// "Parse a JWK": section 14.3. In a realm of its own, says the specification: so without what a tenant has put on prototypes.
function parse(bytes, prefix) {
  const text = ops.utf8Decode(bytes, true, false);
  let value;
  try {
    value = JSONParse(text);
  } catch {
    throw new internal.domexception.DOMException(`${prefix}: what was unwrapped is no JSON`, "DataError");
  }
  if (webidl.isObject(value) && !ArrayIsArray(value)) ObjectSetPrototypeOf(value, null);
  const jwk = convertJwk(value, prefix, "The unwrapped key");
  if (jwk.kty === undefined) {
    throw new internal.domexception.DOMException(`${prefix}: the unwrapped key has no kty`, "DataError");
  }
  return jwk;
}

internal.cryptoJwk = { __proto__: null, convertJwk, fromList, parse, toBytes };
