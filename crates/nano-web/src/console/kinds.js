// Which kind of object a value is, told by its internal slots and its prototypes, without running code of the
// tenant.

const {
  Array, DatePrototypeGetTime, MapPrototypeGetSize, Object, ObjectGetPrototypeOf,
  ObjectPrototypeToString, ReflectGetOwnPropertyDescriptor, RegExpPrototypeGetSource, Set, SetPrototypeAdd,
  SetPrototypeGetSize, SetPrototypeHas, StringPrototypeSlice, SymbolToStringTag, WeakMapPrototypeHas,
  WeakSetPrototypeHas,
} = internal.primordials;

// Has a prototype's method or getter throw for a value without the internal slot that it needs.
function hasSlot(probe, value) {
  try {
    probe(value);
    return true;
  } catch {
    return false;
  }
}

const isMap = (value) => hasSlot(MapPrototypeGetSize, value);
const isSet = (value) => hasSlot(SetPrototypeGetSize, value);
const isDate = (value) => hasSlot(DatePrototypeGetTime, value);
const isWeakMap = (value) => hasSlot((v) => WeakMapPrototypeHas(v, hasSlot), value);
const isWeakSet = (value) => hasSlot((v) => WeakSetPrototypeHas(v, hasSlot), value);

// In the order in which flags are written.
const { primordials } = internal;
const regExpFlags = [
  { __proto__: null, flag: "d", get: primordials.RegExpPrototypeGetHasIndices },
  { __proto__: null, flag: "g", get: primordials.RegExpPrototypeGetGlobal },
  { __proto__: null, flag: "i", get: primordials.RegExpPrototypeGetIgnoreCase },
  { __proto__: null, flag: "m", get: primordials.RegExpPrototypeGetMultiline },
  { __proto__: null, flag: "s", get: primordials.RegExpPrototypeGetDotAll },
  { __proto__: null, flag: "u", get: primordials.RegExpPrototypeGetUnicode },
  { __proto__: null, flag: "v", get: primordials.RegExpPrototypeGetUnicodeSets },
  { __proto__: null, flag: "y", get: primordials.RegExpPrototypeGetSticky },
];
// Throws for anything that is not a RegExp, RegExp.prototype excepted.
const probeRegExp = primordials.RegExpPrototypeGetGlobal;
const isRegExp = (value) => hasSlot(probeRegExp, value) && probeRegExp(value) !== undefined;

function regExpText(value) {
  let flags = "";
  for (let i = 0; i < regExpFlags.length; i++) {
    if (regExpFlags[i].get(value)) flags += regExpFlags[i].flag;
  }
  return `/${RegExpPrototypeGetSource(value)}/${flags}`;
}

// The own data property `key`, or undefined.
function ownData(object, key) {
  const descriptor = ReflectGetOwnPropertyDescriptor(object, key);
  return descriptor === undefined ? undefined : descriptor.value;
}

// Most chains of prototypes consist of these. None is a proxy, so the native question is not needed.
const ArrayPrototype = Array.prototype;
const ObjectPrototype = Object.prototype;
const known = new Set();
const knownNames = ["Error", "Map", "Set", "Promise", "Function", "RegExp", "Date"];
for (let i = 0; i < knownNames.length; i++) {
  const Class = internal.primordials[knownNames[i]];
  SetPrototypeAdd(known, Class);
  SetPrototypeAdd(known, Class.prototype);
}

function isProxy(value) {
  if (value === ObjectPrototype || value === ArrayPrototype || value === Object || value === Array) return false;
  return !SetPrototypeHas(known, value) && ops.proxyDetails(value) !== undefined;
}

// The name of the nearest constructor in the chain of prototypes; null if there is none. Stops at proxies.
// The object itself is none.
function constructorName(value) {
  let first = true;
  for (let object = value; object !== null; object = ObjectGetPrototypeOf(object)) {
    if (!first && isProxy(object)) return null;
    const constructor = ownData(object, "constructor");
    if (typeof constructor === "function" && !isProxy(constructor)) {
      const name = ownData(constructor, "name");
      // The prototype of a class is not one of its instances; the object's own `constructor` is usually just
      // that.
      if (typeof name === "string" && name !== "" && !(first && ownData(constructor, "prototype") === value)) {
        return name;
      }
    }
    first = false;
  }
  return null;
}

// Symbol.toStringTag where it is a string that is plain data, anywhere in the chain of prototypes. Undefined:
// there is none; null: there is one that is something else, or a proxy that may have one.
function findTag(value) {
  for (let object = value; object !== null; object = ObjectGetPrototypeOf(object)) {
    if (object !== value && isProxy(object)) return null;
    const descriptor = ReflectGetOwnPropertyDescriptor(object, SymbolToStringTag);
    if (descriptor !== undefined) return typeof descriptor.value === "string" ? descriptor.value : null;
  }
  return undefined;
}

// The name that object's kind has in the language where nothing (not even a getter) says otherwise:
// "Arguments", "Object"...
function builtinTag(value, tag) {
  return tag === undefined ? StringPrototypeSlice(ObjectPrototypeToString(value), 8, -1) : "Object";
}

internal.console = {
  __proto__: null, builtinTag, constructorName, findTag, hasSlot, isDate, isMap, isProxy, isRegExp, isSet, isWeakMap, isWeakSet, ownData,
  regExpText,
};
