// EventSource: server-sent events. HTML section 9.2
//
// An EventSource fetches its stream by the same machine as fetch(), in the name of the request that has made
// it, and ends with that.

const {
  ArrayPrototypePush,
  PromisePrototypeThen,
  StringPrototypeIndexOf,
  StringPrototypeSlice,
  TypedArrayPrototypeGetSymbolToStringTag,
  hideObjectPrototype,
} = internal.primordials;
const { webidl } = internal;
const { converters, requiredArguments } = webidl;
const { EventTarget, defineEventHandler, dispatch, fire, hasListeners } = internal.events;
const { newServerEvent } = internal.messaging;
const { headList, headUrl } = internal.incoming;
const { listGet } = internal.fetch;
const { Parser } = internal.eventStream;

const CONNECTING = 0;
const OPEN = 1;
const CLOSED = 2;

// Until a stream says otherwise: "a few seconds".
const RECONNECTION_TIME_MS = 3_000;

// Where a server is not reached again and again, the time doubles from at least the one up to the other.
const BACKOFF_TIME_MS_MIN = 100;
const BACKOFF_TIME_MS_MAX = 60_000;

// The longest time that a stream may set: what a timer can wait, 24 days. A longer one would be due at once.
const RECONNECTION_TIME_MS_MAX = 2_147_483_647;

// Failures that trying again does not mend: what the application may not do, and redirects that lead nowhere.
function isFutile(error) {
  switch (error?.cause?.code) {
    case "ERR_ADDRESS_REFUSED":
    case "ERR_NO_NETWORK":
    case "ERR_REDIRECT":
    case "ERR_REQUEST":
    case "ERR_REQUEST_OVER":
    case "ERR_TOO_MANY_SUBREQUESTS":
      return true;
    default:
      return false;
  }
}

const State = hideObjectPrototype(class State {
  constructor(source, url, withCredentials) {
    this.source = source;
    this.url = url;
    this.withCredentials = withCredentials;
    this.readyState = CONNECTING;
    this.reconnectionTime = RECONNECTION_TIME_MS;
    // How often the server was not reached since it last was.
    this.failures = 0;
    // The `origin` of events: that of the address to which redirects have led.
    this.origin = "";
    this.fetchId = 0;
    this.timer = 0;
    // Events that were received and not dispatched; `next` is the first of them.
    this.queue = [];
    this.next = 0;
    this.parser = new Parser(
      (type, data, lastEventId) => ArrayPrototypePush(this.queue, { __proto__: null, type, data, lastEventId }),
      (milliseconds) => {
        this.reconnectionTime = milliseconds < RECONNECTION_TIME_MS_MAX ? milliseconds : RECONNECTION_TIME_MS_MAX;
      },
    );
  }
});

// section 9.2.2, the constructor's steps from 8 on, and section 9.2.3, "reestablish the connection", from 5
// on
function connect(state) {
  let block = "accept: text/event-stream\r\npragma: no-cache\r\ncache-control: no-cache\r\n";
  const { lastEventId } = state.parser;
  if (lastEventId !== "") block += `last-event-id: ${ops.binaryString(ops.utf8Encode(lastEventId))}\r\n`;
  let id;
  try {
    id = state.fetchId = ops.fetchStart("GET", state.url, block, 0, null, undefined);
  } catch (error) {
    later(state, () => broken(state, 0, error));
    return;
  }
  PromisePrototypeThen(
    ops.fetchHead(id),
    (head) => isCurrent(state, id) && receive(state, id, head),
    (error) => broken(state, id, error),
  );
}

function isCurrent(state, id) {
  return state.fetchId === id && state.readyState !== CLOSED;
}

// A task, in the name of the request that this one runs for.
function later(state, run) {
  state.timer = internal.timers.startTimeout(0, () => {
    state.timer = 0;
    if (state.readyState !== CLOSED) run();
  });
}

// The response's head has come.
function receive(state, id, head) {
  const status = StringPrototypeSlice(head, 0, StringPrototypeIndexOf(head, " "));
  const type = internal.mime.extractMimeType(listGet(headList(head), "content-type"));
  if (status !== "200" || type === null || type.essence !== "text/event-stream") {
    fail(state);
    return;
  }
  state.failures = 0;
  state.origin = ops.urlOrigin(headUrl(head));
  state.parser.reset();
  // section 9.2.3, "announce the connection"
  state.readyState = OPEN;
  fire(state.source, "open");
  if (isCurrent(state, id)) read(state, id);
}

function read(state, id) {
  let chunk;
  try {
    chunk = ops.fetchRead(id);
  } catch (error) {
    broken(state, id, error);
    return;
  }
  if (isChunk(chunk)) take(state, id, chunk);
  else PromisePrototypeThen(chunk, (bytes) => take(state, id, bytes), (error) => broken(state, id, error));
}

function isChunk(chunk) {
  return chunk === null || TypedArrayPrototypeGetSymbolToStringTag(chunk) === "Uint8Array";
}

function take(state, id, chunk) {
  if (!isCurrent(state, id)) return;
  if (chunk === null) {
    reestablish(state);
    return;
  }
  state.parser.push(chunk);
  deliver(state, id);
}

// Dispatches what was received, each event in a task of its own, and then reads on: a server is not read
// faster than its events are taken.
function deliver(state, id) {
  const { queue } = state;
  if (state.next < queue.length) {
    const { type, data, lastEventId } = queue[state.next++];
    if (hasListeners(state.source, type)) dispatch(state.source, newServerEvent(type, data, state.origin, lastEventId));
    if (!isCurrent(state, id)) return;
  }
  if (state.next === queue.length) {
    state.queue = [];
    state.next = 0;
  }
  later(state, () => state.next < state.queue.length ? deliver(state, id) : read(state, id));
}

function broken(state, id, error) {
  if (state.readyState === CLOSED || state.fetchId !== id) return;
  if (isFutile(error)) {
    fail(state);
    return;
  }
  if (state.readyState === CONNECTING) state.failures++;
  reestablish(state);
}

// section 9.2.3, "reestablish the connection"
function reestablish(state) {
  forget(state);
  state.readyState = CONNECTING;
  fire(state.source, "error");
  if (state.readyState !== CONNECTING) return;
  let time = state.reconnectionTime;
  if (state.failures > 1 && time < BACKOFF_TIME_MS_MIN) time = BACKOFF_TIME_MS_MIN;
  for (let i = 1; i < state.failures && time < BACKOFF_TIME_MS_MAX; i++) {
    time = time * 2 < BACKOFF_TIME_MS_MAX ? time * 2 : BACKOFF_TIME_MS_MAX;
  }
  state.timer = internal.timers.startTimeout(time, () => {
    state.timer = 0;
    if (state.readyState === CONNECTING) connect(state);
  });
}

// section 9.2.3, "fail the connection"
function fail(state) {
  forget(state);
  state.readyState = CLOSED;
  fire(state.source, "error");
}

// Ends what is under way. What was received was dispatched before the end was read, unless nobody wants it
// any more.
function forget(state) {
  if (state.fetchId !== 0) ops.fetchCancel(state.fetchId, undefined);
  state.fetchId = 0;
  if (state.timer !== 0) internal.timers.cancelTimeout(state.timer);
  state.timer = 0;
  state.queue = [];
  state.next = 0;
}

const convertEventSourceInit = webidl.createDictionaryConverter("EventSourceInit", [
  { __proto__: null, key: "withCredentials", converter: converters.boolean, defaultValue: false },
]);

class EventSource extends EventTarget {
  #state;

  constructor(url, eventSourceInitDict = undefined) {
    const prefix = "Failed to construct 'EventSource'";
    requiredArguments(arguments.length, 1, prefix);
    url = converters.USVString(url, prefix, "Argument 1");
    const { withCredentials } = convertEventSourceInit(eventSourceInitDict, prefix, "Argument 2");
    super();
    const href = internal.url.parseUrl(url);
    if (href === null) {
      throw new internal.domexception.DOMException(`${prefix}: '${url}' is not a valid URL.`, "SyntaxError");
    }
    this.#state = new State(this, href, withCredentials);
    connect(this.#state);
  }

  get url() {
    return this.#state.url;
  }

  get withCredentials() {
    return this.#state.withCredentials;
  }

  get readyState() {
    return this.#state.readyState;
  }

  close() {
    const state = this.#state;
    if (state.readyState === CLOSED) return;
    state.readyState = CLOSED;
    forget(state);
  }
}
webidl.configureInterface(EventSource);
webidl.defineConstants(EventSource, { __proto__: null, CONNECTING, OPEN, CLOSED });
defineEventHandler(EventSource.prototype, "onopen");
defineEventHandler(EventSource.prototype, "onmessage");
defineEventHandler(EventSource.prototype, "onerror");

internal.expose({ EventSource });
