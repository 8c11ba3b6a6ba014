// Paths: parameters, optional ones, wildcards, regular expressions, methods, groups.

import { Hono } from "hono";

export const routing = new Hono();

routing.get("/users/:id", (c) => c.json({ id: c.req.param("id"), from: c.req.header("x-from") ?? null }));
routing.get("/users/:id/posts/:post", (c) => c.json(c.req.param()));
routing.get("/optional/:name?", (c) => c.text(`name ${c.req.param("name")}`));
routing.get("/digits/:number{[0-9]+}", (c) => c.text(`number ${c.req.param("number")}`));
routing.get("/files/:path{.+\\.(?:png|jpg)}", (c) => c.text(`picture ${c.req.param("path")}`));
routing.get("/wild/*", (c) => c.text(`wild ${c.req.path}`));
routing.get("/wild/*/middle", (c) => c.text("never: the wildcard above answers first"));
routing.all("/all", (c) => c.text(`all by ${c.req.method}`));
routing.on(["PUT", "DELETE"], "/on", (c) => c.text(`on by ${c.req.method}`));
routing.on("PURGE", "/purge", (c) => c.text("own method"));
routing
  .get("/chain", (c) => c.text("chain GET"))
  .post((c) => c.text("chain POST"))
  .patch((c) => c.text("chain PATCH"));
routing.get("/query", (c) => c.json({ one: c.req.query("q"), all: c.req.queries("q"), every: c.req.query() }));
routing.get("/decoded/:text", (c) => c.text(c.req.param("text")));

const inner = new Hono().basePath("/inner");
inner.get("/", (c) => c.text("inner root"));
inner.get("/:x", (c) => c.text(`inner ${c.req.param("x")}`));
routing.route("/outer", inner);

routing.mount("/mounted", (request, tag) => new Response(`mounted ${new URL(request.url).pathname} ${typeof tag}`));
