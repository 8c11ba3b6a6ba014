// The other half of the cycle.
import { isEven } from "./even.js";
export function isOdd(number) {
  return number !== 0 && isEven(number - 1);
}
