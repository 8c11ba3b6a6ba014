// Bodies that come back while they are still arriving.

const encoder = new TextEncoder();

// Reads chunk by chunk and hands each on when the reader asks: back-pressure through a hand-written source.
function mapped(body, change) {
  const reader = body.getReader();
  return new ReadableStream({
    async pull(controller) {
      const { done, value } = await reader.read();
      if (done) controller.close();
      else controller.enqueue(change(value));
    },
    cancel(reason) {
      return reader.cancel(reason);
    },
  });
}

function upper(bytes) {
  return bytes.map((byte) => (byte >= 0x61 && byte <= 0x7a ? byte - 0x20 : byte));
}

export default {
  async fetch(request) {
    const { pathname } = new URL(request.url);
    const type = request.headers.get("content-type");
    const headers = type ? { "content-type": type } : {};
    switch (pathname) {
      case "/":
        return new Response(request.body, { headers });
      case "/upper":
        return new Response(request.body && mapped(request.body, upper), { headers });
      case "/transform": {
        const change = new TransformStream({
          transform(chunk, controller) {
            controller.enqueue(upper(chunk));
          },
          flush(controller) {
            controller.enqueue(encoder.encode("\n-- end --"));
          },
        });
        return new Response(request.body.pipeThrough(change), { headers });
      }
      case "/identity": {
        const { readable, writable } = new TransformStream();
        const done = request.body.pipeTo(writable);
        done.catch(() => {});
        return new Response(readable, { headers });
      }
      case "/tee": {
        const [one, two] = request.body.tee();
        const [first, second] = await Promise.all([new Response(one).text(), new Response(two).text()]);
        return new Response(`${first}|${second}`);
      }
      case "/text":
        return new Response(await request.text());
      case "/json":
        return Response.json(await request.json());
      case "/bytes": {
        const bytes = new Uint8Array(await request.arrayBuffer());
        return new Response(bytes.reverse());
      }
      case "/count": {
        let bytes = 0;
        for await (const chunk of request.body) bytes += chunk.byteLength;
        return new Response(String(bytes));
      }
      case "/clone": {
        const copy = request.clone();
        return new Response(`${await request.text()}=${await copy.text()}`);
      }
      case "/twice": {
        await request.text();
        try {
          await request.text();
          return new Response("read twice");
        } catch (error) {
          return new Response(`${error.name} ${request.bodyUsed}`);
        }
      }
      case "/null":
        return new Response(String(request.body));
      default:
        return new Response("no such path", { status: 404 });
    }
  },
};
