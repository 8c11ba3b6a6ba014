// Two applications in one process, told apart by host name, under Bun, Deno and Node.
import busy from "../../apps/busy/index.mjs";
import quiet from "../../apps/hello/index.mjs";

const apps = { "busy.test": busy, "quiet.test": quiet };
const fetch = (request) => apps[request.headers.get("host")].fetch(request);
const hostname = "127.0.0.1";

if (globalThis.Deno) {
  Deno.serve({ hostname, port: Number(Deno.args[0]), onListen() {} }, fetch);
} else if (globalThis.Bun) {
  Bun.serve({ hostname, port: Number(process.argv[2]), development: false, fetch });
} else {
  const { createServer } = await import("node:http");
  createServer(async (request, response) => {
    const { host } = request.headers;
    const answer = await apps[host].fetch(new Request(`http://${host}${request.url}`));
    response.end(await answer.text());
  }).listen(Number(process.argv[2]), hostname);
}
