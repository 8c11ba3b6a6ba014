// Transform streams. Streams section 6
//
// A transformer is an object with `start(controller)`, `transform(chunk, controller)`, `flush(controller)`
// and `cancel(reason)`; the last three return promises.

const {
  FunctionPrototypeCall,
  PromisePrototypeThen,
  PromiseReject,
  PromiseWithResolvers,
  RangeError,
  TypeError,
  hideObjectPrototype,
} = internal.primordials;
const webidl = internal.webidl;
const { converters } = webidl;
const streams = internal.streams;
const {
  ERRORED,
  ExtractHighWaterMark,
  ExtractSizeAlgorithm,
  ReadableStreamDefaultControllerCanCloseOrEnqueue,
  ReadableStreamDefaultControllerClose,
  ReadableStreamDefaultControllerEnqueue,
  ReadableStreamDefaultControllerError,
  ReadableStreamDefaultControllerGetDesiredSize,
  ReadableStreamDefaultControllerHasBackpressure,
  WRITABLE_ERRORED,
  WRITABLE_ERRORING,
  WritableStreamDefaultControllerErrorIfNeeded,
  createReadableStreamFromSource,
  createWritableStreamFromSink,
  noop,
  promiseCall1,
  promiseCall2,
  resolved,
} = streams;

// A script's transformer with the methods that its dictionary had
const UserTransformer = hideObjectPrototype(class UserTransformer {
  constructor(object, dictionary) {
    this.object = object;
    this.startMethod = dictionary.start;
    this.transformMethod = dictionary.transform;
    this.flushMethod = dictionary.flush;
    this.cancelMethod = dictionary.cancel;
  }

  transform(chunk, controller) {
    if (this.transformMethod !== undefined) {
      return promiseCall2(this.transformMethod, this.object, chunk, controller.asShell());
    }
    try {
      TransformStreamDefaultControllerEnqueue(controller, chunk);
      return resolved;
    } catch (e) {
      return PromiseReject(e);
    }
  }

  flush(controller) {
    return this.flushMethod === undefined ? resolved : promiseCall1(this.flushMethod, this.object, controller.asShell());
  }

  cancel(reason) {
    if (this.cancelMethod === undefined) return resolved;
    const promise = promiseCall1(this.cancelMethod, this.object, reason);
    // A promise of the script's settles after the start of a side that is starting, as it does where each is
    // wrapped anew.
    return promise === resolved ? promise : PromisePrototypeThen(promise, noop);
  }
});

// A transformer of functions, for other standards. They are called with the controller's state as their last
// argument, which the functions of streams/interop.js take.
const AlgorithmTransformer = hideObjectPrototype(class AlgorithmTransformer {
  constructor(transformAlgorithm, flushAlgorithm, cancelAlgorithm) {
    this.transformAlgorithm = transformAlgorithm;
    this.flushAlgorithm = flushAlgorithm;
    this.cancelAlgorithm = cancelAlgorithm;
  }

  transform(chunk, controller) {
    return promiseCall2(this.transformAlgorithm, undefined, chunk, controller);
  }

  flush(controller) {
    return this.flushAlgorithm === undefined ? resolved : promiseCall1(this.flushAlgorithm, undefined, controller);
  }

  cancel(reason) {
    return this.cancelAlgorithm === undefined ? resolved : promiseCall1(this.cancelAlgorithm, undefined, reason);
  }
});

// The internal slots of a TransformStream and of its controller, and at the same time the source of its
// readable side and the sink of its writable side.
const TransformState = hideObjectPrototype(class TransformState {
  constructor(transformer, startPromise) {
    this.startPromise = startPromise;
    // null once its algorithms are cleared
    this.transformer = transformer;
    this.readable = null;
    this.writable = null;
    this.backpressure = false;
    // Kept with its function, and made when somebody waits for it
    this.backpressureChange = null;
    // [[finishPromise]]
    this.finish = null;
    this.shell = null;
  }

  asShell() {
    return this.shell ??= new TransformStreamDefaultController(webidl.constructorKey, this);
  }

  get pullable() {
    return true;
  }

  start() {
    return this.startPromise;
  }

  // section 6.4.4, TransformStreamDefaultSinkWriteAlgorithm
  write(chunk) {
    if (!this.backpressure) return TransformStreamDefaultControllerPerformTransform(this, chunk);
    return PromisePrototypeThen(whenBackpressureChanges(this), () => {
      const writable = this.writable;
      if (writable.state === WRITABLE_ERRORING) throw writable.storedError;
      return TransformStreamDefaultControllerPerformTransform(this, chunk);
    });
  }

  // section 6.4.4, TransformStreamDefaultSinkAbortAlgorithm
  abort(reason) {
    if (this.finish !== null) return this.finish.promise;
    const readable = this.readable;
    const finish = this.finish = PromiseWithResolvers();
    const cancelPromise = cancelTransformer(this, reason);
    PromisePrototypeThen(cancelPromise, () => {
      if (readable.state === ERRORED) {
        finish.reject(readable.storedError);
      } else {
        ReadableStreamDefaultControllerError(readable.controller, reason);
        finish.resolve(undefined);
      }
    }, (r) => {
      ReadableStreamDefaultControllerError(readable.controller, r);
      finish.reject(r);
    });
    return finish.promise;
  }

  // section 6.4.4, TransformStreamDefaultSinkCloseAlgorithm
  close() {
    if (this.finish !== null) return this.finish.promise;
    const readable = this.readable;
    const finish = this.finish = PromiseWithResolvers();
    const flushPromise = this.transformer.flush(this);
    this.transformer = null;
    PromisePrototypeThen(flushPromise, () => {
      if (readable.state === ERRORED) {
        finish.reject(readable.storedError);
      } else {
        ReadableStreamDefaultControllerClose(readable.controller);
        finish.resolve(undefined);
      }
    }, (r) => {
      ReadableStreamDefaultControllerError(readable.controller, r);
      finish.reject(r);
    });
    return finish.promise;
  }

  // section 6.4.5, TransformStreamDefaultSourceCancelAlgorithm
  cancel(reason) {
    if (this.finish !== null) return this.finish.promise;
    const writable = this.writable;
    const finish = this.finish = PromiseWithResolvers();
    const cancelPromise = cancelTransformer(this, reason);
    PromisePrototypeThen(cancelPromise, () => {
      if (writable.state === WRITABLE_ERRORED) {
        finish.reject(writable.storedError);
      } else {
        WritableStreamDefaultControllerErrorIfNeeded(writable.controller, reason);
        TransformStreamUnblockWrite(this);
        finish.resolve(undefined);
      }
    }, (r) => {
      WritableStreamDefaultControllerErrorIfNeeded(writable.controller, r);
      TransformStreamUnblockWrite(this);
      finish.reject(r);
    });
    return finish.promise;
  }

  // section 6.4.5, TransformStreamDefaultSourcePullAlgorithm
  pull() {
    TransformStreamSetBackpressure(this, false);
    return whenBackpressureChanges(this);
  }
});

// Performs the cancel algorithm, which terminate() may have cleared before, and clears it.
function cancelTransformer(stream, reason) {
  const transformer = stream.transformer;
  stream.transformer = null;
  return transformer === null ? resolved : transformer.cancel(reason);
}

// [[backpressureChangePromise]]
function whenBackpressureChanges(stream) {
  return (stream.backpressureChange ??= PromiseWithResolvers()).promise;
}

// section 6.4.1, InitializeTransformStream
function InitializeTransformStream(
  stream, writableHighWaterMark, writableSizeAlgorithm, readableHighWaterMark, readableSizeAlgorithm,
) {
  stream.writable = createWritableStreamFromSink(stream, writableHighWaterMark, writableSizeAlgorithm);
  stream.readable = createReadableStreamFromSource(stream, readableHighWaterMark, readableSizeAlgorithm);
  TransformStreamSetBackpressure(stream, true);
}

// The state of a new transform stream. `startPromise` is undefined where nothing is to be waited for.
function createTransformState(
  transformer, startPromise, writableHighWaterMark = 1, writableSizeAlgorithm = null,
  readableHighWaterMark = 0, readableSizeAlgorithm = null,
) {
  // One turn more than a stream of its own takes: what is done to a side at once comes before its start.
  const started = PromisePrototypeThen(startPromise === undefined ? resolved : startPromise, noop);
  const stream = new TransformState(transformer, started);
  InitializeTransformStream(
    stream, writableHighWaterMark, writableSizeAlgorithm, readableHighWaterMark, readableSizeAlgorithm,
  );
  return stream;
}

// section 6.4.1, TransformStreamError
function TransformStreamError(stream, e) {
  ReadableStreamDefaultControllerError(stream.readable.controller, e);
  TransformStreamErrorWritableAndUnblockWrite(stream, e);
}

// section 6.4.1, TransformStreamErrorWritableAndUnblockWrite
function TransformStreamErrorWritableAndUnblockWrite(stream, e) {
  stream.transformer = null;
  WritableStreamDefaultControllerErrorIfNeeded(stream.writable.controller, e);
  TransformStreamUnblockWrite(stream);
}

// section 6.4.1, TransformStreamSetBackpressure
function TransformStreamSetBackpressure(stream, backpressure) {
  const change = stream.backpressureChange;
  stream.backpressureChange = null;
  stream.backpressure = backpressure;
  if (change !== null) change.resolve(undefined);
}

// section 6.4.1, TransformStreamUnblockWrite
function TransformStreamUnblockWrite(stream) {
  if (stream.backpressure) TransformStreamSetBackpressure(stream, false);
}

// section 6.4.2, TransformStreamDefaultControllerEnqueue
function TransformStreamDefaultControllerEnqueue(stream, chunk) {
  const readableController = stream.readable.controller;
  if (!ReadableStreamDefaultControllerCanCloseOrEnqueue(readableController)) {
    throw new TypeError("The readable side is not in a state that permits enqueue.");
  }
  try {
    ReadableStreamDefaultControllerEnqueue(readableController, chunk);
  } catch (e) {
    TransformStreamErrorWritableAndUnblockWrite(stream, e);
    throw stream.readable.storedError;
  }
  const backpressure = ReadableStreamDefaultControllerHasBackpressure(readableController);
  if (backpressure !== stream.backpressure) TransformStreamSetBackpressure(stream, true);
}

// section 6.4.2, TransformStreamDefaultControllerPerformTransform
function TransformStreamDefaultControllerPerformTransform(stream, chunk) {
  // A chunk that is written while the readable side's cancel() has yet to take effect is dropped.
  if (stream.transformer === null) return resolved;
  const promise = stream.transformer.transform(chunk, stream);
  if (promise === resolved) return promise;
  return PromisePrototypeThen(promise, undefined, (r) => {
    TransformStreamError(stream, r);
    throw r;
  });
}

// section 6.4.2, TransformStreamDefaultControllerTerminate
function TransformStreamDefaultControllerTerminate(stream) {
  ReadableStreamDefaultControllerClose(stream.readable.controller);
  TransformStreamErrorWritableAndUnblockWrite(stream, new TypeError("The transform stream was terminated."));
}

const convertTransformer = webidl.createDictionaryConverter("Transformer", [
  { key: "start", converter: converters.Function },
  { key: "transform", converter: converters.Function },
  { key: "flush", converter: converters.Function },
  { key: "cancel", converter: converters.Function },
  { key: "readableType", converter: converters.any },
  { key: "writableType", converter: converters.any },
]);

let getTransformState;
let isTransformStream;

// section 6.2
class TransformStream {
  #stream;

  constructor(transformer = undefined, writableStrategy = undefined, readableStrategy = undefined) {
    if (transformer === webidl.constructorKey) {
      // From inside: for a state that exists, or for two streams that are elsewhere a transform's: {
      // readable, writable }.
      this.#stream = writableStrategy;
      return;
    }
    const prefix = "Failed to construct 'TransformStream'";
    const object = transformer === undefined ? null : converters.object(transformer, prefix, "Argument 1");
    writableStrategy = streams.convertQueuingStrategy(writableStrategy, prefix, "Argument 2");
    readableStrategy = streams.convertQueuingStrategy(readableStrategy, prefix, "Argument 3");
    const dictionary = convertTransformer(object, prefix, "Argument 1");
    if (dictionary.readableType !== undefined) {
      throw new RangeError(`${prefix}: A transformer's 'readableType' must be undefined.`);
    }
    if (dictionary.writableType !== undefined) {
      throw new RangeError(`${prefix}: A transformer's 'writableType' must be undefined.`);
    }
    const readableHighWaterMark = ExtractHighWaterMark(readableStrategy, 0);
    const readableSizeAlgorithm = ExtractSizeAlgorithm(readableStrategy);
    const writableHighWaterMark = ExtractHighWaterMark(writableStrategy, 1);
    const writableSizeAlgorithm = ExtractSizeAlgorithm(writableStrategy);
    const starting = dictionary.start === undefined ? null : PromiseWithResolvers();
    const stream = this.#stream = createTransformState(
      new UserTransformer(object, dictionary), starting === null ? undefined : starting.promise,
      writableHighWaterMark, writableSizeAlgorithm, readableHighWaterMark, readableSizeAlgorithm,
    );
    if (starting !== null) {
      starting.resolve(FunctionPrototypeCall(dictionary.start, object, stream.asShell()));
    }
  }

  get readable() {
    return streams.readableShell(this.#stream.readable);
  }

  get writable() {
    return streams.writableShell(this.#stream.writable);
  }

  static {
    isTransformStream = (value) => webidl.isObject(value) && #stream in value;
    getTransformState = (stream) => stream.#stream;
  }
}
webidl.configureInterface(TransformStream);

// section 6.3
class TransformStreamDefaultController {
  #stream;

  constructor(key = undefined, stream = undefined) {
    if (key !== webidl.constructorKey) webidl.illegalConstructor();
    this.#stream = stream;
  }

  get desiredSize() {
    return ReadableStreamDefaultControllerGetDesiredSize(this.#stream.readable.controller);
  }

  enqueue(chunk = undefined) {
    TransformStreamDefaultControllerEnqueue(this.#stream, chunk);
  }

  error(reason = undefined) {
    TransformStreamError(this.#stream, reason);
  }

  terminate() {
    TransformStreamDefaultControllerTerminate(this.#stream);
  }
}
webidl.configureInterface(TransformStreamDefaultController);

streams.AlgorithmTransformer = AlgorithmTransformer;
streams.TransformStream = TransformStream;
streams.TransformStreamDefaultController = TransformStreamDefaultController;
streams.TransformStreamDefaultControllerEnqueue = TransformStreamDefaultControllerEnqueue;
streams.TransformStreamDefaultControllerTerminate = TransformStreamDefaultControllerTerminate;
streams.TransformStreamError = TransformStreamError;
streams.createTransformState = createTransformState;
// A promise of the next change if the readable side wants nothing now; null if it wants more or will never
// want anything.
streams.transformBackpressure = (stream) => stream.backpressure ? whenBackpressureChanges(stream) : null;
streams.getTransformState = getTransformState;
streams.isTransformStream = isTransformStream;
internal.expose({ TransformStream, TransformStreamDefaultController });
