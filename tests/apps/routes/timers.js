// Timers, microtasks, abort signals and what goes on after the answer.

const sleep = (time) => new Promise((resolve) => setTimeout(resolve, time));

let afterwards = "nothing yet";
let failedAfterwards = "nothing yet";

export const timers = {
  "/timeout": async () => {
    await sleep(5);
    return new Response("after a while");
  },
  "/timeout-order": async () => {
    const order = [];
    setTimeout(() => order.push("timeout 5"), 5);
    setTimeout(() => order.push("timeout 0"), 0);
    queueMicrotask(() => order.push("microtask"));
    Promise.resolve().then(() => order.push("promise"));
    order.push("sync");
    await sleep(20);
    return new Response(order.join());
  },
  "/timeout-arguments": () => new Promise((resolve) => setTimeout((a, b) => resolve(new Response(`${a} ${b}`)), 1, "one", "two")),
  "/timeout-clear": async () => {
    let fired = false;
    const id = setTimeout(() => (fired = true), 1);
    clearTimeout(id);
    clearTimeout(undefined);
    clearTimeout(123456);
    await sleep(10);
    return new Response(String(fired));
  },
  "/interval": async () => {
    let count = 0;
    await new Promise((resolve) => {
      const id = setInterval(() => {
        count += 1;
        if (count === 3) {
          clearInterval(id);
          resolve();
        }
      }, 1);
    });
    await sleep(10);
    return new Response(String(count));
  },
  "/nested-timers": async () => {
    let depth = 0;
    const go = () => (depth++ < 8 ? sleep(0).then(go) : undefined);
    await go();
    return new Response(String(depth));
  },
  "/microtasks": async () => {
    const order = [];
    queueMicrotask(() => {
      order.push(1);
      queueMicrotask(() => order.push(3));
    });
    queueMicrotask(() => order.push(2));
    await null;
    await null;
    await null;
    return new Response(order.join());
  },
  "/microtask-type": () => {
    try {
      queueMicrotask("not a function");
      return "queued";
    } catch (error) {
      return error.name;
    }
  },
  "/abort": async () => {
    const controller = new AbortController();
    const events = [];
    controller.signal.addEventListener("abort", (event) => events.push(event.type));
    controller.signal.onabort = () => events.push("onabort");
    controller.abort();
    controller.abort("again");
    let thrown;
    try {
      controller.signal.throwIfAborted();
    } catch (error) {
      thrown = error.name;
    }
    const own = new AbortController();
    own.abort("my reason");
    return Response.json({ aborted: controller.signal.aborted, events, thrown, reason: own.signal.reason, made: AbortSignal.abort().aborted });
  },
  "/abort-timeout": async () => {
    const signal = AbortSignal.timeout(5);
    await new Promise((resolve) => signal.addEventListener("abort", resolve));
    return new Response(`${signal.aborted} ${signal.reason.name}`);
  },
  "/abort-any": async () => {
    const one = new AbortController();
    const two = new AbortController();
    const any = AbortSignal.any([one.signal, two.signal]);
    const before = any.aborted;
    two.abort(new Error("second"));
    return new Response(`${before} ${any.aborted} ${any.reason.message}`);
  },
  "/events": () => {
    const target = new EventTarget();
    const order = [];
    const listener = { handleEvent: (event) => order.push(`object ${event.type} ${event.target === target}`) };
    target.addEventListener("ping", () => order.push("once"), { once: true });
    target.addEventListener("ping", listener);
    target.addEventListener("ping", listener);
    target.addEventListener("ping", (event) => event.preventDefault());
    const first = target.dispatchEvent(new Event("ping", { cancelable: true }));
    target.removeEventListener("ping", listener);
    const second = target.dispatchEvent(new Event("ping"));
    return Response.json({ order, first, second });
  },
  "/wait-until": (request, { ctx }) => {
    ctx.waitUntil(sleep(10).then(() => (afterwards = "done")));
    return "answered";
  },
  "/wait-until-result": () => afterwards,
  "/wait-until-reject": (request, { ctx }) => {
    ctx.waitUntil(sleep(1).then(() => Promise.reject(new Error("rejected after the answer"))));
    ctx.waitUntil(sleep(5).then(() => (failedAfterwards = "done")));
    return "answered";
  },
  "/wait-until-reject-result": () => failedAfterwards,
  "/context": (request, { ctx }) => `${typeof ctx.waitUntil} ${typeof ctx.passThroughOnException}`,
  "/performance": () => `${typeof performance.now()} ${performance.now() >= 0} ${typeof Date.now()}`,
  "/structured-clone": () => {
    const value = { date: new Date(0), map: new Map([[1, new Set([2])]]), bytes: new Uint8Array([3]) };
    value.self = value;
    const copy = structuredClone(value);
    return `${copy !== value} ${copy.self === copy} ${copy.date.getTime()} ${copy.map.get(1).has(2)} ${copy.bytes[0]}`;
  },
  "/globals": () =>
    Response.json(
      ["globalThis", "self", "console", "URL", "require", "window", "document", "Deno", "Bun", "module", "exports", "__filename"].map(
        (name) => `${name} ${typeof globalThis[name]}`,
      ),
    ),
  // Not its length: 1 by Web IDL, 0 in workerd.
  "/globals-fetch": () => typeof fetch,
  "/globals-node": () => `${typeof process} ${typeof Buffer}`,
  "/console": () => {
    for (const level of ["log", "info", "warn", "error", "debug"]) console[level]("from a handler: %s %d %o", level, 42, { a: [1, 2] });
    return "logged";
  },
};
