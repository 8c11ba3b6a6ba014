// How inspect() prints values of the platform, whose state is private: by the attributes that a developer looks for.
//
// Attributes are read through the getters that they have when something of their part is first printed. Only such are listed as
// make nothing and tell no secret of the platform. Knows nothing of layout.

const { ArrayPrototypePush, ObjectGetPrototypeOf, ReflectGetOwnPropertyDescriptor, ReflectOwnKeys, uncurryThis } = internal.primordials;
const { quote, quoteKey } = internal.layout;
const { Headers, Request, Response, getSortedHeaders, isHeaders, isRequest, isResponse } = internal.fetch;

// [brand check, name, format(value, inspect) -> entries]
const inspectors = [];

function register(name, is, format) {
  ArrayPrototypePush(inspectors, { __proto__: null, name, is, format });
}

// Registers an interface by its attributes, in the order given.
function registerAttributes(Class, is, attributes) {
  const getters = [];
  for (let i = 0; i < attributes.length; i++) {
    let prototype = Class.prototype;
    let descriptor;
    while (prototype !== null && (descriptor = ReflectGetOwnPropertyDescriptor(prototype, attributes[i])) === undefined) {
      prototype = ObjectGetPrototypeOf(prototype);
    }
    // A tenant may have changed the class before it printed anything.
    const getter = descriptor?.get;
    ArrayPrototypePush(getters, typeof getter === "function" ? uncurryThis(getter) : () => undefined);
  }
  register(Class.name, is, (value, inspect) => {
    const entries = [];
    for (let i = 0; i < attributes.length; i++) {
      ArrayPrototypePush(entries, `${attributes[i]}: ${inspect(getters[i](value))}`);
    }
    return entries;
  });
}

// Entries of a list of [name, value] arrays.
function formatPairs(pairs, inspect, arrow) {
  const entries = [];
  for (let i = 0; i < pairs.length; i++) {
    const name = pairs[i][0];
    ArrayPrototypePush(entries, `${arrow ? `${quote(name)} => ` : `${quoteKey(name)}: `}${inspect(pairs[i][1])}`);
  }
  return entries;
}

registerAttributes(Response, isResponse, ["status", "statusText", "ok", "headers", "bodyUsed", "type", "url", "redirected"]);
registerAttributes(Request, isRequest, ["method", "url", "headers", "bodyUsed", "redirect"]);
register(Headers.name, isHeaders, (headers, inspect) => formatPairs(getSortedHeaders(headers), inspect, false));

// What parts of the platform have to register, by the name of their exports: done once such a part was evaluated, which it must
// not be only to be asked whether a value is one of its objects.
const pending = {
  __proto__: null,
  url: ({ URL, isURL }) =>
    registerAttributes(URL, isURL, [
      "href", "origin", "protocol", "username", "password", "host", "hostname", "port", "pathname", "search", "hash",
    ]),
  searchParams: ({ getParamsList, isURLSearchParams }) =>
    register("URLSearchParams", isURLSearchParams, (params, inspect) => formatPairs(getParamsList(params), inspect, true)),
  file: ({ Blob, File, isBlob, isFile }) => {
    registerAttributes(File, isFile, ["name", "size", "type", "lastModified"]);
    registerAttributes(Blob, isBlob, ["size", "type"]);
  },
  formData: ({ getEntries, isFormData }) =>
    register("FormData", isFormData, (formData, inspect) => formatPairs(getEntries(formData), inspect, true)),
  abort: ({ AbortSignal, isAbortSignal }) => registerAttributes(AbortSignal, isAbortSignal, ["aborted", "reason"]),
  events: ({ Event, isEvent }) =>
    registerAttributes(Event, isEvent, ["type", "cancelable", "defaultPrevented", "timeStamp"]),
  streams: ({ ReadableStream, isReadableStream }) => registerAttributes(ReadableStream, isReadableStream, ["locked"]),
};

function registerEvaluated() {
  const names = ReflectOwnKeys(pending);
  for (let i = 0; i < names.length; i++) {
    const exports = internal.loaded[names[i]];
    if (exports === undefined) continue;
    pending[names[i]](exports);
    delete pending[names[i]];
  }
}

// Getters of DOMException, once there is one.
let exceptionName;
let exceptionMessage;

internal.platformInspectors = {
  __proto__: null,
  // { name, format } for a value of the platform, or undefined.
  find(value) {
    registerEvaluated();
    for (let i = 0; i < inspectors.length; i++) {
      if (inspectors[i].is(value)) return inspectors[i];
    }
    return undefined;
  },
  // { name, message } of a DOMException, or undefined.
  exception(value) {
    const exports = internal.loaded.domexception;
    if (exports === undefined || !exports.isDOMException(value)) return undefined;
    const { prototype } = exports.DOMException;
    exceptionName ??= uncurryThis(ReflectGetOwnPropertyDescriptor(prototype, "name").get);
    exceptionMessage ??= uncurryThis(ReflectGetOwnPropertyDescriptor(prototype, "message").get);
    return { __proto__: null, name: exceptionName(value), message: exceptionMessage(value) };
  },
};
