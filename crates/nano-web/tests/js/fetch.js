// Headers, Request, Response and their bodies.

test("Headers of a record", () => {
  const seen = [];
  const init = {
    get b() {
      seen.push("b");
      return 2;
    },
    a: { toString: () => "3" },
    1: "one",
  };
  Object.defineProperty(init, "hidden", { __proto__: null, value: "no", enumerable: false });
  assert.is([...new Headers(Object.setPrototypeOf(init, { inherited: "no" }))].join("|"), "1,one|a,3|b,2");
  assert.same(seen, ["b"]);
  assert.throws(() => new Headers({ a: "1", [Symbol()]: "2" }), TypeError);
  assert.throws(() => new Headers({ a: Symbol() }), TypeError);
  const traps = [];
  const proxy = new Proxy({ x: "1", y: "2" }, {
    ownKeys: (target) => (traps.push("ownKeys"), Reflect.ownKeys(target)),
    getOwnPropertyDescriptor: (target, key) => (traps.push(`getOwnPropertyDescriptor ${key}`), { __proto__: null, ...Reflect.getOwnPropertyDescriptor(target, key) }),
    get: (target, key) => (traps.push(`get ${String(key)}`), target[key]),
  });
  assert.is([...new Headers(proxy)].join("|"), "x,1|y,2");
  assert.same(traps, [
    "get Symbol(Symbol.iterator)", "ownKeys", "getOwnPropertyDescriptor x", "get x", "getOwnPropertyDescriptor y", "get y",
  ]);
});

test("Headers", () => {
  const headers = new Headers([["B", "2"], ["a", " 1\t"], ["b", "3"], ["Set-Cookie", "x=1"], ["set-cookie", "y=2"]]);
  assert.same([...headers], [["a", "1"], ["b", "2, 3"], ["set-cookie", "x=1"], ["set-cookie", "y=2"]]);
  assert.same([headers.get("B"), headers.get("none"), headers.has("A")], ["2, 3", null, true]);
  assert.same(headers.getSetCookie(), ["x=1", "y=2"]);
  headers.set("b", "4");
  headers.delete("a");
  headers.append("c", "");
  assert.same([...headers.keys()], ["b", "c", "set-cookie", "set-cookie"]);
  assert.is(new Headers(headers).get("b"), "4");
});

for (const [name, value] of [["", "x"], ["a b", "x"], ["a:", "x"], ["ü", "x"], ["a", "x\ny"], ["a", "x\0"], ["a", "x\ry"]]) {
  test(`refused header ${JSON.stringify([name, value])}`, () => {
    assert.throws(() => new Headers([[name, value]]), TypeError);
    assert.throws(() => new Headers().append(name, value), TypeError);
    assert.throws(() => new Headers().set(name, value), TypeError);
  });
}

test("Response", async () => {
  const response = new Response("text", { status: 201, statusText: "Made", headers: { "X-A": "1" } });
  assert.same(
    [response.status, response.statusText, response.ok, response.type, response.url, response.redirected, response.bodyUsed],
    [201, "Made", true, "default", "", false, false],
  );
  assert.same([...response.headers], [["content-type", "text/plain;charset=UTF-8"], ["x-a", "1"]]);
  assert.is(await response.text(), "text");
  assert(response.bodyUsed);
  await assert.rejects(response.text(), TypeError);
  assert.throws(() => response.clone(), TypeError);
});

for (const [run, error] of [
  [() => new Response("", { status: 199 }), RangeError],
  [() => new Response("", { status: 600 }), RangeError],
  [() => new Response("x", { status: 204 }), TypeError],
  [() => new Response("", { statusText: "a\nb" }), TypeError],
  [() => Response.redirect("http://a/", 200), RangeError],
  [() => Response.redirect("no url"), TypeError],
  [() => Response.json(undefined), TypeError],
  [() => Response.error().headers.set("a", "b"), TypeError],
  [() => new Request("relative"), TypeError],
  [() => new Request("http://user@h/"), TypeError],
  [() => new Request("http://h/", { method: "bad method" }), TypeError],
  [() => new Request("http://h/", { method: "TRACE" }), TypeError],
  [() => new Request("http://h/", { body: "x" }), TypeError],
  [() => new Request("http://h/", { method: "POST", body: new ReadableStream() }), TypeError],
]) test(`refused: ${run}`, () => assert.throws(run, error));

test("Response.json and redirect", async () => {
  const json = Response.json({ a: [1] }, { status: 202 });
  assert.same([json.status, json.headers.get("content-type"), await json.json()], [202, "application/json", { a: [1] }]);
  const redirect = Response.redirect("http://h/a b");
  assert.same([redirect.status, redirect.headers.get("location")], [302, "http://h/a%20b"]);
});

for (const [name, body, type, text] of [
  ["text", () => "ü", "text/plain;charset=UTF-8", "ü"],
  ["parameters", () => new URLSearchParams({ a: "ü" }), "application/x-www-form-urlencoded;charset=UTF-8", "a=%C3%BC"],
  ["bytes", () => bytes(97, 98), null, "ab"],
  ["a buffer", () => bytes(97).buffer, null, "a"],
  ["a view", () => new DataView(bytes(97, 98).buffer, 1), null, "b"],
  ["a Blob", () => new Blob(["x"], { type: "a/b" }), "a/b", "x"],
  ["a stream", () => streamOf(bytes(97), bytes(98)), null, "ab"],
  ["a number", () => 12, "text/plain;charset=UTF-8", "12"],
  ["nothing", () => null, null, ""],
]) {
  test(`body of ${name}`, async () => {
    const response = new Response(body());
    assert.is(response.headers.get("content-type"), type);
    assert.is(await response.clone().text(), text);
    assert.is(new TextDecoder().decode(await new Response(body()).arrayBuffer()), text);
    assert.is(new TextDecoder().decode(await new Response(body()).bytes()), text);
    assert.is(await (await new Response(body()).blob()).text(), text);
    assert.is(await response.text(), text);
  });
}

test("a body is a stream of bytes", async () => {
  const response = new Response("text");
  const { body } = response;
  assert.is(body, response.body);
  const reader = body.getReader({ mode: "byob" });
  await assert.rejects(response.text(), TypeError);
  assert.is((await reader.read(new Uint8Array(2))).value.length, 2);
  assert(response.bodyUsed);
});

test("a clone of a stream of views has views of its own", async () => {
  for (const view of [new Float32Array([1.5, 2]).subarray(1), new DataView(bytes(1, 2, 3).buffer, 1, 1), new BigInt64Array(1)]) {
    const [first, second] = [new Response(streamOf(view))].flatMap((response) => [response.clone(), response]);
    const [[copy], [original]] = [await collect(first.body), await collect(second.body)];
    assert.is(copy.constructor, original.constructor);
    assert.is(copy.byteLength, view.byteLength);
    assert(copy.buffer !== original.buffer);
  }
});

test("JSON with a byte order mark, and JSON that is none", async () => {
  assert.same(await new Response("\ufeff[1]").json(), [1]);
  await assert.rejects(new Response("{").json(), SyntaxError);
});

test("bodies break where their stream breaks", async () => {
  const failing = () => new ReadableStream({ pull: (controller) => controller.error(new RangeError("on purpose")) });
  await assert.rejects(new Response(failing()).text(), RangeError);
  await assert.rejects(new Response(streamOf("no bytes")).text(), TypeError);
});

test("Request", async () => {
  const request = new Request("http://H/a/../b#f", { method: "post", body: "x", headers: { "X-A": "1" }, signal: AbortSignal.abort("why") });
  assert.same([request.method, request.url, request.headers.get("content-type"), request.signal.aborted, request.signal.reason], [
    "POST", "http://h/b#f", "text/plain;charset=UTF-8", true, "why",
  ]);
  const copy = new Request(request, { headers: { "x-b": "2" } });
  assert.same([copy.method, copy.headers.get("x-a"), copy.headers.get("x-b"), await copy.text(), request.bodyUsed], ["POST", null, "2", "x", true]);
  assert.throws(() => new Request(request), TypeError);
  assert.is(new Request("http://h/", { method: "patch" }).method, "patch");
  assert.same([request.redirect, request.mode, request.credentials, request.cache, request.destination], ["follow", "cors", "same-origin", "default", ""]);
});

test("clones follow the original's signal and have the same body", async () => {
  const controller = new AbortController();
  const request = new Request("http://h/", { method: "PUT", body: streamOf(bytes(97)), duplex: "half", signal: controller.signal });
  const copy = request.clone();
  controller.abort();
  assert(copy.signal.aborted);
  assert.same([await copy.text(), await request.text()], ["a", "a"]);
});

test("fetch() of data: and blob: URLs", async () => {
  const response = await fetch("data:text/html;charset=x,a%20b%zz#c");
  assert.same([response.status, response.statusText, response.type, response.redirected, response.headers.get("content-type")], [
    200, "OK", "basic", false, "text/html;charset=x",
  ]);
  assert.is(await response.text(), "a b%zz");
  assert.throws(() => response.headers.set("a", "b"), TypeError);
  assert.is((await (await fetch("data:;base64,/%2Bb=")).arrayBuffer()).byteLength, 2);
  assert.is((await (await fetch("data:,%ff%00")).arrayBuffer()).byteLength, 2);
  assert.same([(await fetch("data:,a", { method: "HEAD" })).body, await (await fetch("data:,a", { method: "POST" })).text()], [null, "a"]);
  for (const url of ["data:text/plain", "data:;base64,=a"]) await assert.rejects(fetch(url), TypeError);
  const url = URL.createObjectURL(new Blob(["of a blob"], { type: "a/b" }));
  const blob = await fetch(url);
  assert.same([blob.headers.get("content-type"), blob.headers.get("content-length"), await blob.text()], ["a/b", "9", "of a blob"]);
  await assert.rejects(fetch(url, { method: "POST" }), TypeError);
  URL.revokeObjectURL(url);
  await assert.rejects(fetch(url), TypeError);
});

test("fetch() with integrity", async () => {
  const right = "sha256-ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=";
  const wrong = "sha512-AAAA";
  const blob = URL.createObjectURL(new Blob(["abc"]));
  for (const url of ["data:,abc", blob]) {
    for (const integrity of ["", right, `${right} md5-x`, "md5-x"]) {
      const response = await fetch(url, { integrity });
      assert.same([response.status, response.bodyUsed, await response.text()], [200, false, "abc"]);
    }
    for (const integrity of [wrong, `${right} ${wrong}`]) {
      const error = await assert.rejects(fetch(url, { integrity }), TypeError);
      assert(error.message.includes("integrity"));
    }
    await assert.rejects(fetch(new Request(url, { integrity: wrong })), TypeError);
  }
  URL.revokeObjectURL(blob);
  // Beyond what is looked at on the spot.
  const large = new Blob(["x".repeat(3 << 20)]);
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-384", await large.arrayBuffer()));
  const integrity = `sha384-${btoa(String.fromCharCode(...digest))}`;
  const url = URL.createObjectURL(large);
  assert.is((await (await fetch(url, { integrity })).text()).length, 3 << 20);
  await assert.rejects(fetch(url, { integrity: integrity.replace(/-./, (c) => c === "-A" ? "-B" : "-A") }), TypeError);
  URL.revokeObjectURL(url);
});

test("fetch() that cannot begin", async () => {
  assert.is(fetch.length, 1);
  for (const args of [[], ["/relative"], ["ftp://h/"], ["about:blank"], ["http://h/", { method: "GET", body: "x" }]]) {
    await assert.rejects(fetch(...args), TypeError);
  }
  const error = await assert.rejects(fetch("http://h/"), TypeError);
  assert.same([error.cause.code, Object.keys(error)], ["ERR_NO_NETWORK", []]);
  await assert.rejects(fetch("http://h/", { signal: AbortSignal.abort() }), "AbortError");
  let cancelled;
  const body = new ReadableStream({ cancel: (reason) => void (cancelled = reason) });
  const signal = AbortSignal.abort(new RangeError("why"));
  await assert.rejects(fetch("http://h/", { method: "POST", body, duplex: "half", signal }), RangeError);
  assert.is(cancelled, signal.reason);
});
