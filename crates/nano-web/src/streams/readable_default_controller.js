// ReadableStreamDefaultController, and making streams with one. Streams section 4.6, section 4.9.4
//
// A source fills the stream: an object with `start(controller)`, `pull(controller) -> promise` or null in its
// place, and `cancel(reason) -> promise`. UserSource is that of a script's underlying source.

const { FunctionPrototypeCall, PromisePrototypeThen, PromiseResolve, TypeError, hideObjectPrototype } = internal.primordials;
const webidl = internal.webidl;
const streams = internal.streams;
const {
  CLOSED,
  ERRORED,
  QueueWithSizes,
  READABLE,
  ReadableStreamAddReadRequest,
  ReadableStreamClose,
  ReadableStreamError,
  ReadableStreamFulfillReadRequest,
  ReadableStreamGetNumReadRequests,
  ReadableStreamState,
  promiseCall1,
  resolved,
} = streams;

// A script's underlying source with the methods that its dictionary had. It serves byte controllers too.
const UserSource = hideObjectPrototype(class UserSource {
  constructor(object, dictionary) {
    this.object = object;
    this.startMethod = dictionary.start;
    this.pullMethod = dictionary.pull;
    this.cancelMethod = dictionary.cancel;
  }

  get pullable() {
    return this.pullMethod !== undefined;
  }

  start(controller) {
    return this.startMethod === undefined
      ? undefined
      : FunctionPrototypeCall(this.startMethod, this.object, controller.asShell());
  }

  pull(controller) {
    return promiseCall1(this.pullMethod, this.object, controller.asShell());
  }

  cancel(reason) {
    return this.cancelMethod === undefined ? resolved : promiseCall1(this.cancelMethod, this.object, reason);
  }
});

// A source of functions, for other standards and for the streams' own: each returns a promise, or undefined
// for "done".
const AlgorithmSource = hideObjectPrototype(class AlgorithmSource {
  constructor(startAlgorithm, pullAlgorithm, cancelAlgorithm) {
    this.startAlgorithm = startAlgorithm;
    this.pullAlgorithm = pullAlgorithm;
    this.cancelAlgorithm = cancelAlgorithm;
  }

  get pullable() {
    return this.pullAlgorithm !== undefined;
  }

  start() {
    return this.startAlgorithm === undefined ? undefined : (0, this.startAlgorithm)();
  }

  pull() {
    return promiseCall1(this.pullAlgorithm, undefined, undefined);
  }

  cancel(reason) {
    return this.cancelAlgorithm === undefined ? resolved : promiseCall1(this.cancelAlgorithm, undefined, reason);
  }
});

// The internal slots of a ReadableStreamDefaultController, and its internal methods
const DefaultControllerState = hideObjectPrototype(class DefaultControllerState {
  constructor(source, highWaterMark, sizeAlgorithm) {
    this.stream = null;
    // null once its algorithms are cleared
    this.source = source;
    this.queue = new QueueWithSizes();
    this.started = false;
    this.closeRequested = false;
    this.pullAgain = false;
    this.pulling = false;
    this.strategyHWM = highWaterMark;
    this.sizeAlgorithm = sizeAlgorithm;
    this.shell = null;
    // Reactions to the promises that pull() returns, made once.
    this.onPulled = null;
    this.onPullFailed = null;
  }

  asShell() {
    return this.shell ??= new ReadableStreamDefaultController(webidl.constructorKey, this);
  }

  // section 4.6.4, [[CancelSteps]]
  cancelSteps(reason) {
    this.queue.reset();
    const result = this.source.cancel(reason);
    ReadableStreamDefaultControllerClearAlgorithms(this);
    return result;
  }

  // section 4.6.4, [[PullSteps]]
  pullSteps(readRequest) {
    const queue = this.queue;
    if (!queue.isEmpty()) {
      const chunk = queue.dequeue();
      if (this.closeRequested && queue.isEmpty()) {
        ReadableStreamDefaultControllerClearAlgorithms(this);
        ReadableStreamClose(this.stream);
      } else {
        ReadableStreamDefaultControllerCallPullIfNeeded(this);
      }
      readRequest.chunkSteps(chunk);
    } else {
      ReadableStreamAddReadRequest(this.stream, readRequest);
      ReadableStreamDefaultControllerCallPullIfNeeded(this);
    }
  }

  // section 4.6.4, [[ReleaseSteps]]
  releaseSteps() {}
});

// section 4.9.4, ReadableStreamDefaultControllerCallPullIfNeeded
function ReadableStreamDefaultControllerCallPullIfNeeded(controller) {
  if (!ReadableStreamDefaultControllerShouldCallPull(controller)) return;
  // Without a pull algorithm there is nothing to wait for.
  const source = controller.source;
  if (!source.pullable) return;
  if (controller.pulling) {
    controller.pullAgain = true;
    return;
  }
  controller.pulling = true;
  if (controller.onPulled === null) {
    controller.onPulled = () => {
      controller.pulling = false;
      if (controller.pullAgain) {
        controller.pullAgain = false;
        ReadableStreamDefaultControllerCallPullIfNeeded(controller);
      }
    };
    controller.onPullFailed = (e) => ReadableStreamDefaultControllerError(controller, e);
  }
  PromisePrototypeThen(source.pull(controller), controller.onPulled, controller.onPullFailed);
}

// section 4.9.4, ReadableStreamDefaultControllerShouldCallPull
function ReadableStreamDefaultControllerShouldCallPull(controller) {
  if (!ReadableStreamDefaultControllerCanCloseOrEnqueue(controller) || !controller.started) return false;
  return ReadableStreamGetNumReadRequests(controller.stream) > 0 ||
    ReadableStreamDefaultControllerGetDesiredSize(controller) > 0;
}

// section 4.9.4, ReadableStreamDefaultControllerClearAlgorithms
function ReadableStreamDefaultControllerClearAlgorithms(controller) {
  controller.source = null;
  controller.sizeAlgorithm = null;
}

// section 4.9.4, ReadableStreamDefaultControllerClose
function ReadableStreamDefaultControllerClose(controller) {
  if (!ReadableStreamDefaultControllerCanCloseOrEnqueue(controller)) return;
  controller.closeRequested = true;
  if (controller.queue.isEmpty()) {
    ReadableStreamDefaultControllerClearAlgorithms(controller);
    ReadableStreamClose(controller.stream);
  }
}

// section 4.9.4, ReadableStreamDefaultControllerEnqueue
function ReadableStreamDefaultControllerEnqueue(controller, chunk) {
  if (!ReadableStreamDefaultControllerCanCloseOrEnqueue(controller)) return;
  const stream = controller.stream;
  if (ReadableStreamGetNumReadRequests(stream) > 0) {
    ReadableStreamFulfillReadRequest(stream, chunk, false);
  } else {
    try {
      const sizeAlgorithm = controller.sizeAlgorithm;
      controller.queue.enqueue(chunk, sizeAlgorithm === null ? 1 : sizeAlgorithm(chunk));
    } catch (e) {
      ReadableStreamDefaultControllerError(controller, e);
      throw e;
    }
  }
  ReadableStreamDefaultControllerCallPullIfNeeded(controller);
}

// section 4.9.4, ReadableStreamDefaultControllerError
function ReadableStreamDefaultControllerError(controller, e) {
  const stream = controller.stream;
  if (stream.state !== READABLE) return;
  controller.queue.reset();
  ReadableStreamDefaultControllerClearAlgorithms(controller);
  ReadableStreamError(stream, e);
}

// section 4.9.4, ReadableStreamDefaultControllerGetDesiredSize
function ReadableStreamDefaultControllerGetDesiredSize(controller) {
  const state = controller.stream.state;
  if (state === ERRORED) return null;
  if (state === CLOSED) return 0;
  return controller.strategyHWM - controller.queue.totalSize;
}

// section 4.9.4, ReadableStreamDefaultControllerHasBackpressure
function ReadableStreamDefaultControllerHasBackpressure(controller) {
  return !ReadableStreamDefaultControllerShouldCallPull(controller);
}

// section 4.9.4, ReadableStreamDefaultControllerCanCloseOrEnqueue
function ReadableStreamDefaultControllerCanCloseOrEnqueue(controller) {
  return !controller.closeRequested && controller.stream.state === READABLE;
}

// section 4.9.4, SetUpReadableStreamDefaultController
function SetUpReadableStreamDefaultController(stream, controller) {
  controller.stream = stream;
  stream.controller = controller;
  const startResult = controller.source.start(controller);
  const onStarted = () => {
    controller.started = true;
    ReadableStreamDefaultControllerCallPullIfNeeded(controller);
  };
  if (startResult === undefined) {
    PromisePrototypeThen(resolved, onStarted);
  } else {
    PromisePrototypeThen(
      PromiseResolve(startResult), onStarted, (r) => ReadableStreamDefaultControllerError(controller, r),
    );
  }
}

// section 4.9.1, CreateReadableStream: the state of a new stream, filled by a source object
function createReadableStreamFromSource(source, highWaterMark, sizeAlgorithm) {
  const stream = new ReadableStreamState(null);
  SetUpReadableStreamDefaultController(stream, new DefaultControllerState(source, highWaterMark, sizeAlgorithm));
  return stream;
}

// section 4.6
class ReadableStreamDefaultController {
  #controller;

  constructor(key = undefined, controller = undefined) {
    if (key !== webidl.constructorKey) webidl.illegalConstructor();
    this.#controller = controller;
  }

  get desiredSize() {
    return ReadableStreamDefaultControllerGetDesiredSize(this.#controller);
  }

  close() {
    const controller = this.#controller;
    if (!ReadableStreamDefaultControllerCanCloseOrEnqueue(controller)) {
      throw new TypeError("The stream is not in a state that permits close.");
    }
    ReadableStreamDefaultControllerClose(controller);
  }

  enqueue(chunk = undefined) {
    const controller = this.#controller;
    if (!ReadableStreamDefaultControllerCanCloseOrEnqueue(controller)) {
      throw new TypeError("The stream is not in a state that permits enqueue.");
    }
    ReadableStreamDefaultControllerEnqueue(controller, chunk);
  }

  error(e = undefined) {
    ReadableStreamDefaultControllerError(this.#controller, e);
  }
}
webidl.configureInterface(ReadableStreamDefaultController);

streams.AlgorithmSource = AlgorithmSource;
streams.DefaultControllerState = DefaultControllerState;
streams.UserSource = UserSource;
streams.ReadableStreamDefaultController = ReadableStreamDefaultController;
streams.ReadableStreamDefaultControllerCanCloseOrEnqueue = ReadableStreamDefaultControllerCanCloseOrEnqueue;
streams.ReadableStreamDefaultControllerClose = ReadableStreamDefaultControllerClose;
streams.ReadableStreamDefaultControllerEnqueue = ReadableStreamDefaultControllerEnqueue;
streams.ReadableStreamDefaultControllerError = ReadableStreamDefaultControllerError;
streams.ReadableStreamDefaultControllerGetDesiredSize = ReadableStreamDefaultControllerGetDesiredSize;
streams.ReadableStreamDefaultControllerHasBackpressure = ReadableStreamDefaultControllerHasBackpressure;
streams.SetUpReadableStreamDefaultController = SetUpReadableStreamDefaultController;
streams.createReadableStreamFromSource = createReadableStreamFromSource;
internal.expose({ ReadableStreamDefaultController });
