// FormData (XMLHttpRequest Standard section 4.4). Knows nothing of its encodings (file/multipart.js).

const { ArrayPrototypePush, TypeError } = internal.primordials;
const webidl = internal.webidl;
const { converters } = webidl;
const { getLastModified, isBlob, isFile, makeFile } = internal.file;

// The value of an entry: a string, or a File for any Blob. section 4.4, "create an entry"
function entryValue(value, filename) {
  if (typeof value === "string") return value;
  if (!isFile(value)) return makeFile(value, filename ?? "blob");
  return filename === undefined ? value : makeFile(value, filename, getLastModified(value));
}

// The arguments of append() and set(), whose overloads differ in whether there is a Blob: a [name, value] array.
function convertEntry(count, name, value, filename, prefix) {
  webidl.requiredArguments(count, 2, prefix);
  const blob = isBlob(value);
  if (count > 2 && !blob) throw new TypeError(`${prefix}: Argument 2 is not of type 'Blob'.`);
  name = converters.USVString(name, prefix, "Argument 1");
  if (!blob) return [name, converters.USVString(value, prefix, "Argument 2")];
  return [
    name,
    entryValue(value, filename === undefined ? undefined : converters.USVString(filename, prefix, "Argument 3")),
  ];
}

let isFormData, getEntries;

class FormData {
  // [name, value] arrays
  #entries = [];

  static {
    isFormData = (value) => typeof value === "object" && value !== null && #entries in value;
    getEntries = (formData) => formData.#entries;
  }

  constructor(form = undefined) {
    if (form !== undefined) {
      throw new TypeError("Failed to construct 'FormData': Argument 1 is not of type 'HTMLFormElement'.");
    }
  }

  append(name, value, filename = undefined) {
    const entries = this.#entries;
    ArrayPrototypePush(
      entries, convertEntry(arguments.length, name, value, filename, "Failed to execute 'append' on 'FormData'"),
    );
  }

  delete(name) {
    const entries = this.#entries;
    const prefix = "Failed to execute 'delete' on 'FormData'";
    webidl.requiredArguments(arguments.length, 1, prefix);
    name = converters.USVString(name, prefix, "Argument 1");
    let kept = 0;
    for (let i = 0; i < entries.length; i++) {
      if (entries[i][0] !== name) entries[kept++] = entries[i];
    }
    entries.length = kept;
  }

  get(name) {
    const entries = this.#entries;
    const prefix = "Failed to execute 'get' on 'FormData'";
    webidl.requiredArguments(arguments.length, 1, prefix);
    name = converters.USVString(name, prefix, "Argument 1");
    for (let i = 0; i < entries.length; i++) {
      if (entries[i][0] === name) return entries[i][1];
    }
    return null;
  }

  getAll(name) {
    const entries = this.#entries;
    const prefix = "Failed to execute 'getAll' on 'FormData'";
    webidl.requiredArguments(arguments.length, 1, prefix);
    name = converters.USVString(name, prefix, "Argument 1");
    const values = [];
    for (let i = 0; i < entries.length; i++) {
      if (entries[i][0] === name) ArrayPrototypePush(values, entries[i][1]);
    }
    return values;
  }

  has(name) {
    const entries = this.#entries;
    const prefix = "Failed to execute 'has' on 'FormData'";
    webidl.requiredArguments(arguments.length, 1, prefix);
    name = converters.USVString(name, prefix, "Argument 1");
    for (let i = 0; i < entries.length; i++) {
      if (entries[i][0] === name) return true;
    }
    return false;
  }

  set(name, value, filename = undefined) {
    const entries = this.#entries;
    const entry = convertEntry(arguments.length, name, value, filename, "Failed to execute 'set' on 'FormData'");
    let found = false;
    let kept = 0;
    for (let i = 0; i < entries.length; i++) {
      if (entries[i][0] !== entry[0]) {
        entries[kept++] = entries[i];
      } else if (!found) {
        found = true;
        entries[kept++] = entry;
      }
    }
    entries.length = kept;
    if (!found) ArrayPrototypePush(entries, entry);
  }
}
webidl.configureInterface(FormData);
webidl.pairIterable(FormData, "FormData", getEntries);

// A FormData with these [name, value] arrays, which it keeps.
function makeFormData(entries) {
  const formData = new FormData();
  const own = getEntries(formData);
  for (let i = 0; i < entries.length; i++) ArrayPrototypePush(own, entries[i]);
  return formData;
}

internal.formData = { __proto__: null, FormData, getEntries, isFormData, makeFormData };
internal.expose({ FormData });
