// Teeing. Streams section 4.9.1, ReadableStreamTee and its two algorithms. Branches are states; shells are
// the caller's.

const {
  ArrayBufferIsView,
  PromisePrototypeThen,
  PromiseWithResolvers,
  Uint8Array,
  TypedArrayPrototypeGetBuffer,
  TypedArrayPrototypeGetByteLength,
  TypedArrayPrototypeGetByteOffset,
  TypedArrayPrototypeGetSymbolToStringTag,
  ArrayBufferPrototypeSlice,
  hideObjectPrototype,
} = internal.primordials;
const { getViewBuffer, isArrayBuffer } = internal.webidl;
const streams = internal.streams;
const {
  AcquireReadableStreamBYOBReader,
  AcquireReadableStreamDefaultReader,
  ReadableByteStreamControllerClose,
  ReadableByteStreamControllerEnqueue,
  ReadableByteStreamControllerError,
  ReadableByteStreamControllerGetBYOBRequest,
  ReadableByteStreamControllerRespond,
  ReadableByteStreamControllerRespondWithNewView,
  ReadableStreamBYOBReaderRead,
  ReadableStreamCancel,
  ReadableStreamDefaultControllerClose,
  ReadableStreamDefaultControllerEnqueue,
  ReadableStreamDefaultControllerError,
  ReadableStreamDefaultReaderRead,
  ReadableStreamReaderRelease,
  createReadableByteStreamFromSource,
  createReadableStreamFromSource,
  getByteLength,
  getByteOffset,
  getViewType,
  resolved,
} = streams;

// The structured clone of a chunk. Bytes, which is what bodies are made of, need no serializer; of a view
// only what it shows is copied. Other objects are shared as long as there is no structured clone.
function cloneChunk(chunk) {
  if (isUint8Array(chunk)) return CloneAsUint8Array(chunk);
  if (isArrayBuffer(chunk)) return ArrayBufferPrototypeSlice(chunk, 0);
  if (ArrayBufferIsView(chunk) && isArrayBuffer(getViewBuffer(chunk))) {
    const { constructor: Constructor } = getViewType(chunk);
    const begin = getByteOffset(chunk);
    const length = getByteLength(chunk);
    return new Constructor(ArrayBufferPrototypeSlice(getViewBuffer(chunk), begin, begin + length));
  }
  return internal.structuredClone === undefined ? chunk : internal.structuredClone(chunk);
}

// ReadableStreamTee: an array of two states
function ReadableStreamTee(stream, cloneForBranch2) {
  return stream.controller.pullInto !== undefined
    ? new ByteTee(stream).branches
    : new DefaultTee(stream, cloneForBranch2).branches;
}

// One branch as the source of its stream
const BranchSource = hideObjectPrototype(class BranchSource {
  constructor(tee, index) {
    this.tee = tee;
    this.index = index;
  }

  get pullable() {
    return true;
  }

  start() {}

  pull() {
    return this.tee.pull(this.index);
  }

  cancel(reason) {
    return this.tee.cancel(this.index, reason);
  }
});

// Shared by both algorithms: cancellation reaches the stream once both branches are canceled, with both
// reasons.
class Tee {
  constructor(stream) {
    this.stream = stream;
    this.reader = AcquireReadableStreamDefaultReader(stream);
    this.reading = false;
    this.canceled = [false, false];
    this.reasons = [undefined, undefined];
    this.canceling = PromiseWithResolvers();
    this.branches = null;
  }

  cancel(index, reason) {
    this.canceled[index] = true;
    this.reasons[index] = reason;
    if (this.canceled[1 - index]) {
      this.canceling.resolve(ReadableStreamCancel(this.stream, [this.reasons[0], this.reasons[1]]));
    }
    return this.canceling.promise;
  }

  // Nobody needs to wait for the cancellation of what has ended.
  finishCancel() {
    if (!this.canceled[0] || !this.canceled[1]) this.canceling.resolve(undefined);
  }
}
hideObjectPrototype(Tee);

// ReadableStreamDefaultTee. The object is its own read request.
class DefaultTee extends Tee {
  constructor(stream, cloneForBranch2) {
    super(stream);
    this.cloneForBranch2 = cloneForBranch2;
    this.readAgain = false;
    this.branches = [
      createReadableStreamFromSource(new BranchSource(this, 0), 1, null),
      createReadableStreamFromSource(new BranchSource(this, 1), 1, null),
    ];
    PromisePrototypeThen(this.reader.closed.promise, undefined, (r) => {
      ReadableStreamDefaultControllerError(this.branches[0].controller, r);
      ReadableStreamDefaultControllerError(this.branches[1].controller, r);
      this.finishCancel();
    });
  }

  pull() {
    if (this.reading) {
      this.readAgain = true;
      return resolved;
    }
    this.reading = true;
    ReadableStreamDefaultReaderRead(this.reader, this);
    return resolved;
  }

  chunkSteps(chunk) {
    // A microtask, so that errors that follow at once reach both branches before the chunk does.
    PromisePrototypeThen(resolved, () => {
      this.readAgain = false;
      let chunk2 = chunk;
      if (this.cloneForBranch2 && !this.canceled[1]) {
        try {
          chunk2 = cloneChunk(chunk);
        } catch (e) {
          ReadableStreamDefaultControllerError(this.branches[0].controller, e);
          ReadableStreamDefaultControllerError(this.branches[1].controller, e);
          this.canceling.resolve(ReadableStreamCancel(this.stream, e));
          return;
        }
      }
      if (!this.canceled[0]) ReadableStreamDefaultControllerEnqueue(this.branches[0].controller, chunk);
      if (!this.canceled[1]) ReadableStreamDefaultControllerEnqueue(this.branches[1].controller, chunk2);
      this.reading = false;
      if (this.readAgain) this.pull();
    });
  }

  closeSteps() {
    this.reading = false;
    if (!this.canceled[0]) ReadableStreamDefaultControllerClose(this.branches[0].controller);
    if (!this.canceled[1]) ReadableStreamDefaultControllerClose(this.branches[1].controller);
    this.finishCancel();
  }

  errorSteps() {
    this.reading = false;
  }
}

function isUint8Array(value) {
  return TypedArrayPrototypeGetSymbolToStringTag(value) === "Uint8Array";
}

// CloneAsUint8Array
function CloneAsUint8Array(view) {
  const byteOffset = TypedArrayPrototypeGetByteOffset(view);
  const byteLength = TypedArrayPrototypeGetByteLength(view);
  return new Uint8Array(ArrayBufferPrototypeSlice(TypedArrayPrototypeGetBuffer(view), byteOffset, byteOffset + byteLength));
}

// ReadableByteStreamTee. The object is its own read request for reads with the default reader.
class ByteTee extends Tee {
  constructor(stream) {
    super(stream);
    this.readAgain = [false, false];
    this.branches = [
      createReadableByteStreamFromSource(new BranchSource(this, 0)),
      createReadableByteStreamFromSource(new BranchSource(this, 1)),
    ];
    this.forwardReaderError(this.reader);
  }

  forwardReaderError(thisReader) {
    PromisePrototypeThen(thisReader.closed.promise, undefined, (r) => {
      if (thisReader !== this.reader) return;
      ReadableByteStreamControllerError(this.branches[0].controller, r);
      ReadableByteStreamControllerError(this.branches[1].controller, r);
      this.finishCancel();
    });
  }

  pull(index) {
    if (this.reading) {
      this.readAgain[index] = true;
      return resolved;
    }
    this.reading = true;
    const byobRequest = ReadableByteStreamControllerGetBYOBRequest(this.branches[index].controller);
    if (byobRequest === null) this.pullWithDefaultReader();
    else this.pullWithBYOBReader(streams.getBYOBRequestView(byobRequest), index);
    return resolved;
  }

  pullWithDefaultReader() {
    if (this.reader.byob) {
      ReadableStreamReaderRelease(this.reader);
      this.reader = AcquireReadableStreamDefaultReader(this.stream);
      this.forwardReaderError(this.reader);
    }
    ReadableStreamDefaultReaderRead(this.reader, this);
  }

  pullWithBYOBReader(view, index) {
    if (!this.reader.byob) {
      ReadableStreamReaderRelease(this.reader);
      this.reader = AcquireReadableStreamBYOBReader(this.stream);
      this.forwardReaderError(this.reader);
    }
    ReadableStreamBYOBReaderRead(this.reader, view, 1, new TeeReadIntoRequest(this, index));
  }

  // A copy of the chunk, or undefined after a failure that ended it all
  clone(chunk) {
    try {
      return CloneAsUint8Array(chunk);
    } catch (e) {
      ReadableByteStreamControllerError(this.branches[0].controller, e);
      ReadableByteStreamControllerError(this.branches[1].controller, e);
      this.canceling.resolve(ReadableStreamCancel(this.stream, e));
      return undefined;
    }
  }

  continue() {
    this.reading = false;
    if (this.readAgain[0]) this.pull(0);
    else if (this.readAgain[1]) this.pull(1);
  }

  chunkSteps(chunk) {
    PromisePrototypeThen(resolved, () => {
      this.readAgain[0] = this.readAgain[1] = false;
      let chunk2 = chunk;
      if (!this.canceled[0] && !this.canceled[1]) {
        chunk2 = this.clone(chunk);
        if (chunk2 === undefined) return;
      }
      if (!this.canceled[0]) ReadableByteStreamControllerEnqueue(this.branches[0].controller, chunk);
      if (!this.canceled[1]) ReadableByteStreamControllerEnqueue(this.branches[1].controller, chunk2);
      this.continue();
    });
  }

  closeSteps() {
    this.reading = false;
    for (let i = 0; i < 2; i++) {
      if (!this.canceled[i]) ReadableByteStreamControllerClose(this.branches[i].controller);
    }
    for (let i = 0; i < 2; i++) {
      const { controller } = this.branches[i];
      if (controller.pendingPullIntos.size > 0) ReadableByteStreamControllerRespond(controller, 0);
    }
    this.finishCancel();
  }

  errorSteps() {
    this.reading = false;
  }
}

// A read into the view of one branch's BYOB request
const TeeReadIntoRequest = hideObjectPrototype(class TeeReadIntoRequest {
  constructor(tee, index) {
    this.tee = tee;
    this.index = index;
  }

  chunkSteps(chunk) {
    PromisePrototypeThen(resolved, () => {
      const { tee, index } = this;
      tee.readAgain[0] = tee.readAgain[1] = false;
      const byobBranch = tee.branches[index].controller;
      const otherBranch = tee.branches[1 - index].controller;
      const byobCanceled = tee.canceled[index];
      if (!tee.canceled[1 - index]) {
        const clone = tee.clone(chunk);
        if (clone === undefined) return;
        if (!byobCanceled) ReadableByteStreamControllerRespondWithNewView(byobBranch, chunk);
        ReadableByteStreamControllerEnqueue(otherBranch, clone);
      } else if (!byobCanceled) {
        ReadableByteStreamControllerRespondWithNewView(byobBranch, chunk);
      }
      tee.continue();
    });
  }

  closeSteps(chunk) {
    const { tee, index } = this;
    tee.reading = false;
    const byobBranch = tee.branches[index].controller;
    const otherBranch = tee.branches[1 - index].controller;
    const byobCanceled = tee.canceled[index];
    const otherCanceled = tee.canceled[1 - index];
    if (!byobCanceled) ReadableByteStreamControllerClose(byobBranch);
    if (!otherCanceled) ReadableByteStreamControllerClose(otherBranch);
    if (chunk !== undefined) {
      if (!byobCanceled) ReadableByteStreamControllerRespondWithNewView(byobBranch, chunk);
      if (!otherCanceled && otherBranch.pendingPullIntos.size > 0) ReadableByteStreamControllerRespond(otherBranch, 0);
    }
    if (!byobCanceled || !otherCanceled) tee.canceling.resolve(undefined);
  }

  errorSteps() {
    this.tee.reading = false;
  }
});

streams.ReadableStreamTee = ReadableStreamTee;
