// Reads what most handlers read: the method, the URL with its query, some headers; sets a header.

export default {
  async fetch(request) {
    const url = new URL(request.url);
    const name = url.searchParams.get("name");
    const accept = request.headers.get("accept");
    const agent = request.headers.get("user-agent");
    return new Response(`${request.method} ${url.pathname} ${name} ${accept} ${agent}`, { headers: { "x-name": name } });
  },
};
