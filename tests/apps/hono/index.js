// A Hono application with its packages straight from npm.

import { Hono } from "hono";
import { HTTPException } from "hono/http-exception";
import { auth } from "./auth.js";
import { bodies } from "./bodies.js";
import { middleware } from "./middleware.js";
import { routing } from "./routing.js";
import { streaming } from "./streaming.js";
import { validation } from "./validation.js";

const app = new Hono();

app.get("/", (c) => c.text("Hello Hono!"));
app.route("/routing", routing);
app.route("/middleware", middleware);
app.route("/streaming", streaming);
app.route("/validation", validation);
app.route("/bodies", bodies);
// What needs WebCrypto is mounted where the runtime has it.
if (globalThis.crypto?.subtle) app.route("/auth", auth());

app.get("/errors/throw", () => {
  throw new Error("thrown in a handler");
});
app.get("/errors/http", () => {
  throw new HTTPException(402, { message: "payment required" });
});
app.get("/errors/response", () => {
  throw new HTTPException(409, { res: new Response("a response of its own", { status: 409, headers: { "x-conflict": "yes" } }) });
});
app.get("/errors/async", async () => {
  await new Promise((resolve) => setTimeout(resolve, 1));
  throw new TypeError("thrown later");
});

// The application asks itself.
app.get("/request", async (c) => {
  const answer = await app.request("/routing/users/7", { headers: { "x-from": "inside" } });
  const missing = await app.request("http://elsewhere.example/none");
  return c.json({ status: answer.status, body: await answer.json(), missing: missing.status });
});

app.get("/context", (c) => {
  c.executionCtx.waitUntil(Promise.resolve());
  return c.json({ env: c.env.STAGE ?? null, path: c.req.path, url: c.req.url });
});

app.onError((error, c) => {
  if (error instanceof HTTPException) return error.getResponse();
  return c.json({ error: error.message, name: error.name }, 500);
});
app.notFound((c) => c.text(`nothing at ${c.req.path}`, 404));

export default app;
