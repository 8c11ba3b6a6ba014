// Events with more than a type: CustomEvent (DOM section 2.4), ErrorEvent and PromiseRejectionEvent (HTML
// section 8.1.4).

const { ObjectPrototypeIsPrototypeOf } = internal.primordials;
const { webidl } = internal;
const { converters, requiredArguments } = webidl;
const { Event, eventInitMembers, isDispatched, reinitialize } = internal.events;

// DOM section 2.4
class CustomEvent extends Event {
  #detail;

  constructor(type, eventInitDict = undefined) {
    requiredArguments(arguments.length, 1, "Failed to construct 'CustomEvent'");
    type = converters.DOMString(type, "Failed to construct 'CustomEvent'", "Argument 1");
    const init = convertCustomEventInit(eventInitDict, "Failed to construct 'CustomEvent'", "Argument 2");
    super(type, init);
    this.#detail = init.detail;
  }

  get detail() {
    return this.#detail;
  }

  initCustomEvent(type, bubbles = false, cancelable = false, detail = null) {
    // The private access is the brand check.
    this.#detail;
    requiredArguments(arguments.length, 1, "Failed to execute 'initCustomEvent' on 'CustomEvent'");
    type = converters.DOMString(type, "Failed to execute 'initCustomEvent' on 'CustomEvent'", "Argument 1");
    if (isDispatched(this)) return;
    reinitialize(this, type, bubbles, cancelable);
    this.#detail = detail;
  }
}
const convertCustomEventInit = webidl.createDictionaryConverter("CustomEventInit", eventInitMembers, [
  { key: "detail", converter: converters.any, defaultValue: null },
]);
webidl.configureInterface(CustomEvent);

// HTML section 8.1.4.5
class ErrorEvent extends Event {
  #message;
  #filename;
  #lineno;
  #colno;
  #error;

  constructor(type, eventInitDict = undefined) {
    requiredArguments(arguments.length, 1, "Failed to construct 'ErrorEvent'");
    type = converters.DOMString(type, "Failed to construct 'ErrorEvent'", "Argument 1");
    const init = convertErrorEventInit(eventInitDict, "Failed to construct 'ErrorEvent'", "Argument 2");
    super(type, init);
    this.#message = init.message;
    this.#filename = init.filename;
    this.#lineno = init.lineno;
    this.#colno = init.colno;
    this.#error = init.error;
  }

  get message() {
    return this.#message;
  }

  get filename() {
    return this.#filename;
  }

  get lineno() {
    return this.#lineno;
  }

  get colno() {
    return this.#colno;
  }

  get error() {
    return this.#error;
  }
}
const convertErrorEventInit = webidl.createDictionaryConverter("ErrorEventInit", eventInitMembers, [
  { key: "message", converter: converters.DOMString, defaultValue: "" },
  { key: "filename", converter: converters.USVString, defaultValue: "" },
  { key: "lineno", converter: converters["unsigned long"], defaultValue: 0 },
  { key: "colno", converter: converters["unsigned long"], defaultValue: 0 },
  { key: "error", converter: converters.any },
]);
webidl.configureInterface(ErrorEvent);

// HTML section 8.1.4.7
class PromiseRejectionEvent extends Event {
  #promise;
  #reason;

  constructor(type, eventInitDict) {
    requiredArguments(arguments.length, 2, "Failed to construct 'PromiseRejectionEvent'");
    type = converters.DOMString(type, "Failed to construct 'PromiseRejectionEvent'", "Argument 1");
    const init = convertPromiseRejectionEventInit(
      eventInitDict, "Failed to construct 'PromiseRejectionEvent'", "Argument 2",
    );
    super(type, init);
    this.#promise = init.promise;
    this.#reason = init.reason;
  }

  get promise() {
    return this.#promise;
  }

  get reason() {
    return this.#reason;
  }
}
const convertPromiseRejectionEventInit = webidl.createDictionaryConverter("PromiseRejectionEventInit", eventInitMembers, [
  { key: "promise", converter: converters.object, required: true },
  { key: "reason", converter: converters.any },
]);
webidl.configureInterface(PromiseRejectionEvent);

internal.events.CustomEvent = CustomEvent;
internal.events.ErrorEvent = ErrorEvent;
internal.events.PromiseRejectionEvent = PromiseRejectionEvent;
internal.events.isErrorEvent = (event) => ObjectPrototypeIsPrototypeOf(ErrorEvent.prototype, event);
internal.expose({ CustomEvent, ErrorEvent, PromiseRejectionEvent });
