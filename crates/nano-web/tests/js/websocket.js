// WebSockets as far as they need no network: both ends of a pair within the isolate, the constructor's checks, CloseEvent.

const pair = () => {
  const { 0: one, 1: other } = new WebSocketPair();
  one.accept();
  other.accept();
  return [one, other];
};
const next = (socket, type) => new Promise((resolve) => socket.addEventListener(type, resolve, { once: true }));

test("messages go both ways, each in a task of its own", async () => {
  const [one, other] = pair();
  const log = [];
  other.addEventListener("message", (event) => {
    log.push(event.data);
    Promise.resolve().then(() => log.push(`micro ${event.data}`));
    if (event.data === "b") one.dispatchEvent(new Event("done"));
  });
  one.send("a");
  one.send("b");
  log.push("sent");
  await next(one, "done");
  assert.same(log, ["sent", "a", "micro a", "b", "micro b"]);
  other.send("back");
  assert.is((await next(one, "message")).data, "back");
});

test("the message event", async () => {
  const [one, other] = pair();
  one.send("x");
  const event = await next(other, "message");
  assert(event instanceof MessageEvent);
  assert.is(event.isTrusted, true);
  assert.is(event.target, other);
  assert.same([event.origin, event.lastEventId, event.source, event.ports.length], ["", "", null, 0]);
});

test("what is sent: strings, bytes, anything as a string", async () => {
  const [one, other] = pair();
  const got = async (data) => {
    const event = next(other, "message");
    one.send(data);
    return (await event).data;
  };
  assert.is(await got("é€😀"), "é€😀");
  assert.is(await got(""), "");
  assert.is(await got(12), "12");
  assert.is(await got(null), "null");
  assert.is(await got({ toString: () => "made" }), "made");
  assert.throws(() => one.send(Symbol()), TypeError);
  assert.throws(() => one.send(), TypeError);
  const buffer = bytes(1, 2, 3, 4).buffer;
  assert.same([...new Uint8Array(await got(buffer))], [1, 2, 3, 4]);
  assert.same([...new Uint8Array(await got(new Uint8Array(buffer, 1, 2)))], [2, 3]);
  assert.same([...new Uint8Array(await got(new DataView(buffer, 3)))], [4]);
  assert.same([...new Uint8Array(await got(new Blob(["ab"])))], [97, 98]);
  assert.is((await got(new ArrayBuffer(0))).byteLength, 0);
});

test("bytes are copied when they are sent", async () => {
  const [one, other] = pair();
  const data = bytes(1);
  const event = next(other, "message");
  one.send(data);
  data[0] = 2;
  const received = new Uint8Array((await event).data);
  assert.is(received[0], 1);
});

test("binaryType", async () => {
  const [one, other] = pair();
  assert.is(other.binaryType, "arraybuffer");
  other.binaryType = "nothing of the kind";
  assert.is(other.binaryType, "arraybuffer");
  other.binaryType = "blob";
  one.send(bytes(97));
  const { data } = await next(other, "message");
  assert(data instanceof Blob);
  assert.is(await data.text(), "a");
});

test("accept() comes first, and what came before it waits", async () => {
  const { 0: one, 1: other } = new WebSocketPair();
  assert.throws(() => one.send("x"), TypeError);
  one.accept();
  assert.throws(() => one.accept(), TypeError);
  const log = [];
  other.addEventListener("message", ({ data }) => log.push(data));
  one.send("early");
  await new Promise((resolve) => setTimeout(resolve, 0));
  assert.same(log, []);
  other.accept();
  const event = next(other, "message");
  one.send("late");
  await event;
  assert.is(log[0], "early");
});

test("closing, seen from both ends", async () => {
  const [one, other] = pair();
  const closes = Promise.all([next(one, "close"), next(other, "close")]);
  one.close(4001, "of one");
  assert.is(one.readyState, WebSocket.CLOSING);
  one.close(4002, "again");
  one.send("is lost");
  assert(one.bufferedAmount >= 7);
  const [first, second] = await closes;
  assert(first instanceof CloseEvent && second instanceof CloseEvent);
  assert.same([first.code, first.reason, first.wasClean], [4001, "of one", true]);
  assert.same([second.code, second.reason, second.wasClean], [4001, "of one", true]);
  assert.same([one.readyState, other.readyState], [3, 3]);
  other.send("is lost");
  other.close();
});

test("a close without a code", async () => {
  const [one, other] = pair();
  one.close();
  const { code, reason, wasClean } = await next(other, "close");
  assert.same([code, reason, wasClean], [1005, "", true]);
  const [three, four] = pair();
  three.close(undefined, "why");
  assert.is((await next(four, "close")).code, 1000);
});

test("codes and reasons are checked", () => {
  const [one] = pair();
  for (const code of [0, 999, 1004, 1005, 1006, 1015, 5000, 65535]) assert.throws(() => one.close(code), "InvalidAccessError");
  assert.throws(() => one.close(1000, "x".repeat(124)), "SyntaxError");
  assert.throws(() => one.close(1000, "é".repeat(62)), "SyntaxError");
  assert.is(one.readyState, 1);
  // What a server may say: RFC 6455, section 7.4
  one.close(1011, "x".repeat(123));
});

test("handlers", async () => {
  const [one, other] = pair();
  assert.is(other.onmessage, null);
  const log = [];
  other.onmessage = (event) => log.push(event.data);
  other.onclose = (event) => log.push(event.code);
  one.send("a");
  one.close(3000);
  await next(other, "close");
  assert.same(log, ["a", 3000]);
});

test("the constructor's checks", () => {
  assert.throws(() => new WebSocket(), TypeError);
  assert.throws(() => WebSocket("ws://a/"), TypeError);
  for (const url of ["", "a", "ftp://a/", "ws://a/#b", "wss://a/#", "ws://", "http://a b/", "mailto:a"]) {
    assert.throws(() => new WebSocket(url), "SyntaxError");
  }
  for (const protocols of ["", "a b", "a,b", ["a", "a"], ["a", "A"], ["é"], [""], "a\u0000"]) {
    assert.throws(() => new WebSocket("ws://a.test/", protocols), "SyntaxError");
  }
  assert.same([WebSocket.CONNECTING, WebSocket.OPEN, WebSocket.CLOSING, WebSocket.CLOSED], [0, 1, 2, 3]);
  assert.same([WebSocket.prototype.CONNECTING, WebSocket.prototype.CLOSED], [0, 3]);
  assert.is(WebSocket.length, 1);
});

test("a socket without a network fails as one that nobody answers", async () => {
  const socket = new WebSocket("https://a.test:81/b?c");
  assert.same([socket.url, socket.readyState, socket.protocol, socket.extensions], ["wss://a.test:81/b?c", 0, "", ""]);
  assert.same([socket.binaryType, socket.bufferedAmount], ["blob", 0]);
  assert.throws(() => socket.send("x"), "InvalidStateError");
  const log = [];
  socket.onerror = (event) => log.push(event.type);
  const { code, wasClean } = await next(socket, "close");
  assert.same([...log, code, wasClean, socket.readyState], ["error", 1006, false, 3]);
  const closed = new WebSocket("ws://a.test/");
  closed.close();
  assert.is(closed.readyState, 2);
  assert.is((await next(closed, "close")).code, 1006);
});

test("CloseEvent", () => {
  const made = new CloseEvent("close", { code: 4000, reason: "r", wasClean: true, cancelable: true });
  assert.same([made.code, made.reason, made.wasClean, made.cancelable, made.isTrusted], [4000, "r", true, true, false]);
  const plain = new CloseEvent("x");
  assert.same([plain.type, plain.code, plain.reason, plain.wasClean], ["x", 0, "", false]);
  assert.throws(() => new CloseEvent(), TypeError);
});

test("a response with a WebSocket", () => {
  const { 0: client, 1: server } = new WebSocketPair();
  const response = new Response(null, { status: 101, webSocket: client, headers: { "x-a": "1" } });
  assert.same([response.status, response.headers.get("x-a")], [101, "1"]);
  assert.is(response.webSocket, client);
  assert.is(response.body, null);
  assert.throws(() => response.clone(), TypeError);
  assert.throws(() => new Response(null, { webSocket: server }), RangeError);
  assert.throws(() => new Response(null, { status: 200, webSocket: server }), RangeError);
  assert.throws(() => new Response(null, { status: 101 }), RangeError);
  assert.throws(() => new Response(null, { status: 101, webSocket: {} }), TypeError);
  assert.throws(() => new Response("body", { status: 101, webSocket: server }), TypeError);
  assert.is(new Response().webSocket, null);
});
