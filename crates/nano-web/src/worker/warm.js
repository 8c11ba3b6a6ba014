// A request that nobody sent, answered while the snapshot is made: functions that every request goes through
// are compiled then, and not when an application is first asked.

const [start, dispatch] = internal.entry;
const head = "GET\nhttp://localhost/\nhost: localhost\r\naccept: */*\r\n";

function answer(request) {
  const accept = request.headers.get("accept");
  return new Response(`${request.method} ${request.url} ${accept}`, {
    status: 200, headers: { "content-type": "text/plain" },
  });
}

// No request has the number 0: what is sent goes nowhere.
start({ fetch: answer }, "{}");
dispatch(head, 0);
start({ fetch: async (request) => answer(request) }, undefined);
dispatch(head, 0);
start({ fetch: async (request) => { await undefined; return Response.json({ url: request.url }); } }, undefined);
dispatch(head, 0);
internal.forgetApplication();
internal.forgetApplication = undefined;
