// A small Workers-style application: a greeting page, a JSON endpoint, an echo and a stream. Serve it with
// `nano serve examples/hello`. It knows the web platform only, so it runs unchanged wherever modules of this
// form do.

const page = `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Hello from NANO</title>
<style>body { font: 1.1rem/1.6 system-ui; max-width: 36rem; margin: 4rem auto; padding: 0 1rem }</style>
<h1>Hello from NANO</h1>
<p>This page comes from <code>examples/hello/index.js</code>. Try:</p>
<ul>
  <li><a href="/hello/you">/hello/you</a>: a greeting in JSON</li>
  <li><a href="/hello/you?lang=fr">/hello/you?lang=fr</a>: the same in French</li>
  <li><a href="/count?to=5">/count?to=5</a>: a stream, one number at a time</li>
  <li><code>curl -d 'some text' http://localhost:3000/echo</code>: what you sent, as it arrives</li>
</ul>
</html>
`;

const greetings = { de: "Hallo", en: "Hello", es: "Hola", fr: "Bonjour", ja: "こんにちは" };

function hello(name, language) {
  const greeting = greetings[language] ?? greetings.en;
  return Response.json({ greeting: `${greeting}, ${name}!`, time: new Date().toISOString() });
}

function count(to) {
  let n = 0;
  const body = new ReadableStream({
    async pull(controller) {
      if (n >= to) {
        controller.close();
        return;
      }
      await new Promise((done) => setTimeout(done, 100));
      controller.enqueue(new TextEncoder().encode(`${++n}\n`));
    },
  });
  return new Response(body, { headers: { "content-type": "text/plain" } });
}

export default {
  async fetch(request) {
    const url = new URL(request.url);
    const [, route, argument = "world"] = url.pathname.split("/");
    switch (route) {
      case "":
        return new Response(page, { headers: { "content-type": "text/html; charset=utf-8" } });
      case "hello":
        return hello(decodeURIComponent(argument), url.searchParams.get("lang"));
      case "count":
        return count(Math.min(Number(url.searchParams.get("to") ?? 3), 100));
      case "echo":
        if (request.method !== "POST") {
          return new Response("send something with POST\n", { status: 405, headers: { allow: "POST" } });
        }
        return new Response(request.body, {
          headers: { "content-type": request.headers.get("content-type") ?? "application/octet-stream" },
        });
      default:
        return new Response(`there is no ${url.pathname} here\n`, { status: 404 });
    }
  },
};
