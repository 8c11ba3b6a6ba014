//! What a client sees when something goes wrong, and what an operator sees of it.

use nano_tests::{Client, Dir, Nano, Options, get, request};

const ROUTES: &str = r#"
const arrived = [];
let aborted = 0;
const aborts = [];
export default {
  async fetch(request, env, ctx) {
    const { pathname } = new URL(request.url);
    switch (pathname) {
      case "/throw": throw new TypeError("thrown on purpose");
      case "/reject": return Promise.reject(new RangeError("rejected on purpose"));
      case "/nothing": return;
      case "/text": return "a string is no Response";
      case "/later": await new Promise((done) => setTimeout(done, 1)); throw new Error("later on purpose");
      case "/half":
        return new Response(new ReadableStream({
          start(controller) { controller.enqueue(new TextEncoder().encode("the first half")); },
          async pull(controller) { await new Promise((done) => setTimeout(done, 1)); controller.error(new Error("half-way on purpose")); },
        }));
      case "/short":
        return new Response(new ReadableStream({
          pull(controller) { controller.enqueue(new TextEncoder().encode("abc")); controller.close(); },
        }), { headers: { "content-length": "10" } });
      case "/hang": {
        const id = arrived.length;
        arrived.push(id);
        console.log("arrived");
        await new Promise((done) => request.signal.addEventListener("abort", done));
        aborted++;
        for (const done of aborts.splice(0)) done();
        return new Response("nobody reads this");
      }
      case "/aborted":
        while (aborted < Number(new URL(request.url).searchParams.get("n"))) await new Promise((done) => aborts.push(done));
        return new Response(String(aborted));
      case "/body": return new Response(String((await request.text()).length));
      default: return new Response("fine");
    }
  },
};
"#;

#[test]
fn refused_requests_have_their_status_and_end_the_connection() {
    let server = Nano::app("export default { fetch() { return new Response('fine'); } };");
    let long = format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "x".repeat(40 << 10));
    for (sent, status) in [
        ("GET / HTTP/1.1\r\nHost: a\r\nBad Header: x\r\n\r\n", 400),
        ("this is not HTTP\r\n\r\n", 400),
        (&*long, 431),
        ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501),
    ] {
        let mut client = server.connect();
        // The server may answer and close before it has read all.
        let _ = client.try_send(sent);
        let response = client.response();
        let start = &sent[..sent.len().min(60)];
        assert_eq!(response.status, status, "{start}: {}", response.head);
        assert_eq!(response.header("connection").as_deref(), Some("close"), "{start}");
        assert_eq!(client.rest(), b"", "{start}");
    }
    assert_eq!(get(server.port(), "a", "/").text(), "fine");
    server.stop();
}

#[test]
fn a_body_beyond_the_applications_limit_is_413() {
    let config =
        r#"{ "apps": [{ "name": "a", "path": "a.js", "max_body_mb": 1 }, { "name": "b", "path": "a.js" }] }"#;
    let server = Nano::config(Dir::new(&[("a.js", ROUTES), ("nano.jsonc", config)]), Options::one_thread());
    let limit = 1 << 20;
    // At the limit: fine, with a length and without.
    let full = vec![b'x'; limit];
    let whole = request("POST", "/body", "a", &[], &full);
    assert_eq!(server.connect().send(&whole).response().text(), limit.to_string());
    let head = "POST /body HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
    let chunks = [format!("{limit:x}\r\n").as_bytes(), &full, b"\r\n0\r\n\r\n"].concat();
    assert_eq!(server.connect().send(head).send(&chunks).response().text(), limit.to_string());
    // One byte beyond: refused from the head alone,
    let mut client = server.connect();
    let response = client
        .send(format!("POST /body HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n", limit + 1))
        .response();
    assert_eq!((response.status, response.header("connection").as_deref()), (413, Some("close")));
    client.rest();
    // or at the chunk that is too much.
    let mut client = server.connect();
    let chunks = [format!("{limit:x}\r\n").as_bytes(), &full, b"\r\n1\r\n"].concat();
    client.send(head);
    let _ = client.try_send(&chunks);
    let response = client.response();
    assert_eq!((response.status, response.header("connection").as_deref()), (413, Some("close")));
    client.rest();
    // Another application's limit is its own.
    let more = request("POST", "/body", "b", &[], &vec![b'x'; limit + 1]);
    assert_eq!(server.connect().send(&more).response().text(), (limit + 1).to_string());
    server.stop();
}

#[test]
fn a_host_that_no_application_has_is_404() {
    let config = r#"{ "apps": [{ "name": "one.example", "path": "a.js" }, { "name": "w", "hostname": "*.wild.example", "path": "a.js" }] }"#;
    let server = Nano::config(Dir::new(&[("a.js", ROUTES), ("nano.jsonc", config)]), Options::one_thread());
    let mut client = server.connect();
    for (host, status) in [
        ("one.example", 200),
        ("ONE.example:8080", 200),
        ("one.example.", 200),
        ("x.wild.example", 200),
        ("wild.example", 404),
        ("two.example", 404),
        ("one.example.evil", 404),
    ] {
        // The connection goes on after a 404.
        let response = client.send(request("GET", "/", host, &[], b"")).response();
        assert_eq!(response.status, status, "{host}");
    }
    server.stop();
}

#[test]
fn a_failing_handler_is_500_with_its_stack_in_the_log_only() {
    let server = Nano::app_with(ROUTES, Options::args(&["--threads", "1", "--log-format", "text"]));
    let mut client = server.connect();
    for (path, said) in [
        ("/throw", "TypeError: thrown on purpose"),
        ("/reject", "RangeError: rejected on purpose"),
        ("/nothing", "Response"),
        ("/text", "Response"),
        ("/later", "Error: later on purpose"),
    ] {
        let response = client.get(path);
        assert_eq!(response.status, 500, "{path}");
        assert_eq!(response.text(), "Internal Server Error\n", "{path}");
        assert!(!response.head.contains("purpose"), "{path}: {}", response.head);
        server.log.wait(said, |line| (line.contains("error") && line.contains(said)).then_some(()));
    }
    server.log.wait("the place", |line| line.contains("index.js:").then_some(()));
    // The connection and the application go on.
    assert_eq!(client.get("/").text(), "fine");
    server.stop();

    let server = Nano::app_with(ROUTES, Options::args(&["--threads", "1", "--dev"]));
    let response = server.connect().get("/throw");
    assert_eq!(response.status, 500);
    assert!(response.text().contains("TypeError: thrown on purpose"), "{}", response.text());
    assert!(response.text().contains("index.js:"), "the stack, with --dev: {}", response.text());
    server.stop();
}

#[test]
fn half_a_response_never_looks_complete() {
    let server = Nano::app(ROUTES);
    for path in ["/half", "/short"] {
        let mut client = server.connect();
        client.send(request("GET", path, "a", &[], b""));
        let head = client.head().unwrap();
        assert_eq!(head.status, 200, "{path}");
        let mut got = Vec::new();
        let error =
            client.body(&head, |piece| got.extend_from_slice(piece)).expect_err("the body is not complete");
        assert!(
            matches!(error.kind(), std::io::ErrorKind::UnexpectedEof | std::io::ErrorKind::ConnectionReset),
            "{path}: {error}"
        );
    }
    server.log.wait_for("half-way on purpose");
    assert_eq!(server.connect().get("/").text(), "fine");
    server.stop();
}

#[test]
fn a_client_that_hangs_up_aborts_the_signal() {
    let server = Nano::app(ROUTES);
    let mut watcher = server.connect();
    for (count, reset) in [(1, false), (2, true)] {
        let mut client = server.connect();
        client.send(request("GET", "/hang", "a", &[], b""));
        server.log.wait_count("arrived", count);
        if reset {
            client.reset()
        } else {
            drop(client)
        }
        assert_eq!(watcher.get(&format!("/aborted?n={count}")).text(), count.to_string());
    }
    server.stop();
}

#[test]
fn sigterm_finishes_what_is_in_flight_and_refuses_the_rest() {
    let mut server = Nano::app(ROUTES);
    // A request whose body is half there, one whose head is half there, and a connection that is idle.
    let mut busy = server.connect();
    busy.send("POST /body HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n12345");
    let mut half = server.connect();
    half.send("GET / HTTP/1.1\r\nHo");
    let mut idle = server.connect();
    assert_eq!(idle.get("/").status, 200);
    server.signal(libc::SIGTERM);
    // The idle one is closed: so the drain has begun. Then nobody listens any more.
    assert_eq!(idle.rest(), b"");
    assert!(Client::try_connect(server.port()).is_err());
    let response = half.send("st: a\r\n\r\n").response();
    assert_eq!((response.status, response.header("connection").as_deref()), (503, Some("close")));
    assert_eq!(half.rest(), b"");
    let response = busy.send("67890").response();
    assert_eq!((response.status, response.text().as_str()), (200, "10"));
    assert_eq!(response.header("connection").as_deref(), Some("close"));
    assert_eq!(busy.rest(), b"");
    assert_eq!(server.wait().code(), Some(0));
}

#[test]
fn a_drain_ends_at_its_time_limit() {
    let config = r#"{ "drain_timeout_ms": 50, "apps": [{ "name": "a", "path": "a.js" }] }"#;
    let mut server =
        Nano::config(Dir::new(&[("a.js", ROUTES), ("nano.jsonc", config)]), Options::one_thread());
    let mut client = server.connect();
    client.send(request("GET", "/hang", "a", &[], b""));
    server.log.wait_for("arrived");
    server.signal(libc::SIGTERM);
    assert_eq!(server.wait().code(), Some(0));
    client.rest();
}
