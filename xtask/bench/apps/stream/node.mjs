import { Readable } from "node:stream";

const chunk = Buffer.from("x".repeat(1024));

export default (request, response) => {
  let left = 10;
  new Readable({
    read() {
      this.push(left-- > 0 ? chunk : null);
    },
  }).pipe(response);
};
