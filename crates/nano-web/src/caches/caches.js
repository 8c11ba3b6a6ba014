// The Cache API: Service Workers section 5.4 and section 5.5 have the interfaces, and Workers
// `caches.default`. HTTP (RFC 9111) decides what is stored and for how long, as in Workers, and the native
// store does it.
//
// A cache is there as long as it holds something. Of the requests that were stored, keys() gives back the URL
// and the headers that Vary names: the others are not kept.

const {
  ArrayPrototypePush, ObjectFreeze, Promise, PromisePrototypeThen, PromiseReject, PromiseResolve, StringPrototypeIndexOf,
  StringPrototypeSlice, StringPrototypeToLowerCase, TypeError, TypedArrayPrototypeGetByteLength,
} = internal.primordials;
const { webidl } = internal;
const { converters } = webidl;
const {
  Request, getRequestHeaderList, isRequest, isResponse, makeResponse, makeResponseMeta, requestMethod, requestUrl,
  responseHeaderBlock, responseStatus, responseStatusText, responseTakeBody,
} = internal.fetch;
const { extractBody } = internal.body;

// A response out of the cache is like one of the network: its headers are immutable.
const meta = makeResponseMeta("default", "", false, true);

const queryOptions = [
  { __proto__: null, key: "ignoreMethod", converter: converters.boolean, defaultValue: false },
  { __proto__: null, key: "ignoreSearch", converter: converters.boolean, defaultValue: false },
  { __proto__: null, key: "ignoreVary", converter: converters.boolean, defaultValue: false },
];
const convertQueryOptions = webidl.createDictionaryConverter("CacheQueryOptions", queryOptions);
const convertMultiQueryOptions = webidl.createDictionaryConverter("MultiCacheQueryOptions", queryOptions, [
  { __proto__: null, key: "cacheName", converter: converters.DOMString },
]);
const convertRequests = webidl.createSequenceConverter(
  (V, prefix, context) => isRequest(V) ? V : converters.USVString(V, prefix, context),
);

// (Request or USVString): a Request of it
function convertRequest(input, prefix) {
  return isRequest(input) ? input : new Request(converters.USVString(input, prefix, "Argument 1"));
}

// A flat list out of "name: value\r\n" lines.
function parseBlock(block) {
  const list = [];
  let at = 0;
  while (at < block.length) {
    const colon = StringPrototypeIndexOf(block, ":", at);
    const end = StringPrototypeIndexOf(block, "\r\n", colon);
    list[list.length] = StringPrototypeSlice(block, at, colon);
    list[list.length] = StringPrototypeSlice(block, colon + 2, end);
    at = end + 2;
  }
  return list;
}

// A native stream of a body that is too large for one chunk, read a piece at a time.
function storedStream(body) {
  let offset = 0;
  return internal.streams.createNativeReadableStream({
    __proto__: null,
    pull() {
      const bytes = ops.cacheRead(body, offset);
      if (bytes !== null) offset += TypedArrayPrototypeGetByteLength(bytes);
      return bytes;
    },
    cancel() {},
  });
}

// A result of the native store: [status, status text, headers, bytes or native body or null, whether it is a
// native body]
function responseOf(found) {
  const body = found[3] === null
    ? null
    : extractBody(found[4] ? storedStream(found[3]) : found[3], "Failed to execute 'match' on 'Cache'");
  return makeResponse(found[0], found[1], found[2], body, meta);
}

// The URL without its query.
function withoutSearch(url) {
  const hash = StringPrototypeIndexOf(url, "#");
  if (hash !== -1) url = StringPrototypeSlice(url, 0, hash);
  const query = StringPrototypeIndexOf(url, "?");
  return query === -1 ? url : StringPrototypeSlice(url, 0, query);
}

// "Query Cache": [url, headers] of what is stored for a request, or of everything if that is undefined.
// Service Workers, appendix A
function query(name, request, options) {
  if (request === undefined) return ops.cacheStored(name, undefined, undefined);
  if (requestMethod(request) !== "GET" && !options.ignoreMethod) return [];
  const url = requestUrl(request);
  const headers = options.ignoreVary ? undefined : getRequestHeaderList(request);
  if (!options.ignoreSearch) return ops.cacheStored(name, url, headers);
  const candidates = ops.cacheStored(name, undefined, headers);
  const wanted = withoutSearch(url);
  const found = [];
  for (let i = 0; i < candidates.length; i++) {
    if (withoutSearch(candidates[i][0]) === wanted) ArrayPrototypePush(found, candidates[i]);
  }
  return found;
}

// The first response that is stored for a request, or undefined.
function matchIn(name, request, options) {
  if (options.ignoreSearch || options.ignoreVary) {
    const found = query(name, request, options);
    for (let i = 0; i < found.length; i++) {
      const response = ops.cacheMatch(name, found[i][0], found[i][1]);
      if (response !== undefined) return responseOf(response);
    }
    return undefined;
  }
  if (requestMethod(request) !== "GET" && !options.ignoreMethod) return undefined;
  const found = ops.cacheMatch(name, requestUrl(request), getRequestHeaderList(request));
  return found === undefined ? undefined : responseOf(found);
}

// Throws unless the request is one that responses are stored for.
function checkRequest(request, prefix) {
  const url = requestUrl(request);
  const scheme = StringPrototypeSlice(url, 0, StringPrototypeIndexOf(url, ":"));
  if (scheme !== "http" && scheme !== "https") {
    throw new TypeError(`${prefix}: the request's URL is of the scheme '${scheme}', not http or https.`);
  }
  if (requestMethod(request) !== "GET") {
    throw new TypeError(`${prefix}: the request's method is '${requestMethod(request)}', not GET.`);
  }
}

// Its headers as a flat list. Throws unless the response may be stored.
function checkResponse(response, prefix) {
  if (responseStatus(response) === 206) throw new TypeError(`${prefix}: the response is partial (206).`);
  const block = parseBlock(responseHeaderBlock(response));
  for (let i = 0; i < block.length; i += 2) {
    if (block[i] !== "vary") continue;
    const names = block[i + 1];
    for (let at = 0; at < names.length; at++) {
      if (names[at] === "*") throw new TypeError(`${prefix}: the response's Vary has '*': it never answers again.`);
    }
  }
  return block;
}

// A promise of its being stored; throws unless it may be.
function putInto(name, request, response, prefix) {
  checkRequest(request, prefix);
  const block = checkResponse(response, prefix);
  const url = requestUrl(request);
  const status = responseStatus(response);
  const requestHeaders = getRequestHeaderList(request);
  const statusText = responseStatusText(response);
  // Of the moment of the call: the request and the response may change while the body is read.
  const store = (bytes) => {
    ops.cachePut(name, url, requestHeaders, status, statusText, block, bytes);
  };
  const body = responseTakeBody(response);
  if (body === null || typeof body === "string" || !internal.streams.isReadableStream(body)) {
    store(typeof body === "string" ? ops.utf8Encode(body) : body);
    return PromiseResolve(undefined);
  }
  return PromisePrototypeThen(internal.streams.readAllBytes(body), store);
}

// An object of a flat list of names and values.
function recordOf(list) {
  const record = { __proto__: null };
  for (let i = 0; i < list.length; i += 2) record[list[i]] = list[i + 1];
  return record;
}

// A promise of all values that a list of promises becomes, or of the first reason.
function all(promises) {
  return new Promise((resolve, reject) => {
    const values = [];
    let left = promises.length;
    if (left === 0) resolve(values);
    for (let i = 0; i < promises.length; i++) {
      PromisePrototypeThen(promises[i], (value) => {
        values[i] = value;
        if (--left === 0) resolve(values);
      }, reject);
    }
  });
}

// The values of a header in a flat list, as one text.
function valueOf(list, name) {
  let value = "";
  for (let i = 0; i < list.length; i += 2) {
    if (list[i] === name) value += `${list[i + 1]}, `;
  }
  return value;
}

// Whether the response to a request would be stored in the place of that to another.
function isSameEntry(response, one, other) {
  if (requestUrl(one) !== requestUrl(other)) return false;
  const names = StringPrototypeToLowerCase(valueOf(parseBlock(responseHeaderBlock(response)), "vary"));
  let start = 0;
  for (let at = 0; at < names.length; at++) {
    if (names[at] !== "," && names[at] !== " ") continue;
    const name = StringPrototypeSlice(names, start, at);
    if (name !== "" && valueOf(getRequestHeaderList(one), name) !== valueOf(getRequestHeaderList(other), name)) return false;
    start = at + 1;
  }
  return true;
}

// Service Workers section 5.4.4: nothing is stored unless all of it may be.
function addAll(name, list, prefix) {
  const requests = [];
  for (let i = 0; i < list.length; i++) {
    const request = isRequest(list[i]) ? list[i] : new Request(list[i]);
    checkRequest(request, prefix);
    ArrayPrototypePush(requests, request);
  }
  // When one fails, the others are cancelled.
  const signal = internal.abort.createSignal();
  const responses = [];
  for (let i = 0; i < requests.length; i++) {
    const promise = internal.fetchClient.fetch(requests[i], { __proto__: null, signal });
    ArrayPrototypePush(responses, PromisePrototypeThen(promise, (response) => {
      const status = responseStatus(response);
      if (status < 200 || status > 299) throw new TypeError(`${prefix}: ${requestUrl(requests[i])} answers with the status ${status}.`);
      checkResponse(response, prefix);
      return response;
    }));
  }
  const store = (fetched) => {
    const stored = [];
    for (let i = 0; i < fetched.length; i++) {
      for (let j = 0; j < i; j++) {
        if (isSameEntry(fetched[j], requests[i], requests[j])) {
          throw new internal.domexception.DOMException(`${prefix}: two requests are for ${requestUrl(requests[i])}.`, "InvalidStateError");
        }
      }
    }
    for (let i = 0; i < fetched.length; i++) ArrayPrototypePush(stored, putInto(name, requests[i], fetched[i], prefix));
    return PromisePrototypeThen(all(stored), () => undefined);
  };
  return PromisePrototypeThen(PromisePrototypeThen(all(responses), store), undefined, (error) => {
    internal.abort.signalAbort(signal);
    throw error;
  });
}

class Cache {
  #name;

  constructor(key = undefined, name = undefined) {
    if (key !== webidl.constructorKey) webidl.illegalConstructor();
    this.#name = name;
  }

  // The response that is stored for a request and fresh, or undefined. It answers conditions and ranges.
  match(request, options = undefined) {
    const prefix = "Failed to execute 'match' on 'Cache'";
    try {
      const name = this.#name;
      webidl.requiredArguments(arguments.length, 1, prefix);
      request = convertRequest(request, prefix);
      return PromiseResolve(matchIn(name, request, convertQueryOptions(options, prefix, "Argument 2")));
    } catch (error) {
      return PromiseReject(error);
    }
  }

  // Stores a response. One that must not be stored by its own headers is dropped in silence, as by every
  // cache.
  put(request, response) {
    const prefix = "Failed to execute 'put' on 'Cache'";
    try {
      const name = this.#name;
      webidl.requiredArguments(arguments.length, 2, prefix);
      request = convertRequest(request, prefix);
      if (!isResponse(response)) throw new TypeError(`${prefix}: Argument 2 is not of type 'Response'.`);
      return putInto(name, request, response, prefix);
    } catch (error) {
      return PromiseReject(error);
    }
  }

  // All responses that are stored for a request, or in the cache.
  matchAll(request = undefined, options = undefined) {
    const prefix = "Failed to execute 'matchAll' on 'Cache'";
    try {
      const name = this.#name;
      if (request !== undefined) request = convertRequest(request, prefix);
      const found = query(name, request, convertQueryOptions(options, prefix, "Argument 2"));
      const responses = [];
      for (let i = 0; i < found.length; i++) {
        const response = ops.cacheMatch(name, found[i][0], found[i][1]);
        if (response !== undefined) ArrayPrototypePush(responses, responseOf(response));
      }
      return PromiseResolve(ObjectFreeze(responses));
    } catch (error) {
      return PromiseReject(error);
    }
  }

  // Fetches, and stores the response.
  add(request) {
    const prefix = "Failed to execute 'add' on 'Cache'";
    try {
      const name = this.#name;
      webidl.requiredArguments(arguments.length, 1, prefix);
      return addAll(name, [convertRequest(request, prefix)], prefix);
    } catch (error) {
      return PromiseReject(error);
    }
  }

  addAll(requests) {
    const prefix = "Failed to execute 'addAll' on 'Cache'";
    try {
      const name = this.#name;
      webidl.requiredArguments(arguments.length, 1, prefix);
      return addAll(name, convertRequests(requests, prefix, "Argument 1"), prefix);
    } catch (error) {
      return PromiseReject(error);
    }
  }

  // The requests that something is stored for.
  keys(request = undefined, options = undefined) {
    const prefix = "Failed to execute 'keys' on 'Cache'";
    try {
      const name = this.#name;
      if (request !== undefined) request = convertRequest(request, prefix);
      const found = query(name, request, convertQueryOptions(options, prefix, "Argument 2"));
      const requests = [];
      for (let i = 0; i < found.length; i++) {
        ArrayPrototypePush(requests, new Request(found[i][0], { __proto__: null, headers: recordOf(found[i][1]) }));
      }
      return PromiseResolve(ObjectFreeze(requests));
    } catch (error) {
      return PromiseReject(error);
    }
  }

  // Forgets what is stored for a request; whether there was something.
  delete(request, options = undefined) {
    const prefix = "Failed to execute 'delete' on 'Cache'";
    try {
      const name = this.#name;
      webidl.requiredArguments(arguments.length, 1, prefix);
      request = convertRequest(request, prefix);
      options = convertQueryOptions(options, prefix, "Argument 2");
      if (options.ignoreSearch || options.ignoreVary) {
        const found = query(name, request, options);
        let deleted = false;
        for (let i = 0; i < found.length; i++) {
          if (ops.cacheDelete(name, found[i][0], found[i][1])) deleted = true;
        }
        return PromiseResolve(deleted);
      }
      if (requestMethod(request) !== "GET" && !options.ignoreMethod) return PromiseResolve(false);
      return PromiseResolve(ops.cacheDelete(name, requestUrl(request), getRequestHeaderList(request)));
    } catch (error) {
      return PromiseReject(error);
    }
  }
}
webidl.configureInterface(Cache);

class CacheStorage {
  #default = null;

  constructor(key = undefined) {
    if (key !== webidl.constructorKey) webidl.illegalConstructor();
  }

  // Workers: the cache without a name
  get default() {
    return this.#default ??= new Cache(webidl.constructorKey, "");
  }

  // That of the first cache that has one, or of the one that the options name.
  match(request, options = undefined) {
    const prefix = "Failed to execute 'match' on 'CacheStorage'";
    try {
      this.#default;
      webidl.requiredArguments(arguments.length, 1, prefix);
      request = convertRequest(request, prefix);
      options = convertMultiQueryOptions(options, prefix, "Argument 2");
      if (options.cacheName !== undefined) return PromiseResolve(matchIn(`=${options.cacheName}`, request, options));
      const names = ops.cacheNames();
      for (let i = 0; i < names.length; i++) {
        const response = names[i] === "" ? undefined : matchIn(names[i], request, options);
        if (response !== undefined) return PromiseResolve(response);
      }
      return PromiseResolve(undefined);
    } catch (error) {
      return PromiseReject(error);
    }
  }

  // Whether a cache holds something.
  has(cacheName) {
    const prefix = "Failed to execute 'has' on 'CacheStorage'";
    try {
      this.#default;
      webidl.requiredArguments(arguments.length, 1, prefix);
      const name = `=${converters.DOMString(cacheName, prefix, "Argument 1")}`;
      const names = ops.cacheNames();
      for (let i = 0; i < names.length; i++) {
        if (names[i] === name) return PromiseResolve(true);
      }
      return PromiseResolve(false);
    } catch (error) {
      return PromiseReject(error);
    }
  }

  // Forgets all that a cache holds; whether it held something.
  delete(cacheName) {
    const prefix = "Failed to execute 'delete' on 'CacheStorage'";
    try {
      this.#default;
      webidl.requiredArguments(arguments.length, 1, prefix);
      return PromiseResolve(ops.cacheDeleteAll(`=${converters.DOMString(cacheName, prefix, "Argument 1")}`));
    } catch (error) {
      return PromiseReject(error);
    }
  }

  // The names of the caches that hold something, but for the one without a name.
  keys() {
    try {
      this.#default;
      const names = ops.cacheNames();
      const list = [];
      for (let i = 0; i < names.length; i++) {
        if (names[i] !== "") ArrayPrototypePush(list, StringPrototypeSlice(names[i], 1));
      }
      return PromiseResolve(list);
    } catch (error) {
      return PromiseReject(error);
    }
  }

  open(cacheName) {
    const prefix = "Failed to execute 'open' on 'CacheStorage'";
    try {
      this.#default;
      webidl.requiredArguments(arguments.length, 1, prefix);
      // That of the default cache is no name of any other.
      const name = `=${converters.DOMString(cacheName, prefix, "Argument 1")}`;
      return PromiseResolve(new Cache(webidl.constructorKey, name));
    } catch (error) {
      return PromiseReject(error);
    }
  }
}
webidl.configureInterface(CacheStorage);

internal.expose({ Cache, CacheStorage, caches: new CacheStorage(webidl.constructorKey) });
