// The other side, for Node: `node node.js make` prints tokens and keys, `node node.js check` verifies those of its standard input.

import { readFileSync } from "node:fs";
import { check, make } from "./interop.js";

const [, , command] = process.argv;
console.log(command === "make" ? JSON.stringify(await make()) : await check(JSON.parse(readFileSync(0, "utf8"))));
