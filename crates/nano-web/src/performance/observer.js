// PerformanceObserver (Performance Timeline section 4-section 6): tells of new marks and measures, in a task of their own.

const {
  ArrayPrototypeIncludes,
  ArrayPrototypePush,
  FunctionPrototypeCall,
  ObjectFreeze,
  TypeError,
} = internal.primordials;
const webidl = internal.webidl;
const { constructorKey, converters } = webidl;
const { entryType, filterEntries } = internal.performance;

const supportedEntryTypes = ObjectFreeze(["mark", "measure"]);

class PerformanceObserverEntryList {
  #entries;

  constructor(key = undefined, entries = undefined) {
    if (key !== constructorKey) webidl.illegalConstructor();
    this.#entries = entries;
  }

  getEntries() {
    return filterEntries(this.#entries, undefined, undefined);
  }

  getEntriesByType(type) {
    const entries = this.#entries;
    const prefix = "Failed to execute 'getEntriesByType' on 'PerformanceObserverEntryList'";
    webidl.requiredArguments(arguments.length, 1, prefix);
    return filterEntries(entries, undefined, converters.DOMString(type, prefix, "Argument 1"));
  }

  getEntriesByName(name, type = undefined) {
    const entries = this.#entries;
    const prefix = "Failed to execute 'getEntriesByName' on 'PerformanceObserverEntryList'";
    webidl.requiredArguments(arguments.length, 1, prefix);
    name = converters.DOMString(name, prefix, "Argument 1");
    if (type !== undefined) type = converters.DOMString(type, prefix, "Argument 2");
    return filterEntries(entries, name, type);
  }
}
webidl.configureInterface(PerformanceObserverEntryList);

const convertObserverInit = webidl.createDictionaryConverter("PerformanceObserverInit", [
  { __proto__: null, key: "buffered", converter: converters.boolean },
  { __proto__: null, key: "entryTypes", converter: converters["sequence<DOMString>"] },
  { __proto__: null, key: "type", converter: converters.DOMString },
]);

// Registered observers, in order.
const registered = [];
let taskQueued = false;

let queueFor, notify;

class PerformanceObserver {
  #callback;
  #buffer = [];
  // The entry types that are observed.
  #types = [];
  // "" until observe() is called; then "single" or "multiple", for good.
  #mode = "";

  static {
    queueFor = (observer, entry) => {
      if (!ArrayPrototypeIncludes(observer.#types, entryType(entry))) return false;
      ArrayPrototypePush(observer.#buffer, entry);
      return true;
    };
    notify = (observer) => {
      const entries = observer.#buffer;
      if (entries.length === 0) return;
      observer.#buffer = [];
      // Nothing is ever dropped: the buffers have no limit of their own.
      FunctionPrototypeCall(
        observer.#callback, observer, new PerformanceObserverEntryList(constructorKey, entries), observer,
        { droppedEntriesCount: 0 },
      );
    };
  }

  constructor(callback) {
    const prefix = "Failed to construct 'PerformanceObserver'";
    webidl.requiredArguments(arguments.length, 1, prefix);
    this.#callback = converters.Function(callback, prefix, "Argument 1");
  }

  static get supportedEntryTypes() {
    return supportedEntryTypes;
  }

  observe(options = undefined) {
    const buffer = this.#buffer;
    const prefix = "Failed to execute 'observe' on 'PerformanceObserver'";
    const { buffered, entryTypes, type } = convertObserverInit(options, prefix, "Argument 1");
    if (entryTypes === undefined && type === undefined) {
      throw new TypeError(`${prefix}: the options have neither 'entryTypes' nor 'type'.`);
    }
    if (entryTypes !== undefined && (type !== undefined || buffered !== undefined)) {
      throw new TypeError(`${prefix}: the options have 'entryTypes' and 'type' or 'buffered'.`);
    }
    const mode = type === undefined ? "multiple" : "single";
    if (this.#mode !== "" && this.#mode !== mode) {
      throw new internal.domexception.DOMException(
        `${prefix}: an observer cannot change between 'entryTypes' and 'type'.`, "InvalidModificationError",
      );
    }
    this.#mode = mode;
    if (mode === "multiple") {
      const types = [];
      for (let i = 0; i < entryTypes.length; i++) {
        if (ArrayPrototypeIncludes(supportedEntryTypes, entryTypes[i])) ArrayPrototypePush(types, entryTypes[i]);
      }
      if (types.length === 0) return;
      this.#types = types;
    } else {
      if (!ArrayPrototypeIncludes(supportedEntryTypes, type)) return;
      if (!ArrayPrototypeIncludes(this.#types, type)) ArrayPrototypePush(this.#types, type);
    }
    if (!ArrayPrototypeIncludes(registered, this)) ArrayPrototypePush(registered, this);
    if (buffered) {
      const earlier = internal.performance.timeline();
      for (let i = 0; i < earlier.length; i++) {
        if (entryType(earlier[i]) === type) ArrayPrototypePush(buffer, earlier[i]);
      }
      queueTask();
    }
  }

  disconnect() {
    this.#buffer = [];
    this.#types = [];
    let kept = 0;
    for (let i = 0; i < registered.length; i++) {
      if (registered[i] !== this) registered[kept++] = registered[i];
    }
    registered.length = kept;
  }

  takeRecords() {
    const records = this.#buffer;
    this.#buffer = [];
    return records;
  }
}
webidl.configureInterface(PerformanceObserver);

// "queue the PerformanceObserver task". section 6.2
function queueTask() {
  if (taskQueued) return;
  taskQueued = true;
  internal.timers.startTimeout(0, () => {
    taskQueued = false;
    const observers = [];
    for (let i = 0; i < registered.length; i++) ArrayPrototypePush(observers, registered[i]);
    for (let i = 0; i < observers.length; i++) {
      try {
        notify(observers[i]);
      } catch (error) {
        internal.events.reportException(error);
      }
    }
  });
}

internal.performance.setNotifyObservers((entry) => {
  let queued = false;
  for (let i = 0; i < registered.length; i++) {
    if (queueFor(registered[i], entry)) queued = true;
  }
  if (queued) queueTask();
});
internal.expose({ PerformanceObserver, PerformanceObserverEntryList });
