// ReadableStream as the source and the sink of bodies, WritableStream and TransformStream.

const encoder = new TextEncoder();
const sleep = (time) => new Promise((resolve) => setTimeout(resolve, time));

function of(...chunks) {
  return new ReadableStream({
    start(controller) {
      for (const chunk of chunks) controller.enqueue(typeof chunk === "string" ? encoder.encode(chunk) : chunk);
      controller.close();
    },
  });
}

export const streams = {
  "/stream": () => new Response(of("one ", "two ", "three")),
  "/stream-empty": () => new Response(of()),
  "/stream-pull": () => {
    let count = 0;
    return new Response(
      new ReadableStream({
        pull(controller) {
          count += 1;
          if (count > 5) controller.close();
          else controller.enqueue(encoder.encode(`${count},`));
        },
      }),
    );
  },
  "/stream-async": () => {
    let count = 0;
    return new Response(
      new ReadableStream({
        async pull(controller) {
          await sleep(2);
          count += 1;
          if (count > 3) controller.close();
          else controller.enqueue(encoder.encode(`later ${count}\n`));
        },
      }),
      { headers: { "content-type": "text/plain" } },
    );
  },
  "/stream-bytes": () => {
    let left = 3;
    return new Response(
      new ReadableStream({
        type: "bytes",
        pull(controller) {
          if (left-- === 0) controller.close();
          else controller.enqueue(new Uint8Array([0x61 + left]));
        },
      }),
    );
  },
  "/stream-large": () => {
    let left = 64;
    const chunk = encoder.encode("streamed ".repeat(4096));
    return new Response(
      new ReadableStream({
        pull(controller) {
          if (left-- === 0) controller.close();
          else controller.enqueue(chunk);
        },
      }),
    );
  },
  "/stream-length": () => new Response(of("12345"), { headers: { "content-length": "5" } }),
  "/stream-read": async (request) => {
    const reader = request.body.getReader();
    const decoder = new TextDecoder();
    let text = "";
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      text += decoder.decode(value, { stream: true });
    }
    return new Response(`${text}${decoder.decode()}|${request.bodyUsed}`);
  },
  "/stream-states": async () => {
    const stream = of("a", "b");
    const reader = stream.getReader();
    const locked = stream.locked;
    const first = new TextDecoder().decode((await reader.read()).value);
    reader.releaseLock();
    let second;
    try {
      await reader.read();
    } catch (error) {
      second = error.name;
    }
    const again = stream.getReader();
    await again.cancel("enough");
    return Response.json({ locked, first, second, done: (await again.read()).done });
  },
  "/stream-iterate": async () => {
    let text = "";
    for await (const chunk of of("x", "y", "z")) text += new TextDecoder().decode(chunk);
    return new Response(text);
  },
  "/stream-tee": async () => {
    const [one, two] = of("t", "ee").tee();
    return new Response(`${await new Response(one).text()} ${await new Response(two).text()}`);
  },
  "/stream-body-used": async () => {
    const response = new Response(of("body"));
    const reader = response.body.getReader();
    await reader.read();
    const locked = response.body.locked;
    reader.releaseLock();
    return new Response(`${locked} ${response.bodyUsed}`);
  },
  "/stream-error-read": async () => {
    const stream = new ReadableStream({
      start(controller) {
        controller.error(new RangeError("broken source"));
      },
    });
    try {
      await new Response(stream).text();
      return new Response("read");
    } catch (error) {
      return new Response(`${error.name}: ${error.message}`);
    }
  },
  "/stream-cancelled": async () => {
    let reason = "not cancelled";
    const stream = new ReadableStream({
      cancel(given) {
        reason = given;
      },
    });
    await stream.cancel("no longer needed");
    return new Response(reason);
  },
  "/transform": () => {
    const change = new TransformStream({
      transform(chunk, controller) {
        controller.enqueue(encoder.encode(new TextDecoder().decode(chunk).toUpperCase()));
      },
    });
    return new Response(of("trans", "form").pipeThrough(change));
  },
  "/writable": async () => {
    const seen = [];
    const sink = new WritableStream({
      write(chunk) {
        seen.push(chunk);
      },
      close() {
        seen.push("closed");
      },
    });
    const writer = sink.getWriter();
    await writer.write("a");
    writer.write("b");
    await writer.close();
    return new Response(seen.join());
  },
  "/pipe-to": async () => {
    let bytes = 0;
    await of("pipe", "to").pipeTo(
      new WritableStream({
        write(chunk) {
          bytes += chunk.byteLength;
        },
      }),
    );
    return new Response(String(bytes));
  },
  "/transform-writer": () => {
    const { readable, writable } = new TransformStream();
    const writer = writable.getWriter();
    (async () => {
      for (const word of ["written ", "while ", "read"]) await writer.write(encoder.encode(word));
      await writer.close();
    })();
    return new Response(readable);
  },
};
