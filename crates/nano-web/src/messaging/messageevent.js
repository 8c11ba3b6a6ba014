// MessageEvent. HTML section 9.1

const { ArrayPrototypePush, ObjectFreeze } = internal.primordials;
const webidl = internal.webidl;
const { converters, requiredArguments } = webidl;
const { Event, eventInitMembers, isDispatched, reinitialize } = internal.events;

const convertPort = webidl.createInterfaceConverter("MessagePort", (value) => internal.messaging.isMessagePort(value));
const convertPorts = webidl.createSequenceConverter(convertPort);
const convertSource = webidl.createNullableConverter(convertPort);

const convertMessageEventInit = webidl.createDictionaryConverter("MessageEventInit", eventInitMembers, [
  { __proto__: null, key: "data", converter: converters.any, defaultValue: null },
  { __proto__: null, key: "origin", converter: converters.USVString, defaultValue: "" },
  { __proto__: null, key: "lastEventId", converter: converters.DOMString, defaultValue: "" },
  { __proto__: null, key: "source", converter: convertSource, defaultValue: null },
  { __proto__: null, key: "ports", converter: convertPorts, defaultValue: () => [] },
]);

// The state of the platform's own events; scripts never see it.
const received = { __proto__: null };

class MessageEvent extends Event {
  #data;
  #origin;
  #lastEventId;
  #source;
  #ports;

  constructor(type, eventInitDict = undefined, data = undefined, ports = undefined, origin = "", lastEventId = "") {
    if (eventInitDict === received) {
      super(type);
      this.#data = data;
      this.#origin = origin;
      this.#lastEventId = lastEventId;
      this.#source = null;
      this.#ports = ports;
      return;
    }
    const prefix = "Failed to construct 'MessageEvent'";
    requiredArguments(arguments.length, 1, prefix);
    type = converters.DOMString(type, prefix, "Argument 1");
    const init = convertMessageEventInit(eventInitDict, prefix, "Argument 2");
    super(type, init);
    this.#data = init.data;
    this.#origin = init.origin;
    this.#lastEventId = init.lastEventId;
    this.#source = init.source;
    this.#ports = ObjectFreeze(init.ports);
  }

  get data() {
    return this.#data;
  }

  get origin() {
    return this.#origin;
  }

  get lastEventId() {
    return this.#lastEventId;
  }

  get source() {
    return this.#source;
  }

  get ports() {
    return this.#ports;
  }

  initMessageEvent(
    type, bubbles = false, cancelable = false, data = null, origin = "", lastEventId = "", source = null, ports = [],
  ) {
    // The private access is the brand check.
    this.#data;
    const prefix = "Failed to execute 'initMessageEvent' on 'MessageEvent'";
    requiredArguments(arguments.length, 1, prefix);
    type = converters.DOMString(type, prefix, "Argument 1");
    origin = converters.USVString(origin, prefix, "Argument 5");
    lastEventId = converters.DOMString(lastEventId, prefix, "Argument 6");
    source = convertSource(source, prefix, "Argument 7");
    ports = convertPorts(ports, prefix, "Argument 8");
    if (isDispatched(this)) return;
    reinitialize(this, type, bubbles, cancelable);
    this.#data = data;
    this.#origin = origin;
    this.#lastEventId = lastEventId;
    this.#source = source;
    this.#ports = ObjectFreeze(ports);
  }
}
webidl.configureInterface(MessageEvent);

const noPorts = ObjectFreeze([]);

// The event for a message that has arrived. `transferred` is a list of objects of which ports are shown.
function newMessageEvent(type, data, transferred) {
  let ports = noPorts;
  if (transferred.length > 0) {
    ports = [];
    for (let i = 0; i < transferred.length; i++) {
      if (internal.messaging.isMessagePort(transferred[i])) ArrayPrototypePush(ports, transferred[i]);
    }
    ObjectFreeze(ports);
  }
  return new MessageEvent(type, received, data, ports);
}

// The event for what a server has sent.
function newServerEvent(type, data, origin, lastEventId) {
  return new MessageEvent(type, received, data, noPorts, origin, lastEventId);
}

internal.messaging = { __proto__: null, newMessageEvent, newServerEvent };
internal.expose({ MessageEvent });
