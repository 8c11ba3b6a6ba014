// Piping. Streams section 4.9.1, ReadableStreamPipeTo
//
// One object serves a whole pipe: it is the read request of each read and the write request of each write, so
// a chunk costs nothing here. Chunks that are queued already go over in one turn, as long as the destination
// wants them.

const { PromisePrototypeThen, PromiseWithResolvers, TypeError, hideObjectPrototype } = internal.primordials;
const streams = internal.streams;
const {
  AcquireReadableStreamDefaultReader,
  AcquireWritableStreamDefaultWriter,
  CLOSED,
  ERRORED,
  FULFILLED,
  READABLE,
  ReadableStreamCancel,
  ReadableStreamDefaultReaderRead,
  ReadableStreamReaderRelease,
  WRITABLE,
  WRITABLE_CLOSED,
  WRITABLE_ERRORED,
  WritableStreamAbort,
  WritableStreamCloseQueuedOrInFlight,
  WritableStreamDefaultWriterCloseWithErrorPropagation,
  WritableStreamDefaultWriterRelease,
  WritableStreamDefaultWriterWrite,
  noop,
  resolved,
} = streams;

const Pipe = hideObjectPrototype(class Pipe {
  constructor(source, dest, preventClose, preventAbort, preventCancel, signal) {
    this.source = source;
    this.dest = dest;
    this.reader = AcquireReadableStreamDefaultReader(source);
    this.writer = AcquireWritableStreamDefaultWriter(dest);
    this.preventClose = preventClose;
    this.preventAbort = preventAbort;
    this.preventCancel = preventCancel;
    this.signal = signal;
    this.abortAlgorithm = null;
    this.deferred = PromiseWithResolvers();
    this.shuttingDown = false;
    // Whether a read is under way, and whether the loop is on the stack
    this.reading = false;
    this.looping = false;
    // Chunks that were read and whose writes have not finished
    this.unwritten = 0;
    this.afterWrites = null;
    this.onReady = () => this.loop();
  }

  start() {
    const { source, dest } = this;
    source.disturbed = true;
    if (this.signal !== undefined) {
      const abortAlgorithm = () => this.abort();
      if (internal.abort.isAborted(this.signal)) {
        abortAlgorithm();
        return;
      }
      this.abortAlgorithm = abortAlgorithm;
      internal.abort.addAlgorithm(this.signal, abortAlgorithm);
    }
    if (source.state === ERRORED) this.sourceErrored(source.storedError);
    else if (dest.state === WRITABLE_ERRORED) this.destErrored(dest.storedError);
    else if (source.state === CLOSED) this.sourceClosed();
    else if (WritableStreamCloseQueuedOrInFlight(dest) || dest.state === WRITABLE_CLOSED) this.destClosed();
    if (this.shuttingDown) return;
    PromisePrototypeThen(this.reader.closed.promise, () => this.sourceClosed(), (e) => this.sourceErrored(e));
    PromisePrototypeThen(this.writer.closed.promise, undefined, (e) => this.destErrored(e));
    PromisePrototypeThen(resolved, this.onReady);
  }

  // Reads and writes until there is nothing to read or nobody to write to.
  loop() {
    if (this.looping || this.reading) return;
    this.looping = true;
    while (!this.shuttingDown) {
      const ready = this.writer.ready;
      if (ready.state !== FULFILLED) {
        // If it is rejected, `closed` will be too.
        PromisePrototypeThen(ready.promise, this.onReady, noop);
        break;
      }
      this.reading = true;
      ReadableStreamDefaultReaderRead(this.reader, this);
      if (this.reading) break;
    }
    this.looping = false;
  }

  chunkSteps(chunk) {
    this.unwritten++;
    if (this.looping) {
      this.reading = false;
      this.write(chunk);
      return;
    }
    // The code that enqueues a chunk does not run the sink's code.
    PromisePrototypeThen(resolved, () => {
      this.reading = false;
      this.write(chunk);
      this.loop();
    });
  }

  // The end and errors come through the reader's `closed`; `reading` stays set, which ends the loop.
  closeSteps() {}

  errorSteps() {}

  write(chunk) {
    if (this.writer.stream === null) this.written();
    else WritableStreamDefaultWriterWrite(this.writer, chunk, this);
  }

  // As a write request
  resolve() {
    this.written();
  }

  reject() {
    this.written();
  }

  written() {
    if (--this.unwritten === 0 && this.afterWrites !== null) {
      PromisePrototypeThen(resolved, this.afterWrites);
      this.afterWrites = null;
    }
  }

  // "Errors must be propagated forward"
  sourceErrored(e) {
    if (this.shuttingDown) return;
    if (this.preventAbort) this.shutdown(null, true, e);
    else this.shutdown(() => WritableStreamAbort(this.dest, e), true, e);
  }

  // "Errors must be propagated backward"
  destErrored(e) {
    if (this.shuttingDown) return;
    if (this.preventCancel) this.shutdown(null, true, e);
    else this.shutdown(() => ReadableStreamCancel(this.source, e), true, e);
  }

  // "Closing must be propagated forward"
  sourceClosed() {
    if (this.shuttingDown) return;
    if (this.preventClose) this.shutdown(null, false, undefined);
    else this.shutdown(() => WritableStreamDefaultWriterCloseWithErrorPropagation(this.writer), false, undefined);
  }

  // "Closing must be propagated backward"
  destClosed() {
    const e = new TypeError("The destination of the pipe is closed or closing.");
    if (this.preventCancel) this.shutdown(null, true, e);
    else this.shutdown(() => ReadableStreamCancel(this.source, e), true, e);
  }

  // The signal's abort algorithm
  abort() {
    const { source, dest, preventAbort, preventCancel } = this;
    const error = internal.abort.getReason(this.signal);
    this.shutdown(() => {
      const aborting = !preventAbort && dest.state === WRITABLE ? WritableStreamAbort(dest, error) : resolved;
      const canceling = !preventCancel && source.state === READABLE ? ReadableStreamCancel(source, error) : resolved;
      if (canceling === resolved) return aborting;
      if (aborting === resolved) return canceling;
      return waitForBoth(aborting, canceling);
    }, true, error);
  }

  // "Shutdown", and with an action "shutdown with an action"
  shutdown(action, isError, error) {
    if (this.shuttingDown) return;
    this.shuttingDown = true;
    const rest = () => {
      if (action === null) {
        this.finalize(isError, error);
      } else {
        PromisePrototypeThen(action(), () => this.finalize(isError, error), (e) => this.finalize(true, e));
      }
    };
    if (this.dest.state === WRITABLE && !WritableStreamCloseQueuedOrInFlight(this.dest)) {
      if (this.unwritten > 0) this.afterWrites = rest;
      else PromisePrototypeThen(resolved, rest);
    } else {
      rest();
    }
  }

  finalize(isError, error) {
    WritableStreamDefaultWriterRelease(this.writer);
    ReadableStreamReaderRelease(this.reader);
    if (this.abortAlgorithm !== null) internal.abort.removeAlgorithm(this.signal, this.abortAlgorithm);
    if (isError) this.deferred.reject(error);
    else this.deferred.resolve(undefined);
  }
});

// A promise that is resolved when both are, or rejected with the first error
function waitForBoth(a, b) {
  const deferred = PromiseWithResolvers();
  let missing = 2;
  const done = () => {
    if (--missing === 0) deferred.resolve(undefined);
  };
  PromisePrototypeThen(a, done, deferred.reject);
  PromisePrototypeThen(b, done, deferred.reject);
  return deferred.promise;
}

// section 4.9.1, ReadableStreamPipeTo, on states. With `atOnce` the first read does not wait for the next
// microtask: a source that has not started yet is then pulled once for both, as transferred streams of
// browsers have it.
function ReadableStreamPipeTo(
  source, dest, preventClose, preventAbort, preventCancel, signal = undefined, atOnce = false,
) {
  const pipe = new Pipe(source, dest, preventClose, preventAbort, preventCancel, signal);
  pipe.start();
  if (atOnce) pipe.loop();
  return pipe.deferred.promise;
}

streams.ReadableStreamPipeTo = ReadableStreamPipeTo;
