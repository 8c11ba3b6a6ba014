//! WebSockets as applications have them, beside those of others: the package ws under Node as client and as
//! server, and raw frames where the bytes matter. Peers that break the rules are in `hostile_websockets.rs`.

use nano_tests::frames::{CLOSE, KEY, PING, PONG, WebSocket, masked, upgrade};
use nano_tests::{Dir, Nano, Options, get, request};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

fn app() -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("apps/websocket");
    assert!(
        folder.join("node_modules/ws").is_dir(),
        "the packages of {} are not installed: cargo xtask test does so",
        folder.display()
    );
    folder
}

/// The application, which may connect to this machine.
fn serve() -> Nano {
    let app = serde_json::json!({
        "name": "a", "hostname": "*", "path": app(), "fetch": { "allow_private": true },
    });
    let config = serde_json::json!({ "apps": [app] }).to_string();
    Nano::config(Dir::new(&[("nano.jsonc", &config)]), Options::one_thread())
}

fn node(args: &[&str]) -> Child {
    Command::new("node")
        .arg("peer.js")
        .args(args)
        .current_dir(app())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("node is needed for this test")
}

/// What ws has seen as a client.
fn client(args: &[&str]) -> Vec<String> {
    let output = node(args).wait_with_output().expect("a child of ours");
    assert!(output.status.success(), "{args:?}");
    String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect()
}

/// ws as a server; it ends when this is dropped.
struct Peer(Child, u16);

impl Peer {
    fn start() -> Self {
        let mut child = node(&["serve"]);
        let mut line = String::new();
        let stdout = child.stdout.as_mut().expect("piped");
        BufReader::new(stdout).read_line(&mut line).expect("a line");
        let port = line.trim().parse().expect("a port");
        Self(child, port)
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.wait();
    }
}

/// What a dialogue of `peer.js talk` looks like with a server that echoes.
fn dialogue() -> Vec<String> {
    let mut lines = vec!["open chat".to_owned()];
    for size in [0usize, 1, 125, 126, 65_535, 65_536, 1_000_000] {
        let text = if size / 2 == 0 { "\"\"".to_owned() } else { (size / 2 * 2).to_string() };
        let bytes = match size {
            0 => "\"\"".to_owned(),
            1 => "\"\\u0007\"".to_owned(),
            _ => size.to_string(),
        };
        lines.extend([format!("binary {bytes}"), format!("text {text}")]);
    }
    lines.extend(["pong between", "text \"in two\"", "close 4321 done"].map(str::to_owned));
    lines
}

#[test]
fn ws_is_a_client() {
    let server = serve();
    let url = |path: &str| format!("ws://127.0.0.1:{}{path}", server.port());
    assert_eq!(client(&["talk", &url("/echo")]), dialogue());
    let sent = [
        "open chat",
        "binary \"of a Blob\"",
        "binary \"\\u0002\\u0001\"",
        "binary \"\\u0000\\u0000\"",
        "binary \"\"",
    ];
    let mut blob = Vec::from(sent.map(str::to_owned));
    blob.push("close 1000 all sent".to_owned());
    assert_eq!(client(&["listen", &url("/blob")]), blob);
    assert_eq!(client(&["listen", &url("/close?code=1011&reason=why")]), ["open chat", "close 1011 why"]);
    server.stop();
}

#[test]
fn ws_is_the_server_of_a_constructed_websocket_and_of_fetch() {
    let (peer, server) = (Peer::start(), serve());
    let talk = ["open chat 1", "text \"text é€😀\"", "bytes 127,128,255", "text \"\"", "long 70000"];
    for how in ["connect", "fetch"] {
        let ask = |path: &str| -> Vec<String> {
            let target = format!("/{how}?url=http://127.0.0.1:{}{path}", peer.1);
            let answer = get(server.port(), "localhost", &target);
            assert_eq!(answer.status, 200, "{}", answer.text());
            serde_json::from_slice(&answer.body).expect("a list")
        };
        let end = ["close 3210 \"enough\" true 3"];
        assert_eq!(ask("/"), [&talk[..], &end].concat(), "{how}");
        assert_eq!(ask("/close"), ["open chat 1", "close 4444 \"not you\" true 3"], "{how}");
        assert_eq!(ask("/drop"), ["open chat 1", "error", "close 1006 \"\" false 3"], "{how}");
        let pong = ["open chat 1", "text \"pong are you there\"", "close 4000 \"ponged\" true 3"];
        assert_eq!(ask("/ping"), pong, "{how}");
        let fragments = ["open chat 1", "text \"a message in parts\"", "close 4001 \"sent\" true 3"];
        assert_eq!(ask("/fragments"), fragments, "{how}");
    }
    server.stop();
}

#[test]
fn a_websocket_is_passed_on_to_another_server() {
    let (peer, server) = (Peer::start(), serve());
    let url = format!("ws://127.0.0.1:{}/pass?url=http://127.0.0.1:{}/", server.port(), peer.1);
    assert_eq!(client(&["talk", &url]), dialogue());
    server.stop();
}

#[test]
fn nobody_answers() {
    let server = serve();
    // A port that nobody listens on, and a server that speaks no WebSocket.
    let (free, own) =
        (std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap(), server.port());
    for target in [format!("/connect?url=ws://{free}/"), format!("/connect?url=ws://127.0.0.1:{own}/pair")] {
        let answer = get(own, "localhost", &target);
        assert_eq!(answer.text(), "[\"error\",\"close 1006 \\\"\\\" false 3\"]", "{target}");
    }
    let answer = get(own, "localhost", &format!("/fetch?url=http://127.0.0.1:{own}/pair"));
    assert_eq!((answer.status, answer.text()), (502, "no WebSocket: 200".to_owned()));
    server.stop();
}

#[test]
fn the_handshake() {
    let server = serve();
    let port = server.port();
    let fields = |version, key| {
        let fields = [
            ("Connection", "keep-alive, Upgrade"),
            ("Upgrade", "websocket"),
            ("Sec-WebSocket-Version", version),
            ("Sec-WebSocket-Key", key),
        ];
        request("GET", "/echo", "localhost", &fields, b"")
    };
    let ask = |bytes: Vec<u8>| nano_tests::Client::connect(port).send(bytes).response();
    let old = ask(fields("8", KEY));
    assert_eq!((old.status, old.header("sec-websocket-version").as_deref()), (426, Some("13")));
    assert_eq!(ask(fields("13", "short")).status, 400);
    assert_eq!(ask(fields("13", "")).status, 400);
    // Without Connection: Upgrade it asks for nothing, whatever the application believes.
    let unasked = request("GET", "/echo", "localhost", &[("Upgrade", "websocket")], b"");
    assert_eq!(ask(unasked).status, 500);
    server.log.wait_for("does not ask for a WebSocket");
    // What comes with the handshake is not lost.
    let mut client = server.connect();
    client.send([upgrade("/echo", "localhost"), masked(0x81, b"early"), masked(0x88, b"")].concat());
    assert_eq!(client.head().unwrap().status, 101);
    assert_eq!(client.rest(), b"\x81\x05early\x88\x00");
    drop(client);
    server.stop();
}

#[test]
fn pings_are_answered_and_bytes_may_come_one_by_one() {
    let server = serve();
    let mut socket = WebSocket::connect(&server, "/echo");
    socket.frame(0x80 | PING, b"still there?");
    assert_eq!(socket.try_next().unwrap(), (0x80 | PONG, b"still there?".to_vec()));
    // A pong that nobody asked for.
    socket.frame(0x80 | PONG, b"");
    let message = [masked(0x01, "é".as_bytes()), masked(0x80, b"a")].concat();
    for byte in &message {
        socket.client.send([*byte]);
    }
    assert_eq!(socket.text(), "éa");
    socket.close(1000);
    server.stop();
}

const EVENTS: &str = r#"
const events = [];
const socket = (pair, name) => {
  const { 0: client, 1: server } = pair;
  server.accept();
  for (const type of ["error", "close"]) {
    server.addEventListener(type, (event) => {
      events.push(`${name} ${type} ${event.code ?? ""} ${event.reason ?? ""} ${event.wasClean ?? ""}`);
      console.log(events.at(-1));
    });
  }
  return [client, server];
};
export default {
  fetch(request, env, ctx) {
    const { pathname } = new URL(request.url);
    if (pathname === "/events") return Response.json(events);
    const [client, server] = socket(new WebSocketPair(), pathname.slice(1));
    switch (pathname) {
      case "/later":
        setTimeout(() => server.send("later"), 600);
        break;
      case "/ticks": {
        let count = 0;
        const timer = setInterval(() => {
          server.send(String(++count));
          if (count === 3) clearInterval(timer);
        }, 1);
        break;
      }
      case "/spin":
        server.addEventListener("message", ({ data }) => {
          const end = Date.now() + Number(data);
          while (Date.now() < end);
          server.send(`spun ${data}`);
        });
        break;
      case "/throw":
        server.addEventListener("message", () => { throw new Error("of a listener"); });
        break;
      default:
        server.addEventListener("message", ({ data }) => server.send(data));
    }
    return new Response(null, { status: 101, webSocket: client });
  },
};
"#;

fn events(server: &Nano) -> Vec<String> {
    serde_json::from_slice(&get(server.port(), "localhost", "/events").body).expect("a list")
}

#[test]
fn close_events_say_what_has_happened() {
    let server = Nano::app(EVENTS);
    let mut clean = WebSocket::connect(&server, "/clean");
    clean.frame(0x80 | CLOSE, b"\x0f\xa1of the client");
    assert_eq!(clean.closed(), Some(4001));
    let mut silent = WebSocket::connect(&server, "/silent");
    silent.frame(0x80 | CLOSE, b"");
    assert_eq!(silent.closed(), None);
    WebSocket::connect(&server, "/reset").client.reset();
    server.log.wait_for("reset close");
    let mut half = WebSocket::connect(&server, "/half");
    half.client.shut_sending();
    server.log.wait_for("half close");
    assert_eq!(
        events(&server),
        [
            "clean close 4001 of the client true",
            "silent close 1005  true",
            "reset error   ",
            "reset close 1006  false",
            "half error   ",
            "half close 1006  false",
        ]
    );
    server.stop();
}

#[test]
fn a_websocket_outlives_the_time_of_its_request_and_each_event_has_cpu_time_of_its_own() {
    let config = r#"{ "apps": [{ "name": "a", "hostname": "*", "path": "index.js", "wall_timeout_ms": 300, "timeout_ms": 200 }] }"#;
    let dir = Dir::new(&[("nano.jsonc", config), ("index.js", EVENTS)]);
    let server = Nano::config(dir, Options::one_thread());
    assert_eq!(WebSocket::connect(&server, "/later").text(), "later");
    let mut ticks = WebSocket::connect(&server, "/ticks");
    assert_eq!([ticks.text(), ticks.text(), ticks.text()], ["1", "2", "3"]);
    let mut socket = WebSocket::connect(&server, "/spin");
    for _ in 0..5 {
        // Together far more than one request may use.
        assert_eq!(socket.send("120").text(), "spun 120");
    }
    let mut other = WebSocket::connect(&server, "/echo");
    socket.send("100000");
    // The isolate ends, with all that it has open.
    assert_eq!(socket.closed(), Some(1011));
    assert_eq!(other.closed(), Some(1011));
    server.log.wait_for("CPU time");
    assert_eq!(WebSocket::connect(&server, "/echo").send("anew").text(), "anew");
    server.stop();
}

#[test]
fn an_exception_of_a_listener_ends_nothing() {
    let server = Nano::app(EVENTS);
    let mut socket = WebSocket::connect(&server, "/throw");
    socket.send("first");
    server.log.wait_for("of a listener");
    socket.send("second");
    socket.close(1000);
    server.stop();
}

#[test]
fn websockets_have_a_number_of_their_own_at_and_beyond_the_limit() {
    let config = r#"{ "apps": [{ "name": "a", "hostname": "*", "path": "index.js",
        "max_websockets": 3, "max_concurrent_requests": 1, "max_queued_requests": 0 }] }"#;
    let dir = Dir::new(&[("nano.jsonc", config), ("index.js", EVENTS)]);
    let server = Nano::config(dir, Options::one_thread());
    let mut open: Vec<_> = (0..3).map(|_| WebSocket::connect(&server, "/echo")).collect();
    let mut fourth = server.connect();
    let refused = fourth.send(upgrade("/echo", "localhost")).response();
    assert_eq!(refused.status, 503, "{}", refused.text());
    assert!(refused.header("retry-after").is_some());
    // They are not requests under way.
    assert_eq!(get(server.port(), "localhost", "/events").status, 200);
    open.pop().expect("three").close(1000);
    server.log.wait_for("echo close 1000");
    open.push(WebSocket::connect(&server, "/echo"));
    for socket in &mut open {
        assert_eq!(socket.send("here").text(), "here");
    }
    server.stop();
}

#[test]
fn a_server_that_ends_says_so_and_waits_for_the_answer() {
    let mut server = Nano::app(EVENTS);
    let mut socket = WebSocket::connect(&server, "/drained");
    assert_eq!(socket.send("open").text(), "open");
    server.signal(libc::SIGTERM);
    let (first, payload) = socket.try_next().expect("a close frame");
    assert_eq!((first, &payload[..]), (0x80 | CLOSE, &1001u16.to_be_bytes()[..]));
    socket.frame(0x80 | CLOSE, &1001u16.to_be_bytes());
    assert!(socket.try_next().is_err());
    assert_eq!(server.wait().code(), Some(0));
    server.log.wait_for("drained close 1001  true");
}

#[test]
fn a_new_version_takes_over_and_the_clients_of_the_old_one_are_told() {
    let config = r#"{ "watch": false, "apps": [{ "name": "a", "hostname": "*", "path": "index.js" }] }"#;
    let dir = Dir::new(&[("nano.jsonc", config), ("index.js", EVENTS)]);
    let path = dir.join("index.js");
    let server = Nano::config(dir, Options::args(&["--threads", "1", "--log-format", "text"]));
    let mut socket = WebSocket::connect(&server, "/old");
    assert_eq!(socket.send("open").text(), "open");
    std::fs::write(&path, EVENTS.replace("server.send(data)", "server.send(`new ${data}`)")).unwrap();
    server.signal(libc::SIGHUP);
    let (first, payload) = socket.try_next().expect("a close frame");
    assert_eq!((first, &payload[..]), (0x80 | CLOSE, &1001u16.to_be_bytes()[..]));
    // Until the client has answered it may still say something, which the old version does not get.
    socket.frame(0x80 | CLOSE, &1001u16.to_be_bytes());
    assert!(socket.try_next().is_err());
    let mut socket = WebSocket::connect(&server, "/new");
    assert_eq!(socket.send("data").text(), "new data");
    server.stop();
}
