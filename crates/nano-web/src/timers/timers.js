// Timers and microtasks. HTML section 8.6, section 8.7
//
// The clock and the queue are native; this file keeps what is to be called. The native side calls fire() with
// an id. Timers do not tell the time, and what callbacks throw is the caller of fire()'s to report.

const {
  Map,
  MapPrototypeDelete,
  MapPrototypeGet,
  MapPrototypeSet,
  ReflectApply,
  hideObjectPrototype,
} = internal.primordials;
const webidl = internal.webidl;
const { converters } = webidl;

// HTML section 8.6, "timer initialization steps": timers that timers started, beyond this depth, wait at
// least so long.
const NESTING_MAX = 5;
const NESTED_TIMEOUT_MS_MIN = 4;

const Task = hideObjectPrototype(class Task {
  constructor(callback, args, repeat, nesting) {
    this.callback = callback;
    // Null for the platform's own timers.
    this.args = args;
    this.repeat = repeat;
    this.nesting = nesting;
  }
});

// As an indirect eval: the text is a classic script's.
const evaluate = globalThis.eval;

// id -> Task
const tasks = new Map();
// The nesting level of the timer that runs now; 0 outside timers.
let nesting = 0;

function initialize(handler, timeout, args, repeat, prefix) {
  // A TimerHandler that is no function is a script's text.
  if (typeof handler !== "function") handler = converters.DOMString(handler, prefix, "Argument 1");
  timeout = timeout === undefined ? 0 : converters.long(timeout, prefix, "Argument 2");
  // An interval is its own timer's child: after a few turns it is beyond the depth.
  if (timeout < NESTED_TIMEOUT_MS_MIN && (repeat || nesting > NESTING_MAX)) timeout = NESTED_TIMEOUT_MS_MIN;
  else if (timeout < 0) timeout = 0;
  const id = ops.timerStart(timeout, repeat);
  MapPrototypeSet(tasks, id, new Task(handler, args, repeat, nesting + 1));
  return id;
}

function setTimeout(handler, timeout = undefined, ...args) {
  const prefix = "Failed to execute 'setTimeout'";
  webidl.requiredArguments(arguments.length, 1, prefix);
  return initialize(handler, timeout, args, false, prefix);
}

function setInterval(handler, timeout = undefined, ...args) {
  const prefix = "Failed to execute 'setInterval'";
  webidl.requiredArguments(arguments.length, 1, prefix);
  return initialize(handler, timeout, args, true, prefix);
}

function cancel(id) {
  if (MapPrototypeDelete(tasks, id)) ops.timerCancel(id);
}

function clearTimeout(id = undefined) {
  cancel(id === undefined ? 0 : converters.long(id, "Failed to execute 'clearTimeout'", "Argument 1"));
}

function clearInterval(id = undefined) {
  cancel(id === undefined ? 0 : converters.long(id, "Failed to execute 'clearInterval'", "Argument 1"));
}

// The timer `id` is due. An exception of its callback is thrown here.
function fire(id) {
  const task = MapPrototypeGet(tasks, id);
  if (task === undefined) return;
  if (!task.repeat) MapPrototypeDelete(tasks, id);
  const { callback, args } = task;
  if (args === null) {
    callback();
    return;
  }
  const outer = nesting;
  nesting = task.nesting;
  try {
    if (typeof callback === "string") evaluate(callback);
    else ReflectApply(callback, globalThis, args);
  } finally {
    nesting = outer;
  }
}

// "run steps after a timeout": calls fn() once, unless cancelTimeout() comes first. HTML section 8.6
function startTimeout(milliseconds, fn) {
  const id = ops.timerStart(milliseconds, false);
  MapPrototypeSet(tasks, id, new Task(fn, null, false, 0));
  return id;
}

function queueMicrotask(callback) {
  const prefix = "Failed to execute 'queueMicrotask'";
  webidl.requiredArguments(arguments.length, 1, prefix);
  ops.queueMicrotask(converters.Function(callback, prefix, "Argument 1"));
}

internal.timers = { __proto__: null, cancelTimeout: cancel, fire, startTimeout };
internal.exposeEnumerable({ clearInterval, clearTimeout, queueMicrotask, setInterval, setTimeout });
