//! Spans of requests and their fetches, as a collector gets them over its socket.

use nano_tests::{Dir, Nano, Options, PATIENCE, get, request};
use serde_json::Value;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};

/// One request that a server of the test has got: its first line, its fields, its body.
struct Got {
    line: String,
    fields: String,
    body: Vec<u8>,
}

/// A server that answers each request with this status, and tells of it.
fn listen(status: u16) -> (u16, Receiver<Got>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (told, got) = channel();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let told = told.clone();
            std::thread::spawn(move || answer(&stream, status, &told));
        }
    });
    (port, got)
}

fn answer(stream: &TcpStream, status: u16, told: &Sender<Got>) -> Option<()> {
    let mut reader = BufReader::new(stream);
    loop {
        let (mut line, mut fields) = (String::new(), String::new());
        reader.read_line(&mut line).ok().filter(|count| *count > 0)?;
        while !fields.ends_with("\r\n\r\n") && fields != "\r\n" {
            reader.read_line(&mut fields).ok().filter(|count| *count > 0)?;
        }
        let fields = fields.to_lowercase();
        let length = fields.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
        let mut body = vec![0; length.unwrap_or(0)];
        reader.read_exact(&mut body).ok()?;
        let answer = format!("HTTP/1.1 {status} So\r\nContent-Length: 2\r\n\r\n{{}}");
        (&*stream).write_all(answer.as_bytes()).ok()?;
        told.send(Got { line, fields, body }).ok()?;
    }
}

/// Spans that have come: each with the service that it belongs to.
fn spans(got: &Got) -> Vec<(String, Value)> {
    assert!(got.line.starts_with("POST /v1/traces HTTP/1.1"), "{}", got.line);
    assert!(got.fields.contains("content-type: application/json"), "{}", got.fields);
    let json: Value = serde_json::from_slice(&got.body).unwrap();
    let mut spans = Vec::new();
    for resource in json["resourceSpans"].as_array().unwrap() {
        let service = &resource["resource"]["attributes"][0];
        assert_eq!(service["key"], "service.name");
        for span in resource["scopeSpans"][0]["spans"].as_array().unwrap() {
            spans.push((service["value"]["stringValue"].as_str().unwrap().to_owned(), span.clone()));
        }
    }
    spans
}

fn attribute<'a>(span: &'a Value, key: &str) -> &'a Value {
    let all = span["attributes"].as_array().unwrap();
    let found = all.iter().find(|attribute| attribute["key"] == key);
    let value = &found.unwrap_or_else(|| panic!("no {key} in {span}"))["value"];
    value.get("stringValue").unwrap_or(&value["intValue"])
}

const APP: &str = r#"
export default {
  async fetch(request, env) {
    const { pathname } = new URL(request.url);
    if (pathname === "/throw") throw new Error("on purpose");
    if (pathname === "/fetch") await (await fetch(`http://127.0.0.1:${env.PORT}/there?x`)).text();
    return new Response("done");
  },
};
"#;

fn serve(collector: u16, upstream: u16, telemetry: &str) -> Nano {
    let config = format!(
        r#"{{ "telemetry": {{ "endpoint": "http://127.0.0.1:{collector}/"{telemetry} }}, "apps": [
          {{ "name": "app", "path": "app.js", "env": {{ "PORT": {upstream} }}, "fetch": {{ "allow_private": true }} }} ] }}"#
    );
    let dir = Dir::new(&[("app.js", APP), ("nano.jsonc", &config)]);
    Nano::config(dir, Options::args(&["--threads", "1", "--admin", "127.0.0.1:0"]))
}

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

#[test]
fn spans_of_requests_and_their_fetches_reach_the_collector() {
    let (collector, posts) = listen(200);
    let (upstream, asked) = listen(204);
    let server = serve(collector, upstream, r#", "headers": { "x-key": "k1" }"#);
    let parent = format!("00-{TRACE}-00f067aa0ba902b7-01");
    let fields = [("traceparent", &*parent), ("tracestate", "a=1")];
    let answer = server.connect().send(request("GET", "/fetch?q=1", "app", &fields, b"")).response();
    assert_eq!(answer.text(), "done");
    let mut all = Vec::new();
    while all.len() < 2 {
        let got = posts.recv_timeout(PATIENCE).unwrap();
        assert!(got.fields.contains("x-key: k1"), "{}", got.fields);
        all.extend(spans(&got));
    }
    assert!(all.iter().all(|(service, span)| service == "app" && span["traceId"] == TRACE), "{all:?}");
    let find = |kind| &all.iter().find(|(_, span)| span["kind"] == kind).expect("a span of each kind").1;
    let (ours, theirs) = (find(2), find(3));
    assert_eq!(ours["parentSpanId"], "00f067aa0ba902b7");
    assert_eq!(ours["name"], "GET");
    assert_eq!(attribute(ours, "url.path"), "/fetch");
    assert_eq!(attribute(ours, "url.query"), "q=1");
    assert_eq!(attribute(ours, "http.response.status_code"), "200");
    assert_eq!(theirs["parentSpanId"], ours["spanId"]);
    assert_eq!(attribute(theirs, "http.response.status_code"), "204");
    assert_eq!(attribute(theirs, "url.full"), &*format!("http://127.0.0.1:{upstream}/there?x"));
    // The other server knows whose child it is.
    let asked = asked.recv_timeout(PATIENCE).unwrap();
    let passed = format!("traceparent: 00-{TRACE}-{}-01", theirs["spanId"].as_str().unwrap());
    assert!(asked.fields.contains(&passed) && asked.fields.contains("tracestate: a=1"), "{}", asked.fields);
    let time = |span: &Value, key: &str| span[key].as_str().unwrap().parse::<u64>().unwrap();
    for span in [ours, theirs] {
        assert!(time(span, "endTimeUnixNano") >= time(span, "startTimeUnixNano"));
    }
    assert!(time(theirs, "startTimeUnixNano") >= time(ours, "startTimeUnixNano"));
    server.stop();
}

#[test]
fn what_is_over_when_the_server_ends_is_sent() {
    let (collector, posts) = listen(200);
    let server = serve(collector, 1, "");
    assert_eq!(get(server.port(), "app", "/throw").status, 500);
    assert_eq!(get(server.port(), "nobody", "/").status, 404);
    // One that its client does not want to be recorded.
    let fields = [("traceparent", &*format!("00-{TRACE}-00f067aa0ba902b7-00"))];
    server.connect().send(request("GET", "/", "app", &fields, b"")).response();
    server.stop();
    let mut all = Vec::new();
    while all.len() < 2 {
        all.extend(spans(&posts.recv_timeout(PATIENCE).unwrap()));
    }
    assert!(posts.try_recv().is_err() && all.len() == 2, "{all:?}");
    let failed = &all.iter().find(|(service, _)| service == "app").unwrap().1;
    assert_eq!(failed["status"]["code"], 2);
    assert_eq!(attribute(failed, "error.type"), "500");
    assert!(failed.get("parentSpanId").is_none());
    let unrouted = &all.iter().find(|(service, _)| service == "nano").unwrap().1;
    assert_eq!(attribute(unrouted, "http.response.status_code"), "404");
}

#[test]
fn a_collector_that_fails_holds_nobody_up_and_what_is_lost_is_counted() {
    let (collector, posts) = listen(400);
    let server = serve(collector, 1, "");
    for _ in 0..50 {
        assert_eq!(get(server.port(), "app", "/").text(), "done");
    }
    posts.recv_timeout(PATIENCE).unwrap();
    let admin = server.errors.wait("the administration's address", |line| {
        line.split("administration at http://").nth(1)?.rsplit(':').next()?.trim().parse().ok()
    });
    let until = std::time::Instant::now() + PATIENCE;
    while !get(admin, "admin", "/metrics").text().contains("nano_telemetry_spans_total{result=\"failed\"} 50")
    {
        assert!(std::time::Instant::now() < until, "{}", get(admin, "admin", "/metrics").text());
        std::thread::yield_now();
    }
    assert_eq!(get(server.port(), "app", "/").text(), "done");
    server.stop();
}

/// What is not there answers nobody.
#[test]
fn a_collector_that_is_not_there_keeps_no_server_from_ending() {
    let server = serve(1, 1, "");
    assert_eq!(get(server.port(), "app", "/").text(), "done");
    server.stop();
}
