// Randomness.

test("getRandomValues", () => {
  const values = crypto.getRandomValues(new Uint32Array(16));
  assert(values.some((value) => value !== 0));
  const view = new Uint8Array(8).subarray(2, 4);
  crypto.getRandomValues(view);
  assert.same([...new Uint8Array(view.buffer)].filter((_, at) => at < 2 || at > 3), [0, 0, 0, 0, 0, 0]);
  assert.is(crypto.getRandomValues(new Uint8Array(0)).length, 0);
  assert.is(crypto.getRandomValues(new Uint8Array(65_536)).length, 65_536);
  assert.throws(() => crypto.getRandomValues(new Uint8Array(65_537)), "QuotaExceededError");
  assert.throws(() => crypto.getRandomValues(new Float64Array(1)), "TypeMismatchError");
});

test("randomUUID", () => {
  const uuid = crypto.randomUUID();
  assert(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/.test(uuid), uuid);
  assert(uuid !== crypto.randomUUID());
});
