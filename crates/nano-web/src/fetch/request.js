// Request (Fetch Standard section 5.4).
//
// A server's request is made in constant time from the head that the native side hands over; method, URL,
// headers, body and signal are made when they are first read. What only matters to a browser (mode,
// credentials, cache, referrer, integrity, keepalive) is validated and kept as data. Knows nothing of the
// network.

const { StringPrototypeIndexOf } = internal.primordials;
const {
  ObjectFreeze,
  StringPrototypeToUpperCase,
  TypeError,
} = internal.primordials;
const webidl = internal.webidl;
const { converters } = webidl;
const {
  GUARD_REQUEST, convertHeadersInit, copyList, getHeaderList, isToken, listContains, listGet, makeHeaders,
  makeIncomingHeaders, normalizeList,
} = internal.fetch;
const {
  bodyLength, cloneBody, convertBodyInit, extractBody, isUnusable, makeIncomingBody, makeStringBody, mixinBody, takeBody, takeExtractedType,
  transferBody,
} = internal.body;
const { headGet, headMethod, headUrl } = internal.incoming;

// The settings of a request beside method, URL, headers, body and signal. Shared objects are frozen.
function makeSettings(redirect) {
  return {
    cache: "default",
    credentials: "same-origin",
    duplex: "half",
    integrity: "",
    keepalive: false,
    mode: "cors",
    priority: "auto",
    redirect,
    referrer: "about:client",
    referrerPolicy: "",
  };
}
const defaultSettings = ObjectFreeze(makeSettings("follow"));
// A proxy that passes a request on wants the redirects for its client, not for itself; other servers'
// runtimes agree.
const incomingSettings = ObjectFreeze(makeSettings("manual"));

const convertCache = webidl.createEnumConverter("RequestCache", [
  "default", "no-store", "reload", "no-cache", "force-cache", "only-if-cached",
]);
const convertCredentials = webidl.createEnumConverter("RequestCredentials", ["omit", "same-origin", "include"]);
const convertDuplex = webidl.createEnumConverter("RequestDuplex", ["half"]);
const convertMode = webidl.createEnumConverter("RequestMode", ["navigate", "same-origin", "no-cors", "cors"]);
const convertPriority = webidl.createEnumConverter("RequestPriority", ["high", "low", "auto"]);
const convertRedirect = webidl.createEnumConverter("RequestRedirect", ["follow", "error", "manual"]);
const convertReferrerPolicy = webidl.createEnumConverter("ReferrerPolicy", [
  "", "no-referrer", "no-referrer-when-downgrade", "same-origin", "origin", "strict-origin", "origin-when-cross-origin",
  "strict-origin-when-cross-origin", "unsafe-url",
]);

// "normalize a method", after the checks of section 5.4 step 25.
function convertMethod(method, prefix) {
  switch (method) {
    case "GET":
    case "POST":
    case "PUT":
    case "DELETE":
    case "HEAD":
    case "OPTIONS":
    case "PATCH":
      return method;
  }
  if (!isToken(method)) throw new TypeError(`${prefix}: '${method}' is not a valid HTTP method.`);
  const upper = StringPrototypeToUpperCase(method);
  switch (upper) {
    case "CONNECT":
    case "TRACE":
    case "TRACK":
      throw new TypeError(`${prefix}: the method '${method}' is not allowed.`);
    case "DELETE":
    case "GET":
    case "HEAD":
    case "OPTIONS":
    case "POST":
    case "PUT":
      return upper;
  }
  return method;
}

// RequestInit: its members in the order in which Web IDL reads them, converted; undefined where absent.
// section 5.4
function convertRequestInit(init, prefix) {
  if (!webidl.isObject(init)) throw new TypeError(`${prefix}: Argument 2 is not an object.`);
  let value;
  // (A literal with a null prototype would be a slow hash table. All members are there, so no prototype is
  // ever asked.)
  return {
    body: (value = init.body) === undefined || value === null ? value : convertBodyInit(value, prefix, "'body'"),
    cache: (value = init.cache) === undefined ? value : convertCache(value, prefix, "'cache'"),
    credentials: (value = init.credentials) === undefined ? value : convertCredentials(value, prefix, "'credentials'"),
    duplex: (value = init.duplex) === undefined ? value : convertDuplex(value, prefix, "'duplex'"),
    headers: (value = init.headers) === undefined ? value : convertHeadersInit(value, prefix, "'headers'"),
    integrity: (value = init.integrity) === undefined ? value : converters.DOMString(value, prefix, "'integrity'"),
    keepalive: (value = init.keepalive) === undefined ? value : !!value,
    method: (value = init.method) === undefined ? value : converters.ByteString(value, prefix, "'method'"),
    mode: (value = init.mode) === undefined ? value : convertMode(value, prefix, "'mode'"),
    priority: (value = init.priority) === undefined ? value : convertPriority(value, prefix, "'priority'"),
    redirect: (value = init.redirect) === undefined ? value : convertRedirect(value, prefix, "'redirect'"),
    referrer: (value = init.referrer) === undefined ? value : converters.USVString(value, prefix, "'referrer'"),
    referrerPolicy: (value = init.referrerPolicy) === undefined
      ? value
      : convertReferrerPolicy(value, prefix, "'referrerPolicy'"),
    signal: (value = init.signal) === undefined || value === null ? value : convertSignal(value, prefix),
    window: init.window,
  };
}

function convertSignal(value, prefix) {
  if (!internal.loaded.abort?.isAbortSignal(value)) throw new TypeError(`${prefix}: 'signal' is not of type 'AbortSignal'.`);
  return value;
}

// section 5.4, the constructor's steps about `referrer`
function parseReferrer(referrer, prefix) {
  if (referrer === "") return "no-referrer";
  const href = internal.url.parseUrl(referrer);
  if (href === null) throw new TypeError(`${prefix}: the referrer '${referrer}' is not a valid URL.`);
  return href === "about:client" ? "about:client" : href;
}

// The settings that `init` makes of those of the input.
function applySettings(input, init, prefix) {
  if (init.window !== undefined && init.window !== null) throw new TypeError(`${prefix}: 'window' can only be null.`);
  const settings = {
    cache: init.cache ?? input.cache,
    credentials: init.credentials ?? input.credentials,
    duplex: "half",
    integrity: init.integrity ?? input.integrity,
    keepalive: init.keepalive ?? input.keepalive,
    mode: init.mode ?? input.mode,
    priority: init.priority ?? input.priority,
    redirect: init.redirect ?? input.redirect,
    referrer: init.referrer === undefined ? "about:client" : parseReferrer(init.referrer, prefix),
    referrerPolicy: init.referrerPolicy ?? "",
  };
  if (init.mode === "navigate") throw new TypeError(`${prefix}: the mode cannot be 'navigate'.`);
  if (settings.cache === "only-if-cached" && settings.mode !== "same-origin") {
    throw new TypeError(`${prefix}: the cache mode 'only-if-cached' needs the mode 'same-origin'.`);
  }
  return settings;
}

// Whether `init` has a member that is not a setting. section 5.4, "if init is not empty": then the referrer
// starts afresh.
function hasOthers(init) {
  return init.method !== undefined || init.headers !== undefined || init.body !== undefined ||
    init.signal !== undefined || init.duplex !== undefined;
}

// Whether `init` has a setting.
function hasSettings(init) {
  return init.cache !== undefined || init.credentials !== undefined || init.integrity !== undefined ||
    init.keepalive !== undefined || init.mode !== undefined || init.priority !== undefined ||
    init.redirect !== undefined || init.referrer !== undefined || init.referrerPolicy !== undefined ||
    init.window !== undefined;
}

const constructorKey = webidl.constructorKey;

let isRequest, getBody, getContentType, getSettings, getSignal, abortRequest, requestId, getRequestHeaderList, cloneInto;
let getMethod, getSignalSource, getUrl;

class Request {
  // An incoming request's id and head; -1 and null for others.
  #id = -1;
  #head = null;
  // null: still in the head
  #method = null;
  #url = null;
  // The flat list, until a Headers object is made over it.
  #list = null;
  #headers = null;
  // undefined: of an incoming request, not looked at yet
  #body;
  #signal = null;
  // The signal that this one's follows; or, where the client of an incoming request went away before anybody
  // asked for a signal, { reason }.
  #signalSource = null;
  #settings;

  static {
    isRequest = (value) => typeof value === "object" && value !== null && #settings in value;

    getBody = (request) => {
      const body = request.#body;
      if (body !== undefined) return body;
      const length = ops.requestBodyLength(request.#id);
      // A body that is known to be empty is a body, but there is nothing to read.
      return request.#body = length === -1 ? null : length === 0 ? makeStringBody("") : makeIncomingBody(request.#id);
    };

    getContentType = (request) => {
      if (request.#list !== null) return listGet(request.#list, "content-type");
      if (request.#headers === null) return headGet(request.#head, "content-type");
      return listGet(getHeaderList(request.#headers), "content-type");
    };

    getSettings = (request) => request.#settings;
    getMethod = (request) => request.#method ??= headMethod(request.#head);
    getUrl = (request) => request.#url ??= headUrl(request.#head);

    // The signal that aborts the request, without making one: null, an AbortSignal, or { reason } if it is
    // aborted already.
    getSignalSource = (request) => request.#signal ?? request.#signalSource;

    // The header list, for reading.
    getRequestHeaderList = (request) => request.#list ?? getHeaderList(request.headers);

    getSignal = (request) => {
      if (request.#signal !== null) return request.#signal;
      const source = request.#signalSource;
      request.#signalSource = null;
      if (source === null) return request.#signal = internal.abort.createSignal();
      if (internal.loaded.abort?.isAbortSignal(source)) return request.#signal = internal.abort.createDependentSignal([source]);
      const signal = request.#signal = internal.abort.createSignal();
      internal.abort.signalAbort(signal, source.reason);
      return signal;
    };

    // Aborts the request's signal, if and when there is one. An undefined reason stands for a new AbortError.
    abortRequest = (request, reason) => {
      if (request.#signal !== null) internal.abort.signalAbort(request.#signal, reason);
      else request.#signalSource ??= { __proto__: null, reason };
    };

    requestId = (request) => request.#id;

    // Makes `request` a clone. section 5.4, "clone a request"
    cloneInto = (request, from) => {
      request.#method = from.method;
      request.#url = from.url;
      if (from.#head !== null && (from.#headers === null || getHeaderList(from.#headers) !== null)) {
        request.#headers = makeIncomingHeaders(from.#head);
      } else {
        request.#list = copyList(getRequestHeaderList(from));
      }
      const body = getBody(from);
      request.#body = body === null ? null : cloneBody(body);
      request.#signalSource = getSignal(from);
      request.#settings = from.#settings;
    };
  }

  constructor(input, init = undefined) {
    if (input === constructorKey) {
      // From createIncomingRequest(), or from clone().
      if (arguments.length === 3) {
        this.#id = init;
        this.#head = arguments[2];
        this.#settings = incomingSettings;
      } else {
        cloneInto(this, init);
      }
      return;
    }
    const prefix = "Failed to construct 'Request'";
    webidl.requiredArguments(arguments.length, 1, prefix);
    const from = isRequest(input) ? input : null;
    if (from === null) input = converters.USVString(input, prefix, "Argument 1");
    if (init !== undefined) init = init === null ? undefined : convertRequestInit(init, prefix);

    let signal = null;
    let settings = defaultSettings;
    if (from === null) {
      const url = internal.url.parseUrl(input);
      if (url === null) throw new TypeError(`${prefix}: '${input}' is not a valid URL.`);
      if (mayHaveCredentials(url) && internal.url.includesCredentials(url)) {
        throw new TypeError(`${prefix}: the URL '${input}' includes credentials.`);
      }
      this.#url = url;
      this.#method = "GET";
    } else {
      this.#url = from.url;
      this.#method = from.method;
      settings = from.#settings;
      signal = getSignal(from);
    }
    if (init !== undefined && (hasSettings(init) || (from !== null && hasOthers(init)))) {
      settings = applySettings(settings, init, prefix);
    }
    this.#settings = settings;
    if (init !== undefined && init.method !== undefined) this.#method = convertMethod(init.method, prefix);
    if (init !== undefined && init.signal !== undefined) signal = init.signal;
    this.#signalSource = signal;
    if (settings.mode === "no-cors") {
      const method = this.#method;
      if (method !== "GET" && method !== "HEAD" && method !== "POST") {
        throw new TypeError(`${prefix}: the method '${method}' is not allowed with the mode 'no-cors'.`);
      }
    }
    this.#list = init !== undefined && init.headers !== undefined
      ? normalizeList(init.headers, prefix)
      : from === null ? [] : copyList(getRequestHeaderList(from));
    this.#setBody(from, init, prefix);
  }

  // The constructor's steps about the body.
  #setBody(from, init, prefix) {
    const inputBody = from === null ? null : getBody(from);
    const given = init === undefined ? undefined : init.body;
    const hasGiven = given !== undefined && given !== null;
    if ((hasGiven || inputBody !== null) && (this.#method === "GET" || this.#method === "HEAD")) {
      throw new TypeError(`${prefix}: a request with the method ${this.#method} cannot have a body.`);
    }
    if (hasGiven) {
      const body = extractBody(given, prefix);
      const type = takeExtractedType();
      if (type !== null && !listContains(this.#list, "content-type")) {
        internal.fetch.listSet(this.#list, "content-type", type);
      }
      if (body.stream !== null) {
        if (init.duplex === undefined) {
          throw new TypeError(`${prefix}: 'duplex' must be 'half' where the body is a stream.`);
        }
        const { mode } = this.#settings;
        if (mode !== "same-origin" && mode !== "cors") {
          throw new TypeError(`${prefix}: a body that is a stream is not allowed with the mode '${mode}'.`);
        }
        if (this.#settings.keepalive) {
          throw new TypeError(`${prefix}: a body that is a stream is not allowed with 'keepalive'.`);
        }
      }
      this.#body = body;
      return;
    }
    if (inputBody === null) {
      this.#body = null;
      return;
    }
    if (isUnusable(inputBody)) {
      throw new TypeError(`${prefix}: the body of the given Request has already been used, or its stream is locked.`);
    }
    this.#body = transferBody(inputBody);
  }

  get method() {
    return this.#method ??= headMethod(this.#head);
  }

  get url() {
    return this.#url ??= headUrl(this.#head);
  }

  get headers() {
    if (this.#headers !== null) return this.#headers;
    const list = this.#list;
    if (list === null) return this.#headers = makeIncomingHeaders(this.#head);
    this.#list = null;
    return this.#headers = makeHeaders(list, GUARD_REQUEST);
  }

  get destination() {
    this.#settings;
    return "";
  }

  get referrer() {
    const { referrer } = this.#settings;
    return referrer === "no-referrer" ? "" : referrer;
  }

  get referrerPolicy() {
    return this.#settings.referrerPolicy;
  }

  get mode() {
    return this.#settings.mode;
  }

  get credentials() {
    return this.#settings.credentials;
  }

  get cache() {
    return this.#settings.cache;
  }

  get redirect() {
    return this.#settings.redirect;
  }

  get integrity() {
    return this.#settings.integrity;
  }

  get keepalive() {
    return this.#settings.keepalive;
  }

  get isReloadNavigation() {
    this.#settings;
    return false;
  }

  get isHistoryNavigation() {
    this.#settings;
    return false;
  }

  get signal() {
    return getSignal(this);
  }

  get duplex() {
    return this.#settings.duplex;
  }

  clone() {
    const body = getBody(this);
    if (body !== null && isUnusable(body)) {
      throw new TypeError(
        "Failed to execute 'clone' on 'Request': the body has already been used, or its stream is locked.",
      );
    }
    return new Request(constructorKey, this);
  }
}
mixinBody(Request, "Request", getBody, getContentType);
webidl.configureInterface(Request);

// Whether a serialized URL can have credentials: a cheap test that few others pass.
function mayHaveCredentials(url) {
  return StringPrototypeIndexOf(url, "@") !== -1;
}

// The request that the native side received: `id` names it to `ops`, `head` is as incoming.js says.
function createIncomingRequest(id, head) {
  return new Request(constructorKey, id, head);
}

internal.fetch.Request = Request;
internal.fetch.abortRequest = abortRequest;
internal.fetch.createIncomingRequest = createIncomingRequest;
internal.fetch.getRequestHeaderList = getRequestHeaderList;
internal.fetch.getRequestSettings = getSettings;
internal.fetch.getRequestSignalSource = getSignalSource;
internal.fetch.getSignal = getSignal;
internal.fetch.isRequest = isRequest;
internal.fetch.requestMethod = getMethod;
internal.fetch.requestUrl = getUrl;
// The native id of an incoming request, or -1.
internal.fetch.requestId = requestId;
// The body for whoever sends the request: as takeBody() of body.js.
internal.fetch.requestTakeBody = (request, native) => takeBody(getBody(request), native);
// The length in bytes of a body that is sent as a stream, where it is known, or -1.
internal.fetch.requestBodyLength = (request) => bodyLength(getBody(request));
// For who prints one.
internal.fetch.requestAttributes = webidl.takeAttributes(Request, ["method", "url", "headers", "bodyUsed", "redirect"]);
internal.expose({ Request });
