// Bodies both ways, and what a context can answer with.

import { Hono } from "hono";

export const bodies = new Hono();

bodies.post("/text", async (c) => c.text(await c.req.text()));
bodies.post("/json", async (c) => c.json({ got: await c.req.json() }));
bodies.post("/buffer", async (c) => c.body(new Uint8Array(await c.req.arrayBuffer()).reverse()));
bodies.post("/form", async (c) => c.json(await c.req.parseBody({ all: true })));
bodies.post("/both", async (c) => c.json([await c.req.text(), await c.req.json()]));
bodies.get("/json", (c) => c.json({ list: [1, 2, 3], text: "ünï" }, 201, { "x-extra": "1" }));
bodies.get("/body", (c) => {
  c.status(203);
  c.header("x-one", "1");
  c.header("x-one", "2", { append: true });
  c.header("content-type", "application/x-custom");
  return c.body("own type");
});
bodies.get("/null", (c) => c.body(null, 204));
bodies.get("/redirect", (c) => c.redirect("/bodies/target"));
bodies.get("/redirect-permanent", (c) => c.redirect("https://elsewhere.example/ü", 301));
bodies.get("/new", (c) => c.newResponse("made", 202, { "x-made": "yes" }));
bodies.get("/raw", () => new Response("raw", { headers: { "x-raw": "1" } }));
bodies.get("/vary", (c) => {
  c.header("Vary", "Accept", { append: true });
  c.header("Vary", "Origin", { append: true });
  return c.text("varies");
});
bodies.get("/headers", (c) => c.json({ one: c.req.header("X-One") ?? null, names: Object.keys(c.req.header()).filter((name) => name.startsWith("x-")) }));
