//! Large bodies in both directions: exact, and never held in memory.

use nano_tests::{Client, Dir, Nano, Options, Pattern, Random, request};
use std::io::Write;
use std::net::TcpStream;

const APP: &str = r#"
let produced = 0;
const piece = new Uint8Array(65536);
export default {
  async fetch(request) {
    switch (new URL(request.url).pathname) {
      // As it is: the body is handed on.
      case "/pipe": return new Response(request.body);
      // Through JavaScript, piece by piece.
      case "/read": {
        const reader = request.body.getReader();
        return new Response(new ReadableStream({
          async pull(controller) {
            const { done, value } = await reader.read();
            if (done) controller.close(); else controller.enqueue(value);
          },
        }));
      }
      case "/transform": return new Response(request.body.pipeThrough(new TransformStream()));
      case "/sum": {
        let bytes = 0;
        for await (const part of request.body) bytes += part.length;
        return new Response(String(bytes));
      }
      case "/text": return new Response(await request.text());
      case "/produce":
        return new Response(new ReadableStream({ pull(controller) { produced++; controller.enqueue(piece); } }));
      case "/large": return new Response(new Uint8Array(Number(new URL(request.url).search.slice(1))));
      case "/produced": return new Response(String(produced));
      case "/unread": return new Response("not read");
    }
  },
};
"#;

fn server() -> Nano {
    let config = r#"{ "apps": [{ "name": "a", "hostname": "*", "path": "a.js", "max_body_mb": 4096 }] }"#;
    Nano::config(Dir::new(&[("a.js", APP), ("nano.jsonc", config)]), Options::one_thread())
}

fn upload(mut stream: TcpStream, seed: u64, mut left: u64, chunked: bool, random: &mut Random) {
    let mut pattern = Pattern::new(seed);
    let mut piece = vec![0; 256 << 10];
    while left > 0 {
        let count = (1 + random.below(piece.len()) as u64).min(left) as usize;
        pattern.fill(&mut piece[..count]);
        if chunked {
            stream.write_all(format!("{count:x}\r\n").as_bytes()).unwrap();
        }
        stream.write_all(&piece[..count]).unwrap();
        if chunked {
            stream.write_all(b"\r\n").unwrap();
        }
        left -= count as u64;
    }
    if chunked {
        stream.write_all(b"0\r\nChecksum: none\r\n\r\n").unwrap();
    }
}

/// Uploads `bytes` that come back while they are still sent: exactly these, with little memory.
fn echo(path: &str, bytes: u64, chunked: bool) {
    let mut random = Random::new("echo");
    let seed = random.next_u64();
    let server = server();
    let mut client = server.connect();
    let framing =
        if chunked { "Transfer-Encoding: chunked".to_owned() } else { format!("Content-Length: {bytes}") };
    client.send(format!("POST {path} HTTP/1.1\r\nHost: a\r\n{framing}\r\n\r\n"));
    let sender = client.sender();
    let writer = std::thread::spawn(move || upload(sender, seed, bytes, chunked, &mut random));
    let mut pattern = Pattern::new(seed);
    let head = client.head().unwrap();
    assert_eq!(head.status, 200);
    let start = std::time::Instant::now();
    let total = client
        .body(&head, |piece| {
            let at = pattern.offset();
            assert!(pattern.check(piece), "other bytes came back near {at}");
        })
        .unwrap();
    writer.join().unwrap();
    assert_eq!(total, bytes);
    let usage = server.usage();
    println!(
        "{path}, {} MB{}: peak memory {} MB, {:?}",
        bytes >> 20,
        if chunked { " chunked" } else { "" },
        usage.peak >> 20,
        start.elapsed()
    );
    assert!(usage.peak < 150 << 20, "{path}: {} MB at the peak", usage.peak >> 20);
    // The connection goes on.
    assert_eq!(client.send(request("POST", "/text", "a", &[], b"more")).response().text(), "more");
    server.stop();
}

#[test]
fn an_upload_handed_on_comes_back_exactly() {
    echo("/pipe", 256 << 20, false);
}

#[test]
fn a_chunked_upload_handed_on_comes_back_exactly() {
    echo("/pipe", 64 << 20, true);
}

#[test]
fn an_upload_through_javascript_comes_back_exactly() {
    echo("/read", 256 << 20, false);
}

#[test]
fn a_chunked_upload_through_a_transform_comes_back_exactly() {
    echo("/transform", 64 << 20, true);
}

#[test]
#[ignore = "two gigabytes each way, three times"]
fn two_gigabytes_come_back_exactly() {
    echo("/pipe", 2 << 30, false);
    echo("/read", 2 << 30, false);
    echo("/transform", 2 << 30, true);
}

#[test]
fn a_body_that_is_counted_is_not_held() {
    let server = server();
    let bytes = 128_u64 << 20;
    let mut client = server.connect();
    client.send(format!("POST /sum HTTP/1.1\r\nHost: a\r\nContent-Length: {bytes}\r\n\r\n"));
    upload(client.sender(), 1, bytes, false, &mut Random::new("a_body_that_is_counted"));
    assert_eq!(client.response().text(), bytes.to_string());
    let peak = server.usage().peak;
    assert!(peak < 150 << 20, "{} MB at the peak", peak >> 20);
    server.stop();
}

#[test]
fn a_slow_reader_stops_the_producer() {
    let server = server();
    let mut slow = server.connect();
    slow.send(request("GET", "/produce", "a", &[], b""));
    let head = slow.head().unwrap();
    assert_eq!(head.header("transfer-encoding").as_deref(), Some("chunked"));
    let mut watcher = server.connect();
    let produced = |watcher: &mut Client| watcher.get("/produced").text().parse::<u64>().unwrap();
    let mut last = 0;
    // Read a little, then see the producer stop again: it never runs ahead by more than what socket buffers
    // hold.
    for round in 0..5_u64 {
        let mut still = 0;
        while still < 100 {
            let now = produced(&mut watcher);
            still = if now == last { still + 1 } else { 0 };
            last = now;
        }
        assert!(last * 65536 < (round + 1) * (4 << 20) + (24 << 20), "round {round}: {last} pieces");
        let mut read = 0;
        while read < 4 << 20 {
            read += slow.some().unwrap().len();
        }
    }
    drop(slow);
    server.stop();
}

#[test]
fn a_request_that_waits_behind_a_large_response_is_answered() {
    let server = server();
    let mut client = server.connect();
    // The second is not looked at before the client has taken nearly all of the first one's response. The
    // smaller one fits into the socket's buffers, so that no event follows.
    for size in [300_000, 16 << 20] {
        let large = request("GET", &format!("/large?{size}"), "a", &[], b"");
        client.send([large, request("GET", "/produced", "a", &[], b"")].concat());
        assert_eq!(client.response().body.len(), size);
        assert_eq!(client.response().text(), "0");
    }
    server.stop();
}

#[test]
fn trailers_end_a_body_and_are_not_part_of_it() {
    let server = server();
    let mut client = server.connect();
    for path in ["/text", "/pipe", "/read"] {
        client.send(format!(
            "POST {path} HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\nTrailer: X\r\n\r\n\
             4;ext=\"a;b\"\r\nabcd\r\n00A\r\n0123456789\r\n000\r\nX: y\r\nZ: w\r\n\r\n"
        ));
        assert_eq!(client.response().text(), "abcd0123456789", "{path}");
    }
    server.stop();
}

#[test]
fn a_client_that_expects_100_gets_it_when_the_body_is_wanted() {
    let server = server();
    let mut client = server.connect();
    for path in ["/text", "/pipe", "/read"] {
        client.send(format!(
            "POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n"
        ));
        let interim = client.head().unwrap();
        assert_eq!(interim.status, 100, "{path}");
        assert_eq!(client.send("hello").response().text(), "hello", "{path}");
    }
    // Who does not want it answers at once, without it.
    client.send("POST /unread HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n");
    let response = client.response();
    assert_eq!((response.status, response.text().as_str()), (200, "not read"));
    server.stop();
}

#[test]
fn a_body_that_nobody_reads_does_not_disturb_the_next_request() {
    let server = server();
    let mut client = server.connect();
    for size in [1, 1000, 60_000] {
        let body = vec![b'x'; size];
        assert_eq!(client.send(request("POST", "/unread", "a", &[], &body)).response().text(), "not read");
    }
    assert_eq!(client.send(request("POST", "/text", "a", &[], b"read")).response().text(), "read");
    // Too much to read away: answered, and closed.
    let mut client = server.connect();
    client.send("POST /unread HTTP/1.1\r\nHost: a\r\nContent-Length: 50000000\r\n\r\nbegin");
    assert_eq!(client.response().text(), "not read");
    let mut sender = client.sender();
    let writer = std::thread::spawn(move || while sender.write_all(&[b'x'; 65536]).is_ok() {});
    client.rest();
    drop(client);
    writer.join().unwrap();
    server.stop();
}

/// Sends megabytes through gzip and back, and makes and forgets many streams, on request.
const STREAMS: &str = r#"
const piece = new Uint8Array(65536).map((_, index) => (index * index) >> 5);
async function gzip(megabytes) {
  let left = megabytes * 16;
  let bytes = 0;
  const source = new ReadableStream({ pull(c) { if (left-- > 0) c.enqueue(piece.slice()); else c.close(); } }, { highWaterMark: 0 });
  await source.pipeThrough(new CompressionStream("gzip")).pipeThrough(new DecompressionStream("gzip"))
    .pipeTo(new WritableStream({ write(chunk) { bytes += chunk.length; } }));
  return bytes;
}
async function forget(count) {
  for (let made = 0; made < count; made++) {
    new TransformStream();
    new CompressionStream("gzip").writable.getWriter().write(piece.subarray(0, 10)).catch(() => {});
    new ReadableStream({ pull(c) { c.enqueue(1); } }).getReader().read();
    if (made % 100 === 0) await new Promise((resolve) => setTimeout(resolve, 0));
  }
  return count;
}
export default {
  async fetch(request) {
    const [, what, count] = new URL(request.url).pathname.split("/");
    return new Response(String(await (what === "gzip" ? gzip : forget)(Number(count))));
  },
};
"#;

#[test]
fn memory_stays_flat_under_many_streams_and_long_ones() {
    let server = Nano::app_with(STREAMS, Options::one_thread());
    let mut client = server.connect();
    for _ in 0..10 {
        assert_eq!(client.get("/forget/1000").text(), "1000");
    }
    assert_eq!(client.get("/gzip/128").text(), (128 << 20).to_string());
    let peak = server.usage().peak;
    assert!(peak < 250 << 20, "{} MB at the peak", peak >> 20);
    server.stop();
}

#[test]
#[ignore = "a gigabyte takes its time"]
fn a_gigabyte_through_gzip_and_back_is_flat() {
    let server = Nano::app_with(STREAMS, Options::one_thread());
    let mut client = server.connect();
    assert_eq!(client.get("/gzip/1024").text(), (1 << 30).to_string());
    let peak = server.usage().peak;
    assert!(peak < 250 << 20, "{} MB at the peak", peak >> 20);
    server.stop();
}
