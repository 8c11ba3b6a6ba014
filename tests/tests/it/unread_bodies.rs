//! Requests whose application does not read the body: the client sends all of it and finds the response, up
//! to limits.

use nano_tests::{Client, Dir, Nano, Options, request};
use std::io::Write;
use std::process::Command;

/// `Limits::discard_bytes` of nano-http.
const DISCARD_BYTES: usize = 16 << 20;

const APP: &str = r#"
export default {
  async fetch(request) {
    switch (new URL(request.url).pathname) {
      case "/stream":
        return new Response(new ReadableStream({ start(c) { c.enqueue(new TextEncoder().encode("early")); c.close(); } }));
      case "/text": return new Response(await request.text());
      default: return new Response("early");
    }
  },
};
"#;

fn server() -> Nano {
    Nano::app_with(APP, Options::one_thread())
}

fn head(path: &str, framing: &str) -> String {
    format!("POST {path} HTTP/1.1\r\nHost: a\r\n{framing}\r\n\r\n")
}

/// Sends all of a request before it reads anything.
#[track_caller]
fn post(client: &mut Client, path: &str, size: usize, chunked: bool) -> nano_tests::Response {
    let body = vec![b'x'; size];
    if chunked {
        client.send(head(path, "Transfer-Encoding: chunked"));
        client.send(format!("{size:x}\r\n")).send(&body).send("\r\n0\r\n\r\n");
    } else {
        client.send(head(path, &format!("Content-Length: {size}"))).send(&body);
    }
    client.response()
}

#[test]
fn a_client_that_sends_before_it_reads_finds_the_response() {
    let server = server();
    let mut client = server.connect();
    for chunked in [false, true] {
        for path in ["/", "/stream"] {
            for size in [100_000, 2_000_000] {
                let response = post(&mut client, path, size, chunked);
                assert_eq!((response.status, response.text().as_str()), (200, "early"), "{path}, {size}");
                assert_eq!(response.header("connection"), None, "{path}, {size}");
            }
        }
    }
    // The connection goes on.
    assert_eq!(client.send(request("POST", "/text", "a", &[], b"read")).response().text(), "read");
    server.stop();
}

#[test]
fn a_connection_that_is_to_close_stays_until_the_body_is_sent() {
    let server = server();
    for path in ["/", "/stream"] {
        let mut client = server.connect();
        client.send(head(path, "Connection: close\r\nContent-Length: 2000000")).send(vec![b'x'; 2_000_000]);
        assert_eq!(client.response().text(), "early");
        assert_eq!(client.rest(), b"");
    }
    server.stop();
}

#[test]
fn bodies_are_thrown_away_up_to_a_limit_of_bytes() {
    let server = server();
    let mut client = server.connect();
    assert_eq!(post(&mut client, "/", DISCARD_BYTES, false).header("connection"), None);
    assert_eq!(post(&mut client, "/", DISCARD_BYTES, true).header("connection"), None);
    // One byte more: the response says that the connection closes. All of it can be sent nevertheless.
    let response = post(&mut client, "/", DISCARD_BYTES + 1, false);
    assert_eq!(response.text(), "early");
    assert_eq!(response.header("connection").as_deref(), Some("close"));
    assert_eq!(client.rest(), b"");
    // Without a length this is found out after the response.
    let mut client = server.connect();
    let response = post(&mut client, "/", DISCARD_BYTES + 1, true);
    assert_eq!((response.text().as_str(), response.header("connection")), ("early", None));
    assert_eq!(client.rest(), b"");
    // A client that sends without end is disconnected, and has its response.
    for framing in ["Content-Length: 99999999", "Transfer-Encoding: chunked"] {
        let mut client = server.connect();
        client.send(head("/", framing)).send("5000000\r\n");
        assert_eq!(client.response().text(), "early");
        let mut sender = client.sender();
        let writer = std::thread::spawn(move || while sender.write_all(&[b'x'; 65536]).is_ok() {});
        client.rest();
        writer.join().unwrap();
    }
    server.stop();
}

#[test]
fn bodies_are_thrown_away_up_to_a_limit_of_time() {
    let server = server();
    let mut slow = server.connect();
    slow.send(head("/", "Content-Length: 16000000"));
    assert_eq!(slow.response().text(), "early");
    // However steadily its bytes come: one for each request of somebody else.
    let mut sender = slow.sender();
    let mut other = server.connect();
    let writer = std::thread::spawn(move || {
        while sender.write_all(b"x").is_ok() {
            assert_eq!(other.get("/").text(), "early");
        }
    });
    assert_eq!(slow.rest(), b"");
    drop(slow);
    writer.join().unwrap();
    server.stop();
}

#[test]
fn the_http_client_of_node_finds_the_response() {
    const POSTS: &str = r#"
const http = require("node:http");
const [port, path, keepAlive] = process.argv.slice(2);
const agent = new http.Agent({ keepAlive: keepAlive === "true", maxSockets: 1 });
const body = Buffer.alloc(2_000_000, "x");
let sockets = 0;
function post() {
  return new Promise((resolve) => {
    const request = http.request({ port, path, agent, method: "POST", headers: { "Content-Length": body.length } }, (response) => {
      let text = "";
      response.on("data", (piece) => text += piece);
      response.on("end", () => resolve(text));
    });
    request.on("socket", (socket) => { if (!socket.seen) { socket.seen = true; sockets++; } });
    request.on("error", (error) => resolve(error.code));
    request.end(body);
  });
}
(async () => {
  const seen = [];
  for (let index = 0; index < 20; index++) seen.push(await post());
  console.log([...new Set(seen)].join(), sockets);
  agent.destroy();
})();
"#;
    if Command::new("node").arg("--version").output().is_err() {
        return println!("node is not there");
    }
    let dir = Dir::new(&[("posts.cjs", POSTS)]);
    let server = server();
    for path in ["/", "/stream"] {
        for (keep, said) in [("true", "early 1\n"), ("false", "early 20\n")] {
            let port = server.port().to_string();
            let output =
                Command::new("node").arg(dir.join("posts.cjs")).args([&port, path, keep]).output().unwrap();
            assert_eq!(String::from_utf8_lossy(&output.stdout), said, "{path}, keep-alive {keep}");
        }
    }
    server.stop();
}
