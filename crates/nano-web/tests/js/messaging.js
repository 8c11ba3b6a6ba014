// Message ports, message events, broadcast channels, transferred streams.

const received = (port) => new Promise((resolve) => port.addEventListener("message", resolve, { once: true }));

test("messages arrive in order, each in a task of its own", async () => {
  const { port1, port2 } = new MessageChannel();
  const log = [];
  port2.onmessage = (event) => {
    log.push(event.data);
    Promise.resolve().then(() => log.push(`micro ${event.data}`));
  };
  port1.postMessage(1);
  port1.postMessage(2);
  log.push("posted");
  await new Promise((resolve) => setTimeout(resolve, 0));
  assert.same(log, ["posted", 1, "micro 1", 2, "micro 2"]);
  port1.close();
});

test("a port is silent until it is started, and keeps what it got", async () => {
  const { port1, port2 } = new MessageChannel();
  const log = [];
  port1.postMessage("early");
  port2.addEventListener("message", (event) => log.push(event.data));
  await new Promise((resolve) => setTimeout(resolve, 0));
  assert.same(log, []);
  port2.start();
  port1.postMessage("late");
  await new Promise((resolve) => setTimeout(resolve, 0));
  assert.same(log, ["early", "late"]);
  port2.close();
});

test("the event", async () => {
  const { port1, port2 } = new MessageChannel();
  port2.start();
  const inner = new MessageChannel();
  const buffer = new ArrayBuffer(4);
  port1.postMessage({ p: inner.port1, buffer }, [inner.port1, buffer]);
  const event = await received(port2);
  assert(event instanceof MessageEvent);
  assert.is(event.isTrusted, true);
  assert.same([event.type, event.origin, event.lastEventId, event.source, event.bubbles], ["message", "", "", null, false]);
  assert.is(event.ports.length, 1);
  assert(Object.isFrozen(event.ports));
  assert.is(event.ports, event.ports);
  assert.is(event.ports[0], event.data.p);
  assert.is(event.data.buffer.byteLength, 4);
  assert.is(buffer.byteLength, 0);
  inner.port2.postMessage("through");
  event.data.p.start();
  assert.is((await received(event.data.p)).data, "through");
  const made = new MessageEvent("x", { data: 1, origin: "o", lastEventId: "l", source: port1, ports: [port1], cancelable: true });
  assert.same([made.data, made.origin, made.lastEventId, made.cancelable], [1, "o", "l", true]);
  assert.is(made.source, port1);
  assert.is(made.ports[0], port1);
  made.initMessageEvent("y", true, false, 2, "p", "m", null, []);
  assert.same([made.type, made.bubbles, made.data, made.origin, made.source, made.ports.length], ["y", true, 2, "p", null, 0]);
  assert.is(new MessageEvent("x").data, null);
  assert.throws(() => new MessageEvent("x", { ports: [1] }), TypeError);
  port1.close();
  event.data.p.close();
});

test("what cannot be posted", () => {
  const { port1, port2 } = new MessageChannel();
  assert.throws(() => port1.postMessage(() => {}), "DataCloneError");
  assert.throws(() => port1.postMessage(port2), "DataCloneError");
  assert.throws(() => port1.postMessage(1, [port1]), "DataCloneError");
  assert.throws(() => port1.postMessage(1, [port2, port2]), "DataCloneError");
  assert.throws(() => port1.postMessage(), TypeError);
  assert.throws(() => port1.postMessage(1, { transfer: 1 }), TypeError);
  assert.throws(() => new MessagePort(), TypeError);
  assert.throws(() => MessagePort.prototype.postMessage.call({}, 1), TypeError);
  const gone = new MessageChannel();
  structuredClone(gone.port1, { transfer: [gone.port1] });
  assert.throws(() => structuredClone(gone.port1, { transfer: [gone.port1] }), "DataCloneError");
  gone.port2.close();
  assert.throws(() => structuredClone(gone.port2, { transfer: [gone.port2] }), "DataCloneError");
  // A failed transfer leaves the port as it was.
  const kept = new MessageChannel();
  assert.throws(() => structuredClone({ f() {} }, { transfer: [kept.port1] }), "DataCloneError");
  assert.throws(() => structuredClone(null, { transfer: [kept.port1, gone.port1] }), "DataCloneError");
  structuredClone(kept.port1, { transfer: [kept.port1] });
});

test("messages move with their port", async () => {
  const { port1, port2 } = new MessageChannel();
  port1.postMessage("before");
  port2.start();
  const moved = structuredClone(port2, { transfer: [port2] });
  port1.postMessage("after");
  port2.onmessage = () => { throw new Error("it was transferred"); };
  const log = [];
  moved.onmessage = (event) => log.push(event.data);
  await new Promise((resolve) => setTimeout(resolve, 0));
  assert.same(log, ["before", "after"]);
  moved.close();
});

test("the other side learns of a close, after what was posted before", async () => {
  const { port1, port2 } = new MessageChannel();
  const log = [];
  port2.onmessage = (event) => log.push(event.data);
  const closed = new Promise((resolve) => port2.onclose = (event) => resolve(event.type));
  port1.postMessage("last");
  port1.close();
  port1.postMessage("never");
  assert.is(await closed, "close");
  assert.same(log, ["last"]);
});

test("a port in its own message is lost", async () => {
  const { port1, port2 } = new MessageChannel();
  port1.postMessage("x", [port2]);
  await new Promise((resolve) => setTimeout(resolve, 0));
});

test("listeners that throw do not stop the next message", async () => {
  const { port1, port2 } = new MessageChannel();
  const log = [];
  addEventListener("error", (event) => { log.push(event.error.message); event.preventDefault(); }, { once: true });
  port2.onmessage = (event) => { if (event.data === 1) throw new Error("mine"); log.push(event.data); };
  port1.postMessage(1);
  port1.postMessage(2);
  await new Promise((resolve) => setTimeout(resolve, 0));
  assert.same(log, ["mine", 2]);
  port1.close();
});

test("broadcast channels", async () => {
  const [a, b, c, other] = ["n", "n", "n", "other"].map((name) => new BroadcastChannel(name));
  assert.is(a.name, "n");
  const log = [];
  for (const [name, channel] of Object.entries({ a, b, c, other })) {
    channel.onmessage = (event) => log.push(`${name} ${event.data.x} ${event.target === channel}`);
  }
  a.postMessage({ x: 1 });
  b.postMessage({ x: 2 });
  c.close();
  assert.throws(() => c.postMessage(1), "InvalidStateError");
  assert.throws(() => a.postMessage(Symbol()), "DataCloneError");
  assert.throws(() => new BroadcastChannel(), TypeError);
  await new Promise((resolve) => setTimeout(resolve, 0));
  assert.same(log, ["b 1 true", "a 2 true"]);
  const file = new Promise((resolve) => b.onmessage = resolve);
  a.postMessage([new File(["abc"], "n.txt", { type: "t/x" }), new DOMException("m", "AbortError"), new Map([[1, 2]])]);
  const { data } = await file;
  assert.is(await data[0].text(), "abc");
  assert.same([data[0].name, data[0].type, data[1].name, data[2].get(1)], ["n.txt", "t/x", "AbortError", 2]);
  assert.throws(() => a.postMessage(new SharedArrayBuffer(1)), "DataCloneError");
  for (const channel of [a, b, other]) channel.close();
});

test("a channel may begin to listen after the message was posted", async () => {
  const a = new BroadcastChannel("late");
  const b = new BroadcastChannel("late");
  a.postMessage(1);
  assert.is((await received(b)).data, 1);
  a.close();
  b.close();
});

test("a readable stream goes on elsewhere", async () => {
  const original = streamOf("a", { b: 1 });
  const moved = structuredClone(original, { transfer: [original] });
  assert.is(original.locked, true);
  assert.same(await collect(moved), ["a", { b: 1 }]);
  let canceled;
  const source = new ReadableStream({ cancel(reason) { canceled = reason; } });
  const there = structuredClone({ s: source }, { transfer: [source] }).s;
  await there.cancel("enough");
  await new Promise((resolve) => setTimeout(resolve, 0));
  assert.is(canceled, "enough");
  const failing = new ReadableStream({ start(c) { c.error(new RangeError("mine")); } });
  await assert.rejects(structuredClone(failing, { transfer: [failing] }).getReader().read(), RangeError);
  const locked = new ReadableStream();
  locked.getReader();
  assert.throws(() => structuredClone(locked, { transfer: [locked] }), "DataCloneError");
});

test("a writable stream and a transform go on elsewhere", async () => {
  const chunks = [];
  let closed = false;
  const sink = new WritableStream({ write(chunk) { chunks.push(chunk); }, close() { closed = true; } });
  const moved = structuredClone(sink, { transfer: [sink] });
  const writer = moved.getWriter();
  await writer.write({ a: 1 });
  await assert.rejects(writer.write(() => {}), "DataCloneError");
  const second = new WritableStream({ write(chunk) { chunks.push(chunk); }, close() { closed = true; } });
  const again = structuredClone(second, { transfer: [second] }).getWriter();
  again.write(2);
  await again.close();
  await new Promise((resolve) => setTimeout(resolve, 0));
  assert.same(chunks, [{ a: 1 }, 2]);
  assert.is(closed, true);
  const transform = new TransformStream({ transform(chunk, controller) { controller.enqueue(chunk * 2); } });
  const { t } = structuredClone({ t: transform }, { transfer: [transform] });
  assert(t instanceof TransformStream);
  const input = t.writable.getWriter();
  input.write(4);
  input.close();
  assert.same(await collect(t.readable), [8]);
});
