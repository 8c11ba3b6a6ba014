// The building blocks of the streams: queues, promises made only when somebody looks, and transfer of
// buffers. Streams section 8 (queue-with-sizes, miscellaneous) and Web IDL section 3.2.24 (promises). Knows
// nothing of streams.
//
// The objects that scripts see (ReadableStream, its readers, its controller) are shells with one private
// field; all state is in internal objects, which files of this folder reach without a brand check, and which
// need no shell to work.

const {
  ArrayBufferPrototypeGetDetached,
  ArrayBufferPrototypeTransfer,
  FunctionPrototypeCall,
  NumberIsNaN,
  PromisePrototypeThen,
  PromiseReject,
  PromiseResolve,
  PromiseWithResolvers,
  RangeError,
  TypeError,
  TypedArrayPrototypeSet,
  Uint8Array,
  hideObjectPrototype,
} = internal.primordials;

function noop() {}

// A promise that is resolved with undefined. Its identity is never handed out.
const resolved = PromiseResolve(undefined);

// Marks a promise's rejection as nobody's business.
function setPromiseIsHandledToTrue(promise) {
  PromisePrototypeThen(promise, undefined, noop);
}

// A first-in first-out queue: a ring that doubles when it is full. Nothing is allocated for one that stays
// empty.
const Queue = hideObjectPrototype(class Queue {
  constructor() {
    this.items = null;
    this.head = 0;
    this.size = 0;
  }

  push(item) {
    let items = this.items;
    if (items === null) {
      items = this.items = [undefined, undefined, undefined, undefined];
    } else if (this.size === items.length) {
      items = growQueue(this);
    }
    items[(this.head + this.size++) & (items.length - 1)] = item;
  }

  // The oldest item, which must exist, leaves the queue.
  shift() {
    const items = this.items;
    const head = this.head;
    const item = items[head];
    items[head] = undefined;
    this.head = (head + 1) & (items.length - 1);
    if (--this.size === 0 && items.length > 64) {
      this.items = null;
      this.head = 0;
    }
    return item;
  }

  peek() {
    return this.items[this.head];
  }

  // The item `index` places behind the oldest.
  at(index) {
    return this.items[(this.head + index) & (this.items.length - 1)];
  }

  clear() {
    this.items = null;
    this.head = 0;
    this.size = 0;
  }
});

function growQueue(queue) {
  const { items, head, size } = queue;
  const grown = [];
  for (let i = 0; i < size * 2; i++) {
    grown[i] = i < size ? items[(head + i) & (size - 1)] : undefined;
  }
  queue.head = 0;
  return queue.items = grown;
}


// Streams section 8.1: a queue with sizes. While every size is 1 no sizes are kept.
const QueueWithSizes = hideObjectPrototype(class QueueWithSizes {
  constructor() {
    this.values = new Queue();
    this.sizes = null;
    this.totalSize = 0;
  }

  isEmpty() {
    return this.values.size === 0;
  }

  // EnqueueValueWithSize
  enqueue(value, size) {
    if (typeof size !== "number" || NumberIsNaN(size) || size < 0 || size === Infinity) {
      throw new RangeError("The size of a chunk must be a finite, non-negative number.");
    }
    if (size !== 1 && this.sizes === null) {
      const sizes = this.sizes = new Queue();
      for (let i = 0; i < this.values.size; i++) sizes.push(1);
    }
    this.values.push(value);
    if (this.sizes !== null) this.sizes.push(size);
    this.totalSize += size;
  }

  // DequeueValue
  dequeue() {
    const value = this.values.shift();
    this.totalSize -= this.sizes === null ? 1 : this.sizes.shift();
    // Sums of fractions may come out below zero.
    if (this.totalSize < 0) this.totalSize = 0;
    return value;
  }

  // PeekQueueValue
  peek() {
    return this.values.peek();
  }

  // ResetQueue
  reset() {
    this.values.clear();
    this.sizes = null;
    this.totalSize = 0;
  }
});

const PENDING = 0;
const FULFILLED = 1;
const REJECTED = 2;
// Rejected with a LazyTypeError
const RELEASED = 3;

// A promise for undefined or an error, made when it is first asked for. Rejections count as handled, as those
// of the standard's `closed` and `ready` promises do.
const LazyPromise = hideObjectPrototype(class LazyPromise {
  constructor() {
    this.state = PENDING;
    this.reason = undefined;
    // The promise with its functions while it is pending; afterwards the promise alone.
    this.deferred = null;
    this.settled = null;
  }

  get promise() {
    if (this.settled !== null) return this.settled;
    if (this.state === PENDING) return (this.deferred ??= PromiseWithResolvers()).promise;
    if (this.state === FULFILLED) return this.settled = PromiseResolve(undefined);
    const reason = this.state === RELEASED ? this.reason.get() : this.reason;
    const promise = this.settled = PromiseReject(reason);
    setPromiseIsHandledToTrue(promise);
    return promise;
  }

  get isPending() {
    return this.state === PENDING;
  }

  // Settles a pending promise; no effect on a settled one.
  resolve() {
    if (this.state !== PENDING) return;
    this.state = FULFILLED;
    const deferred = this.deferred;
    if (deferred === null) return;
    this.deferred = null;
    this.settled = deferred.promise;
    deferred.resolve(undefined);
  }

  reject(reason) {
    if (this.state !== PENDING) return;
    this.state = REJECTED;
    this.reason = reason;
    const deferred = this.deferred;
    if (deferred === null) return;
    this.deferred = null;
    this.settled = deferred.promise;
    setPromiseIsHandledToTrue(deferred.promise);
    deferred.reject(reason);
  }

  // Becomes another promise: pending, resolved, or rejected.
  renew() {
    this.state = PENDING;
    this.reason = undefined;
    this.deferred = null;
    this.settled = null;
  }

  renewResolved() {
    this.renew();
    this.state = FULFILLED;
  }

  // Rejects the promise if it is pending, and becomes a rejected one if it is not.
  rejectOrRenew(reason) {
    if (this.state !== PENDING) this.renew();
    this.reject(reason);
  }

  // The same with an error that is made when somebody looks: that of a released lock usually finds nobody.
  rejectOrRenewLater(lazyError) {
    if (this.deferred !== null) {
      this.reject(lazyError.get());
    } else {
      this.renew();
      this.state = RELEASED;
      this.reason = lazyError;
    }
  }
});

// A TypeError that is made when it is first asked for.
const LazyTypeError = hideObjectPrototype(class LazyTypeError {
  constructor(message) {
    this.message = message;
    this.error = null;
  }

  get() {
    return this.error ??= new TypeError(this.message);
  }
});

// Streams section 8.3, IsDetachedBuffer and TransferArrayBuffer. A buffer that cannot be detached (a
// WebAssembly memory's) throws.
const isDetachedBuffer = ArrayBufferPrototypeGetDetached;
function transferArrayBuffer(buffer) {
  if (ArrayBufferPrototypeGetDetached(buffer)) throw new TypeError("The ArrayBuffer is detached.");
  return ArrayBufferPrototypeTransfer(buffer);
}

// Copies bytes from one ArrayBuffer to another. CopyDataBlockBytes
function copyBytes(toBuffer, toIndex, fromBuffer, fromIndex, count) {
  TypedArrayPrototypeSet(new Uint8Array(toBuffer, toIndex, count), new Uint8Array(fromBuffer, fromIndex, count));
}

// The result object of a read or an iteration step.
function createReadResult(value, done) {
  return { value, done };
}

// Call a function that may return a promise or throw; always a promise. One that returns nothing costs no new
// promise. There is one for each number of arguments, because scripts can count them.
function promiseCall0(method, receiver) {
  try {
    const result = FunctionPrototypeCall(method, receiver);
    return result === undefined ? resolved : PromiseResolve(result);
  } catch (error) {
    return PromiseReject(error);
  }
}

function promiseCall1(method, receiver, a) {
  try {
    const result = FunctionPrototypeCall(method, receiver, a);
    return result === undefined ? resolved : PromiseResolve(result);
  } catch (error) {
    return PromiseReject(error);
  }
}

function promiseCall2(method, receiver, a, b) {
  try {
    const result = FunctionPrototypeCall(method, receiver, a, b);
    return result === undefined ? resolved : PromiseResolve(result);
  } catch (error) {
    return PromiseReject(error);
  }
}

internal.streams = {
  __proto__: null,
  FULFILLED,
  LazyPromise,
  LazyTypeError,
  Queue,
  QueueWithSizes,
  copyBytes,
  createReadResult,
  isDetachedBuffer,
  noop,
  promiseCall0,
  promiseCall1,
  promiseCall2,
  resolved,
  setPromiseIsHandledToTrue,
  transferArrayBuffer,
};
