// jose over HTTP: /make gives tokens and their keys, /check verifies those in the request's body, /round-trip does both.

import { check, make } from "./interop.js";

export default {
  async fetch(request) {
    switch (new URL(request.url).pathname) {
      case "/make": return Response.json(await make());
      case "/check": return new Response(await check(await request.json()));
      case "/round-trip": return new Response(await check(await make()));
      default: return new Response("not found", { status: 404 });
    }
  },
};
