// What handlers get beside the request. (Requests themselves: ../it.rs.)

test("ExecutionContext and FetchEvent are not made by tenants", () => {
  assert.throws(() => new ExecutionContext(), TypeError);
  assert.is(typeof FetchEvent, "function");
  assert.throws(() => FetchEvent.prototype.passThroughOnException(), TypeError);
  assert.throws(() => ExecutionContext.prototype.passThroughOnException(), TypeError);
  assert.throws(() => ExecutionContext.prototype.waitUntil.call({}, 1), TypeError);
});
