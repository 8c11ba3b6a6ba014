// WebSockets as Workers have them: WebSocketPair, a Response with a `webSocket` that becomes the request's
// connection, and the `webSocket` of a response to fetch() with `Upgrade: websocket`.
//
// https://developers.cloudflare.com/workers/runtime-apis/websockets/

const { ObjectDefineProperty, TypeError } = internal.primordials;
const { webidl } = internal;
const { serializeList } = internal.fetch;
const {
  BINARY, TEXT, checkResponse, closeLater, established, getState, newState, receive, start, withoutHandshake,
} = internal.webSocket;

// Two ends of a connection within the isolate, under the names 0 and 1: the one is for the client, the other
// for the server.
class WebSocketPair {
  constructor() {
    const one = newState();
    const other = newState();
    one.peer = other;
    other.peer = one;
    define(this, "0", one.socket);
    define(this, "1", other.socket);
  }
}
webidl.configureInterface(WebSocketPair);

function define(object, name, value) {
  ObjectDefineProperty(object, name, { __proto__: null, value, writable: true, enumerable: true, configurable: true });
}

// A request's header lines where it asks for a WebSocket, and the key that the server is to answer. `list` is
// the request's own.
function beginUpgrade(list) {
  const key = ops.socketKey();
  const block = `${serializeList(withoutHandshake(list))}sec-websocket-version: 13\r\nsec-websocket-key: ${key}\r\n`;
  return { __proto__: null, block, key };
}

// The server has answered 101: the WebSocket, or a TypeError.
function finishUpgrade(fetchId, key, list) {
  const wrong = checkResponse(list, key, null);
  if (wrong !== "") throw new TypeError(`fetch failed: ${wrong}`);
  const state = newState();
  state.fetchId = fetchId;
  established(state, list);
  return state.socket;
}

// Whether a WebSocket may be the `webSocket` of a Response: why not, or "".
function whyNot(socket) {
  const state = getState(socket);
  if (state.given) return "it is that of another Response";
  if (state.accepted) return "accept() was called on it";
  if (state.id === 0 && state.peer === null) return "it is closed, or was made by the constructor";
  return "";
}

// Answers the request with the WebSocket, which is this isolate's no more: what its client sends goes to the
// pair's other end, or to the server from which a fetch has got it. `block` are the response's header lines.
function respond(requestId, socket, block) {
  const wrong = whyNot(socket);
  if (wrong !== "") throw new TypeError(`The response's WebSocket cannot be passed on: ${wrong}.`);
  const state = getState(socket);
  if (state.id !== 0) {
    ops.socketPipe(requestId, block, state.id);
    state.given = true;
    state.id = 0;
    return;
  }
  const { peer } = state;
  state.given = true;
  let id;
  try {
    id = ops.socketServe(requestId, block, (kind, a, b, c, d) => receive(peer, kind, a, b, c, d));
  } catch (error) {
    // Nobody will ever be at the other end.
    peer.peer = null;
    closeLater(peer, 1006, "", false, true);
    throw error;
  }
  state.peer = peer.peer = null;
  peer.id = id;
  // The messages that the other end has sent before.
  const { queue } = state;
  state.queue = [];
  for (let i = 0; i < queue.length; i++) {
    const { kind, data, code, reason } = queue[i];
    if (kind === TEXT || kind === BINARY) ops.socketSend(id, data);
    else ops.socketClose(id, code === 1005 ? undefined : code, reason);
  }
  ops.socketFlush(id);
  if (peer.accepted) start(peer);
}

internal.hooks.webSocketUpgrade = {
  __proto__: null, begin: beginUpgrade, finish: finishUpgrade, isWebSocket: internal.webSocket.isWebSocket,
};
internal.webSocket.respond = respond;
internal.expose({ WebSocketPair });
