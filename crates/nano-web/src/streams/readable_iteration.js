// Reading with for await, and streams from iterables. Streams section 4.2.5 (asynchronous iteration), section 4.9.1
// (ReadableStreamFromIterable); Web IDL section 3.7.11 (asynchronous iterator objects); ECMAScript section 27.1.6 (async-from-sync).

const {
  AsyncIteratorPrototype,
  FunctionPrototypeCall,
  ObjectDefineProperty,
  ObjectSetPrototypeOf,
  PromisePrototypeThen,
  PromiseReject,
  PromiseResolve,
  PromiseWithResolvers,
  SymbolAsyncIterator,
  SymbolIterator,
  SymbolToStringTag,
  TypeError,
  hideObjectPrototype,
} = internal.primordials;
const { isObject } = internal.webidl;
const streams = internal.streams;
const {
  ReadableStreamDefaultControllerClose,
  ReadableStreamDefaultControllerEnqueue,
  ReadableStreamDefaultReaderRead,
  ReadableStreamReaderGenericCancel,
  ReadableStreamReaderRelease,
  createReadResult,
  createReadableStreamFromSource,
  resolved,
} = streams;

// ---------------------------------------------------------------------------------------------------------------------
// Asynchronous iterator objects

let isIterator;

// The end of iteration among values
const endOfIteration = { __proto__: null };

class ReadableStreamAsyncIterator {
  #reader;
  #preventCancel;
  #ongoing = null;
  #finished = false;
  // Reactions to reads, made once
  #onValue = null;
  #onError = null;

  constructor(reader, preventCancel) {
    this.#reader = reader;
    this.#preventCancel = preventCancel;
  }

  next() {
    if (!isIterator(this)) return PromiseReject(new TypeError("next() was called on something else than its iterator."));
    const ongoing = this.#ongoing;
    if (ongoing === null) return this.#ongoing = this.#nextSteps();
    const steps = () => this.#nextSteps();
    return this.#ongoing = PromisePrototypeThen(ongoing, steps, steps);
  }

  return(value) {
    if (!isIterator(this)) {
      return PromiseReject(new TypeError("return() was called on something else than its iterator."));
    }
    const ongoing = this.#ongoing;
    const steps = () => this.#returnSteps(value);
    const returned = ongoing === null ? steps() : PromisePrototypeThen(ongoing, steps, steps);
    this.#ongoing = returned;
    return PromisePrototypeThen(returned, () => createReadResult(value, true));
  }

  #nextSteps() {
    if (this.#finished) return PromiseResolve(createReadResult(undefined, true));
    this.#onValue ??= (value) => {
      this.#ongoing = null;
      if (value !== endOfIteration) return createReadResult(value, false);
      this.#finished = true;
      return createReadResult(undefined, true);
    };
    this.#onError ??= (reason) => {
      this.#ongoing = null;
      this.#finished = true;
      throw reason;
    };
    // "Get the next iteration result"
    const request = new IterationRequest(this.#reader);
    ReadableStreamDefaultReaderRead(this.#reader, request);
    return PromisePrototypeThen(request.takePromise(), this.#onValue, this.#onError);
  }

  // "Asynchronous iterator return"
  #returnSteps(value) {
    if (this.#finished) return resolved;
    this.#finished = true;
    const reader = this.#reader;
    if (this.#preventCancel) {
      ReadableStreamReaderRelease(reader);
      return resolved;
    }
    const result = ReadableStreamReaderGenericCancel(reader, value);
    ReadableStreamReaderRelease(reader);
    return result;
  }

  static {
    isIterator = (value) => isObject(value) && #reader in value;
  }
}

// A step's read request. Its promise is made with its value if that is there at once.
const IterationRequest = hideObjectPrototype(class IterationRequest {
  constructor(reader) {
    this.reader = reader;
    this.promise = null;
    this.deferred = null;
  }

  takePromise() {
    return this.promise ??= (this.deferred = PromiseWithResolvers()).promise;
  }

  chunkSteps(chunk) {
    if (this.deferred === null) this.promise = PromiseResolve(chunk);
    else this.deferred.resolve(chunk);
  }

  closeSteps() {
    ReadableStreamReaderRelease(this.reader);
    this.chunkSteps(endOfIteration);
  }

  errorSteps(e) {
    ReadableStreamReaderRelease(this.reader);
    if (this.deferred === null) this.promise = PromiseReject(e);
    else this.deferred.reject(e);
  }
});

const iteratorPrototype = ReadableStreamAsyncIterator.prototype;
delete iteratorPrototype.constructor;
ObjectSetPrototypeOf(iteratorPrototype, AsyncIteratorPrototype);
ObjectDefineProperty(iteratorPrototype, "next", { __proto__: null, enumerable: true });
ObjectDefineProperty(iteratorPrototype, "return", { __proto__: null, enumerable: true });
ObjectDefineProperty(iteratorPrototype, SymbolToStringTag, {
  __proto__: null, value: "ReadableStream AsyncIterator", enumerable: false, configurable: true, writable: false,
});

// ---------------------------------------------------------------------------------------------------------------------
// ReadableStream.from()

// An iterator record of an async iterable, or of an iterable that is made to look like one. GetIterator(obj, async)
function getAsyncIterator(iterable) {
  const method = iterable[SymbolAsyncIterator];
  if (method !== undefined && method !== null) {
    if (typeof method !== "function") throw new TypeError("The iterable's Symbol.asyncIterator is not a function.");
    const iterator = FunctionPrototypeCall(method, iterable);
    if (!isObject(iterator)) throw new TypeError("The iterable's iterator is not an object.");
    return new IterableSource(iterator, iterator.next, false);
  }
  const syncMethod = iterable[SymbolIterator];
  if (typeof syncMethod !== "function") throw new TypeError("The value is not iterable.");
  const iterator = FunctionPrototypeCall(syncMethod, iterable);
  if (!isObject(iterator)) throw new TypeError("The iterable's iterator is not an object.");
  return new IterableSource(iterator, iterator.next, true);
}

// The iterator as the source of a stream
const IterableSource = hideObjectPrototype(class IterableSource {
  constructor(iterator, nextMethod, sync) {
    this.iterator = iterator;
    this.nextMethod = nextMethod;
    this.sync = sync;
  }

  get pullable() {
    return true;
  }

  start() {}

  pull(controller) {
    let result;
    try {
      result = FunctionPrototypeCall(this.nextMethod, this.iterator);
      if (this.sync) return this.#pullSync(controller, result);
    } catch (e) {
      return PromiseReject(e);
    }
    return PromisePrototypeThen(PromiseResolve(result), (iterResult) => {
      if (!isObject(iterResult)) throw new TypeError("The result of the iterator's next() is not an object.");
      if (iterResult.done) ReadableStreamDefaultControllerClose(controller);
      else ReadableStreamDefaultControllerEnqueue(controller, iterResult.value);
    });
  }

  // AsyncFromSyncIteratorContinuation
  #pullSync(controller, result) {
    if (!isObject(result)) throw new TypeError("The result of the iterator's next() is not an object.");
    const done = result.done;
    const value = result.value;
    let promise;
    try {
      promise = PromiseResolve(value);
    } catch (e) {
      if (!done) this.#closeSync();
      throw e;
    }
    return PromisePrototypeThen(promise, (chunk) => {
      if (done) ReadableStreamDefaultControllerClose(controller);
      else ReadableStreamDefaultControllerEnqueue(controller, chunk);
    }, (e) => {
      if (!done) this.#closeSync();
      throw e;
    });
  }

  // IteratorClose after a failure, whose error is what counts
  #closeSync() {
    try {
      const returnMethod = this.iterator.return;
      if (returnMethod !== undefined && returnMethod !== null) FunctionPrototypeCall(returnMethod, this.iterator);
    } catch {
      // The first error goes on.
    }
  }

  cancel(reason) {
    let result;
    try {
      const returnMethod = this.iterator.return;
      if (returnMethod === undefined || returnMethod === null) return resolved;
      result = FunctionPrototypeCall(returnMethod, this.iterator, reason);
      if (this.sync) {
        if (!isObject(result)) throw new TypeError("The result of the iterator's return() is not an object.");
        // Read as the continuation does.
        result.done;
        return PromisePrototypeThen(PromiseResolve(result.value), () => {});
      }
    } catch (e) {
      return PromiseReject(e);
    }
    return PromisePrototypeThen(PromiseResolve(result), (iterResult) => {
      if (!isObject(iterResult)) throw new TypeError("The result of the iterator's return() is not an object.");
    });
  }
});

// section 4.9.1, ReadableStreamFromIterable: the state of a new stream
function ReadableStreamFromIterable(asyncIterable) {
  return createReadableStreamFromSource(getAsyncIterator(asyncIterable), 0, null);
}

streams.ReadableStreamFromIterable = ReadableStreamFromIterable;
streams.createReadableStreamAsyncIterator = (reader, preventCancel) =>
  new ReadableStreamAsyncIterator(reader, preventCancel);
