// The language's own functions that may take long at a time and never look whether somebody waits: each is
// wrapped, and looks before or after it has had much to do.
//
// V8 serves interrupts (a time slice for a neighbour, the end of who has used its CPU time) where a function
// of JavaScript begins, and on a loop's way back only when the loop has run some hundred times. So a loop
// that does nothing but call functions of C++ that take milliseconds each, `for (;;) JSON.parse(text)`, would
// hold its thread for many seconds. Functions of C++ that look for themselves are not here. The platform's
// own code has the originals, from primordials.js.

const {
  FunctionPrototypeToString, Map, MapPrototypeGet, MapPrototypeSet, ObjectDefineProperty, ReflectGetOwnPropertyDescriptor, ReflectGetPrototypeOf,
  ReflectOwnKeys, uncurryThis,
} = internal.primordials;

// Characters, or elements, from which a call takes so long that looking costs nothing beside it.
const MANY = 4096;

// A function of JavaScript, which V8 looks at the begin of, and which it never makes a part of its caller.
function* look() {}
internal.look = look;

const { parse, stringify } = JSON;
const normalize = uncurryThis(String.prototype.normalize);
const localeCompare = uncurryThis(String.prototype.localeCompare);
const TypedArrayPrototype = ReflectGetPrototypeOf(Uint8Array.prototype);
const copyWithin = uncurryThis(TypedArrayPrototype.copyWithin);
const indexOf = uncurryThis(TypedArrayPrototype.indexOf);
const lastIndexOf = uncurryThis(TypedArrayPrototype.lastIndexOf);
const includes = uncurryThis(TypedArrayPrototype.includes);
const fill = uncurryThis(TypedArrayPrototype.fill);
const getLength = uncurryThis(ReflectGetOwnPropertyDescriptor(TypedArrayPrototype, "length").get);
// Undefined for what is no typed array.
const getTag = uncurryThis(ReflectGetOwnPropertyDescriptor(TypedArrayPrototype, Symbol.toStringTag).get);

const isLong = (value) => typeof value === "string" && value.length >= MANY;
const isLarge = (array) => getTag(array) !== undefined && getLength(array) >= MANY;

// Replacement -> the source text of its original.
const sources = new Map();

function replace(object, methods) {
  const names = ReflectOwnKeys(methods);
  for (let i = 0; i < names.length; i++) {
    const name = names[i];
    const descriptor = ReflectGetOwnPropertyDescriptor(object, name);
    const original = descriptor.value;
    const value = methods[name];
    ObjectDefineProperty(value, "name", { __proto__: null, value: original.name, configurable: true });
    ObjectDefineProperty(value, "length", { __proto__: null, value: original.length, configurable: true });
    ObjectDefineProperty(object, name, { __proto__: null, ...descriptor, value });
    MapPrototypeSet(sources, value, FunctionPrototypeToString(original));
  }
}

replace(JSON, {
  __proto__: null,
  parse(text, reviver) {
    if (isLong(text)) look();
    return parse(text, reviver);
  },
  stringify(value, replacer, space) {
    const text = stringify(value, replacer, space);
    if (isLong(text)) look();
    return text;
  },
});

const lookFirst = (original) => (text) => {
  if (isLong(text)) look();
  return original(text);
};
replace(globalThis, {
  __proto__: null,
  decodeURI: lookFirst(decodeURI),
  decodeURIComponent: lookFirst(decodeURIComponent),
  encodeURI: lookFirst(encodeURI),
  encodeURIComponent: lookFirst(encodeURIComponent),
  escape: lookFirst(escape),
  unescape: lookFirst(unescape),
});

replace(String.prototype, {
  __proto__: null,
  localeCompare(that, locales, options) {
    if (isLong(that)) look();
    return localeCompare(this, that, locales, options);
  },
  normalize(form) {
    if (isLong(this)) look();
    return normalize(this, form);
  },
});

replace(TypedArrayPrototype, {
  __proto__: null,
  copyWithin(target, start, end) {
    if (isLarge(this)) look();
    return copyWithin(this, target, start, end);
  },
  fill(value, start, end) {
    if (isLarge(this)) look();
    return fill(this, value, start, end);
  },
  includes(element, from) {
    if (isLarge(this)) look();
    return includes(this, element, from);
  },
  indexOf(element, from) {
    if (isLarge(this)) look();
    return indexOf(this, element, from);
  },
  lastIndexOf(element, from) {
    if (isLarge(this)) look();
    return arguments.length < 2 ? lastIndexOf(this, element) : lastIndexOf(this, element, from);
  },
});

replace(Function.prototype, {
  __proto__: null,
  toString() {
    return MapPrototypeGet(sources, this) ?? FunctionPrototypeToString(this);
  },
});
