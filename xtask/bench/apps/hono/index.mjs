import { Hono } from "hono";

const app = new Hono();
app.use("/api/*", async (c, next) => {
  await next();
  c.header("x-api", "1");
});
app.get("/", (c) => c.text("root"));
app.get("/api/users/:id", (c) => c.json({ id: c.req.param("id"), verbose: c.req.query("verbose") === "1" }));
app.post("/api/users", async (c) => c.json(await c.req.json(), 201));

export default app;
