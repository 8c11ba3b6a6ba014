// The Cache API, on a store of this isolate's own.

const url = "https://example.com/";

test("put, match and delete", async () => {
  const cache = caches.default;
  assert.is(cache, caches.default);
  assert.is(await cache.match(url), undefined);
  assert.is(await cache.put(url, new Response("one", { status: 201, statusText: "made", headers: { "x-a": "1" } })), undefined);
  const hit = await cache.match(new Request(`${url}#fragment`));
  assert.same([hit.status, hit.statusText, hit.headers.get("x-a"), hit.headers.get("age"), await hit.text()], [201, "made", "1", "0", "one"]);
  assert.throws(() => hit.headers.set("a", "b"), TypeError);
  assert.is(await (await caches.open("default")).match(url), undefined);
  assert.is(await cache.match(new Request(url, { method: "HEAD" })), undefined);
  assert.is((await cache.match(new Request(url, { method: "HEAD" }), { ignoreMethod: true })).status, 201);
  assert.is(await cache.delete(new Request(url, { method: "POST" })), false);
  assert.is(await cache.delete(url), true);
  assert.is(await cache.delete(url), false);
});

test("bodies of every kind", async () => {
  const cache = await caches.open("bodies");
  const large = new Uint8Array(200_000).map((_, index) => index * 7);
  for (const body of [null, "", "text", bytes(1, 2), new Blob(["a", "b"]), streamOf(bytes(1), bytes(2)), new URLSearchParams("a=b"), large]) {
    const response = new Response(body);
    const expected = new Uint8Array(await response.clone().arrayBuffer());
    await cache.put(url, response);
    assert(response.bodyUsed === (body !== null));
    for (let times = 0; times < 2; times++) {
      const found = new Uint8Array(await (await cache.match(url)).arrayBuffer());
      assert.is(found.length, expected.length);
      assert(found.every((byte, index) => byte === expected[index]));
    }
  }
  const [chunk] = await collect((await cache.match(url)).body);
  assert(chunk.length <= 65536);
  const part = await cache.match(new Request(url, { headers: { range: "bytes=100000-199998" } }));
  assert.same([part.status, part.headers.get("content-range"), (await part.arrayBuffer()).byteLength], [206, "bytes 100000-199998/200000", 99999]);
});

test("what is not stored", async () => {
  const cache = caches.default;
  await assert.rejects(cache.put(new Request(url, { method: "POST" }), new Response()), TypeError);
  await assert.rejects(cache.put(url, new Response("", { status: 206 })), TypeError);
  await assert.rejects(cache.put(url, new Response("", { headers: { vary: "a, *" } })), TypeError);
  await assert.rejects(cache.put("data:,", new Response()), TypeError);
  await assert.rejects(cache.put(url, {}), TypeError);
  await assert.rejects(cache.put(url), TypeError);
  await assert.rejects(cache.match(), TypeError);
  const used = new Response("a");
  await used.text();
  await assert.rejects(cache.put(url, used), TypeError);
  const failing = new ReadableStream({ pull(controller) { controller.error(new SyntaxError("on purpose")); } });
  await assert.rejects(cache.put(url, new Response(failing)), SyntaxError);
  for (const headers of [{ "cache-control": "no-store" }, { "set-cookie": "a=b" }, { "cache-control": "max-age=0" }]) {
    await cache.put(url, new Response("x", { headers }));
    assert.is(await cache.match(url), undefined);
  }
});

test("variants and conditions", async () => {
  const cache = caches.default;
  const german = new Request(url, { headers: { "accept-language": "de" } });
  await cache.put(german, new Response("de", { headers: { vary: "Accept-Language", etag: '"1"' } }));
  assert.is(await cache.match(url), undefined);
  assert.is(await (await cache.match(german)).text(), "de");
  const again = new Request(german, { headers: { "accept-language": "de", "if-none-match": '"1"' } });
  const unchanged = await cache.match(again);
  assert.same([unchanged.status, unchanged.body], [304, null]);
});

test("keys, matchAll and what they leave out", async () => {
  const cache = await caches.open("lists");
  const german = new Request(`${url}a?1`, { headers: { "accept-language": "de", "x-other": "1" } });
  await cache.put(german, new Response("de", { headers: { vary: "Accept-Language" } }));
  await cache.put(`${url}a?1`, new Response("none", { headers: { vary: "Accept-Language" } }));
  await cache.put(`${url}b`, new Response("b"));
  const keys = await cache.keys();
  assert.same(keys.map((key) => [key.method, key.url, ...key.headers]), [
    ["GET", `${url}a?1`, ["accept-language", "de"]], ["GET", `${url}a?1`], ["GET", `${url}b`],
  ]);
  const texts = async (...args) => Promise.all((await cache.matchAll(...args)).map((response) => response.text()));
  assert.same(await texts(), ["de", "none", "b"]);
  assert.same(await texts(german), ["de"]);
  assert.same(await texts(`${url}a`), []);
  assert.same(await texts(`${url}a?2`, { ignoreSearch: true }), ["none"]);
  assert.same(await texts(`${url}a?2`, { ignoreSearch: true, ignoreVary: true }), ["de", "none"]);
  assert.is((await cache.keys(new Request(`${url}b`, { method: "HEAD" }))).length, 0);
  assert.is((await cache.keys(new Request(`${url}b`, { method: "HEAD" }), { ignoreMethod: true })).length, 1);
  assert.is(await (await cache.match(`${url}a`, { ignoreSearch: true, ignoreVary: true })).text(), "de");
  assert.is(await cache.delete(`${url}a`, { ignoreSearch: true, ignoreVary: true }), true);
  assert.same(await texts(), ["b"]);
});

test("the storage knows the caches that hold something", async () => {
  await caches.default.put(`${url}storage`, new Response("default"));
  const cache = await caches.open("storage");
  assert.is(await caches.has("storage"), false);
  await cache.put(`${url}storage`, new Response("named"));
  assert.is(await caches.has("storage"), true);
  assert((await caches.keys()).includes("storage"));
  assert.is(await (await caches.match(`${url}storage`)).text(), "named");
  assert.is(await (await caches.match(`${url}storage`, { cacheName: "storage" })).text(), "named");
  assert.is(await caches.match(`${url}storage`, { cacheName: "other" }), undefined);
  assert.same([await caches.delete("storage"), await caches.delete("storage"), await caches.has("storage")], [true, false, false]);
  assert.is(await (await caches.default.match(`${url}storage`)).text(), "default");
});

test("add fetches, and refuses what may not be stored", async () => {
  const cache = caches.default;
  // There is no network in these tests: what goes over it is tested with the binary.
  await assert.rejects(cache.add("data:,text"), TypeError);
  await assert.rejects(cache.add(new Request(url, { method: "POST" })), TypeError);
  await assert.rejects(cache.addAll([url, "data:,text"]), TypeError);
  await assert.rejects(cache.addAll(5), TypeError);
  assert.is(await cache.addAll([]), undefined);
});

test("interfaces", () => {
  assert.throws(() => new Cache(), TypeError);
  assert.throws(() => new CacheStorage(), TypeError);
  assert(caches instanceof CacheStorage && caches.default instanceof Cache);
});
