// CompressionStream and DecompressionStream. Compression Standard (https://compression.spec.whatwg.org/)
//
// The standard puts all that a chunk gives into the queue at once. Here a chunk that gives much waits for its reader in
// between, so that a bomb costs what is read of it and not what is in it; nobody who reads can tell.

const {
  PromisePrototypeThen, TypedArrayPrototypeGetByteLength, Uint32Array, Uint8Array,
} = internal.primordials;
const { webidl } = internal;
const { converters } = webidl;
const { createTransform, transformBackpressure, transformEnqueue } = internal.streams;

// What one chunk may give before somebody has to want it.
const AHEAD_BYTES = 1 << 20;

const convertFormat = webidl.createEnumConverter("CompressionFormat", ["brotli", "deflate", "deflate-raw", "gzip", "zstd"]);

const empty = new Uint8Array(0);
// What ops.compressionStep says: bytes consumed, and whether there is more to come.
const said = new Uint32Array(2);

// A pair of streams around a coder, which exists from the first chunk to the end.
function createCoder(name, format, decompress) {
  let coder = null;

  // Gives the coder what is left of a chunk; a promise if that has to wait for the reader.
  function run(chunk, offset, finish, controller, ahead) {
    for (;;) {
      const output = ops.compressionStep(coder, chunk, offset, finish, said);
      offset += said[0];
      const more = said[1] !== 0;
      if (output !== undefined) {
        transformEnqueue(controller, output);
        ahead += TypedArrayPrototypeGetByteLength(output);
      }
      if (!more) return undefined;
      if (ahead < AHEAD_BYTES) continue;
      const room = transformBackpressure(controller);
      if (room === null) {
        ahead = 0;
        continue;
      }
      return PromisePrototypeThen(room, () => run(chunk, offset, finish, controller, 0));
    }
  }

  return createTransform(
    (chunk, controller) => {
      converters.BufferSource(chunk, name, "The chunk");
      coder ??= ops.compressionNew(format, decompress);
      return run(chunk, 0, false, controller, 0);
    },
    (controller) => {
      coder ??= ops.compressionNew(format, decompress);
      return run(empty, 0, true, controller, 0);
    },
    () => {
      if (coder !== null) ops.compressionFree(coder);
    },
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
