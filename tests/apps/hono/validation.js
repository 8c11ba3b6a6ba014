// Input that is checked before a handler sees it: by hand and with zod.

import { zValidator } from "@hono/zod-validator";
import { Hono } from "hono";
import { validator } from "hono/validator";
import { z } from "zod";

export const validation = new Hono();

validation.get(
  "/query",
  validator("query", (value, c) => {
    const page = Number(value.page ?? 1);
    if (!Number.isInteger(page)) return c.json({ error: "page" }, 400);
    return { page };
  }),
  (c) => c.json(c.req.valid("query")),
);
validation.post(
  "/json",
  validator("json", (value, c) => (typeof value.name === "string" ? { name: value.name } : c.text("name?", 422))),
  (c) => c.text(`hello ${c.req.valid("json").name}`),
);
validation.get(
  "/header",
  validator("header", (value, c) => (value["x-key"] === "secret" ? value : c.text("key?", 401))),
  (c) => c.text("key accepted"),
);
validation.post(
  "/form",
  validator("form", (value) => value),
  (c) => c.json(c.req.valid("form")),
);

const person = z.object({
  name: z.string().min(2).max(20),
  age: z.number().int().nonnegative(),
  email: z.email().optional(),
  tags: z.array(z.enum(["a", "b"])).default([]),
  born: z.iso.date().optional(),
});
validation.post(
  "/zod",
  zValidator("json", person, (result, c) => {
    if (!result.success) return c.json(result.error.issues.map(({ code, path, message }) => ({ code, path, message })), 400);
  }),
  (c) => c.json(c.req.valid("json")),
);
validation.get("/zod/:id", zValidator("param", z.object({ id: z.coerce.number().positive() })), zValidator("query", z.object({ q: z.string().transform((text) => text.toUpperCase()) })), (c) =>
  c.json({ ...c.req.valid("param"), ...c.req.valid("query") }),
);
