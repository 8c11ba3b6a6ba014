// The platform without packages: every file below holds routes of one subject.

import { encoding } from "./encoding.js";
import { errors } from "./errors.js";
import { messages } from "./messages.js";
import { streams } from "./streams.js";
import { timers } from "./timers.js";
import { urls } from "./urls.js";

const routes = { ...encoding, ...errors, ...messages, ...streams, ...timers, ...urls };

export default {
  // Synchronous where the route is: a handler need not be async.
  fetch(request, env, ctx) {
    const url = new URL(request.url);
    const route = routes[url.pathname];
    if (!route) return new Response(`no route ${url.pathname}`, { status: 404 });
    const answer = route(request, { env, ctx, url });
    if (typeof answer === "string") return new Response(answer);
    return answer;
  },
};
