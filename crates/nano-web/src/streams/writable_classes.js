// WritableStream, WritableStreamDefaultWriter and WritableStreamDefaultController as scripts see them. Streams section 5.2 to section 5.4

const { PromisePrototypeThen, PromiseReject, PromiseWithResolvers, RangeError, TypeError } = internal.primordials;
const webidl = internal.webidl;
const { converters, isObject } = webidl;
const streams = internal.streams;
const {
  AcquireWritableStreamDefaultWriter,
  ExtractHighWaterMark,
  ExtractSizeAlgorithm,
  IsWritableStreamLocked,
  SetUpWritableStreamDefaultController,
  SetUpWritableStreamDefaultWriter,
  UserSink,
  WRITABLE,
  WritableControllerState,
  WritableStreamAbort,
  WritableStreamClose,
  WritableStreamCloseQueuedOrInFlight,
  WritableStreamDefaultControllerError,
  WritableStreamDefaultWriterGetDesiredSize,
  WritableStreamDefaultWriterRelease,
  WritableStreamDefaultWriterWrite,
  WritableStreamState,
  WriterState,
  noop,
  resolved,
} = streams;

const convertUnderlyingSink = webidl.createDictionaryConverter("UnderlyingSink", [
  { key: "start", converter: converters.Function },
  { key: "write", converter: converters.Function },
  { key: "close", converter: converters.Function },
  { key: "abort", converter: converters.Function },
  { key: "type", converter: converters.any },
]);

// A promise as a script may have it: never the one that is shared.
function handOut(promise) {
  return promise === resolved ? PromisePrototypeThen(promise, noop) : promise;
}

let getWritableState;
let isWritableStream;

// section 5.2
class WritableStream {
  #stream;

  constructor(underlyingSink = undefined, strategy = undefined) {
    if (underlyingSink === webidl.constructorKey) {
      // From inside: for a state that exists.
      this.#stream = strategy;
      strategy.shell = this;
      return;
    }
    const prefix = "Failed to construct 'WritableStream'";
    const sink = underlyingSink === undefined ? null : converters.object(underlyingSink, prefix, "Argument 1");
    strategy = streams.convertQueuingStrategy(strategy, prefix, "Argument 2");
    const dictionary = convertUnderlyingSink(sink, prefix, "Argument 1");
    if (dictionary.type !== undefined) throw new RangeError(`${prefix}: An underlying sink's 'type' must be undefined.`);
    const stream = this.#stream = new WritableStreamState();
    stream.shell = this;
    const sizeAlgorithm = ExtractSizeAlgorithm(strategy);
    const highWaterMark = ExtractHighWaterMark(strategy, 1);
    SetUpWritableStreamDefaultController(
      stream, new WritableControllerState(new UserSink(sink, dictionary), highWaterMark, sizeAlgorithm),
    );
  }

  get locked() {
    return IsWritableStreamLocked(this.#stream);
  }

  abort(reason = undefined) {
    if (!isWritableStream(this)) return rejectInvocation();
    if (IsWritableStreamLocked(this.#stream)) {
      return PromiseReject(new TypeError("The stream is locked to a writer and cannot be aborted."));
    }
    return handOut(WritableStreamAbort(this.#stream, reason));
  }

  close() {
    if (!isWritableStream(this)) return rejectInvocation();
    const stream = this.#stream;
    if (IsWritableStreamLocked(stream)) {
      return PromiseReject(new TypeError("The stream is locked to a writer and cannot be closed."));
    }
    if (WritableStreamCloseQueuedOrInFlight(stream)) {
      return PromiseReject(new TypeError("The stream is closing already."));
    }
    return WritableStreamClose(stream);
  }

  getWriter() {
    return new WritableStreamDefaultWriter(webidl.constructorKey, AcquireWritableStreamDefaultWriter(this.#stream));
  }

  static {
    isWritableStream = (value) => isObject(value) && #stream in value;
    getWritableState = (stream) => stream.#stream;
  }
}
webidl.configureInterface(WritableStream);

function rejectInvocation() {
  return PromiseReject(new TypeError("Illegal invocation"));
}

let isWriter;

// section 5.3
class WritableStreamDefaultWriter {
  #writer;

  constructor(stream, writer = undefined) {
    if (stream === webidl.constructorKey) {
      this.#writer = writer;
      return;
    }
    const prefix = "Failed to construct 'WritableStreamDefaultWriter'";
    webidl.requiredArguments(arguments.length, 1, prefix);
    if (!isWritableStream(stream)) {
      throw webidl.makeException(TypeError, "is not of type 'WritableStream'.", prefix, "Argument 1");
    }
    this.#writer = new WriterState();
    SetUpWritableStreamDefaultWriter(this.#writer, getWritableState(stream));
  }

  get closed() {
    if (!isWriter(this)) return rejectInvocation();
    return this.#writer.closed.promise;
  }

  get desiredSize() {
    const writer = this.#writer;
    if (writer.stream === null) throw new TypeError("The writer's lock was released.");
    return WritableStreamDefaultWriterGetDesiredSize(writer);
  }

  get ready() {
    if (!isWriter(this)) return rejectInvocation();
    return this.#writer.ready.promise;
  }

  abort(reason = undefined) {
    if (!isWriter(this)) return rejectInvocation();
    const stream = this.#writer.stream;
    if (stream === null) return PromiseReject(new TypeError("The writer's lock was released."));
    return handOut(WritableStreamAbort(stream, reason));
  }

  close() {
    if (!isWriter(this)) return rejectInvocation();
    const stream = this.#writer.stream;
    if (stream === null) return PromiseReject(new TypeError("The writer's lock was released."));
    if (WritableStreamCloseQueuedOrInFlight(stream)) {
      return PromiseReject(new TypeError("The stream is closing already."));
    }
    return WritableStreamClose(stream);
  }

  releaseLock() {
    const writer = this.#writer;
    if (writer.stream !== null) WritableStreamDefaultWriterRelease(writer);
  }

  write(chunk = undefined) {
    if (!isWriter(this)) return rejectInvocation();
    const writer = this.#writer;
    if (writer.stream === null) return PromiseReject(new TypeError("The writer's lock was released."));
    const deferred = PromiseWithResolvers();
    WritableStreamDefaultWriterWrite(writer, chunk, deferred);
    return deferred.promise;
  }

  static {
    isWriter = (value) => isObject(value) && #writer in value;
  }
}
webidl.configureInterface(WritableStreamDefaultWriter);

// section 5.4
class WritableStreamDefaultController {
  #controller;

  constructor(key = undefined, controller = undefined) {
    if (key !== webidl.constructorKey) webidl.illegalConstructor();
    this.#controller = controller;
  }

  get signal() {
    return this.#controller.getSignal();
  }

  error(e = undefined) {
    const controller = this.#controller;
    if (controller.stream.state === WRITABLE) WritableStreamDefaultControllerError(controller, e);
  }
}
webidl.configureInterface(WritableStreamDefaultController);

streams.WritableStream = WritableStream;
streams.WritableStreamDefaultController = WritableStreamDefaultController;
streams.WritableStreamDefaultWriter = WritableStreamDefaultWriter;
streams.getWritableState = getWritableState;
streams.isWritableStream = isWritableStream;
streams.newWritableStreamDefaultController = (controller) =>
  new WritableStreamDefaultController(webidl.constructorKey, controller);
// The WritableStream of a state
streams.writableShell = (stream) => stream.shell ?? new WritableStream(webidl.constructorKey, stream);
internal.expose({ WritableStream, WritableStreamDefaultController, WritableStreamDefaultWriter });
