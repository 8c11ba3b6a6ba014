// Streams: the classes together. (web-platform-tests go into their depths.)

const source = (...chunks) => streamOf(...chunks);

test("a reader reads, in order, to the end", async () => {
  assert.same(await collect(source(1, 2, 3)), [1, 2, 3]);
  const reader = source().getReader();
  assert.same(await reader.read(), { done: true });
  await reader.closed;
});

test("a stream has one reader", async () => {
  const stream = source(1);
  const reader = stream.getReader();
  assert(stream.locked);
  assert.throws(() => stream.getReader(), TypeError);
  await assert.rejects(stream.cancel(), TypeError);
  reader.releaseLock();
  assert(!stream.locked);
  assert.same(await collect(stream), [1]);
});

test("pull waits for room, start may wait, cancel gets the reason", async () => {
  const seen = [];
  const stream = new ReadableStream({
    start: () => scheduler.wait(1).then(() => seen.push("started")),
    pull: (controller) => {
      seen.push(`pull ${controller.desiredSize}`);
      controller.enqueue(seen.length);
    },
    cancel: (reason) => void seen.push(`cancel ${reason}`),
  }, { highWaterMark: 2 });
  const reader = stream.getReader();
  await reader.read();
  await scheduler.wait(1);
  await reader.cancel("enough");
  assert.same(seen, ["started", "pull 2", "pull 2", "pull 1", "cancel enough"]);
});

test("errors reach who reads", async () => {
  const stream = new ReadableStream({ pull: () => Promise.reject(new RangeError("on purpose")) });
  await assert.rejects(stream.getReader().read(), RangeError);
});

test("byte streams", async () => {
  const stream = new ReadableStream({
    type: "bytes",
    pull(controller) {
      const view = controller.byobRequest?.view;
      if (view) {
        view[0] = 7;
        controller.byobRequest.respond(1);
      } else {
        controller.enqueue(bytes(1, 2, 3));
      }
    },
  });
  const byob = stream.getReader({ mode: "byob" });
  const { value } = await byob.read(new Uint8Array(4));
  assert.same([...value], [7]);
  byob.releaseLock();
  const reader = stream.getReader();
  assert.same([...(await reader.read()).value], [1, 2, 3]);
});

test("byob takes part of what is queued", async () => {
  const stream = new ReadableStream({
    type: "bytes",
    start(controller) {
      controller.enqueue(bytes(1, 2, 3));
      controller.close();
    },
  });
  const reader = stream.getReader({ mode: "byob" });
  assert.same([...(await reader.read(new Uint8Array(2))).value], [1, 2]);
  assert.same([...(await reader.read(new Uint8Array(2))).value], [3]);
  const end = await reader.read(new Uint8Array(2));
  assert(end.done && end.value.byteLength === 0);
});

test("tee gives everything twice", async () => {
  const [a, b] = source("x", "y").tee();
  assert.same([await collect(a), await collect(b)], [["x", "y"], ["x", "y"]]);
});

test("for await, and leaving it cancels", async () => {
  let canceled = false;
  const stream = new ReadableStream({
    pull: (controller) => controller.enqueue(1),
    cancel: () => void (canceled = true),
  });
  for await (const chunk of stream) {
    assert.is(chunk, 1);
    break;
  }
  assert(canceled);
  assert(!stream.locked);
});

test("ReadableStream.from", async () => {
  assert.same(await collect(ReadableStream.from([1, Promise.resolve(2)])), [1, 2]);
  async function* three() {
    yield* [1, 2, 3];
  }
  assert.same(await collect(ReadableStream.from(three())), [1, 2, 3]);
});

test("writers wait for the sink", async () => {
  const seen = [];
  const stream = new WritableStream({
    write: (chunk) => scheduler.wait(1).then(() => seen.push(chunk)),
    close: () => void seen.push("closed"),
  }, { highWaterMark: 1 });
  const writer = stream.getWriter();
  assert.is(writer.desiredSize, 1);
  writer.write(1);
  assert.is(writer.desiredSize, 0);
  await writer.ready;
  writer.write(2);
  await writer.close();
  await writer.closed;
  assert.same(seen, [1, 2, "closed"]);
});

test("a sink's error", async () => {
  const writer = new WritableStream({ write: () => Promise.reject(new RangeError("on purpose")) }).getWriter();
  await assert.rejects(writer.write(1), RangeError);
  await assert.rejects(writer.write(2), RangeError);
  await assert.rejects(writer.closed, RangeError);
  await assert.rejects(writer.ready, RangeError);
});

test("transforms, chained", async () => {
  const upper = new TransformStream({
    transform: (chunk, controller) => controller.enqueue(chunk.toUpperCase()),
    flush: (controller) => controller.enqueue("!"),
  });
  const twice = new TransformStream({ transform: (chunk, controller) => (controller.enqueue(chunk), controller.enqueue(chunk)) });
  assert.same(await collect(source("a", "b").pipeThrough(upper).pipeThrough(twice)), ["A", "A", "B", "B", "!", "!"]);
});

test("pipeTo carries ends, errors and aborts", async () => {
  const seen = [];
  const sink = () => new WritableStream({ write: (chunk) => void seen.push(chunk), close: () => void seen.push("close"), abort: (reason) => void seen.push(`abort ${reason.name ?? reason}`) });
  await source(1, 2).pipeTo(sink());
  const failing = new ReadableStream({ pull: (controller) => controller.error(new RangeError("on purpose")) });
  await assert.rejects(failing.pipeTo(sink()), RangeError);
  await assert.rejects(source(1).pipeTo(sink(), { signal: AbortSignal.abort() }), "AbortError");
  assert.same(seen, [1, 2, "close", "abort RangeError", "abort AbortError"]);
});

test("strategies", () => {
  assert.is(new CountQueuingStrategy({ highWaterMark: 3 }).size("anything"), 1);
  assert.is(new ByteLengthQueuingStrategy({ highWaterMark: 3 }).size(bytes(1, 2)), 2);
  assert.throws(() => new ReadableStream({}, { highWaterMark: -1 }), RangeError);
  assert.throws(() => new ReadableStream({ type: "bytes" }, { size: () => 1 }), RangeError);
});
