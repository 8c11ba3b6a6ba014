// ReadableByteStreamController and ReadableStreamBYOBRequest as scripts see them. Streams section 4.7, section 4.8

const { ArrayBufferPrototypeGetByteLength, TypeError, TypedArrayPrototypeGetBuffer } = internal.primordials;
const webidl = internal.webidl;
const { converters } = webidl;
const streams = internal.streams;
const {
  READABLE,
  ReadableByteStreamControllerClose,
  ReadableByteStreamControllerEnqueue,
  ReadableByteStreamControllerError,
  ReadableByteStreamControllerGetBYOBRequest,
  ReadableByteStreamControllerGetDesiredSize,
  ReadableByteStreamControllerRespond,
  ReadableByteStreamControllerRespondWithNewView,
  getByteLength,
  isDetachedBuffer,
} = streams;

// section 4.7
class ReadableByteStreamController {
  #controller;

  constructor(key = undefined, controller = undefined) {
    if (key !== webidl.constructorKey) webidl.illegalConstructor();
    this.#controller = controller;
  }

  get byobRequest() {
    return ReadableByteStreamControllerGetBYOBRequest(this.#controller);
  }

  get desiredSize() {
    return ReadableByteStreamControllerGetDesiredSize(this.#controller);
  }

  close() {
    const controller = this.#controller;
    if (controller.closeRequested || controller.stream.state !== READABLE) {
      throw new TypeError("The stream is not in a state that permits close.");
    }
    ReadableByteStreamControllerClose(controller);
  }

  enqueue(chunk) {
    const controller = this.#controller;
    const prefix = "Failed to execute 'enqueue' on 'ReadableByteStreamController'";
    webidl.requiredArguments(arguments.length, 1, prefix);
    chunk = converters.ArrayBufferView(chunk, prefix, "Argument 1");
    if (getByteLength(chunk) === 0) throw new TypeError(`${prefix}: The chunk is empty.`);
    if (ArrayBufferPrototypeGetByteLength(webidl.getViewBuffer(chunk)) === 0) {
      throw new TypeError(`${prefix}: The chunk's buffer is empty.`);
    }
    if (controller.closeRequested || controller.stream.state !== READABLE) {
      throw new TypeError("The stream is not in a state that permits enqueue.");
    }
    ReadableByteStreamControllerEnqueue(controller, chunk);
  }

  error(e = undefined) {
    ReadableByteStreamControllerError(this.#controller, e);
  }
}
webidl.configureInterface(ReadableByteStreamController);

let invalidateBYOBRequest;
let getBYOBRequestView;

// section 4.8
class ReadableStreamBYOBRequest {
  #controller;
  #view;

  constructor(key = undefined, controller = undefined, view = undefined) {
    if (key !== webidl.constructorKey) webidl.illegalConstructor();
    this.#controller = controller;
    this.#view = view;
  }

  get view() {
    return this.#view;
  }

  respond(bytesWritten) {
    const controller = this.#controller;
    const prefix = "Failed to execute 'respond' on 'ReadableStreamBYOBRequest'";
    webidl.requiredArguments(arguments.length, 1, prefix);
    bytesWritten = converters["unsigned long long"](bytesWritten, prefix, "Argument 1", enforceRange);
    if (this.#controller === null) throw new TypeError(`${prefix}: The request has been invalidated.`);
    if (isDetachedBuffer(TypedArrayPrototypeGetBuffer(this.#view))) {
      throw new TypeError(`${prefix}: The buffer of the request's view is detached.`);
    }
    ReadableByteStreamControllerRespond(controller, bytesWritten);
  }

  respondWithNewView(view) {
    const controller = this.#controller;
    const prefix = "Failed to execute 'respondWithNewView' on 'ReadableStreamBYOBRequest'";
    webidl.requiredArguments(arguments.length, 1, prefix);
    view = converters.ArrayBufferView(view, prefix, "Argument 1");
    if (controller === null) throw new TypeError(`${prefix}: The request has been invalidated.`);
    if (isDetachedBuffer(webidl.getViewBuffer(view))) {
      throw new TypeError(`${prefix}: The view's buffer is detached.`);
    }
    ReadableByteStreamControllerRespondWithNewView(controller, view);
  }

  static {
    invalidateBYOBRequest = (request) => {
      request.#controller = null;
      request.#view = null;
    };
    getBYOBRequestView = (request) => request.#view;
  }
}
webidl.configureInterface(ReadableStreamBYOBRequest);

const enforceRange = { __proto__: null, enforceRange: true };

streams.ReadableByteStreamController = ReadableByteStreamController;
streams.ReadableStreamBYOBRequest = ReadableStreamBYOBRequest;
streams.getBYOBRequestView = getBYOBRequestView;
streams.invalidateBYOBRequest = invalidateBYOBRequest;
streams.newReadableByteStreamController = (controller) =>
  new ReadableByteStreamController(webidl.constructorKey, controller);
streams.newReadableStreamBYOBRequest = (controller, view) =>
  new ReadableStreamBYOBRequest(webidl.constructorKey, controller, view);
internal.expose({ ReadableByteStreamController, ReadableStreamBYOBRequest });
