// BroadcastChannel, within one application: its channels in this isolate and in those on other threads. HTML
// section 9.5
//
// A message is serialized once, natively, and read once for each channel that it reaches. Other isolates are
// the host's business: it is told which names this isolate listens to, and calls receive() for each message.

const {
  ArrayPrototypePush,
  Map,
  MapPrototypeDelete,
  MapPrototypeGet,
  MapPrototypeSet,
  WeakRef,
  WeakRefPrototypeDeref,
  hideObjectPrototype,
} = internal.primordials;
const webidl = internal.webidl;
const { converters, requiredArguments } = webidl;
const { EventTarget, defineEventHandler, dispatch, hasListeners, observeListeners } = internal.events;
const { newMessageEvent, queueTask } = internal.messaging;

// The state of a channel. A channel with listeners is kept alive; no script can tell whether any other is.
const Member = hideObjectPrototype(class Member {
  constructor(channel) {
    this.weak = new WeakRef(channel);
    this.strong = null;
    this.alive = false;
  }
});

// name -> array of members, in the order in which they were made; replaced when it changes
const members = new Map();
const nothing = [];

function join(name, member) {
  const list = MapPrototypeGet(members, name);
  const grown = [];
  if (list === undefined) ops.broadcastJoin(name);
  else copyLiving(list, grown);
  ArrayPrototypePush(grown, member);
  MapPrototypeSet(members, name, grown);
}

function leave(name, member) {
  const list = MapPrototypeGet(members, name);
  if (list === undefined) return;
  const rest = [];
  copyLiving(list, rest, member);
  if (rest.length > 0) {
    MapPrototypeSet(members, name, rest);
  } else {
    MapPrototypeDelete(members, name);
    ops.broadcastLeave(name);
  }
}

function copyLiving(list, into, except = undefined) {
  for (let i = 0; i < list.length; i++) {
    if (list[i] !== except && WeakRefPrototypeDeref(list[i].weak) !== undefined) ArrayPrototypePush(into, list[i]);
  }
}

let getMember;

// A channel with listeners keeps a script from ending until it is closed.
function updateAlive(member, channel, open) {
  const listened = open && (hasListeners(channel, "message") || hasListeners(channel, "messageerror"));
  member.strong = listened ? channel : null;
  const alive = open && hasListeners(channel, "message");
  if (alive !== member.alive) {
    member.alive = alive;
    ops.keepAlive(alive ? 1 : -1);
  }
}

// A task for each channel of the name but one; `message` is the native side's number for it, which is given
// back with the last.
function deliver(name, message, except) {
  const list = MapPrototypeGet(members, name);
  let left = 1;
  const done = () => {
    if (--left === 0) ops.messageDrop(message);
  };
  for (let i = 0; list !== undefined && i < list.length; i++) {
    const member = list[i];
    const channel = member === except ? undefined : WeakRefPrototypeDeref(member.weak);
    if (channel === undefined) continue;
    left++;
    queueTask(() => {
      // Closed since?
      if (getMember(channel) !== null) deliverTo(channel, message);
      done();
    });
  }
  done();
}

function deliverTo(channel, message) {
  let data;
  try {
    data = internal.clone.portably((prototype, write, read, fail) => ops.messageRead(message, prototype, write, read, fail));
  } catch {
    if (hasListeners(channel, "messageerror")) dispatch(channel, newMessageEvent("messageerror", null, nothing));
    return;
  }
  if (hasListeners(channel, "message")) dispatch(channel, newMessageEvent("message", data, nothing));
}

class BroadcastChannel extends EventTarget {
  #name;
  // null once it is closed
  #member;

  constructor(name) {
    super();
    const prefix = "Failed to construct 'BroadcastChannel'";
    requiredArguments(arguments.length, 1, prefix);
    this.#name = converters.DOMString(name, prefix, "Argument 1");
    const member = this.#member = new Member(this);
    observeListeners(this, () => {
      if (this.#member !== null) updateAlive(member, this, true);
    });
    join(this.#name, member);
  }

  get name() {
    return this.#name;
  }

  postMessage(message) {
    const member = this.#member;
    const prefix = "Failed to execute 'postMessage' on 'BroadcastChannel'";
    requiredArguments(arguments.length, 1, prefix);
    if (member === null) {
      throw new internal.domexception.DOMException(`${prefix}: The channel is closed.`, "InvalidStateError");
    }
    const number = internal.clone.portably((prototype, write, read, fail) =>
      ops.messageWrite(message, prototype, write, read, fail));
    ops.broadcastPost(this.#name, number);
    deliver(this.#name, number, member);
  }

  close() {
    const member = this.#member;
    if (member === null) return;
    this.#member = null;
    updateAlive(member, this, false);
    leave(this.#name, member);
  }

  static {
    getMember = (channel) => channel.#member;
  }
}
webidl.configureInterface(BroadcastChannel);
defineEventHandler(BroadcastChannel.prototype, "onmessage");
defineEventHandler(BroadcastChannel.prototype, "onmessageerror");

// A message of another isolate has arrived.
function receive(name, number) {
  const list = MapPrototypeGet(members, name);
  const living = [];
  if (list !== undefined) copyLiving(list, living);
  if (living.length === 0) {
    MapPrototypeDelete(members, name);
    ops.broadcastLeave(name);
  }
  deliver(name, number, undefined);
}

internal.messaging.receive = receive;
internal.expose({ BroadcastChannel });
