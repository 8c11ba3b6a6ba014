// Events, event targets, abort.

test("listeners are called in order, once each", () => {
  const target = new EventTarget();
  const seen = [];
  const listener = (event) => seen.push(`a${event.type}`);
  target.addEventListener("x", listener);
  target.addEventListener("x", listener);
  target.addEventListener("x", { handleEvent: () => seen.push("object") });
  target.addEventListener("x", () => seen.push("once"), { once: true });
  target.addEventListener("x", () => seen.push("capture"), true);
  target.dispatchEvent(new Event("x"));
  target.removeEventListener("x", listener);
  target.dispatchEvent(new Event("x"));
  assert.same(seen, ["capture", "ax", "object", "once", "capture", "object"]);
});

test("isTrusted is each event's own, whatever Object.prototype has", () => {
  const look = (event) => {
    const { get, set, enumerable, configurable } = Object.getOwnPropertyDescriptor(event, "isTrusted");
    assert.same([typeof get, typeof set, enumerable, configurable, event.isTrusted], ["function", "undefined", true, false, false]);
    return get;
  };
  const get = look(new Event("x"));
  class Derived extends Event {}
  for (const event of [new Event("x", { cancelable: true }), new CustomEvent("y"), new Derived("z")]) {
    assert.is(look(event), get);
    assert.same(Object.getOwnPropertyNames(event), ["isTrusted"]);
  }
  assert.same([get.name, get.length], ["get isTrusted", 0]);
  for (const value of [{}, Event.prototype, undefined, 1]) assert.throws(() => get.call(value), TypeError);
  for (const name of ["get", "set", "value", "writable", "enumerable", "configurable"]) {
    const before = Object.getOwnPropertyDescriptor(Object.prototype, name);
    Object.defineProperty(Object.prototype, name, { __proto__: null, value: () => assert(false, name), configurable: true, writable: true });
    const event = new Event("z");
    if (before === undefined) delete Object.prototype[name];
    else Object.defineProperty(Object.prototype, name, { __proto__: null, ...before });
    assert.is(look(event), get, name);
  }
});

test("an Event is an ordinary object of its class", () => {
  const event = new Event("x");
  assert.is(Object.getPrototypeOf(event), Event.prototype);
  assert(event instanceof Event && Object.isExtensible(event));
  event.own = 1;
  assert.same(Object.keys(event), ["isTrusted", "own"]);
  assert.throws(() => structuredClone(event), "DataCloneError");
  class Derived extends Event {}
  assert.is(Object.getPrototypeOf(new Derived("x")), Derived.prototype);
  assert.is(Object.getPrototypeOf(Reflect.construct(Event, ["x"], Array)), Array.prototype);
  assert.is(Reflect.construct(Event, ["y"], Array).type, undefined);
  assert.throws(() => Event("x"), TypeError);
  assert.throws(() => new Event(), TypeError);
  assert.same([Event.length, Event.name, Object.getPrototypeOf(Event) === Function.prototype], [1, "Event", true]);
});

test("types have listeners of their own", () => {
  const target = new EventTarget();
  const seen = [];
  const listeners = {};
  for (const type of ["a", "b", "c", "", "null"]) {
    listeners[type] = () => seen.push(type);
    target.addEventListener(type, listeners[type]);
    target.addEventListener(type, listeners[type]);
  }
  const all = () => {
    seen.length = 0;
    for (const type of ["a", "b", "c", "", "null", "d"]) target.dispatchEvent(new Event(type));
    return seen.join();
  };
  assert.is(all(), "a,b,c,,null");
  for (const type of ["a", "c"]) target.removeEventListener(type, listeners[type]);
  target.removeEventListener("d", listeners.a);
  assert.is(all(), "b,,null");
  target.addEventListener("c", listeners.c);
  target.addEventListener("a", listeners.b);
  assert.is(all(), "b,b,c,,null");
});

test("what a listener adds waits, what it removes is skipped", () => {
  const target = new EventTarget();
  const seen = [];
  const removed = () => seen.push("removed");
  target.addEventListener("x", () => {
    seen.push("first");
    target.removeEventListener("x", removed);
    target.addEventListener("x", () => seen.push("added"));
  });
  target.addEventListener("x", removed);
  target.dispatchEvent(new Event("x"));
  assert.same(seen, ["first"]);
});

test("canceling", () => {
  const target = new EventTarget();
  target.addEventListener("x", (event) => event.preventDefault());
  assert.is(target.dispatchEvent(new Event("x", { cancelable: true })), false);
  assert.is(target.dispatchEvent(new Event("x")), true);
  target.addEventListener("y", (event) => event.preventDefault(), { passive: true });
  assert.is(target.dispatchEvent(new Event("y", { cancelable: true })), true);
});

test("propagation stops at once", () => {
  const target = new EventTarget();
  const seen = [];
  target.addEventListener("x", (event) => {
    seen.push(1);
    event.stopImmediatePropagation();
  });
  target.addEventListener("x", () => seen.push(2));
  target.dispatchEvent(new Event("x"));
  assert.same(seen, [1]);
});

test("an event is dispatched once at a time", () => {
  const target = new EventTarget();
  const event = new Event("x");
  let error;
  target.addEventListener("x", () => {
    try {
      target.dispatchEvent(event);
    } catch (thrown) {
      error = thrown;
    }
  });
  target.dispatchEvent(event);
  assert.is(error.name, "InvalidStateError");
  assert.is(event.eventPhase, Event.NONE);
  assert.is(event.target, target);
  assert.is(event.currentTarget, null);
});

test("a listener that throws is reported and stops nobody", () => {
  printed();
  const target = new EventTarget();
  let called = false;
  target.addEventListener("x", () => {
    throw new Error("on purpose");
  });
  target.addEventListener("x", () => (called = true));
  target.dispatchEvent(new Event("x"));
  assert(called);
  assert(printed().startsWith("Error Uncaught Error: on purpose"));
});

test("the global's error listeners see what nobody caught", () => {
  let seen;
  addEventListener("error", (event) => {
    seen = event.error.message;
    event.preventDefault();
  }, { once: true });
  reportError(new Error("reported"));
  assert.is(seen, "reported");
  assert.is(printed(), "");
});

test("rejections that nobody handles", async () => {
  let seen;
  addEventListener("unhandledrejection", (event) => {
    seen = [event.reason, event.promise instanceof Promise];
    event.preventDefault();
  }, { once: true });
  Promise.reject("why");
  await scheduler.wait(1);
  assert.same(seen, ["why", true]);
  assert.is(printed(), "");
  Promise.reject(new Error("printed"));
  await scheduler.wait(1);
  assert(printed().startsWith("Error Uncaught (in promise) Error: printed"));
});

test("a promise that gets its handler late fires rejectionhandled", async () => {
  const seen = [];
  const listener = (event) => {
    seen.push([event.type, event.reason, event.promise === promise, event.cancelable]);
    event.preventDefault();
  };
  for (const type of ["unhandledrejection", "rejectionhandled"]) addEventListener(type, listener);
  const promise = Promise.reject("why");
  await scheduler.wait(1);
  promise.catch(() => {});
  promise.catch(() => {});
  assert.is(seen.length, 1, "the event is fired in a task of its own");
  await scheduler.wait(1);
  for (const type of ["unhandledrejection", "rejectionhandled"]) removeEventListener(type, listener);
  assert.same(seen, [["unhandledrejection", "why", true, true], ["rejectionhandled", "why", true, false]]);
  assert.is(printed(), "");
});

test("a frozen promise that was printed fires rejectionhandled", async () => {
  const promise = Object.freeze(Promise.reject("printed"));
  await scheduler.wait(1);
  assert(printed().includes("Uncaught (in promise)"));
  let seen;
  addEventListener("rejectionhandled", (event) => (seen = event.promise), { once: true });
  promise.catch(() => {});
  await scheduler.wait(1);
  assert.is(seen, promise);
});

test("a promise that a listener handles earlier in the same batch is not reported", async () => {
  const seen = [];
  const second = () => promises[1].catch(() => {});
  const listener = (event) => {
    seen.push(event.reason);
    event.preventDefault();
    second();
  };
  addEventListener("unhandledrejection", listener);
  addEventListener("rejectionhandled", () => seen.push("handled"), { once: true });
  const promises = [Promise.reject(0), Promise.reject(1), Promise.reject(2)];
  await scheduler.wait(1);
  assert.same(seen, [0, 2]);
  promises[0].catch(() => {});
  await scheduler.wait(1);
  removeEventListener("unhandledrejection", listener);
  assert.same(seen, [0, 2, "handled"]);
  assert.is(printed(), "");
});

test("subclasses and custom events", () => {
  class Mine extends EventTarget {
    #secret = 7;
    get secret() {
      return this.#secret;
    }
  }
  const mine = new Mine();
  let detail;
  mine.addEventListener("x", (event) => (detail = event.detail + event.target.secret));
  mine.dispatchEvent(new CustomEvent("x", { detail: 1 }));
  assert.is(detail, 8);
});

test("AbortController", () => {
  const controller = new AbortController();
  const seen = [];
  controller.signal.onabort = (event) => seen.push(event.type, event.isTrusted);
  assert.is(controller.signal.aborted, false);
  controller.signal.throwIfAborted();
  controller.abort("why");
  controller.abort("again");
  assert.same(seen, ["abort", true]);
  assert.is(controller.signal.reason, "why");
  try {
    controller.signal.throwIfAborted();
  } catch (error) {
    seen.push(error);
  }
  assert.is(seen[2], "why");
  assert.is(AbortSignal.abort().reason.name, "AbortError");
  const aborted = AbortSignal.abort();
  assert(aborted.aborted);
  assert.is(aborted.reason, aborted.reason);
  try {
    aborted.throwIfAborted();
  } catch (error) {
    assert.is(error, aborted.reason);
  }
  const source = new AbortController();
  const dependents = [AbortSignal.any([source.signal]), AbortSignal.any([source.signal])];
  source.abort();
  for (const dependent of dependents) assert.is(dependent.reason, source.signal.reason);
  assert.is(AbortSignal.any([aborted]).reason, aborted.reason);
});

test("AbortSignal.any and timeout", async () => {
  const controller = new AbortController();
  const any = AbortSignal.any([controller.signal, AbortSignal.timeout(10)]);
  await scheduler.wait(5);
  assert.is(any.aborted, false);
  await scheduler.wait(10);
  assert.is(any.aborted, true);
  assert.is(any.reason.name, "TimeoutError");
  const other = AbortSignal.any([controller.signal]);
  controller.abort();
  assert.is(other.reason, controller.signal.reason);
});

test("a signal removes listeners", () => {
  const controller = new AbortController();
  const target = new EventTarget();
  let calls = 0;
  target.addEventListener("x", () => (calls += 1), { signal: controller.signal });
  target.dispatchEvent(new Event("x"));
  controller.abort();
  target.dispatchEvent(new Event("x"));
  assert.is(calls, 1);
});

test("an error's event says where it was made, another's where it was reported", () => {
  const seen = [];
  const listener = (event) => {
    seen[seen.length] = [event.message, event.filename, event.lineno > 0, event.colno > 0];
    event.preventDefault();
  };
  addEventListener("error", listener);
  reportError(new TypeError("on purpose"));
  reportError(1);
  reportError(undefined);
  removeEventListener("error", listener);
  assert.same(seen, [
    ["Uncaught TypeError: on purpose", "events.js", true, true],
    ["Uncaught 1", "events.js", true, true],
    ["Uncaught undefined", "events.js", true, true],
  ]);
});
