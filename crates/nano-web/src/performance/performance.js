// Performance (High Resolution Time section 8), its timeline (Performance Timeline section 3) and user timing
// (User Timing section 2-section 3).
//
// performance/observer.js hands new entries to observers. `detail` is cloned by `internal.structuredClone`
// where that exists.

const {
  ArrayPrototypePush,
  ArrayPrototypeSort,
  TypeError,
} = internal.primordials;
const webidl = internal.webidl;
const { constructorKey, converters } = webidl;
const { EventTarget } = internal.events;

const now = () => ops.performanceNow();

function cloneDetail(detail) {
  if (detail === undefined || detail === null) return null;
  const structuredClone = internal.structuredClone;
  return structuredClone === undefined ? detail : structuredClone(detail);
}

// ---------------------------------------------------------------------------------------------------------------------
// Entries

let entryName, entryType, entryStart;

class PerformanceEntry {
  #name;
  #entryType;
  #startTime;
  #duration;

  static {
    entryName = (entry) => entry.#name;
    entryType = (entry) => entry.#entryType;
    entryStart = (entry) => entry.#startTime;
  }

  constructor(key = undefined, state = undefined) {
    if (key !== constructorKey) webidl.illegalConstructor();
    this.#name = state.name;
    this.#entryType = state.entryType;
    this.#startTime = state.startTime;
    this.#duration = state.duration;
  }

  get name() {
    return this.#name;
  }

  get entryType() {
    return this.#entryType;
  }

  get startTime() {
    return this.#startTime;
  }

  get duration() {
    return this.#duration;
  }

  toJSON() {
    return {
      name: this.#name,
      entryType: this.#entryType,
      startTime: this.#startTime,
      duration: this.#duration,
    };
  }
}
webidl.configureInterface(PerformanceEntry);

const convertMarkOptions = webidl.createDictionaryConverter("PerformanceMarkOptions", [
  { __proto__: null, key: "detail", converter: converters.any },
  { __proto__: null, key: "startTime", converter: converters.double },
]);

// The state of a mark; the arguments are converted here, since super() comes first in the constructor.
function markState(count, name, options, prefix) {
  webidl.requiredArguments(count, 1, prefix);
  name = converters.DOMString(name, prefix, "Argument 1");
  options = convertMarkOptions(options, prefix, "Argument 2");
  const startTime = options.startTime === undefined ? now() : options.startTime;
  if (startTime < 0) throw new TypeError(`${prefix}: the start time ${startTime} is negative.`);
  return {
    __proto__: null, name, entryType: "mark", startTime, duration: 0, detail: cloneDetail(options.detail),
  };
}

class PerformanceMark extends PerformanceEntry {
  #detail;

  constructor(markName, markOptions = undefined) {
    const state = markName === constructorKey
      ? markOptions
      : markState(arguments.length, markName, markOptions, "Failed to construct 'PerformanceMark'");
    super(constructorKey, state);
    this.#detail = state.detail;
  }

  get detail() {
    return this.#detail;
  }

  toJSON() {
    const json = super.toJSON();
    json.detail = this.#detail;
    return json;
  }
}
webidl.configureInterface(PerformanceMark);

class PerformanceMeasure extends PerformanceEntry {
  #detail;

  constructor(key = undefined, state = undefined) {
    super(key, state);
    this.#detail = state.detail;
  }

  get detail() {
    return this.#detail;
  }

  toJSON() {
    const json = super.toJSON();
    json.detail = this.#detail;
    return json;
  }
}
webidl.configureInterface(PerformanceMeasure);

// ---------------------------------------------------------------------------------------------------------------------
// Performance

// (DOMString or DOMHighResTimeStamp)
function convertMarkOrTime(V, prefix, context) {
  return typeof V === "number" ? converters.double(V, prefix, context) : converters.DOMString(V, prefix, context);
}

const convertMeasureOptions = webidl.createDictionaryConverter("PerformanceMeasureOptions", [
  { __proto__: null, key: "detail", converter: converters.any },
  { __proto__: null, key: "duration", converter: converters.double },
  { __proto__: null, key: "end", converter: convertMarkOrTime },
  { __proto__: null, key: "start", converter: convertMarkOrTime },
]);

function sortByStart(entries) {
  return ArrayPrototypeSort(entries, (a, b) => entryStart(a) - entryStart(b));
}

// "queue a PerformanceEntry" for observers. Performance Timeline section 6.1
let notifyObservers = () => {};

let getTimeline;

// "filter buffer map by name and type": those of `entries` that match, by start. Performance Timeline section
// 6.3
function filterEntries(entries, name, type) {
  const result = [];
  for (let i = 0; i < entries.length; i++) {
    const entry = entries[i];
    if ((name === undefined || entryName(entry) === name) && (type === undefined || entryType(entry) === type)) {
      ArrayPrototypePush(result, entry);
    }
  }
  return sortByStart(result);
}

class Performance extends EventTarget {
  // In the order in which they were made.
  #entries = [];

  static {
    getTimeline = (performance) => performance.#entries;
  }

  constructor(key = undefined) {
    if (key !== constructorKey) webidl.illegalConstructor();
    super();
  }

  get timeOrigin() {
    this.#entries;
    return ops.timeOrigin();
  }

  now() {
    this.#entries;
    return ops.performanceNow();
  }

  toJSON() {
    this.#entries;
    return { timeOrigin: ops.timeOrigin() };
  }

  mark(markName, markOptions = undefined) {
    const entries = this.#entries;
    const mark = new PerformanceMark(
      constructorKey,
      markState(arguments.length, markName, markOptions, "Failed to execute 'mark' on 'Performance'"),
    );
    ArrayPrototypePush(entries, mark);
    notifyObservers(mark);
    return mark;
  }

  // User Timing section 2.1.3
  measure(measureName, startOrMeasureOptions = undefined, endMark = undefined) {
    const entries = this.#entries;
    const prefix = "Failed to execute 'measure' on 'Performance'";
    webidl.requiredArguments(arguments.length, 1, prefix);
    const name = converters.DOMString(measureName, prefix, "Argument 1");
    let options = { __proto__: null };
    let start;
    if (startOrMeasureOptions === undefined || webidl.isObject(startOrMeasureOptions) || startOrMeasureOptions === null) {
      options = convertMeasureOptions(startOrMeasureOptions, prefix, "Argument 2");
      start = options.start;
    } else {
      start = converters.DOMString(startOrMeasureOptions, prefix, "Argument 2");
    }
    if (endMark !== undefined) endMark = converters.DOMString(endMark, prefix, "Argument 3");
    const { detail, duration, end } = options;
    const hasOptions = options.start !== undefined || end !== undefined || duration !== undefined || detail !== undefined;
    if (hasOptions) {
      if (endMark !== undefined) throw new TypeError(`${prefix}: an end mark cannot be given beside options.`);
      if (start === undefined && end === undefined) {
        throw new TypeError(`${prefix}: the options need 'start' or 'end'.`);
      }
      if (options.start !== undefined && duration !== undefined && end !== undefined) {
        throw new TypeError(`${prefix}: the options cannot have all of 'start', 'duration' and 'end'.`);
      }
    }

    let endTime;
    if (endMark !== undefined) endTime = this.#timeOf(endMark, prefix);
    else if (end !== undefined) endTime = this.#timeOf(end, prefix);
    else if (start !== undefined && duration !== undefined) {
      endTime = this.#timeOf(start, prefix) + this.#timeOf(duration, prefix);
    } else endTime = now();
    let startTime;
    if (start !== undefined) startTime = this.#timeOf(start, prefix);
    else if (duration !== undefined && end !== undefined) startTime = endTime - this.#timeOf(duration, prefix);
    else startTime = 0;

    const measure = new PerformanceMeasure(constructorKey, {
      __proto__: null,
      name,
      entryType: "measure",
      startTime,
      duration: endTime - startTime,
      detail: cloneDetail(detail),
    });
    ArrayPrototypePush(entries, measure);
    notifyObservers(measure);
    return measure;
  }

  // "convert a mark to a timestamp". User Timing section 3
  #timeOf(mark, prefix) {
    if (typeof mark === "number") {
      if (mark < 0) throw new TypeError(`${prefix}: the time ${mark} is negative.`);
      return mark;
    }
    const entries = this.#entries;
    for (let i = entries.length - 1; i >= 0; i--) {
      if (entryType(entries[i]) === "mark" && entryName(entries[i]) === mark) return entryStart(entries[i]);
    }
    throw new internal.domexception.DOMException(`${prefix}: there is no mark named '${mark}'.`, "SyntaxError");
  }

  #clear(type, name) {
    const entries = this.#entries;
    let kept = 0;
    for (let i = 0; i < entries.length; i++) {
      const entry = entries[i];
      if (entryType(entry) !== type || (name !== undefined && entryName(entry) !== name)) entries[kept++] = entry;
    }
    entries.length = kept;
  }

  clearMarks(markName = undefined) {
    this.#entries;
    this.#clear(
      "mark",
      markName === undefined
        ? undefined
        : converters.DOMString(markName, "Failed to execute 'clearMarks' on 'Performance'", "Argument 1"),
    );
  }

  clearMeasures(measureName = undefined) {
    this.#entries;
    this.#clear(
      "measure",
      measureName === undefined
        ? undefined
        : converters.DOMString(measureName, "Failed to execute 'clearMeasures' on 'Performance'", "Argument 1"),
    );
  }

  getEntries() {
    return filterEntries(this.#entries, undefined, undefined);
  }

  getEntriesByType(type) {
    const entries = this.#entries;
    const prefix = "Failed to execute 'getEntriesByType' on 'Performance'";
    webidl.requiredArguments(arguments.length, 1, prefix);
    return filterEntries(entries, undefined, converters.DOMString(type, prefix, "Argument 1"));
  }

  getEntriesByName(name, type = undefined) {
    const entries = this.#entries;
    const prefix = "Failed to execute 'getEntriesByName' on 'Performance'";
    webidl.requiredArguments(arguments.length, 1, prefix);
    name = converters.DOMString(name, prefix, "Argument 1");
    if (type !== undefined) type = converters.DOMString(type, prefix, "Argument 2");
    return filterEntries(entries, name, type);
  }
}
webidl.configureInterface(Performance);

const performance = new Performance(constructorKey);

internal.performance = {
  __proto__: null,
  entryType,
  filterEntries,
  now,
  // All entries until now, in the order in which they were made.
  timeline: () => getTimeline(performance),
  // `notify(entry)` is called for each new entry.
  setNotifyObservers(notify) {
    notifyObservers = notify;
  },
};
internal.expose({ Performance, PerformanceEntry, PerformanceMark, PerformanceMeasure });
internal.exposeEnumerable({ performance });
