// Passes each request's path on to the upstream, whose port the suite puts in.
export default {
  fetch(request) {
    return fetch(`http://127.0.0.1:UPSTREAM_PORT${new URL(request.url).pathname}`);
  },
};
