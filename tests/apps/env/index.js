// What the configuration gives, and nothing of the host.

export default {
  async fetch(request, env) {
    const { pathname } = new URL(request.url);
    if (pathname === "/all") return Response.json(Object.fromEntries(Object.entries(env).sort()));
    if (pathname === "/process") return new Response(String(Object.keys(globalThis.process?.env ?? {}).includes("PATH")));
    if (pathname === "/set") {
      env.ADDED = "by a request";
      return new Response(env.ADDED);
    }
    const name = decodeURIComponent(pathname.slice(1));
    return new Response(`${typeof env[name]}:${env[name]}`);
  },
};
