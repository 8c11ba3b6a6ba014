// Bodies and the Body mixin (Fetch Standard section 2.2.4, section 5.3).
//
// A body keeps its source as it was given (a string stays a string) and becomes a stream only when somebody
// asks for `body`. So an answer of text is neither encoded nor streamed in JavaScript. Knows Request and
// Response only through the functions that they hand to `mixinBody`.

const {
  ArrayBufferIsView,
  ArrayPrototypePush,
  JSONParse,
  ObjectDefineProperty,
  ObjectGetOwnPropertyDescriptor,
  Promise,
  PromisePrototypeThen,
  PromiseReject,
  PromiseResolve,
  StringPrototypeSlice,
  StringPrototypeToWellFormed,
  TypeError,
  TypedArrayPrototypeGetBuffer,
  TypedArrayPrototypeGetByteLength,
  TypedArrayPrototypeGetSymbolToStringTag,
  Uint8Array,
  hideObjectPrototype,
} = internal.primordials;
const webidl = internal.webidl;
const { converters } = webidl;
const { copyBytes, utf8Decode } = internal.encoding;
const { loaded } = internal;

// The kinds of a body's source.
const STRING = 0;
// A Uint8Array that nobody else can change.
const BYTES = 1;
const BLOB = 2;
// Nothing but the stream itself.
const STREAM = 3;
// An incoming request's body: the request's id.
const INCOMING = 4;
// A body of the network: the source of its stream, which can also `readAll()`.
const NETWORK = 5;

// Larger bodies made of several pieces are sent piece by piece.
const CONCATENATE_BYTES_MAX = 256 * 1024;

// A body (section 2.2.4). Its length is not kept: it is that of the source.
const InnerBody = hideObjectPrototype(class InnerBody {
  constructor(kind, source, stream) {
    this.kind = kind;
    this.source = source;
    // null: not asked for yet
    this.stream = stream;
    // Consumed without a stream ever having been made, or handed over to another object.
    this.used = false;
    // The source belongs to a clone too.
    this.shared = false;
  }
});

// ---------------------------------------------------------------------------------------------------------------------
// BodyInit

// Whether a value is of one of the interfaces that a BodyInit may be of. What was never loaded has no
// objects.
function isOfPlatform(V) {
  return loaded.streams?.isReadableStream(V) || loaded.file?.isBlob(V) || loaded.formData?.isFormData(V) ||
    loaded.searchParams?.isURLSearchParams(V);
}

// The conversion to BodyInit, by type of the argument; objects and strings come back as they are. A string is
// made well-formed by whoever reads it: encoding it does so, and most are only ever sent. section 5.2
function convertBodyInit(V, prefix, context) {
  if (typeof V === "string") return V;
  if (typeof V === "object" && V !== null) {
    if (isOfPlatform(V)) return V;
    if (ArrayBufferIsView(V) || webidl.isArrayBuffer(V)) return converters.BufferSource(V, prefix, context);
  }
  return converters.USVString(V, prefix, context);
}

// The type that goes with the body extracted last, or null.
let extractedType = null;

function takeExtractedType() {
  return extractedType;
}

// "extract a body" from a converted BodyInit; its type is left for takeExtractedType(). section 5.2
function extractBody(object, prefix) {
  if (typeof object === "string") {
    extractedType = "text/plain;charset=UTF-8";
    return new InnerBody(STRING, object, null);
  }
  if (loaded.streams?.isReadableStream(object)) {
    extractedType = null;
    if (internal.streams.isDisturbed(object) || internal.streams.isLocked(object)) {
      throw new TypeError(`${prefix}: the body's stream is locked, or has been read from already.`);
    }
    return new InnerBody(STREAM, null, object);
  }
  if (loaded.file?.isBlob(object)) {
    extractedType = loaded.file.getType(object) || null;
    return new InnerBody(BLOB, object, null);
  }
  if (loaded.formData?.isFormData(object)) {
    const { blob, type } = internal.formData.serializeMultipart(internal.formData.getEntries(object));
    extractedType = type;
    return new InnerBody(BLOB, blob, null);
  }
  if (loaded.searchParams?.isURLSearchParams(object)) {
    extractedType = "application/x-www-form-urlencoded;charset=UTF-8";
    const { getParamsList, serializeUrlEncoded } = internal.searchParams;
    return new InnerBody(STRING, serializeUrlEncoded(getParamsList(object)), null);
  }
  extractedType = null;
  return new InnerBody(BYTES, copyBytes(object), null);
}

function makeStringBody(string) {
  return new InnerBody(STRING, string, null);
}

// Over bytes that nobody else can reach.
function makeBytesBody(bytes) {
  return new InnerBody(BYTES, bytes, null);
}

function makeIncomingBody(id) {
  return new InnerBody(INCOMING, id, null);
}

function makeNetworkBody(source) {
  return new InnerBody(NETWORK, source, null);
}

// ---------------------------------------------------------------------------------------------------------------------
// Streams of bodies

// A native source of one chunk.
function makeBytesSource(getBytes) {
  let done = false;
  return {
    __proto__: null,
    pull() {
      if (done) return null;
      done = true;
      const bytes = getBytes();
      return TypedArrayPrototypeGetByteLength(bytes) === 0 ? null : bytes;
    },
    cancel() {
      done = true;
    },
  };
}

// The source of an incoming request's body. `requestId` tells the native side which body it is, so that one
// that is passed on untouched need not come through JavaScript.
const IncomingSource = hideObjectPrototype(class IncomingSource {
  constructor(id) {
    this.requestId = id;
    this.fetchId = undefined;
  }

  pull() {
    return ops.bodyRead(this.requestId);
  }

  cancel() {
    ops.bodyCancel(this.requestId);
  }

  // The rest as one Uint8Array, or a promise of it.
  readAll() {
    return ops.bodyReadAll(this.requestId);
  }
});

// The body's stream, made when first asked for.
function bodyStream(body) {
  if (body.stream !== null) return body.stream;
  const { createNativeReadableStream } = internal.streams;
  const { source } = body;
  if (body.used) {
    // It was read without a stream: what is left is one that has been read to its end by a reader that still
    // has it.
    const stream = createNativeReadableStream(makeBytesSource(() => new Uint8Array(0)));
    internal.streams.cancelWithReader(stream);
    return body.stream = stream;
  }
  switch (body.kind) {
    case STRING:
      return body.stream = createNativeReadableStream(makeBytesSource(() => ops.utf8Encode(source)));
    case BYTES:
      return body.stream = createNativeReadableStream(makeBytesSource(() => body.shared ? copyBytes(source) : source));
    case BLOB:
      return body.stream = internal.file.blobStream(source);
    case NETWORK:
      return body.stream = createNativeReadableStream(source);
    default:
      return body.stream = createNativeReadableStream(new IncomingSource(source));
  }
}

// "unusable", also where no stream was made. section 5.3
function isUnusable(body) {
  if (body.used) return true;
  const { stream } = body;
  return stream !== null && (internal.streams.isDisturbed(stream) || internal.streams.isLocked(stream));
}

function isUsed(body) {
  return body.used || (body.stream !== null && internal.streams.isDisturbed(body.stream));
}

// "clone a body": the new one; the old one may change its stream. section 2.2.4
function cloneBody(body) {
  if (body.stream === null && body.kind !== INCOMING && body.kind !== NETWORK) {
    const clone = new InnerBody(body.kind, body.source, null);
    body.shared = clone.shared = true;
    return clone;
  }
  const branches = internal.streams.readableStreamTee(bodyStream(body));
  body.kind = STREAM;
  body.source = null;
  body.stream = branches[0];
  return new InnerBody(STREAM, null, branches[1]);
}

// A stream of what `stream` would give, which is locked from then on. section 5.4, "create a proxy"
function createProxyStream(stream) {
  const source = internal.streams.takeNativeSource(stream);
  return source === undefined
    ? internal.streams.readableStreamProxy(stream)
    : internal.streams.createNativeReadableStream(source);
}

// The body moves to another object; the old one is left used.
function transferBody(body) {
  const moved = new InnerBody(body.kind, body.source, null);
  moved.shared = body.shared;
  if (body.stream !== null) {
    // A script that holds the old stream must find it locked.
    moved.kind = STREAM;
    moved.source = null;
    moved.stream = createProxyStream(body.stream);
  }
  body.used = true;
  return moved;
}

// For whoever sends the body: null, a string, a Uint8Array (not to be changed) or a ReadableStream. The body
// is used then. Who can move bytes past JavaScript (`native`) gets the source of a body that never was a
// stream, with its `requestId` or `fetchId`.
function takeBody(body, native = false) {
  if (body === null) return null;
  if (isUnusable(body)) throw new TypeError("The body has already been used, or its stream is locked.");
  if (body.stream !== null) return body.stream;
  switch (body.kind) {
    case STRING:
    case BYTES: {
      body.used = true;
      // A script that holds the object for longer does not hold its content.
      const { source } = body;
      body.source = null;
      return source;
    }
    case BLOB: {
      const { blobBytes, getChunks, getSize } = internal.file;
      const chunks = getChunks(body.source);
      if (chunks.length !== 1 && getSize(body.source) > CONCATENATE_BYTES_MAX) return bodyStream(body);
      body.used = true;
      return chunks.length === 1 ? chunks[0] : blobBytes(body.source);
    }
    default:
      if (!native) return bodyStream(body);
      body.used = true;
      return body.kind === NETWORK ? body.source : new IncomingSource(body.source);
  }
}

// The length in bytes where it is known and not that of a string or Uint8Array, or -1.
function bodyLength(body) {
  return body !== null && body.kind === BLOB ? internal.file.getSize(body.source) : -1;
}

// ---------------------------------------------------------------------------------------------------------------------
// Consuming. section 5.3

function isBytes(value) {
  return TypedArrayPrototypeGetSymbolToStringTag(value) === "Uint8Array";
}

// What `convert(bytes)` makes of all bytes of a stream, as a promise. Nothing on the way is resolved with an
// object, since a tenant's Object.prototype.then would get hold of it. section 2.2.4, "fully read"
function readStream(stream, convert) {
  return new Promise((resolve, reject) => {
    const chunks = [];
    internal.streams.readLoop(
      stream,
      (chunk) => {
        if (!isBytes(chunk)) throw new TypeError("A chunk of the body's stream is not a Uint8Array.");
        ArrayPrototypePush(chunks, chunk);
      },
      () => {
        try {
          resolve(convert(internal.file.concatenate(chunks)));
        } catch (error) {
          reject(error);
        }
      },
      reject,
    );
  });
}

// All bytes of a body without a stream, as a new Uint8Array or a promise of one. The body is usable, and used
// afterwards.
function readSource(body) {
  body.used = true;
  switch (body.kind) {
    case STRING:
      return ops.utf8Encode(body.source);
    case BYTES:
      return body.shared ? copyBytes(body.source) : body.source;
    case BLOB:
      return internal.file.blobBytes(body.source);
    case NETWORK:
      return body.source.readAll();
    default:
      return ops.bodyReadAll(body.source);
  }
}

// "package data" for formData(). section 5.3
function parseFormData(bytes, mimeType) {
  const essence = mimeType === null ? "" : mimeType.essence;
  if (essence === "multipart/form-data") {
    const boundary = internal.mime.getParameter(mimeType.parameters, "boundary");
    if (boundary === undefined) throw new TypeError("The Content-Type has no boundary.");
    return internal.formData.makeFormData(internal.formData.parseMultipart(bytes, boundary));
  }
  if (essence === "application/x-www-form-urlencoded") {
    return internal.formData.makeFormData(internal.searchParams.parseUrlEncoded(ops.utf8Decode(bytes, true, false)));
  }
  throw new TypeError("The Content-Type is neither multipart/form-data nor application/x-www-form-urlencoded.");
}

// Gives a class the members of Body. `getBody(object)` is its InnerBody or null, `getContentType(object)` the
// joined value of its Content-Type or null; both throw a TypeError for what is not of the class.
function mixinBody(Class, name, getBody, getContentType) {
  // "consume body": a promise of what `convert(bytes, object)` makes of it. Where the body is a string still,
  // and `convertText(string)` is given, that takes its place.
  function consume(object, method, convert, convertText) {
    try {
      const body = getBody(object);
      if (body === null) return PromiseResolve(convert(new Uint8Array(0), object));
      if (isUnusable(body)) {
        // A fetch that was aborted says so, however often it is asked.
        const ended = body.kind === NETWORK ? body.source.failure : null;
        return PromiseReject(ended !== null ? ended.reason : new TypeError(
          `Failed to execute '${method}' on '${name}': the body has already been used, or its stream is locked.`,
        ));
      }
      if (body.stream !== null) return readStream(body.stream, (bytes) => convert(bytes, object));
      if (body.kind === STRING && convertText !== undefined) {
        body.used = true;
        const source = StringPrototypeToWellFormed(body.source);
        return PromiseResolve(convertText(source[0] === "\ufeff" ? StringPrototypeSlice(source, 1) : source));
      }
      const bytes = readSource(body);
      return isBytes(bytes)
        ? PromiseResolve(convert(bytes, object))
        : PromisePrototypeThen(bytes, (bytes) => convert(bytes, object));
    } catch (error) {
      return PromiseReject(error);
    }
  }

  function mimeTypeOf(object) {
    return internal.mime.extractMimeType(getContentType(object));
  }

  const toBuffer = (bytes) => TypedArrayPrototypeGetBuffer(bytes);
  const toBytes = (bytes) => bytes;
  const toBlob = (bytes, object) => {
    const mimeType = mimeTypeOf(object);
    return internal.file.makeBlob(
      TypedArrayPrototypeGetByteLength(bytes) === 0 ? [] : [bytes],
      mimeType === null ? "" : internal.mime.serializeMimeType(mimeType),
    );
  };
  const toFormData = (bytes, object) => parseFormData(bytes, mimeTypeOf(object));
  const toJson = (bytes) => JSONParse(utf8Decode(bytes));
  const toText = (bytes) => utf8Decode(bytes);
  const textToJson = (text) => JSONParse(text);
  const textToText = (text) => text;

  const members = {
    __proto__: null,
    get body() {
      const body = getBody(this);
      return body === null ? null : bodyStream(body);
    },
    get bodyUsed() {
      const body = getBody(this);
      return body !== null && isUsed(body);
    },
    arrayBuffer() {
      return consume(this, "arrayBuffer", toBuffer, undefined);
    },
    blob() {
      return consume(this, "blob", toBlob, undefined);
    },
    bytes() {
      return consume(this, "bytes", toBytes, undefined);
    },
    formData() {
      return consume(this, "formData", toFormData, undefined);
    },
    json() {
      return consume(this, "json", toJson, textToJson);
    },
    text() {
      return consume(this, "text", toText, textToText);
    },
  };
  const names = ["body", "bodyUsed", "arrayBuffer", "blob", "bytes", "formData", "json", "text"];
  for (let i = 0; i < names.length; i++) {
    const descriptor = ObjectGetOwnPropertyDescriptor(members, names[i]);
    descriptor.__proto__ = null;
    ObjectDefineProperty(Class.prototype, names[i], descriptor);
  }
}

internal.body = {
  __proto__: null,
  bodyLength,
  cloneBody,
  convertBodyInit,
  extractBody,
  isUnusable,
  makeBytesBody,
  makeIncomingBody,
  makeNetworkBody,
  makeStringBody,
  mixinBody,
  takeBody,
  takeExtractedType,
  transferBody,
};
