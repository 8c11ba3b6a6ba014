// Blob (File API section 3) and the store of blob URLs (section 8).
//
// A Blob is a list of Uint8Arrays that nobody else can reach, so slices and Blobs made of Blobs share them
// without copying; whatever is handed out is a copy. Knows nothing of files' names.

const {
  ArrayBufferIsView,
  ArrayBufferPrototypeSlice,
  ArrayPrototypePush,
  Map,
  MapPrototypeDelete,
  MapPrototypeGet,
  MapPrototypeSet,
  NumberPrototypeToString,
  PromiseReject,
  PromiseResolve,
  StringPrototypeCharCodeAt,
  StringPrototypeSlice,
  StringPrototypeToLowerCase,
  SymbolIterator,
  TypeError,
  TypedArrayPrototypeGetBuffer,
  TypedArrayPrototypeGetByteOffset,
  TypedArrayPrototypeGetLength,
  TypedArrayPrototypeSet,
  TypedArrayPrototypeSubarray,
  Uint8Array,
} = internal.primordials;
const webidl = internal.webidl;
const { converters } = webidl;
const { copyBytes } = internal.encoding;

// The most bytes of one pull of a Blob's stream: large enough that the cost for each chunk vanishes, small
// enough for memory.
const STREAM_CHUNK_BYTES_MAX = 64 * 1024;

// "convert line endings to native": the native one is LF. section 3.1
function convertLineEndings(string) {
  let output = "";
  let start = 0;
  for (let i = 0; i < string.length; i++) {
    if (StringPrototypeCharCodeAt(string, i) !== 13) continue;
    output += `${StringPrototypeSlice(string, start, i)}\n`;
    if (i + 1 < string.length && StringPrototypeCharCodeAt(string, i + 1) === 10) i++;
    start = i + 1;
  }
  return start === 0 ? string : output + StringPrototypeSlice(string, start);
}

// A type as Blob keeps it: ASCII without controls, in lower case; anything else is "no type". section 3.2
function normalizeType(type) {
  for (let i = 0; i < type.length; i++) {
    const unit = StringPrototypeCharCodeAt(type, i);
    if (unit < 0x20 || unit > 0x7e) return "";
  }
  return StringPrototypeToLowerCase(type);
}

// (BufferSource or Blob or USVString)
function convertBlobPart(V, prefix, context) {
  if (typeof V === "object" && V !== null) {
    if (isBlob(V)) return V;
    if (ArrayBufferIsView(V) || webidl.isArrayBuffer(V)) {
      return converters.BufferSource(V, prefix, context, { __proto__: null, allowResizable: true });
    }
  }
  return converters.USVString(V, prefix, context);
}

const convertEndings = webidl.createEnumConverter("EndingType", ["transparent", "native"]);
const blobPropertyBagMembers = [
  { __proto__: null, key: "endings", converter: convertEndings, defaultValue: "transparent" },
  { __proto__: null, key: "type", converter: converters.DOMString, defaultValue: "" },
];
const convertBlobPropertyBag = webidl.createDictionaryConverter("BlobPropertyBag", blobPropertyBagMembers);

// sequence<BlobPart>, for which any object will do in an error's message.
function convertBlobParts(V, prefix) {
  if (!webidl.isObject(V)) throw new TypeError(`${prefix}: Argument 1 is not a sequence.`);
  const method = V[SymbolIterator];
  if (method === undefined || method === null) throw new TypeError(`${prefix}: Argument 1 is not a sequence.`);
  return webidl.createSequenceFromIterable(V, method, convertBlobPart, prefix, "Argument 1");
}

// "process blob parts": a list of Uint8Arrays of our own. section 3.1
function processBlobParts(parts, endings) {
  const chunks = [];
  for (let i = 0; i < parts.length; i++) {
    const part = parts[i];
    if (typeof part === "string") {
      if (part !== "") {
        ArrayPrototypePush(chunks, ops.utf8Encode(endings === "native" ? convertLineEndings(part) : part));
      }
    } else if (isBlob(part)) {
      const theirs = getChunks(part);
      for (let j = 0; j < theirs.length; j++) ArrayPrototypePush(chunks, theirs[j]);
    } else {
      ArrayPrototypePush(chunks, copyBytes(part));
    }
  }
  return chunks;
}

function chunksLength(chunks) {
  let length = 0;
  for (let i = 0; i < chunks.length; i++) length += TypedArrayPrototypeGetLength(chunks[i]);
  return length;
}

// One Uint8Array that is a copy of all chunks.
function concatenate(chunks) {
  if (chunks.length === 1) return copyBytes(chunks[0]);
  const bytes = new Uint8Array(chunksLength(chunks));
  let at = 0;
  for (let i = 0; i < chunks.length; i++) {
    TypedArrayPrototypeSet(bytes, chunks[i], at);
    at += TypedArrayPrototypeGetLength(chunks[i]);
  }
  return bytes;
}

// The chunks between two offsets, sharing memory.
function sliceChunks(chunks, start, end) {
  const slices = [];
  let at = 0;
  for (let i = 0; i < chunks.length && at < end; i++) {
    const length = TypedArrayPrototypeGetLength(chunks[i]);
    const from = start > at ? start - at : 0;
    const to = end - at < length ? end - at : length;
    if (from < to) ArrayPrototypePush(slices, TypedArrayPrototypeSubarray(chunks[i], from, to));
    at += length;
  }
  return slices;
}

const constructorKey = webidl.constructorKey;

let isBlob, getChunks, getSize, getType, copyBuffer;

// The options of a conversion that clamps.
const clamp = { __proto__: null, clamp: true };
const SLICE_PREFIX = "Failed to execute 'slice' on 'Blob'";

// [Clamp] long long
function convertOffset(value, context) {
  return typeof value === "number" && (value | 0) === value ? value | 0 : converters["long long"](value, SLICE_PREFIX, context, clamp);
}

// The first argument of the constructor when makeBlob() and slice() call it.
class State {
  constructor(chunks, start, size, type) {
    this.chunks = chunks;
    this.start = start;
    this.size = size;
    this.type = type;
  }
}
internal.primordials.hideObjectPrototype(State);

class Blob {
  #chunks;
  // Where the Blob begins in its chunks, while they are still those of the one that it is a slice of; -1:
  // they are its own.
  #start = -1;
  #size;
  #type;

  static {
    isBlob = (value) => typeof value === "object" && value !== null && #chunks in value;
    getChunks = (blob) => {
      const start = blob.#start;
      if (start !== -1) {
        blob.#chunks = sliceChunks(blob.#chunks, start, start + blob.#size);
        blob.#start = -1;
      }
      return blob.#chunks;
    };
    getSize = (blob) => blob.#size;
    getType = (blob) => blob.#type;
    // The bytes in an ArrayBuffer of their own.
    copyBuffer = (blob) => {
      const chunks = blob.#chunks;
      if (chunks.length !== 1) return TypedArrayPrototypeGetBuffer(concatenate(getChunks(blob)));
      const start = TypedArrayPrototypeGetByteOffset(chunks[0]) + (blob.#start === -1 ? 0 : blob.#start);
      return ArrayBufferPrototypeSlice(TypedArrayPrototypeGetBuffer(chunks[0]), start, start + blob.#size);
    };
  }

  constructor(blobParts = undefined, options = undefined) {
    if (blobParts === constructorKey) {
      // A State, or from File what it has converted: { chunks, type }.
      this.#chunks = options.chunks;
      this.#type = options.type;
      if (options.start === undefined) {
        this.#size = chunksLength(options.chunks);
      } else {
        this.#start = options.start;
        this.#size = options.size;
      }
      return;
    }
    const prefix = "Failed to construct 'Blob'";
    const parts = blobParts === undefined ? [] : convertBlobParts(blobParts, prefix);
    const bag = convertBlobPropertyBag(options, prefix, "Argument 2");
    const chunks = processBlobParts(parts, bag.endings);
    this.#chunks = chunks;
    this.#size = chunksLength(chunks);
    this.#type = normalizeType(bag.type);
  }

  get size() {
    return this.#size;
  }

  get type() {
    return this.#type;
  }

  slice(start = undefined, end = undefined, contentType = undefined) {
    const size = this.#size;
    start = start === undefined ? 0 : convertOffset(start, "Argument 1");
    end = end === undefined ? size : convertOffset(end, "Argument 2");
    const type = contentType === undefined
      ? ""
      : normalizeType(converters.DOMString(contentType, SLICE_PREFIX, "Argument 3"));
    // section 3.3.1, "slice blob"
    const from = start < 0 ? (size + start > 0 ? size + start : 0) : start < size ? start : size;
    const to = end < 0 ? (size + end > 0 ? size + end : 0) : end < size ? end : size;
    return from < to
      ? new Blob(constructorKey, new State(this.#chunks, from + (this.#start === -1 ? 0 : this.#start), to - from, type))
      : makeBlob([], type);
  }

  stream() {
    return blobStream(getChunks(this));
  }

  text() {
    try {
      return PromiseResolve(blobText(this));
    } catch (error) {
      return PromiseReject(error);
    }
  }

  arrayBuffer() {
    try {
      return PromiseResolve(copyBuffer(this));
    } catch (error) {
      return PromiseReject(error);
    }
  }

  bytes() {
    try {
      return PromiseResolve(concatenate(getChunks(this)));
    } catch (error) {
      return PromiseReject(error);
    }
  }
}
webidl.configureInterface(Blob);

// A Blob over chunks that nobody else can reach.
function makeBlob(chunks, type) {
  return new Blob(constructorKey, new State(chunks, -1, chunksLength(chunks), type));
}

// All bytes as one new Uint8Array; TypeError if it is not a Blob.
function blobBytes(blob) {
  return concatenate(getChunks(blob));
}

// All bytes, UTF-8 decoded.
function blobText(blob) {
  const chunks = getChunks(blob);
  return ops.utf8Decode(chunks.length === 1 ? chunks[0] : concatenate(chunks), false, false);
}

// "get stream": a byte stream of copies. section 3.2
function blobStream(chunks) {
  let index = 0;
  let offset = 0;
  return internal.streams.createNativeReadableStream({
    __proto__: null,
    pull() {
      while (index < chunks.length && offset >= TypedArrayPrototypeGetLength(chunks[index])) {
        index++;
        offset = 0;
      }
      if (index === chunks.length) return null;
      const chunk = chunks[index];
      const rest = TypedArrayPrototypeGetLength(chunk) - offset;
      const end = offset + (rest < STREAM_CHUNK_BYTES_MAX ? rest : STREAM_CHUNK_BYTES_MAX);
      const copy = copyBytes(TypedArrayPrototypeSubarray(chunk, offset, end));
      offset = end;
      return copy;
    },
    cancel() {
      index = chunks.length;
      offset = 0;
    },
  });
}

// ---------------------------------------------------------------------------------------------------------------------
// Blob URLs. section 8

// blob URL -> Blob; made when first needed.
let blobUrlStore;

const byteHex = (byte) => (byte < 16 ? "0" : "") + NumberPrototypeToString(byte, 16);

// A version 4 UUID. RFC 9562 section 5.4
function randomUUID() {
  const bytes = new Uint8Array(16);
  ops.randomBytes(bytes);
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  let uuid = "";
  for (let i = 0; i < 16; i++) {
    if (i === 4 || i === 6 || i === 8 || i === 10) uuid += "-";
    uuid += byteHex(bytes[i]);
  }
  return uuid;
}

function createObjectURL(blob) {
  if (!isBlob(blob)) {
    throw new TypeError("Failed to execute 'createObjectURL' on 'URL': Argument 1 is not of type 'Blob'.");
  }
  const url = `blob:null/${randomUUID()}`;
  MapPrototypeSet(blobUrlStore ??= new Map(), url, blob);
  return url;
}

function revokeObjectURL(url) {
  if (blobUrlStore !== undefined) MapPrototypeDelete(blobUrlStore, url);
}

// The Blob behind a serialized blob URL, or undefined.
function resolveObjectURL(url) {
  return blobUrlStore === undefined ? undefined : MapPrototypeGet(blobUrlStore, internal.url.withoutFragment(url));
}

internal.file = {
  __proto__: null,
  Blob,
  // For who prints one.
  blobAttributes: webidl.takeAttributes(Blob, ["size", "type"]),
  blobBytes,
  blobPropertyBagMembers,
  blobStream: (blob) => blobStream(getChunks(blob)),
  concatenate,
  convertBlobParts,
  getChunks,
  getSize,
  getType,
  isBlob,
  makeBlob,
  normalizeType,
  processBlobParts,
  resolveObjectURL,
};
internal.hooks.blobUrls = { __proto__: null, create: createObjectURL, revoke: revokeObjectURL };
internal.expose({ Blob });
