//! Two versions of one application at a time: what belongs to the old one stays with it, and what has not
//! begun is the new one's.

use nano_tests::{Client, Dir, Nano, Options, PATIENCE, get, request};
use std::time::Instant;

/// `/hold` answers when its body is complete; `/later` too, with what it imports then.
const OLD: &str = r#"
export default {
  async fetch(request) {
    const { pathname } = new URL(request.url);
    const body = await request.text();
    if (pathname !== "/later") return new Response("old" + body);
    try {
      return new Response((await import(body)).default);
    } catch (error) {
      return new Response(String(error));
    }
  },
};
"#;
const NEW: &str = "export default { fetch: () => new Response('new') };";

/// The head of a request whose body of `length` bytes is still to come.
fn held(path: &str, length: usize) -> String {
    format!("POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n")
}

/// Waits until a metric of the application has this value.
fn wait_metric(server: &Nano, line: &str) {
    let port = server.errors.wait("the administration's address", |line| {
        line.split("administration at http://").nth(1)?.rsplit(':').next()?.trim().parse().ok()
    });
    let until = Instant::now() + PATIENCE;
    while !get(port, "admin", "/metrics").text().lines().any(|other| other == line) {
        assert!(Instant::now() < until, "{line} does not come");
        std::thread::yield_now();
    }
}

fn serve(config: &str, files: &[(&str, &str)]) -> (Nano, std::path::PathBuf) {
    let dir = Dir::new(&[files, &[("nano.jsonc", config)]].concat());
    let path = dir.path().to_owned();
    let arguments = ["--threads", "1", "--log-format", "json", "--admin", "127.0.0.1:0"];
    (Nano::config(dir, Options::args(&arguments)), path)
}

const ONE_AT_A_TIME: &str = r#"{ "watch": false, "apps": [
  { "name": "a", "path": "a.js", "max_concurrent_requests": 1 }, { "name": "b", "path": "b.js" } ] }"#;

/// A server where one request is under way in the old version, and another one waits for its turn.
fn one_waits() -> (Nano, std::path::PathBuf, Client, Client) {
    let (server, path) = serve(ONE_AT_A_TIME, &[("a.js", OLD), ("b.js", NEW)]);
    let mut first = server.connect();
    first.send(held("/hold", 1));
    wait_metric(&server, r#"nano_requests_in_flight{app="a"} 1"#);
    let mut second = server.connect();
    second.send(request("GET", "/", "a", &[], b""));
    wait_metric(&server, r#"nano_requests_waiting{app="a"} 1"#);
    (server, path, first, second)
}

#[test]
fn a_request_that_waits_while_its_version_is_replaced_gets_the_new_one() {
    let (server, path, mut first, mut second) = one_waits();
    std::fs::write(path.join("a.js"), NEW).unwrap();
    server.signal(libc::SIGHUP);
    // It need not wait for the old one's.
    assert_eq!(second.response().text(), "new");
    assert_eq!(first.send("x").response().text(), "oldx");
    wait_metric(&server, r#"nano_requests_waiting{app="a"} 0"#);
    server.stop();
}

#[test]
fn a_request_that_waits_while_its_application_is_removed_is_told() {
    let (server, path, mut first, mut second) = one_waits();
    std::fs::write(
        path.join("nano.jsonc"),
        r#"{ "watch": false, "apps": [{ "name": "b", "path": "b.js" }] }"#,
    )
    .unwrap();
    server.signal(libc::SIGHUP);
    assert_eq!(second.response().status, 404);
    assert_eq!(first.send("x").response().text(), "oldx");
    server.stop();
}

#[test]
fn a_replaced_version_does_not_import_the_files_of_the_next() {
    let config =
        r#"{ "watch": false, "apps": [{ "name": "a", "path": "a" }, { "name": "b", "path": "b.js" }] }"#;
    let files = [
        ("a/index.js", OLD),
        ("a/same.js", "export default 'as it was';"),
        ("a/changed.js", "export default 'old';"),
        ("b.js", NEW),
    ];
    let (server, path) = serve(config, &files);
    let ask = |specifier: &str| {
        let mut client = server.connect();
        client.send(held("/later", specifier.len()));
        client
    };
    let (mut same, mut changed) = (ask("./same.js"), ask("./changed.js"));
    wait_metric(&server, r#"nano_requests_in_flight{app="a"} 2"#);
    std::fs::write(path.join("a/changed.js"), "export default 'new';").unwrap();
    std::fs::write(path.join("a/index.js"), NEW).unwrap();
    server.signal(libc::SIGHUP);
    server.log.wait_for("\"deployed\"");
    assert_eq!(get(server.port(), "a", "/").text(), "new");
    assert_eq!(same.send("./same.js").response().text(), "as it was");
    let text = changed.send("./changed.js").response().text();
    assert!(text.contains("has changed since this version"), "{text}");
    server.stop();
}
