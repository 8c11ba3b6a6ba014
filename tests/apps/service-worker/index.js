// The older form: a classic script that listens for fetch events.

let answered = 0;
let after = "nothing yet";

addEventListener("fetch", (event) => {
  const { pathname } = new URL(event.request.url);
  answered += 1;
  switch (pathname) {
    case "/":
      event.respondWith(new Response("Hello from a service worker"));
      return;
    case "/async":
      event.respondWith(answerLater(event.request));
      return;
    case "/count":
      event.respondWith(new Response(String(answered > 0)));
      return;
    case "/wait":
      event.waitUntil(
        new Promise((resolve) => setTimeout(resolve, 5)).then(() => {
          after = "done";
        }),
      );
      event.respondWith(new Response("waiting"));
      return;
    case "/after":
      event.respondWith(new Response(after));
      return;
    case "/type":
      event.respondWith(new Response(`${event.type} ${event instanceof Event} ${event.constructor.name} ${typeof event.passThroughOnException}`));
      return;
    case "/this":
      // A classic script: sloppy, and its top-level declarations are global.
      event.respondWith(new Response(`${typeof self.addEventListener} ${self === globalThis}`));
      return;
    case "/reject":
      event.respondWith(Promise.reject(new Error("rejected on purpose")));
      return;
    case "/throw":
      throw new Error("thrown on purpose");
    default:
      event.respondWith(new Response("not found", { status: 404 }));
  }
});

async function answerLater(request) {
  const text = await request.text();
  return new Response(`${request.method} ${text.length}`, { status: 201 });
}
