// The language's own built-ins as they were before any tenant's code ran.
//
// Built-ins of NANO call nothing through a prototype that a tenant can patch: they take what they need from here, under the
// names `ArrayPrototypePush` (a method, uncurried: the receiver is the first argument), `MapPrototypeGetSize` (a getter),
// `ArrayIsArray` (a static), `SymbolIterator` (a constant). No function that lives on may be made here: it would keep this file's
// variables alive, and with them hundreds of functions that nobody takes. Knows nothing of the web platform.

const { apply, bind, call } = Function.prototype;
const uncurryThis = bind.bind(call);
const applyBind = bind.bind(apply);

const primordials = internal.primordials = { __proto__: null, uncurryThis, applyBind };

const {
  getOwnPropertyDescriptor: ReflectGetOwnPropertyDescriptor,
  ownKeys: ReflectOwnKeys,
} = Reflect;
const toUpper = uncurryThis(String.prototype.toUpperCase);
const slice = uncurryThis(String.prototype.slice);

// "then" -> "Then", Symbol.iterator -> "SymbolIterator"
function suffix(key) {
  if (typeof key === "symbol") {
    const description = slice(key.description, 7);
    return `Symbol${toUpper(description[0])}${slice(description, 1)}`;
  }
  return `${toUpper(key[0])}${slice(key, 1)}`;
}

function copy(source, prefix, wrap) {
  const keys = ReflectOwnKeys(source);
  for (let i = 0; i < keys.length; i++) {
    const key = keys[i];
    const descriptor = ReflectGetOwnPropertyDescriptor(source, key);
    const name = `${prefix}${suffix(key)}`;
    if ("get" in descriptor) {
      if (descriptor.get) {
        primordials[`${prefix}Get${suffix(key)}`] = uncurryThis(descriptor.get);
      }
    } else if (wrap && typeof descriptor.value === "function") {
      primordials[name] = uncurryThis(descriptor.value);
    } else {
      primordials[name] = descriptor.value;
    }
  }
}

// Namespaces: JSON.parse -> JSONParse.
for (const name of ["JSON", "Math", "Reflect", "Atomics", "Proxy"]) {
  copy(globalThis[name], name, false);
}
primordials.Proxy = Proxy;

// Classes: the class itself, its statics and its prototype's members.
const classes = [
  "AggregateError", "Array", "ArrayBuffer", "BigInt", "BigInt64Array", "BigUint64Array", "Boolean", "DataView", "Date",
  "Error", "EvalError", "FinalizationRegistry", "Float16Array", "Float32Array", "Float64Array", "Function", "Int16Array", "Int32Array",
  "Int8Array", "Map", "Number", "Object", "Promise", "RangeError", "ReferenceError", "RegExp", "Set", "SharedArrayBuffer",
  "String", "Symbol", "SyntaxError", "TypeError", "URIError", "Uint16Array", "Uint32Array", "Uint8Array",
  "Uint8ClampedArray", "WeakMap", "WeakRef", "WeakSet",
];
for (const name of classes) {
  // SharedArrayBuffer and Float16Array are not on every global object.
  const original = globalThis[name];
  if (original === undefined) continue;
  primordials[name] = original;
  copy(original, name, false);
  copy(original.prototype, `${name}Prototype`, true);
}
// Statics of Promise need their receiver.
for (const name of ["all", "allSettled", "any", "race", "reject", "resolve", "withResolvers"]) {
  primordials[`Promise${suffix(name)}`] = bind.call(Promise[name], Promise);
}

// Intrinsics without a global name.
const TypedArray = Reflect.getPrototypeOf(Uint8Array);
primordials.TypedArray = TypedArray;
copy(TypedArray, "TypedArray", false);
copy(TypedArray.prototype, "TypedArrayPrototype", true);
for (const [name, prototype] of [
  ["ArrayIterator", Reflect.getPrototypeOf([][Symbol.iterator]())],
  ["MapIterator", Reflect.getPrototypeOf(new Map()[Symbol.iterator]())],
  ["SetIterator", Reflect.getPrototypeOf(new Set()[Symbol.iterator]())],
  ["StringIterator", Reflect.getPrototypeOf(""[Symbol.iterator]())],
  ["Generator", Reflect.getPrototypeOf(function* () {}).prototype],
]) {
  primordials[`${name}Prototype`] = prototype;
  copy(prototype, `${name}Prototype`, true);
}
primordials.IteratorPrototype = Reflect.getPrototypeOf(primordials.ArrayIteratorPrototype);
primordials.AsyncIteratorPrototype = Reflect.getPrototypeOf(
  Reflect.getPrototypeOf(async function* () {}).prototype,
);

// Functions of the global object.
for (const name of ["decodeURIComponent", "encodeURIComponent", "parseFloat", "parseInt", "isNaN", "isFinite"]) {
  primordials[name] = globalThis[name];
}
