// Events and their targets. DOM section 2, and of HTML section 8.1 error events, event handler attributes and reporting of exceptions.
//
// There is no tree here: the path of an event is its target alone. A list of listeners is never changed in place but
// replaced, so that dispatch walks it without a copy. The global object takes part through a stand-in target.
// Knows nothing of abort signals beyond two functions that events/abort.js provides, and nothing of consoles or processes:
// what becomes of an exception nobody handled is up to `internal.unhandledException`.

const { ReflectGetOwnPropertyDescriptor, StringPrototypeSlice, uncurryThis } = internal.primordials;
const {
  ArrayPrototypePush,
  FunctionPrototypeCall,
  MapPrototypeDelete,
  MapPrototypeGet,
  MapPrototypeSet,
  Map,
  ObjectDefineProperty,
  ObjectPrototypeIsPrototypeOf,
  TypeError,
  hideObjectPrototype,
} = internal.primordials;
const webidl = internal.webidl;
const { converters, isObject, requiredArguments } = webidl;

// ---------------------------------------------------------------------------------------------------------------------
// Event. DOM section 2.2

const NONE = 0;
const AT_TARGET = 2;

// The flags of an event, as bits of one field.
const BUBBLES = 1;
const CANCELABLE = 2;
const COMPOSED = 4;
const STOP_PROPAGATION = 8;
const STOP_IMMEDIATE_PROPAGATION = 16;
const CANCELED = 32;
const IN_PASSIVE_LISTENER = 64;
const DISPATCH = 128;
const TRUSTED = 256;

const eventInitMembers = [
  { key: "bubbles", converter: converters.boolean, defaultValue: false },
  { key: "cancelable", converter: converters.boolean, defaultValue: false },
  { key: "composed", converter: converters.boolean, defaultValue: false },
];
const convertEventInit = webidl.createDictionaryConverter("EventInit", eventInitMembers);

let getFlags;
let setFlags;
let getType;
let getTargetOf;
let setTargets;
let setCurrentTarget;
let isEvent;
// V8 reads a descriptor that is an ordinary object many times faster than one without a prototype. It may be used as long as a tenant
// has not given Object.prototype what would then count as its own.
let isTrustedDescriptor;
let isTrustedDescriptorAlone;
const isOrdinary = () => !("set" in isTrustedDescriptor || "value" in isTrustedDescriptor || "writable" in isTrustedDescriptor);

class Event {
  #flags;
  #type;
  #target = null;
  #currentTarget = null;
  #timeStamp;

  constructor(type, eventInitDict = undefined) {
    if (arguments.length === 0) requiredArguments(0, 1, "Failed to construct 'Event'");
    this.#type = typeof type === "string"
      ? type
      : converters.DOMString(type, "Failed to construct 'Event'", "Argument 1");
    let flags = 0;
    if (eventInitDict !== undefined && eventInitDict !== null) {
      const init = convertEventInit(eventInitDict, "Failed to construct 'Event'", "Argument 2");
      if (init.bubbles) flags |= BUBBLES;
      if (init.cancelable) flags |= CANCELABLE;
      if (init.composed) flags |= COMPOSED;
    }
    this.#flags = flags;
    this.#timeStamp = ops.performanceNow();
    // Unforgeable: an own property of each event.
    ObjectDefineProperty(this, "isTrusted", isOrdinary() ? isTrustedDescriptor : isTrustedDescriptorAlone);
  }

  get type() {
    return this.#type;
  }

  get target() {
    return this.#target;
  }

  get srcElement() {
    return this.#target;
  }

  get currentTarget() {
    return this.#currentTarget;
  }

  composedPath() {
    return this.#currentTarget === null ? [] : [this.#currentTarget];
  }

  get eventPhase() {
    return this.#currentTarget === null ? NONE : AT_TARGET;
  }

  stopPropagation() {
    this.#flags |= STOP_PROPAGATION;
  }

  get cancelBubble() {
    return (this.#flags & STOP_PROPAGATION) !== 0;
  }

  set cancelBubble(value) {
    this.#flags |= value ? STOP_PROPAGATION : 0;
  }

  stopImmediatePropagation() {
    this.#flags |= STOP_PROPAGATION | STOP_IMMEDIATE_PROPAGATION;
  }

  get bubbles() {
    return (this.#flags & BUBBLES) !== 0;
  }

  get cancelable() {
    return (this.#flags & CANCELABLE) !== 0;
  }

  get returnValue() {
    return (this.#flags & CANCELED) === 0;
  }

  set returnValue(value) {
    if (!value) this.#cancel();
    else this.#flags |= 0;
  }

  preventDefault() {
    this.#cancel();
  }

  get defaultPrevented() {
    return (this.#flags & CANCELED) !== 0;
  }

  get composed() {
    return (this.#flags & COMPOSED) !== 0;
  }

  get timeStamp() {
    return this.#timeStamp;
  }

  initEvent(type, bubbles = false, cancelable = false) {
    // The private access is the brand check, which comes before the arguments.
    const flags = this.#flags;
    requiredArguments(arguments.length, 1, "Failed to execute 'initEvent' on 'Event'");
    type = converters.DOMString(type, "Failed to execute 'initEvent' on 'Event'", "Argument 1");
    if ((flags & DISPATCH) !== 0) return;
    this.#flags = (flags & COMPOSED) | (bubbles ? BUBBLES : 0) | (cancelable ? CANCELABLE : 0);
    this.#type = type;
    this.#target = null;
  }

  // DOM section 2.2, "set the canceled flag"
  #cancel() {
    if ((this.#flags & (CANCELABLE | IN_PASSIVE_LISTENER)) === CANCELABLE) this.#flags |= CANCELED;
  }

  static {
    isEvent = (value) => isObject(value) && #flags in value;
    getFlags = (event) => event.#flags;
    setFlags = (event, flags) => event.#flags = flags;
    getType = (event) => event.#type;
    getTargetOf = (event) => event.#target;
    setTargets = (event, target) => event.#target = event.#currentTarget = target;
    setCurrentTarget = (event, target) => event.#currentTarget = target;
    const holder = {
      get isTrusted() {
        return (this.#flags & TRUSTED) !== 0;
      },
    };
    const { get } = ReflectGetOwnPropertyDescriptor(holder, "isTrusted");
    isTrustedDescriptor = { get, enumerable: true, configurable: false };
    isTrustedDescriptorAlone = { __proto__: null, get, set: undefined, enumerable: true, configurable: false };
  }
}
webidl.configureInterface(Event);
webidl.defineConstants(Event, { __proto__: null, NONE, CAPTURING_PHASE: 1, AT_TARGET, BUBBLING_PHASE: 3 });

// Whether its dispatch flag is set.
const isDispatched = (event) => (getFlags(event) & DISPATCH) !== 0;

const convertEvent = webidl.createInterfaceConverter("Event", isEvent);

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
    const flags = getFlags(this);
    if ((flags & DISPATCH) !== 0) return;
    initEvent(this, type, bubbles, cancelable);
    this.#detail = detail;
  }
}
const initEvent = uncurryThis(Event.prototype.initEvent);
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

// ---------------------------------------------------------------------------------------------------------------------
// EventTarget. DOM section 2.7

// A listener; `callback` is a function or an object with handleEvent. Its type is the key of the table that has it.
const Listener = hideObjectPrototype(class Listener {
  constructor(callback, capture, once, passive) {
    this.callback = callback;
    this.capture = capture;
    this.once = once;
    this.passive = passive;
    this.removed = false;
    // For event handlers: what was assigned to the attribute, and its rules ("error" or "").
    this.handler = null;
    this.handlerKind = "";
    // What removes it when its signal aborts.
    this.signal = null;
    this.abortSteps = null;
  }
});

// What an EventTarget has once somebody listens to it.
const ListenerTable = hideObjectPrototype(class ListenerTable {
  constructor() {
    // The type that was listened to first, and its listeners: an array that is replaced when it changes, or undefined. Most targets have
    // no other.
    this.type = null;
    this.list = undefined;
    // other types -> likewise; null as long as there are none
    this.others = null;
    // event handler name -> its Listener, or undefined
    this.handlers = null;
    // called with (type, number of listeners) after a change
    this.observer = null;
  }
});

// The listeners of a type, or undefined.
function getList(table, type) {
  if (table.type === type) return table.list;
  return table.others === null ? undefined : MapPrototypeGet(table.others, type);
}

// Replaces the listeners of a type; undefined: there are none.
function setList(table, type, list) {
  if (table.type === null) table.type = type;
  if (table.type === type) table.list = list;
  else if (list !== undefined) MapPrototypeSet(table.others ??= new Map(), type, list);
  else if (table.others !== null) MapPrototypeDelete(table.others, type);
}

let getTable;
let makeTable;
let isEventTarget;

class EventTarget {
  #table = null;

  addEventListener(type, callback, options = undefined) {
    const target = thisTarget(this);
    const prefix = "Failed to execute 'addEventListener' on 'EventTarget'";
    requiredArguments(arguments.length, 2, prefix);
    type = converters.DOMString(type, prefix, "Argument 1");
    if (callback === undefined) callback = null;
    else if (callback !== null && !isObject(callback)) {
      throw webidl.makeException(TypeError, "is not an object.", prefix, "Argument 2");
    }
    let capture = false;
    let once = false;
    let passive = false;
    let signal;
    if (isObject(options)) {
      const dictionary = convertAddEventListenerOptions(options, prefix, "Argument 3");
      capture = dictionary.capture;
      once = dictionary.once;
      passive = dictionary.passive === true;
      signal = dictionary.signal;
    } else {
      capture = !!options;
    }
    // Add an event listener
    if (signal !== undefined && internal.abort.isAborted(signal)) return;
    if (callback === null) return;
    const listener = new Listener(callback, capture, once, passive);
    if (!addListener(target, type, listener)) return;
    if (signal !== undefined) {
      listener.signal = signal;
      listener.abortSteps = () => removeListener(target, type, listener);
      internal.abort.addAlgorithm(signal, listener.abortSteps);
    }
  }

  removeEventListener(type, callback, options = undefined) {
    const target = thisTarget(this);
    const prefix = "Failed to execute 'removeEventListener' on 'EventTarget'";
    requiredArguments(arguments.length, 2, prefix);
    type = converters.DOMString(type, prefix, "Argument 1");
    if (callback === undefined) callback = null;
    else if (callback !== null && !isObject(callback)) {
      throw webidl.makeException(TypeError, "is not an object.", prefix, "Argument 2");
    }
    const capture = isObject(options) ? convertEventListenerOptions(options, prefix, "Argument 3").capture : !!options;
    const table = getTable(target);
    const list = table === null ? undefined : getList(table, type);
    if (list === undefined) return;
    for (let i = 0; i < list.length; i++) {
      if (list[i].callback === callback && list[i].capture === capture) {
        removeListener(target, type, list[i]);
        return;
      }
    }
  }

  dispatchEvent(event) {
    const target = thisTarget(this);
    const prefix = "Failed to execute 'dispatchEvent' on 'EventTarget'";
    requiredArguments(arguments.length, 1, prefix);
    convertEvent(event, prefix, "Argument 1");
    const flags = getFlags(event);
    if ((flags & DISPATCH) !== 0) {
      throw new internal.domexception.DOMException(`${prefix}: The event is already being dispatched.`, "InvalidStateError");
    }
    setFlags(event, flags & ~TRUSTED);
    return dispatchOn(target, event);
  }

  static {
    isEventTarget = (value) => isObject(value) && #table in value;
    getTable = (target) => target.#table;
    makeTable = (target) => target.#table ??= new ListenerTable();
  }
}
webidl.configureInterface(EventTarget);

const eventListenerOptionsMembers = [{ key: "capture", converter: converters.boolean, defaultValue: false }];
const convertEventListenerOptions = webidl.createDictionaryConverter(
  "EventListenerOptions", eventListenerOptionsMembers,
);
const convertAddEventListenerOptions = webidl.createDictionaryConverter(
  "AddEventListenerOptions",
  eventListenerOptionsMembers,
  [
    { key: "once", converter: converters.boolean, defaultValue: false },
    { key: "passive", converter: converters.boolean },
    { key: "signal", converter: (V, prefix, context) => internal.abort.convertAbortSignal(V, prefix, context) },
  ],
);

// What stands in for the global object, which has no state of its own.
const globalObject = globalThis;
const globalTarget = new EventTarget();

// The EventTarget for a `this` value: called as a function, the global object is meant; and the global object itself has
// its state in a stand-in.
function thisTarget(thisValue) {
  if (isEventTarget(thisValue)) return thisValue;
  if (thisValue === undefined || thisValue === null || thisValue === globalObject) {
    return globalTarget;
  }
  webidl.illegalInvocation();
}

// Appends a listener unless there is one of the same type, callback and capture; whether it did.
function addListener(target, type, listener) {
  const table = makeTable(target);
  const list = getList(table, type);
  const grown = [];
  if (list !== undefined) {
    for (let i = 0; i < list.length; i++) {
      if (list[i].callback === listener.callback && list[i].capture === listener.capture) return false;
      ArrayPrototypePush(grown, list[i]);
    }
  }
  ArrayPrototypePush(grown, listener);
  setList(table, type, grown);
  if (table.observer !== null) table.observer(type, grown.length);
  return true;
}

// DOM section 2.7, remove an event listener
function removeListener(target, type, listener) {
  if (listener.removed) return;
  listener.removed = true;
  if (listener.signal !== null) {
    internal.abort.removeAlgorithm(listener.signal, listener.abortSteps);
    listener.signal = null;
  }
  const table = getTable(target);
  const list = getList(table, type);
  const rest = [];
  for (let i = 0; i < list.length; i++) {
    if (list[i] !== listener) ArrayPrototypePush(rest, list[i]);
  }
  setList(table, type, rest.length === 0 ? undefined : rest);
  if (table.observer !== null) table.observer(type, rest.length);
}

// ---------------------------------------------------------------------------------------------------------------------
// Dispatch. DOM section 2.9

// Inner invoke, for the listeners of one phase.
function innerInvoke(target, event, type, list, capture, currentTarget) {
  for (let i = 0; i < list.length; i++) {
    const listener = list[i];
    if (listener.removed || listener.capture !== capture) continue;
    if (listener.once) removeListener(target, type, listener);
    if (listener.passive) setFlags(event, getFlags(event) | IN_PASSIVE_LISTENER);
    try {
      if (listener.handler !== null) {
        invokeHandler(listener, event, currentTarget);
      } else if (typeof listener.callback === "function") {
        FunctionPrototypeCall(listener.callback, currentTarget, event);
      } else {
        const handleEvent = listener.callback.handleEvent;
        if (typeof handleEvent !== "function") throw new TypeError("The listener's handleEvent is not a function.");
        FunctionPrototypeCall(handleEvent, listener.callback, event);
      }
    } catch (error) {
      internal.events.reportException(error);
    }
    const flags = getFlags(event) & ~IN_PASSIVE_LISTENER;
    setFlags(event, flags);
    if ((flags & STOP_IMMEDIATE_PROPAGATION) !== 0) return;
  }
}

// Dispatches to an EventTarget (or the global's stand-in), whatever the event's trust; false if it was canceled.
function dispatchOn(target, event) {
  const currentTarget = target === globalTarget ? globalObject : target;
  const table = getTable(target);
  const type = getType(event);
  const list = table === null ? undefined : getList(table, type);
  setTargets(event, currentTarget);
  let flags = getFlags(event);
  if (list !== undefined && (flags & STOP_PROPAGATION) === 0) {
    setFlags(event, flags | DISPATCH);
    let capturing = false;
    for (let i = 0; i < list.length; i++) {
      if (list[i].capture) capturing = true;
    }
    if (capturing) innerInvoke(target, event, type, list, true, currentTarget);
    if ((getFlags(event) & STOP_PROPAGATION) === 0) {
      const current = capturing ? getList(table, type) : list;
      if (current !== undefined) innerInvoke(target, event, type, current, false, currentTarget);
    }
    flags = getFlags(event);
  }
  setCurrentTarget(event, null);
  setFlags(event, flags & ~(DISPATCH | STOP_PROPAGATION | STOP_IMMEDIATE_PROPAGATION));
  return (flags & CANCELED) === 0;
}

// Dispatches a trusted event; false if it was canceled. `target` is an EventTarget or the global object.
function dispatch(target, event) {
  setFlags(event, getFlags(event) | TRUSTED);
  return dispatchOn(thisTarget(target), event);
}

// Whether a dispatch would call anybody.
function hasListeners(target, type) {
  const table = getTable(thisTarget(target));
  return table !== null && getList(table, type) !== undefined;
}

// DOM section 2.10, fire an event: nothing is made if nobody listens. `Class` and `init` are for events with more than a type.
function fire(target, type, Class = Event, init = undefined) {
  if (!hasListeners(target, type)) return true;
  return dispatch(target, new Class(type, init));
}

// Calls `observer(type, count)` whenever listeners of `target` come or go.
function observeListeners(target, observer) {
  makeTable(target).observer = observer;
}

// ---------------------------------------------------------------------------------------------------------------------
// Event handlers. HTML section 8.1.8.1

// The event handler processing algorithm
function invokeHandler(listener, event, currentTarget) {
  const handler = listener.handler;
  if (typeof handler !== "function") return;
  if (listener.handlerKind === "error" && currentTarget === globalObject && isErrorEvent(event)) {
    const result = FunctionPrototypeCall(
      handler, currentTarget, event.message, event.filename, event.lineno, event.colno, event.error,
    );
    if (result === true) cancel(event);
  } else if (FunctionPrototypeCall(handler, currentTarget, event) === false) {
    cancel(event);
  }
}
const cancel = uncurryThis(Event.prototype.preventDefault);
const isErrorEvent = (event) => ObjectPrototypeIsPrototypeOf(ErrorEvent.prototype, event);

function getHandler(target, name) {
  const table = getTable(target);
  if (table === null || table.handlers === null) return null;
  return MapPrototypeGet(table.handlers, name)?.handler ?? null;
}

function setHandler(target, name, type, value, kind) {
  const table = makeTable(target);
  const handlers = table.handlers ??= new Map();
  const listener = MapPrototypeGet(handlers, name);
  if (value === null) {
    if (listener !== undefined) {
      MapPrototypeDelete(handlers, name);
      removeListener(target, type, listener);
    }
  } else if (listener !== undefined) {
    // It keeps its place among the listeners.
    listener.handler = value;
  } else {
    // Unlike any callback, so that it never equals one that was added.
    const added = new Listener({ __proto__: null }, false, false, false);
    added.handler = value;
    added.handlerKind = kind;
    MapPrototypeSet(handlers, name, added);
    addListener(target, type, added);
  }
}

// The getter and the setter of the event handler IDL attribute `name`, such as "onabort". `kind` is "error" for the global's
// onerror, which is called with five arguments.
function getHandlerAttribute(object, name) {
  return getHandler(thisTarget(object), name);
}

function setHandlerAttribute(object, name, value, kind) {
  const target = thisTarget(object);
  setHandler(target, name, StringPrototypeSlice(name, 2), isObject(value) ? value : null, kind);
}

// Defines an event handler IDL attribute on a prototype whose objects are EventTargets.
function defineEventHandler(proto, name) {
  const accessor = {
    get [name]() {
      return getHandlerAttribute(this, name);
    },
    set [name](value) {
      setHandlerAttribute(this, name, value, "");
    },
  };
  const descriptor = ReflectGetOwnPropertyDescriptor(accessor, name);
  ObjectDefineProperty(proto, name, {
    __proto__: null, get: descriptor.get, set: descriptor.set, enumerable: true, configurable: true,
  });
}

// ---------------------------------------------------------------------------------------------------------------------
// Exceptions nobody caught. HTML section 8.1.4

// What an ErrorEvent says of an exception. An error knows where it was made; of other values nobody does, unless they were reported
// by a script: `here` says so.
function describeException(error, here) {
  let message;
  try {
    message = `Uncaught ${converters.DOMString(error)}`;
  } catch {
    message = "Uncaught exception";
  }
  const place = ops.errorPlace(error, here);
  if (place === undefined) return { __proto__: null, message, filename: "", lineno: 0, colno: 0 };
  return { __proto__: null, message, filename: place[0], lineno: place[1], colno: place[2] };
}

// HTML's "in error reporting mode"
let reporting = false;

// HTML section 8.1.4.4, report an exception
function reportException(error, here = false) {
  let notHandled = true;
  if (!reporting && hasListeners(globalTarget, "error")) {
    reporting = true;
    try {
      const { message, filename, lineno, colno } = describeException(error, here);
      const event = new ErrorEvent("error", {
        __proto__: null, cancelable: true, message, filename, lineno, colno, error,
      });
      notHandled = dispatch(globalTarget, event);
    } finally {
      reporting = false;
    }
  }
  if (notHandled) internal.unhandledException?.(error);
}

// HTML section 8.1.4.7, "notify about rejected promises", step 4.1.1: whether a listener prevented the report.
function notifyUnhandledRejection(promise, reason) {
  return !fire(globalTarget, "unhandledrejection", PromiseRejectionEvent, {
    __proto__: null, cancelable: true, promise, reason,
  });
}

function notifyRejectionHandled(promise, reason) {
  fire(globalTarget, "rejectionhandled", PromiseRejectionEvent, { __proto__: null, promise, reason });
}

// HTML section 8.1.4.4
function reportError(e) {
  requiredArguments(arguments.length, 1, "Failed to execute 'reportError'");
  internal.events.reportException(e, true);
}

internal.events = {
  __proto__: null,
  CustomEvent,
  ErrorEvent,
  Event,
  EventTarget,
  PromiseRejectionEvent,
  // For who prints an event.
  attributes: webidl.takeAttributes(Event, ["type", "cancelable", "defaultPrevented", "timeStamp"]),
  defineEventHandler,
  dispatch,
  eventInitMembers,
  fire,
  getHandlerAttribute,
  getTarget: getTargetOf,
  hasListeners,
  isDispatched,
  isEvent,
  isEventTarget,
  notifyRejectionHandled,
  notifyUnhandledRejection,
  observeListeners,
  reinitialize: initEvent,
  reportException,
  setHandlerAttribute,
};
internal.expose({ CustomEvent, ErrorEvent, Event, EventTarget, PromiseRejectionEvent });
// The global object is an event target without being an EventTarget: the operations are its own, and work on nothing at all as `this`.
const { addEventListener, dispatchEvent, removeEventListener } = EventTarget.prototype;
internal.exposeEnumerable({ addEventListener, dispatchEvent, removeEventListener, reportError });
