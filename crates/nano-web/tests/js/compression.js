// CompressionStream and DecompressionStream.

const formats = ["gzip", "deflate", "deflate-raw", "brotli", "zstd"];

const through = (transform, ...chunks) => collect(streamOf(...chunks).pipeThrough(transform));
const join = (chunks) => {
  const all = new Uint8Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0));
  let at = 0;
  for (const chunk of chunks) {
    all.set(chunk, at);
    at += chunk.length;
  }
  return all;
};

for (const format of formats) {
  test(`${format} there and back`, async () => {
    const data = new Uint8Array(300_000).map((_, index) => (index * index) >> 7);
    const compressed = await through(new CompressionStream(format), data.subarray(0, 1000), data.subarray(1000).slice().buffer, new Uint8Array(0));
    const back = join(await through(new DecompressionStream(format), ...compressed));
    assert.is(back.length, data.length);
    assert(back.every((byte, index) => byte === data[index]));
  });

  test(`${format}: what is broken is a TypeError on both sides`, async () => {
    await assert.rejects(through(new DecompressionStream(format)), TypeError);
    const good = join(await through(new CompressionStream(format), bytes(1, 2, 3)));
    await assert.rejects(through(new DecompressionStream(format), good.subarray(0, good.length - 1)), TypeError);
    await assert.rejects(through(new DecompressionStream(format), good, bytes(0)), TypeError);
    await assert.rejects(through(new DecompressionStream(format), "text"), TypeError);
  });

  test(`${format}: a bomb costs what is read of it`, async () => {
    const zeros = new Uint8Array(1 << 20);
    const bomb = join(await through(new CompressionStream(format), ...Array(64).fill(zeros)));
    const reader = streamOf(bomb).pipeThrough(new DecompressionStream(format)).getReader();
    // 64 MiB would not fit into the 10 that this isolate's buffers may take.
    let length = 0;
    for (let reads = 0; reads < 100; reads++) length += (await reader.read()).value.length;
    assert(length > 1 << 20 && length < 16 << 20, String(length));
    await reader.cancel();
  });
}

test("constructors", () => {
  assert.throws(() => new CompressionStream(), TypeError);
  assert.throws(() => new CompressionStream("GZIP"), TypeError);
  assert.throws(() => CompressionStream("gzip"), TypeError);
  assert.is(Object.prototype.toString.call(new DecompressionStream("gzip")), "[object DecompressionStream]");
  const stream = new CompressionStream("gzip");
  assert.is(stream.readable, stream.readable);
  assert(stream.writable instanceof WritableStream);
});

// Bytes that no format makes shorter.
const noise = (length) => {
  const data = new Uint8Array(length);
  for (let at = 0; at < length; at += 1 << 16) crypto.getRandomValues(data.subarray(at, at + (1 << 16)));
  return data;
};
const OUTPUT_AHEAD_BYTES = 256 << 10;

for (const format of formats) {
  test(`${format}: a program may write everything before it reads`, async () => {
    const data = noise(100_000);
    const compression = new CompressionStream(format);
    let writer = compression.writable.getWriter();
    await writer.write(data);
    await writer.close();
    const compressed = await new Response(compression.readable).bytes();
    const decompression = new DecompressionStream(format);
    writer = decompression.writable.getWriter();
    await writer.ready;
    await writer.write(compressed);
    await writer.close();
    const back = await new Response(decompression.readable).bytes();
    assert.is(back.length, data.length);
    assert(back.every((byte, index) => byte === data[index]));
  });

  test(`${format}: beyond OUTPUT_AHEAD_BYTES a write waits for a read`, async () => {
    const chunkBytes = 1 << 16;
    const compression = new CompressionStream(format);
    const writer = compression.writable.getWriter();
    let writes = 0;
    const writing = (async () => {
      for (; writes < 32; writes++) await writer.write(noise(chunkBytes));
      await writer.close();
    })();
    await scheduler.wait(10);
    // The coder itself keeps some of its input, Brotli's a megabyte and more.
    const before = writes * chunkBytes;
    assert(before >= OUTPUT_AHEAD_BYTES / 2 && writes < 32, String(before));
    const reader = compression.readable.getReader();
    while (writes * chunkBytes <= before) assert(!(await reader.read()).done);
    while (!(await reader.read()).done);
    await writing;
    assert.is(writes, 32);
  });
}

test("a reader that cancels ends a close() that has much output left", async () => {
  // Brotli keeps these digits until the end, and then makes more of them than OUTPUT_AHEAD_BYTES.
  const digits = noise(640_000);
  for (let i = 0; i < digits.length; i++) digits[i] = 48 + (digits[i] & 15);
  const stream = new CompressionStream("brotli");
  const writer = stream.writable.getWriter();
  const written = writer.write(digits).then(() => "written", () => "failed");
  const closed = writer.close().then(() => "closed", () => "failed");
  await written;
  await scheduler.wait(10);
  await stream.readable.cancel();
  await closed;
});

test("output that nobody reads is given back", async () => {
  // Each stream holds 256 KiB of the 10 MiB that this isolate's buffers may take.
  const data = noise(OUTPUT_AHEAD_BYTES);
  for (let i = 0; i < 200; i++) {
    const stream = new CompressionStream("deflate-raw");
    const writer = stream.writable.getWriter();
    await writer.write(data);
    if (i % 2 === 0) await stream.readable.cancel();
  }
});

test("many streams, forgotten half-way", async () => {
  for (let i = 0; i < 500; i++) {
    const writer = new CompressionStream("gzip").writable.getWriter();
    writer.write(bytes(1, 2, 3)).catch(() => {});
    if (i % 50 === 0) await Promise.resolve();
  }
});
