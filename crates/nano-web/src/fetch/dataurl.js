// data: URLs (Fetch Standard section 6).

const {
  RegExp,
  RegExpPrototypeExec,
  StringFromCharCode,
  StringPrototypeCharCodeAt,
  StringPrototypeIndexOf,
  StringPrototypeSlice,
  StringPrototypeStartsWith,
  TypedArrayPrototypeGetLength,
  TypedArrayPrototypeSubarray,
  Uint8Array,
} = internal.primordials;
const { copyBytes } = internal.encoding;

function hexValue(unit) {
  if (unit >= 0x30 && unit <= 0x39) return unit - 0x30;
  unit |= 0x20;
  return unit >= 0x61 && unit <= 0x66 ? unit - 0x57 : -1;
}

// "percent-decode" of an ASCII string. URL section 1.3
function percentDecode(string) {
  const { length } = string;
  const bytes = new Uint8Array(length);
  let count = 0;
  for (let i = 0; i < length; i++) {
    let unit = StringPrototypeCharCodeAt(string, i);
    if (unit === 0x25 && i + 2 < length) {
      const high = hexValue(StringPrototypeCharCodeAt(string, i + 1));
      const low = hexValue(StringPrototypeCharCodeAt(string, i + 2));
      if (high !== -1 && low !== -1) {
        unit = high * 16 + low;
        i += 2;
      }
    }
    bytes[count++] = unit;
  }
  // Nobody is to see the rest of a larger buffer.
  return count === length ? bytes : copyBytes(TypedArrayPrototypeSubarray(bytes, 0, count));
}

function isomorphicDecode(bytes, length) {
  let string = "";
  for (let i = 0; i < length; i++) string += StringFromCharCode(bytes[i]);
  return string;
}

function isomorphicEncode(string) {
  const { length } = string;
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i++) bytes[i] = StringPrototypeCharCodeAt(string, i);
  return bytes;
}

// Strip leading and trailing ASCII whitespace.
function strip(string) {
  const isSpace = (unit) => unit === 0x20 || (unit >= 0x09 && unit <= 0x0d && unit !== 0x0b);
  let start = 0;
  let end = string.length;
  while (start < end && isSpace(StringPrototypeCharCodeAt(string, start))) start++;
  while (end > start && isSpace(StringPrototypeCharCodeAt(string, end - 1))) end--;
  return StringPrototypeSlice(string, start, end);
}

const base64End = new RegExp("; *base64$", "i");

// "data: URL processor": { type, bytes }, or null for failure. `url` is serialized.
function processDataUrl(url) {
  const input = StringPrototypeSlice(internal.url.withoutFragment(url), 5);
  const comma = StringPrototypeIndexOf(input, ",");
  if (comma === -1) return null;
  let type = strip(StringPrototypeSlice(input, 0, comma));
  let bytes = percentDecode(StringPrototypeSlice(input, comma + 1));
  const match = RegExpPrototypeExec(base64End, type);
  if (match !== null) {
    const decoded = ops.base64Decode(isomorphicDecode(bytes, TypedArrayPrototypeGetLength(bytes)));
    if (decoded === undefined) return null;
    bytes = isomorphicEncode(decoded);
    type = StringPrototypeSlice(type, 0, match.index);
  }
  if (StringPrototypeStartsWith(type, ";")) type = `text/plain${type}`;
  const mimeType = internal.mime.parseMimeType(type);
  return {
    __proto__: null,
    type: mimeType === null ? "text/plain;charset=US-ASCII" : internal.mime.serializeMimeType(mimeType),
    bytes,
  };
}

internal.dataUrl = { __proto__: null, processDataUrl };
