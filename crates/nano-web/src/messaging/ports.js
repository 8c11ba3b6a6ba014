// MessageChannel and MessagePort, and the tasks that deliver messages. HTML section 9.4
//
// Both ends of a channel are in one isolate: there is no way for a port to leave it. So a message is cloned
// when it is posted, and kept until its task comes. Tasks are the host's: one call of runTask() for each
// ops.postTask(), in order. A port's state is apart from the MessagePort that scripts see, since it moves to
// another when the port is transferred.

const {
  ArrayPrototypeIncludes,
  ObjectDefineProperty,
  ReflectGetOwnPropertyDescriptor,
  FunctionPrototypeCall,
  SymbolIterator,
  hideObjectPrototype,
} = internal.primordials;
const webidl = internal.webidl;
const { constructorKey, converters, isObject, requiredArguments } = webidl;
const { Event, EventTarget, defineEventHandler, dispatch, hasListeners, observeListeners } = internal.events;
const { newMessageEvent } = internal.messaging;

// ---------------------------------------------------------------------------------------------------------------------
// Tasks

const Link = hideObjectPrototype(class Link {
  constructor(item) {
    this.item = item;
    this.next = null;
  }
});

// First in, first out.
const List = hideObjectPrototype(class List {
  constructor() {
    this.first = null;
    this.last = null;
    this.size = 0;
  }

  push(item) {
    const link = new Link(item);
    if (this.first === null) this.first = link;
    else this.last.next = link;
    this.last = link;
    this.size++;
  }

  shift() {
    const link = this.first;
    this.first = link.next;
    this.size--;
    return link.item;
  }

  clear() {
    this.first = null;
    this.size = 0;
  }
});

const tasks = new List();

// Calls `run()` as a task of its own.
function queueTask(run) {
  tasks.push(run);
  ops.postTask();
}

function runTask() {
  if (tasks.first !== null) tasks.shift()();
}

// ---------------------------------------------------------------------------------------------------------------------
// The state of a port

const Message = hideObjectPrototype(class Message {
  constructor(data, transferred) {
    this.data = data;
    this.transferred = transferred;
  }
});

const PortState = hideObjectPrototype(class PortState {
  constructor() {
    // The port that it is entangled with; null once either side is closed.
    this.other = null;
    // Who has it: a MessagePort, or a function of the platform's that is called with the data of each
    // message.
    this.port = null;
    this.handler = null;
    this.queue = new List();
    this.enabled = false;
    this.alive = false;
    this.deliver = () => deliver(this);
  }
});

function newEntangledStates() {
  const one = new PortState();
  const two = one.other = new PortState();
  two.other = one;
  return one;
}

// A started port that somebody listens to, and whose other end may still speak, keeps a script from ending.
function updateAlive(state) {
  const alive = state.enabled && state.other !== null && state.port !== null && hasListeners(state.port, "message");
  if (alive !== state.alive) {
    state.alive = alive;
    ops.keepAlive(alive ? 1 : -1);
  }
}

function enqueue(state, data, transferred) {
  state.queue.push(new Message(data, transferred));
  if (state.enabled) queueTask(state.deliver);
}

// The task of one message. It finds nothing if the port was closed or transferred since; its new owner has
// tasks of its own.
function deliver(state) {
  if (!state.enabled || state.queue.size === 0) return;
  const message = state.queue.shift();
  if (state.handler !== null) {
    state.handler(message.data);
  } else if (state.port !== null && hasListeners(state.port, "message")) {
    dispatch(state.port, newMessageEvent("message", message.data, message.transferred));
  }
}

// Enables the port message queue.
function enable(state) {
  if (state.enabled) return;
  state.enabled = true;
  for (let i = state.queue.size; i > 0; i--) queueTask(state.deliver);
  if (state.port !== null) updateAlive(state);
}

// Disentangles: what was posted before still arrives at the other side, and then its end.
function close(state) {
  const { other, port } = state;
  state.other = null;
  state.enabled = false;
  state.queue.clear();
  if (port !== null) updateAlive(state);
  if (other === null) return;
  other.other = null;
  if (other.port === null) return;
  updateAlive(other);
  queueTask(() => {
    if (other.port !== null && hasListeners(other.port, "close")) dispatch(other.port, new Event("close"));
  });
}

// ---------------------------------------------------------------------------------------------------------------------
// MessagePort. section 9.4.3

let getState;
let detach;
let isMessagePort;

// (sequence<object> or StructuredSerializeOptions)
function convertTransfer(V, prefix) {
  if (isObject(V)) {
    const method = V[SymbolIterator];
    if (method !== undefined && method !== null) {
      return webidl.createSequenceFromIterable(V, method, converters.object, prefix, "Argument 2");
    }
  }
  return internal.clone.convertStructuredSerializeOptions(V, prefix, "Argument 2").transfer;
}

class MessagePort extends EventTarget {
  // null once it is closed or transferred
  #state;

  constructor(key = undefined, state = undefined) {
    if (key !== constructorKey) webidl.illegalConstructor();
    super();
    this.#state = state;
    state.port = this;
    observeListeners(this, (type) => {
      if (type === "message" && this.#state !== null) updateAlive(this.#state);
    });
  }

  postMessage(message, options = undefined) {
    const state = this.#state;
    const prefix = "Failed to execute 'postMessage' on 'MessagePort'";
    requiredArguments(arguments.length, 1, prefix);
    if (options === undefined) {
      const data = internal.structuredClone(message);
      if (state !== null && state.other !== null) enqueue(state.other, data, nothing);
      return;
    }
    const transfer = convertTransfer(options, prefix);
    // Message port post message steps
    if (ArrayPrototypeIncludes(transfer, this)) {
      throw internal.clone.newDataCloneError(`${prefix}: A port cannot be transferred through itself.`);
    }
    const target = state === null ? null : state.other;
    // A message that is sent to a port together with that port is lost.
    const doomed = target !== null && target.port !== null && ArrayPrototypeIncludes(transfer, target.port);
    const { value, transferred } = internal.clone.cloneWithTransfer(message, transfer);
    if (target !== null && !doomed) enqueue(target, value, transferred);
  }

  start() {
    if (this.#state !== null) enable(this.#state);
  }

  close() {
    const state = this.#state;
    if (state === null) return;
    this.#state = null;
    close(state);
    state.port = null;
  }

  static {
    isMessagePort = (value) => isObject(value) && #state in value;
    getState = (port) => port.#state;
    detach = (port) => {
      const state = port.#state;
      port.#state = null;
      return state;
    };
  }
}
webidl.configureInterface(MessagePort);

const nothing = [];

defineEventHandler(MessagePort.prototype, "onmessage");
defineEventHandler(MessagePort.prototype, "onmessageerror");
defineEventHandler(MessagePort.prototype, "onclose");
{
  // "The first time a MessagePort object's onmessage IDL attribute is set, its port message queue must be
  // enabled."
  const { get, set } = ReflectGetOwnPropertyDescriptor(MessagePort.prototype, "onmessage");
  const accessor = {
    set onmessage(value) {
      FunctionPrototypeCall(set, this, value);
      const state = getState(this);
      if (state !== null) enable(state);
    },
  };
  ObjectDefineProperty(MessagePort.prototype, "onmessage", {
    __proto__: null,
    get,
    set: ReflectGetOwnPropertyDescriptor(accessor, "onmessage").set,
    enumerable: true,
    configurable: true,
  });
}

// section 9.4.2
class MessageChannel {
  #port1;
  #port2;

  constructor() {
    const one = newEntangledStates();
    this.#port1 = new MessagePort(constructorKey, one);
    this.#port2 = new MessagePort(constructorKey, one.other);
  }

  get port1() {
    return this.#port1;
  }

  get port2() {
    return this.#port2;
  }
}
webidl.configureInterface(MessageChannel);

// ---------------------------------------------------------------------------------------------------------------------
// Transfer

function checkPort(port) {
  if (getState(port) === null) {
    throw internal.clone.newDataCloneError("A MessagePort that is closed or was transferred could not be transferred.");
  }
}

function transferPort(port) {
  const state = detach(port);
  state.enabled = false;
  updateAlive(state);
  state.port = null;
  return state;
}

function receivePort(state) {
  return new MessagePort(constructorKey, state);
}

internal.messaging.close = close;
internal.messaging.enable = enable;
internal.messaging.enqueue = enqueue;
internal.messaging.isMessagePort = isMessagePort;
internal.messaging.newEntangledStates = newEntangledStates;
internal.messaging.queueTask = queueTask;
internal.messaging.runTask = runTask;
internal.hooks.portTransfer = {
  __proto__: null, is: isMessagePort, check: checkPort, transfer: transferPort, receive: receivePort,
};
internal.expose({ MessageChannel, MessagePort });
