// Readable byte streams whose source is native: the bodies of requests and responses.
//
// A source is an object of the runtime's: `pull(view | null) -> Uint8Array | null | Promise<Uint8Array |
// null>`, where null means the end, and `cancel(reason)`, which may return a promise. Pulls come one at a
// time, and only when somebody reads: nothing is read ahead and nothing started when the stream is made.
// Given a view (its buffer is the source's for the duration), the source fills it from its start and returns
// a Uint8Array of the same buffer that begins at the same place, or it returns bytes of its own, which are
// then copied. Bytes returned belong to the stream. An untouched stream can be taken apart again, so that the
// runtime moves the bytes without JavaScript.

const { PromiseReject, TypedArrayPrototypeSet } = internal.primordials;
const {
  MathMin,
  PromisePrototypeThen,
  PromiseResolve,
  TypeError,
  TypedArrayPrototypeGetBuffer,
  TypedArrayPrototypeGetByteLength,
  TypedArrayPrototypeGetByteOffset,
  TypedArrayPrototypeGetSymbolToStringTag,
  TypedArrayPrototypeSubarray,
  Uint8Array,
  hideObjectPrototype,
} = internal.primordials;
const webidl = internal.webidl;
const streams = internal.streams;
const {
  CLOSED,
  READABLE,
  ReadableStreamAddReadRequest,
  ReadableStreamClose,
  ReadableStreamError,
  ReadableStreamFulfillReadRequest,
  ReadableStreamState,
  ReaderState,
  copyBytes,
  getByteLength,
  getByteOffset,
  getViewType,
  promiseCall1,
  transferArrayBuffer,
} = streams;

// A view that a BYOB reader gave, in its transferred buffer
const PendingView = hideObjectPrototype(class PendingView {
  constructor(buffer, byteOffset, byteLength, minimumFill, viewType) {
    this.buffer = buffer;
    this.byteOffset = byteOffset;
    this.byteLength = byteLength;
    this.minimumFill = minimumFill;
    this.viewType = viewType;
    this.filled = 0;
  }

  toView() {
    const { constructor, elementSize } = this.viewType;
    return new constructor(this.buffer, this.byteOffset, this.filled / elementSize);
  }
});

// Takes a controller's place. Requests wait in the reader; the views of a BYOB reader's wait here beside
// them.
const NativeController = hideObjectPrototype(class NativeController {
  constructor(source) {
    this.stream = null;
    this.source = source;
    this.pulling = false;
    // Bytes that came and nobody has read, or null
    this.rest = null;
    // A Queue of PendingView, made for the first BYOB read
    this.views = null;
    this.onChunk = null;
    this.onFailure = null;
  }

  pullSteps(readRequest) {
    const rest = this.rest;
    if (rest !== null) {
      this.rest = null;
      readRequest.chunkSteps(rest);
      return;
    }
    // Bytes that are at hand need no queue and no promise.
    if (!this.pulling && this.stream.reader.requests.size === 0) {
      const result = this.pullSource(null);
      if (result === null) {
        ReadableStreamClose(this.stream);
        readRequest.closeSteps(undefined);
        return;
      }
      if (isUint8Array(result)) {
        readRequest.chunkSteps(result);
        return;
      }
      ReadableStreamAddReadRequest(this.stream, readRequest);
      this.wait(result);
      return;
    }
    ReadableStreamAddReadRequest(this.stream, readRequest);
  }

  pullInto(view, min, readIntoRequest) {
    const viewType = getViewType(view);
    const byteOffset = getByteOffset(view);
    const byteLength = getByteLength(view);
    let pending;
    try {
      const buffer = transferArrayBuffer(webidl.getViewBuffer(view));
      pending = new PendingView(buffer, byteOffset, byteLength, min * viewType.elementSize, viewType);
    } catch (e) {
      readIntoRequest.errorSteps(e);
      return;
    }
    if (this.stream.state === CLOSED) {
      readIntoRequest.closeSteps(pending.toView());
      return;
    }
    (this.views ??= new streams.Queue()).push(pending);
    ReadableStreamAddReadRequest(this.stream, readIntoRequest);
    this.pump();
  }

  cancelSteps(reason) {
    const source = this.source;
    this.source = null;
    this.rest = null;
    if (this.views !== null) this.views.clear();
    return promiseCall1(source.cancel, source, reason);
  }

  releaseSteps() {
    if (this.views === null) return;
    // Bytes already put into the view of a read that is given up are not lost.
    if (this.views.size > 0) {
      const first = this.views.peek();
      if (first.filled > 0) {
        const filled = new Uint8Array(first.buffer, first.byteOffset, first.filled);
        this.rest = this.rest === null ? filled : concatenate(filled, this.rest);
      }
    }
    this.views.clear();
  }

  // Serves requests as long as there are bytes and requests, then pulls.
  pump() {
    while (this.stream.state === READABLE && !this.pulling) {
      const reader = this.stream.reader;
      if (reader === null || reader.requests.size === 0) return;
      let target = null;
      if (reader.byob) {
        const view = this.views.peek();
        if (this.rest !== null && this.takeRest(view)) continue;
        // Whole elements only count at the end, so room is always left for the rest of one.
        target = new Uint8Array(view.buffer, view.byteOffset + view.filled, view.byteLength - view.filled);
      } else if (this.rest !== null) {
        const rest = this.rest;
        this.rest = null;
        ReadableStreamFulfillReadRequest(this.stream, rest, false);
        continue;
      }
      const result = this.pullSource(target);
      if (result === null || isUint8Array(result)) {
        this.accept(result, target);
      } else {
        this.wait(result, target);
        return;
      }
    }
  }

  // Copies queued bytes into a view; whether that answered its request.
  takeRest(view) {
    const rest = this.rest;
    const length = TypedArrayPrototypeGetByteLength(rest);
    const count = MathMin(length, view.byteLength - view.filled);
    copyBytes(
      view.buffer, view.byteOffset + view.filled,
      TypedArrayPrototypeGetBuffer(rest), TypedArrayPrototypeGetByteOffset(rest), count,
    );
    view.filled += count;
    this.rest = count === length ? null : TypedArrayPrototypeSubarray(rest, count);
    return this.answer(view);
  }

  // Answers the request of the first view if it has enough.
  answer(view) {
    if (view.filled < view.minimumFill) return false;
    const partial = view.filled % view.viewType.elementSize;
    if (partial > 0) {
      view.filled -= partial;
      const bytes = new Uint8Array(partial);
      copyBytes(TypedArrayPrototypeGetBuffer(bytes), 0, view.buffer, view.byteOffset + view.filled, partial);
      this.rest = this.rest === null ? bytes : concatenate(bytes, this.rest);
    }
    this.views.shift();
    ReadableStreamFulfillReadRequest(this.stream, view.toView(), false);
    return true;
  }

  // Calls the source; a promise of its result if it is not there at once, or if it failed.
  pullSource(target) {
    try {
      const result = this.source.pull(target);
      return result === null || isUint8Array(result) ? result : PromiseResolve(result);
    } catch (e) {
      return PromiseReject(e);
    }
  }

  wait(promise, target = null) {
    this.pulling = true;
    if (target !== null) {
      PromisePrototypeThen(promise, (chunk) => this.arrived(chunk, target), (e) => this.fail(e));
      return;
    }
    this.onChunk ??= (chunk) => this.arrived(chunk, null);
    this.onFailure ??= (e) => this.fail(e);
    PromisePrototypeThen(promise, this.onChunk, this.onFailure);
  }

  arrived(chunk, target) {
    this.pulling = false;
    if (this.stream.state !== READABLE) return;
    this.accept(chunk, target);
    this.pump();
  }

  fail(e) {
    this.pulling = false;
    if (this.stream.state !== READABLE) return;
    this.source = null;
    this.rest = null;
    if (this.views !== null) this.views.clear();
    ReadableStreamError(this.stream, e);
  }

  // Takes what a pull brought.
  accept(chunk, target) {
    if (chunk === null) {
      this.end();
      return;
    }
    if (!isUint8Array(chunk)) {
      this.fail(new TypeError("The source of a native stream returned something else than bytes."));
      return;
    }
    const view = target !== null && this.views.size > 0 ? this.views.peek() : null;
    if (view !== null && view.buffer === TypedArrayPrototypeGetBuffer(target) &&
        TypedArrayPrototypeGetBuffer(chunk) === view.buffer) {
      view.filled += TypedArrayPrototypeGetByteLength(chunk);
      this.answer(view);
    } else {
      // Also when its reader has gone: the bytes are for the next one.
      this.rest = this.rest === null ? chunk : concatenate(this.rest, chunk);
    }
  }

  end() {
    this.source = null;
    const stream = this.stream;
    const first = this.views !== null && this.views.size > 0 ? this.views.peek() : null;
    if (first !== null && first.filled % first.viewType.elementSize !== 0) {
      this.fail(new TypeError("The stream ends within an element of the view."));
      return;
    }
    if (this.rest !== null) {
      // Read by nobody yet: the end is found again by the next pull.
      this.source = endedSource;
      return;
    }
    ReadableStreamClose(stream);
    const reader = stream.reader;
    if (reader === null || !reader.byob) return;
    while (reader.requests.size > 0) {
      ReadableStreamFulfillReadRequest(stream, this.views.shift().toView(), true);
    }
  }
});

const endedSource = { __proto__: null, pull: () => null, cancel: () => undefined };

function isUint8Array(value) {
  return TypedArrayPrototypeGetSymbolToStringTag(value) === "Uint8Array";
}

function concatenate(a, b) {
  const aLength = TypedArrayPrototypeGetByteLength(a);
  const joined = new Uint8Array(aLength + TypedArrayPrototypeGetByteLength(b));
  TypedArrayPrototypeSet(joined, a, 0);
  TypedArrayPrototypeSet(joined, b, aLength);
  return joined;
}

// The state of a new stream on a native source. Starts nothing.
function createNativeReadableStreamState(source) {
  const controller = new NativeController(source);
  return controller.stream = new ReadableStreamState(controller);
}

// The source of an untouched native stream, which is disturbed and locked from then on; undefined for any
// other stream.
function takeNativeSourceOfState(stream) {
  const controller = stream.controller;
  if (!(controller instanceof NativeController)) return undefined;
  if (stream.reader !== null || stream.disturbed || stream.state !== READABLE) return undefined;
  const source = controller.source;
  stream.disturbed = true;
  const reader = new ReaderState(false);
  reader.stream = stream;
  stream.reader = reader;
  controller.source = endedSource;
  return source;
}

// The source has failed, though nobody pulls from it now.
function failNativeSourceOfState(stream, e) {
  if (stream.controller instanceof NativeController && stream.state === READABLE) stream.controller.fail(e);
}

streams.failNativeSourceOfState = failNativeSourceOfState;
streams.createNativeReadableStreamState = createNativeReadableStreamState;
streams.takeNativeSourceOfState = takeNativeSourceOfState;
