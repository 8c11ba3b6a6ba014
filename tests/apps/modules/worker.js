// Modules of every kind, loaded in every way.

import { order } from "./lib/order.js";
import "./lib/first.js";
import "./lib/second.js";
import { isEven } from "./lib/even.js";
import * as odd from "./lib/odd.mjs";
import Counter, { increment, count as live, version as renamed } from "./lib/counter.js";
import { value as awaited } from "./lib/awaits.js";
import { deep } from "./lib/deep/index.js";
import config from "./data/config.json";
import greeting from "./data/greeting.txt";
import blob from "./data/blob.bin";
import addModule from "./data/add.wasm";
import * as again from "./lib/../lib/counter.js";
export { order };

order.push("entry");

const here = await Promise.resolve("top-level await");

async function failure(load) {
  try {
    await load();
    return "loaded";
  } catch (error) {
    return `${error instanceof Error} ${error instanceof SyntaxError}`;
  }
}

const routes = {
  "/order": () => order.join(","),
  "/cycle": () => [isEven(10), odd.isOdd(7), isEven(3)].join(),
  "/live": () => {
    const before = live;
    increment();
    return `${live - before} ${again.count === live} ${new Counter().name} ${renamed}`;
  },
  "/json": () => JSON.stringify(config),
  "/text": () => greeting,
  "/bytes": () => [...new Uint8Array(blob)].join(),
  "/wasm": () => {
    const seen = [];
    const { exports } = new WebAssembly.Instance(addModule, { env: { seen: (value) => seen.push(value) } });
    return `${exports.add(40, 2)} ${seen} ${addModule instanceof WebAssembly.Module} ${exports.memory.buffer.byteLength}`;
  },
  "/wasm-async": async () => {
    const instance = await WebAssembly.instantiate(addModule, { env: { seen() {} } });
    return String(instance.exports.add(-1, 1));
  },
  "/await": () => `${here}, ${awaited}`,
  "/deep": () => deep,
  "/dynamic": async () => {
    const module = await import("./lib/dynamic.js");
    const same = await import("./lib/dynamic.js");
    return `${module.default} ${module === same} ${Object.keys(module)} ${module[Symbol.toStringTag]}`;
  },
  "/dynamic-computed": async () => {
    const name = "dynamic";
    return (await import(`./lib/${name}.js`)).default;
  },
  "/dynamic-json": async () => (await import("./data/config.json")).default.name,
  "/dynamic-missing": () => failure(() => import("./lib/missing.js")),
  "/dynamic-throws": async () => {
    try {
      await import("./lib/throws.js");
      return "loaded";
    } catch (error) {
      return `${error.name}: ${error.message}`;
    }
  },
  "/meta": () => `${typeof import.meta} ${Object.getPrototypeOf(import.meta)}`,
  "/this": () => String(globalThis.undefinedThis),
  "/namespace": () => `${Object.keys(odd)} ${Object.isSealed(odd)} ${Reflect.set(odd, "isOdd", 1)}`,
};

globalThis.undefinedThis = typeof this;

export default {
  async fetch(request) {
    const route = routes[new URL(request.url).pathname];
    if (!route) return new Response("no such route", { status: 404 });
    return new Response(await route());
  },
};
