import { getRequestListener } from "@hono/node-server";
import app from "../../apps/hono/index.mjs";

export default getRequestListener(app.fetch);
