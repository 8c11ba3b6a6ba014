//! How often a warm request calls the allocator: a server in this process, one worker, plain TCP, the request
//! log on.
//!
//! `NANO_ALLOCATIONS=1 cargo test -p nano-server --test allocations -- --nocapture` prints where the calls
//! come from.

mod allocator;

use allocator::{count_calls, exempt_this_thread, record_sites};
use nano_server::config::Config;
use nano_server::{ServeOptions, serve};
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::path::Path;
use std::sync::mpsc;
use std::thread;

/// Requests before those that count: tables and buffers have their size then, V8 has optimized, code caches
/// are made.
const WARM_UP: usize = 1_000;

/// Requests that count.
const REQUESTS: usize = 500;

/// Calls of the allocator that have nothing to do with a request: V8's own tasks and the worker's idle work
/// come by now and then. Far fewer than one for each request.
const OTHER_CALLS: usize = REQUESTS / 10;

const APP: &str = r#"
export default {
  async fetch(request, env) {
    switch (new URL(request.url).pathname) {
      case "/json": return Response.json({ hello: "world", number: 42, list: [1, 2, 3] });
      case "/echo": return new Response(await request.arrayBuffer());
      case "/proxy": return fetch(env.UPSTREAM);
      default: return new Response("Hello World");
    }
  },
};
"#;

/// A kind of request: its name, its path, the bytes of its body, and how often it may call the allocator. The
/// numbers only ever go down.
///
/// An echo has two ArrayBuffers, whose backing stores are allocated. A fetch that is passed on took 21 calls
/// on 2026-12-01, nearly all of them nano-fetch's and those of the operation that starts it; the aim is four.
const KINDS: [(&str, &str, usize, usize); 4] =
    [("hello", "/", 0, 0), ("json", "/json", 0, 0), ("echo", "/echo", 1024, 2), ("proxy", "/proxy", 0, 30)];

/// A client with one connection.
struct Client {
    stream: TcpStream,
    input: Vec<u8>,
}

impl Client {
    fn connect(address: SocketAddr) -> Client {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_nodelay(true).unwrap();
        Client { stream, input: Vec::new() }
    }

    /// One request with a body of `bytes`; the response's body.
    fn ask(&mut self, path: &str, bytes: usize) -> Vec<u8> {
        let mut request = format!("POST {path} HTTP/1.1\r\nHost: app\r\nUser-Agent: test\r\n");
        request.push_str(&format!("Content-Length: {bytes}\r\n\r\n{}", "x".repeat(bytes)));
        if bytes == 0 {
            request = format!("GET {path} HTTP/1.1\r\nHost: app\r\nUser-Agent: test\r\n\r\n");
        }
        self.stream.write_all(request.as_bytes()).unwrap();
        self.input.clear();
        loop {
            let mut piece = [0; 4096];
            let count = self.stream.read(&mut piece).unwrap();
            assert!(count > 0, "the server closed the connection");
            self.input.extend_from_slice(&piece[..count]);
            if let Some(body) = complete(&self.input) {
                assert!(self.input.starts_with(b"HTTP/1.1 200 "));
                return body.to_vec();
            }
        }
    }

    fn ask_often(&mut self, times: usize, path: &str, bytes: usize) {
        for _ in 0..times {
            let body = self.ask(path, bytes);
            assert!(bytes == 0 || body.len() == bytes);
        }
    }
}

/// The body of a message with a Content-Length, once it is there.
fn complete(message: &[u8]) -> Option<&[u8]> {
    let text = std::str::from_utf8(message).expect("ASCII");
    let (head, body) = text.split_once("\r\n\r\n")?;
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(':')?;
        name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse().expect("a number"))
    });
    (body.len() >= length.unwrap_or(0)).then_some(body.as_bytes())
}

/// A server that answers every request in the same way, on one thread for each connection.
fn start_upstream() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        exempt_this_thread();
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            thread::spawn(move || {
                exempt_this_thread();
                let (mut input, mut piece) = (Vec::new(), [0; 4096]);
                while let Ok(count @ 1..) = stream.read(&mut piece) {
                    input.extend_from_slice(&piece[..count]);
                    if input.ends_with(b"\r\n\r\n") {
                        input.clear();
                        let answer =
                            b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nthere";
                        stream.write_all(answer).unwrap();
                    }
                }
            });
        }
    });
    address
}

/// Standard output, which the request log goes to, leads nowhere until this is dropped.
struct SilentOutput {
    original: OwnedFd,
}

impl SilentOutput {
    fn new() -> SilentOutput {
        let original = std::io::stdout().as_fd().try_clone_to_owned().unwrap();
        let null = std::fs::OpenOptions::new().write(true).open("/dev/null").unwrap();
        // SAFETY: both are open descriptors.
        assert!(unsafe { libc::dup2(null.as_raw_fd(), 1) } == 1);
        SilentOutput { original }
    }
}

impl Drop for SilentOutput {
    fn drop(&mut self) {
        // SAFETY: both are open descriptors.
        unsafe { libc::dup2(self.original.as_raw_fd(), 1) };
    }
}

#[test]
fn warm_requests_do_not_call_the_allocator() {
    exempt_this_thread();
    let _silent = SilentOutput::new();
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("app.js"), APP).unwrap();
    let upstream = start_upstream();
    let text = format!(
        r#"{{ "port": 0, "threads": 1, "watch": false, "sandbox": {{ "enabled": false }}, "apps": [{{
            "name": "app", "path": "app.js", "env": {{ "UPSTREAM": "http://{upstream}/" }},
            "fetch": {{ "allow_private": true }}, "max_subrequests": 50 }}] }}"#
    );
    let config = Config::parse(&text, Path::new("nano.jsonc"), dir.path()).unwrap();
    let (sender, receiver) = mpsc::channel();
    let server = thread::spawn(move || {
        serve(&config, ServeOptions::default(), |address, _| sender.send(address).unwrap()).unwrap();
    });
    let mut client = Client::connect(receiver.recv().unwrap());
    let shows_sites = std::env::var_os("NANO_ALLOCATIONS").is_some();
    let mut too_many = Vec::new();
    for (name, path, bytes, allowed) in KINDS {
        client.ask_often(WARM_UP, path, bytes);
        let calls = count_calls(|| client.ask_often(REQUESTS, path, bytes));
        eprintln!("{name}: {:.2} calls of the allocator for each request", calls as f64 / REQUESTS as f64);
        if shows_sites {
            for (site, times) in record_sites(|| client.ask_often(REQUESTS, path, bytes)) {
                eprintln!("  {:.2}  {site}", times as f64 / REQUESTS as f64);
            }
        }
        if calls > allowed * REQUESTS + OTHER_CALLS {
            too_many
                .push(format!("{name}: {calls} calls for {REQUESTS} requests, {allowed} for each allowed"));
        }
    }
    drop(client);
    // SAFETY: sends this process a signal, which the server waits for.
    assert!(unsafe { libc::kill(libc::getpid(), libc::SIGTERM) } == 0);
    server.join().unwrap();
    assert!(too_many.is_empty(), "{}", too_many.join("; "));
}
