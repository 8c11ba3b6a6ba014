// AbortController and AbortSignal. DOM section 3
//
// A signal made by AbortSignal.any() depends on its sources. Sources know it weakly, so that a short-lived
// one can be collected though a source lives on; but while somebody waits for its abort (a listener, an
// algorithm) its sources keep it alive. Likewise a timeout keeps its signal only while somebody waits for it
// or depends on it. Knows nothing of timers but `internal.timers.startTimeout(ms, fn)`, which it looks up
// when it is needed.

const {
  ArrayPrototypePush,
  ReflectConstruct,
  Set,
  SetPrototypeAdd,
  SetPrototypeDelete,
  SetPrototypeForEach,
  SetPrototypeGetSize,
  WeakRef,
  WeakRefPrototypeDeref,
  hideObjectPrototype,
} = internal.primordials;
const webidl = internal.webidl;
const { constructorKey, converters, requiredArguments } = webidl;
const { EventTarget, defineEventHandler, fire, hasListeners, observeListeners } = internal.events;

// The state of signals that depend on others, that others depend on, or that a timer will abort.
const Relations = hideObjectPrototype(class Relations {
  constructor() {
    this.dependent = false;
    // Sources of a dependent signal, weakly.
    this.sources = [];
    // Dependents of a source: all weakly, and strongly those that are waited for.
    this.dependents = [];
    this.sweepAt = 16;
    this.waitedFor = null;
    // Called with whether the signal must now be kept alive.
    this.keep = null;
  }
});

let getRelations;
let isAborted;
let isAbortSignal;
let makeRelations;
let getReason;
let setReason;
let addAlgorithm;
let removeAlgorithm;
let takeAlgorithms;
let isWaitedFor;

// Stands for the AbortError of a signal that was aborted without a reason, until somebody wants to see that:
// most ask only whether there is one, and an error with its stack trace costs more than all the rest.
const unmade = { __proto__: null };

class AbortSignal extends EventTarget {
  // undefined: not aborted. No signal is aborted with undefined.
  #reason = undefined;
  // null, one function, or a Set of them
  #algorithms = null;
  #relations = null;

  constructor(key = undefined) {
    if (key !== constructorKey) webidl.illegalConstructor();
    super();
  }

  static abort(reason = undefined) {
    const signal = createSignal();
    setReason(signal, reason);
    return signal;
  }

  static timeout(milliseconds) {
    const prefix = "Failed to execute 'timeout' on 'AbortSignal'";
    requiredArguments(arguments.length, 1, prefix);
    milliseconds = converters["unsigned long long"](milliseconds, prefix, "Argument 1", enforceRange);
    return createTimeoutSignal(milliseconds);
  }

  static any(signals) {
    const prefix = "Failed to execute 'any' on 'AbortSignal'";
    requiredArguments(arguments.length, 1, prefix);
    return createDependentSignal(convertSignals(signals, prefix, "Argument 1"));
  }

  get aborted() {
    return this.#reason !== undefined;
  }

  get reason() {
    return getReason(this);
  }

  throwIfAborted() {
    if (this.#reason !== undefined) throw getReason(this);
  }

  static {
    isAbortSignal = (value) => webidl.isObject(value) && #reason in value;
    isAborted = (signal) => signal.#reason !== undefined;
    getReason = (signal) => signal.#reason === unmade ? signal.#reason = newAbortError() : signal.#reason;
    setReason = (signal, reason) => signal.#reason = reason === undefined ? unmade : reason;
    getRelations = (signal) => signal.#relations;
    makeRelations = (signal) => signal.#relations ??= new Relations();

    // DOM section 3.2, add an algorithm. `algorithm` is a function without arguments that does not throw.
    addAlgorithm = (signal, algorithm) => {
      if (signal.#reason !== undefined) return;
      const algorithms = signal.#algorithms;
      if (algorithms === null) {
        signal.#algorithms = algorithm;
        signal.#relations?.keep?.(true);
      } else if (typeof algorithms === "function") {
        if (algorithms === algorithm) return;
        const set = signal.#algorithms = new Set();
        SetPrototypeAdd(set, algorithms);
        SetPrototypeAdd(set, algorithm);
      } else {
        SetPrototypeAdd(algorithms, algorithm);
      }
    };

    // DOM section 3.2, remove an algorithm
    removeAlgorithm = (signal, algorithm) => {
      const algorithms = signal.#algorithms;
      if (algorithms === algorithm) {
        signal.#algorithms = null;
      } else if (algorithms !== null && typeof algorithms !== "function") {
        SetPrototypeDelete(algorithms, algorithm);
        if (SetPrototypeGetSize(algorithms) === 0) signal.#algorithms = null;
      }
      const keep = signal.#relations?.keep;
      if (keep) keep(isWaitedFor(signal));
    };

    takeAlgorithms = (signal) => {
      const algorithms = signal.#algorithms;
      signal.#algorithms = null;
      return algorithms;
    };

    isWaitedFor = (signal) => signal.#algorithms !== null || hasListeners(signal, "abort");
  }
}
webidl.configureInterface(AbortSignal);
defineEventHandler(AbortSignal.prototype, "onabort");

const enforceRange = { __proto__: null, enforceRange: true };
const convertAbortSignal = webidl.createInterfaceConverter("AbortSignal", isAbortSignal);
const convertSignals = webidl.createSequenceConverter(convertAbortSignal);

function newAbortError() {
  return new internal.domexception.DOMException("The operation was aborted.", "AbortError");
}

// A new signal that is not aborted.
function createSignal() {
  return ReflectConstruct(AbortSignal, [constructorKey]);
}

// DOM section 3.2, signal abort. An undefined reason stands for a new AbortError.
function signalAbort(signal, reason) {
  if (isAborted(signal)) return;
  setReason(signal, reason);
  const relations = getRelations(signal);
  if (relations === null || relations.dependents.length === 0) {
    runAbortSteps(signal);
    return;
  }
  const toAbort = [];
  for (let i = 0; i < relations.dependents.length; i++) {
    const dependent = WeakRefPrototypeDeref(relations.dependents[i]);
    if (dependent !== undefined && !isAborted(dependent)) {
      setReason(dependent, getReason(signal));
      ArrayPrototypePush(toAbort, dependent);
    }
  }
  relations.dependents = [];
  relations.waitedFor = null;
  runAbortSteps(signal);
  for (let i = 0; i < toAbort.length; i++) runAbortSteps(toAbort[i]);
}

// DOM section 3.2, run the abort steps
function runAbortSteps(signal) {
  const algorithms = takeAlgorithms(signal);
  if (typeof algorithms === "function") algorithms();
  else if (algorithms !== null) SetPrototypeForEach(algorithms, callAlgorithm);
  fire(signal, "abort");
  const keep = getRelations(signal)?.keep;
  if (keep) keep(false);
}

function callAlgorithm(algorithm) {
  algorithm();
}

// Calls `keep(whether)` as somebody starts or ceases to wait for the signal.
function watch(signal, keep) {
  makeRelations(signal).keep = keep;
  observeListeners(signal, (type) => {
    if (type === "abort") keep(!isAborted(signal) && isWaitedFor(signal));
  });
}

function addDependent(source, dependent, reference) {
  const relations = makeRelations(source);
  const dependents = relations.dependents;
  if (dependents.length >= relations.sweepAt) {
    const live = [];
    for (let i = 0; i < dependents.length; i++) {
      if (WeakRefPrototypeDeref(dependents[i]) !== undefined) ArrayPrototypePush(live, dependents[i]);
    }
    relations.dependents = live;
    relations.sweepAt = live.length * 2 + 16;
  }
  ArrayPrototypePush(relations.dependents, reference);
}

// DOM section 3.2, create a dependent abort signal
function createDependentSignal(signals) {
  const result = createSignal();
  for (let i = 0; i < signals.length; i++) {
    if (isAborted(signals[i])) {
      setReason(result, getReason(signals[i]));
      return result;
    }
  }
  const relations = makeRelations(result);
  relations.dependent = true;
  const reference = new WeakRef(result);
  const sources = new Set();
  for (let i = 0; i < signals.length; i++) {
    const inherited = getRelations(signals[i]);
    if (inherited === null || !inherited.dependent) {
      SetPrototypeAdd(sources, signals[i]);
    } else {
      for (let j = 0; j < inherited.sources.length; j++) {
        const source = WeakRefPrototypeDeref(inherited.sources[j]);
        if (source !== undefined) SetPrototypeAdd(sources, source);
      }
    }
  }
  SetPrototypeForEach(sources, (source) => {
    ArrayPrototypePush(relations.sources, new WeakRef(source));
    addDependent(source, result, reference);
    // A timeout goes on for the sake of those that depend on it.
    getRelations(source).keep?.(true, true);
  });
  watch(result, (waitedFor) => {
    for (let i = 0; i < relations.sources.length; i++) {
      const source = WeakRefPrototypeDeref(relations.sources[i]);
      if (source === undefined) continue;
      const sourceRelations = getRelations(source);
      if (waitedFor) {
        SetPrototypeAdd(sourceRelations.waitedFor ??= new Set(), result);
      } else if (sourceRelations.waitedFor !== null) {
        SetPrototypeDelete(sourceRelations.waitedFor, result);
      }
    }
  });
  return result;
}

// Signals of timeouts that somebody waits for.
const keptAlive = new Set();

// DOM section 3.2, timeout(milliseconds)
function createTimeoutSignal(milliseconds) {
  const signal = createSignal();
  const reference = new WeakRef(signal);
  let pinned = false;
  watch(signal, (waitedFor, forever) => {
    if (forever) pinned = true;
    const target = WeakRefPrototypeDeref(reference);
    if (isAborted(target) || !(waitedFor || pinned)) SetPrototypeDelete(keptAlive, target);
    else SetPrototypeAdd(keptAlive, target);
  });
  internal.timers.startTimeout(milliseconds, () => {
    const target = WeakRefPrototypeDeref(reference);
    if (target !== undefined) signalAbort(target, new internal.domexception.DOMException("The operation timed out.", "TimeoutError"));
  });
  return signal;
}

class AbortController {
  // Made when it is first asked for.
  #signal = null;

  get signal() {
    return this.#signal ??= createSignal();
  }

  abort(reason = undefined) {
    signalAbort(this.#signal ??= createSignal(), reason);
  }
}
webidl.configureInterface(AbortController);

internal.abort = {
  __proto__: null,
  AbortController,
  AbortSignal,
  addAlgorithm,
  // For who prints one.
  attributes: webidl.takeAttributes(AbortSignal, ["aborted", "reason"]),
  convertAbortSignal,
  createDependentSignal,
  createSignal,
  createTimeoutSignal,
  getReason,
  isAbortSignal,
  isAborted,
  newAbortError,
  removeAlgorithm,
  signalAbort,
};
internal.expose({ AbortController, AbortSignal });
