// FileReader and FileReaderSync (File API section 6): for code that was written before Blobs could be read by
// themselves.
//
// A Blob is in memory, so there is nothing to wait for but the tasks in which the events are fired.

const { TypedArrayPrototypeGetBuffer } = internal.primordials;
const webidl = internal.webidl;
const { converters } = webidl;
const { EventTarget, defineEventHandler } = internal.events;
const { blobBytes, getSize, getType, isBlob } = internal.file;
const { fireProgress } = internal.progress;

const convertBlob = webidl.createInterfaceConverter("Blob", isBlob);

// ---------------------------------------------------------------------------------------------------------------------
// "package data". section 6.3

// The encoding that bytes begin with the mark of, or null. Encoding section 6, "BOM sniff"
function sniffMark(bytes) {
  if (bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf) return "utf-8";
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return "utf-16be";
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return "utf-16le";
  return null;
}

function textOf(bytes, type, label) {
  let encoding = label === undefined ? undefined : ops.encodingLabel(label);
  if (encoding === undefined && type !== "") {
    const mimeType = internal.mime.parseMimeType(type);
    const charset = mimeType === null ? undefined : internal.mime.getParameter(mimeType.parameters, "charset");
    if (charset !== undefined) encoding = ops.encodingLabel(charset);
  }
  return ops.decoderDecode(ops.decoderNew(sniffMark(bytes) ?? encoding ?? "utf-8", false, false), bytes, true);
}

const packages = {
  __proto__: null,
  ArrayBuffer: (bytes) => TypedArrayPrototypeGetBuffer(bytes),
  BinaryString: (bytes) => ops.binaryString(bytes),
  DataURL: (bytes, type) => `data:${type === "" ? "application/octet-stream" : type};base64,${ops.base64Encode(bytes)}`,
  Text: textOf,
};

// A Blob's bytes as they are now, which are for ever.
const packageData = (kind, blob, label) => packages[kind](blobBytes(blob), getType(blob), label);

// The arguments of a method that reads, converted: { blob, label }.
function convertArguments(count, blob, label, method, name) {
  const prefix = `Failed to execute '${method}' on '${name}'`;
  webidl.requiredArguments(count, 1, prefix);
  blob = convertBlob(blob, prefix, "Argument 1");
  return { __proto__: null, blob, label: label === undefined ? undefined : converters.DOMString(label, prefix, "Argument 2") };
}

// ---------------------------------------------------------------------------------------------------------------------
// FileReader. section 6.2

const EMPTY = 0;
const LOADING = 1;
const DONE = 2;

class FileReader extends EventTarget {
  #state = EMPTY;
  #result = null;
  #error = null;
  // That of the task that comes next, as long as something is being read.
  #task = 0;

  constructor() {
    super();
  }

  readAsArrayBuffer(blob) {
    this.#state;
    const given = convertArguments(arguments.length, blob, undefined, "readAsArrayBuffer", "FileReader");
    this.#read("ArrayBuffer", given.blob, undefined);
  }

  readAsBinaryString(blob) {
    this.#state;
    const given = convertArguments(arguments.length, blob, undefined, "readAsBinaryString", "FileReader");
    this.#read("BinaryString", given.blob, undefined);
  }

  readAsText(blob, encoding = undefined) {
    this.#state;
    const given = convertArguments(arguments.length, blob, encoding, "readAsText", "FileReader");
    this.#read("Text", given.blob, given.label);
  }

  readAsDataURL(blob) {
    this.#state;
    const given = convertArguments(arguments.length, blob, undefined, "readAsDataURL", "FileReader");
    this.#read("DataURL", given.blob, undefined);
  }

  // "read operation": each group of events is a task of its own.
  #read(kind, blob, label) {
    if (this.#state === LOADING) {
      throw new internal.domexception.DOMException("The FileReader is reading something else.", "InvalidStateError");
    }
    this.#state = LOADING;
    this.#result = null;
    this.#error = null;
    const size = getSize(blob);
    this.#queue(() => {
      // Of a file of no bytes nothing is loaded. The next step is queued first: a listener may abort it.
      this.#queue(size === 0 ? () => this.#end(kind, blob, label, size) : () => {
        this.#queue(() => this.#end(kind, blob, label, size));
        fireProgress(this, "progress", size, size);
      });
      fireProgress(this, "loadstart", 0, size);
    });
  }

  #queue(steps) {
    this.#task = internal.timers.startTimeout(0, steps);
  }

  #end(kind, blob, label, size) {
    this.#state = DONE;
    let type = "load";
    try {
      this.#result = packageData(kind, blob, label);
    } catch (error) {
      // Not enough memory, or a string that is too long.
      this.#error = new internal.domexception.DOMException(`The Blob cannot be read: ${error.message}`, "NotReadableError");
      type = "error";
    }
    // In a task of its own, so that what waits for the first goes on before the second. A listener may begin
    // to read again.
    const task = this.#task = internal.timers.startTimeout(0, () => {
      if (this.#task === task) fireProgress(this, "loadend", size, size);
    });
    fireProgress(this, type, size, size);
  }

  abort() {
    if (this.#state !== LOADING) {
      this.#result = null;
      return;
    }
    this.#state = DONE;
    this.#result = null;
    internal.timers.cancelTimeout(this.#task);
    fireProgress(this, "abort", 0, 0);
    if (this.#state !== LOADING) fireProgress(this, "loadend", 0, 0);
  }

  get readyState() {
    return this.#state;
  }

  get result() {
    return this.#result;
  }

  get error() {
    return this.#error;
  }
}
const handlers = ["onloadstart", "onprogress", "onload", "onabort", "onerror", "onloadend"];
for (let i = 0; i < handlers.length; i++) defineEventHandler(FileReader.prototype, handlers[i]);
webidl.configureInterface(FileReader);
webidl.defineConstants(FileReader, { __proto__: null, EMPTY, LOADING, DONE });

// section 6.5
class FileReaderSync {
  #brand;

  constructor() {}

  readAsArrayBuffer(blob) {
    this.#brand;
    const given = convertArguments(arguments.length, blob, undefined, "readAsArrayBuffer", "FileReaderSync");
    return packageData("ArrayBuffer", given.blob, undefined);
  }

  readAsBinaryString(blob) {
    this.#brand;
    const given = convertArguments(arguments.length, blob, undefined, "readAsBinaryString", "FileReaderSync");
    return packageData("BinaryString", given.blob, undefined);
  }

  readAsText(blob, encoding = undefined) {
    this.#brand;
    const given = convertArguments(arguments.length, blob, encoding, "readAsText", "FileReaderSync");
    return packageData("Text", given.blob, given.label);
  }

  readAsDataURL(blob) {
    this.#brand;
    const given = convertArguments(arguments.length, blob, undefined, "readAsDataURL", "FileReaderSync");
    return packageData("DataURL", given.blob, undefined);
  }
}
webidl.configureInterface(FileReaderSync);

internal.expose({ FileReader, FileReaderSync });
