// Exceptions and rejections that no script has handled. HTML section 8.1.4
//
// Knows nothing of consoles or processes: `internal.hooks.unhandledException` prints an exception that no
// listener has prevented.

const { webidl } = internal;
const { converters, requiredArguments } = webidl;
const { ErrorEvent, PromiseRejectionEvent, dispatch, fire, globalTarget, hasListeners } = internal.events;

// The message and place of an exception, for an ErrorEvent. An error knows where it was made; of other values
// nobody does, unless they were reported by a script: `here` says so.
function describeException(error, here) {
  let message;
  try {
    message = `Uncaught ${converters.DOMString(error)}`;
  } catch {
    message = "Uncaught exception";
  }
  const place = ops.errorPlace(error, here);
  if (place === undefined) return { __proto__: null, message, filename: "", lineno: 0, colno: 0 };
  return { __proto__: null, message, filename: place[0], lineno: place[1], colno: place[2] };
}

// HTML's "in error reporting mode"
let reporting = false;

// HTML section 8.1.4.4, report an exception
function reportException(error, here = false) {
  let notHandled = true;
  if (!reporting && hasListeners(globalTarget, "error")) {
    reporting = true;
    try {
      const { message, filename, lineno, colno } = describeException(error, here);
      const event = new ErrorEvent("error", {
        __proto__: null, cancelable: true, message, filename, lineno, colno, error,
      });
      notHandled = dispatch(globalTarget, event);
    } finally {
      reporting = false;
    }
  }
  if (notHandled) internal.hooks.unhandledException?.(error);
}

// HTML section 8.1.4.7, "notify about rejected promises", step 4.1.1: whether a listener prevented the
// report.
function notifyUnhandledRejection(promise, reason) {
  return !fire(globalTarget, "unhandledrejection", PromiseRejectionEvent, {
    __proto__: null, cancelable: true, promise, reason,
  });
}

// HTML section 8.1.6.2, "HostPromiseRejectionTracker", step 7.5
function notifyRejectionHandled(promise, reason) {
  fire(globalTarget, "rejectionhandled", PromiseRejectionEvent, { __proto__: null, promise, reason });
}

// HTML section 8.1.4.4
function reportError(e) {
  requiredArguments(arguments.length, 1, "Failed to execute 'reportError'");
  reportException(e, true);
}

internal.events.notifyRejectionHandled = notifyRejectionHandled;
internal.events.notifyUnhandledRejection = notifyUnhandledRejection;
internal.events.reportException = reportException;
internal.exposeEnumerable({ reportError });
