// fetch() (Fetch Standard section 5.6), and which way each scheme goes (section 4.2 "scheme fetch").
//
// Resolving names, connections, redirects, codings and limits are native: this file hands a request over,
// gives the body of one to the network as fast as it takes it, makes a Response of the head (of the whole
// body, where the request says what that must be), and ends all of it when the signal is aborted. CORS,
// referrers, caches and cookies are a browser's; a server's fetch has none of them.

const {
  Promise,
  PromisePrototypeThen,
  PromiseReject,
  StringPrototypeCharCodeAt,
  StringPrototypeIndexOf,
  StringPrototypeSlice,
  StringPrototypeToLowerCase,
  TypeError,
  TypedArrayPrototypeGetByteLength,
  TypedArrayPrototypeGetSymbolToStringTag,
  Uint8Array,
  hideObjectPrototype,
} = internal.primordials;
const { loaded, webidl } = internal;
const {
  Request, getRequestHeaderList, requestMethod, getRequestSettings, getRequestSignalSource, requestUrl, listContains,
  makeResponse, makeResponseMeta, requestBodyLength, requestTakeBody, serializeList,
} = internal.fetch;
const { headList, headUrl } = internal.incoming;
const { makeBytesBody, makeNetworkBody, makeStringBody } = internal.body;

function isBytes(value) {
  return TypedArrayPrototypeGetSymbolToStringTag(value) === "Uint8Array";
}

function failed(reason, cause = undefined) {
  return cause === undefined
    ? new TypeError(`fetch failed: ${reason}`)
    : new TypeError(`fetch failed: ${reason}`, { __proto__: null, cause });
}

function ignore() {}

// A source of native streams (see streams/native.js) that gives a fetch's response's body. Also what takes
// its place where no stream is made. (A class: an object of closures would cost each fetch a microsecond.)
const NetworkSource = hideObjectPrototype(class NetworkSource {
  constructor(outgoing) {
    this.outgoing = outgoing;
    // For who moves the bytes past JavaScript: which fetch it is.
    this.fetchId = outgoing.id;
    this.requestId = undefined;
  }

  // Why it was ended ({ reason }), or null.
  get failure() {
    return this.outgoing.ended;
  }

  // Whether a signal could still abort it.
  isWatched() {
    return this.outgoing.signal !== null;
  }

  // The bytes were moved past JavaScript, to their end.
  finish() {
    this.outgoing.finish();
  }

  pull() {
    const { outgoing } = this;
    if (outgoing.ended !== null) throw outgoing.ended.reason;
    const result = ops.fetchRead(this.fetchId);
    if (outgoing.signal === null) return result;
    if (result === null || isBytes(result)) return outgoing.sees(result);
    return PromisePrototypeThen(result, (chunk) => outgoing.sees(chunk));
  }

  cancel(reason) {
    this.outgoing.finish();
    ops.fetchCancel(this.fetchId, reason);
  }

  readAll() {
    const { outgoing } = this;
    if (outgoing.ended !== null) throw outgoing.ended.reason;
    const result = ops.fetchReadAll(this.fetchId);
    if (isBytes(result)) {
      outgoing.finish();
      return result;
    }
    return outgoing.signal === null ? result : PromisePrototypeThen(result, (bytes) => {
      outgoing.finish();
      return bytes;
    });
  }
});

// Calls `accept()` if a body's bytes are those that the request's integrity metadata names, else
// `refuse(error)`. section 4.1, step 19
function checkIntegrity(request, bytes, accept, refuse) {
  const { integrity } = getRequestSettings(request);
  const conclude = (matches) => matches
    ? accept()
    : refuse(failed("the response's body is not what the request's integrity says"));
  const matches = integrity === "" || ops.integrityMatches(bytes, integrity);
  if (typeof matches === "boolean") conclude(matches);
  else PromisePrototypeThen(matches, conclude, refuse);
}

// One fetch over the network, from fetch() until its response's body is read.
const OutgoingFetch = hideObjectPrototype(class OutgoingFetch {
  constructor(request, resolve, reject) {
    this.request = request;
    this.resolve = resolve;
    this.reject = reject;
    this.id = 0;
    // The key of a request that asks for a WebSocket, or null
    this.webSocketKey = null;
    this.signal = null;
    this.onAbort = null;
    // The loop that writes the request's body, or null
    this.upload = null;
    // The response's body (of body.js), or null
    this.body = null;
    // Why it was ended before its end: { reason }
    this.ended = null;
  }

  // Nothing can be aborted any more.
  finish() {
    if (this.signal === null) return;
    internal.abort.removeAlgorithm(this.signal, this.onAbort);
    this.signal = this.onAbort = null;
  }

  // A chunk of the response's body, or null at its end, goes to who reads it.
  sees(chunk) {
    if (chunk === null) this.finish();
    return chunk;
  }

  // Ends it at whatever it is at.
  end(reason) {
    this.ended = { __proto__: null, reason };
    this.finish();
    if (this.id !== 0) ops.fetchCancel(this.id, reason);
    this.reject(reason);
    const upload = this.upload;
    this.upload = null;
    if (upload !== null) upload.cancel(reason);
    const body = this.body;
    if (body !== null && body.stream !== null) internal.streams.failNativeSource(body.stream, reason);
  }

  // Sends the request's body as fast as the network takes it. section 4.6, "transmit-request-body loop"
  write(stream) {
    const { id } = this;
    let unwanted = false;
    const check = (room) => {
      if (room) return;
      unwanted = true;
      throw new TypeError("The request's body is not wanted any more.");
    };
    const begin = () => {
      if (this.ended !== null || this.upload === null) return;
      this.upload = internal.streams.readLoop(
        stream,
        (chunk) => {
          if (!isBytes(chunk)) throw new TypeError("A chunk of the request's body is not a Uint8Array.");
          if (TypedArrayPrototypeGetByteLength(chunk) === 0) return undefined;
          const room = ops.fetchWrite(id, chunk);
          if (room === undefined) return undefined;
          return room === false ? check(false) : PromisePrototypeThen(room, check);
        },
        () => {
          this.upload = null;
          ops.fetchFinish(id);
        },
        (error) => {
          this.upload = null;
          if (unwanted || this.ended !== null) return;
          this.end(failed("the request's body failed", error));
        },
      );
    };
    // Until there is a connection the stream is not touched.
    this.upload = {
      __proto__: null,
      cancel: (reason) => PromisePrototypeThen(internal.streams.readableStreamCancel(stream, reason), undefined, () => {}),
    };
    const waiting = this.upload;
    const room = ops.fetchRoom(id);
    if (room === true) begin();
    else if (room === false) waiting.cancel(undefined);
    else PromisePrototypeThen(room, (open) => open ? begin() : this.ended === null && waiting.cancel(undefined));
  }

  // There will be no response.
  refuse(error) {
    this.finish();
    (0, this.reject)(error);
  }

  // The response's head has come: see fetchHead in client.rs.
  receive(head) {
    if (this.ended !== null) return;
    const flagsStart = StringPrototypeIndexOf(head, " ") + 1;
    const flagsEnd = StringPrototypeIndexOf(head, " ", flagsStart);
    let status = 0;
    for (let i = 0; i < flagsStart - 1; i++) status = status * 10 + StringPrototypeCharCodeAt(head, i) - 0x30;
    let redirected = false;
    let empty = false;
    for (let i = flagsStart; i < flagsEnd; i++) {
      if (head[i] === "r") redirected = true;
      else if (head[i] === "e") empty = true;
    }
    const reason = StringPrototypeSlice(head, flagsEnd + 1, StringPrototypeIndexOf(head, "\n"));
    if (status === 101 && this.webSocketKey !== null) {
      this.upgrade(head, reason);
      return;
    }
    let body = null;
    if (status !== 204 && status !== 205 && status !== 304 && requestMethod(this.request) !== "HEAD") {
      body = empty ? makeStringBody("") : makeNetworkBody(new NetworkSource(this));
    } else if (!empty) {
      ops.fetchCancel(this.id, undefined);
      empty = true;
    }
    if (getRequestSettings(this.request).integrity !== "") {
      this.verify(status, reason, head, redirected, body, empty);
      return;
    }
    if (empty) this.finish();
    else this.body = body;
    this.give(status, reason, head, head, redirected, body);
  }

  // `list` is the head itself, or the list of its headers.
  give(status, reason, head, list, redirected, body) {
    const meta = makeResponseMeta("basic", headUrl(head), redirected, true);
    (0, this.resolve)(makeResponse(status, reason, list, body, meta));
    // Drops what the body does not need.
    this.resolve = this.reject = ignore;
  }

  // The body is read to its end before anybody sees the response, which there is only if the body is the
  // right one.
  verify(status, reason, head, redirected, body, empty) {
    const refuse = (error) => {
      this.finish();
      if (this.ended === null) (0, this.reject)(error);
    };
    if (body === null) {
      refuse(failed("the response has no body, whose integrity the request asks for"));
      return;
    }
    const check = (bytes) => checkIntegrity(this.request, bytes, () => {
      this.finish();
      if (this.ended === null) this.give(status, reason, head, headList(head), redirected, makeBytesBody(bytes));
    }, refuse);
    let bytes;
    try {
      bytes = empty ? new Uint8Array(0) : ops.fetchReadAll(this.id);
    } catch (error) {
      refuse(error);
      return;
    }
    if (isBytes(bytes)) check(bytes);
    else PromisePrototypeThen(bytes, check, refuse);
  }

  // The server speaks the WebSocket protocol from now on.
  upgrade(head, reason) {
    this.finish();
    const list = headList(head);
    let webSocket;
    try {
      webSocket = internal.hooks.webSocketUpgrade.finish(this.id, this.webSocketKey, list);
    } catch (error) {
      ops.fetchCancel(this.id, undefined);
      (0, this.reject)(error);
      return;
    }
    (0, this.resolve)(makeResponse(101, reason, list, null, makeResponseMeta("basic", headUrl(head), false, true, webSocket)));
  }
});

// section 4.6, what the request's own settings add to its headers
function headerBlock(request) {
  const list = getRequestHeaderList(request);
  let block = serializeList(list);
  const { cache } = getRequestSettings(request);
  if (cache === "default") return block;
  if (cache === "no-cache") {
    if (!listContains(list, "cache-control")) block += "cache-control: max-age=0\r\n";
  } else if (cache === "no-store" || cache === "reload") {
    if (!listContains(list, "pragma")) block += "pragma: no-cache\r\n";
    if (!listContains(list, "cache-control")) block += "cache-control: no-cache\r\n";
  }
  return block;
}

// Whether the response is to be a WebSocket, as Workers have it: `Upgrade: websocket`.
function asksForWebSocket(request) {
  const list = getRequestHeaderList(request);
  return listContains(list, "upgrade") && requestMethod(request) === "GET" &&
    StringPrototypeToLowerCase(internal.fetch.listGet(list, "upgrade")) === "websocket";
}

// section 4.5, "HTTP fetch"
function httpFetch(request, resolve, reject, signal, service) {
  const outgoing = new OutgoingFetch(request, resolve, reject);
  let body = requestTakeBody(request, true);
  let stream = null;
  // The id of the incoming request whose own body is passed on, past JavaScript
  let incoming = -1;
  if (body !== null && typeof body !== "string" && !isBytes(body)) {
    const isStream = loaded.streams?.isReadableStream(body);
    const source = isStream ? internal.streams.takeNativeSource(body) : body;
    stream = body;
    body = requestBodyLength(request);
    if (source !== undefined) {
      if (source.requestId !== undefined) {
        incoming = source.requestId;
        stream = null;
        // Its length may be known.
        body = ops.requestBodyLength(incoming);
      } else {
        stream = internal.streams.createNativeReadableStream(source);
      }
    }
  }
  const { redirect } = getRequestSettings(request);
  const mode = redirect === "follow" ? 0 : redirect === "error" ? 1 : 2;
  let protocol;
  let block;
  if (asksForWebSocket(request)) {
    ({ block, key: outgoing.webSocketKey } = internal.hooks.webSocketUpgrade.begin(getRequestHeaderList(request)));
    protocol = "websocket";
  } else {
    block = headerBlock(request);
  }
  try {
    outgoing.id = ops.fetchStart(
      requestMethod(request), requestUrl(request), block, mode, body, protocol, service, outgoing,
    );
  } catch (error) {
    reject(error);
    if (stream !== null) PromisePrototypeThen(internal.streams.readableStreamCancel(stream, error), undefined, () => {});
    else if (incoming !== -1) ops.bodyCancel(incoming);
    return;
  }
  if (signal !== null) {
    outgoing.signal = signal;
    outgoing.onAbort = () => outgoing.end(internal.abort.getReason(signal));
    internal.abort.addAlgorithm(signal, outgoing.onAbort);
  }
  if (stream !== null) outgoing.write(stream);
  else if (incoming !== -1) ops.fetchUpload(outgoing.id, incoming);
}

// A response of bytes that are at hand.
function respond(request, list, bytes, resolve, reject) {
  const meta = makeResponseMeta("basic", requestUrl(request), false, true);
  const body = requestMethod(request) === "HEAD" ? null : makeBytesBody(bytes);
  checkIntegrity(request, bytes, () => resolve(makeResponse(200, "OK", list, body, meta)), reject);
}

// section 4.3, "data"
function dataFetch(request, resolve, reject) {
  const data = internal.dataUrl.processDataUrl(requestUrl(request));
  if (data === null) reject(failed("the data: URL is not valid"));
  else respond(request, ["content-type", data.type], data.bytes, resolve, reject);
}

// section 4.3, "blob"
function blobFetch(request, resolve, reject) {
  const url = requestUrl(request);
  const blob = loaded.file?.resolveObjectURL(url);
  if (requestMethod(request) !== "GET" || blob === undefined) {
    reject(failed(blob === undefined ? "there is no Blob of this URL" : "a blob: URL can only be got with GET"));
    return;
  }
  const { blobBytes, getSize, getType } = loaded.file;
  const list = ["content-length", `${getSize(blob)}`, "content-type", getType(blob)];
  respond(request, list, blobBytes(blob), resolve, reject);
}

// section 5.6. `service` is the name of one that the application was given, if the request is for that and
// not for the network.
function begin(request, resolve, reject, service = undefined) {
  let signal = getRequestSignalSource(request);
  if (signal !== null) {
    // Of an incoming request whose client has gone: { reason }
    const isSignal = loaded.abort?.isAbortSignal(signal);
    if (!isSignal || internal.abort.isAborted(signal)) {
      const reason = isSignal ? internal.abort.getReason(signal) : signal.reason ?? internal.abort.newAbortError();
      reject(reason);
      const body = requestTakeBody(request);
      if (loaded.streams?.isReadableStream(body)) {
        PromisePrototypeThen(internal.streams.readableStreamCancel(body, reason), undefined, () => {});
      }
      return;
    }
  }
  const url = requestUrl(request);
  const scheme = StringPrototypeSlice(url, 0, StringPrototypeIndexOf(url, ":"));
  switch (scheme) {
    case "http":
    case "https":
      httpFetch(request, resolve, reject, signal, service);
      return;
  }
  if (service !== undefined) {
    reject(failed(`${url} is not for a service: that speaks http or https`));
    return;
  }
  switch (scheme) {
    case "data":
      dataFetch(request, resolve, reject);
      return;
    case "blob":
      blobFetch(request, resolve, reject);
      return;
    default:
      reject(failed(`the scheme of ${url} is not one that can be fetched`));
  }
}

function fetch(input, init = undefined) {
  try {
    webidl.requiredArguments(arguments.length, 1, "Failed to execute 'fetch'");
  } catch (error) {
    return PromiseReject(error);
  }
  return fetchFrom(undefined, input, init);
}

// The fetch() of a service.
function fetchFrom(service, input, init) {
  try {
    const request = new Request(input, init);
    return new Promise((resolve, reject) => begin(request, resolve, reject, service));
  } catch (error) {
    return PromiseReject(error);
  }
}

internal.fetchClient = { __proto__: null, failed, fetch, fetchFrom };
internal.exposeEnumerable({ fetch });
