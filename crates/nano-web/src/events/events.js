// Events, their targets and their dispatch. DOM section 2; HTML section 8.1.8 "Events".
//
// There is no tree here: the path of an event is its target alone. A list of listeners is never changed in
// place but replaced, so that dispatch walks it without a copy. The global object takes part through a
// stand-in target. Knows nothing of abort signals beyond two functions that events/abort.js provides.

const { ReflectGetOwnPropertyDescriptor, StringPrototypeSlice, uncurryThis } = internal.primordials;
const {
  ArrayPrototypePush,
  FunctionPrototypeCall,
  MapPrototypeDelete,
  MapPrototypeGet,
  MapPrototypeSet,
  Map,
  ObjectDefineProperty,
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
// V8 reads a descriptor that is an ordinary object many times faster than one without a prototype. It may be
// used as long as a tenant has not given Object.prototype what would then count as its own.
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

const initEvent = uncurryThis(Event.prototype.initEvent);

// ---------------------------------------------------------------------------------------------------------------------
// EventTarget. DOM section 2.7

// A listener; `callback` is a function or an object with handleEvent. Its type is the key of the table that
// has it.
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
    // The abort algorithm that removes it.
    this.signal = null;
    this.abortSteps = null;
  }
});

// The state of an EventTarget that has had a listener.
const ListenerTable = hideObjectPrototype(class ListenerTable {
  constructor() {
    // The type that was listened to first, and its listeners: an array that is replaced when it changes, or
    // undefined. Most targets have no other.
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

// The stand-in for the global object, which has no state of its own.
const globalObject = globalThis;
const globalTarget = new EventTarget();

// The EventTarget for a `this` value: called as a function, the global object is meant; and the global object
// itself has its state in a stand-in.
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

// Dispatches to an EventTarget (or the global's stand-in), whatever the event's trust; false if it was
// canceled.
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

// DOM section 2.10, fire an event: nothing is made if nobody listens. `Class` and `init` are for events with
// more than a type.
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
  if (listener.handlerKind === "error" && currentTarget === globalObject && internal.events.isErrorEvent(event)) {
    const result = FunctionPrototypeCall(
      handler, currentTarget, event.message, event.filename, event.lineno, event.colno, event.error,
    );
    if (result === true) cancel(event);
  } else if (FunctionPrototypeCall(handler, currentTarget, event) === false) {
    cancel(event);
  }
}
const cancel = uncurryThis(Event.prototype.preventDefault);

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

// The getter and the setter of the event handler IDL attribute `name`, such as "onabort". `kind` is "error"
// for the global's onerror, which is called with five arguments.
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

internal.events = {
  __proto__: null,
  Event,
  EventTarget,
  // For who prints an event.
  attributes: webidl.takeAttributes(Event, ["type", "cancelable", "defaultPrevented", "timeStamp"]),
  defineEventHandler,
  dispatch,
  eventInitMembers,
  fire,
  getHandlerAttribute,
  getTarget: getTargetOf,
  globalTarget,
  hasListeners,
  isDispatched,
  isEvent,
  isEventTarget,
  observeListeners,
  reinitialize: initEvent,
  setHandlerAttribute,
};
internal.expose({ Event, EventTarget });
// The global object is an event target without being an EventTarget: the operations are its own, and work on
// nothing at all as `this`.
const { addEventListener, dispatchEvent, removeEventListener } = EventTarget.prototype;
internal.exposeEnumerable({ addEventListener, dispatchEvent, removeEventListener });
