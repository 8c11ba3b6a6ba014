export default (request, response) => {
  response.writeHead(200, { "Content-Type": "application/json" });
  response.end(JSON.stringify({ message: "Hello World", list: [1, 2, 3], nested: { ok: true, text: "some text" } }));
};
