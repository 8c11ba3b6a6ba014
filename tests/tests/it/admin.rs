//! The administration listener, over its socket: who may ask what, what the numbers say, and its page in a
//! browser.

use nano_tests::{Client, Dir, Nano, Options, PATIENCE, Response, nano, request};
use serde_json::{Value, json};
use std::process::{Command, Stdio};
use std::time::Instant;

const TOKEN: &str = "correct horse";

fn options(args: &[&str]) -> Options {
    let args = [&["--admin", "127.0.0.1:0", "--threads", "2"], args].concat();
    Options::args(&args).env("NANO_ADMIN_TOKEN", TOKEN)
}

/// The port of the administration.
fn admin(server: &Nano) -> u16 {
    server.errors.wait("the administration's address", |line| {
        line.split("administration at http://").nth(1)?.rsplit(':').next()?.trim().parse().ok()
    })
}

fn ask(port: u16, method: &str, path: &str, token: Option<&str>, body: &str) -> Response {
    let authorization = token.map(|token| format!("Bearer {token}"));
    let headers: Vec<_> = authorization.iter().map(|value| ("Authorization", &**value)).collect();
    Client::connect(port).send(request(method, path, "admin", &headers, body.as_bytes())).response()
}

fn json_of(response: &Response) -> Value {
    serde_json::from_slice(&response.body).unwrap_or_else(|error| panic!("{error}: {}", response.text()))
}

/// What is told of an application.
fn app(port: u16, name: &str) -> Value {
    let list = json_of(&ask(port, "GET", "/admin/apps", Some(TOKEN), ""));
    list["apps"].as_array().unwrap().iter().find(|app| app["name"] == name).cloned().unwrap_or(Value::Null)
}

/// Asks until the answer is as wanted: numbers arrive at the end of a worker's turn.
fn eventually<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let until = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < until, "{what} does not come");
        std::thread::yield_now();
    }
}

fn hello(text: &str) -> String {
    format!("export default {{ fetch() {{ return new Response({text:?}); }} }};")
}

#[test]
fn the_token_opens_what_it_should_and_nothing_else_does() {
    let server = Nano::dir(Dir::app(&hello("hello")), options(&[]));
    let port = admin(&server);
    for open in ["/", "/healthz", "/readyz", "/metrics"] {
        assert_eq!(ask(port, "GET", open, None, "").status, 200, "{open}");
    }
    for (method, path) in
        [("GET", "/admin/apps"), ("POST", "/admin/reload"), ("GET", "/admin/nothing"), ("GET", "/admin")]
    {
        let cases = [None, Some(""), Some("wrong"), Some("correct hors"), Some("correct horse!")];
        for token in cases {
            let response = ask(port, method, path, token, "");
            assert_eq!(
                (response.status, response.header("www-authenticate")),
                (401, Some("Bearer".into())),
                "{path}"
            );
        }
    }
    assert_eq!(ask(port, "GET", "/admin/nothing", Some(TOKEN), "").status, 404);
    let wrong = ask(port, "PUT", "/admin/apps", Some(TOKEN), "");
    assert_eq!((wrong.status, wrong.header("allow")), (405, Some("GET, POST".into())));
    assert_eq!(json_of(&ask(port, "GET", "/admin/openapi.json", Some(TOKEN), ""))["openapi"], "3.1.0");
    // The applications' port knows nothing of it.
    assert_eq!(server.connect().get("/admin/apps").text(), "hello");
    assert_eq!(server.connect().get("/metrics").text(), "hello");
    server.stop();
}

#[test]
fn without_a_token_the_administration_is_closed() {
    let args = Options::args(&["--admin", "127.0.0.1:0", "--threads", "1"]);
    let server = Nano::dir(Dir::app(&hello("hello")), args);
    let port = admin(&server);
    server.log.wait_for("the administration has no token");
    for token in [None, Some(""), Some("guess")] {
        assert_eq!(ask(port, "GET", "/admin/apps", token, "").status, 403);
    }
    assert_eq!(ask(port, "GET", "/readyz", None, "").text(), "ready\n");
    server.stop();
}

#[test]
fn metrics_count_what_was_asked() {
    let code = "export default { async fetch(request) {
        const path = new URL(request.url).pathname;
        if (path === '/throw') throw new Error('x');
        if (path === '/away') return new Response(null, { status: 302, headers: { location: '/' } });
        return new Response('ok');
    } };";
    let config = r#"{ "watch": false, "threads": 2, "apps": [{ "name": "a", "path": "a.js" }, { "name": "b", "path": "a.js" }] }"#;
    let dir = Dir::new(&[("a.js", code), ("nano.jsonc", config)]);
    let server = Nano::config(dir, options(&["--no-request-log"]));
    let port = admin(&server);
    for (count, host, path) in [(5, "a", "/"), (2, "a", "/throw"), (3, "a", "/away"), (1, "nobody", "/")] {
        for _ in 0..count {
            nano_tests::get(server.port(), host, path);
        }
    }
    let text = eventually("the last of them", || {
        let text = ask(port, "GET", "/metrics", None, "").text();
        text.contains("nano_request_duration_seconds_count{app=\"a\"} 10\n").then_some(text)
    });
    for line in [
        "nano_requests_total{app=\"a\",code=\"2xx\"} 5",
        "nano_requests_total{app=\"a\",code=\"3xx\"} 3",
        "nano_requests_total{app=\"a\",code=\"5xx\"} 2",
        "nano_requests_total{app=\"b\",code=\"2xx\"} 0",
        "nano_request_duration_seconds_bucket{app=\"a\",le=\"+Inf\"} 10",
        "nano_unrouted_requests_total{code=\"4xx\"} 1",
        "nano_ready 1",
        "nano_isolates{app=\"b\"} 0",
    ] {
        assert!(text.lines().any(|other| other == line), "{line} is not among\n{text}");
    }
    // The format: every sample belongs to the family that was announced last, and none is there twice.
    let (mut family, mut seen) = (String::new(), std::collections::HashSet::new());
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            family = rest.split(' ').next().unwrap().to_owned();
        } else if !line.starts_with('#') {
            let (key, value) = line.rsplit_once(' ').unwrap();
            assert!(key.starts_with(&family) && value.parse::<f64>().is_ok(), "{line}");
            assert!(seen.insert(key), "{key} is there twice");
        }
    }
    let app = app(port, "a");
    assert_eq!((&app["requests"]["total"], &app["requests"]["by_class"]["5xx"]), (&json!(10), &json!(2)));
    assert!(
        app["isolates"]["now"].as_u64() >= Some(1) && app["memory"]["heap_bytes"].as_u64() > Some(0),
        "{app}"
    );
    server.stop();
}

#[test]
fn applications_come_and_go_at_run_time() {
    let config = r#"{ "watch": false, "threads": 2, "apps": [{ "name": "a", "path": "a.js" }] }"#;
    let dir = Dir::new(&[
        ("a.js", &hello("one")),
        ("b.js", &hello("b")),
        ("broken.js", "export default {"),
        ("nano.jsonc", config),
    ]);
    let file = dir.join("a.js");
    let server = Nano::config(dir, options(&[]));
    let port = admin(&server);
    let change = |method, path, body| {
        let response = ask(port, method, path, Some(TOKEN), body);
        (response.status, json_of(&response))
    };

    let (status, outcome) = change("POST", "/admin/apps", r#"{ "name": "b", "path": "b.js" }"#);
    assert_eq!((status, &outcome["deployed"]), (200, &json!([{ "name": "b", "version": 1 }])), "{outcome}");
    assert_eq!(nano_tests::get(server.port(), "b", "/").text(), "b");
    assert_eq!(app(port, "b")["hosts"], json!(["b"]));

    for (body, words) in [
        (r#"{ "name": "b", "path": "b.js" }"#, "there is an application"),
        (r#"{ "name": "c", "hostname": "a", "path": "b.js" }"#, "another application has the host"),
        (r#"{ "name": "c", "path": "broken.js" }"#, "SyntaxError"),
        (r#"{ "name": "c", "pth": "b.js" }"#, "did you mean \\\"path\\\"?"),
        (r#"{ "name": "c", "path": "b.js" "#, "\"line\":1"),
        ("[]", "an application is an object"),
        ("", ""),
    ] {
        let (status, outcome) = change("POST", "/admin/apps", body);
        assert!(status == 422 && outcome.to_string().contains(words), "{body}: {status} {outcome}");
    }

    assert_eq!(change("DELETE", "/admin/apps/b", "").1["removed"], json!(["b"]));
    assert_eq!(nano_tests::get(server.port(), "b", "/").status, 404);
    assert_eq!(change("DELETE", "/admin/apps/b", "").0, 404);

    assert_eq!(nano_tests::get(server.port(), "a", "/").text(), "one");
    std::fs::write(&file, hello("two")).unwrap();
    assert_eq!(change("POST", "/admin/reload", "").1["deployed"], json!([{ "name": "a", "version": 2 }]));
    assert_eq!(nano_tests::get(server.port(), "a", "/").text(), "two");
    std::fs::write(&file, "export default {").unwrap();
    let (status, outcome) = change("POST", "/admin/reload", "");
    assert!(status == 422 && outcome["problems"][0]["app"] == "a", "{outcome}");
    assert_eq!(nano_tests::get(server.port(), "a", "/").text(), "two");
    assert_eq!(change("POST", "/admin/apps/a/rollback", "").0, 200);
    assert_eq!(nano_tests::get(server.port(), "a", "/").text(), "one");
    server.stop();
}

#[test]
fn readiness_ends_with_the_drain() {
    let code = "export default { fetch: (request) => request.text().then((text) => new Response(text)) };";
    let mut server = Nano::app_with(code, options(&[]));
    let port = admin(&server);
    assert_eq!(ask(port, "GET", "/readyz", None, "").text(), "ready\n");
    let mut slow = server.connect();
    slow.send("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n1");
    // The worker has it when it is told as under way.
    eventually("the request", || {
        let list = json_of(&ask(port, "GET", "/admin/apps", Some(TOKEN), ""));
        (list["apps"][0]["in_flight"] == 1).then_some(())
    });
    server.signal(libc::SIGTERM);
    let draining = eventually("the drain", || {
        let response = ask(port, "GET", "/readyz", None, "");
        (response.status == 503).then(|| response.text())
    });
    assert_eq!(draining, "draining\n");
    assert_eq!(ask(port, "GET", "/healthz", None, "").status, 200);
    assert_eq!(ask(port, "POST", "/admin/reload", Some(TOKEN), "").status, 503);
    assert_eq!(slow.send("2").response().text(), "12");
    assert_eq!(server.wait().code(), Some(0));
}

#[test]
fn what_breaks_the_protocol_is_refused() {
    let server = Nano::dir(Dir::app(&hello("hello")), options(&[]));
    let port = admin(&server);
    let refused = |bytes: &[u8]| Client::connect(port).send(bytes).response().status;
    assert_eq!(refused(b"nonsense\r\n\r\n"), 400);
    let large = format!("POST /admin/apps HTTP/1.1\r\nHost: x\r\nContent-Length: {}\r\n\r\n", (1 << 20) + 1);
    assert_eq!(refused(large.as_bytes()), 413);
    // Many on one connection, one after the other and ahead.
    let mut client = Client::connect(port);
    client.send(request("GET", "/healthz", "x", &[], b"").repeat(3));
    for _ in 0..3 {
        assert_eq!(client.response().text(), "ok\n");
    }
    server.stop();
}

#[test]
fn a_trace_goes_on_through_fetch_and_the_log() {
    let target = Nano::app(
        "export default { fetch: (request) => new Response(`${request.headers.get('traceparent')} ${request.headers.get('tracestate')}`) };",
    );
    let code = "export default { async fetch(request) {
        await null;
        const own = new URL(request.url).searchParams.get('own');
        return fetch(request.headers.get('x-target'), own ? { headers: { TraceParent: own } } : {});
    } };";
    let server = Nano::app(code);
    let url = format!("http://127.0.0.1:{}/", target.port());
    let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let mut client = server.connect();
    let mut asked = |path: &str, headers: &[(&str, &str)]| {
        let headers = [&[("X-Target", &*url)], headers].concat();
        client.send(request("GET", path, "x", &headers, b"")).response().text()
    };
    assert_eq!(asked("/", &[("Traceparent", parent), ("Tracestate", "a=1")]), format!("{parent} a=1"));
    let line = server.log.wait_for("\"type\":\"request\"");
    assert!(line.contains("\"trace\":\"4bf92f3577b34da6a3ce929d0e0e4736\""), "{line}");
    // What is not valid is not passed on; what the application says itself is its own.
    assert_eq!(asked("/", &[("Traceparent", "00-0-0-00"), ("Tracestate", "a=1")]), "null null");
    assert_eq!(asked("/", &[]), "null null");
    assert_eq!(asked("/?own=mine", &[("Traceparent", parent)]), "mine null");
    server.stop();
    target.stop();
}

/// In Debian's chromium: what the page shows of a server that has answered requests.
#[test]
fn the_page_shows_applications_in_a_browser() {
    let chromium = ["chromium", "chromium-browser", "google-chrome"]
        .iter()
        .find(|name| {
            Command::new(name).arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status().is_ok()
        })
        .expect("chromium is not installed: cargo xtask setup installs it, or apt-get install chromium");
    let config = r#"{ "watch": false, "threads": 2, "apps": [
        { "name": "shop", "path": "a.js" }, { "name": "blog", "hostname": "*.blog.example", "path": "a.js" }] }"#;
    let dir = Dir::new(&[("a.js", &hello("hello")), ("nano.jsonc", config)]);
    let server = Nano::config(dir, options(&["--no-request-log"]));
    let port = admin(&server);
    for _ in 0..7 {
        nano_tests::get(server.port(), "shop", "/");
    }
    let profile = tempfile::tempdir().unwrap();
    let browse = |fragment: &str| {
        let output = Command::new(chromium)
            .args([
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--no-first-run",
                "--virtual-time-budget=4000",
                "--dump-dom",
            ])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .arg(format!("http://127.0.0.1:{port}/{fragment}"))
            .output()
            .expect("chromium runs");
        let (dom, errors) =
            (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{errors}");
        // A script or style that the Content-Security-Policy refuses is told on the console.
        assert!(!errors.contains("Content Security Policy"), "{errors}");
        dom.into_owned()
    };
    let dom = browse("#token=correct%20horse");
    for words in ["ready · version", "shop<small> shop</small>", "blog<small> *.blog.example</small>", "<svg"]
    {
        assert!(dom.contains(words), "{words:?} is not in\n{dom}");
    }
    assert!(dom.contains("<form id=\"login\" hidden=\"\">"), "{dom}");
    let dom = browse("#token=wrong");
    assert!(
        dom.contains("the token is missing or wrong") && dom.contains("<main id=\"main\" hidden=\"\">"),
        "{dom}"
    );
    server.stop();
}

#[test]
fn top_prints_one_table_for_scripts() {
    let server = Nano::dir(Dir::app(&hello("hello")), options(&["--no-request-log"]));
    let port = admin(&server);
    server.connect().get("/");
    let address = format!("127.0.0.1:{port}");
    let top = |token: Option<&str>| {
        let mut command = Command::new(nano());
        command.args(["top", "--once", "--admin", &address]).env_remove("NANO_ADMIN_TOKEN");
        if let Some(token) = token {
            command.args(["--token-env", "TOKEN"]).env("TOKEN", token);
        }
        let output = command.output().unwrap();
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.code(), text(&output.stdout), text(&output.stderr))
    };
    let name = app_name(port);
    let (code, table, errors) = top(Some(TOKEN));
    assert_eq!(code, Some(0), "{errors}");
    assert!(table.contains("APPLICATION") && table.lines().any(|line| line.starts_with(&name)), "{table}");
    // Nothing for terminals in what scripts read.
    assert!(!table.contains('\u{1b}'), "{table:?}");
    let (code, _, errors) = top(Some("wrong"));
    assert!(code == Some(1) && errors.contains("the token is missing or wrong"), "{errors}");
    let (code, _, errors) = top(None);
    assert!(code == Some(2) && errors.contains("NANO_ADMIN_TOKEN"), "{errors}");
    server.stop();
}

fn app_name(port: u16) -> String {
    json_of(&ask(port, "GET", "/admin/apps", Some(TOKEN), ""))["apps"][0]["name"].as_str().unwrap().to_owned()
}
