// Text layout for inspect(): quoting, columns, and whether an object fits on one line. Knows only strings.

const { ReflectGetOwnPropertyDescriptor } = internal.primordials;
const {
  ArrayPrototypeJoin,
  ArrayPrototypePush,
  MathMax,
  MathMin,
  MathSqrt,
  MathRound,
  MathFloor,
  NumberPrototypeToString,
  StringPrototypeCharCodeAt,
  StringPrototypeIncludes,
  StringPrototypeIndexOf,
  StringPrototypePadEnd,
  StringPrototypePadStart,
  StringPrototypeRepeat,
  StringPrototypeSlice,
  StringPrototypeToUpperCase,
} = internal.primordials;

// Objects that have no more levels than this inside may be on one line, and rows of numbers have up to 4
// times as many columns.
const COMPACT_LEVELS = 3;

const escapes = { __proto__: null, 8: "\\b", 9: "\\t", 10: "\\n", 11: "\\v", 12: "\\f", 13: "\\r" };

// A string in quotes that it does not have itself if possible, with control characters and lone surrogates
// escaped.
function quote(string) {
  let mark = "'";
  if (StringPrototypeIncludes(string, "'")) {
    if (!StringPrototypeIncludes(string, '"')) mark = '"';
    else if (!StringPrototypeIncludes(string, "`") && !StringPrototypeIncludes(string, "${")) mark = "`";
  }
  let output = mark;
  let start = 0;
  for (let i = 0; i < string.length; i++) {
    const unit = StringPrototypeCharCodeAt(string, i);
    let escaped;
    if (unit < 0x20) {
      escaped = escapes[unit] ?? `\\x${StringPrototypePadStart(hex(unit), 2, "0")}`;
    } else if (unit >= 0x7f && unit <= 0x9f) {
      escaped = `\\x${hex(unit)}`;
    } else if (unit === 0x5c) {
      escaped = "\\\\";
    } else if (unit === 0x27 && mark === "'") {
      escaped = "\\'";
    } else if (unit >= 0xd800 && unit <= 0xdfff) {
      const next = i + 1 < string.length ? StringPrototypeCharCodeAt(string, i + 1) : 0;
      if (unit <= 0xdbff && next >= 0xdc00 && next <= 0xdfff) {
        i++;
        continue;
      }
      escaped = `\\u${NumberPrototypeToString(unit, 16)}`;
    } else {
      continue;
    }
    output += StringPrototypeSlice(string, start, i) + escaped;
    start = i + 1;
  }
  return output + StringPrototypeSlice(string, start) + mark;
}

function hex(unit) {
  return StringPrototypeToUpperCase(NumberPrototypeToString(unit, 16));
}

// A property's key: bare where it is an identifier of ASCII, quoted where not.
function quoteKey(key) {
  for (let i = 0; i < key.length; i++) {
    const unit = StringPrototypeCharCodeAt(key, i);
    const lower = unit | 0x20;
    const letter = (lower >= 0x61 && lower <= 0x7a) || unit === 0x5f || unit === 0x24;
    if (!letter && !(i > 0 && unit >= 0x30 && unit <= 0x39)) return quote(key);
  }
  return key === "" ? "''" : key;
}

// The columns that a text takes: without the codes of colours.
function width(text) {
  let escape = StringPrototypeIndexOf(text, "\u001b[");
  if (escape === -1) return text.length;
  let columns = 0;
  let start = 0;
  while (escape !== -1) {
    columns += escape - start;
    start = StringPrototypeIndexOf(text, "m", escape) + 1;
    escape = StringPrototypeIndexOf(text, "\u001b[", start);
  }
  return columns + text.length - start;
}

// Puts the items of a long array into rows of equal columns, numbers to the right. The items themselves if
// that is no gain.
function groupEntries(output, context, value) {
  let total = 0;
  let longest = 0;
  // The last may be "... more items": it gets a row of its own.
  const last = output[output.length - 1];
  const hasMore = StringPrototypeIndexOf(last, "... ") === 0 && StringPrototypeIncludes(last, " more item");
  const count = hasMore ? output.length - 1 : output.length;
  const lengths = [];
  for (let i = 0; i < count; i++) {
    const length = width(output[i]);
    ArrayPrototypePush(lengths, length);
    total += length + 2;
    longest = MathMax(longest, length);
  }
  const actual = longest + 2;
  if (!(actual * 3 + context.indentation < context.breakLength && (total / actual > 5 || longest <= 6))) return output;
  // Rows and columns make about a square on a screen, whose lines are some two and a half times as high as a
  // column is wide; the more the lengths differ, the narrower a column is taken to be.
  const biased = MathMax(actual - 3 - MathSqrt(actual - total / output.length), 1);
  const columns = MathMin(
    MathRound(MathSqrt(2.5 * biased * count) / biased),
    MathFloor((context.breakLength - context.indentation) / actual),
    COMPACT_LEVELS * 4,
    15,
  );
  if (columns <= 1) return output;
  const widths = [];
  for (let i = 0; i < columns; i++) {
    let widest = 0;
    for (let j = i; j < count; j += columns) widest = MathMax(widest, lengths[j]);
    ArrayPrototypePush(widths, widest + 2);
  }
  const padStart = isNumeric(value);
  const rows = [];
  for (let i = 0; i < count; i += columns) {
    const end = MathMin(i + columns, count);
    let row = "";
    for (let j = i; j < end; j++) {
      const final = j === end - 1;
      const text = final ? output[j] : `${output[j]}, `;
      const target = final ? (padStart ? widths[j - i] - 2 : 0) : widths[j - i];
      // The escape sequences of colours take no column.
      const padded = target + text.length - width(text);
      row += padStart ? StringPrototypePadStart(text, padded, " ") : StringPrototypePadEnd(text, padded, " ");
    }
    ArrayPrototypePush(rows, row);
  }
  if (hasMore) ArrayPrototypePush(rows, last);
  return rows;
}

// Whether all items are numbers.
function isNumeric(value) {
  const length = MathMin(value.length, 100);
  for (let i = 0; i < length; i++) {
    const item = ReflectGetOwnPropertyDescriptor(value, `${i}`)?.value;
    if (typeof item !== "number" && typeof item !== "bigint") return false;
  }
  return true;
}

// Joins the entries of an object on one line, if it is neither too long nor too deep, or one on each.
function oneLineOrMany(context, output, mayCombine, base, braces, depth) {
  const head = base === "" ? "" : `${base} `;
  if (context.breakLength === Infinity) {
    return `${head}${braces[0]} ${ArrayPrototypeJoin(output, ", ")} ${braces[1]}`;
  }
  if (mayCombine && context.currentDepth - depth < COMPACT_LEVELS && !StringPrototypeIncludes(base, "\n")) {
    let total = output.length + output.length + context.indentation + braces[0].length + base.length + 10;
    let fits = true;
    for (let i = 0; i < output.length; i++) {
      total += width(output[i]);
      if (total > context.breakLength || StringPrototypeIncludes(output[i], "\n")) {
        fits = false;
        break;
      }
    }
    if (fits) return `${head}${braces[0]} ${ArrayPrototypeJoin(output, ", ")} ${braces[1]}`;
  }
  const indentation = `\n${StringPrototypeRepeat(" ", context.indentation)}`;
  return `${head}${braces[0]}${indentation}  ${ArrayPrototypeJoin(output, `,${indentation}  `)}${indentation}${braces[1]}`;
}

internal.layout = { __proto__: null, groupEntries, oneLineOrMany, quote, quoteKey, width };
