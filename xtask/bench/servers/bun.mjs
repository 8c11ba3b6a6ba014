// One application under Bun.
import app from "../../apps/NAME/index.mjs";

Bun.serve({ hostname: "127.0.0.1", port: Number(process.argv[2]), development: false, fetch: app.fetch });
