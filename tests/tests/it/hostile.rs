//! Clients that break the rules, stall, vanish, or come in thousands.

use nano_tests::{Client, Nano, Options, PATIENCE, Random, raise_file_limit, request};
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

const ECHO: &str = r#"
let chunks = 0;
let cancelled = 0;
const waiters = [];
const changed = () => { for (const done of waiters.splice(0)) done(); };
export default {
  async fetch(request) {
    const url = new URL(request.url);
    switch (url.pathname) {
      case "/echo": return new Response(request.body);
      case "/length": return new Response(String((await request.arrayBuffer()).byteLength));
      case "/endless":
        return new Response(new ReadableStream({
          pull(controller) { chunks++; controller.enqueue(new Uint8Array(65536)); },
          cancel() { cancelled++; changed(); },
        }));
      case "/chunks": return new Response(String(chunks));
      case "/cancelled":
        while (cancelled < Number(url.searchParams.get("n"))) await new Promise((done) => waiters.push(done));
        return new Response(String(cancelled));
      default: return new Response("fine " + url.pathname);
    }
  },
};
"#;

/// Requests that a strict server refuses, each with the status.
const REFUSED: &[(&str, u16)] = &[
    // The request line.
    ("GET\r\n\r\n", 400),
    ("GET /\r\n\r\n", 400),
    ("GET / HTTP/1.1 \r\nHost: a\r\n\r\n", 400),
    ("GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ("GET /  HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    (" GET / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ("G\u{e9}T / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ("G{T / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ("GET\t/\tHTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ("GET / http/1.1\r\nHost: a\r\n\r\n", 400),
    ("GET / HTTP/1.1\nHost: a\n\n", 400),
    ("GET / HTTP/1.1\r\nHost: a\n\n", 400),
    ("GET a HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ("GET /\u{0} HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ("GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ("GET /\u{7f} HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ("\r\n\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    // Versions and methods that are not spoken.
    ("GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505),
    ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
    ("CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n", 501),
    // Host.
    ("GET / HTTP/1.1\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nHost: a, b\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nHost: u@a\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nHost: a:x\r\n\r\n", 400),
    // Field lines.
    ("GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nHost: a\r\nX : y\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nHost: a\r\n: y\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nHost: a\r\nX\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n z\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n\tz\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\n Host: a\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nHost: a\r\nX: a\rb\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nHost: a\r\nX: a\u{0}b\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nHost: a\r\nX: a\nTransfer-Encoding: chunked\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nHost: a\r\nX\u{0}: a\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nHost: a\r\nX(: a\r\n\r\n", 400),
    ("GET / HTTP/1.1\r\nHost: a\r\nContent Length: 1\r\n\r\nx", 400),
    // Content-Length.
    ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\nx", 400),
    ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx", 400),
    ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1, 1\r\n\r\nx", 400),
    ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1,2\r\n\r\nx", 400),
    ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +1\r\n\r\nx", 400),
    ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\nx", 400),
    ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0x1\r\n\r\nx", 400),
    ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1 1\r\n\r\nx", 400),
    ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: \r\n\r\nx", 400),
    ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999999999999999999\r\n\r\nx", 413),
    ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9999999999999999\r\n\r\nx", 413),
    ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\u{0}\r\n\r\nx", 400),
    ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: one\r\n\r\nx", 400),
    // Transfer-Encoding.
    ("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n", 400),
    ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n", 400),
    (
        "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        400,
    ),
    ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n", 400),
    ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 501),
    ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n", 501),
    ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501),
    ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n", 400),
    ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding : chunked\r\n\r\n0\r\n\r\n", 400),
    ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding:\u{b}chunked\r\n\r\n0\r\n\r\n", 400),
    ("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: \r\n\r\n0\r\n\r\n", 400),
    ("POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    // Expect.
    ("POST / HTTP/1.1\r\nHost: a\r\nExpect: 200-ok\r\nContent-Length: 1\r\n\r\nx", 417),
];

/// Bodies in chunked coding that are refused; the handler waits for the whole body.
const REFUSED_CHUNKS: &[(&str, u16)] = &[
    ("x\r\n", 400),
    ("-1\r\n", 400),
    ("+1\r\nx\r\n0\r\n\r\n", 400),
    ("0x1\r\nx\r\n0\r\n\r\n", 400),
    (" 1\r\nx\r\n0\r\n\r\n", 400),
    ("1 \r\nx\r\n0\r\n\r\n", 400),
    ("1\nx\r\n0\r\n\r\n", 400),
    ("1\r\nx\n0\r\n\r\n", 400),
    ("1\r\nxx\r\n0\r\n\r\n", 400),
    ("1\r\nx0\r\n\r\n", 400),
    ("ffffffffffffffff1\r\nx\r\n0\r\n\r\n", 400),
    ("\r\n0\r\n\r\n", 400),
    ("1;a\nb\r\nx\r\n0\r\n\r\n", 400),
    ("1;a=\u{0}\r\nx\r\n0\r\n\r\n", 400),
    ("0\r\nContent-Length: 5\r\n\r\n", 400),
    ("0\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
    ("0\r\nHost: b\r\n\r\n", 400),
    ("0\r\nX : y\r\n\r\n", 400),
    ("0\r\nX: y\r\n z\r\n\r\n", 400),
    ("0\r\nX: y\n\r\n", 400),
];

#[test]
fn what_breaks_the_rules_is_refused_and_the_connection_closes() {
    let server = Nano::app(ECHO);
    let mut problems = Vec::new();
    let chunked =
        |body: &str| format!("POST /length HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{body}");
    let vectors: Vec<_> = REFUSED
        .iter()
        .map(|(text, status)| (text.to_string(), *status))
        .chain(REFUSED_CHUNKS.iter().map(|(body, status)| (chunked(body), *status)))
        .collect();
    assert!(vectors.len() > 80);
    for (text, status) in vectors {
        // What follows must never be taken for a request of its own.
        let sent = format!("{text}GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n");
        // Latin-1, so that a vector can have any byte.
        let bytes: Vec<u8> = sent.chars().map(|c| c as u8).collect();
        let mut client = server.connect();
        let _ = client.try_send(&bytes);
        match client.try_response() {
            Ok(response) => {
                let rest = client.rest();
                if response.status != status
                    || response.header("connection").as_deref() != Some("close")
                    || !rest.is_empty()
                {
                    problems.push(format!(
                        "{text:?}: {} instead of {status}, {:?}, then {:?}",
                        response.status,
                        response.text(),
                        String::from_utf8_lossy(&rest)
                    ));
                }
            }
            Err(error) => problems.push(format!("{text:?}: {error} instead of {status}")),
        }
    }
    assert!(problems.is_empty(), "{} problems:\n{}", problems.len(), problems.join("\n"));
    assert_eq!(server.connect().get("/x").text(), "fine /x");
    server.stop();
}

/// Bytes at random, and requests with bytes changed at random: an answer or an end, never a stall, and the
/// server goes on.
#[test]
fn noise_gets_an_answer_or_an_end() {
    let mut random = Random::new("noise_gets_an_answer_or_an_end");
    let server = Nano::app(ECHO);
    let good = b"POST /length?x=%20 HTTP/1.1\r\nHost: example.com\r\nTransfer-Encoding: chunked\r\nX: y\r\n\r\n3;a=b\r\nabc\r\n0\r\nT: u\r\n\r\n";
    for round in 0..600 {
        let mut bytes = if round % 3 == 0 {
            (0..random.below(300)).map(|_| random.next_u64() as u8).collect()
        } else {
            good.to_vec()
        };
        for _ in 0..random.below(4) {
            if bytes.is_empty() {
                break;
            }
            let at = random.below(bytes.len());
            match random.below(3) {
                0 => bytes[at] = random.next_u64() as u8,
                1 => drop(bytes.remove(at)),
                _ => bytes.insert(at, b"\r\n \t:;,0"[random.below(8)]),
            }
        }
        let mut client = server.connect();
        let _ = client.try_send(&bytes);
        let _ = client.stream().shutdown(std::net::Shutdown::Write);
        client.rest();
    }
    assert_eq!(server.connect().get("/x").text(), "fine /x");
    server.stop();
}

#[test]
fn killed_clients_leave_nothing_behind() {
    let server = Nano::app(ECHO);
    let mut watcher = server.connect();
    watcher.get("/");
    let quiet = server.usage().files;
    let mut random = Random::new("killed_clients_leave_nothing_behind");
    for round in 0..150 {
        let mut client = server.connect();
        match round % 5 {
            0 => {
                client.send("GET / HTTP/1.1\r\nHo");
            }
            1 => {
                client.send("POST /length HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\nabc");
            }
            2 => {
                client.send(
                    "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n",
                );
                client.head().unwrap();
            }
            3 => {
                client.send(request("GET", "/endless", "a", &[], b""));
                client.head().unwrap();
                client.some().unwrap();
            }
            _ => {
                client.send(request("GET", "/x", "a", &[], b""));
            }
        }
        if random.below(2) == 0 { client.reset() } else { drop(client) }
    }
    // Each download's producer is told.
    assert_eq!(watcher.get("/cancelled?n=30").text(), "30");
    let usage = server.wait_usage("as many files as before", |usage| usage.files <= quiet);
    println!("after 150 killed clients: {usage:?}");
    assert_eq!(watcher.get("/x").text(), "fine /x");
    server.stop();
}

#[test]
fn a_client_that_only_closes_its_sending_side_gets_its_response() {
    let server = Nano::app(ECHO);
    for (sent, expected) in [
        (request("GET", "/x", "a", &[], b""), "fine /x"),
        (request("POST", "/length", "a", &[], b"12345"), "5"),
        (request("POST", "/echo", "a", &[], b"12345"), "12345"),
        (
            b"POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
                .to_vec(),
            "abc",
        ),
    ] {
        // The end comes together with the request, or after it; on a new connection, or on one that was used.
        for used in [false, true] {
            let mut client = server.connect();
            if used {
                client.get("/x");
            }
            client.send(&sent).shut_sending();
            assert_eq!(client.response().text(), expected);
            assert_eq!(client.rest(), b"");
        }
    }
    server.stop();
}

#[test]
fn one_byte_at_a_time_is_a_request_all_the_same() {
    let server = Nano::app(ECHO);
    let mut client = server.connect();
    let text = "POST /echo HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nT: u\r\n\r\n";
    for _ in 0..3 {
        for byte in text.bytes() {
            client.send([byte]);
        }
        assert_eq!(client.response().text(), "abcde");
    }
    server.stop();
}

/// Fifteen seconds for a head, however steadily its bytes come; others are served meanwhile.
#[test]
fn a_head_that_takes_too_long_is_408() {
    let server = Nano::app(ECHO);
    let mut slow: Vec<_> = (0..20)
        .map(|index| {
            let mut client = server.connect();
            client.send(&request("GET", "/slow", "a", &[], b"")[..1 + index / 2]);
            client.stream().set_read_timeout(Some(Duration::from_secs(1))).unwrap();
            client
        })
        .collect();
    let mut steady = server.connect();
    let start = Instant::now();
    let mut answered = 0;
    while !slow.is_empty() {
        assert!(start.elapsed() < PATIENCE, "no end of {} slow clients", slow.len());
        assert_eq!(steady.get("/x").text(), "fine /x");
        // Each read waits for a second; then the client sends another byte of a header that never ends.
        let mut client = slow.pop().unwrap();
        match client.try_response() {
            Ok(response) => {
                assert_eq!((response.status, response.header("connection").as_deref()), (408, Some("close")));
                client.rest();
                answered += 1;
                if answered == 1 {
                    println!("408 after {:?}", start.elapsed());
                    for client in &mut slow {
                        client.stream().set_read_timeout(Some(PATIENCE)).unwrap();
                    }
                }
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                let _ = client.try_send("x");
                slow.insert(0, client);
            }
            Err(error) => panic!("instead of 408: {error}"),
        }
    }
    assert_eq!(answered, 20);
    server.stop();
}

#[test]
fn a_thousand_pipelined_requests_are_answered_in_order() {
    let server = Nano::app(ECHO);
    let client = server.connect();
    let mut sender = client.sender();
    let writer = std::thread::spawn(move || {
        for index in 0..1000 {
            let body = format!("body {index}");
            let (path, body) =
                if index % 2 == 0 { (format!("/n{index}"), "") } else { ("/echo".into(), body.as_str()) };
            sender
                .write_all(&request(
                    if body.is_empty() { "GET" } else { "POST" },
                    &path,
                    "a",
                    &[],
                    body.as_bytes(),
                ))
                .unwrap();
        }
    });
    let mut client = client;
    for index in 0..1000 {
        let expected = if index % 2 == 0 { format!("fine /n{index}") } else { format!("body {index}") };
        assert_eq!(client.response().text(), expected);
    }
    writer.join().unwrap();
    server.stop();
}

#[test]
fn a_client_that_never_reads_stops_its_producer_and_nobody_else() {
    let server = Nano::app(ECHO);
    let mut lazy: Vec<Client> = (0..5).map(|_| server.connect()).collect();
    for client in &mut lazy {
        client.send(request("GET", "/endless", "a", &[], b""));
    }
    let mut watcher = server.connect();
    // The producers have stopped when the count is the same twice with many turns of the loop between.
    let count = |watcher: &mut Client| watcher.get("/chunks").text().parse::<u64>().unwrap();
    let until = Instant::now() + PATIENCE;
    let mut still = 0;
    let mut last = 0;
    while still < 200 {
        assert!(Instant::now() < until, "the producers do not stop: {last} chunks");
        let now = count(&mut watcher);
        still = if now == last && now > 0 { still + 1 } else { 0 };
        last = now;
    }
    // What a socket and its peer hold: a few MB each, never the whole stream.
    println!("{last} chunks of 64 KiB for 5 clients that never read");
    assert!(last < 5 * 320, "{last} chunks");
    // One that begins to read after all gets its producer going again.
    let client = &mut lazy[0];
    let head = client.head().unwrap();
    assert_eq!(head.status, 200);
    let mut read = 0;
    while count(&mut watcher) == last {
        read += client.some().unwrap().len();
        assert!(read < 1 << 30);
    }
    drop(lazy);
    server.stop();
}

#[test]
fn ten_thousand_idle_connections_cost_little_and_stall_nobody() {
    let limit = raise_file_limit().unwrap();
    let wanted = 10_000.min((limit as usize).saturating_sub(500));
    let server = Nano::app(ECHO);
    let mut watcher = server.connect();
    assert_eq!(watcher.get("/x").text(), "fine /x");
    let before = server.usage();
    let mut idle: Vec<TcpStream> = Vec::with_capacity(wanted);
    let asked = request("GET", "/i", "a", &[], b"");
    let mut buffer = [0; 1024];
    for index in 0..wanted {
        let mut stream = TcpStream::connect(("127.0.0.1", server.port())).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(&asked).unwrap();
        let count = stream.read(&mut buffer).unwrap();
        assert!(buffer[..count].starts_with(b"HTTP/1.1 200"));
        idle.push(stream);
        if index % 100 == 0 {
            assert_eq!(watcher.get("/x").text(), "fine /x");
        }
    }
    let during = server.usage();
    assert!(during.files >= before.files + wanted);
    let each = during.resident.saturating_sub(before.resident) / wanted as u64;
    println!("{wanted} idle connections: {each} bytes each");
    assert!(each < 8 << 10, "{each} bytes for each idle connection");
    // Every one of them still works.
    for stream in idle.iter_mut().step_by(97) {
        stream.write_all(&asked).unwrap();
        let count = stream.read(&mut buffer).unwrap();
        assert!(buffer[..count].starts_with(b"HTTP/1.1 200"));
    }
    drop(idle);
    server.wait_usage("as many files as before", |usage| usage.files <= before.files);
    server.stop();
}

#[test]
fn without_file_descriptors_it_waits_and_recovers() {
    let server = Nano::app_with(ECHO, Options { files: Some(64), ..Options::one_thread() });
    let mut first = server.connect();
    assert_eq!(first.get("/x").text(), "fine /x");
    // More than it can have open: the system still completes the handshakes.
    let mut crowd: Vec<Client> = (0..100).map(|_| server.connect()).collect();
    server.log.wait_for("cannot accept connections");
    // Those that it has are served.
    assert_eq!(first.get("/y").text(), "fine /y");
    // Who waits is served when others go.
    let mut last = crowd.pop().unwrap();
    last.send(request("GET", "/z", "a", &[], b""));
    crowd.drain(..90);
    assert_eq!(last.response().text(), "fine /z");
    assert_eq!(server.connect().get("/x").text(), "fine /x");
    server.stop();
}
