// The other side, by the package ws. `node peer.js serve` echoes, and prints its port; it ends with its input. `node peer.js talk URL`
// connects, talks, and prints what it has seen. `node peer.js listen URL` only listens.

import { WebSocket, WebSocketServer } from "ws";

const [, , what, url] = process.argv;

if (what === "serve") {
  const server = new WebSocketServer({
    port: 0,
    host: "127.0.0.1",
    perMessageDeflate: true,
    handleProtocols: (protocols) => protocols.has("chat") && "chat",
  });
  server.on("listening", () => console.log(server.address().port));
  server.on("connection", (socket, request) => {
    const path = request.url;
    if (path === "/close") return socket.close(4444, "not you");
    if (path === "/drop") return socket.terminate();
    if (path === "/ping") {
      socket.on("pong", (data) => {
        socket.send(`pong ${data}`);
        socket.close(4000, "ponged");
      });
      return socket.ping("are you there");
    }
    if (path === "/fragments") {
      socket.send("a ", { fin: false });
      socket.ping();
      socket.send("message ", { fin: false });
      socket.send("in parts");
      return socket.close(4001, "sent");
    }
    socket.on("message", (data, binary) => socket.send(data, { binary }));
  });
  process.stdin.resume().on("end", () => process.exit());
} else {
  const socket = new WebSocket(url, ["other", "chat"]);
  const seen = (text) => console.log(text);
  let wanted = 0;
  socket.on("open", () => {
    seen(`open ${socket.protocol}`);
    if (what !== "talk") return;
    for (const size of [0, 1, 125, 126, 65_535, 65_536, 1_000_000]) {
      socket.send(Buffer.alloc(size, 7));
      socket.send("é".repeat(size / 2));
      wanted += 2;
    }
    socket.send("in ", { fin: false });
    socket.ping("between");
    socket.send("two", { fin: true });
    wanted++;
  });
  socket.on("pong", (data) => seen(`pong ${data}`));
  socket.on("message", (data, binary) => {
    seen(`${binary ? "binary" : "text"} ${data.length < 20 ? JSON.stringify(String(data)) : data.length}`);
    if (--wanted === 0) socket.close(4321, "done");
  });
  socket.on("error", (error) => seen(`error ${error.message}`));
  socket.on("close", (code, reason) => seen(`close ${code} ${reason}`));
}
