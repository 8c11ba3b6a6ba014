// The Cache API: `caches.default`, `caches.open()`, and match, put and delete of a Cache. Service Workers section 5.4 and section 5.5 have the
// interfaces; what is stored and for how long is HTTP's business (RFC 9111), as in Workers, and the native store's.

const {
  PromisePrototypeThen, PromiseReject, PromiseResolve, StringPrototypeIndexOf, StringPrototypeSlice, TypeError,
  TypedArrayPrototypeGetByteLength,
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

const convertQueryOptions = webidl.createDictionaryConverter("CacheQueryOptions", [
  { __proto__: null, key: "ignoreMethod", converter: converters.boolean, defaultValue: false },
]);

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

// A native stream of a body that is too large for one chunk. What is read of it is a piece at a time.
function storedStream(holder) {
  let offset = 0;
  return internal.streams.createNativeReadableStream({
    __proto__: null,
    pull() {
      const bytes = ops.cacheRead(holder, offset);
      if (bytes !== null) offset += TypedArrayPrototypeGetByteLength(bytes);
      return bytes;
    },
    cancel() {},
  });
}

// What the native store found: [status, status text, headers, bytes or holder or null, whether it is a holder]
function responseOf(found) {
  const body = found[3] === null
    ? null
    : extractBody(found[4] ? storedStream(found[3]) : found[3], "Failed to execute 'match' on 'Cache'");
  return makeResponse(found[0], found[1], found[2], body, meta);
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
      const { ignoreMethod } = convertQueryOptions(options, prefix, "Argument 2");
      if (requestMethod(request) !== "GET" && !ignoreMethod) return PromiseResolve(undefined);
      const found = ops.cacheMatch(name, requestUrl(request), getRequestHeaderList(request));
      return PromiseResolve(found === undefined ? undefined : responseOf(found));
    } catch (error) {
      return PromiseReject(error);
    }
  }

  // Stores a response. One that must not be stored by its own headers is dropped in silence, as by every cache.
  put(request, response) {
    const prefix = "Failed to execute 'put' on 'Cache'";
    try {
      const name = this.#name;
      webidl.requiredArguments(arguments.length, 2, prefix);
      request = convertRequest(request, prefix);
      if (!isResponse(response)) throw new TypeError(`${prefix}: Argument 2 is not of type 'Response'.`);
      const url = requestUrl(request);
      const scheme = StringPrototypeSlice(url, 0, StringPrototypeIndexOf(url, ":"));
      if (scheme !== "http" && scheme !== "https") {
        throw new TypeError(`${prefix}: the request's URL is of the scheme '${scheme}', not http or https.`);
      }
      if (requestMethod(request) !== "GET") {
        throw new TypeError(`${prefix}: the request's method is '${requestMethod(request)}', not GET.`);
      }
      const status = responseStatus(response);
      if (status === 206) throw new TypeError(`${prefix}: the response is partial (206).`);
      const block = parseBlock(responseHeaderBlock(response));
      for (let i = 0; i < block.length; i += 2) {
        if (block[i] !== "vary") continue;
        const names = block[i + 1];
        for (let at = 0; at < names.length; at++) {
          if (names[at] === "*") throw new TypeError(`${prefix}: the response's Vary has '*': it never answers again.`);
        }
      }
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
      const { ignoreMethod } = convertQueryOptions(options, prefix, "Argument 2");
      if (requestMethod(request) !== "GET" && !ignoreMethod) return PromiseResolve(false);
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
