// URLPattern. URL Pattern Standard, section 1 (https://urlpattern.spec.whatwg.org/)

const {
  ArrayPrototypePush, ObjectDefineProperty, RegExpPrototypeExec, StringPrototypeSlice, TypeError,
} = internal.primordials;
const { webidl } = internal;
const { converters } = webidl;
const {
  ASTERISK, CHAR, CLOSE, END, ESCAPED_CHAR, INVALID_CHAR, NAME, OPEN, REGEXP, compareComponents, compileComponent,
  generateText, tokenize,
} = internal.patternSyntax;
const {
  canonicalizeHash, canonicalizeHostname, canonicalizeIPv6Hostname, canonicalizeOpaquePathname, canonicalizePassword,
  canonicalizePathname, canonicalizePort, canonicalizeProtocol, canonicalizeSearch, canonicalizeUsername, processInit,
  specialSchemes,
} = internal.patternComponents;
const { parseComponents } = internal.url;

// In the order of a URL.
const COMPONENTS = ["protocol", "username", "password", "hostname", "port", "pathname", "search", "hash"];

const defaultOptions = { __proto__: null, delimiter: "", prefix: "", ignoreCase: false };
const ignoreCaseOptions = { __proto__: null, delimiter: "", prefix: "", ignoreCase: true };
const hostnameOptions = { __proto__: null, delimiter: ".", prefix: "", ignoreCase: false };
const pathnameOptions = { __proto__: null, delimiter: "/", prefix: "/", ignoreCase: false };
const pathnameIgnoreCaseOptions = { __proto__: null, delimiter: "/", prefix: "/", ignoreCase: true };

// section 1.5, "protocol component matches a special scheme"
function matchesSpecialScheme(component) {
  for (const scheme in specialSchemes) {
    if (RegExpPrototypeExec(component.regexp, scheme) !== null) return true;
  }
  return false;
}

// ---------------------------------------------------------------------------------------------------------------------
// Constructor strings. section 1.6

// The states, in the order of a URL. From PROTOCOL to HASH they are places in COMPONENTS.
const INIT = -2;
const AUTHORITY = -1;
const PROTOCOL = 0;
const USERNAME = 1;
const PASSWORD = 2;
const HOSTNAME = 3;
const PORT = 4;
const PATHNAME = 5;
const SEARCH = 6;
const HASH = 7;
const DONE = 8;

// section 1.6, "parse a constructor string": a URLPatternInit
function parseConstructorString(input) {
  const tokens = tokenize(input, false);
  const result = { __proto__: null };
  let componentStart = 0;
  let index = 0;
  let increment = 1;
  let groupDepth = 0;
  let bracketDepth = 0;
  let special = false;
  let state = INIT;

  const safeToken = (at) => at < tokens.length ? tokens[at] : tokens[tokens.length - 1];

  function isChar(at, value) {
    const token = safeToken(at);
    return token.value === value &&
      (token.type === CHAR || token.type === ESCAPED_CHAR || token.type === INVALID_CHAR);
  }

  // "is a search prefix": a question mark that is no modifier
  function isSearchPrefix() {
    if (isChar(index, "?")) return true;
    if (tokens[index].value !== "?") return false;
    if (index === 0) return true;
    const { type } = safeToken(index - 1);
    return type !== NAME && type !== REGEXP && type !== CLOSE && type !== ASTERISK;
  }

  function componentString() {
    return StringPrototypeSlice(input, safeToken(componentStart).index, tokens[index].index);
  }

  function rewind(newState) {
    index = componentStart;
    increment = 0;
    state = newState;
  }

  function change(newState, skip) {
    if (state >= PROTOCOL && state <= HASH) result[COMPONENTS[state]] = componentString();
    if (state !== INIT && newState !== DONE) {
      // What a URL has none of between two components that it has is empty, and not a wildcard.
      if (state <= PASSWORD && newState >= PORT) result.hostname ??= "";
      if (state <= PORT && newState >= SEARCH) result.pathname ??= special ? "/" : "";
      if (state <= PATHNAME && newState === HASH) result.search ??= "";
    }
    state = newState;
    index += skip;
    componentStart = index;
    increment = 0;
  }

  // The beginning of a later component, with the character before it that is not part of it.
  function changeAtPrefix(pathname) {
    if (pathname && isChar(index, "/")) change(PATHNAME, 0);
    else if (isSearchPrefix()) change(SEARCH, 1);
    else if (isChar(index, "#")) change(HASH, 1);
  }

  for (; index < tokens.length; index += increment) {
    increment = 1;
    const { type } = tokens[index];
    if (type === END) {
      if (state === INIT) {
        rewind(INIT);
        if (isChar(index, "#")) change(HASH, 1);
        else if (isSearchPrefix()) change(SEARCH, 1);
        else change(PATHNAME, 0);
        continue;
      }
      if (state === AUTHORITY) {
        rewind(HOSTNAME);
        continue;
      }
      change(DONE, 0);
      break;
    }
    if (type === OPEN) {
      groupDepth++;
      continue;
    }
    if (groupDepth > 0) {
      if (type !== CLOSE) continue;
      groupDepth--;
    }
    switch (state) {
      case INIT:
        if (isChar(index, ":")) rewind(PROTOCOL);
        break;
      case PROTOCOL:
        if (isChar(index, ":")) {
          special = matchesSpecialScheme(compileComponent(componentString(), defaultOptions, canonicalizeProtocol));
          if (isChar(index + 1, "/") && isChar(index + 2, "/")) change(AUTHORITY, 3);
          else change(special ? AUTHORITY : PATHNAME, 1);
        }
        break;
      case AUTHORITY:
        if (isChar(index, "@")) rewind(USERNAME);
        else if (isChar(index, "/") || isSearchPrefix() || isChar(index, "#")) rewind(HOSTNAME);
        break;
      case USERNAME:
        if (isChar(index, ":")) change(PASSWORD, 1);
        else if (isChar(index, "@")) change(HOSTNAME, 1);
        break;
      case PASSWORD:
        if (isChar(index, "@")) change(HOSTNAME, 1);
        break;
      case HOSTNAME:
        if (isChar(index, "[")) bracketDepth++;
        else if (isChar(index, "]")) bracketDepth--;
        else if (isChar(index, ":") && bracketDepth === 0) change(PORT, 1);
        else changeAtPrefix(true);
        break;
      case PORT:
        changeAtPrefix(true);
        break;
      case PATHNAME:
        changeAtPrefix(false);
        break;
      case SEARCH:
        if (isChar(index, "#")) change(HASH, 1);
        break;
      default:
        break;
    }
  }
  if (result.hostname !== undefined && result.port === undefined) result.port = "";
  return result;
}

// ---------------------------------------------------------------------------------------------------------------------
// The interface. section 1.2

const member = (key) => ({ __proto__: null, key, converter: converters.USVString });
const convertInit = webidl.createDictionaryConverter("URLPatternInit", [
  member("baseURL"), member("hash"), member("hostname"), member("password"), member("pathname"), member("port"),
  member("protocol"), member("search"), member("username"),
]);
const convertOptions = webidl.createDictionaryConverter("URLPatternOptions", [
  { __proto__: null, key: "ignoreCase", converter: converters.boolean, defaultValue: false },
]);

const isObject = (value) => typeof value === "object" && value !== null || typeof value === "function";

// (USVString or URLPatternInit)
function convertInput(value, prefix) {
  return value === undefined || value === null || isObject(value)
    ? convertInit(value, prefix, "Argument 1")
    : converters.USVString(value, prefix, "Argument 1");
}

function createDataProperty(object, key, value) {
  ObjectDefineProperty(object, key, { __proto__: null, value, writable: true, enumerable: true, configurable: true });
}

// A dictionary as scripts see it: only the members that are there.
function inputForScripts(input) {
  if (typeof input === "string") return input;
  const result = {};
  const keys = ["baseURL", "hash", "hostname", "password", "pathname", "port", "protocol", "search", "username"];
  for (let i = 0; i < keys.length; i++) {
    if (input[keys[i]] !== undefined) createDataProperty(result, keys[i], input[keys[i]]);
  }
  return result;
}

// section 1.5, "hostname pattern is an IPv6 address"
function isIPv6Pattern(hostname) {
  return hostname.length >= 2 &&
    (hostname[0] === "[" || (hostname[0] === "{" || hostname[0] === "\\") && hostname[1] === "[");
}

// section 1.5, "create": the components by name
function createComponents(input, baseURL, ignoreCase) {
  let init = input;
  if (typeof input === "string") {
    init = parseConstructorString(input);
    if (baseURL === undefined && init.protocol === undefined) {
      throw new TypeError(`The pattern '${input}' is relative: it wants a base URL.`);
    }
    if (baseURL !== undefined) init.baseURL = baseURL;
  } else if (baseURL !== undefined) {
    throw new TypeError("A base URL is for a pattern that is a string; an object has it as its 'baseURL'.");
  }
  const given = processInit(init, true, undefined);
  for (let i = 0; i < COMPONENTS.length; i++) given[COMPONENTS[i]] ??= "*";
  const defaultPort = specialSchemes[given.protocol];
  if (defaultPort !== undefined && defaultPort !== "" && given.port === defaultPort) given.port = "";

  const options = ignoreCase ? ignoreCaseOptions : defaultOptions;
  const protocol = compileComponent(given.protocol, defaultOptions, canonicalizeProtocol);
  const special = matchesSpecialScheme(protocol);
  return {
    __proto__: null,
    protocol,
    username: compileComponent(given.username, defaultOptions, canonicalizeUsername),
    password: compileComponent(given.password, defaultOptions, canonicalizePassword),
    hostname: compileComponent(
      given.hostname, hostnameOptions, isIPv6Pattern(given.hostname) ? canonicalizeIPv6Hostname : canonicalizeHostname,
    ),
    port: compileComponent(given.port, defaultOptions, (value) => canonicalizePort(value)),
    pathname: special
      ? compileComponent(given.pathname, ignoreCase ? pathnameIgnoreCaseOptions : pathnameOptions, canonicalizePathname)
      : compileComponent(given.pathname, options, canonicalizeOpaquePathname),
    search: compileComponent(given.search, options, canonicalizeSearch),
    hash: compileComponent(given.hash, options, canonicalizeHash),
  };
}

// section 1.5, "match", as far as the input's components: null if it has none.
function componentsOf(input, baseURL) {
  if (typeof input === "string") return parseComponents(input, baseURL);
  if (baseURL !== undefined) {
    throw new TypeError("A base URL is for an input that is a string; an object has it as its 'baseURL'.");
  }
  try {
    return processInit(input, false, "");
  } catch {
    return null;
  }
}

// section 1.5, "create a component match result"
function componentResult(component, input, match) {
  const groups = {};
  for (let i = 0; i < component.names.length; i++) createDataProperty(groups, component.names[i], match[i + 1]);
  return { groups, input };
}

const convertComponent = webidl.createEnumConverter("URLPatternComponent", COMPONENTS);
const convertGroups = webidl.createRecordConverter(converters.USVString, converters.USVString);
let isURLPattern;
const convertPattern = webidl.createInterfaceConverter("URLPattern", (value) => isURLPattern(value));

class URLPattern {
  #components;

  static {
    isURLPattern = (value) => typeof value === "object" && value !== null && #components in value;
  }

  constructor(input = undefined, baseURLOrOptions = undefined, options = undefined) {
    const prefix = "Failed to construct 'URLPattern'";
    let baseURL;
    // Web IDL, section 3.6 "Overload resolution algorithm"
    const hasBase = arguments.length > 2 ||
      baseURLOrOptions !== undefined && baseURLOrOptions !== null && !isObject(baseURLOrOptions);
    input = convertInput(input, prefix);
    if (hasBase) baseURL = converters.USVString(baseURLOrOptions, prefix, "Argument 2");
    else options = baseURLOrOptions;
    const { ignoreCase } = convertOptions(options, prefix, "The options");
    this.#components = createComponents(input, baseURL, ignoreCase);
  }

  test(input = undefined, baseURL = undefined) {
    const components = this.#components;
    const prefix = "Failed to execute 'test' on 'URLPattern'";
    input = convertInput(input, prefix);
    if (baseURL !== undefined) baseURL = converters.USVString(baseURL, prefix, "Argument 2");
    const values = componentsOf(input, baseURL);
    if (values === null) return false;
    for (let i = 0; i < COMPONENTS.length; i++) {
      const name = COMPONENTS[i];
      if (RegExpPrototypeExec(components[name].regexp, values[name]) === null) return false;
    }
    return true;
  }

  exec(input = undefined, baseURL = undefined) {
    const components = this.#components;
    const prefix = "Failed to execute 'exec' on 'URLPattern'";
    input = convertInput(input, prefix);
    if (baseURL !== undefined) baseURL = converters.USVString(baseURL, prefix, "Argument 2");
    const values = componentsOf(input, baseURL);
    if (values === null) return null;
    const results = { __proto__: null };
    for (let i = 0; i < COMPONENTS.length; i++) {
      const name = COMPONENTS[i];
      const match = RegExpPrototypeExec(components[name].regexp, values[name]);
      if (match === null) return null;
      results[name] = componentResult(components[name], values[name], match);
    }
    const inputs = [inputForScripts(input)];
    if (baseURL !== undefined) ArrayPrototypePush(inputs, baseURL);
    const { hash, hostname, password, pathname, port, protocol, search, username } = results;
    return { hash, hostname, inputs, password, pathname, port, protocol, search, username };
  }

  generate(component, groups) {
    const components = this.#components;
    const prefix = "Failed to execute 'generate' on 'URLPattern'";
    webidl.requiredArguments(arguments.length, 2, prefix);
    component = convertComponent(component, prefix, "Argument 1");
    groups = convertGroups(groups, prefix, "Argument 2");
    const byName = { __proto__: null };
    for (let i = 0; i < groups.length; i++) byName[groups[i][0]] = groups[i][1];
    const text = generateText(components[component], byName);
    if (text === undefined) throw new TypeError(`${prefix}: the groups make no ${component} that the pattern matches.`);
    return text;
  }

  static compareComponent(component, left, right) {
    const prefix = "Failed to execute 'compareComponent' on 'URLPattern'";
    webidl.requiredArguments(arguments.length, 3, prefix);
    component = convertComponent(component, prefix, "Argument 1");
    left = convertPattern(left, prefix, "Argument 2");
    right = convertPattern(right, prefix, "Argument 3");
    return compareComponents(left.#components[component], right.#components[component]);
  }

  get protocol() {
    return this.#components.protocol.pattern;
  }

  get username() {
    return this.#components.username.pattern;
  }

  get password() {
    return this.#components.password.pattern;
  }

  get hostname() {
    return this.#components.hostname.pattern;
  }

  get port() {
    return this.#components.port.pattern;
  }

  get pathname() {
    return this.#components.pathname.pattern;
  }

  get search() {
    return this.#components.search.pattern;
  }

  get hash() {
    return this.#components.hash.pattern;
  }

  get hasRegExpGroups() {
    const components = this.#components;
    for (let i = 0; i < COMPONENTS.length; i++) {
      if (components[COMPONENTS[i]].hasRegExpGroups) return true;
    }
    return false;
  }
}
webidl.configureInterface(URLPattern);

internal.expose({ URLPattern });
