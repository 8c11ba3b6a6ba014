// High resolution time and user timing.

test("now goes with the clock", async () => {
  const before = performance.now();
  await scheduler.wait(7);
  assert.is(performance.now() - before, 7);
  assert.is(performance.timeOrigin, 1_700_000_000_000);
});

test("marks and measures", async () => {
  const mark = performance.mark("a", { detail: { x: 1 } });
  await scheduler.wait(5);
  performance.mark("b");
  const measure = performance.measure("m", "a", "b");
  assert.same([mark.name, mark.entryType, mark.detail.x, measure.duration], ["a", "mark", 1, 5]);
  assert.same(performance.getEntriesByType("mark").map((entry) => entry.name), ["a", "b"]);
  performance.clearMarks("a");
  assert.same(performance.getEntriesByName("a").length, 0);
  assert.throws(() => performance.measure("x", "nothing"), "SyntaxError");
  performance.clearMeasures();
  performance.clearMarks();
  assert.is(performance.getEntries().length, 0);
});
