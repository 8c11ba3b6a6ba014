// An itty-router application with its package straight from npm.

import { AutoRouter, cors, error, html, IttyRouter, json, Router, status, StatusError, text, withContent, withCookies, withParams } from "itty-router";

const { preflight, corsify } = cors({ origin: "https://a.example", credentials: true, allowMethods: ["GET", "POST"], maxAge: 60 });

const items = IttyRouter({ base: "/items" });
items
  .get("/", () => json([{ id: 1 }, { id: 2 }]))
  .get("/:id", withParams, ({ id }) => json({ id }))
  .post("/", withContent, ({ content }) => json({ got: content }, { status: 201 }))
  .all("*", () => error(404, "no such item route"));

const plain = Router({ base: "/plain", catch: error, finally: [json] });
plain
  .get("/object", () => ({ made: "json by the last step" }))
  .get("/throw", () => {
    throw new StatusError(418, { reason: "a teapot" });
  })
  .get("/type-error", () => null.property)
  .all("*", () => error(404));

const router = AutoRouter({ before: [preflight] });
router
  .get("/", () => "Hello itty!")
  .get("/text", () => text("as text", { headers: { "x-text": "1" } }))
  .get("/shared", (request) => corsify(json({ shared: true }), request))
  .get("/html", () => html("<p>as html</p>"))
  .get("/status", () => status(204))
  .get("/params/:first/:second?", ({ params }) => params)
  .get("/rest/:path+", ({ params }) => params.path)
  .get("/files/:name.:extension", ({ name, extension }) => `${name} (${extension})`)
  .get("/query", ({ query }) => ({ ...query }))
  .get("/cookies", withCookies, ({ cookies }) => ({ ...cookies }))
  .post("/content", withContent, ({ content }) => ({ content }))
  .get("/route", (request) => request.route)
  .get("/later", async () => {
    await new Promise((resolve) => setTimeout(resolve, 2));
    return { later: true };
  })
  .get("/throw", () => {
    throw new StatusError(402, "not paid");
  })
  .get("/error", () => {
    throw new Error("an error of the handler");
  })
  .get("/response", () => new Response("own response", { status: 203 }))
  .get("/env", (request, env, ctx) => ({ stage: env.STAGE, ctx: typeof ctx.waitUntil }))
  .all("/items/*", items.fetch)
  .all("/plain/*", plain.fetch);

export default { ...router };
