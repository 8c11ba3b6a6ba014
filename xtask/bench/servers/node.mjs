// One handler under Node, in Node's own way of writing it.
import { createServer } from "node:http";
import handler from "./handler.mjs";

createServer(handler).listen(Number(process.argv[2]), "127.0.0.1");
