// ProgressEvent (XMLHttpRequest Standard section 5). Knows nothing of what makes progress.

const webidl = internal.webidl;
const { converters } = webidl;
const { Event, dispatch, eventInitMembers, hasListeners } = internal.events;

const convertProgressEventInit = webidl.createDictionaryConverter("ProgressEventInit", eventInitMembers, [
  { __proto__: null, key: "lengthComputable", converter: converters.boolean, defaultValue: false },
  { __proto__: null, key: "loaded", converter: converters.double, defaultValue: 0 },
  { __proto__: null, key: "total", converter: converters.double, defaultValue: 0 },
]);

class ProgressEvent extends Event {
  #lengthComputable;
  #loaded;
  #total;

  constructor(type, eventInitDict = undefined) {
    const prefix = "Failed to construct 'ProgressEvent'";
    webidl.requiredArguments(arguments.length, 1, prefix);
    type = converters.DOMString(type, prefix, "Argument 1");
    const init = convertProgressEventInit(eventInitDict, prefix, "Argument 2");
    super(type, init);
    this.#lengthComputable = init.lengthComputable;
    this.#loaded = init.loaded;
    this.#total = init.total;
  }

  get lengthComputable() {
    return this.#lengthComputable;
  }

  get loaded() {
    return this.#loaded;
  }

  get total() {
    return this.#total;
  }
}
webidl.configureInterface(ProgressEvent);

// "fire a progress event": `total` is 0 where it is not known. section 5.1
function fireProgress(target, type, loaded, total) {
  if (!hasListeners(target, type)) return;
  dispatch(target, new ProgressEvent(type, { __proto__: null, lengthComputable: total !== 0, loaded, total }));
}

internal.progress = { __proto__: null, fireProgress };
internal.expose({ ProgressEvent });
