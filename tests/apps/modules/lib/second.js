import { order } from "./order.js";
import "./first.js";
import "./awaits.js";
order.push("second");
