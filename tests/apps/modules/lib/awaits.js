import { order } from "./order.js";
export const value = await new Promise((resolve) => queueMicrotask(() => resolve("awaited")));
order.push("awaits");
