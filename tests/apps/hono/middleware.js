// Middleware that needs nothing but the platform of a request and a response.

import { Hono } from "hono";
import { accepts } from "hono/accepts";
import { bodyLimit } from "hono/body-limit";
import { every, except, some } from "hono/combine";
import { cors } from "hono/cors";
import { deleteCookie, getCookie, setCookie } from "hono/cookie";
import { csrf } from "hono/csrf";
import { etag } from "hono/etag";
import { createMiddleware } from "hono/factory";
import { html, raw } from "hono/html";
import { methodOverride } from "hono/method-override";
import { poweredBy } from "hono/powered-by";
import { prettyJSON } from "hono/pretty-json";
import { secureHeaders } from "hono/secure-headers";
import { timeout } from "hono/timeout";
import { endTime, setMetric, startTime, timing } from "hono/timing";
import { trimTrailingSlash } from "hono/trailing-slash";

export const middleware = new Hono();

middleware.use("/cors/*", cors({ origin: ["https://a.example", "https://b.example"], allowMethods: ["GET", "PUT"], allowHeaders: ["X-Custom"], exposeHeaders: ["X-Seen"], maxAge: 600, credentials: true }));
middleware.get("/cors/data", (c) => c.text("shared"));

// A digest of its own, so that the entity tag needs no WebCrypto.
function fnv(bytes) {
  let hash = 0x811c9dc5;
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193);
  return new Uint32Array([hash]).buffer;
}
middleware.use("/etag/*", etag({ generateDigest: fnv }));
middleware.get("/etag/page", (c) => c.text("a page that does not change"));

middleware.use("/secure/*", secureHeaders({ contentSecurityPolicy: { defaultSrc: ["'self'"], imgSrc: ["'self'", "https://img.example"] } }));
middleware.get("/secure/page", (c) => c.text("with secure headers"));

middleware.use("/timing/*", timing({ total: false }));
middleware.get("/timing/page", (c) => {
  setMetric(c, "cache", "hit");
  setMetric(c, "db", 12.5, "database");
  startTime(c, "span");
  endTime(c, "span");
  return c.text("timed");
});

middleware.use("/powered/*", poweredBy());
middleware.get("/powered/by", (c) => c.text("powered"));

middleware.use("/pretty", prettyJSON());
middleware.get("/pretty", (c) => c.json({ a: { b: [1, 2] } }));

middleware.use("/limit", bodyLimit({ maxSize: 16, onError: (c) => c.text("too large", 413) }));
middleware.post("/limit", async (c) => c.text(`${(await c.req.text()).length} bytes`));

middleware.use("/timeout/*", timeout(20));
middleware.get("/timeout/quick", (c) => c.text("in time"));
middleware.get("/timeout/never", async (c) => {
  await new Promise((resolve) => setTimeout(resolve, 10_000));
  return c.text("too late");
});

middleware.use("/csrf/*", csrf());
middleware.post("/csrf/form", (c) => c.text("accepted"));

const trail = createMiddleware(async (c, next) => {
  c.set("trail", [...(c.get("trail") ?? []), "in"]);
  await next();
  c.header("x-trail", [...c.get("trail"), "out"].join());
});
middleware.use("/order/*", trail, async (c, next) => {
  c.set("trail", [...c.get("trail"), "second"]);
  await next();
  c.res.headers.append("x-after", `${c.res.status}`);
});
middleware.get("/order/page", (c) => {
  c.set("trail", [...c.get("trail"), "handler"]);
  return c.text("ordered", 202);
});
middleware.use("/early/*", async (c) => c.text("answered by the middleware", 403));
middleware.get("/early/page", (c) => c.text("never reached"));

const flag = (name) => async (c, next) => (c.req.query(name) === undefined ? c.text(`without ${name}`, 401) : next());
middleware.use("/some", some(flag("a"), flag("b")));
middleware.get("/some", (c) => c.text("one of them"));
middleware.use("/every", every(flag("a"), flag("b")));
middleware.get("/every", (c) => c.text("both"));
middleware.use("/except/*", except("/middleware/except/open", flag("a")));
middleware.get("/except/open", (c) => c.text("open"));
middleware.get("/except/closed", (c) => c.text("closed"));

middleware.get("/cookies/set", (c) => {
  setCookie(c, "plain", "value");
  setCookie(c, "full", "a b;c", { path: "/x", domain: "example.com", maxAge: 1000, httpOnly: true, secure: true, sameSite: "Strict", expires: new Date(Date.UTC(2020, 0, 1)) });
  setCookie(c, "host", "only", { prefix: "host" });
  return c.text("set");
});
middleware.get("/cookies/get", (c) => c.json({ one: getCookie(c, "one") ?? null, all: getCookie(c), secure: getCookie(c, "s", "secure") ?? null }));
middleware.get("/cookies/delete", (c) => {
  const before = deleteCookie(c, "gone");
  return c.text(`deleted ${before}`);
});

middleware.get("/accepts", (c) => c.text(accepts(c, { header: "Accept-Language", supports: ["en", "ja", "de"], default: "en" })));
middleware.get("/html", (c) => c.html(html`<!doctype html><p>${"<escaped> & 'quoted'"}</p>${raw("<hr>")}${[1, 2].map((n) => html`<li>${n}</li>`)}`));
middleware.get("/trim", (c) => c.text("no slash"));
middleware.use("*", trimTrailingSlash());

const override = new Hono();
override.use("/*", methodOverride({ app: override, header: "x-http-method" }));
override.post("/", (c) => c.text("posted"));
override.delete("/", (c) => c.text("deleted by override"));
middleware.post("/override", (c) => override.fetch(new Request("http://inside.example/", c.req.raw)));
