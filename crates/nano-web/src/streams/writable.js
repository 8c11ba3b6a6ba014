// Writable streams: their state, their controller's state, and all algorithms. Streams section 5.5. The
// classes that scripts see are in writable_classes.js.
//
// A sink is an object with `start(controller)`, `write(chunk, controller)`, `close()` and `abort(reason)`;
// the last three return promises. A write request is any object with `resolve()` and `reject(error)`; one may
// serve many writes.

const {
  FunctionPrototypeCall,
  PromisePrototypeThen,
  PromiseReject,
  PromiseResolve,
  PromiseWithResolvers,
  TypeError,
  hideObjectPrototype,
} = internal.primordials;
const streams = internal.streams;
const { LazyPromise, LazyTypeError, Queue, QueueWithSizes, promiseCall0, promiseCall1, promiseCall2, resolved } = streams;

const WRITABLE = 0;
const CLOSED = 1;
const ERRORING = 2;
const ERRORED = 3;

// The internal slots of a WritableStream. Promises are kept with their functions.
const WritableStreamState = hideObjectPrototype(class WritableStreamState {
  constructor() {
    this.state = WRITABLE;
    this.backpressure = false;
    this.closeRequest = null;
    this.controller = null;
    this.inFlightWriteRequest = null;
    this.inFlightCloseRequest = null;
    this.pendingAbortRequest = null;
    this.storedError = undefined;
    this.writer = null;
    this.writeRequests = new Queue();
    // The WritableStream, once there is one.
    this.shell = null;
  }
});

const WriterState = hideObjectPrototype(class WriterState {
  constructor() {
    this.stream = null;
    this.closed = new LazyPromise();
    this.ready = new LazyPromise();
  }
});

// section 5.2.2, pending abort request
const PendingAbortRequest = hideObjectPrototype(class PendingAbortRequest {
  constructor(reason, wasAlreadyErroring) {
    this.deferred = PromiseWithResolvers();
    this.reason = reason;
    this.wasAlreadyErroring = wasAlreadyErroring;
  }
});

// A script's underlying sink with the methods that its dictionary had
const UserSink = hideObjectPrototype(class UserSink {
  constructor(object, dictionary) {
    this.object = object;
    this.startMethod = dictionary.start;
    this.writeMethod = dictionary.write;
    this.closeMethod = dictionary.close;
    this.abortMethod = dictionary.abort;
  }

  start(controller) {
    return this.startMethod === undefined
      ? undefined
      : FunctionPrototypeCall(this.startMethod, this.object, controller.asShell());
  }

  write(chunk, controller) {
    return this.writeMethod === undefined
      ? resolved
      : promiseCall2(this.writeMethod, this.object, chunk, controller.asShell());
  }

  close() {
    return this.closeMethod === undefined ? resolved : promiseCall0(this.closeMethod, this.object);
  }

  abort(reason) {
    return this.abortMethod === undefined ? resolved : promiseCall1(this.abortMethod, this.object, reason);
  }
});

// A sink of functions, for other standards: each returns a promise, or undefined for "done".
const AlgorithmSink = hideObjectPrototype(class AlgorithmSink {
  constructor(startAlgorithm, writeAlgorithm, closeAlgorithm, abortAlgorithm) {
    this.startAlgorithm = startAlgorithm;
    this.writeAlgorithm = writeAlgorithm;
    this.closeAlgorithm = closeAlgorithm;
    this.abortAlgorithm = abortAlgorithm;
  }

  start() {
    return this.startAlgorithm === undefined ? undefined : FunctionPrototypeCall(this.startAlgorithm, undefined);
  }

  write(chunk) {
    return promiseCall1(this.writeAlgorithm, undefined, chunk);
  }

  close() {
    return this.closeAlgorithm === undefined ? resolved : promiseCall0(this.closeAlgorithm, undefined);
  }

  abort(reason) {
    return this.abortAlgorithm === undefined ? resolved : promiseCall1(this.abortAlgorithm, undefined, reason);
  }
});

// The entry of a queue at which the stream is to close
const closeSentinel = { __proto__: null };

// The internal slots of a WritableStreamDefaultController
const WritableControllerState = hideObjectPrototype(class WritableControllerState {
  constructor(sink, highWaterMark, sizeAlgorithm) {
    this.stream = null;
    // null once its algorithms are cleared
    this.sink = sink;
    this.queue = new QueueWithSizes();
    this.started = false;
    this.strategyHWM = highWaterMark;
    this.sizeAlgorithm = sizeAlgorithm;
    // The signal is made when it is asked for, or aborted then if that is what has happened.
    this.signal = null;
    this.aborted = false;
    this.abortReason = undefined;
    this.shell = null;
    this.onWritten = null;
    this.onWriteFailed = null;
  }

  asShell() {
    return this.shell ??= streams.newWritableStreamDefaultController(this);
  }

  getSignal() {
    if (this.signal === null) {
      this.signal = internal.abort.createSignal();
      if (this.aborted) internal.abort.signalAbort(this.signal, this.abortReason);
    }
    return this.signal;
  }
});

// section 5.5.1, IsWritableStreamLocked
function IsWritableStreamLocked(stream) {
  return stream.writer !== null;
}

// section 5.5.1, AcquireWritableStreamDefaultWriter
function AcquireWritableStreamDefaultWriter(stream) {
  const writer = new WriterState();
  SetUpWritableStreamDefaultWriter(writer, stream);
  return writer;
}

// section 5.5.1, SetUpWritableStreamDefaultWriter
function SetUpWritableStreamDefaultWriter(writer, stream) {
  if (stream.writer !== null) throw new TypeError("The WritableStream is locked to a writer already.");
  writer.stream = stream;
  stream.writer = writer;
  switch (stream.state) {
    case WRITABLE:
      if (WritableStreamCloseQueuedOrInFlight(stream) || !stream.backpressure) writer.ready.resolve();
      break;
    case ERRORING:
      writer.ready.reject(stream.storedError);
      break;
    case CLOSED:
      writer.ready.resolve();
      writer.closed.resolve();
      break;
    default:
      writer.ready.reject(stream.storedError);
      writer.closed.reject(stream.storedError);
  }
}

// section 5.5.1, WritableStreamAbort
function WritableStreamAbort(stream, reason) {
  if (stream.state === CLOSED || stream.state === ERRORED) return resolved;
  const controller = stream.controller;
  if (!controller.aborted) {
    controller.aborted = true;
    controller.abortReason = reason;
    if (controller.signal !== null) internal.abort.signalAbort(controller.signal, reason);
  }
  // The signal's listeners may have changed the state.
  if (stream.state === CLOSED || stream.state === ERRORED) return resolved;
  if (stream.pendingAbortRequest !== null) return stream.pendingAbortRequest.deferred.promise;
  const wasAlreadyErroring = stream.state === ERRORING;
  const request = stream.pendingAbortRequest =
    new PendingAbortRequest(wasAlreadyErroring ? undefined : reason, wasAlreadyErroring);
  if (!wasAlreadyErroring) WritableStreamStartErroring(stream, reason);
  return request.deferred.promise;
}

// section 5.5.1, WritableStreamClose
function WritableStreamClose(stream) {
  if (stream.state === CLOSED || stream.state === ERRORED) {
    return PromiseReject(new TypeError("The stream is closed or errored and cannot be closed."));
  }
  const deferred = stream.closeRequest = PromiseWithResolvers();
  if (stream.writer !== null && stream.backpressure && stream.state === WRITABLE) stream.writer.ready.resolve();
  // WritableStreamDefaultControllerClose
  const controller = stream.controller;
  controller.queue.enqueue(closeSentinel, 0);
  WritableStreamDefaultControllerAdvanceQueueIfNeeded(controller);
  return deferred.promise;
}

// section 5.5.2, WritableStreamCloseQueuedOrInFlight
function WritableStreamCloseQueuedOrInFlight(stream) {
  return stream.closeRequest !== null || stream.inFlightCloseRequest !== null;
}

// section 5.5.2, WritableStreamDealWithRejection
function WritableStreamDealWithRejection(stream, error) {
  if (stream.state === WRITABLE) WritableStreamStartErroring(stream, error);
  else WritableStreamFinishErroring(stream);
}

// section 5.5.2, WritableStreamStartErroring
function WritableStreamStartErroring(stream, reason) {
  const controller = stream.controller;
  stream.state = ERRORING;
  stream.storedError = reason;
  if (stream.writer !== null) stream.writer.ready.rejectOrRenew(reason);
  if (!WritableStreamHasOperationMarkedInFlight(stream) && controller.started) WritableStreamFinishErroring(stream);
}

// section 5.5.2, WritableStreamFinishErroring
function WritableStreamFinishErroring(stream) {
  stream.state = ERRORED;
  const controller = stream.controller;
  // [[ErrorSteps]]
  controller.queue.reset();
  const storedError = stream.storedError;
  const requests = stream.writeRequests;
  while (requests.size > 0) requests.shift().reject(storedError);
  const abortRequest = stream.pendingAbortRequest;
  if (abortRequest === null) {
    WritableStreamRejectCloseAndClosedPromiseIfNeeded(stream);
    return;
  }
  stream.pendingAbortRequest = null;
  if (abortRequest.wasAlreadyErroring) {
    abortRequest.deferred.reject(storedError);
    WritableStreamRejectCloseAndClosedPromiseIfNeeded(stream);
    return;
  }
  // [[AbortSteps]]
  const promise = controller.sink === null ? resolved : controller.sink.abort(abortRequest.reason);
  WritableStreamDefaultControllerClearAlgorithms(controller);
  PromisePrototypeThen(promise, () => {
    abortRequest.deferred.resolve(undefined);
    WritableStreamRejectCloseAndClosedPromiseIfNeeded(stream);
  }, (reason) => {
    abortRequest.deferred.reject(reason);
    WritableStreamRejectCloseAndClosedPromiseIfNeeded(stream);
  });
}

// section 5.5.2, WritableStreamFinishInFlightClose
function WritableStreamFinishInFlightClose(stream) {
  stream.inFlightCloseRequest.resolve(undefined);
  stream.inFlightCloseRequest = null;
  if (stream.state === ERRORING) {
    stream.storedError = undefined;
    if (stream.pendingAbortRequest !== null) {
      stream.pendingAbortRequest.deferred.resolve(undefined);
      stream.pendingAbortRequest = null;
    }
  }
  stream.state = CLOSED;
  if (stream.writer !== null) stream.writer.closed.resolve();
}

// section 5.5.2, WritableStreamFinishInFlightCloseWithError
function WritableStreamFinishInFlightCloseWithError(stream, error) {
  stream.inFlightCloseRequest.reject(error);
  stream.inFlightCloseRequest = null;
  if (stream.pendingAbortRequest !== null) {
    stream.pendingAbortRequest.deferred.reject(error);
    stream.pendingAbortRequest = null;
  }
  WritableStreamDealWithRejection(stream, error);
}

// section 5.5.2, WritableStreamFinishInFlightWrite
function WritableStreamFinishInFlightWrite(stream) {
  const request = stream.inFlightWriteRequest;
  stream.inFlightWriteRequest = null;
  request.resolve(undefined);
}

// section 5.5.2, WritableStreamFinishInFlightWriteWithError
function WritableStreamFinishInFlightWriteWithError(stream, error) {
  const request = stream.inFlightWriteRequest;
  stream.inFlightWriteRequest = null;
  request.reject(error);
  WritableStreamDealWithRejection(stream, error);
}

// section 5.5.2, WritableStreamHasOperationMarkedInFlight
function WritableStreamHasOperationMarkedInFlight(stream) {
  return stream.inFlightWriteRequest !== null || stream.inFlightCloseRequest !== null;
}

// section 5.5.2, WritableStreamRejectCloseAndClosedPromiseIfNeeded
function WritableStreamRejectCloseAndClosedPromiseIfNeeded(stream) {
  if (stream.closeRequest !== null) {
    stream.closeRequest.reject(stream.storedError);
    stream.closeRequest = null;
  }
  if (stream.writer !== null) stream.writer.closed.reject(stream.storedError);
}

// section 5.5.2, WritableStreamUpdateBackpressure
function WritableStreamUpdateBackpressure(stream, backpressure) {
  const writer = stream.writer;
  if (writer !== null && backpressure !== stream.backpressure) {
    if (backpressure) writer.ready.renew();
    else writer.ready.resolve();
  }
  stream.backpressure = backpressure;
}

// section 5.5.3, WritableStreamDefaultWriterCloseWithErrorPropagation
function WritableStreamDefaultWriterCloseWithErrorPropagation(writer) {
  const stream = writer.stream;
  if (WritableStreamCloseQueuedOrInFlight(stream) || stream.state === CLOSED) return resolved;
  if (stream.state === ERRORED) return PromiseReject(stream.storedError);
  return WritableStreamClose(stream);
}

// section 5.5.3, WritableStreamDefaultWriterGetDesiredSize
function WritableStreamDefaultWriterGetDesiredSize(writer) {
  const stream = writer.stream;
  if (stream.state === ERRORED || stream.state === ERRORING) return null;
  if (stream.state === CLOSED) return 0;
  return WritableStreamDefaultControllerGetDesiredSize(stream.controller);
}

// section 5.5.3, WritableStreamDefaultWriterRelease
function WritableStreamDefaultWriterRelease(writer) {
  const stream = writer.stream;
  const releasedError = new LazyTypeError("The writer's lock was released.");
  writer.ready.rejectOrRenewLater(releasedError);
  writer.closed.rejectOrRenewLater(releasedError);
  stream.writer = null;
  writer.stream = null;
}

// section 5.5.3, WritableStreamDefaultWriterWrite. `request` is settled with the write, also if it fails at
// once.
function WritableStreamDefaultWriterWrite(writer, chunk, request) {
  const stream = writer.stream;
  const controller = stream.controller;
  const chunkSize = WritableStreamDefaultControllerGetChunkSize(controller, chunk);
  if (stream !== writer.stream) {
    request.reject(new TypeError("The writer's lock was released."));
  } else if (stream.state === ERRORED) {
    request.reject(stream.storedError);
  } else if (WritableStreamCloseQueuedOrInFlight(stream) || stream.state === CLOSED) {
    request.reject(new TypeError("The stream is closing or closed and cannot be written to."));
  } else if (stream.state === ERRORING) {
    request.reject(stream.storedError);
  } else {
    // WritableStreamAddWriteRequest
    stream.writeRequests.push(request);
    WritableStreamDefaultControllerWrite(controller, chunk, chunkSize);
  }
}

// section 5.5.4, SetUpWritableStreamDefaultController
function SetUpWritableStreamDefaultController(stream, controller) {
  controller.stream = stream;
  stream.controller = controller;
  WritableStreamUpdateBackpressure(stream, WritableStreamDefaultControllerGetBackpressure(controller));
  const startResult = controller.sink.start(controller);
  const onStarted = () => {
    controller.started = true;
    WritableStreamDefaultControllerAdvanceQueueIfNeeded(controller);
  };
  if (startResult === undefined) {
    PromisePrototypeThen(resolved, onStarted);
  } else {
    PromisePrototypeThen(PromiseResolve(startResult), onStarted, (r) => {
      controller.started = true;
      WritableStreamDealWithRejection(stream, r);
    });
  }
}

// section 5.5.1, CreateWritableStream: the state of a new stream into a sink object
function createWritableStreamFromSink(sink, highWaterMark, sizeAlgorithm) {
  const stream = new WritableStreamState();
  SetUpWritableStreamDefaultController(stream, new WritableControllerState(sink, highWaterMark, sizeAlgorithm));
  return stream;
}

// section 5.5.4, WritableStreamDefaultControllerAdvanceQueueIfNeeded
function WritableStreamDefaultControllerAdvanceQueueIfNeeded(controller) {
  const stream = controller.stream;
  if (!controller.started || stream.inFlightWriteRequest !== null) return;
  if (stream.state === ERRORING) {
    WritableStreamFinishErroring(stream);
    return;
  }
  if (controller.queue.isEmpty()) return;
  const value = controller.queue.peek();
  if (value === closeSentinel) WritableStreamDefaultControllerProcessClose(controller);
  else WritableStreamDefaultControllerProcessWrite(controller, value);
}

// section 5.5.4, WritableStreamDefaultControllerClearAlgorithms
function WritableStreamDefaultControllerClearAlgorithms(controller) {
  controller.sink = null;
  controller.sizeAlgorithm = null;
}

// section 5.5.4, WritableStreamDefaultControllerError
function WritableStreamDefaultControllerError(controller, error) {
  WritableStreamDefaultControllerClearAlgorithms(controller);
  WritableStreamStartErroring(controller.stream, error);
}

// section 5.5.4, WritableStreamDefaultControllerErrorIfNeeded
function WritableStreamDefaultControllerErrorIfNeeded(controller, error) {
  if (controller.stream.state === WRITABLE) WritableStreamDefaultControllerError(controller, error);
}

// section 5.5.4, WritableStreamDefaultControllerGetBackpressure
function WritableStreamDefaultControllerGetBackpressure(controller) {
  return WritableStreamDefaultControllerGetDesiredSize(controller) <= 0;
}

// section 5.5.4, WritableStreamDefaultControllerGetChunkSize
function WritableStreamDefaultControllerGetChunkSize(controller, chunk) {
  const sizeAlgorithm = controller.sizeAlgorithm;
  if (sizeAlgorithm === null) return 1;
  try {
    return sizeAlgorithm(chunk);
  } catch (e) {
    WritableStreamDefaultControllerErrorIfNeeded(controller, e);
    return 1;
  }
}

// section 5.5.4, WritableStreamDefaultControllerGetDesiredSize
function WritableStreamDefaultControllerGetDesiredSize(controller) {
  return controller.strategyHWM - controller.queue.totalSize;
}

// section 5.5.4, WritableStreamDefaultControllerProcessClose
function WritableStreamDefaultControllerProcessClose(controller) {
  const stream = controller.stream;
  // WritableStreamMarkCloseRequestInFlight
  stream.inFlightCloseRequest = stream.closeRequest;
  stream.closeRequest = null;
  controller.queue.dequeue();
  const sinkClosePromise = controller.sink.close();
  WritableStreamDefaultControllerClearAlgorithms(controller);
  PromisePrototypeThen(
    sinkClosePromise,
    () => WritableStreamFinishInFlightClose(stream),
    (reason) => WritableStreamFinishInFlightCloseWithError(stream, reason),
  );
}

// section 5.5.4, WritableStreamDefaultControllerProcessWrite
function WritableStreamDefaultControllerProcessWrite(controller, chunk) {
  const stream = controller.stream;
  // WritableStreamMarkFirstWriteRequestInFlight
  stream.inFlightWriteRequest = stream.writeRequests.shift();
  const sinkWritePromise = controller.sink.write(chunk, controller);
  if (controller.onWritten === null) {
    controller.onWritten = () => {
      WritableStreamFinishInFlightWrite(stream);
      controller.queue.dequeue();
      if (!WritableStreamCloseQueuedOrInFlight(stream) && stream.state === WRITABLE) {
        WritableStreamUpdateBackpressure(stream, WritableStreamDefaultControllerGetBackpressure(controller));
      }
      WritableStreamDefaultControllerAdvanceQueueIfNeeded(controller);
    };
    controller.onWriteFailed = (reason) => {
      if (stream.state === WRITABLE) WritableStreamDefaultControllerClearAlgorithms(controller);
      WritableStreamFinishInFlightWriteWithError(stream, reason);
    };
  }
  PromisePrototypeThen(sinkWritePromise, controller.onWritten, controller.onWriteFailed);
}

// section 5.5.4, WritableStreamDefaultControllerWrite
function WritableStreamDefaultControllerWrite(controller, chunk, chunkSize) {
  try {
    controller.queue.enqueue(chunk, chunkSize);
  } catch (e) {
    WritableStreamDefaultControllerErrorIfNeeded(controller, e);
    return;
  }
  const stream = controller.stream;
  if (!WritableStreamCloseQueuedOrInFlight(stream) && stream.state === WRITABLE) {
    WritableStreamUpdateBackpressure(stream, WritableStreamDefaultControllerGetBackpressure(controller));
  }
  WritableStreamDefaultControllerAdvanceQueueIfNeeded(controller);
}

streams.AcquireWritableStreamDefaultWriter = AcquireWritableStreamDefaultWriter;
streams.AlgorithmSink = AlgorithmSink;
streams.IsWritableStreamLocked = IsWritableStreamLocked;
streams.SetUpWritableStreamDefaultController = SetUpWritableStreamDefaultController;
streams.SetUpWritableStreamDefaultWriter = SetUpWritableStreamDefaultWriter;
streams.UserSink = UserSink;
streams.WRITABLE = WRITABLE;
streams.WRITABLE_CLOSED = CLOSED;
streams.WRITABLE_ERRORED = ERRORED;
streams.WRITABLE_ERRORING = ERRORING;
streams.WritableControllerState = WritableControllerState;
streams.WritableStreamAbort = WritableStreamAbort;
streams.WritableStreamClose = WritableStreamClose;
streams.WritableStreamCloseQueuedOrInFlight = WritableStreamCloseQueuedOrInFlight;
streams.WritableStreamDefaultControllerError = WritableStreamDefaultControllerError;
streams.WritableStreamDefaultControllerErrorIfNeeded = WritableStreamDefaultControllerErrorIfNeeded;
streams.WritableStreamDefaultWriterCloseWithErrorPropagation = WritableStreamDefaultWriterCloseWithErrorPropagation;
streams.WritableStreamDefaultWriterGetDesiredSize = WritableStreamDefaultWriterGetDesiredSize;
streams.WritableStreamDefaultWriterRelease = WritableStreamDefaultWriterRelease;
streams.WritableStreamDefaultWriterWrite = WritableStreamDefaultWriterWrite;
streams.WritableStreamState = WritableStreamState;
streams.WriterState = WriterState;
streams.createWritableStreamFromSink = createWritableStreamFromSink;
