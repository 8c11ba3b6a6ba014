// The head of an incoming request, as the native side hands it over: one string, so that a request costs one allocation, and
// what a handler never asks for costs nothing.
//
//   METHOD LF URL LF (name ":" SP value CR LF)*
//
// and for the head of a response, with STATUS SP FLAGS SP REASON in the place of METHOD. nano-http writes it (text.rs).
// The URL is absolute and serialized; names are in lower case; values are without whitespace around them, as Latin-1; no
// part has a CR or an LF.
// Knows nothing of Request and Headers.

const {
  ArrayPrototypePush,
  StringPrototypeIndexOf,
  StringPrototypeSlice,
} = internal.primordials;

// Where the value that begins at `from` ends.
function valueEnd(head, from) {
  const end = StringPrototypeIndexOf(head, "\r", from);
  return end === -1 ? head.length : end;
}

function headMethod(head) {
  return StringPrototypeSlice(head, 0, StringPrototypeIndexOf(head, "\n"));
}

function headUrl(head) {
  const start = StringPrototypeIndexOf(head, "\n") + 1;
  return StringPrototypeSlice(head, start, StringPrototypeIndexOf(head, "\n", start));
}

// Where the LF before the first header is.
function headersStart(head) {
  return StringPrototypeIndexOf(head, "\n", StringPrototypeIndexOf(head, "\n") + 1);
}

// The values of a header, joined, or null. `name` is in lower case.
function headGet(head, name) {
  // A value has no LF, so this finds nothing but a line's beginning.
  const search = `\n${name}: `;
  let result = null;
  let at = StringPrototypeIndexOf(head, search, headersStart(head));
  while (at !== -1) {
    const start = at + search.length;
    const end = valueEnd(head, start);
    const value = StringPrototypeSlice(head, start, end);
    result = result === null ? value : `${result}, ${value}`;
    at = StringPrototypeIndexOf(head, search, end);
  }
  return result;
}

// All headers as a flat list: name, value, name, value...
function headList(head) {
  const list = [];
  let start = headersStart(head) + 1;
  while (start < head.length) {
    const colon = StringPrototypeIndexOf(head, ":", start);
    const end = valueEnd(head, colon);
    ArrayPrototypePush(
      list, StringPrototypeSlice(head, start, colon), StringPrototypeSlice(head, colon + 2, end),
    );
    start = end + 2;
  }
  return list;
}

internal.incoming = { __proto__: null, headGet, headList, headMethod, headUrl };
