// Transfer of streams: Streams section 4.2.5, section 5.2.5, section 6.2.5 and section 8.2 "Transferable
// streams".
//
// A transferred stream is a pipe into a port; its new home reads from the port's other end. The ports are
// states without a MessagePort, whose messages go to a function.

const { PromisePrototypeThen, PromiseReject, PromiseResolve, PromiseWithResolvers } = internal.primordials;
const { constructorKey } = internal.webidl;
const { close, enable, enqueue, newEntangledStates } = internal.messaging;
const { streams } = internal;

const CHUNK = 1;
const CLOSE = 2;
const ERROR = 3;
const PULL = 4;

// PackAndPostMessage. Throws if the value cannot be cloned.
function post(state, type, value) {
  const data = { __proto__: null, type, value: internal.structuredClone(value) };
  if (state.other !== null) enqueue(state.other, data, nothing);
}
const nothing = [];

// CrossRealmTransformSendError
function sendError(state, error) {
  try {
    post(state, ERROR, error);
  } catch {
    // The other side will wait, as the standard has it.
  }
}

// PackAndPostMessageHandlingError: rejected with what was thrown.
function postHandlingError(state, type, value) {
  try {
    post(state, type, value);
    return undefined;
  } catch (error) {
    sendError(state, error);
    return PromiseReject(error);
  }
}

// The last of what is said.
function finish(state, type, value) {
  const failed = postHandlingError(state, type, value);
  close(state);
  return failed ?? PromiseResolve(undefined);
}

// SetUpCrossRealmTransformReadable: a ReadableStream
function newReadable(state) {
  const stream = streams.createReadableStream(
    undefined,
    () => {
      post(state, PULL, undefined);
      return PromiseResolve(undefined);
    },
    (reason) => finish(state, ERROR, reason),
    0,
  );
  state.handler = ({ type, value }) => {
    if (type === CHUNK) {
      streams.readableStreamEnqueue(stream, value);
    } else if (type === CLOSE) {
      streams.readableStreamClose(stream);
      close(state);
    } else if (type === ERROR) {
      streams.readableStreamError(stream, value);
      close(state);
    }
  };
  enable(state);
  return stream;
}

// SetUpCrossRealmTransformWritable: a WritableStream
function newWritable(state) {
  let backpressure = PromiseWithResolvers();
  const stream = streams.createWritableStream(
    undefined,
    (chunk) => PromisePrototypeThen(backpressure === null ? PromiseResolve(undefined) : backpressure.promise, () => {
      backpressure = PromiseWithResolvers();
      const failed = postHandlingError(state, CHUNK, chunk);
      if (failed !== undefined) close(state);
      return failed;
    }),
    () => {
      post(state, CLOSE, undefined);
      close(state);
      return PromiseResolve(undefined);
    },
    (reason) => finish(state, ERROR, reason),
    1,
  );
  state.handler = ({ type, value }) => {
    if (type === ERROR) streams.writableStreamError(stream, value);
    if ((type === ERROR || type === PULL) && backpressure !== null) {
      backpressure.resolve(undefined);
      backpressure = null;
    }
  };
  enable(state);
  return stream;
}

// section 4.2.5
function transferReadable(stream) {
  const state = newEntangledStates();
  streams.readableStreamPipeTo(stream, newWritable(state), false, false, false, undefined, true);
  return state.other;
}

// section 5.2.5
function transferWritable(stream) {
  const state = newEntangledStates();
  streams.readableStreamPipeTo(newReadable(state), stream);
  return state.other;
}

function check(locked, name) {
  if (locked) throw internal.clone.newDataCloneError(`A ${name} that is locked could not be transferred.`);
}

internal.hooks.streamTransfer = {
  __proto__: null,
  checkReadable: (stream) => check(streams.isLocked(stream), "ReadableStream"),
  checkWritable: (stream) => check(streams.isWritableLocked(stream), "WritableStream"),
  // section 6.2.5
  checkTransform(stream) {
    const { readable, writable } = streams.getTransformState(stream);
    check(streams.isLocked(streams.readableShell(readable)), "TransformStream whose readable side");
    check(streams.isWritableLocked(streams.writableShell(writable)), "TransformStream whose writable side");
  },
  transferReadable,
  transferWritable,
  transferTransform(stream) {
    const { readable, writable } = streams.getTransformState(stream);
    return {
      __proto__: null,
      readable: transferReadable(streams.readableShell(readable)),
      writable: transferWritable(streams.writableShell(writable)),
    };
  },
  receiveReadable: newReadable,
  receiveWritable: newWritable,
  receiveTransform(holder) {
    return new streams.TransformStream(constructorKey, {
      __proto__: null,
      readable: streams.getReadableState(newReadable(holder.readable)),
      writable: streams.getWritableState(newWritable(holder.writable)),
    });
  },
};
