// Headers (Fetch Standard section 2.2, section 5.1-section 5.2).
//
// A header list is a flat array: lower-case name, value, lower-case name, value, in the order in which they
// were appended. (The case that a name was written in is not kept: it can be told apart neither in JavaScript
// nor, by RFC 9110 section 5.1, by a peer.) The headers of an incoming request stay in its head (incoming.js)
// until something iterates over them.
//
// Guards are "none", "request", "response" and "immutable". The lists of forbidden names that the standard
// gives for "request" and "response" protect a browser's user from a page; a server sets Cookie, Host,
// Set-Cookie and so on itself, so these lists do not apply here, as they do not in other servers. Nor does
// "request-no-cors", for the same reason.

const {
  ArrayPrototypePush,
  ArrayPrototypeSort,
  Map,
  MapPrototypeGet,
  MapPrototypeGetSize,
  MapPrototypeSet,
  ObjectGetOwnPropertySymbols,
  ObjectKeys,
  ObjectPrototypePropertyIsEnumerable,
  ReflectOwnKeys,
  StringPrototypeCharCodeAt,
  StringPrototypeSlice,
  StringPrototypeToLowerCase,
  SymbolIterator,
  TypeError,
} = internal.primordials;
const webidl = internal.webidl;
const { converters } = webidl;
const { headGet, headList } = internal.incoming;

const GUARD_NONE = 0;
const GUARD_REQUEST = 1;
const GUARD_RESPONSE = 2;
const GUARD_IMMUTABLE = 3;

// ---------------------------------------------------------------------------------------------------------------------
// Names and values

// Whether an ASCII code unit may be in a token (RFC 9110 section 5.6.2).
const { isToken } = internal;

// Valid names as they were written, to their lower-case form. Bounded, since a tenant chooses what is added:
// an application uses a few dozen names.
const NAME_CACHE_ENTRIES_MAX = 512;
const NAME_CACHE_LENGTH_MAX = 64;
const nameCache = new Map();
{
  const names = [
    "Accept", "Accept-Encoding", "Accept-Language", "Accept-Ranges", "Access-Control-Allow-Credentials",
    "Access-Control-Allow-Headers", "Access-Control-Allow-Methods", "Access-Control-Allow-Origin",
    "Access-Control-Expose-Headers", "Access-Control-Max-Age", "Access-Control-Request-Headers",
    "Access-Control-Request-Method", "Age", "Allow", "Authorization", "Cache-Control", "Connection",
    "Content-Disposition", "Content-Encoding", "Content-Language", "Content-Length", "Content-Location", "Content-Range",
    "Content-Security-Policy", "Content-Type", "Cookie", "Date", "ETag", "Etag", "Expires", "Forwarded", "Host",
    "If-Match", "If-Modified-Since", "If-None-Match", "Last-Modified", "Link", "Location", "Origin", "Pragma", "Range",
    "Referer", "Referrer-Policy", "Retry-After", "Server", "Set-Cookie", "Strict-Transport-Security",
    "Transfer-Encoding", "Upgrade", "User-Agent", "Vary", "Via", "WWW-Authenticate", "X-Content-Type-Options",
    "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Frame-Options", "X-Powered-By", "X-Request-Id",
    "X-Response-Time",
  ];
  for (const name of names) {
    nameCache.set(name, name.toLowerCase());
    nameCache.set(name.toLowerCase(), name.toLowerCase());
  }
}

// The lower-case form of a header name, or a TypeError.
function normalizeName(name, prefix) {
  const cached = MapPrototypeGet(nameCache, name);
  if (cached !== undefined) return cached;
  if (!isToken(name)) throw new TypeError(`${prefix}: '${name}' is not a valid header name.`);
  const lower = StringPrototypeToLowerCase(name);
  if (name.length <= NAME_CACHE_LENGTH_MAX && MapPrototypeGetSize(nameCache) < NAME_CACHE_ENTRIES_MAX) {
    MapPrototypeSet(nameCache, name, lower);
  }
  return lower;
}

// HTTP whitespace: tab, LF, CR, space
const isWhitespace = (unit) => unit === 0x20 || unit === 0x09 || unit === 0x0a || unit === 0x0d;

// A header value without whitespace around it, or a TypeError; also for a string that is not a ByteString.
// Fetch section 2.2.2, "normalize"
function normalizeValue(value, prefix) {
  let { length } = value;
  if (length === 0) return value;
  if (isWhitespace(StringPrototypeCharCodeAt(value, 0)) || isWhitespace(StringPrototypeCharCodeAt(value, length - 1))) {
    let start = 0;
    while (start < length && isWhitespace(StringPrototypeCharCodeAt(value, start))) start++;
    while (length > start && isWhitespace(StringPrototypeCharCodeAt(value, length - 1))) length--;
    value = StringPrototypeSlice(value, start, length);
    length = value.length;
  }
  for (let i = 0; i < length; i++) {
    const unit = StringPrototypeCharCodeAt(value, i);
    if (unit >= 14 && unit <= 0xff) continue;
    if (unit > 0xff) {
      throw new TypeError(`${prefix}: a header value is not a valid ByteString: a character is above 255.`);
    }
    if (unit === 10 || unit === 13 || unit === 0) {
      throw new TypeError(`${prefix}: a header value has a line break or a NUL character.`);
    }
  }
  return value;
}

// Normalizes and checks a list of names and values in place.
function normalizeList(list, prefix) {
  for (let i = 0; i < list.length; i += 2) {
    list[i] = normalizeName(list[i], prefix);
    list[i + 1] = normalizeValue(list[i + 1], prefix);
  }
  return list;
}

// The conversion to ByteString of a name or value that is normalized next: what a string may not have is
// found then, so it need not be looked through twice.
function toByteString(V, prefix, context) {
  return typeof V === "string" ? V : converters.ByteString(V, prefix, context);
}

// ---------------------------------------------------------------------------------------------------------------------
// HeadersInit: (sequence<sequence<ByteString>> or record<ByteString, ByteString>)

// A new flat list of ByteStrings, not yet checked nor normalized.
function convertHeadersInit(init, prefix, context) {
  if (!webidl.isObject(init)) {
    throw new TypeError(`${prefix}: ${context} is neither a sequence nor a record.`);
  }
  const method = init[SymbolIterator];
  if (method === undefined || method === null) return convertRecord(init, prefix, context);
  if (method === headersIterator && isHeaders(init)) {
    // What iterating would give, but for the order and for values that it would join: neither can be told
    // apart later.
    return copyList(getList(init));
  }
  const pairs = webidl.createSequenceFromIterable(init, method, converters["sequence<ByteString>"], prefix, context);
  const list = [];
  for (let i = 0; i < pairs.length; i++) {
    const pair = pairs[i];
    if (pair.length !== 2) throw new TypeError(`${prefix}: ${context}[${i}] does not have exactly two items.`);
    ArrayPrototypePush(list, pair[0], pair[1]);
  }
  return list;
}

function convertRecord(init, prefix, context) {
  const list = [];
  if (!ops.isProxy(init)) {
    // Cloning an ordinary object reads the same members in the same order, and many times faster than asking
    // for its keys.
    const copy = { ...init };
    const names = ObjectKeys(copy);
    for (let i = 0; i < names.length; i++) {
      const name = names[i];
      ArrayPrototypePush(list, name, toByteString(copy[name], prefix, context));
    }
    if (ObjectGetOwnPropertySymbols(copy).length !== 0) {
      throw new TypeError(`${prefix}: a key of ${context} is a Symbol and cannot be converted to a string.`);
    }
    return list;
  }
  const keys = ReflectOwnKeys(init);
  for (let i = 0; i < keys.length; i++) {
    const key = keys[i];
    if (!ObjectPrototypePropertyIsEnumerable(init, key)) continue;
    const name = converters.ByteString(key, prefix, context);
    ArrayPrototypePush(list, name, converters.ByteString(init[key], prefix, context));
  }
  return list;
}

function copyList(list) {
  const copy = [];
  for (let i = 0; i < list.length; i++) ArrayPrototypePush(copy, list[i]);
  return copy;
}

// ---------------------------------------------------------------------------------------------------------------------
// Header lists. Fetch section 2.2.2

// "get": the values joined, or null.
function listGet(list, name) {
  let result = null;
  for (let i = 0; i < list.length; i += 2) {
    if (list[i] === name) result = result === null ? list[i + 1] : `${result}, ${list[i + 1]}`;
  }
  return result;
}

function listContains(list, name) {
  for (let i = 0; i < list.length; i += 2) {
    if (list[i] === name) return true;
  }
  return false;
}

function listDelete(list, name) {
  let kept = 0;
  for (let i = 0; i < list.length; i += 2) {
    if (list[i] === name) continue;
    if (kept !== i) {
      list[kept] = list[i];
      list[kept + 1] = list[i + 1];
    }
    kept += 2;
  }
  list.length = kept;
}

function listSet(list, name, value) {
  for (let i = 0; i < list.length; i += 2) {
    if (list[i] !== name) continue;
    list[i + 1] = value;
    let kept = i + 2;
    for (let j = kept; j < list.length; j += 2) {
      if (list[j] === name) continue;
      if (kept !== j) {
        list[kept] = list[j];
        list[kept + 1] = list[j + 1];
      }
      kept += 2;
    }
    list.length = kept;
    return;
  }
  ArrayPrototypePush(list, name, value);
}

// "sort and combine": [name, value] arrays.
function sortAndCombine(list) {
  const entries = [];
  for (let i = 0; i < list.length; i += 2) ArrayPrototypePush(entries, [list[i], list[i + 1]]);
  ArrayPrototypeSort(entries, (a, b) => a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : 0);
  let last = -1;
  for (let i = 0; i < entries.length; i++) {
    const entry = entries[i];
    if (last >= 0 && entries[last][0] === entry[0] && entry[0] !== "set-cookie") {
      entries[last][1] += `, ${entry[1]}`;
    } else {
      entries[++last] = entry;
    }
  }
  entries.length = last + 1;
  return entries;
}

// "name: value\r\n" for each.
function serializeList(list) {
  let block = "";
  for (let i = 0; i < list.length; i += 2) block += `${list[i]}: ${list[i + 1]}\r\n`;
  return block;
}

// ---------------------------------------------------------------------------------------------------------------------
// Headers

const constructorKey = webidl.constructorKey;

let isHeaders, getList, getSorted;

class Headers {
  // null: still in the head
  #list;
  #guard = GUARD_NONE;
  // The head of an incoming request (incoming.js), or null.
  #head = null;
  // The pairs that iteration sees, until the next change.
  #sorted = null;

  static {
    isHeaders = (value) => typeof value === "object" && value !== null && #list in value;
    getList = (headers) => headers.#list ??= headList(headers.#head);
    getSorted = (headers) => headers.#sorted ??= sortAndCombine(getList(headers));
  }

  constructor(init = undefined, list = undefined, guard = GUARD_NONE, head = null) {
    if (init === constructorKey) {
      this.#list = list;
      this.#guard = guard;
      this.#head = head;
    } else if (init === undefined) {
      this.#list = [];
    } else {
      const prefix = "Failed to construct 'Headers'";
      this.#list = normalizeList(convertHeadersInit(init, prefix, "Argument 1"), prefix);
    }
  }

  // "validate": the list if it may be changed.
  #writable(prefix) {
    if (this.#guard === GUARD_IMMUTABLE) throw new TypeError(`${prefix}: these headers are immutable.`);
    this.#sorted = null;
    return getList(this);
  }

  append(name, value) {
    this.#guard;
    const prefix = "Failed to execute 'append' on 'Headers'";
    webidl.requiredArguments(arguments.length, 2, prefix);
    name = toByteString(name, prefix, "Argument 1");
    value = toByteString(value, prefix, "Argument 2");
    name = normalizeName(name, prefix);
    value = normalizeValue(value, prefix);
    ArrayPrototypePush(this.#writable(prefix), name, value);
  }

  delete(name) {
    this.#guard;
    const prefix = "Failed to execute 'delete' on 'Headers'";
    webidl.requiredArguments(arguments.length, 1, prefix);
    name = normalizeName(toByteString(name, prefix, "Argument 1"), prefix);
    listDelete(this.#writable(prefix), name);
  }

  get(name) {
    const list = this.#list;
    const prefix = "Failed to execute 'get' on 'Headers'";
    webidl.requiredArguments(arguments.length, 1, prefix);
    name = normalizeName(toByteString(name, prefix, "Argument 1"), prefix);
    return list === null ? headGet(this.#head, name) : listGet(list, name);
  }

  getSetCookie() {
    const list = getList(this);
    const values = [];
    for (let i = 0; i < list.length; i += 2) {
      if (list[i] === "set-cookie") ArrayPrototypePush(values, list[i + 1]);
    }
    return values;
  }

  has(name) {
    const list = this.#list;
    const prefix = "Failed to execute 'has' on 'Headers'";
    webidl.requiredArguments(arguments.length, 1, prefix);
    name = normalizeName(toByteString(name, prefix, "Argument 1"), prefix);
    return list === null ? headGet(this.#head, name) !== null : listContains(list, name);
  }

  set(name, value) {
    this.#guard;
    const prefix = "Failed to execute 'set' on 'Headers'";
    webidl.requiredArguments(arguments.length, 2, prefix);
    name = toByteString(name, prefix, "Argument 1");
    value = toByteString(value, prefix, "Argument 2");
    name = normalizeName(name, prefix);
    value = normalizeValue(value, prefix);
    listSet(this.#writable(prefix), name, value);
  }
}
webidl.configureInterface(Headers);
webidl.pairIterable(Headers, "Headers", getSorted);
const headersIterator = Headers.prototype[SymbolIterator];

// Headers over `list`, which they share with their owner.
function makeHeaders(list, guard) {
  return new Headers(constructorKey, list, guard);
}

// The immutable headers of an incoming request, which stay in its head until something iterates over them.
function makeIncomingHeaders(head) {
  return new Headers(constructorKey, null, GUARD_IMMUTABLE, head);
}

// The header lines of a Headers object: "name: value\r\n" for each, checked when they were set.
function serializeHeaders(headers) {
  return serializeList(getList(headers));
}

internal.fetch = {
  __proto__: null,
  GUARD_IMMUTABLE,
  GUARD_NONE,
  GUARD_REQUEST,
  GUARD_RESPONSE,
  Headers,
  convertHeadersInit,
  copyList,
  getHeaderList: getList,
  getSortedHeaders: getSorted,
  isHeaders,
  isToken,
  listContains,
  listGet,
  listSet,
  makeHeaders,
  makeIncomingHeaders,
  normalizeList,
  serializeHeaders,
  serializeList,
};
internal.expose({ Headers });
