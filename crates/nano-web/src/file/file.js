// File (File API section 4): a Blob with a name and a date.

const { ArrayIsArray, ArrayPrototypePush, DateNow, TypedArrayPrototypeGetSymbolToStringTag } = internal.primordials;
const webidl = internal.webidl;
const { converters } = webidl;
const {
  Blob, blobBytes, blobPropertyBagMembers, convertBlobParts, getChunks, getType, isBlob, makeBlob, normalizeType,
  processBlobParts,
} = internal.file;

const convertFilePropertyBag = webidl.createDictionaryConverter("FilePropertyBag", blobPropertyBagMembers, [
  { __proto__: null, key: "lastModified", converter: converters["long long"] },
]);

const constructorKey = webidl.constructorKey;

// The arguments of the constructor, converted in order: { chunks, type, name, lastModified }.
function convertArguments(count, fileBits, fileName, options) {
  const prefix = "Failed to construct 'File'";
  webidl.requiredArguments(count, 2, prefix);
  const parts = convertBlobParts(fileBits, prefix);
  const name = converters.USVString(fileName, prefix, "Argument 2");
  const bag = convertFilePropertyBag(options, prefix, "Argument 3");
  return {
    __proto__: null,
    chunks: processBlobParts(parts, bag.endings),
    type: normalizeType(bag.type),
    name,
    lastModified: bag.lastModified,
  };
}

let isFile, getLastModified, getName;

class File extends Blob {
  #name;
  #lastModified;

  static {
    isFile = (value) => typeof value === "object" && value !== null && #name in value;
    getLastModified = (file) => file.#lastModified;
    getName = (file) => file.#name;
  }

  constructor(fileBits, fileName, options = undefined) {
    const state = fileBits === constructorKey
      ? fileName
      : convertArguments(arguments.length, fileBits, fileName, options);
    super(constructorKey, state);
    this.#name = state.name;
    this.#lastModified = state.lastModified ?? DateNow();
  }

  get name() {
    return this.#name;
  }

  get lastModified() {
    return this.#lastModified;
  }
}
webidl.configureInterface(File);

// A File with a Blob's bytes and type. `lastModified` is now unless given.
function makeFile(blob, name, lastModified = undefined) {
  return new File(constructorKey, { __proto__: null, chunks: getChunks(blob), type: getType(blob), name, lastModified });
}

internal.file.File = File;
internal.file.fileAttributes = webidl.takeAttributes(File, ["name", "size", "type", "lastModified"]);
internal.file.isFile = isFile;
internal.file.makeFile = makeFile;
internal.file.getLastModified = getLastModified;
internal.file.getName = getName;

// Structured clone: File API sections 3 and 4. A clone in this isolate shares the chunks; elsewhere it is
// made of their bytes.
internal.hooks.blobClone = {
  __proto__: null,
  isBlob,
  isFile,
  clone(object, asFile) {
    return asFile ? makeFile(object, getName(object), getLastModified(object)) : makeBlob(getChunks(object), getType(object));
  },
  serialize(object, asFile) {
    const value = [blobBytes(object), getType(object)];
    if (!asFile) return value;
    ArrayPrototypePush(value, getName(object));
    ArrayPrototypePush(value, getLastModified(object));
    return value;
  },
  // Undefined for a value that is not of the kind: it may come from storage.
  deserialize(value, asFile) {
    if (!ArrayIsArray(value) || typeof value[1] !== "string") return undefined;
    if (TypedArrayPrototypeGetSymbolToStringTag(value[0]) !== "Uint8Array") return undefined;
    const blob = makeBlob([value[0]], normalizeType(value[1]));
    if (!asFile) return blob;
    if (typeof value[2] !== "string" || typeof value[3] !== "number") return undefined;
    return makeFile(blob, value[2], value[3]);
  },
};
internal.expose({ File });
