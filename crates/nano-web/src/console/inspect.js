// inspect(): any value as text that a developer can read, in the notation that Node made customary.
//
// It runs no code of the tenant: properties are read as descriptors, getters are named and not called,
// proxies are looked through natively, kinds of objects are told by their internal slots. (One exception is
// the engine's: a stack trace that was never read calls Error.prepareStackTrace, if a tenant has set it.)
// Values of the platform are printed by console/platform.js. Knows nothing of format specifiers and of where
// text goes.

const {
  ArrayBufferPrototypeGetByteLength, ArrayIsArray, ArrayPrototypeIncludes, ArrayPrototypePop,
  ArrayPrototypePush, BigIntPrototypeValueOf, BooleanPrototypeValueOf, DataViewPrototypeGetBuffer,
  DataViewPrototypeGetByteLength, DataViewPrototypeGetByteOffset, DatePrototypeGetTime,
  DatePrototypeToISOString, FunctionPrototypeToString, Map, MapPrototypeForEach, MapPrototypeGet,
  MapPrototypeGetSize, MapPrototypeSet, NumberPrototypeValueOf, ObjectGetPrototypeOf, ObjectHasOwn,
  ObjectPrototypePropertyIsEnumerable, RangeError, ReflectGetOwnPropertyDescriptor, ReflectOwnKeys,
  SetPrototypeForEach, SetPrototypeGetSize, StringPrototypeEndsWith, StringPrototypeStartsWith,
  StringPrototypeValueOf, SymbolPrototypeToString, SymbolPrototypeValueOf, SymbolToStringTag,
  TypedArrayPrototypeGetByteLength, TypedArrayPrototypeGetLength, TypedArrayPrototypeGetSymbolToStringTag,
  Uint8Array, hideObjectPrototype,
} = internal.primordials;
const webidl = internal.webidl;
const { groupEntries, oneLineOrMany, quoteKey } = internal.layout;
const {
  Context, builtinTag, constructorName, errorBase, findTag, formatPrimitive, hasSlot, hexContents, isDate,
  isError, isMap, isProxy, isRegExp, isSet, isWeakMap, isWeakSet, ownData, regExpText, stylize,
} = internal.console;

// At most this is printed, so that one line of log cannot take a tenant's whole memory.
const ARRAY_ITEMS_MAX = 100;
const OBJECTS_MAX = 20000;

// Boxed primitives: [name, unwrap].
const boxes = [
  ["Number", NumberPrototypeValueOf],
  ["String", StringPrototypeValueOf],
  ["Boolean", BooleanPrototypeValueOf],
  ["BigInt", BigIntPrototypeValueOf],
  ["Symbol", SymbolPrototypeValueOf],
];

// ---------------------------------------------------------------------------------------------------------------------
// Values

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

// The kinds of objects that have internal slots, by the tag that their prototypes bring or the language
// itself gives them.
const slotKinds = {
  __proto__: null,
  Arguments: true, Array: true, ArrayBuffer: true, BigInt: true, Boolean: true, DataView: true, Date: true, Error: true,
  "Map Iterator": true, Map: true, Number: true, Object: true, Promise: true, RegExp: true, "Set Iterator": true, Set: true,
  SharedArrayBuffer: true, String: true, Symbol: true, WeakMap: true, WeakSet: true,
};

// Which kind it is worth to probe an object for; "" for any, since its tag hides it. (A probe that fails
// throws, which is slow.)
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

// An error's cause and, of an AggregateError, its errors: they are not enumerable, and yet what one looks
// for.
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

// ---------------------------------------------------------------------------------------------------------------------

// Text for a value. Options: depth (levels of objects inside the value that are printed, 2; null or Infinity
// for all), colors, showHidden, breakLength (columns, 80). Never throws for a value's sake.
function inspect(value, options = undefined) {
  return formatValue(new Context(options === undefined || options === null ? { __proto__: null } : options), value, 0);
}

internal.console.inspect = inspect;
