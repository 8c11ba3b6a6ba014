// MIME types (MIME Sniffing Standard section 4) as far as Fetch needs them: parsing, serializing, and
// extracting one from headers.

const {
  ArrayPrototypePush,
  StringPrototypeCharCodeAt,
  StringPrototypeIndexOf,
  StringPrototypeSlice,
  StringPrototypeToLowerCase,
} = internal.primordials;
const { isToken } = internal;

const isWhitespace = (unit) => unit === 0x20 || unit === 0x09 || unit === 0x0a || unit === 0x0d;

function trim(string) {
  let start = 0;
  let end = string.length;
  while (start < end && isWhitespace(StringPrototypeCharCodeAt(string, start))) start++;
  while (end > start && isWhitespace(StringPrototypeCharCodeAt(string, end - 1))) end--;
  return StringPrototypeSlice(string, start, end);
}

function trimEnd(string) {
  let end = string.length;
  while (end > 0 && isWhitespace(StringPrototypeCharCodeAt(string, end - 1))) end--;
  return StringPrototypeSlice(string, 0, end);
}

// Whether each code unit is an HTTP quoted-string token code point.
function isQuotedStringToken(string) {
  for (let i = 0; i < string.length; i++) {
    const unit = StringPrototypeCharCodeAt(string, i);
    if (unit !== 0x09 && (unit < 0x20 || unit === 0x7f || unit > 0xff)) return false;
  }
  return true;
}

// "collect an HTTP quoted string" with the extract-value flag; `at` is at the quote. Fetch section 2.2
function collectQuotedString(input, at) {
  let value = "";
  at++;
  while (at < input.length) {
    const c = input[at++];
    if (c === '"') return { __proto__: null, value, at };
    if (c === "\\") {
      if (at >= input.length) return { __proto__: null, value: `${value}\\`, at };
      value += input[at++];
    } else {
      value += c;
    }
  }
  return { __proto__: null, value, at };
}

function indexOrEnd(string, search, from) {
  const at = StringPrototypeIndexOf(string, search, from);
  return at === -1 ? string.length : at;
}

// "parse a MIME type": { essence, parameters: [name, value, ...] } or null. section 4.4
function parseMimeType(input) {
  input = trim(input);
  const slash = StringPrototypeIndexOf(input, "/");
  if (slash === -1) return null;
  const type = StringPrototypeSlice(input, 0, slash);
  let at = indexOrEnd(input, ";", slash);
  const subtype = trimEnd(StringPrototypeSlice(input, slash + 1, at));
  if (!isToken(type) || !isToken(subtype)) return null;
  const parameters = [];
  while (at < input.length) {
    at++;
    while (at < input.length && isWhitespace(StringPrototypeCharCodeAt(input, at))) at++;
    const semicolon = indexOrEnd(input, ";", at);
    const equals = indexOrEnd(input, "=", at);
    if (equals >= semicolon) {
      at = semicolon;
      continue;
    }
    const name = StringPrototypeToLowerCase(StringPrototypeSlice(input, at, equals));
    at = equals + 1;
    let value;
    if (input[at] === '"') {
      const quoted = collectQuotedString(input, at);
      value = quoted.value;
      at = indexOrEnd(input, ";", quoted.at);
    } else {
      at = semicolon;
      value = trimEnd(StringPrototypeSlice(input, equals + 1, semicolon));
      if (value === "") continue;
    }
    if (isToken(name) && isQuotedStringToken(value) && getParameter(parameters, name) === undefined) {
      ArrayPrototypePush(parameters, name, value);
    }
  }
  return { __proto__: null, essence: StringPrototypeToLowerCase(`${type}/${subtype}`), parameters };
}

function getParameter(parameters, name) {
  for (let i = 0; i < parameters.length; i += 2) {
    if (parameters[i] === name) return parameters[i + 1];
  }
  return undefined;
}

// "serialize a MIME type". section 4.5
function serializeMimeType({ essence, parameters }) {
  let serialization = essence;
  for (let i = 0; i < parameters.length; i += 2) {
    let value = parameters[i + 1];
    if (!isToken(value)) {
      let quoted = "";
      for (let j = 0; j < value.length; j++) {
        const c = value[j];
        quoted += c === '"' || c === "\\" ? `\\${c}` : c;
      }
      value = `"${quoted}"`;
    }
    serialization += `;${parameters[i]}=${value}`;
  }
  return serialization;
}

// "get, decode, and split" for one joined value. Fetch section 2.2.2
function splitHeaderValue(input) {
  const values = [];
  let start = 0;
  let at = 0;
  while (at <= input.length) {
    if (at === input.length || input[at] === ",") {
      ArrayPrototypePush(values, trim(StringPrototypeSlice(input, start, at)));
      start = ++at;
    } else if (input[at] === '"') {
      at = collectQuotedString(input, at).at;
    } else {
      at++;
    }
  }
  return values;
}

// "extract a MIME type" from a Content-Type's joined value (or null): a parsed MIME type or null for failure.
// Fetch section 2.2.3
function extractMimeType(contentType) {
  if (contentType === null) return null;
  const values = splitHeaderValue(contentType);
  let charset = null;
  let mimeType = null;
  for (let i = 0; i < values.length; i++) {
    const candidate = parseMimeType(values[i]);
    if (candidate === null || candidate.essence === "*/*") continue;
    const candidateCharset = getParameter(candidate.parameters, "charset");
    if (mimeType === null || candidate.essence !== mimeType.essence) {
      charset = candidateCharset ?? null;
    } else if (candidateCharset === undefined && charset !== null) {
      ArrayPrototypePush(candidate.parameters, "charset", charset);
    }
    mimeType = candidate;
  }
  return mimeType;
}

internal.mime = { __proto__: null, extractMimeType, getParameter, parseMimeType, serializeMimeType };
