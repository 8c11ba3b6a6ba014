// A live binding, a default and a re-export.
export let count = 0;
export function increment() {
  count += 1;
}
export default class {
  get name() {
    return this.constructor.name;
  }
}
export { version } from "./deep/version.js";
