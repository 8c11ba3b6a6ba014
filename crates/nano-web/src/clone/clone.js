// structuredClone(), and what the platform knows of its own objects when they are cloned. HTML section 2.7
//
// The serializer is native (clone/mod.rs). Serializable platform objects are taken apart and made here; what
// each kind's value looks like is said at its writer. What is made of bytes alone, or of a Map's or Set's
// primitive values, is copied here without a serializer. Later folders implement its hooks for their own
// objects. Knows nothing of what messages are for.

const {
  ArrayBufferPrototypeGetDetached,
  ArrayBufferPrototypeGetResizable,
  ArrayBufferPrototypeTransfer,
  ArrayIsArray,
  ArrayPrototypePush,
  BigInt64Array,
  BigUint64Array,
  Float16Array,
  Float32Array,
  Float64Array,
  Int16Array,
  Int32Array,
  Int8Array,
  Map,
  MapPrototypeForEach,
  MapPrototypeGet,
  MapPrototypeHas,
  MapPrototypeSet,
  ObjectDefineProperty,
  ObjectPrototype,
  Set,
  SetPrototypeAdd,
  SetPrototypeForEach,
  TypedArrayPrototypeGetBuffer,
  TypedArrayPrototypeGetByteOffset,
  TypedArrayPrototypeGetLength,
  TypedArrayPrototypeGetSymbolToStringTag,
  Uint16Array,
  Uint32Array,
  Uint8Array,
  Uint8ClampedArray,
} = internal.primordials;
const webidl = internal.webidl;
const { converters, isArrayBuffer, isObject } = webidl;

function newDataCloneError(message) {
  return new internal.domexception.DOMException(message, "DataCloneError");
}

function fail(message) {
  throw newDataCloneError(message);
}

// ---------------------------------------------------------------------------------------------------------------------
// Serializable platform objects. The numbers are in values in storage: they are never given to another kind.

const DOM_EXCEPTION = 1;
const QUOTA_EXCEEDED_ERROR = 2;
const BLOB = 3;
const FILE = 4;
const CRYPTO_KEY = 5;
const TRANSFERRED = 16;

// What one operation knows beside the bytes: platform objects' own parts, where both sides are this isolate;
// null if there are none, and undefined if the other side is elsewhere, so that everything has to go into the
// bytes.
let locals = null;
// The objects to transfer: object -> its place in the list; null if there are none.
let transfers = null;
// The transferred objects, by their places; made when they are first asked for, or at the end.
let holders = null;
let received = null;

function keep(object) {
  locals ??= [];
  ArrayPrototypePush(locals, object);
  return locals.length - 1;
}

const stackOf = (error) => {
  const stack = error.stack;
  return typeof stack === "string" ? stack : undefined;
};

// The serializer has met a platform object: its kind and a value that stands for it, or undefined if it has
// none.
function write(object) {
  if (transfers !== null) {
    const place = MapPrototypeGet(transfers, object);
    if (place !== undefined) return [TRANSFERRED, place];
  }
  // A class that was never evaluated has no objects.
  const { domexception, blobClone, cryptoKeyClone } = internal.loaded;
  if (domexception?.isDOMException(object)) {
    const { name, message } = domexception.getState(object);
    if (!domexception.isQuotaExceededError(object)) return [DOM_EXCEPTION, [name, message, stackOf(object)]];
    const { quota, requested } = domexception.getQuota(object);
    return [QUOTA_EXCEEDED_ERROR, [name, message, stackOf(object), quota, requested]];
  }
  if (blobClone?.isBlob(object)) {
    const isFile = blobClone.isFile(object);
    return [isFile ? FILE : BLOB, locals === undefined ? blobClone.serialize(object, isFile) : keep(object)];
  }
  if (cryptoKeyClone?.is(object)) {
    return [CRYPTO_KEY, locals === undefined ? cryptoKeyClone.serialize(object) : keep(object)];
  }
  return undefined;
}

// The deserializer has met what write() gave: the object, or undefined if the value is not of the kind (it
// may come from storage).
function read(kind, value) {
  if (kind === TRANSFERRED) return receive(value);
  if (kind === DOM_EXCEPTION || kind === QUOTA_EXCEEDED_ERROR) return readException(kind, value);
  const own = typeof value === "number";
  if (own && (locals === null || locals === undefined)) return undefined;
  switch (kind) {
    case BLOB:
    case FILE: {
      const { blobClone } = internal.hooks;
      return own ? blobClone.clone(locals[value], kind === FILE) : blobClone.deserialize(value, kind === FILE);
    }
    case CRYPTO_KEY: {
      const { cryptoKeyClone } = internal.hooks;
      return own ? cryptoKeyClone.clone(locals[value]) : cryptoKeyClone.deserialize(value);
    }
    default:
      return undefined;
  }
}

function readException(kind, value) {
  if (!ArrayIsArray(value) || typeof value[0] !== "string" || typeof value[1] !== "string") return undefined;
  const { DOMException, QuotaExceededError } = internal.domexception;
  let exception;
  if (kind === DOM_EXCEPTION) {
    exception = new DOMException(value[1], value[0]);
  } else {
    const options = { __proto__: null };
    if (typeof value[3] === "number") options.quota = value[3];
    if (typeof value[4] === "number") options.requested = value[4];
    exception = new QuotaExceededError(value[1], options);
  }
  ObjectDefineProperty(exception, "stack", {
    __proto__: null, value: typeof value[2] === "string" ? value[2] : undefined,
    writable: true, enumerable: false, configurable: true,
  });
  return exception;
}

// ---------------------------------------------------------------------------------------------------------------------
// Clones

const viewClasses = {
  __proto__: null,
  BigInt64Array, BigUint64Array, Float16Array, Float32Array, Float64Array, Int16Array, Int32Array, Int8Array,
  Uint16Array, Uint32Array, Uint8Array, Uint8ClampedArray,
};

const isPrimitive = (value) =>
  value === null || (typeof value !== "object" && typeof value !== "function" && typeof value !== "symbol");

// A Map of primitive values; undefined for any other.
function cloneMap(map) {
  const copy = new Map();
  let plain = true;
  MapPrototypeForEach(map, (value, key) => {
    if (plain && (plain = isPrimitive(value) && isPrimitive(key))) MapPrototypeSet(copy, key, value);
  });
  return plain ? copy : undefined;
}

function cloneSet(set) {
  const copy = new Set();
  let plain = true;
  SetPrototypeForEach(set, (value) => {
    if (plain && (plain = isPrimitive(value))) SetPrototypeAdd(copy, value);
  });
  return plain ? copy : undefined;
}

const bufferOf = (value) =>
  TypedArrayPrototypeGetSymbolToStringTag(value) === undefined ? value : TypedArrayPrototypeGetBuffer(value);

// A typed array or a buffer on the buffer that `rehome` makes of its own; undefined where there is more to
// know of that than its bytes.
function withBuffer(value, rehome) {
  const name = TypedArrayPrototypeGetSymbolToStringTag(value);
  // Not every isolate that a snapshot is made in has all classes.
  if (name !== undefined && viewClasses[name] === undefined) return undefined;
  const buffer = bufferOf(value);
  if (!isArrayBuffer(buffer) || ArrayBufferPrototypeGetResizable(buffer) || ArrayBufferPrototypeGetDetached(buffer)) {
    return undefined;
  }
  if (name === undefined) return rehome(buffer);
  const offset = TypedArrayPrototypeGetByteOffset(value);
  const length = TypedArrayPrototypeGetLength(value);
  return new viewClasses[name](rehome(buffer), offset, length);
}

const copyBuffer = (buffer) => TypedArrayPrototypeGetBuffer(ops.copyBuffer(buffer));

// A typed array with its whole buffer, or a buffer.
const cloneBytes = (value) => withBuffer(value, copyBuffer);

// Answers of ops.structuredClone for what it leaves to this file.
const IS_MAP = 1;
const IS_SET = 2;

// A clone of any value.
function clone(value) {
  if (isPrimitive(value)) return value;
  const outer = locals;
  const outerTransfers = transfers;
  locals = transfers = null;
  try {
    const result = ops.structuredClone(value, false, ObjectPrototype, write, read, fail);
    if (typeof result !== "number") return result;
    const copy = result === IS_MAP ? cloneMap(value) : result === IS_SET ? cloneSet(value) : cloneBytes(value);
    return copy !== undefined ? copy : ops.structuredClone(value, true, ObjectPrototype, write, read, fail);
  } finally {
    locals = outer;
    transfers = outerTransfers;
  }
}

// How objects of a kind are transferred: check() throws if the object cannot be transferred now; transfer()
// detaches it and gives what receive() makes the new one of.
const transferables = [
  {
    __proto__: null,
    is: (value) => internal.loaded.portTransfer?.is(value),
    check: (port) => internal.hooks.portTransfer.check(port),
    transfer: (port) => internal.hooks.portTransfer.transfer(port),
    receive: (holder) => internal.hooks.portTransfer.receive(holder),
  },
  {
    __proto__: null,
    is: (value) => internal.loaded.streamKinds?.isReadable(value),
    check: (stream) => internal.hooks.streamTransfer.checkReadable(stream),
    transfer: (stream) => internal.hooks.streamTransfer.transferReadable(stream),
    receive: (holder) => internal.hooks.streamTransfer.receiveReadable(holder),
  },
  {
    __proto__: null,
    is: (value) => internal.loaded.streamKinds?.isWritable(value),
    check: (stream) => internal.hooks.streamTransfer.checkWritable(stream),
    transfer: (stream) => internal.hooks.streamTransfer.transferWritable(stream),
    receive: (holder) => internal.hooks.streamTransfer.receiveWritable(holder),
  },
  {
    __proto__: null,
    is: (value) => internal.loaded.streamKinds?.isTransform(value),
    check: (stream) => internal.hooks.streamTransfer.checkTransform(stream),
    transfer: (stream) => internal.hooks.streamTransfer.transferTransform(stream),
    receive: (holder) => internal.hooks.streamTransfer.receiveTransform(holder),
  },
];

function findTransferable(object) {
  for (let i = 0; i < transferables.length; i++) {
    if (transferables[i].is(object)) return transferables[i];
  }
  return undefined;
}

// The object at a place of the list, in its new home.
function receive(place) {
  if (holders === null || holders[place] === undefined) return undefined;
  return received[place] ??= holders[place].transferable.receive(holders[place].holder);
}

function areBuffers(list) {
  for (let i = 0; i < list.length; i++) {
    if (!isArrayBuffer(list[i])) return false;
  }
  return true;
}

// A typed array or a buffer in its new home, where its buffer is all that is transferred.
function moveBytes(value, buffers) {
  if (buffers.length !== 1 || bufferOf(value) !== buffers[0]) return undefined;
  return withBuffer(value, ArrayBufferPrototypeTransfer);
}

// The usual transfer, which is all native.
function cloneWithBuffers(value, buffers) {
  let moved;
  try {
    moved = moveBytes(value, buffers);
  } catch {
    // A buffer that cannot be detached, as that of a WebAssembly memory: the serializer says so.
  }
  if (moved !== undefined) return moved;
  const outer = locals;
  const outerTransfers = transfers;
  locals = transfers = null;
  try {
    return ops.structuredCloneWithTransfer(value, buffers, undefined, ObjectPrototype, write, read, fail);
  } finally {
    locals = outer;
    transfers = outerTransfers;
  }
}

// StructuredSerializeWithTransfer and StructuredDeserializeWithTransfer: the clone, and what was transferred
// (if anything but buffers is), in the order of the list. section 2.7.7, section 2.7.8
function cloneWithTransfer(value, transferList) {
  if (transferList.length === 0) return { __proto__: null, value: clone(value), transferred: [] };
  if (areBuffers(transferList)) {
    return { __proto__: null, value: cloneWithBuffers(value, transferList), transferred: [] };
  }
  const outer = [locals, transfers, holders, received];
  const places = new Map();
  const buffers = [];
  const moving = [];
  for (let i = 0; i < transferList.length; i++) {
    const object = transferList[i];
    if (MapPrototypeHas(places, object)) {
      throw newDataCloneError("A value is in the list of what to transfer more than once.");
    }
    MapPrototypeSet(places, object, i);
    if (isArrayBuffer(object)) {
      ArrayPrototypePush(buffers, object);
      ArrayPrototypePush(moving, undefined);
      continue;
    }
    const transferable = findTransferable(object);
    if (transferable === undefined) throw newDataCloneError("A value in the list of what to transfer cannot be transferred.");
    ArrayPrototypePush(moving, transferable);
  }
  locals = null;
  transfers = places;
  const ownHolders = [];
  const ownReceived = [];
  try {
    const transfer = () => {
      for (let i = 0; i < moving.length; i++) {
        if (moving[i] !== undefined) moving[i].check(transferList[i]);
      }
      for (let i = 0; i < moving.length; i++) {
        const transferable = moving[i];
        ArrayPrototypePush(
          ownHolders,
          transferable === undefined
            ? undefined
            : { __proto__: null, transferable, holder: transferable.transfer(transferList[i]) },
        );
      }
      // From here on nothing is written any more.
      transfers = null;
      holders = ownHolders;
      received = ownReceived;
    };
    const result = ops.structuredCloneWithTransfer(value, buffers, transfer, ObjectPrototype, write, read, fail);
    const transferred = [];
    let next = 1;
    for (let i = 0; i < moving.length; i++) {
      ArrayPrototypePush(transferred, moving[i] === undefined ? result[next++] : receive(i));
    }
    return { __proto__: null, value: result[0], transferred };
  } finally {
    locals = outer[0];
    transfers = outer[1];
    holders = outer[2];
    received = outer[3];
  }
}

const structuredSerializeOptionsMembers = [
  { __proto__: null, key: "transfer", converter: converters["sequence<object>"], defaultValue: () => [] },
];
const convertStructuredSerializeOptions = webidl.createDictionaryConverter(
  "StructuredSerializeOptions", structuredSerializeOptionsMembers,
);

// section 2.7.10
function structuredClone(value, options = undefined) {
  const prefix = "Failed to execute 'structuredClone'";
  if (arguments.length === 0) webidl.requiredArguments(0, 1, prefix);
  if (options !== undefined && options !== null) {
    const { transfer } = convertStructuredSerializeOptions(options, prefix, "Argument 2");
    if (transfer.length > 0) {
      return areBuffers(transfer) ? cloneWithBuffers(value, transfer) : cloneWithTransfer(value, transfer).value;
    }
  }
  // The serializer refuses a value that cannot be read, and names it.
  return clone(value);
}

// For values that come from or go to other isolates: calls `run(ObjectPrototype, write, read, fail)`, whose
// writes put everything into the bytes.
function portably(run) {
  const outer = locals;
  const outerTransfers = transfers;
  locals = undefined;
  transfers = null;
  try {
    return run(ObjectPrototype, write, read, fail);
  } finally {
    locals = outer;
    transfers = outerTransfers;
  }
}

internal.clone = {
  __proto__: null,
  cloneWithTransfer,
  convertStructuredSerializeOptions,
  newDataCloneError,
  portably,
};
internal.structuredClone = clone;
internal.exposeEnumerable({ structuredClone });
