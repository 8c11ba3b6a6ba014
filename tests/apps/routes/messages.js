// Request, Response and Headers.

function attempt(action) {
  try {
    return String(action());
  } catch (error) {
    return error.name;
  }
}

export const messages = {
  "/method": (request) => request.method,
  "/request": (request) =>
    Response.json({
      method: request.method,
      url: request.url,
      redirect: request.redirect,
      bodyUsed: request.bodyUsed,
      hasBody: request.body !== null,
      signal: request.signal instanceof AbortSignal,
      instance: request instanceof Request,
      tag: Object.prototype.toString.call(request),
    }),
  "/headers": (request) => {
    const seen = [...request.headers].filter(([name]) => name.startsWith("x-") || name === "accept");
    return Response.json({
      seen,
      one: request.headers.get("X-One"),
      missing: request.headers.get("x-missing"),
      has: request.headers.has("x-ONE"),
      cookie: request.headers.get("cookie"),
      host: request.headers.get("host"),
    });
  },
  "/request-headers-immutable": (request) => attempt(() => request.headers.set("x-new", "1")),
  "/headers-class": () => {
    const headers = new Headers([
      ["b", "2"],
      ["A", "1"],
      ["b", " 3 "],
      ["set-cookie", "a=1"],
      ["Set-Cookie", "b=2"],
    ]);
    headers.append("c", "");
    headers.delete("nothing");
    return Response.json({
      all: [...headers],
      keys: [...headers.keys()],
      values: [...headers.values()],
      cookies: headers.getSetCookie(),
      b: headers.get("B"),
      copy: [...new Headers(headers)].length,
      badName: attempt(() => headers.set("bad name", "1")),
      badValue: attempt(() => headers.set("ok", "line\nbreak")),
      record: [...new Headers({ z: "1", y: "2" })],
      each: (() => {
        const seen = [];
        headers.forEach((value, name, self) => seen.push(name + value + (self === headers)));
        return seen;
      })(),
    });
  },
  "/status": (request, { url }) =>
    new Response(`status ${url.searchParams.get("code")}`, {
      status: Number(url.searchParams.get("code")),
      statusText: url.searchParams.get("text") ?? "",
    }),
  "/no-content": () => new Response(null, { status: 204, headers: { "x-empty": "yes" } }),
  "/not-modified": () => new Response(null, { status: 304, headers: { etag: '"tag"' } }),
  "/null-body": () => new Response(null),
  "/undefined-body": () => new Response(),
  "/empty-body": () => new Response(""),
  "/status-range": () => [199, 600, 1000, 200.9, "204"].map((status) => attempt(() => new Response(null, { status }).status)).join(),
  "/null-body-status": () => [204, 304].map((status) => attempt(() => new Response("x", { status }))).join(),
  "/cookies": () => {
    const response = new Response("cookies");
    response.headers.append("Set-Cookie", "a=1; Path=/; HttpOnly");
    response.headers.append("Set-Cookie", "b=2; Expires=Wed, 21 Oct 2065 07:28:00 GMT");
    return response;
  },
  "/response-headers": () => {
    const response = new Response("headers", { headers: { "X-Custom": "one", "Cache-Control": "no-store" } });
    response.headers.append("x-custom", "two");
    response.headers.set("Content-Type", "text/custom");
    return response;
  },
  "/json": () => Response.json({ ok: true, list: [1, "two", null], nested: { "ü": "ö" } }, { status: 201, headers: { "x-json": "1" } }),
  "/json-type": () => Response.json([], { headers: { "content-type": "application/problem+json" } }),
  "/json-undefined": () => attempt(() => Response.json(undefined)),
  "/redirect": () => Response.redirect("http://example.com/elsewhere?a=b", 307),
  "/redirect-default": () => Response.redirect("http://example.com/"),
  "/redirect-range": () => attempt(() => Response.redirect("http://example.com/", 200)),
  "/error-response": () => {
    const response = Response.error();
    return `${response.type} ${response.status}`;
  },
  "/body-types": async () => {
    const show = async (body) => {
      const response = new Response(body);
      return [response.headers.get("content-type"), await response.text()];
    };
    return Response.json([
      await show("text"),
      await show(new URLSearchParams({ a: "1 2", b: "ü" })),
      await show(new TextEncoder().encode("bytes")),
      await show(new TextEncoder().encode("buffer").buffer),
      await show(new Uint8Array([0x5b, 0x61, 0x62, 0x5d]).subarray(1, 3)),
      await show(12),
    ]);
  },
  "/body-used": async () => {
    const response = new Response("once");
    const before = response.bodyUsed;
    await response.text();
    const failed = await response.text().catch((error) => error.name);
    return new Response(`${before} ${response.bodyUsed} ${failed}`);
  },
  "/clone": async () => {
    const response = new Response("cloned", { status: 202, headers: { a: "b" } });
    const copy = response.clone();
    return new Response(`${await response.text()} ${await copy.text()} ${copy.status} ${copy.headers.get("a")}`);
  },
  "/request-class": async () => {
    const request = new Request("http://example.com/a/../b?c#d", { method: "post", body: "text", headers: { "X-A": "1" } });
    const copy = new Request(request, { headers: { "x-b": "2" } });
    return Response.json({
      method: request.method,
      url: request.url,
      type: copy.headers.get("content-type"),
      a: copy.headers.get("x-a"),
      b: copy.headers.get("x-b"),
      text: await copy.text(),
      used: request.bodyUsed,
      bad: attempt(() => new Request("relative/url")),
      method2: attempt(() => new Request("http://example.com/", { method: "bad method" })),
      get: attempt(() => new Request("http://example.com/", { method: "GET", body: "x" })),
    });
  },
  "/post": async (request) => {
    const text = await request.text();
    return new Response(`${request.method} ${text.length} ${request.headers.get("content-type")} ${text}`);
  },
  "/form": async (request) => new Response(new URLSearchParams([...new URLSearchParams(await request.text())].reverse()).toString()),
  "/form-data": async (request) => {
    const form = await request.formData();
    return Response.json([...form].map(([name, value]) => [name, typeof value === "string" ? value : `${value.name} ${value.type} ${value.size}`]));
  },
  "/blob": async () => {
    const blob = new Blob(["one", new Uint8Array([32]), "two"], { type: "Text/X-Blob" });
    return new Response(blob);
  },
  "/binary": () => new Response(Uint8Array.from({ length: 256 }, (_, index) => index), { headers: { "content-type": "application/octet-stream" } }),
  "/large": () => new Response("0123456789".repeat(200_000)),
};
