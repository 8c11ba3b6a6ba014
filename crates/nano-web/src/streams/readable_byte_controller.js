// The controller of readable byte streams: its state and algorithms. Streams section 4.7.4, section 4.9.5. The classes that scripts see are
// in readable_byte_classes.js.
//
// Sources are as for the default controller. Every buffer that enters or leaves is transferred, so that nobody can change
// bytes that are queued.

const {
  ArrayBuffer,
  ArrayBufferPrototypeGetByteLength,
  ArrayBufferPrototypeSlice,
  ArrayPrototypePush,
  DataView,
  DataViewPrototypeGetByteLength,
  DataViewPrototypeGetByteOffset,
  MathMin,
  PromisePrototypeThen,
  PromiseResolve,
  RangeError,
  TypeError,
  TypedArrayPrototypeGetByteLength,
  TypedArrayPrototypeGetByteOffset,
  TypedArrayPrototypeGetSymbolToStringTag,
  Uint8Array,
  hideObjectPrototype,
} = internal.primordials;
const webidl = internal.webidl;
const streams = internal.streams;
const {
  CLOSED,
  ERRORED,
  Queue,
  READABLE,
  ReadableStreamAddReadRequest,
  ReadableStreamClose,
  ReadableStreamError,
  ReadableStreamFulfillReadRequest,
  ReadableStreamGetNumReadIntoRequests,
  ReadableStreamGetNumReadRequests,
  ReadableStreamHasBYOBReader,
  ReadableStreamHasDefaultReader,
  ReadableStreamState,
  copyBytes,
  isDetachedBuffer,
  resolved,
  transferArrayBuffer,
} = streams;

// The reader types of a pull-into descriptor
const READER_DEFAULT = 0;
const READER_BYOB = 1;
const READER_NONE = 2;

// Constructors and element sizes of views by class string; a DataView has none.
const viewTypes = { __proto__: null };
{
  const names = [
    "Int8Array", "Uint8Array", "Uint8ClampedArray", "Int16Array", "Uint16Array", "Int32Array", "Uint32Array",
    "Float16Array", "Float32Array", "Float64Array", "BigInt64Array", "BigUint64Array",
  ];
  for (let i = 0; i < names.length; i++) {
    const constructor = internal.primordials[names[i]];
    if (constructor !== undefined) {
      viewTypes[names[i]] = { __proto__: null, constructor, elementSize: constructor.BYTES_PER_ELEMENT };
    }
  }
}
const dataViewType = { __proto__: null, constructor: DataView, elementSize: 1 };

function getViewType(view) {
  const name = TypedArrayPrototypeGetSymbolToStringTag(view);
  return name === undefined ? dataViewType : viewTypes[name];
}

function getByteLength(view) {
  return TypedArrayPrototypeGetSymbolToStringTag(view) === undefined
    ? DataViewPrototypeGetByteLength(view)
    : TypedArrayPrototypeGetByteLength(view);
}

function getByteOffset(view) {
  return TypedArrayPrototypeGetSymbolToStringTag(view) === undefined
    ? DataViewPrototypeGetByteOffset(view)
    : TypedArrayPrototypeGetByteOffset(view);
}

// section 4.7.2, readable byte stream queue entry
const QueueEntry = hideObjectPrototype(class QueueEntry {
  constructor(buffer, byteOffset, byteLength) {
    this.buffer = buffer;
    this.byteOffset = byteOffset;
    this.byteLength = byteLength;
  }
});

// section 4.7.2, pull-into descriptor
const PullIntoDescriptor = hideObjectPrototype(class PullIntoDescriptor {
  constructor(buffer, byteOffset, byteLength, minimumFill, viewType, readerType) {
    this.buffer = buffer;
    this.bufferByteLength = ArrayBufferPrototypeGetByteLength(buffer);
    this.byteOffset = byteOffset;
    this.byteLength = byteLength;
    this.bytesFilled = 0;
    this.minimumFill = minimumFill;
    this.elementSize = viewType.elementSize;
    this.viewConstructor = viewType.constructor;
    this.readerType = readerType;
  }
});

// The internal slots of a ReadableByteStreamController, and its internal methods
const ByteControllerState = hideObjectPrototype(class ByteControllerState {
  constructor(source, highWaterMark, autoAllocateChunkSize) {
    this.stream = null;
    // null once its algorithms are cleared
    this.source = source;
    this.queue = new Queue();
    this.queueTotalSize = 0;
    this.started = false;
    this.closeRequested = false;
    this.pullAgain = false;
    this.pulling = false;
    this.strategyHWM = highWaterMark;
    this.autoAllocateChunkSize = autoAllocateChunkSize;
    this.byobRequest = null;
    this.pendingPullIntos = new Queue();
    this.shell = null;
    this.onPulled = null;
    this.onPullFailed = null;
  }

  asShell() {
    return this.shell ??= streams.newReadableByteStreamController(this);
  }

  // section 4.7.4, [[CancelSteps]]
  cancelSteps(reason) {
    ReadableByteStreamControllerClearPendingPullIntos(this);
    resetQueue(this);
    const result = this.source.cancel(reason);
    this.source = null;
    return result;
  }

  // section 4.7.4, [[PullSteps]]
  pullSteps(readRequest) {
    if (this.queueTotalSize > 0) {
      ReadableByteStreamControllerFillReadRequestFromQueue(this, readRequest);
      return;
    }
    const size = this.autoAllocateChunkSize;
    if (size !== undefined) {
      let buffer;
      try {
        buffer = new ArrayBuffer(size);
      } catch (e) {
        readRequest.errorSteps(e);
        return;
      }
      this.pendingPullIntos.push(new PullIntoDescriptor(buffer, 0, size, 1, viewTypes.Uint8Array, READER_DEFAULT));
    }
    ReadableStreamAddReadRequest(this.stream, readRequest);
    ReadableByteStreamControllerCallPullIfNeeded(this);
  }

  // section 4.7.4, [[ReleaseSteps]]
  releaseSteps() {
    if (this.pendingPullIntos.size > 0) {
      const firstPendingPullInto = this.pendingPullIntos.peek();
      firstPendingPullInto.readerType = READER_NONE;
      this.pendingPullIntos.clear();
      this.pendingPullIntos.push(firstPendingPullInto);
    }
  }

  // section 4.9.5, ReadableByteStreamControllerPullInto
  pullInto(view, min, readIntoRequest) {
    const stream = this.stream;
    const viewType = getViewType(view);
    const byteOffset = getByteOffset(view);
    const byteLength = getByteLength(view);
    let buffer;
    try {
      buffer = transferArrayBuffer(webidl.getViewBuffer(view));
    } catch (e) {
      readIntoRequest.errorSteps(e);
      return;
    }
    const descriptor =
      new PullIntoDescriptor(buffer, byteOffset, byteLength, min * viewType.elementSize, viewType, READER_BYOB);
    if (this.pendingPullIntos.size > 0) {
      this.pendingPullIntos.push(descriptor);
      ReadableStreamAddReadRequest(stream, readIntoRequest);
      return;
    }
    if (stream.state === CLOSED) {
      readIntoRequest.closeSteps(new descriptor.viewConstructor(buffer, byteOffset, 0));
      return;
    }
    if (this.queueTotalSize > 0) {
      if (ReadableByteStreamControllerFillPullIntoDescriptorFromQueue(this, descriptor)) {
        const filledView = ReadableByteStreamControllerConvertPullIntoDescriptor(descriptor);
        ReadableByteStreamControllerHandleQueueDrain(this);
        readIntoRequest.chunkSteps(filledView);
        return;
      }
      if (this.closeRequested) {
        const e = new TypeError("The stream ends within an element of the view.");
        ReadableByteStreamControllerError(this, e);
        readIntoRequest.errorSteps(e);
        return;
      }
    }
    this.pendingPullIntos.push(descriptor);
    ReadableStreamAddReadRequest(stream, readIntoRequest);
    ReadableByteStreamControllerCallPullIfNeeded(this);
  }
});

function resetQueue(controller) {
  controller.queue.clear();
  controller.queueTotalSize = 0;
}

// section 4.9.5, ReadableByteStreamControllerCallPullIfNeeded
function ReadableByteStreamControllerCallPullIfNeeded(controller) {
  if (!ReadableByteStreamControllerShouldCallPull(controller)) return;
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
        ReadableByteStreamControllerCallPullIfNeeded(controller);
      }
    };
    controller.onPullFailed = (e) => ReadableByteStreamControllerError(controller, e);
  }
  PromisePrototypeThen(source.pull(controller), controller.onPulled, controller.onPullFailed);
}

// section 4.9.5, ReadableByteStreamControllerShouldCallPull
function ReadableByteStreamControllerShouldCallPull(controller) {
  const stream = controller.stream;
  if (stream.state !== READABLE || controller.closeRequested || !controller.started) return false;
  return (stream.reader !== null && stream.reader.requests.size > 0) ||
    ReadableByteStreamControllerGetDesiredSize(controller) > 0;
}

// section 4.9.5, ReadableByteStreamControllerClearPendingPullIntos
function ReadableByteStreamControllerClearPendingPullIntos(controller) {
  ReadableByteStreamControllerInvalidateBYOBRequest(controller);
  controller.pendingPullIntos.clear();
}

// section 4.9.5, ReadableByteStreamControllerClose
function ReadableByteStreamControllerClose(controller) {
  const stream = controller.stream;
  if (controller.closeRequested || stream.state !== READABLE) return;
  if (controller.queueTotalSize > 0) {
    controller.closeRequested = true;
    return;
  }
  if (controller.pendingPullIntos.size > 0) {
    const first = controller.pendingPullIntos.peek();
    if (first.bytesFilled % first.elementSize !== 0) {
      const e = new TypeError("The stream ends within an element of the view.");
      ReadableByteStreamControllerError(controller, e);
      throw e;
    }
  }
  controller.source = null;
  ReadableStreamClose(stream);
}

// section 4.9.5, ReadableByteStreamControllerCommitPullIntoDescriptor
function ReadableByteStreamControllerCommitPullIntoDescriptor(stream, descriptor) {
  const done = stream.state === CLOSED;
  ReadableStreamFulfillReadRequest(stream, ReadableByteStreamControllerConvertPullIntoDescriptor(descriptor), done);
}

// section 4.9.5, ReadableByteStreamControllerConvertPullIntoDescriptor
function ReadableByteStreamControllerConvertPullIntoDescriptor(descriptor) {
  const buffer = transferArrayBuffer(descriptor.buffer);
  return new descriptor.viewConstructor(
    buffer, descriptor.byteOffset, descriptor.bytesFilled / descriptor.elementSize,
  );
}

// section 4.9.5, ReadableByteStreamControllerEnqueue
function ReadableByteStreamControllerEnqueue(controller, chunk) {
  const stream = controller.stream;
  if (controller.closeRequested || stream.state !== READABLE) return;
  const buffer = webidl.getViewBuffer(chunk);
  const byteOffset = getByteOffset(chunk);
  const byteLength = getByteLength(chunk);
  const transferredBuffer = transferArrayBuffer(buffer);
  const pending = controller.pendingPullIntos;
  if (pending.size > 0) {
    const first = pending.peek();
    if (isDetachedBuffer(first.buffer)) {
      throw new TypeError("The buffer of the BYOB request is detached; a chunk cannot be enqueued.");
    }
    ReadableByteStreamControllerInvalidateBYOBRequest(controller);
    first.buffer = transferArrayBuffer(first.buffer);
    if (first.readerType === READER_NONE) {
      ReadableByteStreamControllerEnqueueDetachedPullIntoToQueue(controller, first);
    }
  }
  if (ReadableStreamHasDefaultReader(stream)) {
    ReadableByteStreamControllerProcessReadRequestsUsingQueue(controller);
    if (ReadableStreamGetNumReadRequests(stream) === 0) {
      ReadableByteStreamControllerEnqueueChunkToQueue(controller, transferredBuffer, byteOffset, byteLength);
    } else {
      if (pending.size > 0) pending.shift();
      ReadableStreamFulfillReadRequest(stream, new Uint8Array(transferredBuffer, byteOffset, byteLength), false);
    }
  } else if (ReadableStreamHasBYOBReader(stream)) {
    ReadableByteStreamControllerEnqueueChunkToQueue(controller, transferredBuffer, byteOffset, byteLength);
    commitPullIntos(stream, ReadableByteStreamControllerProcessPullIntoDescriptorsUsingQueue(controller));
  } else {
    ReadableByteStreamControllerEnqueueChunkToQueue(controller, transferredBuffer, byteOffset, byteLength);
  }
  ReadableByteStreamControllerCallPullIfNeeded(controller);
}

function commitPullIntos(stream, descriptors) {
  if (descriptors === null) return;
  for (let i = 0; i < descriptors.length; i++) {
    ReadableByteStreamControllerCommitPullIntoDescriptor(stream, descriptors[i]);
  }
}

// section 4.9.5, ReadableByteStreamControllerEnqueueChunkToQueue
function ReadableByteStreamControllerEnqueueChunkToQueue(controller, buffer, byteOffset, byteLength) {
  controller.queue.push(new QueueEntry(buffer, byteOffset, byteLength));
  controller.queueTotalSize += byteLength;
}

// section 4.9.5, ReadableByteStreamControllerEnqueueClonedChunkToQueue
function ReadableByteStreamControllerEnqueueClonedChunkToQueue(controller, buffer, byteOffset, byteLength) {
  let clone;
  try {
    clone = ArrayBufferPrototypeSlice(buffer, byteOffset, byteOffset + byteLength);
  } catch (e) {
    ReadableByteStreamControllerError(controller, e);
    throw e;
  }
  ReadableByteStreamControllerEnqueueChunkToQueue(controller, clone, 0, byteLength);
}

// section 4.9.5, ReadableByteStreamControllerEnqueueDetachedPullIntoToQueue
function ReadableByteStreamControllerEnqueueDetachedPullIntoToQueue(controller, descriptor) {
  if (descriptor.bytesFilled > 0) {
    ReadableByteStreamControllerEnqueueClonedChunkToQueue(
      controller, descriptor.buffer, descriptor.byteOffset, descriptor.bytesFilled,
    );
  }
  controller.pendingPullIntos.shift();
}

// section 4.9.5, ReadableByteStreamControllerError
function ReadableByteStreamControllerError(controller, e) {
  const stream = controller.stream;
  if (stream.state !== READABLE) return;
  ReadableByteStreamControllerClearPendingPullIntos(controller);
  resetQueue(controller);
  controller.source = null;
  ReadableStreamError(stream, e);
}

// section 4.9.5, ReadableByteStreamControllerFillPullIntoDescriptorFromQueue
function ReadableByteStreamControllerFillPullIntoDescriptorFromQueue(controller, descriptor) {
  const maxBytesToCopy = MathMin(controller.queueTotalSize, descriptor.byteLength - descriptor.bytesFilled);
  const maxBytesFilled = descriptor.bytesFilled + maxBytesToCopy;
  const maxAlignedBytes = maxBytesFilled - maxBytesFilled % descriptor.elementSize;
  let remaining = maxBytesToCopy;
  let ready = false;
  if (maxAlignedBytes >= descriptor.minimumFill) {
    remaining = maxAlignedBytes - descriptor.bytesFilled;
    ready = true;
  }
  const queue = controller.queue;
  while (remaining > 0) {
    const head = queue.peek();
    const bytesToCopy = MathMin(remaining, head.byteLength);
    copyBytes(
      descriptor.buffer, descriptor.byteOffset + descriptor.bytesFilled, head.buffer, head.byteOffset, bytesToCopy,
    );
    if (head.byteLength === bytesToCopy) {
      queue.shift();
    } else {
      head.byteOffset += bytesToCopy;
      head.byteLength -= bytesToCopy;
    }
    controller.queueTotalSize -= bytesToCopy;
    descriptor.bytesFilled += bytesToCopy;
    remaining -= bytesToCopy;
  }
  return ready;
}

// section 4.9.5, ReadableByteStreamControllerFillReadRequestFromQueue
function ReadableByteStreamControllerFillReadRequestFromQueue(controller, readRequest) {
  const entry = controller.queue.shift();
  controller.queueTotalSize -= entry.byteLength;
  ReadableByteStreamControllerHandleQueueDrain(controller);
  readRequest.chunkSteps(new Uint8Array(entry.buffer, entry.byteOffset, entry.byteLength));
}

// section 4.9.5, ReadableByteStreamControllerGetBYOBRequest
function ReadableByteStreamControllerGetBYOBRequest(controller) {
  if (controller.byobRequest === null && controller.pendingPullIntos.size > 0) {
    const first = controller.pendingPullIntos.peek();
    const view = new Uint8Array(first.buffer, first.byteOffset + first.bytesFilled, first.byteLength - first.bytesFilled);
    controller.byobRequest = streams.newReadableStreamBYOBRequest(controller, view);
  }
  return controller.byobRequest;
}

// section 4.9.5, ReadableByteStreamControllerGetDesiredSize
function ReadableByteStreamControllerGetDesiredSize(controller) {
  const state = controller.stream.state;
  if (state === ERRORED) return null;
  if (state === CLOSED) return 0;
  return controller.strategyHWM - controller.queueTotalSize;
}

// section 4.9.5, ReadableByteStreamControllerHandleQueueDrain
function ReadableByteStreamControllerHandleQueueDrain(controller) {
  if (controller.queueTotalSize === 0 && controller.closeRequested) {
    controller.source = null;
    ReadableStreamClose(controller.stream);
  } else {
    ReadableByteStreamControllerCallPullIfNeeded(controller);
  }
}

// section 4.9.5, ReadableByteStreamControllerInvalidateBYOBRequest
function ReadableByteStreamControllerInvalidateBYOBRequest(controller) {
  if (controller.byobRequest === null) return;
  streams.invalidateBYOBRequest(controller.byobRequest);
  controller.byobRequest = null;
}

// section 4.9.5, ReadableByteStreamControllerProcessPullIntoDescriptorsUsingQueue; null for none
function ReadableByteStreamControllerProcessPullIntoDescriptorsUsingQueue(controller) {
  let filled = null;
  while (controller.pendingPullIntos.size > 0 && controller.queueTotalSize > 0) {
    const descriptor = controller.pendingPullIntos.peek();
    if (!ReadableByteStreamControllerFillPullIntoDescriptorFromQueue(controller, descriptor)) continue;
    controller.pendingPullIntos.shift();
    ArrayPrototypePush(filled ??= [], descriptor);
  }
  return filled;
}

// section 4.9.5, ReadableByteStreamControllerProcessReadRequestsUsingQueue
function ReadableByteStreamControllerProcessReadRequestsUsingQueue(controller) {
  const { requests } = controller.stream.reader;
  while (requests.size > 0 && controller.queueTotalSize > 0) {
    ReadableByteStreamControllerFillReadRequestFromQueue(controller, requests.shift());
  }
}

// section 4.9.5, ReadableByteStreamControllerRespond
function ReadableByteStreamControllerRespond(controller, bytesWritten) {
  const first = controller.pendingPullIntos.peek();
  if (controller.stream.state === CLOSED) {
    if (bytesWritten !== 0) throw new TypeError("bytesWritten must be 0 when the stream is closed.");
  } else {
    if (bytesWritten === 0) throw new TypeError("bytesWritten must be more than 0 while the stream is readable.");
    if (first.bytesFilled + bytesWritten > first.byteLength) {
      throw new RangeError("bytesWritten is more than the BYOB request has room for.");
    }
  }
  first.buffer = transferArrayBuffer(first.buffer);
  ReadableByteStreamControllerRespondInternal(controller, bytesWritten);
}

// section 4.9.5, ReadableByteStreamControllerRespondInClosedState
function ReadableByteStreamControllerRespondInClosedState(controller, first) {
  if (first.readerType === READER_NONE) controller.pendingPullIntos.shift();
  const stream = controller.stream;
  if (!ReadableStreamHasBYOBReader(stream)) return;
  const filled = [];
  const count = ReadableStreamGetNumReadIntoRequests(stream);
  while (filled.length < count) ArrayPrototypePush(filled, controller.pendingPullIntos.shift());
  commitPullIntos(stream, filled);
}

// section 4.9.5, ReadableByteStreamControllerRespondInReadableState
function ReadableByteStreamControllerRespondInReadableState(controller, bytesWritten, descriptor) {
  const stream = controller.stream;
  descriptor.bytesFilled += bytesWritten;
  if (descriptor.readerType === READER_NONE) {
    ReadableByteStreamControllerEnqueueDetachedPullIntoToQueue(controller, descriptor);
    commitPullIntos(stream, ReadableByteStreamControllerProcessPullIntoDescriptorsUsingQueue(controller));
    return;
  }
  if (descriptor.bytesFilled < descriptor.minimumFill) return;
  controller.pendingPullIntos.shift();
  const remainderSize = descriptor.bytesFilled % descriptor.elementSize;
  if (remainderSize > 0) {
    const end = descriptor.byteOffset + descriptor.bytesFilled;
    ReadableByteStreamControllerEnqueueClonedChunkToQueue(
      controller, descriptor.buffer, end - remainderSize, remainderSize,
    );
    descriptor.bytesFilled -= remainderSize;
  }
  const filled = ReadableByteStreamControllerProcessPullIntoDescriptorsUsingQueue(controller);
  ReadableByteStreamControllerCommitPullIntoDescriptor(stream, descriptor);
  commitPullIntos(stream, filled);
}

// section 4.9.5, ReadableByteStreamControllerRespondInternal
function ReadableByteStreamControllerRespondInternal(controller, bytesWritten) {
  const first = controller.pendingPullIntos.peek();
  ReadableByteStreamControllerInvalidateBYOBRequest(controller);
  if (controller.stream.state === CLOSED) ReadableByteStreamControllerRespondInClosedState(controller, first);
  else ReadableByteStreamControllerRespondInReadableState(controller, bytesWritten, first);
  ReadableByteStreamControllerCallPullIfNeeded(controller);
}

// section 4.9.5, ReadableByteStreamControllerRespondWithNewView
function ReadableByteStreamControllerRespondWithNewView(controller, view) {
  const first = controller.pendingPullIntos.peek();
  const byteLength = getByteLength(view);
  const buffer = webidl.getViewBuffer(view);
  if (controller.stream.state === CLOSED) {
    if (byteLength !== 0) throw new TypeError("The view must be empty when the stream is closed.");
  } else if (byteLength === 0) {
    throw new TypeError("The view must not be empty while the stream is readable.");
  }
  if (first.byteOffset + first.bytesFilled !== getByteOffset(view)) {
    throw new RangeError("The view starts at another place than the BYOB request's.");
  }
  if (first.bufferByteLength !== ArrayBufferPrototypeGetByteLength(buffer)) {
    throw new RangeError("The view's buffer is of another length than the BYOB request's.");
  }
  if (first.bytesFilled + byteLength > first.byteLength) {
    throw new RangeError("The view is longer than the BYOB request's.");
  }
  first.buffer = transferArrayBuffer(buffer);
  ReadableByteStreamControllerRespondInternal(controller, byteLength);
}

// section 4.9.5, SetUpReadableByteStreamController
function SetUpReadableByteStreamController(stream, controller) {
  controller.stream = stream;
  stream.controller = controller;
  const startResult = controller.source.start(controller);
  const onStarted = () => {
    controller.started = true;
    ReadableByteStreamControllerCallPullIfNeeded(controller);
  };
  if (startResult === undefined) {
    PromisePrototypeThen(resolved, onStarted);
  } else {
    PromisePrototypeThen(
      PromiseResolve(startResult), onStarted, (r) => ReadableByteStreamControllerError(controller, r),
    );
  }
}

// section 4.9.1, CreateReadableByteStream: the state of a new byte stream, filled by a source object
function createReadableByteStreamFromSource(source, highWaterMark = 0, autoAllocateChunkSize = undefined) {
  const stream = new ReadableStreamState(null);
  SetUpReadableByteStreamController(stream, new ByteControllerState(source, highWaterMark, autoAllocateChunkSize));
  return stream;
}

streams.ByteControllerState = ByteControllerState;
streams.ReadableByteStreamControllerClose = ReadableByteStreamControllerClose;
streams.ReadableByteStreamControllerEnqueue = ReadableByteStreamControllerEnqueue;
streams.ReadableByteStreamControllerError = ReadableByteStreamControllerError;
streams.ReadableByteStreamControllerGetBYOBRequest = ReadableByteStreamControllerGetBYOBRequest;
streams.ReadableByteStreamControllerGetDesiredSize = ReadableByteStreamControllerGetDesiredSize;
streams.ReadableByteStreamControllerRespond = ReadableByteStreamControllerRespond;
streams.ReadableByteStreamControllerRespondWithNewView = ReadableByteStreamControllerRespondWithNewView;
streams.SetUpReadableByteStreamController = SetUpReadableByteStreamController;
streams.createReadableByteStreamFromSource = createReadableByteStreamFromSource;
streams.getByteLength = getByteLength;
streams.getByteOffset = getByteOffset;
streams.getViewType = getViewType;
