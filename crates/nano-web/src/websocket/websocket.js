// WebSocket: the client of the WebSockets standard (section 3), and both ends of Workers' WebSocketPair.
//
// What a WebSocket is at is in a State, apart from the object that scripts see. It is at the end of a
// connection (`id` names it to `ops`, which frames messages and does the closing handshake:
// websocket/socket.rs), or of a pair within the isolate (`peer`), or at neither yet, or no more.
// https://developers.cloudflare.com/workers/runtime-apis/websockets/ has accept() and the pair.

const {
  ArrayBufferIsView,
  ArrayPrototypePush,
  PromisePrototypeThen,
  StringPrototypeCharCodeAt,
  StringPrototypeIndexOf,
  StringPrototypeSlice,
  StringPrototypeToLowerCase,
  SymbolIterator,
  TypeError,
  TypedArrayPrototypeGetBuffer,
  TypedArrayPrototypeGetLength,
  Uint8Array,
  hideObjectPrototype,
} = internal.primordials;
const { loaded, webidl } = internal;
const { constructorKey, converters, requiredArguments } = webidl;
const { EventTarget, defineEventHandler, dispatch, fire, hasListeners } = internal.events;
const { newServerEvent, queueTask } = internal.messaging;
const { isToken, listGet, normalizeList, serializeList } = internal.fetch;
const { headList } = internal.incoming;
const { CloseEvent } = internal.webSocket;
const { copyBytes } = internal.encoding;

const CONNECTING = 0;
const OPEN = 1;
const CLOSING = 2;
const CLOSED = 3;

// The kinds of a native socket's reports, and of entries of a queue.
const TEXT = 0;
const BINARY = 1;
const PEER_CLOSES = 2;
const OVER = 3;

// How long the peer may take for its half of the closing handshake, and a server for closing the connection
// after it: then it is closed from here. Browsers wait about as long.
const CLOSE_TIMEOUT_MS = 10_000;

// The most bytes of a close frame's reason. RFC 6455 section 5.5
const REASON_BYTES_MAX = 123;

const State = hideObjectPrototype(class State {
  constructor(socket, readyState, binaryType) {
    this.socket = socket;
    this.readyState = readyState;
    this.binaryType = binaryType;
    this.url = null;
    this.origin = "";
    this.protocol = "";
    this.extensions = "";
    // The native socket, or 0
    this.id = 0;
    // The fetch that makes the connection, or 0
    this.fetchId = 0;
    // The other end's State, or null
    this.peer = null;
    // Whether messages are wanted; until then they wait, in `queue` or on the wire.
    this.accepted = false;
    // Whether it was handed out in a response: it is of no more use here.
    this.given = false;
    this.queue = [];
    // Bytes that were sent when nothing was sent any more; part of bufferedAmount for good.
    this.unsent = 0;
    this.flushing = false;
    this.timer = 0;
  }
});

const Message = hideObjectPrototype(class Message {
  constructor(kind, data, code, reason) {
    this.kind = kind;
    this.data = data;
    this.code = code;
    this.reason = reason;
  }
});

function newException(message, name) {
  return new internal.domexception.DOMException(message, name);
}

// ---------------------------------------------------------------------------------------------------------------------
// Events

// section 4, "when a WebSocket message has been received"
function deliver(state, data) {
  if (state.readyState !== OPEN) return;
  if (!hasListeners(state.socket, "message")) return;
  if (typeof data !== "string" && state.binaryType === "blob") data = internal.file.makeBlob([new Uint8Array(data)], "");
  dispatch(state.socket, newServerEvent("message", data, state.origin, ""));
}

// section 4, "when the WebSocket connection is closed"
function closed(state, code, reason, wasClean, failed) {
  if (state.readyState === CLOSED) return;
  state.readyState = CLOSED;
  state.id = 0;
  state.peer = null;
  stopTimer(state);
  if (failed) fire(state.socket, "error");
  fire(state.socket, "close", CloseEvent, { __proto__: null, wasClean, code, reason });
}

// The same as a task of its own.
function closeLater(state, code, reason, wasClean, failed) {
  queueTask(() => closed(state, code, reason, wasClean, failed));
}

// Called by a native socket: see websocket/socket.rs.
function receive(state, kind, a, b, c, d) {
  if (kind === TEXT || kind === BINARY) {
    deliver(state, a);
  } else if (kind === PEER_CLOSES) {
    if (state.readyState === OPEN) state.readyState = CLOSING;
    // The server closes the connection; if not, this side does.
    startTimer(state);
  } else if (kind === OVER) {
    closed(state, a, b, c, d);
  }
}

function startTimer(state) {
  if (state.timer !== 0) return;
  state.timer = internal.timers.startTimeout(CLOSE_TIMEOUT_MS, () => {
    state.timer = 0;
    ops.socketDrop(state.id);
    closed(state, 1006, "", false, false);
  });
}

function stopTimer(state) {
  if (state.timer === 0) return;
  internal.timers.cancelTimeout(state.timer);
  state.timer = 0;
}

// The native socket went with the request that it belonged to.
function isLost(state) {
  return state.id !== 0 && ops.socketBuffered(state.id) === undefined;
}

// ---------------------------------------------------------------------------------------------------------------------
// Within a pair

function enqueue(state, message) {
  if (!state.accepted) ArrayPrototypePush(state.queue, message);
  else queueTask(() => take(state, message));
}

function take(state, message) {
  if (message.kind !== PEER_CLOSES) {
    deliver(state, message.data);
    return;
  }
  const { peer } = state;
  closed(state, message.code, message.reason, true, false);
  // The other end has its answer.
  if (peer !== null) closeLater(peer, message.code, message.reason, true, false);
}

// ---------------------------------------------------------------------------------------------------------------------
// To the peer

// section 3, the steps of send(); `data` is a string, or bytes.
function send(state, data, length) {
  if (state.readyState !== OPEN || isLost(state)) {
    if (state.readyState === OPEN) lose(state);
    state.unsent += length < 0 ? TypedArrayPrototypeGetLength(ops.utf8Encode(data)) : length;
    return;
  }
  if (state.id !== 0) {
    if (ops.socketSend(state.id, data) !== false) {
      flushSoon(state);
      return;
    }
    // "flag the WebSocket as full and then close the WebSocket connection": no memory is left for what waits.
    ops.socketDrop(state.id);
    lose(state);
  } else if (state.peer !== null) {
    if (typeof data === "string") enqueue(state.peer, new Message(TEXT, data, 0, ""));
    else enqueue(state.peer, new Message(BINARY, TypedArrayPrototypeGetBuffer(copyBytes(data)), 0, ""));
  }
}

function lose(state) {
  state.readyState = CLOSING;
  state.id = 0;
  closeLater(state, 1006, "", false, true);
}

// The messages of one turn go to the network together.
function flushSoon(state) {
  if (state.flushing) return;
  state.flushing = true;
  ops.queueMicrotask(() => {
    state.flushing = false;
    ops.socketFlush(state.id);
  });
}

// section 3, "close the WebSocket"; `code` is undefined where the frame says nothing.
function close(state, code, reason) {
  if (state.readyState >= CLOSING) return;
  const connecting = state.readyState === CONNECTING;
  state.readyState = CLOSING;
  if (connecting) {
    if (state.fetchId !== 0) ops.fetchCancel(state.fetchId, undefined);
    state.fetchId = 0;
    closeLater(state, 1006, "", false, true);
  } else if (state.id !== 0) {
    if (isLost(state)) {
      lose(state);
      return;
    }
    ops.socketClose(state.id, code, reason);
    startTimer(state);
    // An end that never asked for messages has its answer all the same.
    if (!state.accepted) start(state);
  } else if (state.peer !== null) {
    enqueue(state.peer, new Message(PEER_CLOSES, null, code ?? 1005, reason));
  } else {
    closeLater(state, code ?? 1005, reason, true, false);
  }
}

function start(state) {
  state.accepted = true;
  queueTask(() => ops.socketStart(state.id));
}

// ---------------------------------------------------------------------------------------------------------------------
// The opening handshake. Section 2.3 "establish a WebSocket connection"

function hasElement(list, name, element) {
  const value = listGet(list, name);
  if (value === null) return false;
  const text = `,${StringPrototypeToLowerCase(value)},`;
  let at = StringPrototypeIndexOf(text, element);
  while (at !== -1) {
    if (isBoundary(text, at - 1) && isBoundary(text, at + element.length)) return true;
    at = StringPrototypeIndexOf(text, element, at + 1);
  }
  return false;
}

function isBoundary(text, at) {
  const unit = StringPrototypeCharCodeAt(text, at);
  return unit === 0x2c || unit === 0x20 || unit === 0x09;
}

// Why a response with the status 101 and these headers is not the one that was asked for, or "". `protocols`
// null: whatever is chosen is the application's business.
function checkResponse(list, key, protocols) {
  if (!hasElement(list, "upgrade", "websocket")) return "the response's Upgrade is not websocket";
  if (!hasElement(list, "connection", "upgrade")) return "the response's Connection does not say Upgrade";
  if (listGet(list, "sec-websocket-accept") !== ops.socketAccept(key)) return "the response's Sec-WebSocket-Accept is wrong";
  if (listGet(list, "sec-websocket-extensions") !== null) return "the server has chosen an extension that was not offered";
  const chosen = listGet(list, "sec-websocket-protocol");
  if (protocols === null) return "";
  if (chosen === null) return protocols.length === 0 ? "" : "the server has chosen none of the protocols";
  for (let i = 0; i < protocols.length; i++) {
    if (protocols[i] === chosen) return "";
  }
  return "the server has chosen a protocol that was not offered";
}

function statusOf(head) {
  return StringPrototypeSlice(head, 0, StringPrototypeIndexOf(head, " "));
}

function connect(state, protocols, headers) {
  const key = ops.socketKey();
  let block = serializeList(headers);
  let offer = "";
  for (let i = 0; i < protocols.length; i++) offer += i === 0 ? protocols[i] : `, ${protocols[i]}`;
  if (offer !== "") block += `sec-websocket-protocol: ${offer}\r\n`;
  block += `sec-websocket-version: 13\r\nsec-websocket-key: ${key}\r\n`;
  const fail = () => {
    if (state.readyState !== CONNECTING) return;
    state.fetchId = 0;
    // section 2.3, "fail the WebSocket connection"
    state.readyState = CLOSING;
    closeLater(state, 1006, "", false, true);
  };
  try {
    // ws: and wss: are http: and https: with a name of their own.
    state.fetchId = ops.fetchStart("GET", `http${StringPrototypeSlice(state.url, 2)}`, block, 1, null, "websocket");
  } catch {
    // The constructor returns first.
    queueTask(fail);
    return;
  }
  const { fetchId } = state;
  PromisePrototypeThen(ops.fetchHead(fetchId), (head) => {
    if (state.readyState !== CONNECTING) return;
    const list = headList(head);
    if (statusOf(head) !== "101" || checkResponse(list, key, protocols) !== "") {
      ops.fetchCancel(fetchId, undefined);
      fail();
      return;
    }
    established(state, list);
    start(state);
    fire(state.socket, "open");
  }, fail);
}

function established(state, list) {
  state.id = ops.socketConnect(state.fetchId, (kind, a, b, c, d) => receive(state, kind, a, b, c, d));
  state.fetchId = 0;
  state.readyState = OPEN;
  state.protocol = listGet(list, "sec-websocket-protocol") ?? "";
}

// ---------------------------------------------------------------------------------------------------------------------
// The interface

const convertProtocols = converters["sequence<DOMString>"];
const clampCode = webidl.withOptions(converters["unsigned short"], { __proto__: null, clamp: true });

// (DOMString or sequence<DOMString>), or an object with `protocols` and `headers`, which other servers'
// runtimes take too.
function convertOptions(V, prefix) {
  if (!webidl.isObject(V)) {
    return { __proto__: null, protocols: [converters.DOMString(V, prefix, "Argument 2")], headers: [] };
  }
  const method = V[SymbolIterator];
  if (method !== undefined && method !== null) {
    return { __proto__: null, protocols: convertProtocols(V, prefix, "Argument 2"), headers: [] };
  }
  let { headers, protocols } = V;
  headers = headers === undefined ? [] : normalizeList(internal.fetch.convertHeadersInit(headers, prefix, "'headers'"), prefix);
  if (protocols === undefined) protocols = [];
  else protocols = convertOptions(protocols, prefix).protocols;
  return { __proto__: null, protocols, headers };
}

// The application may not set the fields of the handshake itself.
function withoutHandshake(list) {
  const rest = [];
  for (let i = 0; i < list.length; i += 2) {
    switch (list[i]) {
      case "connection":
      case "sec-websocket-accept":
      case "sec-websocket-extensions":
      case "sec-websocket-key":
      case "sec-websocket-version":
      case "upgrade":
        break;
      default:
        ArrayPrototypePush(rest, list[i], list[i + 1]);
    }
  }
  return rest;
}

// section 3, the constructor's steps about the URL
function parse(url, prefix) {
  let href = internal.url.parseUrl(url);
  if (href === null) throw newException(`${prefix}: '${url}' is not a valid URL.`, "SyntaxError");
  const scheme = StringPrototypeSlice(href, 0, StringPrototypeIndexOf(href, ":"));
  if (scheme === "http") href = `ws${StringPrototypeSlice(href, 4)}`;
  else if (scheme === "https") href = `wss${StringPrototypeSlice(href, 5)}`;
  else if (scheme !== "ws" && scheme !== "wss") {
    throw newException(`${prefix}: the scheme of '${url}' is not ws, wss, http or https.`, "SyntaxError");
  }
  if (StringPrototypeIndexOf(href, "#") !== -1) {
    throw newException(`${prefix}: the URL '${url}' has a fragment.`, "SyntaxError");
  }
  return href;
}

function checkProtocols(protocols, prefix) {
  for (let i = 0; i < protocols.length; i++) {
    const protocol = protocols[i];
    if (!isToken(protocol)) throw newException(`${prefix}: '${protocol}' is not a valid protocol.`, "SyntaxError");
    for (let j = 0; j < i; j++) {
      if (StringPrototypeToLowerCase(protocols[j]) === StringPrototypeToLowerCase(protocol)) {
        throw newException(`${prefix}: the protocol '${protocol}' is there twice.`, "SyntaxError");
      }
    }
  }
}

// The codes that a server may send: those that are defined for it, and an application's own. RFC 6455 section
// 7.4
function isServersCode(code) {
  return code >= 1000 && code <= 4999 && code !== 1004 && code !== 1005 && code !== 1006 && code !== 1015;
}

let getState;

class WebSocket extends EventTarget {
  #state;

  constructor(url, protocols = undefined) {
    super();
    if (url === constructorKey) {
      this.#state = new State(this, OPEN, "arraybuffer");
      return;
    }
    const prefix = "Failed to construct 'WebSocket'";
    requiredArguments(arguments.length, 1, prefix);
    url = converters.USVString(url, prefix, "Argument 1");
    const options = protocols === undefined ? { __proto__: null, protocols: [], headers: [] } : convertOptions(protocols, prefix);
    const href = parse(url, prefix);
    checkProtocols(options.protocols, prefix);
    const state = this.#state = new State(this, CONNECTING, "blob");
    state.url = href;
    state.origin = ops.urlOrigin(href);
    connect(state, options.protocols, withoutHandshake(options.headers));
  }

  static {
    getState = (socket) => socket.#state;
  }

  get url() {
    return this.#state.url;
  }

  get readyState() {
    const state = this.#state;
    return isLost(state) ? CLOSED : state.readyState;
  }

  get bufferedAmount() {
    const state = this.#state;
    return state.unsent + (state.id === 0 ? 0 : ops.socketBuffered(state.id) ?? 0);
  }

  get extensions() {
    return this.#state.extensions;
  }

  get protocol() {
    return this.#state.protocol;
  }

  get binaryType() {
    return this.#state.binaryType;
  }

  set binaryType(value) {
    const state = this.#state;
    value = converters.DOMString(value, "Failed to set the 'binaryType' property on 'WebSocket'", "The value");
    // Web IDL section 3.7.6: what is no value of the enumeration is ignored.
    if (value === "blob" || value === "arraybuffer") state.binaryType = value;
  }

  // Messages are wanted. Workers have it so for sockets that were not made by the constructor.
  accept() {
    const state = this.#state;
    const prefix = "Failed to execute 'accept' on 'WebSocket'";
    if (state.given) throw new TypeError(`${prefix}: the WebSocket was passed on in a Response.`);
    if (state.accepted) throw new TypeError(`${prefix}: accept() was already called, or is not needed.`);
    if (state.readyState === CONNECTING) throw new TypeError(`${prefix}: accept() is not needed.`);
    state.accepted = true;
    if (state.id !== 0) start(state);
    const { queue } = state;
    state.queue = [];
    for (let i = 0; i < queue.length; i++) enqueue(state, queue[i]);
  }

  send(data) {
    const state = this.#state;
    const prefix = "Failed to execute 'send' on 'WebSocket'";
    requiredArguments(arguments.length, 1, prefix);
    let length = -1;
    if (typeof data === "string") {
      // Lone surrogates become U+FFFD natively.
    } else if (ArrayBufferIsView(data) || webidl.isArrayBuffer(data)) {
      data = converters.BufferSource(data, prefix, "Argument 1", { __proto__: null, allowResizable: true });
      data = copyBytes(data);
      length = TypedArrayPrototypeGetLength(data);
    } else if (loaded.file?.isBlob(data)) {
      data = loaded.file.blobBytes(data);
      length = TypedArrayPrototypeGetLength(data);
    } else {
      data = converters.USVString(data, prefix, "Argument 1");
    }
    if (state.readyState === CONNECTING) {
      throw newException(`${prefix}: the connection is not open yet.`, "InvalidStateError");
    }
    if (state.given) throw new TypeError(`${prefix}: the WebSocket was passed on in a Response.`);
    if (!state.accepted && state.readyState === OPEN) {
      throw new TypeError(`${prefix}: call accept() before sending.`);
    }
    send(state, data, length);
  }

  close(code = undefined, reason = undefined) {
    const state = this.#state;
    const prefix = "Failed to execute 'close' on 'WebSocket'";
    if (code !== undefined) code = clampCode(code, prefix, "Argument 1");
    if (reason !== undefined) reason = converters.USVString(reason, prefix, "Argument 2");
    if (code !== undefined && code !== 1000 && !(code >= 3000 && code <= 4999) && !(state.url === null && isServersCode(code))) {
      throw newException(`${prefix}: the code ${code} is not 1000 and not within 3000 and 4999.`, "InvalidAccessError");
    }
    if (reason !== undefined && TypedArrayPrototypeGetLength(ops.utf8Encode(reason)) > REASON_BYTES_MAX) {
      throw newException(`${prefix}: the reason is longer than ${REASON_BYTES_MAX} bytes.`, "SyntaxError");
    }
    if (state.given) throw new TypeError(`${prefix}: the WebSocket was passed on in a Response.`);
    close(state, code === undefined && reason !== undefined ? 1000 : code, reason ?? "");
  }
}
webidl.configureInterface(WebSocket);
webidl.defineConstants(WebSocket, { __proto__: null, CONNECTING, OPEN, CLOSING, CLOSED });
defineEventHandler(WebSocket.prototype, "onopen");
defineEventHandler(WebSocket.prototype, "onerror");
defineEventHandler(WebSocket.prototype, "onclose");
defineEventHandler(WebSocket.prototype, "onmessage");

const webSocket = internal.webSocket;
webSocket.checkResponse = checkResponse;
webSocket.closeLater = closeLater;
webSocket.established = established;
webSocket.getState = getState;
webSocket.isWebSocket = (value) => {
  try {
    return getState(value) !== undefined;
  } catch {
    return false;
  }
};
webSocket.newState = () => getState(new WebSocket(constructorKey));
webSocket.receive = receive;
webSocket.start = start;
webSocket.withoutHandshake = withoutHandshake;
webSocket.TEXT = TEXT;
webSocket.BINARY = BINARY;
internal.expose({ WebSocket });
