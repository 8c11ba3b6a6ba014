// The console namespace (Console Standard section 1-section 2).
//
// Methods are functions of their own, without a receiver, so `const { log } = console` works. Text goes to `ops.print`
// with a level: 0 debug, 1 info, 2 warn, 3 error.

const { Object } = internal.primordials;
const {
  ArrayPrototypeJoin,
  ArrayPrototypePush,
  Error,
  ErrorCaptureStackTrace,
  FunctionPrototypeToString,
  Map,
  MapPrototypeDelete,
  MapPrototypeForEach,
  MapPrototypeGet,
  MapPrototypeHas,
  MapPrototypeSet,
  MathRound,
  Number,
  NumberPrototypeToFixed,
  ObjectCreate,
  ObjectDefineProperty,
  ReflectGetOwnPropertyDescriptor,
  ReflectOwnKeys,
  SetPrototypeForEach,
  StringPrototypeIndexOf,
  StringPrototypeRepeat,
  StringPrototypeSlice,
  SymbolPrototypeToString,
  SymbolToStringTag,
  parseFloat,
  parseInt,
} = internal.primordials;
const webidl = internal.webidl;
const { converters } = webidl;
const { inspect } = internal.console;
const { width } = internal.layout;

const DEBUG = 0;
const INFO = 1;
const WARN = 2;
const ERROR = 3;

const GROUP_INDENTATION = 2;

let indentation = "";
// label -> number of calls
const counts = new Map();
// label -> start in milliseconds
const timers = new Map();

// ---------------------------------------------------------------------------------------------------------------------
// Formatting. section 2.2, section 2.3

// An object with a null prototype made by a literal is a hash table in V8; one with a constructor is not.
class InspectOptions {
  constructor(depth, colors) {
    this.depth = depth;
    this.colors = colors;
    this.showHidden = undefined;
    this.breakLength = undefined;
  }
}
internal.primordials.hideObjectPrototype(InspectOptions);

// Whether texts may have colours, once asked.
let colors;

function inspectArgument(value, depth = undefined) {
  return inspect(value, new InspectOptions(depth, colors ??= ops.consoleColors()));
}

// An argument that is not formatted by a specifier: strings as they are.
function plain(value) {
  return typeof value === "string" ? value : inspectArgument(value);
}

function formatNumber(value, parse) {
  if (typeof value === "symbol") return "NaN";
  if (typeof value === "bigint" && parse !== parseFloat) return `${value}n`;
  // An object would have to be converted by code of its own.
  if (webidl.isObject(value)) return "NaN";
  const number = parse(value);
  return number === 0 && 1 / number < 0 ? "-0" : `${number}`;
}

function toNumber(value) {
  return Number(value);
}

// One specifier's text, or undefined if the letter is none.
function formatSpecifier(letter, value) {
  switch (letter) {
    case "s":
      if (typeof value === "string") return value;
      if (typeof value === "bigint") return `${value}n`;
      if (typeof value === "symbol") return SymbolPrototypeToString(value);
      if (!webidl.isObject(value)) return value === 0 && 1 / value < 0 ? "-0" : `${value}`;
      if (typeof value === "function") return FunctionPrototypeToString(value);
      // Console section 2.2: the string that String() makes; but what says nothing of the object is no use, and printing must not throw.
      if (internal.console.hasOwnToString(value)) {
        try {
          return `${value.toString()}`;
        } catch {}
      }
      return inspect(value, { __proto__: null, depth: 0 });
    case "d":
      return formatNumber(value, toNumber);
    case "i":
      return formatNumber(value, (v) => typeof v === "bigint" ? v : parseInt(v, 10));
    case "f":
      return formatNumber(value, parseFloat);
    case "o":
      return inspect(value, { __proto__: null, depth: 4, showHidden: true, colors: ops.consoleColors() });
    case "O":
      return inspectArgument(value);
    case "c":
      // Styles are for browsers.
      return "";
    default:
      return undefined;
  }
}

// The text of a call's arguments. `args` is ours.
function format(args) {
  if (args.length === 1) return plain(args[0]);
  if (args.length === 0) return "";
  const first = args[0];
  let text = "";
  let next = 0;
  if (typeof first === "string") {
    next = 1;
    let start = 0;
    let at = StringPrototypeIndexOf(first, "%");
    while (at !== -1 && at + 1 < first.length) {
      const letter = first[at + 1];
      if (letter === "%") {
        text += StringPrototypeSlice(first, start, at + 1);
        start = at + 2;
      } else if (next < args.length) {
        const formatted = formatSpecifier(letter, args[next]);
        if (formatted !== undefined) {
          text += StringPrototypeSlice(first, start, at) + formatted;
          start = at + 2;
          next++;
        }
      }
      at = StringPrototypeIndexOf(first, "%", at + 2);
    }
    text += StringPrototypeSlice(first, start);
  } else {
    next = 1;
    text = plain(first);
  }
  for (; next < args.length; next++) text += ` ${plain(args[next])}`;
  return text;
}

function print(level, text) {
  if (indentation !== "") {
    let output = indentation;
    let start = 0;
    for (let at = StringPrototypeIndexOf(text, "\n"); at !== -1; at = StringPrototypeIndexOf(text, "\n", start)) {
      output += StringPrototypeSlice(text, start, at + 1) + indentation;
      start = at + 1;
    }
    text = output + StringPrototypeSlice(text, start);
  }
  ops.print(level, text);
}

function convertLabel(label, method) {
  return label === undefined ? "default" : converters.DOMString(label, `Failed to execute '${method}' on 'console'`, "Argument 1");
}

// ---------------------------------------------------------------------------------------------------------------------
// Tables. section 1.1.8

const rowsIndex = "(index)";
const keysColumn = "Key";
const valuesColumn = "Values";
const iterationColumn = "(iteration index)";

// "\u250c\u2500\u2500\u2500\u252c\u2500\u2500\u2500\u2510" of some widths
function tableLine(widths, left, middle, right) {
  const parts = [];
  for (let i = 0; i < widths.length; i++) ArrayPrototypePush(parts, StringPrototypeRepeat("\u2500", widths[i] + 2));
  return left + ArrayPrototypeJoin(parts, middle) + right;
}

function tableRow(cells, widths) {
  let row = "\u2502";
  for (let i = 0; i < cells.length; i++) {
    row += ` ${cells[i]}${StringPrototypeRepeat(" ", widths[i] - width(cells[i]))} \u2502`;
  }
  return row;
}

// `columns`: [heading, cells] arrays, all cells strings and all of one length.
function renderTable(columns, count) {
  const widths = [];
  const headings = [];
  for (let i = 0; i < columns.length; i++) {
    let widest = width(columns[i][0]);
    for (let j = 0; j < count; j++) {
      const cell = width(columns[i][1][j]);
      if (cell > widest) widest = cell;
    }
    ArrayPrototypePush(widths, widest);
    ArrayPrototypePush(headings, columns[i][0]);
  }
  let text = `${tableLine(widths, "\u250c", "\u252c", "\u2510")}\n${tableRow(headings, widths)}\n${tableLine(widths, "\u251c", "\u253c", "\u2524")}\n`;
  for (let j = 0; j < count; j++) {
    const cells = [];
    for (let i = 0; i < columns.length; i++) ArrayPrototypePush(cells, columns[i][1][j]);
    text += `${tableRow(cells, widths)}\n`;
  }
  return text + tableLine(widths, "\u2514", "\u2534", "\u2518");
}

// The table of a Map or a Set, whose entries are not spread over columns; undefined for anything else.
function formatCollection(data) {
  const { isMap, isSet } = internal.console;
  const indices = [];
  const keys = [];
  const values = [];
  const add = (list, value) => ArrayPrototypePush(list, inspect(value, { __proto__: null, depth: 1, colors: ops.consoleColors() }));
  if (isMap(data)) {
    MapPrototypeForEach(data, (value, key) => {
      ArrayPrototypePush(indices, `${indices.length}`);
      add(keys, key);
      add(values, value);
    });
    return renderTable([[iterationColumn, indices], [keysColumn, keys], [valuesColumn, values]], indices.length);
  }
  if (isSet(data)) {
    SetPrototypeForEach(data, (value) => {
      ArrayPrototypePush(indices, `${indices.length}`);
      add(values, value);
    });
    return renderTable([[iterationColumn, indices], [valuesColumn, values]], indices.length);
  }
  return undefined;
}

// Calls `call(key, value)` for own enumerable string-keyed properties; getters are not called.
function eachProperty(object, call) {
  const details = ops.proxyDetails(object);
  if (details !== undefined) {
    if (webidl.isObject(details[0])) eachProperty(details[0], call);
    return;
  }
  const keys = ReflectOwnKeys(object);
  for (let i = 0; i < keys.length; i++) {
    if (typeof keys[i] !== "string") continue;
    const descriptor = ReflectGetOwnPropertyDescriptor(object, keys[i]);
    if (descriptor !== undefined && descriptor.enumerable) call(keys[i], descriptor.value);
  }
}

function formatTable(data, properties) {
  const collection = formatCollection(data);
  if (collection !== undefined) return collection;
  const keys = [];
  const values = [];
  eachProperty(data, (key, value) => {
    ArrayPrototypePush(keys, key);
    ArrayPrototypePush(values, value);
  });
  const headings = [];
  const cells = new Map();
  const primitives = [];
  let hasPrimitives = false;
  const addColumn = (name) => {
    if (MapPrototypeHas(cells, name)) return;
    ArrayPrototypePush(headings, name);
    MapPrototypeSet(cells, name, []);
  };
  const cell = (value) => inspect(value, { __proto__: null, depth: 0, breakLength: Infinity, colors: ops.consoleColors() });
  if (properties !== undefined) {
    for (let i = 0; i < properties.length; i++) addColumn(properties[i]);
  }
  for (let row = 0; row < values.length; row++) {
    const value = values[row];
    ArrayPrototypePush(primitives, "");
    if (!webidl.isObject(value) || typeof value === "function") {
      primitives[row] = cell(value);
      hasPrimitives = true;
      continue;
    }
    eachProperty(value, (key, inner) => {
      if (properties === undefined) addColumn(key);
      const column = MapPrototypeGet(cells, key);
      if (column === undefined) return;
      while (column.length < row) ArrayPrototypePush(column, "");
      ArrayPrototypePush(column, cell(inner));
    });
  }
  const columns = [[rowsIndex, keys]];
  for (let i = 0; i < headings.length; i++) {
    const column = MapPrototypeGet(cells, headings[i]);
    while (column.length < values.length) ArrayPrototypePush(column, "");
    ArrayPrototypePush(columns, [headings[i], column]);
  }
  if (hasPrimitives) ArrayPrototypePush(columns, [valuesColumn, primitives]);
  return renderTable(columns, values.length);
}

// ---------------------------------------------------------------------------------------------------------------------
// Timing. section 1.4

function formatDuration(ms) {
  if (ms < 1000) return `${Number(NumberPrototypeToFixed(ms, 3))}ms`;
  const seconds = ms / 1000;
  if (seconds < 60) return `${NumberPrototypeToFixed(seconds, 3)}s`;
  const minutes = MathRound(seconds) / 60 | 0;
  return `${minutes}:${MathRound(seconds) % 60 < 10 ? "0" : ""}${MathRound(seconds) % 60} (m:ss)`;
}

function elapsed(label, method) {
  const start = MapPrototypeGet(timers, label);
  if (start === undefined) {
    print(WARN, `console.${method}(): there is no timer '${label}'`);
    return undefined;
  }
  return `${label}: ${formatDuration(ops.performanceNow() - start)}`;
}

// ---------------------------------------------------------------------------------------------------------------------
// The namespace

function logAt(level, args) {
  print(level, format(args));
}

const methods = {
  __proto__: null,

  assert(condition = false, ...data) {
    if (condition) return;
    if (data.length === 0) {
      print(ERROR, "Assertion failed");
    } else if (typeof data[0] === "string") {
      data[0] = `Assertion failed: ${data[0]}`;
      logAt(ERROR, data);
    } else {
      print(ERROR, `Assertion failed: ${format(data)}`);
    }
  },

  // There is no screen to clear: the groups are all there is.
  clear() {
    indentation = "";
  },

  debug(...data) {
    logAt(DEBUG, data);
  },

  error(...data) {
    logAt(ERROR, data);
  },

  info(...data) {
    logAt(INFO, data);
  },

  log(...data) {
    logAt(INFO, data);
  },

  table(tabularData = undefined, properties = undefined) {
    if (!webidl.isObject(tabularData)) {
      print(INFO, plain(tabularData));
      return;
    }
    if (properties !== undefined) {
      properties = converters["sequence<DOMString>"](properties, "Failed to execute 'table' on 'console'", "Argument 2");
    }
    print(INFO, formatTable(tabularData, properties));
  },

  trace(...data) {
    const text = data.length === 0 ? "" : format(data);
    const error = new Error();
    ErrorCaptureStackTrace(error, methods.trace);
    const stack = internal.console.errorStack(error) ?? "";
    const frames = StringPrototypeIndexOf(stack, "\n    at ");
    print(INFO, `Trace${text === "" ? "" : `: ${text}`}${frames === -1 ? "" : StringPrototypeSlice(stack, frames)}`);
  },

  warn(...data) {
    logAt(WARN, data);
  },

  dir(item = undefined, options = undefined) {
    const bag = { __proto__: null, colors: ops.consoleColors() };
    if (webidl.isObject(options)) {
      if (options.depth !== undefined) bag.depth = options.depth;
      if (options.showHidden !== undefined) bag.showHidden = !!options.showHidden;
      if (options.colors !== undefined) bag.colors = !!options.colors;
    }
    print(INFO, inspect(item, bag));
  },

  dirxml(...data) {
    logAt(INFO, data);
  },

  count(label = undefined) {
    label = convertLabel(label, "count");
    const count = (MapPrototypeGet(counts, label) ?? 0) + 1;
    MapPrototypeSet(counts, label, count);
    print(INFO, `${label}: ${count}`);
  },

  countReset(label = undefined) {
    label = convertLabel(label, "countReset");
    if (!MapPrototypeDelete(counts, label)) print(WARN, `console.countReset(): there is no count '${label}'`);
  },

  group(...data) {
    if (data.length > 0) logAt(INFO, data);
    indentation += StringPrototypeRepeat(" ", GROUP_INDENTATION);
  },

  groupCollapsed(...data) {
    if (data.length > 0) logAt(INFO, data);
    indentation += StringPrototypeRepeat(" ", GROUP_INDENTATION);
  },

  groupEnd() {
    indentation = StringPrototypeSlice(indentation, GROUP_INDENTATION);
  },

  time(label = undefined) {
    label = convertLabel(label, "time");
    if (MapPrototypeHas(timers, label)) print(WARN, `console.time(): the timer '${label}' runs already`);
    else MapPrototypeSet(timers, label, ops.performanceNow());
  },

  timeLog(label = undefined, ...data) {
    label = convertLabel(label, "timeLog");
    let text = elapsed(label, "timeLog");
    if (text === undefined) return;
    for (let i = 0; i < data.length; i++) text += ` ${plain(data[i])}`;
    print(INFO, text);
  },

  timeEnd(label = undefined) {
    label = convertLabel(label, "timeEnd");
    const text = elapsed(label, "timeEnd");
    MapPrototypeDelete(timers, label);
    if (text !== undefined) print(INFO, text);
  },
};

// A namespace object's prototype is an empty object, for history's sake. section 1
const console = ObjectCreate(ObjectCreate(Object.prototype));
const names = ReflectOwnKeys(methods);
for (let i = 0; i < names.length; i++) {
  ObjectDefineProperty(console, names[i], {
    __proto__: null, value: methods[names[i]], writable: true, enumerable: true, configurable: true,
  });
}
ObjectDefineProperty(console, SymbolToStringTag, {
  __proto__: null, value: "console", writable: false, enumerable: false, configurable: true,
});

internal.console.format = format;
internal.expose({ console });
