// URL (URL Standard section 6.1): the interface over the native parser.
//
// A URL is its serialization and the offsets of its components in it; the getters slice. The parser and the
// setters' state-override parsing are native. `ops.urlSet(href, which, value, out)` takes `which` from the
// list below. Knows of URLSearchParams only how to make one and how to replace its list; of blobs nothing
// (file/blob.js keeps their URLs).

const { StringPrototypeIndexOf } = internal.primordials;
const {
  StringPrototypeSlice,
  TypeError,
  Uint32Array,
} = internal.primordials;
const webidl = internal.webidl;
const { converters } = webidl;

// The components that the native setter sets, by number. `href` is 0, though this file parses anew instead.
const PROTOCOL = 1;
const USERNAME = 2;
const PASSWORD = 3;
const HOST = 4;
const HOSTNAME = 5;
const PORT = 6;
const PATHNAME = 7;
const SEARCH = 8;
const HASH = 9;

const NONE = 0xffffffff;
const HAS_AUTHORITY = 1;

// Where the native parser leaves the offsets of what it parsed last: scheme end, username end, host start,
// host end, port, path start, query start, fragment start, flags. Made when first needed, once for an
// isolate.
let offsets;
// The URL that was parsed last, if `offsets` are still its own: applications parse the same string (a
// request's URL) several times.
let lastInput = null;
let lastHref = "";

// The URL parser. The href, or null for failure; the offsets are then in `offsets`.
function parse(input, base) {
  if (input === lastInput && base === undefined) return lastHref;
  lastInput = null;
  const href = ops.urlParse(input, base, offsets ??= new Uint32Array(9));
  if (href !== null && base === undefined) {
    lastInput = input;
    lastHref = href;
  }
  return href;
}

function setComponent(href, which, value) {
  lastInput = null;
  return ops.urlSet(href, which, value, offsets ??= new Uint32Array(9));
}

const constructorKey = webidl.constructorKey;

let isURL, getHref, getComponents;

class URL {
  #href;
  #schemeEnd;
  #usernameEnd;
  #hostStart;
  #hostEnd;
  #port;
  #pathStart;
  // -1: none
  #queryStart;
  #fragmentStart;
  #flags;
  #searchParams = null;

  static {
    isURL = (value) => typeof value === "object" && value !== null && #href in value;
    getHref = (url) => url.#href;
    getComponents = (url) => {
      const fragment = url.#fragmentStart;
      return {
        __proto__: null,
        protocol: StringPrototypeSlice(url.#href, 0, url.#schemeEnd),
        username: url.#username(),
        password: url.#password(),
        hostname: url.#hostname(),
        port: url.#port === -1 ? "" : `${url.#port}`,
        pathname: StringPrototypeSlice(url.#href, url.#pathStart, url.#pathEnd()),
        search: url.#query(),
        hash: fragment === -1 ? "" : StringPrototypeSlice(url.#href, fragment + 1),
        opaque: url.#href[url.#pathStart] !== "/",
      };
    };
  }

  constructor(url, base = undefined) {
    // From parse(), which has parsed already.
    if (url === constructorKey) {
      this.#take(base);
      return;
    }
    const prefix = "Failed to construct 'URL'";
    webidl.requiredArguments(arguments.length, 1, prefix);
    url = converters.USVString(url, prefix, "Argument 1");
    if (base !== undefined) base = converters.USVString(base, prefix, "Argument 2");
    const href = parse(url, base);
    if (href === null) {
      throw new TypeError(
        base === undefined
          ? `${prefix}: '${url}' is not a valid URL.`
          : `${prefix}: '${url}' with the base '${base}' is not a valid URL.`,
      );
    }
    this.#take(href);
  }

  static parse(url, base = undefined) {
    const prefix = "Failed to execute 'parse' on 'URL'";
    webidl.requiredArguments(arguments.length, 1, prefix);
    url = converters.USVString(url, prefix, "Argument 1");
    if (base !== undefined) base = converters.USVString(base, prefix, "Argument 2");
    const href = parse(url, base);
    return href === null ? null : new URL(constructorKey, href);
  }

  static canParse(url, base = undefined) {
    const prefix = "Failed to execute 'canParse' on 'URL'";
    webidl.requiredArguments(arguments.length, 1, prefix);
    url = converters.USVString(url, prefix, "Argument 1");
    if (base !== undefined) base = converters.USVString(base, prefix, "Argument 2");
    return parse(url, base) !== null;
  }

  // File API section 8.5
  static createObjectURL(blob) {
    webidl.requiredArguments(arguments.length, 1, "Failed to execute 'createObjectURL' on 'URL'");
    return internal.hooks.blobUrls.create(blob);
  }

  static revokeObjectURL(url) {
    const prefix = "Failed to execute 'revokeObjectURL' on 'URL'";
    webidl.requiredArguments(arguments.length, 1, prefix);
    internal.hooks.blobUrls.revoke(converters.USVString(url, prefix, "Argument 1"));
  }

  // Makes this what was parsed last.
  #take(href) {
    this.#href = href;
    this.#schemeEnd = offsets[0];
    this.#usernameEnd = offsets[1];
    this.#hostStart = offsets[2];
    this.#hostEnd = offsets[3];
    this.#port = offsets[4] === NONE ? -1 : offsets[4];
    this.#pathStart = offsets[5];
    this.#queryStart = offsets[6] === NONE ? -1 : offsets[6];
    this.#fragmentStart = offsets[7] === NONE ? -1 : offsets[7];
    this.#flags = offsets[8];
  }

  // A setter other than href's. A value that cannot be set changes nothing.
  #set(which, value) {
    const href = setComponent(this.#href, which, value);
    if (href !== null) this.#take(href);
  }

  // Replaces the query with what URLSearchParams serialized, which needs no further encoding. section 6.2,
  // "update"
  #setQuery(query) {
    const href = this.#href;
    if (href[this.#pathStart] !== "/") {
      // Removing the query of an opaque path may change the path's end.
      this.#set(SEARCH, query);
      return;
    }
    const fragment = this.#fragmentStart;
    const end = this.#queryStart !== -1 ? this.#queryStart : fragment !== -1 ? fragment : href.length;
    const head = query === "" ? StringPrototypeSlice(href, 0, end) : `${StringPrototypeSlice(href, 0, end)}?${query}`;
    this.#queryStart = query === "" ? -1 : end;
    if (fragment === -1) {
      this.#href = head;
    } else {
      this.#href = head + StringPrototypeSlice(href, fragment);
      this.#fragmentStart = head.length;
    }
  }

  // Where the path ends.
  #pathEnd() {
    return this.#queryStart !== -1
      ? this.#queryStart
      : this.#fragmentStart !== -1 ? this.#fragmentStart : this.#href.length;
  }

  #username() {
    const start = this.#schemeEnd + 3;
    if ((this.#flags & HAS_AUTHORITY) === 0 || this.#usernameEnd <= start) return "";
    return StringPrototypeSlice(this.#href, start, this.#usernameEnd);
  }

  #password() {
    const href = this.#href;
    const end = this.#usernameEnd;
    // A colon there is before a password only if the host has not begun yet.
    if ((this.#flags & HAS_AUTHORITY) === 0 || end >= this.#hostStart || href[end] !== ":") return "";
    return StringPrototypeSlice(href, end + 1, this.#hostStart - 1);
  }

  #hostname() {
    const href = this.#href;
    if ((this.#flags & HAS_AUTHORITY) === 0) return "";
    return StringPrototypeSlice(href, this.#hostStart, this.#hostEnd);
  }

  #query() {
    const start = this.#queryStart;
    if (start === -1) return "";
    return StringPrototypeSlice(
      this.#href, start + 1, this.#fragmentStart !== -1 ? this.#fragmentStart : this.#href.length,
    );
  }

  get href() {
    return this.#href;
  }

  set href(value) {
    const prefix = "Failed to set 'href' on 'URL'";
    this.#href;
    value = converters.USVString(value, prefix, "The value");
    const href = parse(value, undefined);
    if (href === null) throw new TypeError(`${prefix}: '${value}' is not a valid URL.`);
    this.#take(href);
    if (this.#searchParams !== null) internal.searchParams.replaceParamsList(this.#searchParams, this.#query());
  }

  get origin() {
    const href = this.#href;
    switch (StringPrototypeSlice(href, 0, this.#schemeEnd)) {
      case "http":
      case "https":
      case "ws":
      case "wss":
      case "ftp":
        return StringPrototypeSlice(href, 0, this.#schemeEnd + 3) +
          StringPrototypeSlice(href, this.#hostStart, this.#pathStart);
      case "blob":
        return ops.urlOrigin(href);
      default:
        return "null";
    }
  }

  get protocol() {
    return StringPrototypeSlice(this.#href, 0, this.#schemeEnd + 1);
  }

  set protocol(value) {
    this.#href;
    this.#set(PROTOCOL, converters.USVString(value, "Failed to set 'protocol' on 'URL'", "The value"));
  }

  get username() {
    return this.#username();
  }

  set username(value) {
    this.#href;
    this.#set(USERNAME, converters.USVString(value, "Failed to set 'username' on 'URL'", "The value"));
  }

  get password() {
    return this.#password();
  }

  set password(value) {
    this.#href;
    this.#set(PASSWORD, converters.USVString(value, "Failed to set 'password' on 'URL'", "The value"));
  }

  get host() {
    const href = this.#href;
    if ((this.#flags & HAS_AUTHORITY) === 0) return "";
    return StringPrototypeSlice(href, this.#hostStart, this.#pathStart);
  }

  set host(value) {
    this.#href;
    this.#set(HOST, converters.USVString(value, "Failed to set 'host' on 'URL'", "The value"));
  }

  get hostname() {
    return this.#hostname();
  }

  set hostname(value) {
    this.#href;
    this.#set(HOSTNAME, converters.USVString(value, "Failed to set 'hostname' on 'URL'", "The value"));
  }

  get port() {
    return this.#port === -1 ? "" : `${this.#port}`;
  }

  set port(value) {
    this.#href;
    this.#set(PORT, converters.USVString(value, "Failed to set 'port' on 'URL'", "The value"));
  }

  get pathname() {
    return StringPrototypeSlice(this.#href, this.#pathStart, this.#pathEnd());
  }

  set pathname(value) {
    this.#href;
    this.#set(PATHNAME, converters.USVString(value, "Failed to set 'pathname' on 'URL'", "The value"));
  }

  get search() {
    const query = this.#query();
    return query === "" ? "" : `?${query}`;
  }

  set search(value) {
    this.#href;
    this.#set(SEARCH, converters.USVString(value, "Failed to set 'search' on 'URL'", "The value"));
    if (this.#searchParams !== null) internal.searchParams.replaceParamsList(this.#searchParams, this.#query());
  }

  get searchParams() {
    return this.#searchParams ??= internal.searchParams.makeParams(this.#query(), (query) => this.#setQuery(query));
  }

  get hash() {
    const start = this.#fragmentStart;
    return start === -1 || start + 1 === this.#href.length ? "" : StringPrototypeSlice(this.#href, start);
  }

  set hash(value) {
    this.#href;
    this.#set(HASH, converters.USVString(value, "Failed to set 'hash' on 'URL'", "The value"));
  }

  toString() {
    return this.#href;
  }

  toJSON() {
    return this.#href;
  }
}
webidl.configureInterface(URL);

// The URL parser for other files: the serialization of `input`, or null.
function parseUrl(input, base = undefined) {
  return parse(input, base);
}

// The components of a URL without the characters around them, and whether its path is opaque; null for what
// is no URL.
function parseComponents(input, base = undefined) {
  const href = parse(input, base);
  return href === null ? null : getComponents(new URL(constructorKey, href));
}

const setters = { __proto__: null, hash: HASH, hostname: HOSTNAME, password: PASSWORD, pathname: PATHNAME, search: SEARCH, username: USERNAME };

// The components of a URL after one was set; null if it cannot be.
function setComponents(href, key, value) {
  const changed = setComponent(href, setters[key], value);
  return changed === null ? null : getComponents(new URL(constructorKey, changed));
}

// Whether a serialized URL has credentials. URL section 4.2
function includesCredentials(href) {
  const url = new URL(href);
  return url.username !== "" || url.password !== "";
}

// A serialized URL without its fragment.
function withoutFragment(href) {
  const at = StringPrototypeIndexOf(href, "#");
  return at === -1 ? href : StringPrototypeSlice(href, 0, at);
}

internal.url = {
  __proto__: null,
  URL,
  // For who prints one.
  attributes: webidl.takeAttributes(URL, [
    "href", "origin", "protocol", "username", "password", "host", "hostname", "port", "pathname", "search", "hash",
  ]),
  getHref, includesCredentials, isURL, parseComponents, parseUrl, setComponents, withoutFragment,
};
internal.expose({ URL });
