// Services that an application is given: objects in `env` with a fetch() of their own, as Workers have them. Where such a request goes
// is the embedder's to know; here it is a name.
//
// https://developers.cloudflare.com/workers/runtime-apis/bindings/service-bindings/http/

const { PromiseReject, TypeError } = internal.primordials;
const { webidl } = internal;

const { constructorKey } = webidl;

class Fetcher {
  #name;

  constructor(key, name) {
    if (key !== constructorKey) throw new TypeError("Illegal constructor");
    this.#name = name;
  }

  fetch(input, init = undefined) {
    try {
      const name = this.#name;
      webidl.requiredArguments(arguments.length, 1, "Failed to execute 'fetch' on 'Fetcher'");
      return internal.fetchClient.fetchFrom(name, input, init);
    } catch (error) {
      return PromiseReject(error);
    }
  }
}
webidl.configureInterface(Fetcher);

internal.services = { __proto__: null, makeService: (name) => new Fetcher(constructorKey, name) };
