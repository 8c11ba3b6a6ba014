export default (request, response) => {
  response.writeHead(200, { "Content-Type": "text/plain;charset=UTF-8" });
  response.end("Hello World");
};
