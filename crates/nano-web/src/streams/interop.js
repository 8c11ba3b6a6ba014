// The interface of streams for other standards and the runtime: Streams section 9. Functions here take and
// give the objects that scripts see (shells), where the rest of this folder works on their states.
//
// Transferable streams (section 4.2.6, section 5.2.6, section 6.2.2) will be two more sources and sinks on a
// message port, made with createReadableStreamFromSource and createWritableStreamFromSink.

const { hideObjectPrototype, uncurryThis } = internal.primordials;
const webidl = internal.webidl;
const streams = internal.streams;
const {
  AlgorithmSink,
  AlgorithmSource,
  AlgorithmTransformer,
  CLOSED,
  ERRORED,
  READABLE,
  ReadableByteStreamControllerClose,
  ReadableByteStreamControllerEnqueue,
  ReadableByteStreamControllerError,
  ReadableByteStreamControllerGetBYOBRequest,
  ReadableByteStreamControllerGetDesiredSize,
  ReadableStreamCancel,
  ReadableStreamClose,
  ReadableStreamDefaultControllerClose,
  ReadableStreamDefaultControllerEnqueue,
  ReadableStreamDefaultControllerError,
  ReadableStreamDefaultControllerGetDesiredSize,
  ReadableStreamError,
  ReadableStreamPipeTo,
  ReadableStreamReaderRelease,
  ReadableStreamTee,
  TransformStream,
  TransformStreamDefaultControllerEnqueue,
  TransformStreamDefaultControllerTerminate,
  TransformStreamError,
  WRITABLE,
  WritableStreamAbort,
  WritableStreamClose,
  WritableStreamDefaultControllerErrorIfNeeded,
  createReadableByteStreamFromSource,
  createReadableStreamFromSource,
  createTransformState,
  createNativeReadableStreamState,
  createWritableStreamFromSink,
  getReadableState,
  getWritableState,
  readableShell,
  setPromiseIsHandledToTrue,
  takeNativeSourceOfState,
  writableShell,
} = streams;

// ---------------------------------------------------------------------------------------------------------------------
// Readable streams. section 9.1

// The operations themselves, as they are before any tenant can replace them.
const getReader = uncurryThis(streams.ReadableStream.prototype.getReader);
const cancelReader = uncurryThis(streams.ReadableStreamDefaultReader.prototype.cancel);

// Leaves a stream cancelled and locked for ever.
function cancelWithReader(stream) {
  cancelReader(getReader(stream));
}

// A stream that is filled by functions. startAlgorithm and pullAlgorithm take nothing, cancelAlgorithm the
// reason; each may return a promise, and each may be undefined. A size algorithm returns a number.
function createReadableStream(
  startAlgorithm, pullAlgorithm, cancelAlgorithm, highWaterMark = 1, sizeAlgorithm = null,
) {
  const source = new AlgorithmSource(startAlgorithm, pullAlgorithm, cancelAlgorithm);
  return readableShell(createReadableStreamFromSource(source, highWaterMark, sizeAlgorithm));
}

// section 9.1.1, set up with byte reading support
function createReadableByteStream(pullAlgorithm, cancelAlgorithm, highWaterMark = 0, startAlgorithm = undefined) {
  const source = new AlgorithmSource(startAlgorithm, pullAlgorithm, cancelAlgorithm);
  return readableShell(createReadableByteStreamFromSource(source, highWaterMark));
}

// A readable byte stream on a native source (streams/native.js says what that is); nothing is started.
function createNativeReadableStream(source) {
  return readableShell(createNativeReadableStreamState(source));
}

// The native source of an untouched stream, for the runtime to drain without JavaScript: the stream is then
// disturbed and locked; the runtime says how it ended with closeNative or errorNative. undefined for any
// other stream.
function takeNativeSource(stream) {
  return takeNativeSourceOfState(getReadableState(stream));
}

function closeTakenStream(state) {
  if (state.state === READABLE) ReadableStreamClose(state);
  releaseTaken(state);
}

function errorTakenStream(state, e) {
  if (state.state === READABLE) ReadableStreamError(state, e);
  releaseTaken(state);
}

function releaseTaken(state) {
  if (state.reader !== null) ReadableStreamReaderRelease(state.reader);
}

// section 9.1.1, close
function readableStreamClose(stream) {
  const { controller } = getReadableState(stream);
  if (controller.pendingPullIntos === undefined) {
    ReadableStreamDefaultControllerClose(controller);
    return;
  }
  ReadableByteStreamControllerClose(controller);
  if (controller.pendingPullIntos.size > 0) streams.ReadableByteStreamControllerRespond(controller, 0);
}

// section 9.1.1, error
function readableStreamError(stream, e) {
  const { controller } = getReadableState(stream);
  if (controller.pendingPullIntos === undefined) ReadableStreamDefaultControllerError(controller, e);
  else ReadableByteStreamControllerError(controller, e);
}

// section 9.1.1, enqueue. No effect on a stream that is closed or errored; a byte stream's chunk is a view
// that is then detached.
function readableStreamEnqueue(stream, chunk) {
  const { controller } = getReadableState(stream);
  if (controller.pendingPullIntos === undefined) ReadableStreamDefaultControllerEnqueue(controller, chunk);
  else ReadableByteStreamControllerEnqueue(controller, chunk);
}

// section 9.1.1, the desired size to fill up to the high water mark
function readableStreamDesiredSize(stream) {
  const { controller } = getReadableState(stream);
  return controller.pendingPullIntos === undefined
    ? ReadableStreamDefaultControllerGetDesiredSize(controller)
    : ReadableByteStreamControllerGetDesiredSize(controller);
}

// section 9.1.1, the current BYOB request's view, or null
function readableStreamBYOBRequestView(stream) {
  const request = ReadableByteStreamControllerGetBYOBRequest(getReadableState(stream).controller);
  return request === null ? null : streams.getBYOBRequestView(request);
}

function isLocked(stream) {
  return getReadableState(stream).reader !== null;
}

function isDisturbed(stream) {
  return getReadableState(stream).disturbed;
}

function isReadable(stream) {
  return getReadableState(stream).state === READABLE;
}

function isClosed(stream) {
  return getReadableState(stream).state === CLOSED;
}

function isErrored(stream) {
  return getReadableState(stream).state === ERRORED;
}

// The error of an errored stream
function getStoredError(stream) {
  return getReadableState(stream).storedError;
}

// section 9.1.2, cancel, also of a locked stream. The promise needs no handler.
function readableStreamCancel(stream, reason) {
  const promise = ReadableStreamCancel(getReadableState(stream), reason);
  setPromiseIsHandledToTrue(promise);
  return promise;
}

// section 9.1.2, tee: an array of two streams. With `cloneForBranch2` the second gets structured clones of
// chunks that are not bytes.
function readableStreamTee(stream, cloneForBranch2 = true) {
  const branches = ReadableStreamTee(getReadableState(stream), cloneForBranch2);
  return [readableShell(branches[0]), readableShell(branches[1])];
}

// section 9.5, pipe to. The promise needs no handler.
function readableStreamPipeTo(
  readable, writable, preventClose = false, preventAbort = false, preventCancel = false, signal = undefined,
  atOnce = false,
) {
  const promise = ReadableStreamPipeTo(
    getReadableState(readable), getWritableState(writable), preventClose, preventAbort, preventCancel, signal, atOnce,
  );
  setPromiseIsHandledToTrue(promise);
  return promise;
}

// section 9.5, pipe through: the transform's readable side
function readableStreamPipeThrough(readable, transform) {
  readableStreamPipeTo(readable, transform.writable);
  return transform.readable;
}

// section 9.5, create a proxy: a stream with the same content, for which the given one is locked.
function readableStreamProxy(stream) {
  return readableStreamPipeThrough(stream, createIdentityTransform());
}

// ---------------------------------------------------------------------------------------------------------------------
// Writable streams. section 9.2

// A stream into functions: writeAlgorithm takes a chunk, abortAlgorithm a reason; each may return a promise.
function createWritableStream(
  startAlgorithm, writeAlgorithm, closeAlgorithm, abortAlgorithm, highWaterMark = 1, sizeAlgorithm = null,
) {
  const sink = new AlgorithmSink(startAlgorithm, writeAlgorithm, closeAlgorithm, abortAlgorithm);
  return writableShell(createWritableStreamFromSink(sink, highWaterMark, sizeAlgorithm));
}

// section 9.2.1, error
function writableStreamError(stream, e) {
  const state = getWritableState(stream);
  if (state.state === WRITABLE) WritableStreamDefaultControllerErrorIfNeeded(state.controller, e);
}

function isWritableLocked(stream) {
  return getWritableState(stream).writer !== null;
}

// section 9.2.2, close
function writableStreamClose(stream) {
  return WritableStreamClose(getWritableState(stream));
}

function writableStreamAbort(stream, reason) {
  return WritableStreamAbort(getWritableState(stream), reason);
}

// ---------------------------------------------------------------------------------------------------------------------
// Transform streams. section 9.3

// A pair { readable, writable } for an interface that is a transform without being a TransformStream (section
// 9.4), whose getters return them. transformAlgorithm(chunk, controller), flushAlgorithm(controller),
// cancelAlgorithm(reason); each may return a promise or throw, the last two may be undefined. Give
// `controller` to the functions below.
function createTransform(
  transformAlgorithm, flushAlgorithm = undefined, cancelAlgorithm = undefined,
  writableHighWaterMark = 1, writableSizeAlgorithm = null, readableHighWaterMark = 0, readableSizeAlgorithm = null,
) {
  const transformer = new AlgorithmTransformer(transformAlgorithm, flushAlgorithm, cancelAlgorithm);
  return new TransformPair(createTransformState(
    transformer, undefined, writableHighWaterMark, writableSizeAlgorithm, readableHighWaterMark, readableSizeAlgorithm,
  ));
}

const TransformPair = hideObjectPrototype(class TransformPair {
  constructor(controller) {
    this.controller = controller;
  }

  get readable() {
    return readableShell(this.controller.readable);
  }

  get writable() {
    return writableShell(this.controller.writable);
  }
});

// section 9.3.1, create an identity TransformStream: a pair, as above
function createIdentityTransform() {
  return createTransform((chunk, controller) => TransformStreamDefaultControllerEnqueue(controller, chunk));
}

// The TransformStream of a pair, where a script is to have one
function transformStreamOf(pair) {
  return new TransformStream(webidl.constructorKey, pair.controller);
}

// section 9.3.1, enqueue, terminate and error, on a pair's controller
const transformEnqueue = TransformStreamDefaultControllerEnqueue;
const transformTerminate = TransformStreamDefaultControllerTerminate;
const transformError = TransformStreamError;

streams.closeTakenStream = closeTakenStream;
streams.createIdentityTransform = createIdentityTransform;
streams.createNativeReadableStream = createNativeReadableStream;
streams.createReadableByteStream = createReadableByteStream;
streams.createReadableStream = createReadableStream;
streams.createTransform = createTransform;
streams.createWritableStream = createWritableStream;
streams.errorTakenStream = errorTakenStream;
streams.closeNative = (stream) => closeTakenStream(getReadableState(stream));
streams.errorNative = (stream, e) => errorTakenStream(getReadableState(stream), e);
streams.failNativeSource = (stream, e) => streams.failNativeSourceOfState(getReadableState(stream), e);
streams.cancelWithReader = cancelWithReader;
streams.getStoredError = getStoredError;
streams.isClosed = isClosed;
streams.isDisturbed = isDisturbed;
streams.isErrored = isErrored;
streams.isLocked = isLocked;
streams.isReadable = isReadable;
streams.isWritableLocked = isWritableLocked;
streams.readableStreamBYOBRequestView = readableStreamBYOBRequestView;
streams.readableStreamCancel = readableStreamCancel;
streams.readableStreamClose = readableStreamClose;
streams.readableStreamDesiredSize = readableStreamDesiredSize;
streams.readableStreamEnqueue = readableStreamEnqueue;
streams.readableStreamError = readableStreamError;
streams.readableStreamPipeThrough = readableStreamPipeThrough;
streams.readableStreamPipeTo = readableStreamPipeTo;
streams.readableStreamProxy = readableStreamProxy;
streams.readableStreamTee = readableStreamTee;
streams.takeNativeSource = takeNativeSource;
streams.transformEnqueue = transformEnqueue;
streams.transformError = transformError;
streams.transformStreamOf = transformStreamOf;
streams.transformTerminate = transformTerminate;
streams.writableStreamAbort = writableStreamAbort;
streams.writableStreamClose = writableStreamClose;
streams.writableStreamError = writableStreamError;
internal.hooks.streamKinds = {
  __proto__: null,
  isReadable: streams.isReadableStream,
  isWritable: streams.isWritableStream,
  isTransform: streams.isTransformStream,
};
