//! Peers of WebSockets that break the rules, take nothing, or send without end.

use nano_tests::frames::{BINARY, CLOSE, PING, TEXT, WebSocket, header, masked};
use nano_tests::{Dir, Nano, Options, get};
use std::io::{ErrorKind, Write};

const APP: &str = r#"
let events = [];
export default {
  async fetch(request) {
    const { pathname } = new URL(request.url);
    if (pathname === "/events") return Response.json(events.splice(0));
    const { 0: client, 1: server } = new WebSocketPair();
    server.accept();
    server.addEventListener("close", (event) => {
      events.push(`${event.code} ${event.wasClean}`);
      console.log(`${pathname} is closed: ${event.code}`);
    });
    server.addEventListener("message", ({ data }) => {
      if (pathname !== "/send") return server.send(data);
      for (let rest = Number(data); rest > 0; rest -= 65536) server.send("x".repeat(Math.min(rest, 65536) - 10));
      server.send(`${server.readyState}`);
    });
    return new Response(null, { status: 101, webSocket: client });
  },
};
"#;

/// What no client may send, and the code that it is told.
fn broken() -> Vec<(&'static str, Vec<u8>, u16)> {
    let utf8 = |bytes: &[u8]| masked(0x80 | TEXT, bytes);
    vec![
        ("no mask", [header(0x81, 1, 0), b"x".to_vec()].concat(), 1002),
        ("reserved bit 1, as of compression that was not agreed on", masked(0xc1, b"x"), 1002),
        ("reserved bit 2", masked(0xa1, b"x"), 1002),
        ("reserved bit 3", masked(0x91, b"x"), 1002),
        ("opcode 3", masked(0x83, b"x"), 1002),
        ("opcode 7", masked(0x87, b"x"), 1002),
        ("opcode 11", masked(0x8b, b"x"), 1002),
        ("opcode 15", masked(0x8f, b"x"), 1002),
        ("a fragmented ping", masked(PING, b"x"), 1002),
        ("a fragmented close", masked(CLOSE, b"\x03\xe8"), 1002),
        ("a long ping", masked(0x80 | PING, &[b'x'; 126]), 1002),
        ("a long close", masked(0x80 | CLOSE, &[&[3, 232][..], &[b'x'; 124]].concat()), 1002),
        ("a continuation of nothing", masked(0x80, b"x"), 1002),
        ("a message in a message", [masked(TEXT, b"x"), masked(0x80 | BINARY, b"x")].concat(), 1002),
        ("a code of one byte", masked(0x80 | CLOSE, b"\x03"), 1002),
        ("code 999", masked(0x80 | CLOSE, &999u16.to_be_bytes()), 1002),
        ("code 1005", masked(0x80 | CLOSE, &1005u16.to_be_bytes()), 1002),
        ("code 1006", masked(0x80 | CLOSE, &1006u16.to_be_bytes()), 1002),
        ("code 1015", masked(0x80 | CLOSE, &1015u16.to_be_bytes()), 1002),
        ("a reason that is no UTF-8", masked(0x80 | CLOSE, b"\x03\xe8\xff"), 1007),
        ("a text that is no UTF-8", utf8(b"\xff"), 1007),
        ("a text that ends in a character", utf8("€".as_bytes().split_last().unwrap().1), 1007),
        ("a surrogate", utf8(b"\xed\xa0\x80"), 1007),
        ("longer than any message", [header(0x82, u64::MAX >> 1, 0x80), vec![0; 4]].concat(), 1009),
        ("a length with its highest bit", [header(0x82, u64::MAX, 0x80), vec![0; 4]].concat(), 1009),
    ]
}

#[test]
fn whoever_breaks_a_rule_is_told_and_disconnected() {
    let server = Nano::app(APP);
    for (what, bytes, code) in broken() {
        let mut socket = WebSocket::connect(&server, "/echo");
        socket.client.send(&bytes);
        let (first, payload) = socket.try_next().unwrap_or_else(|error| panic!("{what}: {error}"));
        assert_eq!(first, 0x80 | CLOSE, "{what}: {payload:?}");
        assert_eq!(payload[..2], code.to_be_bytes(), "{what}");
        assert!(socket.try_next().is_err(), "{what}: something after the close frame");
    }
    let closed: Vec<String> =
        serde_json::from_slice(&get(server.port(), "localhost", "/events").body).unwrap();
    for ((what, ..), closed) in broken().iter().zip(&closed) {
        // A code that may not be sent stands for the failure that it is.
        let code = what.starts_with("code ");
        assert_eq!(closed, if code { "1002 true" } else { "1006 false" }, "{what}");
    }
    assert_eq!(closed.len(), broken().len());
    assert_eq!(WebSocket::connect(&server, "/echo").send("fine").text(), "fine");
    server.stop();
}

fn limited(limits: &str) -> Nano {
    let config =
        format!(r#"{{ "apps": [{{ "name": "a", "hostname": "*", "path": "index.js", {limits} }}] }}"#);
    Nano::config(Dir::new(&[("nano.jsonc", &config), ("index.js", APP)]), Options::one_thread())
}

#[test]
fn messages_at_and_beyond_their_limit() {
    let server = limited(r#""max_websocket_message_mb": 1"#);
    let mut socket = WebSocket::connect(&server, "/echo");
    let whole = vec![b'a'; 1 << 20];
    socket.frame(0x80 | BINARY, &whole);
    assert_eq!(socket.try_next().unwrap(), (0x80 | BINARY, whole.clone()));
    socket.frame(BINARY, &whole[1..]).frame(0x80, b"b");
    assert_eq!(socket.try_next().unwrap().1.len(), 1 << 20);
    socket.frame(BINARY, &whole).frame(0x80, b"b");
    assert_eq!(socket.closed(), Some(1009));
    // Its header is enough: nothing of that size is waited for.
    let mut socket = WebSocket::connect(&server, "/echo");
    socket.client.send(header(0x82, (1 << 20) + 1, 0x80)).send([0; 4]);
    assert_eq!(socket.closed(), Some(1009));
    server.stop();
}

#[test]
fn what_waits_for_a_client_has_a_limit() {
    let server = limited(r#""max_websocket_queue_mb": 1"#);
    let mut socket = WebSocket::connect(&server, "/send");
    let mut sum = 0;
    socket.send("900000");
    loop {
        let text = socket.text();
        if text == "1" {
            break;
        }
        sum += text.len();
    }
    assert!((890_000..900_000).contains(&sum), "{sum}");
    // More at once than may wait: the connection ends, and what it was used for is told.
    socket.send("1100000");
    while socket.try_next().is_ok() {}
    server.log.wait_for("/send is closed: 1006");
    assert_eq!(WebSocket::connect(&server, "/echo").send("fine").text(), "fine");
    server.stop();
}

/// Sends until the server takes no more, or has taken `most` bytes; how many it has taken.
fn flood(socket: &mut WebSocket, frame: &[u8], most: usize) -> usize {
    let stream = socket.client.sender();
    // A write that waits for so long waits for good: all of it is on this machine.
    stream.set_write_timeout(Some(std::time::Duration::from_secs(2))).unwrap();
    let many = frame.repeat((1 << 16) / frame.len() + 1);
    let mut taken = 0;
    while taken < most {
        match (&stream).write(&many) {
            Ok(count) => taken += count,
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => break,
            Err(error) => panic!("{error}"),
        }
    }
    taken
}

#[test]
fn whoever_sends_and_never_reads_is_not_read_on() {
    const MOST: usize = 64 << 20;
    let server = Nano::app(APP);
    for frame in [masked(0x80 | PING, &[b'x'; 125]), masked(0x80 | BINARY, &[b'x'; 1000])] {
        let mut socket = WebSocket::connect(&server, "/echo");
        let taken = flood(&mut socket, &frame, MOST);
        assert!(taken < MOST / 2, "{taken} bytes were taken of a client that reads nothing");
        // Others are served meanwhile.
        assert_eq!(WebSocket::connect(&server, "/echo").send("fine").text(), "fine");
    }
    server.stop();
}

#[test]
fn messages_that_never_end_count_for_the_application() {
    let server = limited(r#""memory_mb": 32, "max_websocket_message_mb": 1024"#);
    let mut sockets: Vec<_> = (0..4).map(|_| WebSocket::connect(&server, "/echo")).collect();
    let piece = vec![b'x'; 1 << 20];
    let mut refused = 0;
    for socket in &mut sockets {
        socket.client.send(header(0x82, 1 << 29, 0x80)).send([0; 4]);
        for _ in 0..48 {
            if socket.client.try_send(&piece).is_err() {
                break;
            }
        }
        refused +=
            u32::from(socket.try_next().is_ok_and(|(_, payload)| payload[..2] == 1009u16.to_be_bytes()));
    }
    assert!(refused > 0, "nobody was told that the memory is at its end");
    assert_eq!(WebSocket::connect(&server, "/echo").send("fine").text(), "fine");
    server.stop();
}

#[test]
fn many_are_open_and_cost_little() {
    nano_tests::raise_file_limit().unwrap();
    const COUNT: usize = 1_000;
    let server = Nano::app(APP);
    WebSocket::connect(&server, "/echo").close(1000);
    let before = server.usage();
    let mut open: Vec<_> = (0..COUNT).map(|_| WebSocket::connect(&server, "/echo")).collect();
    for (index, socket) in open.iter_mut().enumerate() {
        socket.send(&index.to_string());
    }
    for (index, socket) in open.iter_mut().enumerate() {
        assert_eq!(socket.text(), index.to_string());
    }
    let each = (server.usage().resident - before.resident) / COUNT as u64;
    assert!(each < 64 << 10, "{each} bytes for each WebSocket");
    drop(open);
    server.wait_usage("files that are closed", |usage| usage.files <= before.files);
    server.stop();
}
