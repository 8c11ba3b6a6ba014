// Response (Fetch Standard section 5.5), and what the writer of responses needs of one.
//
// The usual response is a string with at most a few headers: its list of headers is a flat array or nothing,
// its default Content-Type a field; a Headers object, a stream and all that a response of the network has are
// made only when asked for. Knows nothing of the network, nor of how responses are written.

const {
  JSONStringify,
  ObjectFreeze,
  RangeError,
  StringPrototypeCharCodeAt,
  TypeError,
} = internal.primordials;
const webidl = internal.webidl;
const { converters } = webidl;
const {
  GUARD_IMMUTABLE, GUARD_RESPONSE, convertHeadersInit, copyList, getHeaderList, listContains, listGet, makeHeaders,
  normalizeList,
} = internal.fetch;
const { headList } = internal.incoming;
const {
  bodyLength, cloneBody, convertBodyInit, extractBody, isUnusable, makeStringBody, mixinBody, takeBody, takeExtractedType,
} = internal.body;

const TEXT_TYPE = "text/plain;charset=UTF-8";
const JSON_TYPE = "application/json";
// Written out: what is put together at run time is not flat, and so not for the native side's short cut.
const TEXT_BLOCK = "content-type: text/plain;charset=UTF-8\r\n";
const JSON_BLOCK = "content-type: application/json\r\n";

// What only some responses have. Objects that are shared are frozen.
function makeMeta(type, url, redirected, immutable, webSocket = null) {
  return { type, url, redirected, immutable, webSocket };
}
const defaultMeta = ObjectFreeze(makeMeta("default", "", false, false));
const immutableMeta = ObjectFreeze(makeMeta("default", "", false, true));
const errorMeta = ObjectFreeze(makeMeta("error", "", false, true));

function isNullBodyStatus(status) {
  return status === 101 || status === 103 || status === 204 || status === 205 || status === 304;
}

// Whether `text` matches reason-phrase (RFC 9112 section 4). It is a ByteString.
function isReasonPhrase(text) {
  for (let i = 0; i < text.length; i++) {
    const unit = StringPrototypeCharCodeAt(text, i);
    if ((unit < 0x20 && unit !== 0x09) || unit === 0x7f) return false;
  }
  return true;
}

// ResponseInit. Each member is converted before the next is read; all are checked later, by initialize().
// `webSocket` is Workers': it lets the status 101 through.
function convertResponseInit(init, prefix) {
  if (!webidl.isObject(init)) throw new TypeError(`${prefix}: Argument 2 is not an object.`);
  let { headers } = init;
  if (headers !== undefined) headers = convertHeadersInit(headers, prefix, "'headers'");
  let { status } = init;
  if (status !== undefined) status = converters["unsigned short"](status, prefix, "'status'");
  let { statusText } = init;
  if (statusText !== undefined) statusText = converters.ByteString(statusText, prefix, "'statusText'");
  let { webSocket } = init;
  if (webSocket === undefined || webSocket === null) webSocket = null;
  else if (!internal.hooks.webSocketUpgrade.isWebSocket(webSocket)) throw new TypeError(`${prefix}: 'webSocket' is not of type 'WebSocket'.`);
  return { headers, status, statusText, webSocket };
}

// Headers that frame the message or steer the connection, which the writer of the message sets: nano-http's table, as
// an array that has at each index the array of the names of this length, or undefined.
const writersFields = ops.writersFields();

function isWriters(name) {
  const names = name.length < writersFields.length ? writersFields[name.length] : undefined;
  if (names === undefined) return false;
  for (let i = 0; i < names.length; i++) {
    if (names[i] === name) return true;
  }
  return false;
}

// A Content-Length's value as a number, or -1 if it is not a valid one.
function parseContentLength(value) {
  if (value === null || value.length === 0 || value.length > 15) return -1;
  let length = 0;
  for (let i = 0; i < value.length; i++) {
    const digit = StringPrototypeCharCodeAt(value, i) - 0x30;
    if (digit < 0 || digit > 9) return -1;
    length = length * 10 + digit;
  }
  return length;
}

const constructorKey = webidl.constructorKey;

let isResponse, getBody, getContentType, initialize, makeResponse, readList;
let responseStatus, responseStatusText, responseWebSocket, responseUrl, responseHead, responseHeaderBlock, responseContentLength;

class Response {
  #status = 200;
  #statusText = "";
  // The flat list, or the head of the network that it is still in (a string), until a Headers object is made
  // over it. Null: empty
  #list = null;
  #headers = null;
  // The Content-Type that the body brought along, if the list had none; moved there when Headers are made. Or
  // null.
  #contentType = null;
  #body = null;
  #meta = defaultMeta;

  static {
    isResponse = (value) => typeof value === "object" && value !== null && #meta in value;
    getBody = (response) => response.#body;
    responseStatus = (response) => response.#status;
    responseStatusText = (response) => response.#statusText;
    responseUrl = (response) => response.#meta.url;
    responseWebSocket = (response) => response.#meta.webSocket;

    // The header list without a Content-Type that is not in it, or null.
    const getList = (response) => {
      if (response.#headers !== null) return getHeaderList(response.#headers);
      const list = response.#list;
      return typeof list === "string" ? response.#list = headList(list) : list;
    };

    responseHead = (response) => typeof response.#list === "string" ? response.#list : null;
    readList = getList;

    getContentType = (response) => {
      // Before anything else, so that the brand is checked.
      const list = getList(response);
      if (response.#contentType !== null) return response.#contentType;
      return list === null ? null : listGet(list, "content-type");
    };

    // "initialize a response" with a converted ResponseInit or null, a body or null, and the body's type or
    // null.
    initialize = (response, init, body, type, prefix) => {
      let list = null;
      if (init !== null) {
        const { status, statusText, webSocket } = init;
        if (webSocket !== null) {
          if (status !== 101) throw new RangeError(`${prefix}: a response with a WebSocket must have the status 101.`);
          response.#status = 101;
          response.#meta = makeMeta("default", "", false, false, webSocket);
        } else if (status !== undefined) {
          if (status < 200 || status > 599) {
            throw new RangeError(`${prefix}: the status ${status} is outside the range of 200 to 599, inclusive.`);
          }
          response.#status = status;
        }
        if (statusText !== undefined) {
          if (!isReasonPhrase(statusText)) {
            throw new TypeError(`${prefix}: the status text '${statusText}' has a character that is not allowed.`);
          }
          response.#statusText = statusText;
        }
        if (init.headers !== undefined) list = response.#list = normalizeList(init.headers, prefix);
      }
      if (body !== null) {
        if (isNullBodyStatus(response.#status)) {
          throw new TypeError(`${prefix}: a response with the status ${response.#status} cannot have a body.`);
        }
        response.#body = body;
        if (type !== null && (list === null || !listContains(list, "content-type"))) response.#contentType = type;
      }
    };

    // A response of the network or of a static method: nothing is checked. `list` (or the head with it) and
    // `body` (of body.js) become its own.
    makeResponse = (status, statusText, list, body, meta) => {
      const response = new Response(constructorKey);
      response.#status = status;
      response.#statusText = statusText;
      response.#list = list;
      response.#body = body;
      response.#meta = meta;
      return response;
    };

    responseHeaderBlock = (response) => {
      const list = getList(response);
      const type = response.#contentType;
      let block = type === null
        ? ""
        : type === TEXT_TYPE ? TEXT_BLOCK : type === JSON_TYPE ? JSON_BLOCK : `content-type: ${type}\r\n`;
      if (list === null) return block;
      for (let i = 0; i < list.length; i += 2) {
        if (!isWriters(list[i])) block += `${list[i]}: ${list[i + 1]}\r\n`;
      }
      return block;
    };

    responseContentLength = (response) => {
      const list = getList(response);
      const given = list === null ? -1 : parseContentLength(listGet(list, "content-length"));
      return given === -1 ? bodyLength(response.#body) : given;
    };
  }

  constructor(body = null, init = undefined) {
    if (body === constructorKey) return;
    const prefix = "Failed to construct 'Response'";
    if (typeof body !== "string") {
      if (body !== null) body = convertBodyInit(body, prefix, "Argument 1");
    } else {
      body = convertBodyInit(body);
    }
    init = init === undefined || init === null ? null : convertResponseInit(init, prefix);
    if (body === null) {
      initialize(this, init, null, null, prefix);
    } else if (typeof body === "string") {
      initialize(this, init, makeStringBody(body), TEXT_TYPE, prefix);
    } else {
      body = extractBody(body, prefix);
      initialize(this, init, body, takeExtractedType(), prefix);
    }
  }

  static error() {
    return makeResponse(0, "", null, null, errorMeta);
  }

  static redirect(url, status = 302) {
    const prefix = "Failed to execute 'redirect' on 'Response'";
    webidl.requiredArguments(arguments.length, 1, prefix);
    url = converters.USVString(url, prefix, "Argument 1");
    status = converters["unsigned short"](status, prefix, "Argument 2");
    const href = internal.url.parseUrl(url);
    if (href === null) throw new TypeError(`${prefix}: '${url}' is not a valid URL.`);
    if (status !== 301 && status !== 302 && status !== 303 && status !== 307 && status !== 308) {
      throw new RangeError(`${prefix}: ${status} is not the status of a redirect.`);
    }
    return makeResponse(status, "", ["location", href], null, immutableMeta);
  }

  static json(data, init = undefined) {
    const prefix = "Failed to execute 'json' on 'Response'";
    webidl.requiredArguments(arguments.length, 1, prefix);
    init = init === undefined || init === null ? null : convertResponseInit(init, prefix);
    // "serialize a JavaScript value to a JSON string". What is a string then is well-formed already.
    const text = JSONStringify(data);
    if (text === undefined) throw new TypeError(`${prefix}: the data cannot be represented as JSON.`);
    const response = new Response(constructorKey);
    initialize(response, init, makeStringBody(text), JSON_TYPE, prefix);
    return response;
  }

  get type() {
    return this.#meta.type;
  }

  get url() {
    return internal.url.withoutFragment(this.#meta.url);
  }

  get redirected() {
    return this.#meta.redirected;
  }

  get status() {
    return this.#status;
  }

  get ok() {
    return this.#status >= 200 && this.#status <= 299;
  }

  get statusText() {
    return this.#statusText;
  }

  get headers() {
    if (this.#headers !== null) return this.#headers;
    const list = readList(this) ?? [];
    if (this.#contentType !== null) {
      list[list.length] = "content-type";
      list[list.length] = this.#contentType;
      this.#contentType = null;
    }
    this.#list = null;
    return this.#headers = makeHeaders(list, this.#meta.immutable ? GUARD_IMMUTABLE : GUARD_RESPONSE);
  }

  // The other side's connection, of a response with the status 101. Workers have it.
  get webSocket() {
    return this.#meta.webSocket;
  }

  clone() {
    const body = this.#body;
    if (this.#meta.webSocket !== null) {
      throw new TypeError("Failed to execute 'clone' on 'Response': a response with a WebSocket cannot be cloned.");
    }
    if (body !== null && isUnusable(body)) {
      throw new TypeError(
        "Failed to execute 'clone' on 'Response': the body has already been used, or its stream is locked.",
      );
    }
    const list = readList(this);
    const clone = makeResponse(
      this.#status,
      this.#statusText,
      list === null ? null : copyList(list),
      body === null ? null : cloneBody(body),
      this.#meta,
    );
    clone.#contentType = this.#contentType;
    return clone;
  }
}
mixinBody(Response, "Response", getBody, getContentType);
webidl.configureInterface(Response);

internal.fetch.Response = Response;
internal.fetch.isResponse = isResponse;
internal.fetch.makeResponse = makeResponse;
internal.fetch.makeResponseMeta = makeMeta;
// For the writer of responses; each takes a Response. The status is 0 for Response.error().
internal.fetch.responseStatus = responseStatus;
internal.fetch.responseStatusText = responseStatusText;
internal.fetch.responseContentType = getContentType;
internal.fetch.responseUrl = responseUrl;
// The WebSocket that the connection becomes, or null.
internal.fetch.responseWebSocket = responseWebSocket;
// The head of the network, as fetchHead in client.rs has it, of a response whose headers nobody has looked
// at; or null.
internal.fetch.responseHead = responseHead;
// "name: value\r\n" for each header, checked, without those that belong to the connection or to the framing.
internal.fetch.responseHeaderBlock = responseHeaderBlock;
// The Content-Length that the application gave, or else the length of a Blob that is sent as a stream; -1 if
// there is none.
internal.fetch.responseContentLength = responseContentLength;
// null, a string, a Uint8Array (not to be changed) or a ReadableStream; TypeError if the body was used or is
// locked.
internal.fetch.responseTakeBody = (response, native) => takeBody(getBody(response), native);
// For who prints one.
internal.fetch.responseAttributes = webidl.takeAttributes(Response, [
  "status", "statusText", "ok", "headers", "bodyUsed", "type", "url", "redirected",
]);
internal.expose({ Response });
