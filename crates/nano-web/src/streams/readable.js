// Readable streams: their state, and the algorithms of streams and readers that work with any controller.
// Streams section 4.2.3, section 4.9.2, section 4.9.3 and the readers' part of section 4.9.3. The classes that scripts see are in readable_classes.js.
//
// A controller is any object with pullSteps(readRequest), cancelSteps(reason) -> promise, releaseSteps(), and, if it makes byte
// streams, pullInto(view, min, readIntoRequest). A read request is any object with chunkSteps(chunk), closeSteps(chunk) and
// errorSteps(error); one object may serve many reads.

const { PromisePrototypeThen, PromiseReject, TypeError, hideObjectPrototype } = internal.primordials;
const streams = internal.streams;
const { LazyPromise, LazyTypeError, Queue, noop, resolved } = streams;

const READABLE = 0;
const CLOSED = 1;
const ERRORED = 2;

// The internal slots of a ReadableStream
const ReadableStreamState = hideObjectPrototype(class ReadableStreamState {
  constructor(controller) {
    this.state = READABLE;
    this.disturbed = false;
    this.reader = null;
    this.controller = controller;
    this.storedError = undefined;
    // The ReadableStream, once there is one.
    this.shell = null;
  }
});

// The internal slots of a reader of either kind. `requests` are its read requests or its read-into requests.
const ReaderState = hideObjectPrototype(class ReaderState {
  constructor(byob) {
    this.byob = byob;
    this.stream = null;
    this.closed = new LazyPromise();
    this.requests = new Queue();
  }
});

// section 4.9.1, IsReadableStreamLocked
function IsReadableStreamLocked(stream) {
  return stream.reader !== null;
}

// section 4.9.1, AcquireReadableStreamDefaultReader
function AcquireReadableStreamDefaultReader(stream) {
  const reader = new ReaderState(false);
  SetUpReadableStreamReader(reader, stream);
  return reader;
}

// section 4.9.1, AcquireReadableStreamBYOBReader
function AcquireReadableStreamBYOBReader(stream) {
  const reader = new ReaderState(true);
  SetUpReadableStreamReader(reader, stream);
  return reader;
}

// section 4.9.3, SetUpReadableStreamDefaultReader and SetUpReadableStreamBYOBReader
function SetUpReadableStreamReader(reader, stream) {
  if (stream.reader !== null) throw new TypeError("The ReadableStream is locked to a reader already.");
  if (reader.byob && stream.controller.pullInto === undefined) {
    throw new TypeError("A BYOB reader needs a readable byte stream.");
  }
  ReadableStreamReaderGenericInitialize(reader, stream);
}

// section 4.9.3, ReadableStreamReaderGenericInitialize
function ReadableStreamReaderGenericInitialize(reader, stream) {
  reader.stream = stream;
  stream.reader = reader;
  if (stream.state === CLOSED) reader.closed.resolve();
  else if (stream.state === ERRORED) reader.closed.reject(stream.storedError);
}

// section 4.9.3, ReadableStreamReaderGenericCancel
function ReadableStreamReaderGenericCancel(reader, reason) {
  return ReadableStreamCancel(reader.stream, reason);
}

// section 4.9.3, ReadableStreamReaderGenericRelease
function ReadableStreamReaderGenericRelease(reader, releasedError) {
  const stream = reader.stream;
  reader.closed.rejectOrRenewLater(releasedError);
  stream.controller.releaseSteps();
  stream.reader = null;
  reader.stream = null;
}

// section 4.9.3, ReadableStreamDefaultReaderRelease and ReadableStreamBYOBReaderRelease
function ReadableStreamReaderRelease(reader) {
  const releasedError = new LazyTypeError("The reader's lock was released.");
  ReadableStreamReaderGenericRelease(reader, releasedError);
  if (reader.requests.size > 0) errorRequests(reader, releasedError.get());
}

// section 4.9.3, ReadableStreamDefaultReaderErrorReadRequests and ReadableStreamBYOBReaderErrorReadIntoRequests
function errorRequests(reader, e) {
  const requests = takeRequests(reader);
  while (requests.size > 0) requests.shift().errorSteps(e);
}

function takeRequests(reader) {
  const requests = reader.requests;
  if (requests.size > 0) reader.requests = new Queue();
  return requests;
}

// section 4.9.3, ReadableStreamDefaultReaderRead
function ReadableStreamDefaultReaderRead(reader, readRequest) {
  const stream = reader.stream;
  stream.disturbed = true;
  if (stream.state === READABLE) stream.controller.pullSteps(readRequest);
  else if (stream.state === CLOSED) readRequest.closeSteps(undefined);
  else readRequest.errorSteps(stream.storedError);
}

// section 4.9.3, ReadableStreamBYOBReaderRead
function ReadableStreamBYOBReaderRead(reader, view, min, readIntoRequest) {
  const stream = reader.stream;
  stream.disturbed = true;
  if (stream.state === ERRORED) readIntoRequest.errorSteps(stream.storedError);
  else stream.controller.pullInto(view, min, readIntoRequest);
}

// section 4.9.2, ReadableStreamAddReadRequest and ReadableStreamAddReadIntoRequest
function ReadableStreamAddReadRequest(stream, readRequest) {
  stream.reader.requests.push(readRequest);
}

// section 4.9.2, ReadableStreamCancel
function ReadableStreamCancel(stream, reason) {
  stream.disturbed = true;
  if (stream.state === CLOSED) return resolved;
  if (stream.state === ERRORED) return PromiseReject(stream.storedError);
  ReadableStreamClose(stream);
  const reader = stream.reader;
  if (reader !== null && reader.byob) {
    const requests = takeRequests(reader);
    while (requests.size > 0) requests.shift().closeSteps(undefined);
  }
  const promise = stream.controller.cancelSteps(reason);
  return promise === resolved ? promise : PromisePrototypeThen(promise, noop);
}

// section 4.9.2, ReadableStreamClose
function ReadableStreamClose(stream) {
  stream.state = CLOSED;
  const reader = stream.reader;
  if (reader === null) return;
  reader.closed.resolve();
  if (!reader.byob) {
    const requests = takeRequests(reader);
    while (requests.size > 0) requests.shift().closeSteps(undefined);
  }
}

// section 4.9.2, ReadableStreamError
function ReadableStreamError(stream, e) {
  stream.state = ERRORED;
  stream.storedError = e;
  const reader = stream.reader;
  if (reader === null) return;
  reader.closed.reject(e);
  errorRequests(reader, e);
}

// section 4.9.2, ReadableStreamFulfillReadRequest and ReadableStreamFulfillReadIntoRequest
function ReadableStreamFulfillReadRequest(stream, chunk, done) {
  const readRequest = stream.reader.requests.shift();
  if (done) readRequest.closeSteps(chunk);
  else readRequest.chunkSteps(chunk);
}

// section 4.9.2, ReadableStreamGetNumReadRequests, 0 without a default reader
function ReadableStreamGetNumReadRequests(stream) {
  const reader = stream.reader;
  return reader === null || reader.byob ? 0 : reader.requests.size;
}

// section 4.9.2, ReadableStreamGetNumReadIntoRequests, 0 without a BYOB reader
function ReadableStreamGetNumReadIntoRequests(stream) {
  const reader = stream.reader;
  return reader === null || !reader.byob ? 0 : reader.requests.size;
}

// section 4.9.2, ReadableStreamHasDefaultReader
function ReadableStreamHasDefaultReader(stream) {
  return stream.reader !== null && !stream.reader.byob;
}

// section 4.9.2, ReadableStreamHasBYOBReader
function ReadableStreamHasBYOBReader(stream) {
  return stream.reader !== null && stream.reader.byob;
}

streams.READABLE = READABLE;
streams.CLOSED = CLOSED;
streams.ERRORED = ERRORED;
streams.ReadableStreamState = ReadableStreamState;
streams.ReaderState = ReaderState;
streams.IsReadableStreamLocked = IsReadableStreamLocked;
streams.AcquireReadableStreamDefaultReader = AcquireReadableStreamDefaultReader;
streams.AcquireReadableStreamBYOBReader = AcquireReadableStreamBYOBReader;
streams.SetUpReadableStreamReader = SetUpReadableStreamReader;
streams.ReadableStreamReaderGenericCancel = ReadableStreamReaderGenericCancel;
streams.ReadableStreamReaderRelease = ReadableStreamReaderRelease;
streams.ReadableStreamDefaultReaderRead = ReadableStreamDefaultReaderRead;
streams.ReadableStreamBYOBReaderRead = ReadableStreamBYOBReaderRead;
streams.ReadableStreamAddReadRequest = ReadableStreamAddReadRequest;
streams.ReadableStreamCancel = ReadableStreamCancel;
streams.ReadableStreamClose = ReadableStreamClose;
streams.ReadableStreamError = ReadableStreamError;
streams.ReadableStreamFulfillReadRequest = ReadableStreamFulfillReadRequest;
streams.ReadableStreamGetNumReadRequests = ReadableStreamGetNumReadRequests;
streams.ReadableStreamGetNumReadIntoRequests = ReadableStreamGetNumReadIntoRequests;
streams.ReadableStreamHasDefaultReader = ReadableStreamHasDefaultReader;
streams.ReadableStreamHasBYOBReader = ReadableStreamHasBYOBReader;
