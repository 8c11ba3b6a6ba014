//! Tenants that misbehave: each is stopped by the limit that is there for it, with the status that the
//! documentation gives, and its neighbour on the same thread is served all the time. Memory has tests of its
//! own (`memory.rs`), and so have clients (`hostile.rs`).

use nano_tests::{Client, Dir, Nano, Options, Response, get, request};
use std::io;
use std::net::TcpListener;
use std::time::Duration;

const HOSTILE: &str = include_str!("hostile_tenants.js");
const NEIGHBOUR: &str = "let n = 0; export default { fetch() { return new Response(`neighbour ${++n}`); } };";

/// How long a tenant may take to come to its limit on a busy machine.
const LONG: Duration = Duration::from_secs(120);

/// A server with one thread: a tenant of this code with these limits, and a neighbour.
fn server(code: &str, limits: &str) -> Nano {
    serve(&["tenant".to_owned()], code, limits)
}

/// The same with several tenants: each has failures of its own to wait for.
fn serve(tenants: &[String], code: &str, limits: &str) -> Nano {
    let mut apps = String::from(r#"{ "name": "neighbour", "path": "neighbour.js" }"#);
    for name in tenants {
        apps.push_str(&format!(r#", {{ "name": "{name}", "path": "tenant.js", {limits} }}"#));
    }
    let config = format!(r#"{{ "apps": [{apps}] }}"#);
    let dir = Dir::new(&[("tenant.js", code), ("neighbour.js", NEIGHBOUR), ("nano.jsonc", &config)]);
    Nano::config(dir, Options::args(&["--threads", "1", "--no-request-log", "--log-format", "json"]))
}

const LIMITS: &str =
    r#""timeout_ms": 150, "wall_timeout_ms": 2000, "memory_mb": 64, "fetch": { "allow_private": true }"#;

fn ask(port: u16, target: &str) -> Client {
    ask_of(port, "tenant", target)
}

fn ask_of(port: u16, tenant: &str, target: &str) -> Client {
    let mut client = Client::connect(port);
    client.stream().set_read_timeout(Some(LONG)).unwrap();
    client.send(request("GET", target, tenant, &[], b""));
    client
}

/// The tenant's answer, while the neighbour is asked again and again and answers.
fn answer_beside_neighbour(server: &Nano, tenant: &str, target: &str) -> io::Result<(Response, u64)> {
    let mut neighbour = server.connect();
    neighbour.stream().set_read_timeout(Some(LONG))?;
    let question = request("GET", "/", "neighbour", &[], b"");
    let mut tenant = ask_of(server.port(), tenant, target);
    tenant.stream().set_nonblocking(true)?;
    let mut answers = 0;
    loop {
        neighbour.try_send(&question)?;
        let response = neighbour.try_response()?;
        assert_eq!(response.status, 200, "the neighbour's: {}", response.text());
        answers += 1;
        match tenant.try_response() {
            Ok(response) => return Ok((response, answers)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(error),
        }
    }
}

/// Waits until the tenant is served: it may have to wait after its failures, and recovers by itself.
fn recovered(port: u16, tenant: &str) {
    let until = std::time::Instant::now() + LONG;
    loop {
        let response = get(port, tenant, "/");
        if response.status == 200 {
            assert_eq!(response.text(), "ok");
            return;
        }
        assert_eq!(response.status, 503, "{}", response.text());
        assert!(response.header("retry-after").is_some(), "{response:?}");
        assert!(std::time::Instant::now() < until, "it does not recover");
        // As it was told, though sooner: nothing else says when.
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn names(kind: &str) -> Vec<String> {
    let server = server(HOSTILE, LIMITS);
    let text = get(server.port(), "tenant", "/names").text();
    server.stop();
    let list =
        text.split(&format!("\"{kind}\":[")).nth(1).expect("a list").split(']').next().expect("its end");
    list.split(',').map(|name| name.trim_matches('"').to_owned()).collect()
}

/// Every way of a kind, each beside the neighbour, on one server; what is wrong.
fn misbehave(kind: &str, wanted: impl Fn(&str, &Response) -> bool) {
    let names = names(kind);
    assert!(names.len() > 3, "{names:?}");
    let mut server = serve(&names, HOSTILE, LIMITS);
    let mut problems = Vec::new();
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    for name in &names {
        recovered(server.port(), name);
        match answer_beside_neighbour(&server, name, &format!("/{name}?port={port}")) {
            Ok((response, answers)) => {
                println!("{name}: {} after {answers} answers of the neighbour", response.status);
                if !wanted(name, &response) {
                    problems.push(format!("{name}: {} {}", response.status, response.text()));
                }
            }
            Err(error) => problems.push(format!("{name}: {error}")),
        }
        if let Err(how) = server.alive() {
            problems.push(format!("{name}: {how}"));
            break;
        }
    }
    assert!(problems.is_empty(), "{} of {}:\n{}", problems.len(), names.len(), problems.join("\n"));
    for name in &names {
        recovered(server.port(), name);
    }
    server.stop();
}

#[test]
fn who_computes_without_end_is_stopped_by_its_cpu_limit() {
    misbehave("cpu", |name, response| {
        // What works on other threads does so at a low priority: where the machine has other things to do,
        // its time may be over before it has had so much of the processor.
        let waits = matches!(name, "digests" | "keys") && response.status == 504;
        waits || response.status == 503 && response.text().contains("CPU time")
    });
}

#[test]
fn who_does_not_answer_is_answered_for() {
    misbehave("wall", |_, response| response.status == 504);
}

#[test]
fn what_else_a_tenant_tries_is_answered() {
    misbehave("answered", |name, response| match name {
        "stack-caught" => response.status == 200,
        // What they do is much: a slow machine does not end it within the CPU time that they have here.
        "logs" | "many-timers" => {
            response.status == 200 || response.status == 503 && response.text().contains("CPU time")
        }
        "fetches" => response.status == 200 && response.text() != "0" || response.status == 503,
        // It may take all the time that there is, as may making the text of a thrown thing.
        "stack-proxy" | "stack-regexp" | "stack-json" => matches!(response.status, 200 | 500 | 503),
        "revoked" | "throws-in-getter" | "pollution" | "stack-toString" => {
            matches!(response.status, 500 | 503)
        }
        _ => response.status == 500,
    });
}

#[test]
fn a_request_that_is_late_is_aborted_and_forgotten() {
    let server = server(
        HOSTILE,
        r#""timeout_ms": 5000, "wall_timeout_ms": 200, "max_concurrent_requests": 2, "max_queued_requests": 0"#,
    );
    assert_eq!(get(server.port(), "tenant", "/aborted").text(), "never");
    // More than may be under way at a time, one after the other: none of them stays.
    for _ in 0..5 {
        let response = ask(server.port(), "/signal").response();
        assert_eq!(response.status, 504, "{}", response.text());
    }
    assert_eq!(get(server.port(), "tenant", "/aborted").text(), "TimeoutError");
    server.stop();
}

#[test]
fn what_wait_until_never_ends_is_given_up() {
    let code = r#"
export default {
  fetch(request, env, context) {
    if (new URL(request.url).pathname === "/keep") context.waitUntil(new Promise(() => {}));
    return new Response("ok");
  },
};
"#;
    let server =
        server(code, r#""wall_timeout_ms": 200, "max_concurrent_requests": 1, "max_queued_requests": 0"#);
    assert_eq!(get(server.port(), "tenant", "/keep").text(), "ok");
    server.log.wait_for("waitUntil() is given up");
    assert_eq!(get(server.port(), "tenant", "/").text(), "ok");
    server.stop();
}

#[test]
fn a_module_that_never_comes_to_its_end_is_stopped() {
    let server = server("for (;;);", r#""timeout_ms": 150"#);
    let (response, answers) = answer_beside_neighbour(&server, "tenant", "/").unwrap();
    assert_eq!(response.status, 503, "{}", response.text());
    assert!(answers > 0);
    server.stop();
}

#[test]
fn requests_of_the_same_isolate_fail_with_it_and_the_next_gets_another() {
    let code = r#"
let n = 0;
export default {
  async fetch(request) {
    n++;
    switch (new URL(request.url).pathname) {
      case "/wait": console.log("waiting"); await new Promise(() => {});
      case "/loop": for (;;);
    }
    return new Response(`ok ${n}`);
  },
};
"#;
    let server = server(code, r#""timeout_ms": 150"#);
    let mut waiting = ask(server.port(), "/wait");
    server.log.wait_for("waiting");
    assert_eq!(ask(server.port(), "/loop").response().status, 503);
    assert_eq!(waiting.response().status, 503);
    assert_eq!(get(server.port(), "tenant", "/").text(), "ok 1", "an isolate of its own");
    server.stop();
}

#[test]
fn many_short_runs_count_as_one_long_one() {
    // Each timer's run is short; nobody sees it twice. Two requests take turns: the one that works is told
    // from the one that waits.
    let code = r#"
const spin = (ms) => { const end = performance.now() + ms; while (performance.now() < end); };
export default {
  async fetch(request) {
    if (new URL(request.url).pathname === "/work") {
      for (;;) { spin(0.3); await new Promise((done) => setTimeout(done, 0)); }
    }
    return new Response("ok");
  },
};
"#;
    let server = server(code, r#""timeout_ms": 300, "wall_timeout_ms": 60000"#);
    let (response, _) = answer_beside_neighbour(&server, "tenant", "/work").unwrap();
    assert_eq!(response.status, 503, "{}", response.text());
    assert!(response.text().contains("CPU time"), "{}", response.text());
    server.stop();
}

#[test]
fn who_fails_again_and_again_backs_off_and_recovers() {
    let server = server(HOSTILE, r#""timeout_ms": 20"#);
    let mut refused = None;
    for _ in 0..8 {
        let response = ask(server.port(), "/loop").response();
        assert_eq!(response.status, 503);
        if let Some(after) = response.header("retry-after") {
            refused = Some(after);
            break;
        }
    }
    let after: u64 = refused.expect("it is refused after some failures").parse().expect("seconds");
    assert!((1..=30).contains(&after), "{after}");
    recovered(server.port(), "tenant");
    server.stop();
}

#[test]
fn requests_beyond_the_limit_wait_and_those_beyond_the_queue_are_refused() {
    let code = r#"
export default {
  async fetch(request) {
    if (new URL(request.url).pathname === "/hold") { console.log("holding"); await new Promise(() => {}); }
    return new Response("ok");
  },
};
"#;
    let server = server(code, r#""max_concurrent_requests": 2, "max_queued_requests": 1"#);
    let first = ask(server.port(), "/hold");
    let _second = ask(server.port(), "/hold");
    server.log.wait_count("holding", 2);
    let mut waiting = [ask(server.port(), "/"), ask(server.port(), "/")];
    // One of them waits, the other is refused: which one, the system decides.
    let refused = loop {
        let mut found = None;
        for (index, client) in waiting.iter_mut().enumerate() {
            client.stream().set_nonblocking(true).unwrap();
            match client.try_response() {
                Ok(response) => found = Some((index, response)),
                Err(error) => assert_eq!(error.kind(), io::ErrorKind::WouldBlock, "{error}"),
            }
            client.stream().set_nonblocking(false).unwrap();
        }
        if let Some(found) = found {
            break found;
        }
        std::thread::yield_now();
    };
    assert_eq!(refused.1.status, 503);
    assert_eq!(refused.1.header("retry-after").as_deref(), Some("1"));
    // The neighbour has a door of its own.
    assert_eq!(get(server.port(), "neighbour", "/").status, 200);
    first.reset();
    assert_eq!(waiting[1 - refused.0].response().text(), "ok", "there is room for who waited");
    server.stop();
}

#[test]
fn a_flood_of_log_lines_is_cut_and_counted() {
    let server = server(HOSTILE, r#""log_lines_per_second": 50, "log_kb_per_second": 128"#);
    assert_eq!(get(server.port(), "tenant", "/logs").text(), "printed");
    let line = server.log.wait_for("lines of the console were dropped");
    let count = server.log.all().iter().filter(|line| line.contains("flood")).count();
    assert!((1..=500).contains(&count), "{count} lines");
    assert!(line.contains("tenant"), "{line}");
    server.stop();
}
