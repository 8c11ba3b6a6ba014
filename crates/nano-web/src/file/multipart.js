// multipart/form-data (RFC 7578, HTML section 4.10.21.8, Fetch section 5.3): FormData's entries to bytes and back.

const {
  ArrayPrototypePush,
  NumberPrototypeToString,
  StringPrototypeCharCodeAt,
  StringPrototypeIndexOf,
  StringPrototypeSlice,
  StringPrototypeToLowerCase,
  TypeError,
  TypedArrayPrototypeGetLength,
  TypedArrayPrototypeIndexOf,
  TypedArrayPrototypeSubarray,
  Uint8Array,
} = internal.primordials;
const { copyBytes } = internal.encoding;
const { getChunks, getName, getType, makeBlob, makeFile, normalizeType } = internal.file;

// ---------------------------------------------------------------------------------------------------------------------
// Serializing

// Lone CR and LF become CR LF.
function normalizeNewlines(string) {
  if (StringPrototypeIndexOf(string, "\n") === -1 && StringPrototypeIndexOf(string, "\r") === -1) return string;
  let output = "";
  let start = 0;
  for (let i = 0; i < string.length; i++) {
    const unit = StringPrototypeCharCodeAt(string, i);
    if (unit !== 10 && unit !== 13) continue;
    output += `${StringPrototypeSlice(string, start, i)}\r\n`;
    if (unit === 13 && i + 1 < string.length && StringPrototypeCharCodeAt(string, i + 1) === 10) i++;
    start = i + 1;
  }
  return output + StringPrototypeSlice(string, start);
}

function escapeName(name) {
  let output = "";
  let start = 0;
  for (let i = 0; i < name.length; i++) {
    const c = name[i];
    const escaped = c === "\n" ? "%0A" : c === "\r" ? "%0D" : c === '"' ? "%22" : "";
    if (escaped === "") continue;
    output += StringPrototypeSlice(name, start, i) + escaped;
    start = i + 1;
  }
  return start === 0 ? name : output + StringPrototypeSlice(name, start);
}

function makeBoundary() {
  const bytes = new Uint8Array(16);
  ops.randomBytes(bytes);
  let boundary = "----formdata-nano-";
  for (let i = 0; i < 16; i++) {
    boundary += (bytes[i] < 16 ? "0" : "") + NumberPrototypeToString(bytes[i], 16);
  }
  return boundary;
}

// "multipart/form-data encoding algorithm": { blob, type }. Files are not copied.
function serializeMultipart(entries) {
  const boundary = makeBoundary();
  const chunks = [];
  let text = "";
  for (let i = 0; i < entries.length; i++) {
    const name = escapeName(normalizeNewlines(entries[i][0]));
    const value = entries[i][1];
    text += `--${boundary}\r\nContent-Disposition: form-data; name="${name}"`;
    if (typeof value === "string") {
      text += `\r\n\r\n${normalizeNewlines(value)}\r\n`;
    } else {
      const type = getType(value);
      text += `; filename="${escapeName(getName(value))}"\r\nContent-Type: ${type || "application/octet-stream"}\r\n\r\n`;
      ArrayPrototypePush(chunks, ops.utf8Encode(text));
      const theirs = getChunks(value);
      for (let j = 0; j < theirs.length; j++) ArrayPrototypePush(chunks, theirs[j]);
      text = "\r\n";
    }
  }
  ArrayPrototypePush(chunks, ops.utf8Encode(`${text}--${boundary}--\r\n`));
  return { __proto__: null, blob: makeBlob(chunks, ""), type: `multipart/form-data; boundary=${boundary}` };
}

// ---------------------------------------------------------------------------------------------------------------------
// Parsing

const CR = 13;
const LF = 10;

function malformed(what) {
  return new TypeError(`The body is not well-formed multipart/form-data: ${what}.`);
}

// Whether `bytes` has `pattern` at `at`.
function startsWith(bytes, at, pattern) {
  const length = TypedArrayPrototypeGetLength(pattern);
  if (at + length > TypedArrayPrototypeGetLength(bytes)) return false;
  for (let i = 0; i < length; i++) {
    if (bytes[at + i] !== pattern[i]) return false;
  }
  return true;
}

// Where `pattern`, which begins with CR, is at or after `from`; -1 if nowhere.
function find(bytes, pattern, from) {
  for (;;) {
    const at = TypedArrayPrototypeIndexOf(bytes, CR, from);
    if (at === -1 || startsWith(bytes, at, pattern)) return at;
    from = at + 1;
  }
}

function decode(bytes, from, to) {
  return ops.utf8Decode(TypedArrayPrototypeSubarray(bytes, from, to), true, false);
}

function unescapeName(name) {
  let output = "";
  let start = 0;
  for (let at = StringPrototypeIndexOf(name, "%"); at !== -1; at = StringPrototypeIndexOf(name, "%", at + 1)) {
    const code = StringPrototypeSlice(name, at + 1, at + 3);
    const c = code === "0A" ? "\n" : code === "0D" ? "\r" : code === "22" ? '"' : "";
    if (c === "") continue;
    output += StringPrototypeSlice(name, start, at) + c;
    start = at + 3;
  }
  return output + StringPrototypeSlice(name, start);
}

// The value of a parameter of Content-Disposition, which begins at `at`: { value, at } after it.
function parseParameterValue(header, at) {
  if (header[at] === '"') {
    const end = StringPrototypeIndexOf(header, '"', at + 1);
    if (end === -1) throw malformed("a quoted string does not end");
    return { __proto__: null, value: unescapeName(StringPrototypeSlice(header, at + 1, end)), at: end + 1 };
  }
  let end = StringPrototypeIndexOf(header, ";", at);
  if (end === -1) end = header.length;
  return { __proto__: null, value: StringPrototypeSlice(header, at, end), at: end };
}

// Content-Disposition's value: { name, filename }, either undefined if it is not there.
function parseContentDisposition(header) {
  let at = StringPrototypeIndexOf(header, ";");
  if (at === -1) at = header.length;
  if (StringPrototypeToLowerCase(trimSpaces(StringPrototypeSlice(header, 0, at))) !== "form-data") {
    throw malformed("a part's Content-Disposition is not form-data");
  }
  let name;
  let filename;
  while (at < header.length) {
    at++;
    while (header[at] === " " || header[at] === "\t") at++;
    const equals = StringPrototypeIndexOf(header, "=", at);
    if (equals === -1) break;
    const key = StringPrototypeToLowerCase(trimSpaces(StringPrototypeSlice(header, at, equals)));
    const parsed = parseParameterValue(header, equals + 1);
    if (key === "name") name = parsed.value;
    else if (key === "filename") filename = parsed.value;
    at = StringPrototypeIndexOf(header, ";", parsed.at);
    if (at === -1) break;
  }
  return { __proto__: null, name, filename };
}

function trimSpaces(string) {
  let start = 0;
  let end = string.length;
  while (start < end && (string[start] === " " || string[start] === "\t")) start++;
  while (end > start && (string[end - 1] === " " || string[end - 1] === "\t")) end--;
  return StringPrototypeSlice(string, start, end);
}

// The headers of a part, from `at`: { name, filename, type, at } where `at` is after the empty line.
function parsePartHeaders(bytes, at) {
  const part = { __proto__: null, name: undefined, filename: undefined, type: undefined, at };
  const length = TypedArrayPrototypeGetLength(bytes);
  for (;;) {
    let end = TypedArrayPrototypeIndexOf(bytes, CR, at);
    while (end !== -1 && end + 1 < length && bytes[end + 1] !== LF) {
      end = TypedArrayPrototypeIndexOf(bytes, CR, end + 1);
    }
    if (end === -1 || end + 1 >= length) throw malformed("a part's headers do not end");
    if (end === at) {
      if (part.name === undefined) throw malformed("a part has no name");
      part.at = at + 2;
      return part;
    }
    const line = decode(bytes, at, end);
    at = end + 2;
    const colon = StringPrototypeIndexOf(line, ":");
    if (colon <= 0) throw malformed("a part has a header without a name");
    const header = StringPrototypeToLowerCase(StringPrototypeSlice(line, 0, colon));
    const value = trimSpaces(StringPrototypeSlice(line, colon + 1));
    if (header === "content-disposition") {
      const { name, filename } = parseContentDisposition(value);
      part.name = name;
      part.filename = filename;
    } else if (header === "content-type") {
      part.type = value;
    }
  }
}

// "multipart/form-data parser": [name, value] arrays, or a TypeError. Fetch section 5.3
function parseMultipart(bytes, boundary) {
  const entries = [];
  const length = TypedArrayPrototypeGetLength(bytes);
  const delimiter = ops.utf8Encode(`\r\n--${boundary}`);
  const delimiterLength = TypedArrayPrototypeGetLength(delimiter);
  const first = TypedArrayPrototypeSubarray(delimiter, 2);
  let at = 0;
  // RFC 2046 allows a preamble; senders use no more than empty lines.
  while (bytes[at] === CR && bytes[at + 1] === LF && !startsWith(bytes, at, delimiter)) at += 2;
  if (startsWith(bytes, at, delimiter)) at += delimiterLength;
  else if (startsWith(bytes, at, first)) at += delimiterLength - 2;
  else throw malformed("it does not begin with its boundary");
  for (;;) {
    // After a delimiter: "--" is the end, anything else but spaces and a line break an error.
    if (bytes[at] === 0x2d && bytes[at + 1] === 0x2d) return entries;
    while (bytes[at] === 0x20 || bytes[at] === 0x09) at++;
    if (at + 1 >= length || bytes[at] !== CR || bytes[at + 1] !== LF) throw malformed("a boundary's line does not end");
    const part = parsePartHeaders(bytes, at + 2);
    // The body may be empty, its delimiter's line break being that of the empty line after the headers.
    const end = find(bytes, delimiter, startsWith(bytes, part.at - 2, delimiter) ? part.at - 2 : part.at);
    if (end === -1) throw malformed("a part does not end");
    const stop = end < part.at ? part.at : end;
    if (part.filename === undefined) {
      ArrayPrototypePush(entries, [part.name, decode(bytes, part.at, stop)]);
    } else {
      const chunk = copyBytes(TypedArrayPrototypeSubarray(bytes, part.at, stop));
      const type = part.type === undefined ? "text/plain" : normalizeType(part.type);
      ArrayPrototypePush(entries, [part.name, makeFile(makeBlob([chunk], type), part.filename)]);
    }
    at = end + delimiterLength;
  }
}

internal.formData.parseMultipart = parseMultipart;
internal.formData.serializeMultipart = serializeMultipart;
