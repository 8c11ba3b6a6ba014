// EventSource as far as it needs no network: the constructor, and an application that has none.

test("the constructor", () => {
  assert.throws(() => new EventSource(), TypeError);
  assert.throws(() => EventSource("http://a.test/"), TypeError);
  assert.throws(() => new EventSource("no URL"), "SyntaxError");
  assert.throws(() => new EventSource("http://a.test/", 1), TypeError);
  assert.same([EventSource.CONNECTING, EventSource.OPEN, EventSource.CLOSED], [0, 1, 2]);
  assert.is(EventSource.length, 1);
  const source = new EventSource("http://A.test/b", { withCredentials: 1 });
  assert.same([source.url, source.withCredentials, source.readyState], ["http://a.test/b", true, 0]);
  assert.same([source.onopen, source.onmessage, source.onerror], [null, null, null]);
  source.close();
  assert.is(source.readyState, 2);
  source.close();
});

test("without a network it fails for good", async () => {
  const source = new EventSource("http://a.test/");
  const event = await new Promise((resolve) => source.onerror = resolve);
  assert.same([event.type, event.isTrusted, source.readyState], ["error", true, 2]);
});
