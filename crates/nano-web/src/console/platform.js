// How inspect() prints values of the platform, whose state is private: by the attributes that a developer looks for.
//
// Attributes are read through the getters that their parts have taken when they were evaluated: whatever a tenant puts in their
// places is not called. Only such are listed as make nothing and tell no secret of the platform. Knows nothing of layout.

const { ArrayPrototypePush, FunctionPrototypeCall, ReflectOwnKeys } = internal.primordials;
const { quote, quoteKey } = internal.layout;
const { getSortedHeaders, isHeaders, isRequest, isResponse, requestAttributes, responseAttributes } = internal.fetch;

// [brand check, name, format(value, inspect) -> entries]
const inspectors = [];

function register(name, is, format) {
  ArrayPrototypePush(inspectors, { __proto__: null, name, is, format });
}

// Registers an interface by attributes as webidl.takeAttributes() gives them.
function registerAttributes(name, is, attributes) {
  register(name, is, (value, inspect) => {
    const entries = [];
    for (let i = 0; i < attributes.length; i += 2) {
      ArrayPrototypePush(entries, `${attributes[i]}: ${inspect(FunctionPrototypeCall(attributes[i + 1], value))}`);
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

registerAttributes("Response", isResponse, responseAttributes);
registerAttributes("Request", isRequest, requestAttributes);
register("Headers", isHeaders, (headers, inspect) => formatPairs(getSortedHeaders(headers), inspect, false));

// What parts of the platform have to register, by the name of their exports: done once such a part was evaluated, which it must
// not be only to be asked whether a value is one of its objects.
const pending = {
  __proto__: null,
  url: ({ attributes, isURL }) => registerAttributes("URL", isURL, attributes),
  searchParams: ({ getParamsList, isURLSearchParams }) =>
    register("URLSearchParams", isURLSearchParams, (params, inspect) => formatPairs(getParamsList(params), inspect, true)),
  file: ({ blobAttributes, fileAttributes, isBlob, isFile }) => {
    registerAttributes("File", isFile, fileAttributes);
    registerAttributes("Blob", isBlob, blobAttributes);
  },
  formData: ({ getEntries, isFormData }) =>
    register("FormData", isFormData, (formData, inspect) => formatPairs(getEntries(formData), inspect, true)),
  abort: ({ attributes, isAbortSignal }) => registerAttributes("AbortSignal", isAbortSignal, attributes),
  events: ({ attributes, isEvent }) => registerAttributes("Event", isEvent, attributes),
  streams: ({ attributes, isReadableStream }) => registerAttributes("ReadableStream", isReadableStream, attributes),
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
    return exports.getState(value);
  },
};
