// Uses what NANO adds to the platform's types: checked by the compiler, and served.

import greeting from "./greeting.txt";

interface Env {
  NAME?: string;
}

async function digest(text: string): Promise<string> {
  const stream = new crypto.DigestStream("SHA-256");
  const writer = stream.getWriter();
  await writer.write(text);
  await writer.close();
  const bytes = new Uint8Array(await stream.digest);
  if (!crypto.timingSafeEqual(bytes, bytes)) throw new QuotaExceededError("never", { quota: 1, requested: 2 });
  return bytes.toHex();
}

export default {
  async fetch(request, env, ctx) {
    const url = new URL(request.url);
    if (request.headers.get("Upgrade") === "websocket") {
      const { 0: client, 1: server } = new WebSocketPair();
      server.accept();
      server.addEventListener("message", ({ data }) => server.send(data));
      return new Response(null, { status: 101, webSocket: client });
    }
    ctx.waitUntil(scheduler.wait(1, { signal: request.signal }));
    const cached: Response | undefined = await caches.default.match(request);
    if (cached !== undefined) return cached;
    const pattern = new URLPattern({ pathname: "/:name" });
    const name: string = pattern.exec(url)?.pathname.groups["name"] ?? env.NAME ?? "nobody";
    const path: string = pattern.generate("pathname", { name });
    const main: boolean = import.meta.main;
    // @ts-expect-error There is no such parameter.
    const status: number = env.STATUS ?? 200;
    return Response.json({ greeting: greeting.trim(), path, main, status, digest: await digest(name) });
  },
} satisfies ExportedHandler<Env>;
