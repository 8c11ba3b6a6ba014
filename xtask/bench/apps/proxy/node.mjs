import { Agent, get } from "node:http";

const agent = new Agent({ keepAlive: true });

export default (request, response) => {
  get({ host: "127.0.0.1", port: UPSTREAM_PORT, path: request.url, agent }, (incoming) => {
    response.writeHead(incoming.statusCode, incoming.headers);
    incoming.pipe(response);
  }).on("error", (error) => response.destroy(error));
};
