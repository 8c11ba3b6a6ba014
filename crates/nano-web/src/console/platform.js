// How inspect() prints values of the platform, whose state is private: by the attributes that a developer looks for.
//
// Attributes are read through the getters that they had before any tenant could replace them. Only such are listed as make
// nothing and tell no secret of the platform. Knows nothing of layout.

const { ArrayPrototypePush, ReflectGetOwnPropertyDescriptor, uncurryThis } = internal.primordials;
const { quote, quoteKey } = internal.layout;
const { Headers, Request, Response, getSortedHeaders, isHeaders, isRequest, isResponse } = internal.fetch;
const { DOMException, isDOMException } = internal.domexception;

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
    while ((descriptor = ReflectGetOwnPropertyDescriptor(prototype, attributes[i])) === undefined) {
      prototype = Object.getPrototypeOf(prototype);
    }
    ArrayPrototypePush(getters, uncurryThis(descriptor.get));
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
registerAttributes(internal.url.URL, internal.url.isURL, [
  "href", "origin", "protocol", "username", "password", "host", "hostname", "port", "pathname", "search", "hash",
]);
register("URLSearchParams", internal.searchParams.isURLSearchParams, (params, inspect) =>
  formatPairs(internal.searchParams.getParamsList(params), inspect, true));
registerAttributes(internal.file.File, internal.file.isFile, ["name", "size", "type", "lastModified"]);
registerAttributes(internal.file.Blob, internal.file.isBlob, ["size", "type"]);
register("FormData", internal.formData.isFormData, (formData, inspect) =>
  formatPairs(internal.formData.getEntries(formData), inspect, true));
registerAttributes(internal.abort.AbortSignal, internal.abort.isAbortSignal, ["aborted", "reason"]);
registerAttributes(internal.events.Event, internal.events.isEvent, ["type", "cancelable", "defaultPrevented", "timeStamp"]);
registerAttributes(internal.streams.ReadableStream, internal.streams.isReadableStream, ["locked"]);

const exceptionName = uncurryThis(ReflectGetOwnPropertyDescriptor(DOMException.prototype, "name").get);
const exceptionMessage = uncurryThis(ReflectGetOwnPropertyDescriptor(DOMException.prototype, "message").get);

internal.platformInspectors = {
  __proto__: null,
  // { name, format } for a value of the platform, or undefined.
  find(value) {
    for (let i = 0; i < inspectors.length; i++) {
      if (inspectors[i].is(value)) return inspectors[i];
    }
    return undefined;
  },
  // { name, message } of a DOMException, or undefined.
  exception(value) {
    if (!isDOMException(value)) return undefined;
    return { __proto__: null, name: exceptionName(value), message: exceptionMessage(value) };
  },
};
