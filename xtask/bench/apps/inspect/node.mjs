export default (request, response) => {
  const url = new URL(request.url, `http://${request.headers.host}`);
  const name = url.searchParams.get("name");
  const { accept, "user-agent": agent } = request.headers;
  response.writeHead(200, { "Content-Type": "text/plain;charset=UTF-8", "x-name": name });
  response.end(`${request.method} ${url.pathname} ${name} ${accept} ${agent}`);
};
