// Timers and microtasks; the clock is the test's own.

test("timers fire by their time, equal ones in order", async () => {
  const seen = [];
  setTimeout(() => seen.push("late"), 20);
  setTimeout((...args) => seen.push(...args), 10, "a", "b");
  setTimeout(() => seen.push("c"), 10);
  clearTimeout(setTimeout(() => seen.push("never"), 5));
  queueMicrotask(() => seen.push("micro"));
  await scheduler.wait(30);
  assert.same(seen, ["micro", "a", "b", "c", "late"]);
});

test("intervals repeat until cleared", async () => {
  let count = 0;
  const before = performance.now();
  await new Promise((resolve) => {
    const id = setInterval(() => {
      count += 1;
      if (count === 3) {
        clearInterval(id);
        resolve();
      }
    }, 10);
  });
  await scheduler.wait(50);
  assert.is(count, 3);
  assert.is(performance.now() - before, 80);
});

test("what cannot be", () => {
  assert.throws(() => setTimeout(Symbol()), TypeError);
  assert.throws(() => setTimeout(), TypeError);
  clearTimeout();
  clearTimeout(12345);
  clearTimeout("x");
});

test("nested timers wait at least four milliseconds", async () => {
  const times = [];
  await new Promise((resolve) => {
    const step = () => {
      times.push(performance.now());
      if (times.length < 9) setTimeout(step, 0);
      else resolve();
    };
    setTimeout(step, 0);
  });
  const waits = times.slice(1).map((time, index) => time - times[index]);
  assert.same(waits, [0, 0, 0, 0, 0, 4, 4, 4]);
});

test("a callback that throws is reported, and the next runs", async () => {
  printed();
  setTimeout(() => {
    throw new Error("on purpose");
  }, 1);
  await scheduler.wait(2);
  assert(printed().startsWith("Error Uncaught Error: on purpose"));
});

test("scheduler.wait can be aborted", async () => {
  const controller = new AbortController();
  const waiting = scheduler.wait(1000, { signal: controller.signal });
  controller.abort();
  await assert.rejects(waiting, "AbortError");
  await assert.rejects(scheduler.wait(1, { signal: AbortSignal.abort() }), "AbortError");
});

test("a handler that is no function is a script", async () => {
  globalThis.seen = [];
  setTimeout("var handled = 1; seen[seen.length] = this === globalThis && handled", 1, "ignored");
  setTimeout({ toString: () => (seen[seen.length] = "converted", "seen[seen.length] = 'run'") }, 1);
  printed();
  setTimeout("throw new Error('in text')", 1);
  setTimeout("}", 1);
  assert.same(seen, ["converted"]);
  await scheduler.wait(2);
  assert.same(seen, ["converted", 1, "run"]);
  const text = printed();
  assert(text.includes("Uncaught Error: in text") && text.includes("Uncaught SyntaxError"), text);
});
