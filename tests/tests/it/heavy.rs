//! Applications that compute for long are served by a thread beside their worker: connections go there and
//! come back between two requests, and whoever asks notices nothing of it.

use nano_tests::frames::WebSocket;
use nano_tests::{Client, Dir, Nano, Options, get, request};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// `/` says which isolate it is, `/spin` computes for 150 ms, `/slow` for a second and a half, `/socket` is a
/// WebSocket that echoes.
const APP: &str = r#"
const isolate = crypto.randomUUID();
const spin = (ms) => { const end = performance.now() + ms; while (performance.now() < end); };
export default {
  async fetch(request) {
    const { pathname } = new URL(request.url);
    if (pathname === "/spin") spin(150);
    if (pathname === "/slow") spin(1500);
    if (pathname === "/body") return new Response(await request.arrayBuffer());
    if (pathname === "/socket") {
      const { 0: client, 1: server } = new WebSocketPair();
      server.accept();
      server.addEventListener("message", (event) => server.send("hog " + event.data));
      return new Response(null, { status: 101, webSocket: client });
    }
    return new Response(isolate);
  },
};
"#;
const LIGHT: &str = r#"
export default { async fetch(request) { return new Response("light " + (await request.text())); } };
"#;
const CONFIG: &str = r#"{ "apps": [
  { "name": "hog", "path": "hog.js", "timeout_ms": 60000, "wall_timeout_ms": 60000 },
  { "name": "light", "path": "light.js" } ] }"#;

fn server(arguments: &[&str]) -> Nano {
    let dir = Dir::new(&[("hog.js", APP), ("light.js", LIGHT), ("nano.jsonc", CONFIG)]);
    let arguments = [&["--threads", "1", "--log-format", "json"], arguments].concat();
    Nano::config(dir, Options::args(&arguments))
}

/// The CPU time of the companion's thread, in hundredths of a second; `None`: there is no such thread.
fn companion(server: &Nano) -> Option<u64> {
    let tasks = std::fs::read_dir(format!("/proc/{}/task", server.id())).unwrap();
    tasks.flatten().find_map(|task| {
        // `1234 (name) S` and numbers: the eleventh of those is the time in user mode.
        let stat = std::fs::read_to_string(task.path().join("stat")).ok()?;
        let (_, numbers) = stat.split_once("(nano-companion-")?.1.split_once(") ")?;
        numbers.split(' ').nth(11)?.parse().ok()
    })
}

/// Has the hog compute until it is the companion that does so: the name of its isolate there.
fn make_heavy(server: &Nano) -> String {
    loop {
        let before = companion(server);
        let isolate = get(server.port(), "hog", "/spin").text();
        if companion(server).unwrap_or(0) > before.unwrap_or(0) + 5 {
            return isolate;
        }
    }
}

#[test]
fn connections_go_to_the_companion_and_come_back() {
    let server = server(&[]);
    assert_eq!(get(server.port(), "light", "/").text(), "light ");
    assert_eq!(companion(&server), None, "nobody needs it yet");
    let isolate = make_heavy(&server);
    // One connection, by turns.
    let mut client = server.connect();
    let hog = request("GET", "/", "hog", &[], b"");
    for round in 0..20 {
        let body = round.to_string();
        let light = request("POST", "/", "light", &[], body.as_bytes());
        assert_eq!(client.send(&light).response().text(), format!("light {round}"));
        assert_eq!(client.send(&hog).response().text(), isolate);
    }
    // All at once: what was read too far goes along.
    let large = vec![b'x'; 300_000];
    let all = [
        request("POST", "/", "light", &[], b"one"),
        hog.clone(),
        request("POST", "/body", "hog", &[], &large),
        request("POST", "/", "light", &[], b"two"),
        request("GET", "/", "nobody", &[], b""),
        hog,
    ];
    let mut sender = client.sender();
    let sending = std::thread::spawn(move || std::io::Write::write_all(&mut sender, &all.concat()));
    assert_eq!(client.response().text(), "light one");
    assert_eq!(client.response().text(), isolate);
    assert_eq!(client.response().body, large);
    assert_eq!(client.response().text(), "light two");
    assert_eq!(client.response().status, 404);
    assert_eq!(client.response().text(), isolate);
    sending.join().unwrap().unwrap();
    server.stop();
}

#[test]
fn the_neighbour_is_answered_while_the_companion_computes() {
    let server = server(&["--no-request-log"]);
    make_heavy(&server);
    let mut hog = server.connect();
    hog.send(request("GET", "/slow", "hog", &[], b""));
    hog.stream().set_nonblocking(true).unwrap();
    let mut light = server.connect();
    let ask = request("GET", "/", "light", &[], b"");
    let mut answers = 0;
    let done = loop {
        assert_eq!(light.send(&ask).response().status, 200);
        answers += 1;
        match hog.try_response() {
            Ok(response) => break response,
            Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::WouldBlock, "{error}"),
        }
    };
    assert_eq!(done.status, 200);
    assert!(answers > 50, "{answers}");
    server.stop();
}

#[test]
fn websockets_work_there() {
    let server = server(&[]);
    make_heavy(&server);
    let mut client = server.connect();
    client.send(request("GET", "/", "light", &[], b"")).response();
    let mut socket = WebSocket::open(client, "/socket", "hog");
    for text in ["a", "b"] {
        assert_eq!(socket.send(text).text(), format!("hog {text}"));
    }
    socket.close(1000);
    server.stop();
}

#[test]
fn a_drain_answers_what_the_companion_has() {
    let server = server(&[]);
    make_heavy(&server);
    // One connection is idle there.
    let mut idle = server.connect();
    idle.send(request("GET", "/", "hog", &[], b"")).response();
    let mut slow: Vec<Client> = (0..3).map(|_| server.connect()).collect();
    for client in &mut slow {
        client.send(request("GET", "/slow", "hog", &[], b""));
    }
    server.signal(libc::SIGTERM);
    for mut client in slow {
        let response = client.response();
        assert_eq!(response.status, 200);
        assert_eq!(response.header("connection").as_deref(), Some("close"), "{response:?}");
    }
    server.stop();
}

#[test]
fn a_drain_under_load_loses_nothing() {
    for _ in 0..5 {
        let server = server(&["--no-request-log"]);
        make_heavy(&server);
        let port = server.port();
        let over = Arc::new(AtomicBool::new(false));
        let ask = |client: usize| {
            let over = Arc::clone(&over);
            // Before the server may be told to stop: the thread may begin later.
            let mut connection = Client::connect(port);
            std::thread::spawn(move || {
                // By turns, so that connections are on their way at all times.
                for round in client.. {
                    let host = ["hog", "light"][round % 2];
                    let sent = connection.try_send(request("GET", "/", host, &[], b""));
                    match sent.and_then(|()| connection.try_response()) {
                        Ok(response) if response.status == 200 => {
                            if response.header("connection").is_some() {
                                return Ok(round);
                            }
                        }
                        // What comes after the signal may be refused, in words.
                        Ok(response) if response.status == 503 && over.load(Ordering::SeqCst) => {
                            return Ok(round);
                        }
                        Ok(response) => return Err(format!("{response:?}")),
                        // Or find the connection closed, if it was idle.
                        Err(_) if over.load(Ordering::SeqCst) => return Ok(round),
                        Err(error) => return Err(error.to_string()),
                    }
                }
                unreachable!()
            })
        };
        let clients: Vec<_> = (0..8).map(ask).collect();
        for _ in 0..20 {
            assert_eq!(get(port, "light", "/").status, 200);
        }
        over.store(true, Ordering::SeqCst);
        server.stop();
        for client in clients {
            client.join().unwrap().unwrap();
        }
    }
}

#[test]
fn a_new_version_is_served_there_too() {
    let dir = Dir::new(&[("hog.js", APP), ("light.js", LIGHT), ("nano.jsonc", CONFIG)]);
    let hog = dir.join("hog.js");
    let server = Nano::config(dir, Options::args(&["--threads", "1", "--log-format", "json"]));
    let isolate = make_heavy(&server);
    std::fs::write(hog, "export default { fetch() { return new Response('new'); } };").unwrap();
    server.signal(libc::SIGHUP);
    server.log.wait_for("deployed");
    let mut client = server.connect();
    assert_eq!(client.send(request("GET", "/", "light", &[], b"")).response().text(), "light ");
    let text = client.send(request("GET", "/", "hog", &[], b"")).response().text();
    assert_eq!(text, "new", "not {isolate}");
    server.stop();
}

/// A fault of ours there ends what it has, and nothing else; the next heavy request finds another.
#[test]
#[cfg(debug_assertions)]
fn a_companion_that_panics_is_replaced_and_so_is_its_worker() {
    let server = server(&[]);
    for round in 1..=3 {
        let isolate = make_heavy(&server);
        let mut light = server.connect();
        light.send(request("GET", "/", "light", &[], b"")).response();
        server.signal(libc::SIGUSR1);
        server.log.wait_count("a worker's companion has ended", round);
        // The worker's connections are where they were.
        assert_eq!(light.send(request("GET", "/", "light", &[], b"")).response().text(), "light ");
        while get(server.port(), "hog", "/").text() == isolate {}
    }
    // Where the worker itself has a fault, its companion finishes what it has.
    make_heavy(&server);
    let mut slow = server.connect();
    slow.send(request("GET", "/slow", "hog", &[], b""));
    // Until it is there: a companion answers in the order of arrival, and gives way.
    get(server.port(), "hog", "/");
    server.signal(libc::SIGUSR2);
    server.log.wait_for("a worker is replaced");
    assert_eq!(slow.response().status, 200);
    make_heavy(&server);
    server.stop();
}

#[test]
fn an_application_alone_has_nobody_to_spare() {
    let server = Nano::app_with(APP, Options::args(&["--threads", "1"]));
    let first = get(server.port(), "a", "/").text();
    for _ in 0..4 {
        assert_eq!(get(server.port(), "a", "/spin").text(), first);
    }
    assert_eq!(companion(&server), None);
    server.stop();
}
