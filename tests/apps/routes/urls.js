// URL and URLSearchParams.

const parts = ["href", "origin", "protocol", "username", "password", "host", "hostname", "port", "pathname", "search", "hash"];

function show(url) {
  return Object.fromEntries(parts.map((part) => [part, url[part]]));
}

function parse(...args) {
  try {
    return new URL(...args).href;
  } catch (error) {
    return error.name;
  }
}

export const urls = {
  "/url": (request, { url }) => Response.json({ url: request.url, path: url.pathname, search: url.search, query: [...url.searchParams], hash: url.hash }),
  "/url-parts": () => Response.json(show(new URL("https://user:p%40ss@Exämple.com:8443/a/./b/../c d?q=1&q=ü#frag ment"))),
  "/url-parse": () =>
    Response.json([
      parse("http://example.com"),
      parse("http://example.com:80/"),
      parse("../up?x", "https://example.com/one/two/three"),
      parse("//other.example/path", "https://example.com"),
      parse("?only", "https://example.com/a?b#c"),
      parse("#only", "https://example.com/a?b#c"),
      parse("http://[::1]:3000/"),
      parse("http://0x7f.1/"),
      parse("http://a b/"),
      parse("nothing"),
      parse("data:text/plain,hi"),
      parse("file:///C:/a/../b"),
      parse("http://example.com/%7Euser/%zz"),
      parse("http://ex%61mple.com\t/\n"),
      URL.canParse("http://ok/"),
      URL.canParse("not ok"),
      String(URL.parse?.("nope")),
    ]),
  "/url-set": () => {
    const url = new URL("http://example.com/path?a=1#b");
    url.protocol = "https";
    url.port = "8080";
    url.pathname = "new path";
    url.search = "x=y z";
    url.hash = "";
    url.hostname = "sub.example.com";
    url.username = "me";
    url.searchParams.append("later", "&=");
    return Response.json([url.href, JSON.stringify(url), String(url)]);
  },
  "/search-params": () => {
    const params = new URLSearchParams("?b=2&a=1&b=3&empty=&plus=a+b&pct=%C3%BC&=noname");
    const before = [...params];
    params.append("new", "value with space & more");
    params.set("b", "replaced");
    params.delete("a");
    params.sort();
    return Response.json({
      before,
      after: params.toString(),
      all: params.getAll("b"),
      has: [params.has("new"), params.has("a"), params.has("b", "replaced"), params.has("b", "other")],
      size: params.size,
      get: params.get("missing"),
      record: new URLSearchParams({ x: "1", y: "ü" }).toString(),
      pairs: new URLSearchParams([["p", "1"], ["p", "2"]]).toString(),
      keys: [...params.keys()],
    });
  },
};
