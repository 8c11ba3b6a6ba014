//! A tenant that computes for long gives way to its neighbours on the thread.

use nano_tests::{Dir, Nano, Options, request};
use std::time::Instant;

const HOG: &str = r#"
const until = (work) => { const end = performance.now() + 2000; let n = 0; while (performance.now() < end) n += work(); return n; };
const numbers = Array.from({ length: 20000 }, (_, i) => (i * 7919) % 20011);
const text = JSON.stringify(Array.from({ length: 5000 }, (_, i) => ({ i, name: "name " + i, list: [1, 2, 3] })));
const parsed = Array.from({ length: 50000 }, (_, i) => ({ i, name: "name " + i }));
const long = JSON.stringify(parsed);
const letters = "\u00e9".repeat(1 << 19), others = letters + "x", bytes = new Uint8Array(32 << 20);
const ways = {
  loop: () => until(() => { let x = 0; for (let i = 0; i < 1e6; i++) x = (x * 31 + i) | 0; return 1; }),
  sort: () => until(() => { numbers.slice().sort((a, b) => a - b); return 1; }),
  regexp: () => until(() => { /^(a+)+$/.test("a".repeat(20) + "b"); return 1; }),
  json: () => until(() => JSON.stringify(JSON.parse(text)).length > 0 ? 1 : 0),
  arrays: () => until(() => { let a; for (let i = 0; i < 2000; i++) a = new Array(1000).fill(1.5); return a.length; }),
  strings: () => until(() => { let s = ""; for (let i = 0; i < 1e5; i++) s += i; return s.length; }),
  // Nothing but functions of C++ in the loop: V8 does not look by itself whether somebody waits.
  parse: () => { let n = 0; for (let i = 0; i < 150; i++) n += JSON.parse(long).length; return n; },
  stringify: () => { let n = 0; for (let i = 0; i < 300; i++) n += JSON.stringify(parsed).length; return n; },
  normalize: () => { let n = 0; for (let i = 0; i < 150; i++) n += letters.normalize("NFD").length; return n; },
  compare: () => { let n = 0; for (let i = 0; i < 300; i++) n += letters.localeCompare(others); return n; },
  copy: () => { let n = 0; for (let i = 0; i < 1000; i++) n += bytes.copyWithin(1, 0).length; return n; },
  promises: async () => { const end = performance.now() + 2000; let n = 0; while (performance.now() < end) { await null; n++; } return n; },
};
export default {
  async fetch(request) {
    const n = await ways[new URL(request.url).pathname.slice(1)]();
    return new Response(String(n));
  },
};
"#;

/// While the hog computes for two seconds, this many answers of the neighbour must come at least. Without
/// slices there is none; with them, a slice of 2 ms in every 4 has room for several.
const LEAST_ANSWERS: usize = 100;

fn neighbour_answers_while(way: &str, least: usize) {
    let config = r#"{ "apps": [{ "name": "hog", "path": "hog.js", "timeout_ms": 300000, "wall_timeout_ms": 300000 }, { "name": "neighbour", "path": "neighbour.js" }] }"#;
    let neighbour = "let n = 0; export default { fetch() { return new Response(String(++n)); } };";
    let dir = Dir::new(&[("hog.js", HOG), ("neighbour.js", neighbour), ("nano.jsonc", config)]);
    let server = Nano::config(dir, Options::args(&["--threads", "1", "--no-request-log"]));
    let mut client = server.connect();
    let ask = request("GET", "/", "neighbour", &[], b"");
    client.send(&ask).response();
    let port = server.port();
    let mut hog = nano_tests::Client::connect(port);
    hog.send(request("GET", &format!("/{way}"), "hog", &[], b""));
    hog.stream().set_nonblocking(true).unwrap();
    let mut times = Vec::new();
    let done = loop {
        let start = Instant::now();
        client.send(&ask).response();
        times.push(start.elapsed());
        match hog.try_response() {
            Ok(response) => break response,
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(error) => panic!("{error}"),
        }
    };
    assert_eq!(done.status, 200, "{}", done.text());
    times.sort();
    let at = |part: usize| times[(times.len() - 1) * part / 1000];
    println!(
        "{way}: {} answers meanwhile, p50 {:?}, p99 {:?}, longest {:?}",
        times.len(),
        at(500),
        at(990),
        at(1000)
    );
    assert!(times.len() >= least, "{way}: {} answers while the neighbour computed", times.len());
    server.stop();
}

#[test]
fn a_loop_gives_way() {
    neighbour_answers_while("loop", LEAST_ANSWERS);
}

#[test]
fn sorting_gives_way() {
    neighbour_answers_while("sort", LEAST_ANSWERS);
}

#[test]
fn a_regular_expression_gives_way() {
    neighbour_answers_while("regexp", LEAST_ANSWERS);
}

#[test]
fn json_gives_way() {
    neighbour_answers_while("json", LEAST_ANSWERS);
}

#[test]
fn making_arrays_gives_way() {
    neighbour_answers_while("arrays", LEAST_ANSWERS);
}

#[test]
fn making_strings_gives_way() {
    neighbour_answers_while("strings", LEAST_ANSWERS);
}

#[test]
fn microtasks_give_way() {
    neighbour_answers_while("promises", LEAST_ANSWERS);
}

#[test]
fn loops_of_calls_into_the_engine_give_way() {
    for way in ["parse", "stringify", "normalize", "compare", "copy"] {
        neighbour_answers_while(way, 20);
    }
}

/// Responses of one turn are written together. One that waits for that is written all the same when what
/// comes after it in the turn does not end.
#[test]
fn an_answer_that_waits_for_its_turn_is_written_before_a_neighbours_slice() {
    let config = r#"{
        "defaults": { "timeout_ms": 300000 },
        "apps": [
            { "name": "busy", "path": "busy.js" },
            { "name": "neighbour", "path": "neighbour.js" },
            { "name": "endless", "path": "endless.js" }
        ]
    }"#;
    // Nothing gives way within a call of JSON.parse: what is sent meanwhile is found in one turn.
    let busy = "const text = JSON.stringify(Array.from({ length: 300000 }, (_, i) => ({ i, list: [i] })));
        export default { fetch() { return new Response(String(JSON.parse(text).length)); } };";
    let neighbour = "export default { fetch() { return new Response(\"here\"); } };";
    let endless = "export default { fetch(request) { while (request.url.endsWith(\"/endless\")); return new Response(); } };";
    let dir = Dir::new(&[
        ("busy.js", busy),
        ("neighbour.js", neighbour),
        ("endless.js", endless),
        ("nano.jsonc", config),
    ]);
    let server = Nano::config(dir, Options::args(&["--threads", "1", "--no-request-log"]));
    let apps = ["busy", "neighbour", "endless"];
    let mut clients = apps.map(|_| server.connect());
    for (client, app) in clients.iter_mut().zip(apps) {
        assert_eq!(client.send(request("GET", "/", app, &[], b"")).response().status, 200);
    }
    for (client, app) in clients.iter_mut().zip(apps) {
        client.send(request("GET", &format!("/{app}"), app, &[], b""));
    }
    assert_eq!(clients[1].response().text(), "here");
    server.abandon();
}
