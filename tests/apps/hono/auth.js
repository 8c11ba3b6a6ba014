// What needs WebCrypto: tokens, signed cookies, and passwords compared by their digests.

import { Hono } from "hono";
import { basicAuth } from "hono/basic-auth";
import { bearerAuth } from "hono/bearer-auth";
import { getSignedCookie, setSignedCookie } from "hono/cookie";
import { etag } from "hono/etag";
import { jwt, sign, verify } from "hono/jwt";

const secret = "it is very secret";

export function auth() {
  const app = new Hono();

  app.use("/basic/*", basicAuth({ username: "me", password: "pass word", realm: "Test" }));
  app.get("/basic/page", (c) => c.text("basic page"));

  app.use("/bearer/*", bearerAuth({ token: ["token-one", "token-two"] }));
  app.get("/bearer/page", (c) => c.text("bearer page"));

  app.use("/jwt/*", jwt({ secret, alg: "HS256" }));
  app.get("/jwt/page", (c) => c.json(c.get("jwtPayload")));
  app.get("/sign", async (c) => c.text(await sign({ sub: "me", admin: true }, secret, c.req.query("alg") ?? "HS256")));
  app.get("/verify", async (c) => {
    try {
      return c.json(await verify(c.req.query("token"), secret, "HS256"));
    } catch (error) {
      return c.text(error.name, 401);
    }
  });

  app.get("/cookie/set", async (c) => {
    await setSignedCookie(c, "signed", "value", secret);
    return c.text("signed");
  });
  app.get("/cookie/get", async (c) => c.text(String(await getSignedCookie(c, secret, "signed"))));

  app.use("/etag/*", etag());
  app.get("/etag/page", (c) => c.text("a page that does not change"));
  return app;
}
