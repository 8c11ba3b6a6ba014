// The state of one call of inspect(), and how primitive values and bytes are printed.

const {
  ArrayPrototypeJoin, ArrayPrototypePush, NumberPrototypeToString, ObjectIs, StringPrototypeIncludes,
  StringPrototypeIndexOf, StringPrototypeRepeat, StringPrototypeSlice, SymbolPrototypeToString,
  TypedArrayPrototypeGetLength, Uint8Array, hideObjectPrototype,
} = internal.primordials;
const { quote } = internal.layout;

// At most this is printed, so that one line of log cannot take a tenant's whole memory.
const STRING_LENGTH_MAX = 10000;
const BUFFER_BYTES_MAX = 50;
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

// The state of one call of inspect()
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

internal.console.Context = Context;
internal.console.formatPrimitive = formatPrimitive;
internal.console.hexContents = hexContents;
internal.console.stylize = stylize;
