// How the components of a URL pattern and of its inputs are encoded: as the URL parser does it.
// URL Pattern Standard, section 3.1 and section 3.2 (https://urlpattern.spec.whatwg.org/)

const {
  NumberPrototypeToString, RegExp, RegExpPrototypeExec, StringPrototypeLastIndexOf, StringPrototypeSlice,
  StringPrototypeToLowerCase, TypeError, encodeURIComponent,
} = internal.primordials;
const { escapePattern } = internal.patternSyntax;
const { parseComponents, setComponents } = internal.url;

// The URL whose components are set to see what becomes of a value: "create a dummy URL".
const DUMMY = "https://dummy.invalid/";

// By scheme, its default port.
const specialSchemes = { __proto__: null, file: "", ftp: "21", http: "80", https: "443", ws: "80", wss: "443" };

function invalid(what, value) {
  return new TypeError(`'${value}' is not a valid ${what} of a URL.`);
}

// The dummy URL's component `key` after it was set.
function canonicalize(key, what, value) {
  if (value === "") return "";
  const components = setComponents(DUMMY, key, value);
  if (components === null) throw invalid(what, value);
  return components[key];
}

function canonicalizeProtocol(value) {
  if (value === "") return "";
  const components = parseComponents(`${value}://dummy.invalid/`);
  if (components === null) throw invalid("protocol", value);
  return components.protocol;
}

const canonicalizeUsername = (value) => canonicalize("username", "username", value);
const canonicalizePassword = (value) => canonicalize("password", "password", value);

function canonicalizeHostname(value) {
  return value === "dummy.invalid" ? value : canonicalize("hostname", "hostname", value);
}

// Brackets, colons and hexadecimal digits: pieces of an address are no address.
const ipv6 = new RegExp("^[\\x5b\\x5d:0-9a-fA-F]*$");

function canonicalizeIPv6Hostname(value) {
  if (RegExpPrototypeExec(ipv6, value) === null) throw invalid("IPv6 address", value);
  return StringPrototypeToLowerCase(value);
}

const digits = new RegExp("^[\\t\\n\\r]*([0-9][0-9\\t\\n\\r]*)");

function canonicalizePort(value, protocol = undefined) {
  if (value === "") return "";
  const match = RegExpPrototypeExec(digits, value);
  if (match === null) throw invalid("port", value);
  let port = 0;
  const text = match[1];
  for (let i = 0; i < text.length && port <= 0xffff; i++) {
    if (text[i] >= "0") port = port * 10 + +text[i];
  }
  if (port > 0xffff) throw invalid("port", value);
  const serialized = NumberPrototypeToString(port, 10);
  return protocol !== undefined && specialSchemes[protocol] === serialized ? "" : serialized;
}

function canonicalizePathname(value) {
  if (value === "") return "";
  // A dot segment at the beginning is not one if something comes before it.
  if (value[0] === "/") return canonicalize("pathname", "path", value);
  return StringPrototypeSlice(canonicalize("pathname", "path", `/-${value}`), 2);
}

// The C0 control percent-encode set, and nothing else. URL, "opaque path state"
function canonicalizeOpaquePathname(value) {
  let result = "";
  for (let i = 0; i < value.length; i++) {
    const character = value[i];
    if (character === "\t" || character === "\n" || character === "\r") continue;
    if (character >= " " && character <= "~") {
      result += character;
    } else if (character >= "\ud800" && character <= "\udbff") {
      result += encodeURIComponent(StringPrototypeSlice(value, i, i + 2));
      i++;
    } else {
      result += encodeURIComponent(character);
    }
  }
  return result;
}

const canonicalizeSearch = (value) => canonicalize("search", "query", value);
const canonicalizeHash = (value) => canonicalize("hash", "fragment", value);

// section 3.2, "process a base URL string"
const processBase = (value, isPattern) => isPattern ? escapePattern(value) : value;

function isAbsolutePathname(value, isPattern) {
  if (value === "") return false;
  if (value[0] === "/") return true;
  return isPattern && (value[0] === "\\" || value[0] === "{") && value[1] === "/";
}

const withoutFirst = (value, character) => value[0] === character ? StringPrototypeSlice(value, 1) : value;

// section 3.2, "process a URLPatternInit". `initial` is what components are that nobody gives: undefined or
// "".
function processInit(init, isPattern, initial) {
  const result = {
    __proto__: null, protocol: initial, username: initial, password: initial, hostname: initial, port: initial,
    pathname: initial, search: initial, hash: initial,
  };
  const { protocol, username, password, hostname, port, pathname, search, hash } = init;
  let base = null;
  if (init.baseURL !== undefined) {
    base = parseComponents(init.baseURL);
    if (base === null) throw new TypeError(`The base '${init.baseURL}' is not a valid URL.`);
    // A component comes from the base as long as none before it was given.
    let inherit = protocol === undefined;
    if (inherit) result.protocol = processBase(base.protocol, isPattern);
    inherit &&= hostname === undefined;
    if (inherit) result.hostname = processBase(base.hostname, isPattern);
    inherit &&= port === undefined;
    if (inherit) result.port = base.port;
    // A pattern does not inherit the username or the password.
    if (!isPattern && inherit && username === undefined) {
      result.username = base.username;
      if (password === undefined) result.password = base.password;
    }
    inherit &&= pathname === undefined;
    if (inherit) result.pathname = processBase(base.pathname, isPattern);
    inherit &&= search === undefined;
    if (inherit) result.search = processBase(base.search, isPattern);
    inherit &&= hash === undefined;
    if (inherit) result.hash = processBase(base.hash, isPattern);
  }
  if (protocol !== undefined) {
    const stripped = protocol[protocol.length - 1] === ":" ? StringPrototypeSlice(protocol, 0, -1) : protocol;
    result.protocol = isPattern ? stripped : canonicalizeProtocol(stripped);
  }
  if (username !== undefined) result.username = isPattern ? username : canonicalizeUsername(username);
  if (password !== undefined) result.password = isPattern ? password : canonicalizePassword(password);
  if (hostname !== undefined) result.hostname = isPattern ? hostname : canonicalizeHostname(hostname);
  const scheme = result.protocol ?? "";
  if (port !== undefined) result.port = isPattern ? port : canonicalizePort(port, scheme);
  if (pathname !== undefined) {
    let path = pathname;
    if (base !== null && !base.opaque && !isAbsolutePathname(path, isPattern)) {
      const basePath = processBase(base.pathname, isPattern);
      const slash = StringPrototypeLastIndexOf(basePath, "/");
      if (slash !== -1) path = StringPrototypeSlice(basePath, 0, slash + 1) + path;
    }
    if (!isPattern) {
      path = scheme === "" || scheme in specialSchemes ? canonicalizePathname(path) : canonicalizeOpaquePathname(path);
    }
    result.pathname = path;
  }
  if (search !== undefined) {
    const stripped = withoutFirst(search, "?");
    result.search = isPattern ? stripped : canonicalizeSearch(stripped);
  }
  if (hash !== undefined) {
    const stripped = withoutFirst(hash, "#");
    result.hash = isPattern ? stripped : canonicalizeHash(stripped);
  }
  return result;
}

internal.patternComponents = {
  __proto__: null,
  canonicalizeHash, canonicalizeHostname, canonicalizeIPv6Hostname, canonicalizeOpaquePathname, canonicalizePassword,
  canonicalizePathname, canonicalizePort, canonicalizeProtocol, canonicalizeSearch, canonicalizeUsername, processInit,
  specialSchemes,
};
