// What a test finds around it that a page or a worker of a browser would have given: `self`, its own address,
// the data files of the checkout that it asks for, and the means with which tests of other things read a
// Blob. Nothing here stands in for what the product should do itself.
{
  const { address, files, served } = JSON.parse(SETTINGS);
  globalThis.self ??= globalThis;
  globalThis.GLOBAL = { isWindow: () => false, isWorker: () => true, isShadowRealm: () => false };
  const base = new URL(address);
  if (globalThis.location === undefined) {
    const { href, origin, protocol, host, hostname, port, pathname, search, hash } = base;
    const location = { href, origin, protocol, host, hostname, port, pathname, search, hash, toString: () => href };
    Object.defineProperty(globalThis, "location", { value: location, configurable: true, writable: true });
  }

  // A test that reads a file of the checkout gets it from here, whether or not the product can fetch.
  if (Object.keys(files).length > 0) {
    const fetch = globalThis.fetch;
    globalThis.fetch = function (input, init) {
      let path;
      try { path = new URL(String(input), base).pathname; } catch { /* for the product to refuse */ }
      if (path !== undefined && Object.hasOwn(files, path)) {
        const bytes = Uint8Array.from(files[path], (unit) => unit.charCodeAt(0));
        const text = async () => new TextDecoder().decode(bytes);
        return Promise.resolve({
          ok: true, status: 200, text, json: async () => JSON.parse(await text()), arrayBuffer: async () => bytes.buffer,
        });
      }
      if (fetch === undefined) return Promise.reject(new TypeError("there is no fetch here, and no file " + path));
      return fetch.call(this, input, init);
    };
  }

  // Tests of Blob read them by FileReader, which not every server has; those of FileReader get none from
  // here.
  if (!/idlharness|reading-data-section|fileReader/.test(base.pathname)) globalThis.FileReader ??= class extends EventTarget {
    result = null;
    #read(blob, method) {
      blob[method]().then((result) => {
        this.result = result;
        const event = new Event("load");
        this.onload?.(event);
        this.dispatchEvent(event);
        this.onloadend?.(event);
      });
    }
    readAsText(blob) { this.#read(blob, "text"); }
    readAsArrayBuffer(blob) { this.#read(blob, "arrayBuffer"); }
  };

  // Pages whose tests are of messages post them to themselves; a server has no window to post to. A message
  // channel does it.
  if (/\/(webmessaging|streams\/transferable)\/.*\.(htm|html|window\.html|window\.js)$/.test(base.pathname)) {
    globalThis.window ??= globalThis;
    let handler = null;
    Object.defineProperty(globalThis, "onmessage", { get: () => handler, set: (value) => handler = value, configurable: true });
    addEventListener("message", (event) => handler?.(event));
    globalThis.postMessage = (message, origin, transfer) => {
      const { port1, port2 } = new MessageChannel();
      port2.onmessage = ({ data, ports }) => {
        dispatchEvent(new MessageEvent("message", { data, ports: [...ports], origin: base.origin }));
        port1.close();
      };
      port1.postMessage(message, typeof origin === "object" ? origin : transfer);
    };
  }

  // A server has no address that relative URLs of requests could start from; the tests take theirs for
  // granted.
  const isRelative = (input) => {
    if (typeof input === "object" && input !== null && !(input instanceof URL)) return false;
    return !URL.canParse(input) && URL.canParse(input, base);
  };
  if (/\/(fetch|xhr|websockets|eventsource)\//.test(base.pathname) && typeof Request === "function") {
    globalThis.Request = new Proxy(Request, {
      construct(target, args, newTarget) {
        if (args.length > 0 && isRelative(args[0])) args = [new URL(args[0], base).href, ...args.slice(1)];
        return Reflect.construct(target, args, newTarget === globalThis.Request ? target : newTarget);
      },
    });
    Request.prototype.constructor = globalThis.Request;
    if (served) {
      const fetch = globalThis.fetch;
      globalThis.fetch = function (input, init) {
        return fetch.apply(this, isRelative(input) ? [new URL(input, base).href, init] : arguments);
      };
    }
    if (served && typeof EventSource === "function") {
      globalThis.EventSource = new Proxy(EventSource, {
        construct(target, args, newTarget) {
          if (args.length > 0 && isRelative(args[0])) args = [new URL(args[0], base).href, ...args.slice(1)];
          return Reflect.construct(target, args, newTarget === globalThis.EventSource ? target : newTarget);
        },
      });
      EventSource.prototype.constructor = globalThis.EventSource;
    }
    const { redirect } = Response;
    // Tests of interfaces look at the method itself, and give it no URL.
    if (!base.pathname.includes("/idlharness.")) {
      Response.redirect = function (url, ...rest) {
        return redirect.call(Response, isRelative(url) ? new URL(url, base).href : url, ...rest);
      };
    }
  }
}
