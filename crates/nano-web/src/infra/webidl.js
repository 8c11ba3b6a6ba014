// Web IDL: conversion of ECMAScript values to IDL types. Web IDL section 3.2
//
// A converter is a function `(value, prefix, context, opts) -> IDL value`. `prefix` says what was being done
// ("Failed to execute 'append' on 'Headers'"), `context` which value it is about ("Argument 1"); both are
// only for messages. `opts` carries extended attributes: enforceRange, clamp, allowShared, allowResizable,
// legacyNullToEmptyString. Converters are called in the order in which the standard converts arguments, and
// throw at the moment it says. Knows nothing of any particular interface.

const { PromisePrototypeThen } = internal.primordials;
const { Array, PromiseReject } = internal.primordials;
const {
  ArrayBufferIsView,
  ArrayBufferPrototypeGetByteLength,
  ArrayBufferPrototypeGetResizable,
  ArrayIsArray,
  ArrayPrototypePush,
  ArrayPrototypeSort,
  BigInt: BigIntCoerce,
  BigIntAsIntN,
  BigIntAsUintN,
  DataViewPrototypeGetBuffer,
  FunctionPrototypeCall,
  MapPrototypeGet,
  MapPrototypeSet,
  Map,
  MathFloor,
  MathFround,
  MathMax,
  MathMin,
  MathTrunc,
  Number: NumberCoerce,
  NumberIsFinite,
  ObjectCreate,
  ObjectFreeze,
  PromiseResolve,
  Set: SetConstructor,
  SetPrototypeAdd,
  SetPrototypeHas,
  ReflectApply,
  ReflectGetOwnPropertyDescriptor,
  ReflectOwnKeys,
  String: StringCoerce,
  StringPrototypeCharCodeAt,
  StringPrototypeToWellFormed,
  Symbol,
  SymbolIterator,
  TypeError,
  TypedArrayPrototypeGetBuffer,
  TypedArrayPrototypeGetSymbolToStringTag,
} = internal.primordials;

const arrayValues = Array.prototype[SymbolIterator];
const ArrayIteratorPrototype = internal.primordials.ArrayIteratorPrototype;
const arrayIteratorNext = ArrayIteratorPrototype.next;

// ---------------------------------------------------------------------------------------------------------------------
// Errors

// An error of class `ErrorType` whose message says what was being done and to which value.
function makeException(ErrorType, message, prefix, context) {
  return new ErrorType(`${prefix ? `${prefix}: ` : ""}${context ? context : "The value"} ${message}`);
}

// Throws unless `actual` arguments are enough. Web IDL section 3.6, overload resolution.
function requiredArguments(actual, required, prefix) {
  if (actual < required) {
    throw new TypeError(
      `${prefix ? `${prefix}: ` : ""}${required} argument${required === 1 ? "" : "s"} required, but only ${actual} present.`,
    );
  }
}

function illegalConstructor() {
  throw new TypeError("Illegal constructor");
}

function illegalInvocation() {
  throw new TypeError("Illegal invocation");
}

// The argument by which an interface without a constructor knows its own file:
// `constructor(key = undefined) { if (key !== constructorKey) illegalConstructor(); }`
const constructorKey = Symbol("constructor key");

// Whether Type(V) is Object.
function isObject(V) {
  return typeof V === "object" ? V !== null : typeof V === "function";
}

// ---------------------------------------------------------------------------------------------------------------------
// Converters. Web IDL section 3.2

const converters = { __proto__: null };

converters.any = (V) => V;

converters.undefined = () => undefined;

converters.boolean = (V) => !!V;

converters.object = (V, prefix, context) => {
  if (!isObject(V)) throw makeException(TypeError, "is not an object.", prefix, context);
  return V;
};

converters.symbol = (V, prefix, context) => {
  if (typeof V !== "symbol") throw makeException(TypeError, "is not a symbol.", prefix, context);
  return V;
};

converters.bigint = (V, prefix, context) => {
  if (typeof V === "bigint") return V;
  // BigInt() takes numbers, which ToBigInt refuses; asIntN does just what ToBigInt does, and 2^53 - 1 bits
  // keep any value.
  return BigIntAsIntN(2 ** 53 - 1, V);
};

function toNumber(V, prefix, context) {
  if (typeof V === "number") return V;
  if (typeof V === "bigint") {
    throw makeException(TypeError, "is a BigInt and cannot be converted to a number.", prefix, context);
  }
  if (typeof V === "symbol") {
    throw makeException(TypeError, "is a Symbol and cannot be converted to a number.", prefix, context);
  }
  return +V;
}

// -0 becomes +0.
function censorNegativeZero(x) {
  return x === 0 ? 0 : x;
}

function roundHalfToEven(x) {
  const floor = MathFloor(x);
  const rest = x - floor;
  if (rest < 0.5) return censorNegativeZero(floor);
  if (rest > 0.5) return censorNegativeZero(floor + 1);
  return censorNegativeZero(floor % 2 === 0 ? floor : floor + 1);
}

// ConvertToInt(V, bitLength, signedness). Web IDL section 3.2.4.9
function createIntegerConverter(bitLength, signed) {
  const long = bitLength === 64;
  const upperBound = long ? 2 ** 53 - 1 : signed ? 2 ** (bitLength - 1) - 1 : 2 ** bitLength - 1;
  const lowerBound = !signed ? 0 : long ? -(2 ** 53) + 1 : -(2 ** (bitLength - 1));
  const modulus = 2 ** bitLength;
  const half = 2 ** (bitLength - 1);

  return (V, prefix, context, opts) => {
    let x = toNumber(V, prefix, context);
    if (opts !== undefined) {
      if (opts.enforceRange) {
        if (!NumberIsFinite(x)) throw makeException(TypeError, "is not a finite number.", prefix, context);
        x = MathTrunc(x);
        if (x < lowerBound || x > upperBound) {
          throw makeException(
            TypeError, `is outside the accepted range of ${lowerBound} to ${upperBound}, inclusive.`, prefix, context,
          );
        }
        return censorNegativeZero(x);
      }
      if (opts.clamp) {
        if (x !== x) return 0;
        return roundHalfToEven(MathMin(MathMax(x, lowerBound), upperBound));
      }
    }
    if (!NumberIsFinite(x)) return 0;
    x = censorNegativeZero(MathTrunc(x));
    if (x >= lowerBound && x <= upperBound) return x;
    if (long) {
      const big = BigIntCoerce(x);
      return NumberCoerce(signed ? BigIntAsIntN(64, big) : BigIntAsUintN(64, big));
    }
    x %= modulus;
    if (x < 0) x += modulus;
    if (signed && x >= half) x -= modulus;
    return censorNegativeZero(x);
  };
}

converters.byte = createIntegerConverter(8, true);
converters.octet = createIntegerConverter(8, false);
converters.short = createIntegerConverter(16, true);
converters["unsigned short"] = createIntegerConverter(16, false);
converters.long = createIntegerConverter(32, true);
converters["unsigned long"] = createIntegerConverter(32, false);
converters["long long"] = createIntegerConverter(64, true);
converters["unsigned long long"] = createIntegerConverter(64, false);

converters["unrestricted double"] = toNumber;

converters.double = (V, prefix, context) => {
  const x = toNumber(V, prefix, context);
  if (!NumberIsFinite(x)) throw makeException(TypeError, "is not a finite floating-point value.", prefix, context);
  return x;
};

converters["unrestricted float"] = (V, prefix, context) => MathFround(toNumber(V, prefix, context));

converters.float = (V, prefix, context) => {
  const x = toNumber(V, prefix, context);
  const y = MathFround(x);
  if (!NumberIsFinite(x) || !NumberIsFinite(y)) {
    throw makeException(TypeError, "is not a finite single-precision value.", prefix, context);
  }
  return y;
};

converters.DOMString = (V, prefix, context, opts) => {
  if (typeof V === "string") return V;
  if (V === null && opts !== undefined && opts.legacyNullToEmptyString) return "";
  if (typeof V === "symbol") {
    throw makeException(TypeError, "is a Symbol and cannot be converted to a string.", prefix, context);
  }
  return StringCoerce(V);
};

// Whether every code unit of `string` is at most 0xFF.
function isByteString(string) {
  for (let i = 0; i < string.length; i++) {
    if (StringPrototypeCharCodeAt(string, i) > 0xff) return false;
  }
  return true;
}

converters.ByteString = (V, prefix, context, opts) => {
  const x = typeof V === "string" ? V : converters.DOMString(V, prefix, context, opts);
  if (!isByteString(x)) {
    throw makeException(TypeError, "is not a valid ByteString: a character is above 255.", prefix, context);
  }
  return x;
};

converters.USVString = (V, prefix, context, opts) =>
  StringPrototypeToWellFormed(typeof V === "string" ? V : converters.DOMString(V, prefix, context, opts));

// Callback function types. Any object that is callable is a value of each of them.
converters.Function = (V, prefix, context) => {
  if (typeof V !== "function") throw makeException(TypeError, "is not a function.", prefix, context);
  return V;
};

// ---------------------------------------------------------------------------------------------------------------------
// Buffer source types. Web IDL section 3.2.25

function isArrayBuffer(V) {
  if (typeof V !== "object" || V === null) return false;
  try {
    ArrayBufferPrototypeGetByteLength(V);
    return true;
  } catch {
    return false;
  }
}

// V8 gives the global object SharedArrayBuffer only when a context is made of the snapshot: it is none of the
// primordials, and the brand is asked for natively.
function isSharedArrayBuffer(V) {
  return typeof V === "object" && V !== null && ops.isSharedArrayBuffer(V);
}

// Of a SharedArrayBuffer: whether it can grow. A tenant that patches the accessor fools nobody but itself:
// what reads such a buffer takes its length natively.
function isGrowable(V) {
  return V.growable === true;
}

function isDataView(V) {
  return ArrayBufferIsView(V) && TypedArrayPrototypeGetSymbolToStringTag(V) === undefined;
}

// The buffer under a typed array or DataView.
function getViewBuffer(view) {
  return TypedArrayPrototypeGetSymbolToStringTag(view) !== undefined
    ? TypedArrayPrototypeGetBuffer(view)
    : DataViewPrototypeGetBuffer(view);
}

// Throws unless `buffer`, an ArrayBuffer or SharedArrayBuffer, is of a kind that `opts` allows.
function checkBuffer(buffer, what, prefix, context, opts) {
  let resizable;
  try {
    // The usual case, first: only a SharedArrayBuffer pays for an exception.
    resizable = ArrayBufferPrototypeGetResizable(buffer);
  } catch {
    if (opts === undefined || !opts.allowShared) {
      throw makeException(TypeError, `${what} a SharedArrayBuffer, which is not allowed here.`, prefix, context);
    }
    if (!opts.allowResizable && isGrowable(buffer)) {
      throw makeException(TypeError, `${what} a growable SharedArrayBuffer, which is not allowed here.`, prefix, context);
    }
    return;
  }
  if (resizable && !(opts !== undefined && opts.allowResizable)) {
    throw makeException(TypeError, `${what} a resizable ArrayBuffer, which is not allowed here.`, prefix, context);
  }
}

converters.ArrayBuffer = (V, prefix, context, opts) => {
  if (!isArrayBuffer(V) && !(opts !== undefined && opts.allowShared && isSharedArrayBuffer(V))) {
    throw makeException(TypeError, "is not an ArrayBuffer.", prefix, context);
  }
  checkBuffer(V, "is", prefix, context, opts);
  return V;
};

converters.SharedArrayBuffer = (V, prefix, context, opts) => {
  if (!isSharedArrayBuffer(V)) throw makeException(TypeError, "is not a SharedArrayBuffer.", prefix, context);
  if (!(opts !== undefined && opts.allowResizable) && isGrowable(V)) {
    throw makeException(TypeError, "is a growable SharedArrayBuffer, which is not allowed here.", prefix, context);
  }
  return V;
};

converters.DataView = (V, prefix, context, opts) => {
  if (!isDataView(V)) throw makeException(TypeError, "is not a DataView.", prefix, context);
  checkBuffer(DataViewPrototypeGetBuffer(V), "is a view on", prefix, context, opts);
  return V;
};

const typedArrayNames = [
  "Int8Array", "Int16Array", "Int32Array", "Uint8Array", "Uint16Array", "Uint32Array", "Uint8ClampedArray",
  "BigInt64Array", "BigUint64Array", "Float16Array", "Float32Array", "Float64Array",
];
for (let i = 0; i < typedArrayNames.length; i++) {
  const name = typedArrayNames[i];
  const article = name[0] === "I" || name[0] === "U" ? "an" : "a";
  converters[name] = (V, prefix, context, opts) => {
    if (!ArrayBufferIsView(V) || TypedArrayPrototypeGetSymbolToStringTag(V) !== name) {
      throw makeException(TypeError, `is not ${article} ${name}.`, prefix, context);
    }
    checkBuffer(TypedArrayPrototypeGetBuffer(V), "is a view on", prefix, context, opts);
    return V;
  };
}

converters.ArrayBufferView = (V, prefix, context, opts) => {
  if (!ArrayBufferIsView(V)) throw makeException(TypeError, "is not an ArrayBufferView.", prefix, context);
  checkBuffer(getViewBuffer(V), "is a view on", prefix, context, opts);
  return V;
};

converters.BufferSource = (V, prefix, context, opts) => {
  if (ArrayBufferIsView(V)) {
    checkBuffer(getViewBuffer(V), "is a view on", prefix, context, opts);
    return V;
  }
  if (!isArrayBuffer(V) && !(opts !== undefined && opts.allowShared && isSharedArrayBuffer(V))) {
    throw makeException(TypeError, "is not an ArrayBuffer or a view on one.", prefix, context);
  }
  checkBuffer(V, "is", prefix, context, opts);
  return V;
};

// ([AllowShared] BufferSource), as TextDecoder takes it.
converters.AllowSharedBufferSource = withOptions(converters.BufferSource, { __proto__: null, allowShared: true });

// ---------------------------------------------------------------------------------------------------------------------
// Makers of converters

// `converter` with extended attributes fixed: withOptions(converters["unsigned short"], { __proto__: null,
// clamp: true }).
function withOptions(converter, opts) {
  return (V, prefix, context) => converter(V, prefix, context, opts);
}

// T?
function createNullableConverter(converter) {
  return (V, prefix, context, opts) => V === null || V === undefined ? null : converter(V, prefix, context, opts);
}

// Creates an array from an iterable whose @@iterator method is at hand: for unions that looked for it first.
// section 3.2.22.1
function createSequenceFromIterable(V, method, converter, prefix, context, opts) {
  const array = [];
  // An untouched array needs no iterator; nobody could tell.
  if (method === arrayValues && ArrayIsArray(V) && ArrayIteratorPrototype.next === arrayIteratorNext) {
    for (let i = 0; i < V.length; i++) {
      ArrayPrototypePush(array, converter(V[i], prefix, context ? `${context}[${i}]` : context, opts));
    }
    return array;
  }
  if (typeof method !== "function") {
    throw makeException(TypeError, "is not iterable: its Symbol.iterator is not a function.", prefix, context);
  }
  const iterator = FunctionPrototypeCall(method, V);
  if (!isObject(iterator)) {
    throw makeException(TypeError, "is not iterable: its iterator is not an object.", prefix, context);
  }
  const next = iterator.next;
  for (let i = 0;; i++) {
    const result = FunctionPrototypeCall(next, iterator);
    if (!isObject(result)) {
      throw makeException(TypeError, "has an iterator whose result is not an object.", prefix, context);
    }
    if (result.done) return array;
    ArrayPrototypePush(array, converter(result.value, prefix, context ? `${context}[${i}]` : context, opts));
  }
}

// sequence<T>
function createSequenceConverter(converter) {
  return (V, prefix, context, opts) => {
    if (!isObject(V)) throw makeException(TypeError, "is not iterable.", prefix, context);
    const method = V[SymbolIterator];
    if (method === undefined || method === null) {
      throw makeException(TypeError, "is not iterable.", prefix, context);
    }
    return createSequenceFromIterable(V, method, converter, prefix, context, opts);
  };
}

// FrozenArray<T>
function createFrozenArrayConverter(converter) {
  const convert = createSequenceConverter(converter);
  return (V, prefix, context, opts) => ObjectFreeze(convert(V, prefix, context, opts));
}

// record<K, V>: an array of [key, value] pairs in the order of the object's keys; each key is there once.
function createRecordConverter(keyConverter, valueConverter) {
  return (V, prefix, context, opts) => {
    if (!isObject(V)) throw makeException(TypeError, "is not an object.", prefix, context);
    const keys = ReflectOwnKeys(V);
    const pairs = [];
    // Only conversion (to a USVString) can make two keys equal.
    const seen = keyConverter === converters.USVString ? new Map() : undefined;
    for (let i = 0; i < keys.length; i++) {
      const key = keys[i];
      const descriptor = ReflectGetOwnPropertyDescriptor(V, key);
      if (descriptor === undefined || !descriptor.enumerable) continue;
      const typedKey = keyConverter(key, prefix, context ? `A key of ${context}` : context, opts);
      const typedValue = valueConverter(V[key], prefix, context ? `${context}'s "${typedKey}"` : context, opts);
      const pair = [typedKey, typedValue];
      if (seen !== undefined) {
        const former = MapPrototypeGet(seen, typedKey);
        if (former !== undefined) {
          former[1] = typedValue;
          continue;
        }
        MapPrototypeSet(seen, typedKey, pair);
      }
      ArrayPrototypePush(pairs, pair);
    }
    return pairs;
  };
}

// An enumeration type: the set of `values`.
function createEnumConverter(name, values) {
  const set = new SetConstructor();
  for (let i = 0; i < values.length; i++) SetPrototypeAdd(set, values[i]);
  return (V, prefix, context) => {
    const string = typeof V === "string" ? V : converters.DOMString(V, prefix, context);
    if (!SetPrototypeHas(set, string)) {
      throw makeException(TypeError, `is '${string}', which is not a valid value of ${name}.`, prefix, context);
    }
    return string;
  };
}

// A dictionary type. Each argument after the name is the list of members of one dictionary, the least derived
// first: `{ key, converter, required = false, defaultValue = undefined | primitive | () => value }`.
//
// The result is an object without a prototype's members that has every member as an own property; one that is
// absent and has no default is `undefined` (which is never a present value): so test `dict.key !==
// undefined`, not `in`. For an absent dictionary the result may be shared and frozen.
function createDictionaryConverter(name, ...inherited) {
  const members = [];
  let constant = true;
  for (let i = 0; i < inherited.length; i++) {
    const level = [];
    for (let j = 0; j < inherited[i].length; j++) {
      const { key, converter, required, defaultValue } = inherited[i][j];
      if (typeof key !== "string" || typeof converter !== "function") {
        throw new TypeError(`Dictionary ${name}: bad member ${key}`);
      }
      if (required || typeof defaultValue === "function") constant = false;
      level[j] = { __proto__: null, key, converter, required, defaultValue };
    }
    ArrayPrototypeSort(level, (a, b) => a.key < b.key ? -1 : a.key > b.key ? 1 : 0);
    for (let j = 0; j < level.length; j++) ArrayPrototypePush(members, level[j]);
  }

  // An object with a null prototype made by a literal is a hash table in V8; one with a constructor is not.
  function Dictionary() {}
  Dictionary.prototype = ObjectCreate(null);

  function convert(V, prefix, context, opts) {
    const dictionary = new Dictionary();
    for (let i = 0; i < members.length; i++) {
      const member = members[i];
      const key = member.key;
      const value = V === undefined || V === null ? undefined : V[key];
      if (value !== undefined) {
        dictionary[key] = member.converter(value, prefix, context ? `'${key}' of ${context}` : `'${key}'`, opts);
      } else if (member.required) {
        throw makeException(
          TypeError, `cannot be converted to ${name}: its member '${key}' is required.`, prefix, context,
        );
      } else {
        const defaultValue = member.defaultValue;
        dictionary[key] = typeof defaultValue === "function" ? defaultValue() : defaultValue;
      }
    }
    return dictionary;
  }

  const absent = constant ? ObjectFreeze(convert(undefined)) : undefined;
  return (V, prefix, context, opts) => {
    if (V === undefined || V === null) {
      if (absent !== undefined) return absent;
    } else if (!isObject(V)) {
      throw makeException(TypeError, `cannot be converted to ${name}: it is not an object.`, prefix, context);
    }
    return convert(V, prefix, context, opts);
  };
}

// An interface type. `isInstance(value)` is the brand check and takes any value.
function createInterfaceConverter(name, isInstance) {
  return (V, prefix, context) => {
    if (!isInstance(V)) throw makeException(TypeError, `is not of type '${name}'.`, prefix, context);
    return V;
  };
}

// Promise<T>: a promise of the language for whatever was given.
function createPromiseConverter(converter) {
  if (converter === undefined || converter === converters.any) return (V) => PromiseResolve(V);
  return (V, prefix, context, opts) =>
    PromisePrototypeThen(PromiseResolve(V), (value) => converter(value, prefix, context, opts));
}

// Calls a callback function with `thisArg` and an array of arguments. With `returnsPromise` (the callback's
// return type is a promise) exceptions become rejections, and what is returned becomes a promise. section
// 3.12
function invokeCallbackFunction(callback, args, thisArg, returnsPromise) {
  if (!returnsPromise) return ReflectApply(callback, thisArg, args);
  try {
    return PromiseResolve(ReflectApply(callback, thisArg, args));
  } catch (error) {
    return PromiseReject(error);
  }
}

converters["sequence<any>"] = createSequenceConverter(converters.any);
converters["sequence<object>"] = createSequenceConverter(converters.object);
converters["sequence<DOMString>"] = createSequenceConverter(converters.DOMString);
converters["sequence<USVString>"] = createSequenceConverter(converters.USVString);
converters["sequence<ByteString>"] = createSequenceConverter(converters.ByteString);
converters["sequence<sequence<USVString>>"] = createSequenceConverter(converters["sequence<USVString>"]);
converters["sequence<sequence<ByteString>>"] = createSequenceConverter(converters["sequence<ByteString>"]);
converters["record<USVString, USVString>"] = createRecordConverter(converters.USVString, converters.USVString);
converters["record<ByteString, ByteString>"] = createRecordConverter(converters.ByteString, converters.ByteString);

internal.webidl = {
  __proto__: null,
  constructorKey,
  converters,
  createDictionaryConverter,
  createEnumConverter,
  createFrozenArrayConverter,
  createInterfaceConverter,
  createNullableConverter,
  createPromiseConverter,
  createRecordConverter,
  createSequenceConverter,
  createSequenceFromIterable,
  getViewBuffer,
  illegalConstructor,
  illegalInvocation,
  invokeCallbackFunction,
  isArrayBuffer,
  isByteString,
  isDataView,
  isObject,
  isSharedArrayBuffer,
  makeException,
  requiredArguments,
  withOptions,
};
