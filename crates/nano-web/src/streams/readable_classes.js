// ReadableStream and its readers as scripts see them. Streams section 4.2 to section 4.5

const {
  ArrayBufferPrototypeGetByteLength,
  ObjectDefineProperty,
  PromisePrototypeThen,
  PromiseReject,
  PromiseResolve,
  PromiseWithResolvers,
  RangeError,
  SymbolAsyncIterator,
  TypeError,
  hideObjectPrototype,
} = internal.primordials;
const webidl = internal.webidl;
const { converters, isObject } = webidl;
const streams = internal.streams;
const {
  AcquireReadableStreamBYOBReader,
  AcquireReadableStreamDefaultReader,
  ByteControllerState,
  DefaultControllerState,
  ExtractHighWaterMark,
  ExtractSizeAlgorithm,
  IsReadableStreamLocked,
  IsWritableStreamLocked,
  ReadableStreamBYOBReaderRead,
  ReadableStreamCancel,
  ReadableStreamDefaultReaderRead,
  ReadableStreamFromIterable,
  ReadableStreamPipeTo,
  ReadableStreamReaderGenericCancel,
  ReadableStreamReaderRelease,
  ReadableStreamState,
  ReadableStreamTee,
  ReaderState,
  SetUpReadableByteStreamController,
  SetUpReadableStreamDefaultController,
  SetUpReadableStreamReader,
  UserSource,
  createReadResult,
  createReadableStreamAsyncIterator,
  getByteLength,
  getViewType,
  getWritableState,
  isDetachedBuffer,
  isWritableStream,
  noop,
  resolved,
  setPromiseIsHandledToTrue,
} = streams;

const enforceRange = { __proto__: null, enforceRange: true };

const convertUnderlyingSource = webidl.createDictionaryConverter("UnderlyingSource", [
  { key: "start", converter: converters.Function },
  { key: "pull", converter: converters.Function },
  { key: "cancel", converter: converters.Function },
  { key: "type", converter: webidl.createEnumConverter("ReadableStreamType", ["bytes"]) },
  { key: "autoAllocateChunkSize", converter: webidl.withOptions(converters["unsigned long long"], enforceRange) },
]);
const convertGetReaderOptions = webidl.createDictionaryConverter("ReadableStreamGetReaderOptions", [
  { key: "mode", converter: webidl.createEnumConverter("ReadableStreamReaderMode", ["byob"]) },
]);
const convertIteratorOptions = webidl.createDictionaryConverter("ReadableStreamIteratorOptions", [
  { key: "preventCancel", converter: converters.boolean, defaultValue: false },
]);
const convertReadOptions = webidl.createDictionaryConverter("ReadableStreamBYOBReaderReadOptions", [
  { key: "min", converter: webidl.withOptions(converters["unsigned long long"], enforceRange), defaultValue: 1 },
]);
const convertPipeOptions = webidl.createDictionaryConverter("StreamPipeOptions", [
  { key: "preventClose", converter: converters.boolean, defaultValue: false },
  { key: "preventAbort", converter: converters.boolean, defaultValue: false },
  { key: "preventCancel", converter: converters.boolean, defaultValue: false },
  { key: "signal", converter: (V, prefix, context) => internal.abort.convertAbortSignal(V, prefix, context) },
]);
const convertReadableWritablePair = webidl.createDictionaryConverter("ReadableWritablePair", [
  {
    key: "readable",
    converter: webidl.createInterfaceConverter("ReadableStream", (value) => isReadableStream(value)),
    required: true,
  },
  {
    key: "writable",
    converter: webidl.createInterfaceConverter("WritableStream", isWritableStream),
    required: true,
  },
]);

function rejectInvocation() {
  return PromiseReject(new TypeError("Illegal invocation"));
}

// A promise as a script may have it: never the one that is shared.
function handOut(promise) {
  return promise === resolved ? PromisePrototypeThen(promise, noop) : promise;
}

let getReadableState;
let isReadableStream;

// section 4.2
class ReadableStream {
  #stream;

  constructor(underlyingSource = undefined, strategy = undefined) {
    if (underlyingSource === webidl.constructorKey) {
      // From inside: for a state that exists.
      this.#stream = strategy;
      strategy.shell = this;
      return;
    }
    const prefix = "Failed to construct 'ReadableStream'";
    const object = underlyingSource === undefined ? null : converters.object(underlyingSource, prefix, "Argument 1");
    strategy = streams.convertQueuingStrategy(strategy, prefix, "Argument 2");
    const dictionary = convertUnderlyingSource(object, prefix, "Argument 1");
    const stream = this.#stream = new ReadableStreamState(null);
    stream.shell = this;
    const source = new UserSource(object, dictionary);
    if (dictionary.type === "bytes") {
      if (strategy.size !== undefined) {
        throw new RangeError(`${prefix}: The strategy of a byte stream cannot have a size function.`);
      }
      const highWaterMark = ExtractHighWaterMark(strategy, 0);
      if (dictionary.autoAllocateChunkSize === 0) {
        throw new TypeError(`${prefix}: autoAllocateChunkSize must be more than 0.`);
      }
      SetUpReadableByteStreamController(
        stream, new ByteControllerState(source, highWaterMark, dictionary.autoAllocateChunkSize),
      );
    } else {
      const sizeAlgorithm = ExtractSizeAlgorithm(strategy);
      const highWaterMark = ExtractHighWaterMark(strategy, 1);
      SetUpReadableStreamDefaultController(stream, new DefaultControllerState(source, highWaterMark, sizeAlgorithm));
    }
  }

  static from(asyncIterable) {
    webidl.requiredArguments(arguments.length, 1, "Failed to execute 'from' on 'ReadableStream'");
    if (asyncIterable === undefined || asyncIterable === null) {
      throw new TypeError("Failed to execute 'from' on 'ReadableStream': Argument 1 is not iterable.");
    }
    return readableShell(ReadableStreamFromIterable(asyncIterable));
  }

  get locked() {
    return IsReadableStreamLocked(this.#stream);
  }

  cancel(reason = undefined) {
    if (!isReadableStream(this)) return rejectInvocation();
    if (IsReadableStreamLocked(this.#stream)) {
      return PromiseReject(new TypeError("The stream is locked to a reader and cannot be canceled."));
    }
    return handOut(ReadableStreamCancel(this.#stream, reason));
  }

  getReader(options = undefined) {
    const stream = this.#stream;
    if (options !== undefined) {
      const prefix = "Failed to execute 'getReader' on 'ReadableStream'";
      if (convertGetReaderOptions(options, prefix, "Argument 1").mode === "byob") {
        return new ReadableStreamBYOBReader(webidl.constructorKey, AcquireReadableStreamBYOBReader(stream));
      }
    }
    return new ReadableStreamDefaultReader(webidl.constructorKey, AcquireReadableStreamDefaultReader(stream));
  }

  pipeThrough(transform, options = undefined) {
    const stream = this.#stream;
    const prefix = "Failed to execute 'pipeThrough' on 'ReadableStream'";
    webidl.requiredArguments(arguments.length, 1, prefix);
    const { readable, writable } = convertReadableWritablePair(transform, prefix, "Argument 1");
    const { preventClose, preventAbort, preventCancel, signal } = convertPipeOptions(options, prefix, "Argument 2");
    if (IsReadableStreamLocked(stream)) throw new TypeError(`${prefix}: The stream is locked to a reader.`);
    const dest = getWritableState(writable);
    if (IsWritableStreamLocked(dest)) throw new TypeError(`${prefix}: The writable side is locked to a writer.`);
    setPromiseIsHandledToTrue(ReadableStreamPipeTo(stream, dest, preventClose, preventAbort, preventCancel, signal));
    return readable;
  }

  pipeTo(destination, options = undefined) {
    if (!isReadableStream(this)) return rejectInvocation();
    const prefix = "Failed to execute 'pipeTo' on 'ReadableStream'";
    try {
      const stream = this.#stream;
      webidl.requiredArguments(arguments.length, 1, prefix);
      if (!isWritableStream(destination)) {
        throw webidl.makeException(TypeError, "is not of type 'WritableStream'.", prefix, "Argument 1");
      }
      const { preventClose, preventAbort, preventCancel, signal } = convertPipeOptions(options, prefix, "Argument 2");
      if (IsReadableStreamLocked(stream)) throw new TypeError(`${prefix}: The stream is locked to a reader.`);
      const dest = getWritableState(destination);
      if (IsWritableStreamLocked(dest)) throw new TypeError(`${prefix}: The destination is locked to a writer.`);
      return ReadableStreamPipeTo(stream, dest, preventClose, preventAbort, preventCancel, signal);
    } catch (e) {
      return PromiseReject(e);
    }
  }

  tee() {
    const branches = ReadableStreamTee(this.#stream, false);
    return [readableShell(branches[0]), readableShell(branches[1])];
  }

  values(options = undefined) {
    const stream = this.#stream;
    const prefix = "Failed to execute 'values' on 'ReadableStream'";
    const { preventCancel } = convertIteratorOptions(options, prefix, "Argument 1");
    return createReadableStreamAsyncIterator(AcquireReadableStreamDefaultReader(stream), preventCancel);
  }

  static {
    isReadableStream = (value) => isObject(value) && #stream in value;
    getReadableState = (stream) => stream.#stream;
  }
}
webidl.configureInterface(ReadableStream);
ObjectDefineProperty(ReadableStream.prototype, SymbolAsyncIterator, {
  __proto__: null,
  value: ReadableStream.prototype.values,
  enumerable: false,
  configurable: true,
  writable: true,
});

// The ReadableStream of a state
function readableShell(stream) {
  return stream.shell ?? new ReadableStream(webidl.constructorKey, stream);
}

// The read request of a read() by a script. Its promise is made with its result if that is there at once.
const PromiseReadRequest = hideObjectPrototype(class PromiseReadRequest {
  constructor() {
    this.promise = null;
    this.deferred = null;
  }

  takePromise() {
    return this.promise ??= (this.deferred = PromiseWithResolvers()).promise;
  }

  chunkSteps(chunk) {
    if (this.deferred === null) this.promise = PromiseResolve(createReadResult(chunk, false));
    else this.deferred.resolve(createReadResult(chunk, false));
  }

  closeSteps(chunk) {
    if (this.deferred === null) this.promise = PromiseResolve(createReadResult(chunk, true));
    else this.deferred.resolve(createReadResult(chunk, true));
  }

  errorSteps(e) {
    if (this.deferred === null) this.promise = PromiseReject(e);
    else this.deferred.reject(e);
  }
});

let isDefaultReader;

// section 4.4
class ReadableStreamDefaultReader {
  #reader;

  constructor(stream, reader = undefined) {
    if (stream === webidl.constructorKey) {
      this.#reader = reader;
      return;
    }
    const prefix = "Failed to construct 'ReadableStreamDefaultReader'";
    webidl.requiredArguments(arguments.length, 1, prefix);
    if (!isReadableStream(stream)) {
      throw webidl.makeException(TypeError, "is not of type 'ReadableStream'.", prefix, "Argument 1");
    }
    this.#reader = new ReaderState(false);
    SetUpReadableStreamReader(this.#reader, getReadableState(stream));
  }

  get closed() {
    return isDefaultReader(this) ? this.#reader.closed.promise : rejectInvocation();
  }

  cancel(reason = undefined) {
    return isDefaultReader(this) ? cancelReader(this.#reader, reason) : rejectInvocation();
  }

  read() {
    if (!isDefaultReader(this)) return rejectInvocation();
    const reader = this.#reader;
    if (reader.stream === null) return rejectReleased();
    const readRequest = new PromiseReadRequest();
    ReadableStreamDefaultReaderRead(reader, readRequest);
    return readRequest.takePromise();
  }

  releaseLock() {
    const reader = this.#reader;
    if (reader.stream !== null) ReadableStreamReaderRelease(reader);
  }

  static {
    isDefaultReader = (value) => isObject(value) && #reader in value;
  }
}
webidl.configureInterface(ReadableStreamDefaultReader);

function rejectReleased() {
  return PromiseReject(new TypeError("The reader's lock was released."));
}

function cancelReader(reader, reason) {
  return reader.stream === null ? rejectReleased() : handOut(ReadableStreamReaderGenericCancel(reader, reason));
}

let isBYOBReader;

// section 4.5
class ReadableStreamBYOBReader {
  #reader;

  constructor(stream, reader = undefined) {
    if (stream === webidl.constructorKey) {
      this.#reader = reader;
      return;
    }
    const prefix = "Failed to construct 'ReadableStreamBYOBReader'";
    webidl.requiredArguments(arguments.length, 1, prefix);
    if (!isReadableStream(stream)) {
      throw webidl.makeException(TypeError, "is not of type 'ReadableStream'.", prefix, "Argument 1");
    }
    this.#reader = new ReaderState(true);
    SetUpReadableStreamReader(this.#reader, getReadableState(stream));
  }

  get closed() {
    return isBYOBReader(this) ? this.#reader.closed.promise : rejectInvocation();
  }

  cancel(reason = undefined) {
    return isBYOBReader(this) ? cancelReader(this.#reader, reason) : rejectInvocation();
  }

  read(view, options = undefined) {
    if (!isBYOBReader(this)) return rejectInvocation();
    const prefix = "Failed to execute 'read' on 'ReadableStreamBYOBReader'";
    try {
      webidl.requiredArguments(arguments.length, 1, prefix);
      view = converters.ArrayBufferView(view, prefix, "Argument 1");
      const { min } = convertReadOptions(options, prefix, "Argument 2");
      const byteLength = getByteLength(view);
      const buffer = webidl.getViewBuffer(view);
      if (byteLength === 0) throw new TypeError(`${prefix}: The view is empty.`);
      if (ArrayBufferPrototypeGetByteLength(buffer) === 0) throw new TypeError(`${prefix}: The view's buffer is empty.`);
      if (isDetachedBuffer(buffer)) throw new TypeError(`${prefix}: The view's buffer is detached.`);
      if (min === 0) throw new TypeError(`${prefix}: 'min' must be more than 0.`);
      if (min > byteLength / getViewType(view).elementSize) {
        throw new RangeError(`${prefix}: 'min' is more than the view has room for.`);
      }
      const reader = this.#reader;
      if (reader.stream === null) return rejectReleased();
      const readIntoRequest = new PromiseReadRequest();
      ReadableStreamBYOBReaderRead(reader, view, min, readIntoRequest);
      return readIntoRequest.takePromise();
    } catch (e) {
      return PromiseReject(e);
    }
  }

  releaseLock() {
    const reader = this.#reader;
    if (reader.stream !== null) ReadableStreamReaderRelease(reader);
  }

  static {
    isBYOBReader = (value) => isObject(value) && #reader in value;
  }
}
webidl.configureInterface(ReadableStreamBYOBReader);

streams.ReadableStream = ReadableStream;
// For who prints one.
streams.attributes = webidl.takeAttributes(ReadableStream, ["locked"]);
streams.ReadableStreamBYOBReader = ReadableStreamBYOBReader;
streams.ReadableStreamDefaultReader = ReadableStreamDefaultReader;
streams.getReadableState = getReadableState;
streams.isReadableStream = isReadableStream;
streams.readableShell = readableShell;
internal.expose({ ReadableStream, ReadableStreamBYOBReader, ReadableStreamDefaultReader });
