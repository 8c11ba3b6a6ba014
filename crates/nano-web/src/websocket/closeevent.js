// CloseEvent. WebSockets section 6

const webidl = internal.webidl;
const { converters, requiredArguments } = webidl;
const { Event, eventInitMembers } = internal.events;

const convertCloseEventInit = webidl.createDictionaryConverter("CloseEventInit", eventInitMembers, [
  { __proto__: null, key: "wasClean", converter: converters.boolean, defaultValue: false },
  { __proto__: null, key: "code", converter: converters["unsigned short"], defaultValue: 0 },
  { __proto__: null, key: "reason", converter: converters.USVString, defaultValue: "" },
]);

class CloseEvent extends Event {
  #wasClean;
  #code;
  #reason;

  constructor(type, eventInitDict = undefined) {
    const prefix = "Failed to construct 'CloseEvent'";
    requiredArguments(arguments.length, 1, prefix);
    type = converters.DOMString(type, prefix, "Argument 1");
    const init = convertCloseEventInit(eventInitDict, prefix, "Argument 2");
    super(type, init);
    this.#wasClean = init.wasClean;
    this.#code = init.code;
    this.#reason = init.reason;
  }

  get wasClean() {
    return this.#wasClean;
  }

  get code() {
    return this.#code;
  }

  get reason() {
    return this.#reason;
  }
}
webidl.configureInterface(CloseEvent);

internal.webSocket = { __proto__: null, CloseEvent };
internal.expose({ CloseEvent });
