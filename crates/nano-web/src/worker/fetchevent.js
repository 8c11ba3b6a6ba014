// The event that an application of the service-worker form gets for each request.
//
// https://w3c.github.io/ServiceWorker/#extendableevent-interface and #fetchevent-interface, as Workers have
// them.

const { PromiseResolve, TypeError } = internal.primordials;
const { Event } = internal.events;

let respondedWith;
class FetchEvent extends Event {
  #request;
  #id;
  #response;
  constructor(type, init) {
    super(type, { __proto__: null, cancelable: true });
    this.#request = init.request;
    this.#id = init.id;
  }
  get request() {
    return this.#request;
  }
  respondWith(response) {
    if (this.#response !== undefined) {
      throw new TypeError("respondWith() was already called on this FetchEvent");
    }
    this.#response = PromiseResolve(response);
  }
  waitUntil(promise) {
    internal.keepAlive(this.#id, promise);
  }
  passThroughOnException() {
    this.#id;
  }
  static {
    respondedWith = (event) => event.#response;
  }
}
internal.webidl.configureInterface(FetchEvent);

internal.fetchEvent = {
  __proto__: null,
  make: (request, id) => new FetchEvent("fetch", { __proto__: null, request, id }),
  // The argument of respondWith(), as a promise; undefined if it was not called.
  respondedWith,
};
internal.expose({ FetchEvent });
