// From a request to the application's handler and back: Workers' module and service-worker forms.
//
// The native side calls what `internal.entry` holds (see ../entry.rs for when); responses go back through
// `ops.respond...`. Knows nothing of sockets, and nothing of how a Request or Response keeps its parts.

const { TypedArrayPrototypeGetSymbolToStringTag } = internal.primordials;
const {
  Map, ObjectDefineProperty, ReflectOwnKeys, MapPrototypeDelete, MapPrototypeGet, MapPrototypeSet, JSONParse,
  PromisePrototypeThen, PromiseResolve, TypeError,
} = internal.primordials;
const { webidl } = internal;
const {
  abortRequest, createIncomingRequest, getRequestSignalSource, isResponse, responseContentLength, responseHead, responseHeaderBlock, responseStatus,
  responseStatusText, responseTakeBody, responseWebSocket,
} = internal.fetch;
const { loaded } = internal;

// ---- The application ----

// An application of the module form: `export default { fetch }`. Undefined for the service-worker form.
let application;
let env;

// Called once, after the application's modules were evaluated. `fetchListeners` of the global scope decide
// for the service-worker form. `serviceNames` is undefined or a JSON array.
function start(defaultExport, envText, serviceNames) {
  env = envText === undefined ? {} : JSONParse(envText);
  if (serviceNames !== undefined) defineServices(JSONParse(serviceNames));
  if (defaultExport === undefined) {
    if (listensToFetch()) {
      // The service-worker form has no other way to its variables than the global scope, as Workers have it.
      exposeVariables();
      return;
    }
    throw new TypeError(
      "the application has no handler: export default { async fetch(request, env, ctx) { ... } }, "
        + 'or call addEventListener("fetch", ...)',
    );
  }
  const type = typeof defaultExport;
  if (defaultExport === null || (type !== "object" && type !== "function")) {
    throw new TypeError("the application's default export is not an object with a fetch method");
  }
  if (typeof defaultExport.fetch !== "function") {
    if (listensToFetch()) return;
    throw new TypeError("the application's default export has no fetch method");
  }
  application = defaultExport;
}

function listensToFetch() {
  return loaded.events !== undefined && loaded.events.hasListeners(globalThis, "fetch");
}

function defineServices(names) {
  for (let i = 0; i < names.length; i++) {
    ObjectDefineProperty(env, names[i], {
      __proto__: null, value: internal.services.makeService(names[i]), writable: true, enumerable: true, configurable: true,
    });
  }
}

function exposeVariables() {
  const names = ReflectOwnKeys(env);
  for (let i = 0; i < names.length; i++) {
    ObjectDefineProperty(globalThis, names[i], {
      __proto__: null, value: env[names[i]], writable: true, enumerable: true, configurable: true,
    });
  }
}

// ---- What a handler gets beside the request ----

let contextId;

class ExecutionContext {
  #id;
  constructor(key, id) {
    if (key !== contextKey) throw new TypeError("Illegal constructor");
    this.#id = id;
  }
  waitUntil(promise) {
    keepAlive(this.#id, promise);
  }
  passThroughOnException() {
    // There is no origin behind the application that could answer instead.
    contextId(this);
  }
  static {
    contextId = (context) => context.#id;
  }
}
const contextKey = {};
webidl.configureInterface(ExecutionContext);

function keepAlive(id, promise) {
  ops.waitUntil(id, 1);
  PromisePrototypeThen(
    PromiseResolve(promise),
    () => ops.waitUntil(id, -1),
    (reason) => {
      ops.print(3, `waitUntil: ${describe(reason)}`);
      ops.waitUntil(id, -1);
    },
  );
}

internal.keepAlive = keepAlive;

// ---- A request ----

// Requests whose answer is not complete when the handler's turn ends: id -> Request.
const inFlight = new Map();

// A request: calls the handler, and sends its response if that is there when microtasks are drained. What it
// throws, the rejection of its promise included, comes out here and goes to `fail`.
function dispatch(head, id) {
  const request = createIncomingRequest(id, head);
  // Microtasks of the handler's turn may still change the response, so they are drained first.
  const value = ops.drainMicrotasks(handle(request, id));
  // A thenable that is no native promise counts as one, as it does to `await`.
  if (isResponse(value) || !webidl.isObject(value)) send(id, value, request);
  else attach(id, PromiseResolve(value), request);
}

function handle(request, id) {
  if (application !== undefined) {
    return application.fetch(request, env, new ExecutionContext(contextKey, id));
  }
  const event = internal.fetchEvent.make(request, id);
  internal.events.dispatch(globalThis, event);
  const response = internal.fetchEvent.respondedWith(event);
  if (response === undefined) {
    throw new TypeError("no listener of the fetch event called respondWith()");
  }
  return response;
}

// The request's answer is not complete: its signal may still be aborted. `request` is null where it was kept
// before.
function keepInFlight(id, request) {
  if (request !== null) MapPrototypeSet(inFlight, id, request);
}

// The handler's promise is pending: go on when it is settled.
function attach(id, promise, request) {
  keepInFlight(id, request);
  PromisePrototypeThen(
    promise,
    (value) => send(id, value, null),
    (reason) => fail(id, reason),
  );
}

// Sends the handler's response. `request` is null where it was kept in flight.
function send(id, response, request) {
  if (!isResponse(response)) {
    fail(id, new TypeError("the handler returned no Response"));
    return;
  }
  const webSocket = responseWebSocket(response);
  if (webSocket !== null) {
    upgrade(id, response, webSocket);
    return;
  }
  let body;
  try {
    body = responseTakeBody(response, true);
  } catch (error) {
    fail(id, error);
    return;
  }
  if (body === null || typeof body === "string" || isBytes(body)) {
    // The usual case: the handler has answered within its turn, and nothing was kept.
    if (request === null) MapPrototypeDelete(inFlight, id);
    const status = responseStatus(response);
    const statusText = responseStatusText(response);
    const headers = responseHeaderBlock(response);
    const length = responseContentLength(response);
    if (typeof body === "string" && length === -1 && statusText === "") ops.respondText(id, status, headers, body);
    else ops.respond(id, status, statusText === "" ? undefined : statusText, headers, length, body);
    return;
  }
  stream(id, request, response, body);
}

// The request's connection becomes a WebSocket.
function upgrade(id, response, webSocket) {
  try {
    internal.webSocket.respond(id, webSocket, responseHeaderBlock(response));
    MapPrototypeDelete(inFlight, id);
  } catch (error) {
    fail(id, error);
  }
}

function isBytes(body) {
  return TypedArrayPrototypeGetSymbolToStringTag(body) === "Uint8Array";
}

// Sends a body that is a stream: natively where it is the request's own body or that of a fetch, else chunk
// by chunk.
function stream(id, request, response, body) {
  const source = loaded.streams?.isReadableStream(body) ? internal.streams.takeNativeSource(body) : body;
  if (source !== undefined && source.fetchId !== undefined) {
    passOn(id, request, response, source);
    return;
  }
  const status = responseStatus(response);
  const statusText = responseStatusText(response);
  const headers = responseHeaderBlock(response);
  const length = responseContentLength(response);
  if (source !== undefined && source.requestId === id) {
    MapPrototypeDelete(inFlight, id);
    ops.respondPipe(id, status, statusText, headers, length);
    return;
  }
  const from = source === undefined ? body : internal.streams.createNativeReadableStream(source);
  if (!ops.respondStream(id, status, statusText, headers, length)) {
    // A HEAD request, or a status without a body: nobody reads what the stream would produce.
    MapPrototypeDelete(inFlight, id);
    PromisePrototypeThen(internal.streams.readableStreamCancel(from), undefined, () => {});
    ops.responseFinish(id);
    return;
  }
  keepInFlight(id, request);
  internal.streams.readLoop(
    from,
    (chunk) => {
      if (!isBytes(chunk)) {
        throw new TypeError("a response's body stream must yield Uint8Array chunks");
      }
      const room = ops.responseWrite(id, chunk);
      // Undefined: room for more. False: the client is gone. A promise: wait.
      if (room === undefined) return undefined;
      if (room === false) throw gone();
      return PromisePrototypeThen(room, (open) => {
        if (!open) throw gone();
      });
    },
    () => {
      MapPrototypeDelete(inFlight, id);
      ops.responseFinish(id);
    },
    (error) => {
      MapPrototypeDelete(inFlight, id);
      ops.responseFail(id, describe(error));
    },
  );
}

// Sends the body that a fetch receives, without JavaScript: see fetch/pipe.rs. Who could abort one of the two
// is remembered until the end.
function passOn(id, request, response, source) {
  const { failure } = source;
  if (failure !== null) {
    fail(id, failure.reason);
    return;
  }
  const from = request === null ? MapPrototypeGet(inFlight, id) : request;
  const watched = source.isWatched() || (from !== undefined && getRequestSignalSource(from) !== null);
  const head = responseHead(response);
  const ended = head !== null
    ? ops.passFetch(id, head, source.fetchId, watched)
    : ops.respondFetch(
      id, responseStatus(response), responseStatusText(response), responseHeaderBlock(response), responseContentLength(response),
      source.fetchId, watched,
    );
  if (ended === undefined) {
    if (request === null) MapPrototypeDelete(inFlight, id);
    source.finish();
    return;
  }
  keepInFlight(id, request);
  PromisePrototypeThen(ended, () => {
    MapPrototypeDelete(inFlight, id);
    source.finish();
  });
}

function gone() {
  return new internal.domexception.DOMException("The client has disconnected", "AbortError");
}

function overdue() {
  return new internal.domexception.DOMException("The response was not there in time", "TimeoutError");
}

// The handler threw, or its promise was rejected.
function fail(id, reason) {
  MapPrototypeDelete(inFlight, id);
  ops.responseFail(id, describe(reason));
}

// The client hung up, or the response is late: https://fetch.spec.whatwg.org/#abort-fetch as the server's
// side sees it. The request is not kept for it any longer: a handler that never settles leaves nothing
// behind.
function abort(id, late) {
  const request = MapPrototypeGet(inFlight, id);
  if (request === undefined) return;
  MapPrototypeDelete(inFlight, id);
  abortRequest(request, late ? overdue() : gone());
}

// ---- For logs ----

// A thrown value as text for a developer: the stack, its causes. Never throws.
function describe(value) {
  try {
    return internal.console.inspect(value);
  } catch {
    return "an exception that cannot be printed";
  }
}

// HTML, "report an exception": what no listener of `error` handled is printed.
internal.hooks.unhandledException = (error) => ops.uncaught(`Uncaught ${describe(error)}`);

function report(error) {
  // Without the events part nobody can listen.
  if (loaded.events === undefined) internal.hooks.unhandledException(error);
  else internal.events.reportException(error);
}

// HTML section 8.1.4.7, "notify about rejected promises", step 4.1.2: a rejection that no listener prevents
// is printed.
function notifyUnhandledRejection(promise, reason) {
  if (loaded.events !== undefined && loaded.events.notifyUnhandledRejection(promise, reason)) return;
  ops.uncaught(`Uncaught (in promise) ${describe(reason)}`);
}

// HTML section 8.1.6.2, "HostPromiseRejectionTracker", step 7.5
function notifyRejectionHandled(promise, reason) {
  // Without the events part nobody can listen.
  if (loaded.events !== undefined) loaded.events.notifyRejectionHandled(promise, reason);
}

function fireTimer(id) {
  internal.timers.fire(id);
}

internal.expose({ ExecutionContext });
// HTML section 10.2.1.1
internal.exposeEnumerable({ self: globalThis });

// For warm.js.
internal.forgetApplication = () => {
  application = env = undefined;
};

// A task that ops.postTask() asked for.
function runTask() {
  internal.loaded.messaging?.runTask();
}

// A message for the broadcast channels of a name, from another isolate.
function receiveBroadcast(name, message) {
  internal.messaging.receive(name, message);
}

// In the order of `Entry` in ../entry.rs.
internal.entry = [
  start, dispatch, fail, abort, fireTimer, report, notifyUnhandledRejection, notifyRejectionHandled, describe, runTask,
  receiveBroadcast,
  (source, id) => internal.wasm.stream(source, id),
  (receiver, head, error) => head === undefined ? receiver.refuse(error) : receiver.receive(head),
  (name, message) => new internal.domexception.DOMException(message, name),
];
