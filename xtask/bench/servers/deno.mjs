// One application under Deno.
import app from "../../apps/NAME/index.mjs";

Deno.serve({ hostname: "127.0.0.1", port: Number(Deno.args[0]), onListen() {} }, app.fetch);
