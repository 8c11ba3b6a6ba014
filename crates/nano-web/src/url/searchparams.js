// URLSearchParams and application/x-www-form-urlencoded (URL Standard section 5, section 6.2).
//
// Parsing and serializing are here, in JavaScript: most queries need no decoding, and those never leave the engine. Knows of
// URL only a function that it calls with the new query after a change.

const { NumberPrototypeToString, StringPrototypeToUpperCase, TypedArrayPrototypeGetLength } = internal.primordials;
const {
  Array,
  ArrayPrototypePush,
  ArrayPrototypeSort,
  StringFromCodePoint,
  StringPrototypeCharCodeAt,
  StringPrototypeIndexOf,
  StringPrototypeSlice,
  SymbolIterator,
  TypeError,
  TypedArrayPrototypeSubarray,
  Uint8Array,
} = internal.primordials;
const webidl = internal.webidl;
const { converters } = webidl;

// ---------------------------------------------------------------------------------------------------------------------
// application/x-www-form-urlencoded

// "%00" to "%FF".
const percentEncoded = new Array(256);
// Whether a byte stays as it is: alphanumerics and "*-._". URL section 5.2
const isUnreserved = new Array(256);
for (let i = 0; i < 256; i++) {
  const hex = StringPrototypeToUpperCase(NumberPrototypeToString(i, 16));
  percentEncoded[i] = i < 16 ? `%0${hex}` : `%${hex}`;
  isUnreserved[i] = (i >= 0x30 && i <= 0x39) || (i >= 0x41 && i <= 0x5a) || (i >= 0x61 && i <= 0x7a) ||
    i === 0x2a || i === 0x2d || i === 0x2e || i === 0x5f;
}

// `string` is a USVString.
function encodeComponent(string) {
  let output = "";
  let start = 0;
  let i = 0;
  while (i < string.length) {
    const unit = StringPrototypeCharCodeAt(string, i);
    if (unit < 128 && isUnreserved[unit]) {
      i++;
      continue;
    }
    if (start < i) output += StringPrototypeSlice(string, start, i);
    i++;
    if (unit < 0x80) {
      output += unit === 0x20 ? "+" : percentEncoded[unit];
    } else if (unit < 0x800) {
      output += percentEncoded[0xc0 | unit >> 6] + percentEncoded[0x80 | unit & 0x3f];
    } else if (unit < 0xd800 || unit > 0xdfff) {
      output += percentEncoded[0xe0 | unit >> 12] + percentEncoded[0x80 | unit >> 6 & 0x3f] + percentEncoded[0x80 | unit & 0x3f];
    } else {
      // The first half of a pair: there are no others.
      const point = 0x10000 + ((unit & 0x3ff) << 10) + (StringPrototypeCharCodeAt(string, i) & 0x3ff);
      i++;
      output += percentEncoded[0xf0 | point >> 18] + percentEncoded[0x80 | point >> 12 & 0x3f] +
        percentEncoded[0x80 | point >> 6 & 0x3f] + percentEncoded[0x80 | point & 0x3f];
    }
    start = i;
  }
  return start === 0 ? string : output + StringPrototypeSlice(string, start);
}

// The serializer for a list of [name, value] pairs. URL section 5.2
function serializeUrlEncoded(list) {
  let output = "";
  for (let i = 0; i < list.length; i++) {
    const pair = list[i];
    output += i === 0 ? encodeComponent(pair[0]) : `&${encodeComponent(pair[0])}`;
    output += `=${encodeComponent(pair[1])}`;
  }
  return output;
}

function hexValue(unit) {
  if (unit >= 0x30 && unit <= 0x39) return unit - 0x30;
  unit |= 0x20;
  return unit >= 0x61 && unit <= 0x66 ? unit - 0x57 : -1;
}

// For components whose escapes are not all well-formed UTF-8: percent-decode, then UTF-8 decode without BOM.
function decodeMalformed(string) {
  const bytes = ops.utf8Encode(string);
  const length = TypedArrayPrototypeGetLength(bytes);
  const output = new Uint8Array(length);
  let written = 0;
  for (let i = 0; i < length; i++) {
    let byte = bytes[i];
    if (byte === 0x25 && i + 2 < length) {
      const high = hexValue(bytes[i + 1]);
      const low = hexValue(bytes[i + 2]);
      if (high >= 0 && low >= 0) {
        byte = high * 16 + low;
        i += 2;
      }
    }
    output[written++] = byte;
  }
  return ops.utf8Decode(TypedArrayPrototypeSubarray(output, 0, written), true, false);
}

function decodeComponent(string) {
  let plus = StringPrototypeIndexOf(string, "+");
  if (plus !== -1) {
    let output = "";
    let start = 0;
    while (plus !== -1) {
      output += `${StringPrototypeSlice(string, start, plus)} `;
      start = plus + 1;
      plus = StringPrototypeIndexOf(string, "+", start);
    }
    string = output + StringPrototypeSlice(string, start);
  }
  const percent = StringPrototypeIndexOf(string, "%");
  return percent === -1 ? string : decodeEscapes(string, percent) ?? decodeMalformed(string);
}

// The byte that is escaped at `at`, or -1.
function escapedByte(string, at) {
  if (at + 2 >= string.length || StringPrototypeCharCodeAt(string, at) !== 0x25) return -1;
  const high = hexValue(StringPrototypeCharCodeAt(string, at + 1));
  const low = hexValue(StringPrototypeCharCodeAt(string, at + 2));
  return high < 0 || low < 0 ? -1 : high << 4 | low;
}

// Percent-decodes a string whose first "%" is at `at`; undefined if its escapes are not all well-formed UTF-8.
function decodeEscapes(string, at) {
  let output = "";
  let start = 0;
  while (at !== -1) {
    if (start < at) output += StringPrototypeSlice(string, start, at);
    let point = escapedByte(string, at);
    // Encoding section 6.1, "UTF-8 decoder": what follows a first byte, how many, and how small the result may be.
    let more = 0;
    let least = 0;
    if (point < 0) return undefined;
    if (point >= 0x80) {
      if (point < 0xc2 || point > 0xf4) return undefined;
      if (point < 0xe0) {
        more = 1;
        least = 0x80;
        point &= 0x1f;
      } else if (point < 0xf0) {
        more = 2;
        least = 0x800;
        point &= 0xf;
      } else {
        more = 3;
        least = 0x10000;
        point &= 7;
      }
    }
    at += 3;
    for (; more > 0; more--) {
      const byte = escapedByte(string, at);
      if (byte < 0x80 || byte > 0xbf) return undefined;
      point = point << 6 | byte & 0x3f;
      at += 3;
    }
    if (point < least || (point >= 0xd800 && point <= 0xdfff) || point > 0x10ffff) return undefined;
    output += StringFromCodePoint(point);
    start = at;
    at = StringPrototypeIndexOf(string, "%", at);
  }
  return output + StringPrototypeSlice(string, start);
}

// The parser: a list of [name, value] pairs. `input` is a USVString, or the bytes of one already decoded. URL section 5.1
function parseUrlEncoded(input) {
  const list = [];
  let start = 0;
  while (start < input.length) {
    let end = StringPrototypeIndexOf(input, "&", start);
    if (end === -1) end = input.length;
    if (end > start) {
      const sequence = StringPrototypeSlice(input, start, end);
      const equals = StringPrototypeIndexOf(sequence, "=");
      ArrayPrototypePush(list, equals === -1
        ? [decodeComponent(sequence), ""]
        : [
          decodeComponent(StringPrototypeSlice(sequence, 0, equals)),
          decodeComponent(StringPrototypeSlice(sequence, equals + 1)),
        ]);
    }
    start = end + 1;
  }
  return list;
}

// ---------------------------------------------------------------------------------------------------------------------
// URLSearchParams

const convertPairs = webidl.createSequenceConverter(converters["sequence<USVString>"]);

// (sequence<sequence<USVString>> or record<USVString, USVString>) to a list of pairs. URL section 6.2, "initialize"
function listFromObject(init, prefix) {
  const method = init[SymbolIterator];
  if (method !== undefined && method !== null) {
    const pairs = webidl.createSequenceFromIterable(
      init, method, converters["sequence<USVString>"], prefix, "Argument 1",
    );
    for (let i = 0; i < pairs.length; i++) {
      if (pairs[i].length !== 2) {
        throw new TypeError(`${prefix}: Argument 1[${i}] does not have exactly two items.`);
      }
    }
    return pairs;
  }
  return converters["record<USVString, USVString>"](init, prefix, "Argument 1");
}

let makeParams, getParamsList, replaceParamsList, isURLSearchParams;
const constructorKey = webidl.constructorKey;

class URLSearchParams {
  // [name, value] arrays
  #list;
  // Called with the serialization after a change; null unless this belongs to a URL.
  #onChange = null;

  static {
    makeParams = (query, onChange) => {
      const params = new URLSearchParams(constructorKey);
      params.#list = parseUrlEncoded(query);
      params.#onChange = onChange;
      return params;
    };
    getParamsList = (params) => params.#list;
    replaceParamsList = (params, query) => {
      params.#list = parseUrlEncoded(query);
    };
    isURLSearchParams = (value) => typeof value === "object" && value !== null && #list in value;
  }

  constructor(init = "") {
    if (init === constructorKey) return;
    const prefix = "Failed to construct 'URLSearchParams'";
    if (webidl.isObject(init)) {
      this.#list = listFromObject(init, prefix);
    } else {
      init = converters.USVString(init, prefix, "Argument 1");
      this.#list = parseUrlEncoded(init[0] === "?" ? StringPrototypeSlice(init, 1) : init);
    }
  }

  #update() {
    const onChange = this.#onChange;
    if (onChange !== null) onChange(serializeUrlEncoded(this.#list));
  }

  get size() {
    return this.#list.length;
  }

  append(name, value) {
    const list = this.#list;
    const prefix = "Failed to execute 'append' on 'URLSearchParams'";
    webidl.requiredArguments(arguments.length, 2, prefix);
    name = converters.USVString(name, prefix, "Argument 1");
    value = converters.USVString(value, prefix, "Argument 2");
    ArrayPrototypePush(list, [name, value]);
    this.#update();
  }

  delete(name, value = undefined) {
    const list = this.#list;
    const prefix = "Failed to execute 'delete' on 'URLSearchParams'";
    webidl.requiredArguments(arguments.length, 1, prefix);
    name = converters.USVString(name, prefix, "Argument 1");
    if (value !== undefined) value = converters.USVString(value, prefix, "Argument 2");
    let kept = 0;
    for (let i = 0; i < list.length; i++) {
      const pair = list[i];
      if (pair[0] !== name || (value !== undefined && pair[1] !== value)) list[kept++] = pair;
    }
    list.length = kept;
    this.#update();
  }

  get(name) {
    const list = this.#list;
    const prefix = "Failed to execute 'get' on 'URLSearchParams'";
    webidl.requiredArguments(arguments.length, 1, prefix);
    name = converters.USVString(name, prefix, "Argument 1");
    for (let i = 0; i < list.length; i++) {
      if (list[i][0] === name) return list[i][1];
    }
    return null;
  }

  getAll(name) {
    const list = this.#list;
    const prefix = "Failed to execute 'getAll' on 'URLSearchParams'";
    webidl.requiredArguments(arguments.length, 1, prefix);
    name = converters.USVString(name, prefix, "Argument 1");
    const values = [];
    for (let i = 0; i < list.length; i++) {
      if (list[i][0] === name) ArrayPrototypePush(values, list[i][1]);
    }
    return values;
  }

  has(name, value = undefined) {
    const list = this.#list;
    const prefix = "Failed to execute 'has' on 'URLSearchParams'";
    webidl.requiredArguments(arguments.length, 1, prefix);
    name = converters.USVString(name, prefix, "Argument 1");
    if (value !== undefined) value = converters.USVString(value, prefix, "Argument 2");
    for (let i = 0; i < list.length; i++) {
      if (list[i][0] === name && (value === undefined || list[i][1] === value)) return true;
    }
    return false;
  }

  set(name, value) {
    const list = this.#list;
    const prefix = "Failed to execute 'set' on 'URLSearchParams'";
    webidl.requiredArguments(arguments.length, 2, prefix);
    name = converters.USVString(name, prefix, "Argument 1");
    value = converters.USVString(value, prefix, "Argument 2");
    let found = false;
    let kept = 0;
    for (let i = 0; i < list.length; i++) {
      const pair = list[i];
      if (pair[0] !== name) {
        list[kept++] = pair;
      } else if (!found) {
        found = true;
        list[kept++] = [name, value];
      }
    }
    list.length = kept;
    if (!found) ArrayPrototypePush(list, [name, value]);
    this.#update();
  }

  // The language's sort is stable, and compares strings by code units.
  sort() {
    ArrayPrototypeSort(this.#list, (a, b) => a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : 0);
    this.#update();
  }

  toString() {
    return serializeUrlEncoded(this.#list);
  }
}
webidl.configureInterface(URLSearchParams);
webidl.pairIterable(URLSearchParams, "URLSearchParams", getParamsList);

internal.searchParams = {
  __proto__: null,
  URLSearchParams,
  getParamsList,
  isURLSearchParams,
  makeParams,
  parseUrlEncoded,
  replaceParamsList,
  serializeUrlEncoded,
};
internal.expose({ URLSearchParams });
