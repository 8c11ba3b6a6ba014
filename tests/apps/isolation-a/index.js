// One of two applications that patch everything they can reach: neither may see what the other did.

const ME = "a";

globalThis.shared = `set by ${ME}`;
globalThis.counter = 0;
Array.prototype.who = () => ME;
Object.prototype.leak = ME;
String.prototype.trim = function () {
  return `trimmed by ${ME}`;
};
JSON.stringify = () => `"stringified by ${ME}"`;
Response.prototype.who = ME;
Promise.prototype.who = ME;

// The platform's own algorithms must not notice what an application did to the language.
Array.prototype.push = () => {
  throw new Error(`push of ${ME}`);
};
Array.prototype[Symbol.iterator] = function* () {
  yield `iterated by ${ME}`;
};
Map.prototype.get = () => `got by ${ME}`;
const then = Promise.prototype.then;
Promise.prototype.then = function (...args) {
  globalThis.thens = (globalThis.thens ?? 0) + 1;
  return Reflect.apply(then, this, args);
};

export default {
  async fetch(request) {
    const { pathname } = new URL(request.url);
    switch (pathname) {
      case "/shared":
        return new Response(globalThis.shared);
      case "/count":
        globalThis.counter += 1;
        return new Response(String(globalThis.counter));
      case "/array":
        return new Response([].who());
      case "/object":
        return new Response({}.leak);
      case "/string":
        return new Response("  x  ".trim());
      case "/json":
        return new Response(JSON.stringify({ a: 1 }));
      case "/response":
        return new Response(new Response("").who);
      case "/headers": {
        const headers = new Headers({ "X-One": "1", "x-two": "2" });
        headers.append("x-one", "3");
        return new Response(headers.get("x-one") + headers.get("x-two"), { headers });
      }
      case "/body": {
        const text = await request.text();
        return new Response(text.toUpperCase());
      }
      case "/stream": {
        const stream = new ReadableStream({
          start(controller) {
            controller.enqueue(new TextEncoder().encode("streamed by "));
            controller.enqueue(new TextEncoder().encode(ME));
            controller.close();
          },
        });
        return new Response(stream);
      }
      case "/globals":
        // Everything of the language and of the platform is this application's own copy: replacing it is allowed.
        globalThis.URL = class {
          pathname = "/shared";
        };
        return new Response("URL replaced");
      default:
        return new Response("not found", { status: 404 });
    }
  },
};
