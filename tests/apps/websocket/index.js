// WebSockets on both sides: what clients connect to (/echo, /blob, /close), what connects to others (/connect, /fetch, /pass), and
// both ends within this worker (/pair).

export default {
  async fetch(request) {
    const url = new URL(request.url);
    const target = url.searchParams.get("url");
    switch (url.pathname) {
      case "/pair": return Response.json(await pair());
      case "/connect": return Response.json(await talk(new WebSocket(target, ["other", "chat"]), true));
      case "/fetch": {
        const response = await fetch(target, { headers: { Upgrade: "websocket", "Sec-WebSocket-Protocol": "chat" } });
        if (response.webSocket === null) return new Response(`no WebSocket: ${response.status}`, { status: 502 });
        response.webSocket.accept();
        return Response.json(await talk(response.webSocket, false));
      }
      case "/pass": return fetch(target, request);
    }
    if (request.headers.get("Upgrade") !== "websocket") {
      return new Response("a WebSocket is wanted", { status: 426, headers: { Upgrade: "websocket" } });
    }
    const { 0: client, 1: server } = new WebSocketPair();
    server.accept();
    switch (url.pathname) {
      case "/echo":
        server.addEventListener("message", (event) => server.send(event.data));
        break;
      case "/blob":
        server.send(new Blob(["of a ", "Blob"]));
        server.send(new Uint16Array([258]));
        server.send(new DataView(new ArrayBuffer(4), 1, 2));
        server.send(new ArrayBuffer(0));
        server.close(1000, "all sent");
        break;
      case "/close":
        server.close(Number(url.searchParams.get("code")), url.searchParams.get("reason"));
        break;
    }
    const offered = request.headers.get("Sec-WebSocket-Protocol");
    const headers = offered === null ? {} : { "Sec-WebSocket-Protocol": offered.split(",").at(-1).trim() };
    return new Response(null, { status: 101, webSocket: client, headers });
  },
};

// Talks with a server that echoes, and says what was seen.
function talk(socket, connecting) {
  const seen = [];
  socket.binaryType = "arraybuffer";
  const speak = () => {
    seen.push(`open ${socket.protocol} ${socket.readyState}`);
    socket.send("text é€😀");
    socket.send(new Uint8Array([0, 127, 128, 255]).subarray(1));
    socket.send("");
    socket.send("x".repeat(70_000));
  };
  return new Promise((done) => {
    if (connecting) socket.addEventListener("open", speak);
    socket.addEventListener("error", () => seen.push("error"));
    socket.addEventListener("message", ({ data }) => {
      if (typeof data !== "string") seen.push(`bytes ${new Uint8Array(data)}`);
      else seen.push(data.length > 100 ? `long ${data.length}` : `text "${data}"`);
      if (seen.length === 5) socket.close(3210, "enough");
    });
    socket.addEventListener("close", (event) => {
      seen.push(`close ${event.code} "${event.reason}" ${event.wasClean} ${socket.readyState}`);
      done(seen);
    });
    if (!connecting) speak();
  });
}

// Both ends are here.
async function pair() {
  const { 0: one, 1: other } = new WebSocketPair();
  const seen = [];
  const closed = new Promise((done) => one.addEventListener("close", (event) => {
    seen.push(`one: close ${event.code} ${event.reason}`);
    done();
  }));
  one.accept();
  other.accept();
  one.addEventListener("message", (event) => seen.push(`one: ${event.data}`));
  other.addEventListener("message", (event) => {
    if (event.data === "end") other.close(4001, "as asked");
    else other.send(`again ${event.data}`);
  });
  one.send("first");
  one.send("second");
  one.send("end");
  await closed;
  return seen;
}
