// inspect(): any value as text that a developer can read, in the notation that Node made customary.
//
// It runs no code of the tenant: properties are read as descriptors, getters are named and not called, proxies are looked
// through natively, kinds of objects are told by their internal slots. (One exception is the engine's: a stack trace that
// was never read calls Error.prepareStackTrace, if a tenant has set it.) Values of the platform are printed by
// console/platform.js. Knows nothing of format specifiers and of where text goes.

const { RangeError, hideObjectPrototype, uncurryThis } = internal.primordials;
const {
  ArrayBufferPrototypeGetByteLength,
  ArrayIsArray,
  ArrayPrototypeIncludes,
  ArrayPrototypeJoin,
  ArrayPrototypePop,
  ArrayPrototypePush,
  BigIntPrototypeValueOf,
  BooleanPrototypeValueOf,
  DataViewPrototypeGetBuffer,
  DataViewPrototypeGetByteLength,
  DataViewPrototypeGetByteOffset,
  DatePrototypeGetTime,
  DatePrototypeToISOString,
  Error,
  FunctionPrototypeToString,
  Map,
  MapPrototypeForEach,
  MapPrototypeGet,
  MapPrototypeGetSize,
  MapPrototypeSet,
  NumberPrototypeToString,
  NumberPrototypeValueOf,
  ObjectGetPrototypeOf,
  ObjectHasOwn,
  ObjectIs,
  ObjectPrototypePropertyIsEnumerable,
  ObjectPrototypeToString,
  ReflectGetOwnPropertyDescriptor,
  ReflectOwnKeys,
  RegExpPrototypeGetSource,
  Set,
  SetPrototypeAdd,
  SetPrototypeForEach,
  SetPrototypeGetSize,
  SetPrototypeHas,
  StringPrototypeEndsWith,
  StringPrototypeIncludes,
  StringPrototypeIndexOf,
  StringPrototypeRepeat,
  StringPrototypeSlice,
  StringPrototypeStartsWith,
  StringPrototypeValueOf,
  SymbolPrototypeToString,
  SymbolPrototypeValueOf,
  SymbolToStringTag,
  TypedArrayPrototypeGetLength,
  TypedArrayPrototypeGetSymbolToStringTag,
  TypedArrayPrototypeGetByteLength,
  Uint8Array,
  WeakMapPrototypeHas,
  WeakSetPrototypeHas,
} = internal.primordials;
const webidl = internal.webidl;
const { groupEntries, oneLineOrMany, quote, quoteKey } = internal.layout;

// What is printed at most, so that one line of log cannot take a tenant's whole memory.
const ARRAY_ITEMS_MAX = 100;
const STRING_LENGTH_MAX = 10000;
const BUFFER_BYTES_MAX = 50;
const OBJECTS_MAX = 20000;
const BREAK_LENGTH = 80;

const styles = {
  __proto__: null,
  bigint: "33",
  boolean: "33",
  date: "35",
  null: "1",
  number: "33",
  regexp: "31",
  special: "36",
  string: "32",
  symbol: "32",
  undefined: "90",
};

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

const { ErrorIsError } = internal.primordials;

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

// Boxed primitives: [name, unwrap].
const boxes = [
  ["Number", NumberPrototypeValueOf],
  ["String", StringPrototypeValueOf],
  ["Boolean", BooleanPrototypeValueOf],
  ["BigInt", BigIntPrototypeValueOf],
  ["Symbol", SymbolPrototypeValueOf],
];

// The own data property `key`, or undefined.
function ownData(object, key) {
  const descriptor = ReflectGetOwnPropertyDescriptor(object, key);
  return descriptor === undefined ? undefined : descriptor.value;
}

// What most chains of prototypes consist of: none of it is a proxy, and it need not be asked for natively.
const { Array, Object } = internal.primordials;
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

// The name of the nearest constructor in the chain of prototypes; null if there is none. Stops at proxies. The object itself is none.
function constructorName(value) {
  let first = true;
  for (let object = value; object !== null; object = ObjectGetPrototypeOf(object)) {
    if (!first && isProxy(object)) return null;
    const constructor = ownData(object, "constructor");
    if (typeof constructor === "function" && !isProxy(constructor)) {
      const name = ownData(constructor, "name");
      // The prototype of a class is not one of its instances; the object's own `constructor` is usually just that.
      if (typeof name === "string" && name !== "" && !(first && ownData(constructor, "prototype") === value)) {
        return name;
      }
    }
    first = false;
  }
  return null;
}

// Symbol.toStringTag where it is a string that is plain data, anywhere in the chain of prototypes. Undefined: there is none; null: there is
// one that is something else, or a proxy that may have one.
function findTag(value) {
  for (let object = value; object !== null; object = ObjectGetPrototypeOf(object)) {
    if (object !== value && isProxy(object)) return null;
    const descriptor = ReflectGetOwnPropertyDescriptor(object, SymbolToStringTag);
    if (descriptor !== undefined) return typeof descriptor.value === "string" ? descriptor.value : null;
  }
  return undefined;
}

// The name that object's kind has in the language where nothing (not even a getter) says otherwise: "Arguments", "Object"...
function builtinTag(value, tag) {
  return tag === undefined ? StringPrototypeSlice(ObjectPrototypeToString(value), 8, -1) : "Object";
}

// ---------------------------------------------------------------------------------------------------------------------
// The state of one call

class Context {
  constructor(options) {
    this.depth = options.depth === undefined ? 2 : options.depth === null ? Infinity : options.depth;
    this.colors = options.colors === true;
    this.showHidden = options.showHidden === true;
    this.breakLength = options.breakLength === undefined ? BREAK_LENGTH : options.breakLength;
    // Columns before the text that is being made.
    this.indentation = 0;
    // Objects around the value that is being printed.
    this.seen = [];
    // Object -> number, for those that were met inside themselves.
    this.circular = null;
    this.objects = 0;
    // How deep the object was that was finished last.
    this.currentDepth = 0;
  }
}
hideObjectPrototype(Context);

function stylize(context, text, style) {
  return context.colors ? `\u001b[${styles[style]}m${text}\u001b[${style === "null" ? "22" : "39"}m` : text;
}

// ---------------------------------------------------------------------------------------------------------------------
// Values

function formatPrimitive(context, value) {
  switch (typeof value) {
    case "string":
      return formatString(context, value);
    case "number":
      return stylize(context, ObjectIs(value, -0) ? "-0" : `${value}`, "number");
    case "bigint":
      return stylize(context, `${value}n`, "bigint");
    case "boolean":
      return stylize(context, `${value}`, "boolean");
    case "symbol":
      return stylize(context, SymbolPrototypeToString(value), "symbol");
    case "undefined":
      return stylize(context, "undefined", "undefined");
    default:
      return stylize(context, "null", "null");
  }
}

function formatString(context, value) {
  let trailer = "";
  if (value.length > STRING_LENGTH_MAX) {
    const more = value.length - STRING_LENGTH_MAX;
    value = StringPrototypeSlice(value, 0, STRING_LENGTH_MAX);
    trailer = `... ${more} more character${more === 1 ? "" : "s"}`;
  }
  // A long text of several lines is printed line by line.
  if (
    value.length > 16 && value.length > context.breakLength - context.indentation - 4 &&
    StringPrototypeIncludes(value, "\n")
  ) {
    const lines = [];
    let start = 0;
    while (start < value.length) {
      const newline = StringPrototypeIndexOf(value, "\n", start);
      const end = newline === -1 ? value.length : newline + 1;
      ArrayPrototypePush(lines, stylize(context, quote(StringPrototypeSlice(value, start, end)), "string"));
      start = end;
    }
    return ArrayPrototypeJoin(lines, ` +\n${StringPrototypeRepeat(" ", context.indentation + 2)}`) + trailer;
  }
  return stylize(context, quote(value), "string") + trailer;
}

function formatValue(context, value, depth) {
  if (typeof value !== "object" && typeof value !== "function") return formatPrimitive(context, value);
  if (value === null) return formatPrimitive(context, value);
  let details = ops.proxyDetails(value);
  while (details !== undefined) {
    value = details[0];
    if (value === null || value === undefined) return stylize(context, "<Revoked Proxy>", "special");
    details = ops.proxyDetails(value);
  }
  if (ArrayPrototypeIncludes(context.seen, value)) {
    context.circular ??= new Map();
    let index = MapPrototypeGet(context.circular, value);
    if (index === undefined) {
      index = MapPrototypeGetSize(context.circular) + 1;
      MapPrototypeSet(context.circular, value, index);
    }
    return stylize(context, `[Circular *${index}]`, "special");
  }
  return formatObject(context, value, depth);
}

// How an object is printed: what comes before the braces, the braces, and its entries.
class Shape {
  constructor() {
    this.base = "";
    this.open = "{";
    this.close = "}";
    // Makes the entries that are not properties; null: there are none.
    this.entries = null;
    // Keys that are not to be printed as properties.
    this.skipIndices = false;
    this.skipKeys = null;
    this.array = false;
    // A collection without entries, which is printed as such however deep it is.
    this.empty = false;
  }
}
hideObjectPrototype(Shape);

// "Name " or "Name(size) ", with what is unusual about the object's prototype and tag.
function prefixOf(context, name, tag, fallback, size) {
  const count = size === undefined ? "" : `(${size})`;
  if (name === null) return `[${fallback}${count}: null prototype] ${tag === undefined || tag === fallback ? "" : `[${tag}] `}`;
  return `${name}${count} ${tag === undefined || tag === name ? "" : `[${tag}] `}`;
}

// The kinds of objects that have internal slots, by the tag that their prototypes bring or the language itself gives them.
const slotKinds = {
  __proto__: null,
  Arguments: true, Array: true, ArrayBuffer: true, BigInt: true, Boolean: true, DataView: true, Date: true, Error: true,
  "Map Iterator": true, Map: true, Number: true, Object: true, Promise: true, RegExp: true, "Set Iterator": true, Set: true,
  SharedArrayBuffer: true, String: true, Symbol: true, WeakMap: true, WeakSet: true,
};

// Which kind it is worth to probe an object for; "" for any, since its tag hides it. (A probe that fails throws, which is slow.)
function guessKind(value, tag) {
  if (tag === undefined || tag === null) return builtinTag(value, tag);
  return slotKinds[tag] ? tag : "";
}

function formatObject(context, value, depth) {
  const name = constructorName(value);
  let tag = findTag(value);
  const kind = guessKind(value, tag);
  if (tag === null || tag === "" || (tag !== undefined && (tag === name || ObjectPrototypePropertyIsEnumerable(value, SymbolToStringTag)))) {
    // Nothing that is to be told, or it is among the properties.
    tag = undefined;
  }
  if (++context.objects > OBJECTS_MAX) return stylize(context, "...", "special");

  const shape = describeShape(context, value, name, tag, kind);
  if (depth > context.depth) {
    const label = shape.array ? "Array" : name === null ? "Object: null prototype" : tag === undefined ? name : `${name} [${tag}]`;
    if (shape.base !== "" && shape.entries === null) return shape.base;
    if ((shape.entries === null || shape.empty) && isBare(value)) return emptyText(shape);
    return stylize(context, `[${label}]`, "special");
  }

  context.currentDepth = depth;
  ArrayPrototypePush(context.seen, value);
  let output;
  try {
    output = shape.entries === null ? [] : shape.entries(context, value, depth + 1);
    const extra = output.length;
    formatProperties(context, value, depth + 1, shape, output);
    if (output.length === 0) {
      ArrayPrototypePop(context.seen);
      return withReference(context, value, emptyText(shape));
    }
    if (shape.array && extra > 6 && extra === output.length) {
      const grouped = groupEntries(output, context, value);
      ArrayPrototypePop(context.seen);
      return withReference(
        context, value, oneLineOrMany(context, grouped, grouped === output, shape.base, [shape.open, shape.close], depth),
      );
    }
  } catch (error) {
    // Too deep for the stack. (What is inside the object may then be half printed: none of it is shown.)
    if (!(error instanceof RangeError)) throw error;
    ArrayPrototypePop(context.seen);
    return stylize(context, `[${name ?? "Object"}: nested too deeply to print]`, "special");
  }
  ArrayPrototypePop(context.seen);
  return withReference(
    context, value, oneLineOrMany(context, output, true, shape.base, [shape.open, shape.close], depth),
  );
}

// Whether no property of the object would be printed.
function isBare(value) {
  const keys = ReflectOwnKeys(value);
  for (let i = 0; i < keys.length; i++) {
    if (ObjectPrototypePropertyIsEnumerable(value, keys[i])) return false;
  }
  return true;
}

function emptyText(shape) {
  if (shape.base !== "" && shape.open === "{") return shape.base;
  return `${shape.base === "" ? "" : `${shape.base} `}${shape.open}${shape.close}`;
}

// Others refer to it by number if it contains itself.
function withReference(context, value, text) {
  if (context.circular === null) return text;
  const index = MapPrototypeGet(context.circular, value);
  return index === undefined ? text : `${stylize(context, `<ref *${index}>`, "special")} ${text}`;
}

function describeShape(context, value, name, tag, kind) {
  const any = kind === "";
  const shape = new Shape();
  if (ArrayIsArray(value)) {
    const { length } = value;
    shape.array = true;
    shape.empty = length === 0;
    shape.open = name === "Array" && tag === undefined ? "[" : `${prefixOf(context, name, tag, "Array", length)}[`;
    shape.close = "]";
    shape.entries = formatArray;
    shape.skipIndices = true;
    return shape;
  }
  const typedArray = TypedArrayPrototypeGetSymbolToStringTag(value);
  if (typedArray !== undefined) {
    shape.array = true;
    shape.empty = TypedArrayPrototypeGetLength(value) === 0;
    shape.open = `${
      prefixOf(context, name, tag, typedArray, TypedArrayPrototypeGetLength(value))
    }[`;
    shape.close = "]";
    shape.entries = formatTypedArray;
    shape.skipIndices = true;
    return shape;
  }
  if (typeof value === "function") {
    shape.base = stylize(context, functionBase(value, name), "special");
    return shape;
  }
  // The objects of most values say that they are none of the platform's.
  const platform = name === "Object" || kind === "Map" || kind === "Set" ? undefined : internal.platformInspectors.find(value);
  if (platform !== undefined) {
    shape.open = `${name ?? platform.name} {`;
    shape.entries = (context, value, depth) => platform.format(value, (inner) => nested(context, inner, depth));
    return shape;
  }
  if ((any || kind === "Map") && isMap(value)) {
    shape.open = `${prefixOf(context, name, tag, "Map", MapPrototypeGetSize(value))}{`;
    shape.entries = formatMap;
    shape.empty = MapPrototypeGetSize(value) === 0;
  } else if ((any || kind === "Set") && isSet(value)) {
    shape.open = `${prefixOf(context, name, tag, "Set", SetPrototypeGetSize(value))}{`;
    shape.entries = formatSet;
    shape.empty = SetPrototypeGetSize(value) === 0;
  } else if (isError(value)) {
    shape.base = errorBase(context, value, name, shape);
    shape.entries = formatErrorExtras;
  } else if ((any || kind === "RegExp") && isRegExp(value)) {
    shape.base = withClass(stylize(context, regExpText(value), "regexp"), name, tag, "RegExp");
  } else if ((any || kind === "Date") && isDate(value)) {
    const time = DatePrototypeGetTime(value);
    shape.base = withClass(
      stylize(context, time !== time ? "Invalid Date" : DatePrototypeToISOString(value), "date"), name, tag, "Date",
    );
  } else {
    describeOther(context, value, name, tag, shape, kind);
  }
  return shape;
}

function describeOther(context, value, name, tag, shape, guess) {
  const any = guess === "";
  const promise = any || guess === "Promise" ? ops.promiseDetails(value) : undefined;
  if (promise !== undefined) {
    shape.open = `${prefixOf(context, name, tag, "Promise")}{`;
    shape.entries = (context, value, depth) => formatPromise(context, promise, depth);
    return;
  }
  if (
    (any || guess === "ArrayBuffer" || guess === "SharedArrayBuffer") &&
    (webidl.isArrayBuffer(value) || webidl.isSharedArrayBuffer(value))
  ) {
    const kind = webidl.isArrayBuffer(value) ? "ArrayBuffer" : "SharedArrayBuffer";
    shape.open = `${prefixOf(context, name, tag, kind)}{`;
    shape.entries = formatArrayBuffer;
    return;
  }
  if ((any || guess === "DataView") && hasSlot(DataViewPrototypeGetBuffer, value)) {
    shape.open = `${prefixOf(context, name, tag, "DataView")}{`;
    shape.entries = formatDataView;
    return;
  }
  if ((any || guess === "WeakMap" || guess === "WeakSet") && (isWeakMap(value) || isWeakSet(value))) {
    shape.open = `${prefixOf(context, name, tag, "WeakMap")}{`;
    shape.entries = (context) => [stylize(context, "<items unknown>", "special")];
    return;
  }
  for (let i = 0; i < boxes.length; i++) {
    const kind = boxes[i][0];
    if (!(any || guess === kind) || !hasSlot(boxes[i][1], value)) continue;
    const primitive = boxes[i][1](value);
    const inner = formatPrimitive({ __proto__: null, ...context, colors: false, indentation: 0 }, primitive);
    const label = name === kind || name === null ? kind : `${kind} (${name})`;
    shape.base = stylize(context, `[${label}${name === null ? " (null prototype)" : ""}: ${inner}]`, kind === "Number" ||
      kind === "Boolean" || kind === "BigInt" ? "number" : "string");
    shape.skipIndices = kind === "String";
    if (kind === "String") shape.skipKeys = ["length"];
    return;
  }
  if (tag === "Map Iterator" || tag === "Set Iterator") {
    const preview = ops.previewEntries(value);
    if (preview !== undefined) {
      const pairs = preview[0];
      const entries = preview[1];
      shape.open = pairs ? `[${tag === "Map Iterator" ? "Map" : "Set"} Entries] {` : `[${tag}] {`;
      shape.entries = (context, value, depth) => pairs ? formatPairs(context, entries, depth) : formatList(context, entries, depth);
      return;
    }
  }
  if (name === "Object" && tag === undefined) {
    if (guess === "Arguments") shape.open = "[Arguments] {";
    return;
  }
  if (name === null && tag === "Module") {
    shape.open = "[Module: null prototype] {";
    return;
  }
  shape.open = `${prefixOf(context, name, tag, "Object")}{`;
}

function withClass(text, name, tag, kind) {
  if (name === kind && tag === undefined) return text;
  return `${name === null ? `[${kind}: null prototype]` : name}${tag === undefined ? "" : ` [${tag}]`} ${text}`;
}

function functionBase(value, constructor) {
  const name = ownData(value, "name");
  const source = FunctionPrototypeToString(value);
  const named = typeof name === "string" && name !== "";
  if (StringPrototypeStartsWith(source, "class") && StringPrototypeEndsWith(source, "}")) {
    let base = `[class ${named ? name : "(anonymous)"}`;
    const parent = ObjectGetPrototypeOf(value);
    if (parent === null) base += " extends null";
    else if (!isProxy(parent) && typeof parent === "function") {
      const parentName = ownData(parent, "name");
      if (typeof parentName === "string" && parentName !== "") base += ` extends ${parentName}`;
    }
    return `${base}]`;
  }
  const tag = findTag(value);
  const kind = tag === "AsyncFunction" || tag === "GeneratorFunction" || tag === "AsyncGeneratorFunction" ? tag : "Function";
  let base = `[${kind}${named ? `: ${name}` : " (anonymous)"}]`;
  if (constructor === null) base += " (null prototype)";
  return base;
}

// ---------------------------------------------------------------------------------------------------------------------
// Entries of the language's collections

// A value inside another, printed two columns further in.
function nested(context, value, depth) {
  context.indentation += 2;
  const text = formatValue(context, value, depth);
  context.indentation -= 2;
  return text;
}

function moreItems(count) {
  return `... ${count} more item${count === 1 ? "" : "s"}`;
}

function formatArray(context, value, depth) {
  const output = [];
  let length = ownData(value, "length");
  if (typeof length !== "number") length = 0;
  let shown = 0;
  let i = 0;
  while (i < length && shown < ARRAY_ITEMS_MAX) {
    const descriptor = ReflectGetOwnPropertyDescriptor(value, `${i}`);
    if (descriptor === undefined) {
      const start = i;
      // In a sparse array the next index may be far away.
      i = nextIndex(value, i, length);
      const holes = i - start;
      ArrayPrototypePush(output, stylize(context, `<${holes} empty item${holes === 1 ? "" : "s"}>`, "undefined"));
    } else {
      ArrayPrototypePush(output, formatDescriptor(context, descriptor, depth));
      i++;
    }
    shown++;
  }
  if (i < length) ArrayPrototypePush(output, moreItems(length - i));
  return output;
}

// The first index after `from` that an array has, or `length`.
function nextIndex(array, from, length) {
  for (let i = from + 1; i < length; i++) {
    if (i > from + 1000) {
      // Very sparse: keys of indices come first, in ascending order.
      const keys = ReflectOwnKeys(array);
      for (let k = 0; k < keys.length; k++) {
        if (typeof keys[k] !== "string") break;
        const index = +keys[k];
        if (index >= i && index < length) return index;
      }
      return length;
    }
    if (ReflectGetOwnPropertyDescriptor(array, `${i}`) !== undefined) return i;
  }
  return length;
}

function formatTypedArray(context, value) {
  const output = [];
  const length = TypedArrayPrototypeGetLength(value);
  const shown = length < ARRAY_ITEMS_MAX ? length : ARRAY_ITEMS_MAX;
  for (let i = 0; i < shown; i++) ArrayPrototypePush(output, formatPrimitive(context, value[i]));
  if (shown < length) ArrayPrototypePush(output, moreItems(length - shown));
  return output;
}

function formatMap(context, value, depth) {
  const output = [];
  let rest = 0;
  MapPrototypeForEach(value, (item, key) => {
    if (output.length >= ARRAY_ITEMS_MAX) rest++;
    else ArrayPrototypePush(output, `${nested(context, key, depth)} => ${nested(context, item, depth)}`);
  });
  if (rest > 0) ArrayPrototypePush(output, moreItems(rest));
  return output;
}

function formatSet(context, value, depth) {
  const output = [];
  let rest = 0;
  SetPrototypeForEach(value, (item) => {
    if (output.length >= ARRAY_ITEMS_MAX) rest++;
    else ArrayPrototypePush(output, nested(context, item, depth));
  });
  if (rest > 0) ArrayPrototypePush(output, moreItems(rest));
  return output;
}

function formatList(context, values, depth) {
  const output = [];
  for (let i = 0; i < values.length && i < ARRAY_ITEMS_MAX; i++) {
    ArrayPrototypePush(output, nested(context, values[i], depth));
  }
  if (values.length > ARRAY_ITEMS_MAX) ArrayPrototypePush(output, moreItems(values.length - ARRAY_ITEMS_MAX));
  return output;
}

// Of a flat list of keys and values.
function formatPairs(context, values, depth) {
  const output = [];
  for (let i = 0; i + 1 < values.length && i < 2 * ARRAY_ITEMS_MAX; i += 2) {
    ArrayPrototypePush(output, `[ ${nested(context, values[i], depth)}, ${nested(context, values[i + 1], depth)} ]`);
  }
  const more = values.length / 2 - ARRAY_ITEMS_MAX;
  if (more > 0) ArrayPrototypePush(output, moreItems(more));
  return output;
}

function formatPromise(context, details, depth) {
  if (details[0] === 0) return [stylize(context, "<pending>", "special")];
  const text = nested(context, details[1], depth);
  return [details[0] === 2 ? `${stylize(context, "<rejected>", "special")} ${text}` : text];
}

function hexContents(buffer) {
  const bytes = new Uint8Array(buffer);
  const length = TypedArrayPrototypeGetLength(bytes);
  const parts = [];
  for (let i = 0; i < length && i < BUFFER_BYTES_MAX; i++) {
    ArrayPrototypePush(parts, (bytes[i] < 16 ? "0" : "") + NumberPrototypeToString(bytes[i], 16));
  }
  const more = length - BUFFER_BYTES_MAX;
  return `<${ArrayPrototypeJoin(parts, " ")}${more > 0 ? ` ... ${more} more byte${more === 1 ? "" : "s"}` : ""}>`;
}

function formatArrayBuffer(context, value) {
  let contents;
  try {
    contents = `${stylize(context, "[Uint8Contents]", "special")}: ${hexContents(value)}`;
  } catch {
    contents = stylize(context, "(detached)", "special");
  }
  const length = webidl.isArrayBuffer(value)
    ? ArrayBufferPrototypeGetByteLength(value)
    : TypedArrayPrototypeGetByteLength(new Uint8Array(value));
  return [contents, `byteLength: ${formatPrimitive(context, length)}`];
}

function formatDataView(context, value, depth) {
  const output = [];
  try {
    ArrayPrototypePush(output, `byteLength: ${formatPrimitive(context, DataViewPrototypeGetByteLength(value))}`);
    ArrayPrototypePush(output, `byteOffset: ${formatPrimitive(context, DataViewPrototypeGetByteOffset(value))}`);
  } catch {
    // Its buffer is detached: it has neither.
  }
  ArrayPrototypePush(output, `buffer: ${nested(context, DataViewPrototypeGetBuffer(value), depth)}`);
  return output;
}

// ---------------------------------------------------------------------------------------------------------------------
// Properties

function formatDescriptor(context, descriptor, depth) {
  // Not by what is undefined: a descriptor inherits what a tenant has made of Object.prototype.
  if (ObjectHasOwn(descriptor, "value")) return nested(context, descriptor.value, depth);
  const label = descriptor.get === undefined ? "[Setter]" : descriptor.set === undefined ? "[Getter]" : "[Getter/Setter]";
  return stylize(context, label, "special");
}

function isIndex(key) {
  const number = +key;
  return number >= 0 && number < 4294967295 && `${number}` === key && number % 1 === 0;
}

// Appends "key: value" for each own property that is to be seen.
function formatProperties(context, value, depth, shape, output) {
  const keys = ReflectOwnKeys(value);
  for (let i = 0; i < keys.length; i++) {
    const key = keys[i];
    if (typeof key === "string") {
      if (shape.skipIndices && isIndex(key)) continue;
      if (shape.skipKeys !== null && ArrayPrototypeIncludes(shape.skipKeys, key)) continue;
    }
    let descriptor;
    try {
      descriptor = ReflectGetOwnPropertyDescriptor(value, key);
    } catch {
      // A module's binding before its declaration was evaluated.
      ArrayPrototypePush(output, `${keyText(context, key, true)}: ${stylize(context, "<uninitialized>", "special")}`);
      continue;
    }
    if (descriptor === undefined) continue;
    if (!descriptor.enumerable && !(context.showHidden && typeof value !== "function")) continue;
    ArrayPrototypePush(
      output, `${keyText(context, key, descriptor.enumerable)}: ${formatDescriptor(context, descriptor, depth)}`,
    );
  }
}

function keyText(context, key, enumerable) {
  if (typeof key === "symbol") {
    const text = stylize(context, SymbolPrototypeToString(key), "symbol");
    return enumerable ? text : `[${text}]`;
  }
  if (!enumerable) return `[${key}]`;
  const text = quoteKey(key);
  return text === key ? key : stylize(context, text, "string");
}

// ---------------------------------------------------------------------------------------------------------------------
// Errors

function isError(value) {
  if (ErrorIsError !== undefined) {
    if (ErrorIsError(value)) return true;
  } else if (builtinTag(value, findTag(value)) === "Error") {
    return true;
  }
  for (let object = ObjectGetPrototypeOf(value); object !== null; object = ObjectGetPrototypeOf(object)) {
    if (object === Error.prototype) return true;
    if (isProxy(object)) return false;
  }
  return false;
}

// The engine may keep `stack` behind a getter of its own, which alone is called.
const stackGetter = ReflectGetOwnPropertyDescriptor(new Error(), "stack")?.get;
const getStack = stackGetter === undefined ? undefined : uncurryThis(stackGetter);

function errorStack(error) {
  try {
    const descriptor = ReflectGetOwnPropertyDescriptor(error, "stack");
    if (descriptor === undefined) return undefined;
    const stack = descriptor.get === undefined
      ? descriptor.value
      : descriptor.get === stackGetter ? getStack(error) : undefined;
    return typeof stack === "string" && stack !== "" ? stack : undefined;
  } catch {
    return undefined;
  }
}

// A data property of the error or of its prototypes, where it is a string.
function inheritedString(error, key) {
  for (let object = error; object !== null && !isProxy(object); object = ObjectGetPrototypeOf(object)) {
    const descriptor = ReflectGetOwnPropertyDescriptor(object, key);
    if (descriptor !== undefined) return typeof descriptor.value === "string" ? descriptor.value : undefined;
  }
  return undefined;
}

function errorBase(context, error, constructor, shape) {
  const exception = internal.platformInspectors.exception(error);
  const name = exception === undefined ? inheritedString(error, "name") ?? constructor ?? "Error" : exception.name;
  const message = exception === undefined ? inheritedString(error, "message") ?? "" : exception.message;
  const title = message === "" ? name : name === "" ? message : `${name}: ${message}`;
  let stack = errorStack(error);
  shape.skipKeys = ["stack", "message", "cause", "errors"];
  // An own name is in the title already.
  if (ownData(error, "name") === name) ArrayPrototypePush(shape.skipKeys, "name");
  if (stack === undefined) return `[${title}]`;
  // The stack was taken when the error was made: its first line may have a name or message that changed since.
  const frames = StringPrototypeIndexOf(stack, "\n    at ");
  if (frames === -1) {
    stack = `[${StringPrototypeIncludes(stack, message) ? title : stack}]`;
  } else {
    const head = StringPrototypeSlice(stack, 0, frames);
    const rest = StringPrototypeSlice(stack, frames);
    if (!StringPrototypeIncludes(head, name) || !StringPrototypeIncludes(head, message)) {
      stack = title + rest;
    } else if (
      constructor !== null && exception === undefined && name === "Error" && constructor !== name &&
      StringPrototypeStartsWith(head, "Error")
    ) {
      // A subclass that gave itself no name.
      stack = (StringPrototypeIncludes(constructor, name) ? constructor : `${constructor} [${name}]`) + StringPrototypeSlice(stack, 5);
    }
  }
  if (context.indentation > 0) stack = indentLines(stack, context.indentation);
  return stack;
}

function indentLines(text, columns) {
  const indentation = `\n${StringPrototypeRepeat(" ", columns)}`;
  let output = "";
  let start = 0;
  for (let at = StringPrototypeIndexOf(text, "\n"); at !== -1; at = StringPrototypeIndexOf(text, "\n", start)) {
    output += StringPrototypeSlice(text, start, at) + indentation;
    start = at + 1;
  }
  return output + StringPrototypeSlice(text, start);
}

// An error's cause and, of an AggregateError, its errors: they are not enumerable, and yet what one looks for.
function formatErrorExtras(context, error, depth) {
  const output = [];
  const keys = ["cause", "errors"];
  for (let i = 0; i < keys.length; i++) {
    const descriptor = ReflectGetOwnPropertyDescriptor(error, keys[i]);
    if (descriptor === undefined) continue;
    const label = ObjectPrototypePropertyIsEnumerable(error, keys[i]) ? keys[i] : `[${keys[i]}]`;
    ArrayPrototypePush(output, `${label}: ${formatDescriptor(context, descriptor, depth)}`);
  }
  return output;
}

// Whether an object has a toString() that somebody has written, and not only the language's; no proxy has.
function hasOwnToString(value) {
  for (let object = value; object !== null && !isProxy(object); object = ObjectGetPrototypeOf(object)) {
    const descriptor = ReflectGetOwnPropertyDescriptor(object, "toString");
    if (descriptor === undefined) continue;
    return ObjectHasOwn(descriptor, "value") && typeof descriptor.value === "function" && !isProxy(descriptor.value) &&
      !StringPrototypeEndsWith(FunctionPrototypeToString(descriptor.value), "{ [native code] }");
  }
  return false;
}

// ---------------------------------------------------------------------------------------------------------------------

// Text for a value. Options: depth (levels of objects inside the value that are printed, 2; null or Infinity for all), colors,
// showHidden, breakLength (columns, 80). Never throws for a value's sake.
function inspect(value, options = undefined) {
  return formatValue(new Context(options === undefined || options === null ? { __proto__: null } : options), value, 0);
}

internal.console = { __proto__: null, errorStack, hasOwnToString, inspect, isMap, isSet };
