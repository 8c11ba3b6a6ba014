// CompressionStream and DecompressionStream. Compression Standard (https://compression.spec.whatwg.org/)
//
// Two departures, for which docs/decisions/compression-streams.md has the reasons. By the standard the
// readable side holds nothing, so a write waits for a read; here it holds OUTPUT_AHEAD_BYTES, so a program
// may write all of a small input before it reads. And by the standard everything that a chunk yields is
// enqueued at once; here a chunk that yields more waits for the reader in between, so that a decompression
// bomb costs what is read of it.

const {
  PromisePrototypeThen, TypedArrayPrototypeGetByteLength, Uint32Array, Uint8Array,
} = internal.primordials;
const { webidl } = internal;
const { converters } = webidl;
const { createTransform, transformBackpressure, transformEnqueue } = internal.streams;

// Bytes of output that may wait in the readable side before a write waits for the reader. Each chunk of it is
// a Uint8Array that counts against the tenant's memory_mb until it is collected.
const OUTPUT_AHEAD_BYTES = 256 << 10;

const convertFormat = webidl.createEnumConverter("CompressionFormat", ["brotli", "deflate", "deflate-raw", "gzip", "zstd"]);

const empty = new Uint8Array(0);
// Written by ops.compressionStep: bytes consumed, and 1 if there is more output.
const progress = new Uint32Array(2);

// The two streams around a native coder, which exists from the first chunk to the end.
function createCoder(name, format, decompress) {
  let coder = null;

  // Gives the coder the rest of a chunk. Returns a promise if the output has to wait for the reader.
  function run(chunk, offset, finish, controller) {
    for (;;) {
      const output = ops.compressionStep(coder, chunk, offset, finish, progress);
      offset += progress[0];
      const more = progress[1] !== 0;
      if (output !== undefined) transformEnqueue(controller, output);
      if (!more) return undefined;
      // The end does not wait: the coder holds a bounded rest, and a reader that cancels would never end the
      // wait.
      const room = finish ? null : transformBackpressure(controller);
      if (room !== null) return PromisePrototypeThen(room, () => run(chunk, offset, finish, controller));
    }
  }

  return createTransform(
    (chunk, controller) => {
      converters.BufferSource(chunk, name, "The chunk");
      coder ??= ops.compressionNew(format, decompress);
      return run(chunk, 0, false, controller);
    },
    (controller) => {
      coder ??= ops.compressionNew(format, decompress);
      return run(empty, 0, true, controller);
    },
    () => {
      if (coder !== null) ops.compressionFree(coder);
    },
    1, null, OUTPUT_AHEAD_BYTES, TypedArrayPrototypeGetByteLength,
  );
}

class CompressionStream {
  #pair;

  constructor(format) {
    const prefix = "Failed to construct 'CompressionStream'";
    webidl.requiredArguments(arguments.length, 1, prefix);
    this.#pair = createCoder("CompressionStream", convertFormat(format, prefix, "Argument 1"), false);
  }

  get readable() {
    return this.#pair.readable;
  }

  get writable() {
    return this.#pair.writable;
  }
}
webidl.configureInterface(CompressionStream);

class DecompressionStream {
  #pair;

  constructor(format) {
    const prefix = "Failed to construct 'DecompressionStream'";
    webidl.requiredArguments(arguments.length, 1, prefix);
    this.#pair = createCoder("DecompressionStream", convertFormat(format, prefix, "Argument 1"), true);
  }

  get readable() {
    return this.#pair.readable;
  }

  get writable() {
    return this.#pair.writable;
  }
}
webidl.configureInterface(DecompressionStream);

internal.expose({ CompressionStream, DecompressionStream });
