//! Fetches that are ended at each of the states that they go through (a name is resolved, a connection made
//! and secured, the request sent, the response received): by the application, by its client, with the
//! isolate, with the process. None leaves a file descriptor, a connection or memory.

use crate::fetching::{upstream, wait_for_end, wait_until};
use nano_tests::{Client, Dir, Nano, Options, get, request};
use std::io::{BufRead, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

/// What a request's body has, so that no socket takes all of it; memory that is not given back is seen.
const BODY_BYTES: usize = 12 << 20;

/// How often each state is reached and left.
const ROUNDS: usize = 12;

/// A server that leaves fetches in their states.
struct Upstream {
    /// Accepts connections and goes no further than a state needs.
    silent: u16,
    /// How many connections of that one are open.
    open: Arc<AtomicUsize>,
    /// How many fetches have come to where they stay: one of three states each.
    reached: Arc<AtomicUsize>,
    /// Whoever does not read what is sent does so now, to its end; and the application is told, if it asks.
    released: Arc<AtomicBool>,
    /// Whose connections are never made: as many wait for it as the system lets.
    full: TcpListener,
    _waiting: Vec<TcpStream>,
}

impl Upstream {
    fn start() -> Self {
        let (reached, released) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicBool::new(false)));
        let (count, go_on) = (Arc::clone(&reached), Arc::clone(&released));
        let (silent, open) = upstream(move |mut stream| {
            let Ok([first, ..]) = stream.fill_buf() else { return };
            // A TLS record of a handshake; else a request.
            if *first != 0x16 {
                let Some(head) = crate::fetching::head(&mut stream) else { return };
                if head[0].contains("/half") {
                    let half = b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf";
                    let _ = stream.get_mut().write_all(half);
                } else if head[0].contains("/told") {
                    // Answered when the others are where they stay.
                    while !go_on.load(Ordering::SeqCst) {
                        thread::yield_now();
                    }
                    let answer = b"HTTP/1.1 204 No Content\r\nconnection: close\r\n\r\n";
                    let _ = stream.get_mut().write_all(answer);
                    return;
                } else {
                    count.fetch_add(1, Ordering::SeqCst);
                    while !go_on.load(Ordering::SeqCst) {
                        thread::yield_now();
                    }
                    return wait_for_end(&mut stream);
                }
            }
            count.fetch_add(1, Ordering::SeqCst);
            wait_for_end(&mut stream);
        });
        let full = TcpListener::bind("127.0.0.1:0").unwrap();
        // SAFETY: the descriptor is the listener's. The call only makes its queue the shortest.
        assert_eq!(unsafe { libc::listen(full.as_raw_fd(), 0) }, 0);
        let address = full.local_addr().unwrap();
        let mut waiting = Vec::new();
        while let Ok(stream) = TcpStream::connect_timeout(&address, Duration::from_millis(200)) {
            waiting.push(stream);
        }
        Self { silent, open, reached, released, full, _waiting: waiting }
    }

    fn full(&self) -> SocketAddr {
        self.full.local_addr().unwrap()
    }

    /// Connections that are being made, to the one with the full queue.
    fn connecting(&self) -> usize {
        const SYN_SENT: &str = "02";
        let remote = format!(":{:04X}", self.full().port());
        let table = std::fs::read_to_string("/proc/net/tcp").unwrap();
        table
            .lines()
            .filter(|line| {
                let fields: Vec<&str> = line.split_whitespace().take(4).collect();
                matches!(fields[..], [_, _, to, state] if to.ends_with(&remote) && state == SYN_SENT)
            })
            .count()
    }

    fn app(&self) -> String {
        format!(
            r#"
const hoard = [];
const name = () => `http://${{crypto.randomUUID()}}.invalid/`;
export default {{
  async fetch(request) {{
    const {{ pathname }} = new URL(request.url);
    const controller = new AbortController();
    const {{ signal }} = controller;
    if (pathname === "/grow") {{
      fetch(name());
      for (;;) hoard.push(new Array(1000).fill(Math.random()));
    }}
    const ends = [
      fetch("http://{full}/", {{ signal }}),
      fetch("https://127.0.0.1:{silent}/", {{ signal }}),
      fetch("http://127.0.0.1:{silent}/", {{ signal, method: "POST", body: new Uint8Array({BODY_BYTES}) }}),
      fetch("http://127.0.0.1:{silent}/half", {{ signal }}).then((response) => response.text()),
    ];
    if (pathname === "/aborted") {{
      await fetch("http://127.0.0.1:{silent}/told");
      // Nothing has been resolved before this turn ends.
      ends.push(fetch(name(), {{ signal }}));
      controller.abort();
    }}
    const reasons = await Promise.allSettled(ends);
    return new Response(reasons.map(({{ reason }}) => reason?.name).join());
  }},
}};
"#,
            full = self.full(),
            silent = self.silent
        )
    }

    fn serve(&self) -> Nano {
        let config = r#"{ "drain_timeout_ms": 0, "apps": [
            { "name": "a", "path": "app.js", "memory_mb": 64, "fetch": { "allow_private": true } },
            { "name": "b", "path": "app.js", "fetch": { "allow_private": true } } ] }"#;
        let dir = Dir::new(&[("app.js", &self.app()), ("nano.jsonc", config)]);
        Nano::config(dir, Options::one_thread())
    }

    /// A request that waits for four fetches, which are in their states now.
    fn begin(&self, server: &Nano, host: &str, path: &str) -> Client {
        let before = self.reached.load(Ordering::SeqCst);
        self.released.store(false, Ordering::SeqCst);
        let mut client = server.connect();
        client.send(request("GET", path, host, &[], b""));
        wait_until("the states", || {
            self.reached.load(Ordering::SeqCst) == before + 3 && self.connecting() == 1
        });
        client
    }

    /// All that was begun has ended.
    fn wait_for_the_end(&self) {
        self.released.store(true, Ordering::SeqCst);
        wait_until("the end of the connections", || {
            self.open.load(Ordering::SeqCst) == 0 && self.connecting() == 0
        });
    }
}

/// Begins and ends a round again and again: neither files nor memory are left.
fn assert_nothing_is_left(server: &Nano, mut round: impl FnMut()) {
    // What is made once (an isolate, threads, names) is not a leak.
    for _ in 0..3 {
        round();
    }
    let before = server.usage();
    for _ in 0..ROUNDS {
        round();
    }
    // What is left behind is left by every round; a companion thread that began meanwhile has some files of
    // its own.
    server.wait_usage("files are closed", |usage| usage.files < before.files + ROUNDS);
    server.wait_usage("memory is given back", |usage| {
        usage.resident < before.resident + (ROUNDS * BODY_BYTES / 4) as u64
    });
}

#[test]
fn by_the_application() {
    let upstream = Upstream::start();
    let server = upstream.serve();
    assert_nothing_is_left(&server, || {
        let mut client = upstream.begin(&server, "b", "/aborted");
        upstream.released.store(true, Ordering::SeqCst);
        assert_eq!(client.response().text(), ["AbortError"; 5].join(","));
        upstream.wait_for_the_end();
    });
}

#[test]
fn by_a_client_that_leaves() {
    let upstream = Upstream::start();
    let server = upstream.serve();
    assert_nothing_is_left(&server, || {
        upstream.begin(&server, "b", "/").reset();
        upstream.wait_for_the_end();
    });
}

#[test]
fn with_the_isolate() {
    let upstream = Upstream::start();
    let server = upstream.serve();
    let mut client = upstream.begin(&server, "a", "/");
    let before = server.usage();
    // It exceeds its memory, and ends with all that it was doing.
    assert_eq!(get(server.port(), "a", "/grow").status, 503);
    assert_eq!(client.response().status, 503);
    upstream.wait_for_the_end();
    drop(client);
    // Four sockets and that of the client.
    server.wait_usage("files are closed", |usage| usage.files <= before.files - 5);
    // The next one finds everything as before.
    upstream.begin(&server, "a", "/").reset();
    upstream.wait_for_the_end();
}

#[test]
fn with_the_process() {
    let upstream = Upstream::start();
    let server = upstream.serve();
    let client = upstream.begin(&server, "b", "/");
    // Nothing is waited for: it ends as well as if nothing were under way.
    server.stop();
    upstream.wait_for_the_end();
    drop(client);
}
