// Reading whole streams from inside: all bytes for a body that is read, and a loop with back-pressure for one that is sent.
// Neither makes a promise for a chunk that is at hand already.

const {
  ArrayPrototypePush,
  PromisePrototypeThen,
  PromiseWithResolvers,
  TypeError,
  TypedArrayPrototypeGetByteLength,
  TypedArrayPrototypeGetSymbolToStringTag,
  TypedArrayPrototypeSet,
  Uint8Array,
  hideObjectPrototype,
} = internal.primordials;
const streams = internal.streams;
const {
  AcquireReadableStreamDefaultReader,
  ReadableStreamCancel,
  ReadableStreamDefaultReaderRead,
  getReadableState,
  resolved,
  setPromiseIsHandledToTrue,
  takeNativeSourceOfState,
} = streams;

function isUint8Array(value) {
  return TypedArrayPrototypeGetSymbolToStringTag(value) === "Uint8Array";
}

// Collects chunks.
const Collector = hideObjectPrototype(class Collector {
  constructor(source, stream) {
    this.deferred = PromiseWithResolvers();
    this.chunks = [];
    this.byteLength = 0;
    // One of the two is used: a native source, or a reader.
    this.source = source;
    this.reader = source === undefined ? AcquireReadableStreamDefaultReader(stream) : null;
    this.stream = stream;
    this.reading = false;
    this.looping = false;
    this.onChunk = null;
    this.onFailure = null;
  }

  add(chunk) {
    ArrayPrototypePush(this.chunks, chunk);
    this.byteLength += TypedArrayPrototypeGetByteLength(chunk);
  }

  // Bytes that nobody else has a view on
  finish() {
    const { chunks } = this;
    if (chunks.length === 1 && this.source !== undefined) {
      this.deferred.resolve(chunks[0]);
      return;
    }
    const bytes = new Uint8Array(this.byteLength);
    let offset = 0;
    for (let i = 0; i < chunks.length; i++) {
      TypedArrayPrototypeSet(bytes, chunks[i], offset);
      offset += TypedArrayPrototypeGetByteLength(chunks[i]);
    }
    this.deferred.resolve(bytes);
  }

  pullSource() {
    for (;;) {
      let result;
      try {
        result = this.source.pull(null);
      } catch (e) {
        this.fail(e);
        return;
      }
      if (!this.accept(result)) return;
    }
  }

  // Takes the result of a pull; whether there is more to pull now.
  accept(result) {
    if (result === null) {
      this.end();
      return false;
    }
    if (isUint8Array(result)) {
      this.add(result);
      return true;
    }
    if (result === undefined) {
      this.fail(new TypeError("The source of a native stream returned something else than bytes."));
      return false;
    }
    this.onChunk ??= (chunk) => {
      if (chunk === null || isUint8Array(chunk)) {
        if (this.accept(chunk)) this.pullSource();
      } else {
        this.fail(new TypeError("The source of a native stream returned something else than bytes."));
      }
    };
    this.onFailure ??= (e) => this.fail(e);
    PromisePrototypeThen(result, this.onChunk, this.onFailure);
    return false;
  }

  end() {
    // To whoever holds the stream it is read to its end; its lock is released.
    streams.closeTakenStream(this.stream);
    this.finish();
  }

  fail(e) {
    streams.errorTakenStream(this.stream, e);
    this.deferred.reject(e);
  }

  readStream() {
    this.looping = true;
    do {
      this.reading = true;
      ReadableStreamDefaultReaderRead(this.reader, this);
    } while (!this.reading);
    this.looping = false;
  }

  chunkSteps(chunk) {
    if (!isUint8Array(chunk)) {
      const error = new TypeError("A chunk of the stream is not a Uint8Array.");
      this.deferred.reject(error);
      setPromiseIsHandledToTrue(ReadableStreamCancel(this.stream, error));
      return;
    }
    this.add(chunk);
    this.reading = false;
    if (!this.looping) this.readStream();
  }

  closeSteps() {
    this.finish();
  }

  errorSteps(e) {
    this.deferred.reject(e);
  }
});

// A promise for all bytes of `stream` as one Uint8Array that the caller owns. The stream must not be locked; afterwards it is
// disturbed. Rejects with the stream's error, or a TypeError for a chunk that is no Uint8Array.
// Fetch section 2.2.4 and Streams section 9.1.2, read-all
function readAllBytes(stream) {
  const state = getReadableState(stream);
  const source = takeNativeSourceOfState(state);
  const collector = new Collector(source, state);
  if (source !== undefined) collector.pullSource();
  else collector.readStream();
  return collector.deferred.promise;
}

// Reads a stream chunk by chunk for readLoop.
const Loop = hideObjectPrototype(class Loop {
  constructor(stream, onChunk, onClose, onError) {
    this.stream = stream;
    this.reader = AcquireReadableStreamDefaultReader(stream);
    this.onChunk = onChunk;
    this.onClose = onClose;
    this.onError = onError;
    this.reading = false;
    this.looping = false;
    this.stopped = false;
    this.onDrained = null;
    this.onFailure = null;
  }

  run() {
    this.looping = true;
    do {
      this.reading = true;
      ReadableStreamDefaultReaderRead(this.reader, this);
    } while (!this.reading && !this.stopped);
    this.looping = false;
  }

  chunkSteps(chunk) {
    let wait;
    try {
      wait = (0, this.onChunk)(chunk);
    } catch (e) {
      this.fail(e);
      return;
    }
    if (this.stopped) return;
    if (wait === undefined) {
      this.reading = false;
      if (!this.looping) this.run();
      return;
    }
    this.onDrained ??= () => {
      if (!this.stopped) this.run();
    };
    this.onFailure ??= (e) => this.fail(e);
    PromisePrototypeThen(wait, this.onDrained, this.onFailure);
  }

  closeSteps() {
    if (this.stopped) return;
    this.stopped = true;
    (0, this.onClose)();
  }

  errorSteps(e) {
    if (this.stopped) return;
    this.stopped = true;
    (0, this.onError)(e);
  }

  // The consumer failed: the stream is canceled with its error.
  fail(e) {
    if (this.stopped) return;
    this.cancel(e);
    (0, this.onError)(e);
  }

  cancel(reason) {
    if (this.stopped) return resolved;
    this.stopped = true;
    const promise = ReadableStreamCancel(this.stream, reason);
    if (promise !== resolved) setPromiseIsHandledToTrue(promise);
    return promise;
  }
});

// Locks `stream` for good and reads it: `onChunk(chunk)` for each chunk of whatever type, after which the next is read at once, or
// when the promise is fulfilled that it returned; then `onClose()` or `onError(error)`, once. What onChunk throws, or its promise
// rejects with, cancels the stream and goes to onError. Chunks at hand are handed over before readLoop returns.
// Returns an object with cancel(reason), after which nothing is called any more.
function readLoop(stream, onChunk, onClose, onError) {
  const loop = new Loop(getReadableState(stream), onChunk, onClose, onError);
  loop.run();
  return loop;
}

streams.readAllBytes = readAllBytes;
streams.readLoop = readLoop;
