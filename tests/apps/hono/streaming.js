// Answers that arrive piece by piece.

import { Hono } from "hono";
import { stream, streamSSE, streamText } from "hono/streaming";

export const streaming = new Hono();

streaming.get("/stream", (c) =>
  stream(c, async (out) => {
    await out.write(new Uint8Array([0x48, 0x69, 0x20]));
    await out.write("there");
    await out.pipe(new Response(" and piped").body);
  }),
);
streaming.get("/text", (c) =>
  streamText(c, async (out) => {
    for (let line = 1; line <= 5; line += 1) {
      await out.writeln(`line ${line}`);
      await out.sleep(2);
    }
    await out.write("end");
  }),
);
streaming.get("/sse", (c) =>
  streamSSE(c, async (out) => {
    for (let id = 0; id < 3; id += 1) {
      await out.writeSSE({ data: JSON.stringify({ id }), event: "tick", id: String(id), retry: 1000 });
      await out.sleep(1);
    }
    await out.writeSSE({ data: "two\nlines" });
  }),
);
streaming.get("/error", (c) =>
  streamText(
    c,
    async (out) => {
      await out.write("before ");
      throw new Error("in the stream");
    },
    async (error, out) => {
      await out.write(`handled: ${error.message}`);
    },
  ),
);
streaming.get("/readable", (c) => {
  let count = 0;
  const body = new ReadableStream({
    pull(controller) {
      if (count === 3) controller.close();
      else controller.enqueue(new TextEncoder().encode(`${count++};`));
    },
  });
  return c.body(body, 200, { "content-type": "text/plain" });
});
streaming.post("/echo", (c) => c.body(c.req.raw.body));
