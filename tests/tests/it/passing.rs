//! Bodies that an application passes on untouched, from its fetch to its client and the other way, which go past JavaScript: they
//! arrive as they were, they break off where they broke off, and neither side runs ahead of the other.

use crate::fetching::{PASS_ON, answer, head, upstream, wait_for_end, wait_until};
use nano_tests::{Client, Nano, PATIENCE, Pattern, get, request};
use std::io::{BufReader, ErrorKind, Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::thread;

/// What an upstream says for each path.
fn serve(mut stream: BufReader<TcpStream>) {
    while let Some(lines) = head(&mut stream) {
        let path = lines[0].split(' ').nth(1).unwrap().to_owned();
        let mut send = |bytes: &[u8]| drop(stream.get_mut().write_all(bytes));
        match &*path {
            "/whole" => send(b"HTTP/1.1 200 OK\r\nx-from: upstream\r\ncontent-length: 5\r\n\r\nwhole"),
            "/chunked" => send(
                b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nchu\r\n4;x=y\r\nnked\r\n0\r\nT: 1\r\n\r\n",
            ),
            "/trailer" => send(
                b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntrailer: T\r\nte: trailers\r\n\r\n\
                  3\r\nabc\r\n0\r\nT: 1\r\n\r\n",
            ),
            "/empty" => send(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"),
            // The rest comes when the client has the first part, and asks.
            "/half" | "/cut" | "/cut-chunk" => {
                let framing =
                    if path == "/cut-chunk" { "transfer-encoding: chunked" } else { "content-length: 8" };
                send(format!("HTTP/1.1 200 OK\r\n{framing}\r\n\r\n").as_bytes());
                send(if path == "/cut-chunk" { b"4\r\nhalf\r\n" } else { b"half" });
                let mut more = [0];
                let _ = stream.get_mut().set_read_timeout(Some(PATIENCE));
                GO.wait_for(&path);
                if path == "/half" {
                    let _ = stream.get_mut().write_all(b"more");
                } else {
                    let _ = stream.get_mut().shutdown(std::net::Shutdown::Both);
                    let _ = stream.read(&mut more);
                    return;
                }
            }
            "/cut-at-once" => {
                send(b"HTTP/1.1 200 OK\r\ncontent-length: 8\r\n\r\nhalf");
                return;
            }
            "/gzip" => send(
                b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 25\r\n\r\n\
                  \x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03K\xccMM,\x02\x00\x03\xc5\xcd'\x05\x00\x00\x00",
            ),
            "/stall" => {
                send(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf");
                wait_for_end(&mut stream);
                return;
            }
            _ => answer(&mut stream, &lines[0]),
        }
    }
}

/// A path's permission to go on.
struct Go(std::sync::Mutex<Vec<String>>, std::sync::Condvar);

static GO: Go = Go(std::sync::Mutex::new(Vec::new()), std::sync::Condvar::new());

impl Go {
    fn give(&self, path: &str) {
        self.0.lock().unwrap().push(path.to_owned());
        self.1.notify_all();
    }

    fn wait_for(&self, path: &str) {
        let mut given = self.0.lock().unwrap();
        loop {
            if let Some(at) = given.iter().position(|other| other == path) {
                given.remove(at);
                return;
            }
            let (next, late) = self.1.wait_timeout(given, PATIENCE).unwrap();
            assert!(!late.timed_out(), "nobody lets {path} go on");
            given = next;
        }
    }
}

fn ask(client: &mut Client, method: &str, path: &str, port: u16) {
    let separator = if path.contains('?') { '&' } else { '?' };
    client.send(request(method, &format!("{path}{separator}port={port}"), "a", &[], b""));
}

#[test]
fn what_is_passed_on_arrives_as_it_was() {
    let (port, _) = upstream(serve);
    let code = r#"
export default {
  async fetch(request) {
    const { pathname, searchParams } = new URL(request.url);
    const response = await fetch(`http://127.0.0.1:${searchParams.get("port")}${pathname}`);
    switch (searchParams.get("how")) {
      case "new": return new Response(response.body, { status: 201, headers: { "x-new": "yes", "content-length": response.headers.get("content-length") } });
      case "touched": response.body; return response;
      case "headers": return new Response(response.body, response);
      case "clone": return response.clone();
    }
    return response;
  },
};
"#;
    let server = Nano::app(code);
    let mut client = server.connect();
    for how in ["plain", "new", "touched", "headers", "clone"] {
        ask(&mut client, "GET", &format!("/whole?how={how}"), port);
        let response = client.response();
        assert_eq!(response.text(), "whole", "{how}");
        if !matches!(how, "clone") {
            assert_eq!(response.header("content-length").as_deref(), Some("5"), "{how}");
        }
        assert_eq!(response.status, if how == "new" { 201 } else { 200 });
        let expected = (how != "new").then_some("upstream");
        assert_eq!(response.header("x-from").as_deref(), expected, "{how}");
        ask(&mut client, "GET", &format!("/chunked?how={how}"), port);
        // For "new", the length that is set is "null", which is none.
        assert_eq!(client.response().text(), "chunked", "{how}");
        if how != "new" {
            GO.give("/half");
            ask(&mut client, "GET", &format!("/half?how={how}"), port);
            assert_eq!(client.response().text(), "halfmore", "{how}");
        }
        ask(&mut client, "HEAD", &format!("/whole?how={how}"), port);
        let response = client.head().unwrap();
        assert_eq!(response.header("content-length").as_deref(), Some("5"), "{how}");
    }
    for path in ["/empty", "/gzip"] {
        ask(&mut client, "GET", path, port);
        let response = client.response();
        assert_eq!(response.text(), if path == "/empty" { "" } else { "amear" });
        assert_eq!(response.header("content-encoding"), None);
    }
    server.stop();
}

#[test]
fn trailer_fields_are_not_announced_without_trailers() {
    let (port, _) = upstream(serve);
    let code = r#"
export default {
  async fetch(request) {
    const { searchParams } = new URL(request.url);
    if (searchParams.get("how") === "own") return new Response("own", { headers: { trailer: "T", te: "trailers", "x-own": "1" } });
    const response = await fetch(`http://127.0.0.1:${searchParams.get("port")}/trailer`);
    return searchParams.get("how") === "touched" ? new Response(response.body, response) : response;
  },
};
"#;
    let server = Nano::app(code);
    let mut client = server.connect();
    for how in ["plain", "touched", "own"] {
        ask(&mut client, "GET", &format!("/?how={how}"), port);
        let response = client.response();
        assert_eq!(response.text(), if how == "own" { "own" } else { "abc" });
        assert_eq!((response.header("trailer"), response.header("te")), (None, None), "{how}");
    }
    server.stop();
}

#[test]
fn what_breaks_off_is_never_complete() {
    let (port, _) = upstream(serve);
    let server = Nano::app(PASS_ON);
    for path in ["/cut", "/cut-chunk"] {
        let mut client = server.connect();
        ask(&mut client, "GET", path, port);
        let response = client.head().unwrap();
        assert_eq!(client.some().unwrap().ends_with(b"half"), path == "/cut", "{path}");
        GO.give(path);
        let broken = client.body(&response, |_| {});
        assert!(broken.is_err(), "{path}: {broken:?}");
        server.log.wait_for("fetch failed");
    }
    // What was broken before anything was sent is an error that the client sees.
    let mut client = server.connect();
    ask(&mut client, "GET", "/cut-at-once", port);
    match client.head() {
        Ok(head) if head.status == 500 => {}
        Ok(head) => assert!(client.body(&head, |_| {}).is_err()),
        Err(error) => assert_ne!(error.kind(), ErrorKind::WouldBlock),
    }
    server.stop();
}

#[test]
fn a_signal_ends_what_is_being_passed_on() {
    let (port, open) = upstream(serve);
    let code = r#"
let controller;
export default {
  fetch(request) {
    const { pathname, searchParams } = new URL(request.url);
    if (pathname === "/abort") {
      controller.abort();
      return new Response("aborted");
    }
    controller = new AbortController();
    request.signal.addEventListener("abort", () => console.log("the client has left"));
    return fetch(`http://127.0.0.1:${searchParams.get("port")}${pathname}`, { signal: controller.signal });
  },
};
"#;
    let server = Nano::app(code);
    let before = server.usage().files;
    let mut client = server.connect();
    ask(&mut client, "GET", "/stall", port);
    let response = client.head().unwrap();
    assert_eq!(client.some().unwrap(), b"half");
    assert_eq!(get(server.port(), "a", "/abort").text(), "aborted");
    assert!(client.body(&response, |_| {}).is_err(), "it broke off");
    wait_until("the connection's end", || open.load(Ordering::SeqCst) == 0);
    // And the client's own end aborts its request's signal, as it does for any response.
    let mut client = server.connect();
    ask(&mut client, "GET", "/stall", port);
    client.head().unwrap();
    assert_eq!(client.some().unwrap(), b"half");
    client.reset();
    server.log.wait_for("the client has left");
    wait_until("the connection's end", || open.load(Ordering::SeqCst) == 0);
    server.wait_usage("files are closed", |usage| usage.files <= before);
    // A signal that outlives many responses is not left with what it could have aborted.
    let mut client = server.connect();
    for _ in 0..10 {
        ask(&mut client, "GET", "/whole", port);
        assert_eq!(client.response().text(), "whole");
    }
    server.stop();
}

#[test]
fn a_body_ends_with_the_request_that_its_fetch_was_made_for() {
    let (port, open) = upstream(serve);
    let code = r#"
let kept, release;
export default {
  async fetch(request) {
    const { pathname, searchParams } = new URL(request.url);
    if (pathname === "/keep") {
      kept = await fetch(`http://127.0.0.1:${searchParams.get("port")}/stall`);
      await new Promise((resolve) => release = resolve);
      return new Response("kept");
    }
    if (pathname === "/release") {
      release();
      return new Response("released");
    }
    return kept;
  },
};
"#;
    let server = Nano::app(code);
    let mut keeper = server.connect();
    ask(&mut keeper, "GET", "/keep", port);
    wait_until("the fetch", || open.load(Ordering::SeqCst) == 1);
    let mut client = server.connect();
    let response = loop {
        ask(&mut client, "GET", "/other", port);
        let response = client.head().unwrap();
        if response.status == 200 {
            break response;
        }
        client.body(&response, |_| {}).unwrap();
    };
    assert_eq!(client.some().unwrap(), b"half");
    assert_eq!(get(server.port(), "a", "/release").text(), "released");
    assert_eq!(keeper.response().text(), "kept");
    assert!(client.body(&response, |_| {}).is_err(), "it broke off");
    wait_until("the connection's end", || open.load(Ordering::SeqCst) == 0);
    server.stop();
}

#[test]
fn neither_side_runs_ahead_of_the_other() {
    let sent = Arc::new(AtomicU64::new(0));
    let read = Arc::new(AtomicU64::new(0));
    let (sent_by, read_by) = (Arc::clone(&sent), Arc::clone(&read));
    let (port, _) = upstream(move |mut stream| {
        let Some(lines) = head(&mut stream) else { return };
        if lines[0].starts_with("POST") {
            // Reads nothing until it may.
            GO.wait_for("upload");
            let mut piece = vec![0; 64 << 10];
            while let Ok(count @ 1..) = stream.read(&mut piece) {
                read_by.fetch_add(count as u64, Ordering::SeqCst);
            }
            return;
        }
        let _ = stream.get_mut().write_all(b"HTTP/1.1 200 OK\r\n\r\n");
        while let Ok(count) = stream.get_mut().write(&[7; 16 << 10]) {
            sent_by.fetch_add(count as u64, Ordering::SeqCst);
        }
    });
    let code = r#"
export default {
  fetch(request) {
    const { pathname, searchParams } = new URL(request.url);
    if (pathname === "/turn") return new Response("turned");
    return fetch(`http://127.0.0.1:${searchParams.get("port")}${pathname}`, request);
  },
};
"#;
    let server = Nano::app(code);
    let mut client = server.connect();
    ask(&mut client, "GET", "/endless", port);
    // What the sockets' buffers on the way hold, and some hundred KB of the server's own; then it stands still.
    let response = client.head().unwrap();
    assert_eq!(response.status, 200);
    let ahead = settled(&server, &sent);
    assert!(ahead < 24 << 20, "{ahead} bytes ahead of a client that does not read");
    let mut taken = 0;
    while taken < ahead + (1 << 20) {
        taken += client.some().unwrap().len() as u64;
    }
    drop(client);
    // The same for what is sent to an upstream that does not read.
    let mut client = server.connect();
    client.send(format!(
        "POST /upload?port={port} HTTP/1.1\r\nhost: a\r\ncontent-length: {}\r\n\r\n",
        99u64 << 20
    ));
    let sender = client.sender();
    let pushed = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&pushed);
    let writer = thread::spawn(move || {
        let mut sender = sender;
        while let Ok(count) = sender.write(&[7; 16 << 10]) {
            counter.fetch_add(count as u64, Ordering::SeqCst);
        }
    });
    let ahead = settled(&server, &pushed);
    assert!(ahead < 24 << 20, "{ahead} bytes ahead of an upstream that does not read");
    GO.give("upload");
    wait_until("what was held up", || read.load(Ordering::SeqCst) > ahead + (1 << 20));
    client.stream().shutdown(std::net::Shutdown::Both).unwrap();
    writer.join().unwrap();
    drop(client);
    server.stop();
}

/// The counter's value once it stands still, while the server goes round its loop.
fn settled(server: &Nano, counter: &AtomicU64) -> u64 {
    let mut watcher = server.connect();
    let (mut last, mut same) = (u64::MAX, 0);
    while same < 200 {
        assert_eq!(watcher.get("/turn").text(), "turned");
        let now = counter.load(Ordering::SeqCst);
        same = if now == last { same + 1 } else { 0 };
        last = now;
    }
    last
}

#[test]
fn an_upload_that_breaks_off_is_never_complete() {
    let outcomes = Arc::new(std::sync::Mutex::new(Vec::new()));
    let seen = Arc::clone(&outcomes);
    let arrived = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&arrived);
    let (port, open) = upstream(move |mut stream| {
        let Some(_) = head(&mut stream) else { return };
        count.fetch_add(1, Ordering::SeqCst);
        let mut rest = Vec::new();
        let ended = stream.read_to_end(&mut rest);
        seen.lock().unwrap().push((ended.is_ok(), rest));
    });
    let server = Nano::app(PASS_ON);
    for framing in ["content-length: 9", "transfer-encoding: chunked"] {
        let before = arrived.load(Ordering::SeqCst);
        let mut client = server.connect();
        client.send(format!("POST /x?port={port} HTTP/1.1\r\nhost: a\r\n{framing}\r\n\r\n4\r\nhalf\r\n"));
        wait_until("the request", || arrived.load(Ordering::SeqCst) > before);
        client.reset();
        wait_until("the connection's end", || open.load(Ordering::SeqCst) == 0);
        let (_, rest) = outcomes.lock().unwrap().pop().unwrap();
        assert!(!rest.ends_with(b"0\r\n\r\n"), "it looks complete: {rest:?}");
    }
    // One whose rule is broken, by a client that stays, ends the fetch too.
    let mut client = server.connect();
    client
        .send(format!("POST /x?port={port} HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n"));
    assert_eq!(client.head().unwrap().status, 400);
    wait_until("the connection's end", || open.load(Ordering::SeqCst) == 0);
    drop(client);
    server.stop();
}

/// Streams `bytes` through an application that passes a fetch on, with little memory.
fn stream_through(bytes: u64) {
    let (port, _) = upstream(move |mut stream| {
        while head(&mut stream).is_some() {
            let text = format!("HTTP/1.1 200 OK\r\ncontent-length: {bytes}\r\n\r\n");
            stream.get_mut().write_all(text.as_bytes()).unwrap();
            let (mut pattern, mut piece) = (Pattern::new(3), vec![0; 256 << 10]);
            for _ in 0..bytes / piece.len() as u64 {
                pattern.fill(&mut piece);
                stream.get_mut().write_all(&piece).unwrap();
            }
        }
    });
    let server = Nano::app(PASS_ON);
    let mut client = server.connect();
    ask(&mut client, "GET", "/x", port);
    let response = client.head().unwrap();
    assert_eq!(response.header("content-length"), Some(bytes.to_string()));
    let mut pattern = Pattern::new(3);
    let start = std::time::Instant::now();
    let count = client.body(&response, |piece| assert!(pattern.check(piece), "the body is another")).unwrap();
    assert_eq!(count, bytes);
    let peak = server.usage().peak;
    println!("{} MB: peak memory {} MB, {:?}", bytes >> 20, peak >> 20, start.elapsed());
    assert!(peak < 150 << 20, "{} MB at the peak", peak >> 20);
    server.stop();
}

#[test]
fn a_large_body_is_passed_on_with_little_memory() {
    stream_through(256 << 20);
}

#[test]
#[ignore = "two gigabytes"]
fn two_gigabytes_are_passed_on_with_little_memory() {
    stream_through(2 << 30);
}
