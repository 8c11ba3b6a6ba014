//! The same handler under every runtime, loaded in turn: requests a second, processor time a request,
//! latency.

use std::collections::BTreeMap;

use serde_json::json;

use super::client::{self, Body, Request};
use super::field::Field;
use super::load::{self, Ask, Round};
use super::page::{Section, Table};
use super::peers::Peer;
use super::stats::{median, show};

/// One handler and what it is asked.
pub struct Handler {
    pub key: &'static str,
    pub title: &'static str,
    intro: &'static str,
    pub app: &'static str,
    pub ask: Ask,
    /// The answer that every runtime must give before it is measured.
    answer: fn() -> Vec<u8>,
    /// Rounds where the command line does not say.
    rounds: usize,
}

const fn get(path: &'static str) -> Ask {
    Ask { method: "GET", path, body: 0 }
}

pub const HANDLERS: [Handler; 7] = [
    Handler {
        key: "hello",
        title: "Hello world",
        intro: "`return new Response(\"Hello World\")`.",
        app: "hello",
        ask: get("/"),
        answer: || b"Hello World".to_vec(),
        rounds: 5,
    },
    Handler {
        key: "json",
        title: "JSON",
        intro: "`Response.json` of a small object.",
        app: "json",
        ask: get("/"),
        answer: || {
            br#"{"message":"Hello World","list":[1,2,3],"nested":{"ok":true,"text":"some text"}}"#.to_vec()
        },
        rounds: 3,
    },
    Handler {
        key: "inspect",
        title: "Headers and URL",
        intro: "Parses `request.url`, reads a query parameter and two headers, sets a header.",
        app: "inspect",
        ask: get("/some/path?name=value&other=1"),
        answer: || b"GET /some/path value */* wrk".to_vec(),
        rounds: 3,
    },
    Handler {
        key: "echo-1k",
        title: "Echo of 1 KB",
        intro: "`return new Response(request.body)`, with a body of 1,000 bytes.",
        app: "echo",
        ask: Ask { method: "POST", path: "/", body: 1_000 },
        answer: || vec![b'x'; 1_000],
        rounds: 3,
    },
    Handler {
        key: "echo-100k",
        title: "Echo of 100 KB",
        intro: "The same handler with a body of 100,000 bytes.",
        app: "echo",
        ask: Ask { method: "POST", path: "/", body: 100_000 },
        answer: || vec![b'x'; 100_000],
        rounds: 3,
    },
    Handler {
        key: "stream",
        title: "Streamed answer",
        intro: "A ReadableStream that gives ten chunks of 1 KiB, each when it is pulled.",
        app: "stream",
        ask: get("/"),
        answer: || vec![b'x'; 10 * 1024],
        rounds: 3,
    },
    Handler {
        key: "hono",
        title: "Hono",
        intro: "A Hono application from npm: middleware, a path parameter, JSON. Under Node through `@hono/node-server`.",
        app: "hono",
        ask: get("/api/users/42?verbose=1"),
        answer: || br#"{"id":"42","verbose":true}"#.to_vec(),
        rounds: 3,
    },
];

/// Loads every runtime in turn, several rounds, each with a fresh process.
pub fn run(field: &Field, handler: &Handler) -> Result<Section, String> {
    let peers: Vec<Peer> =
        field.peers.iter().copied().filter(|peer| *peer != Peer::Bare || handler.key == "hello").collect();
    let rounds = field.rounds.unwrap_or(if field.short { 1 } else { handler.rounds });
    let seconds = field.seconds.unwrap_or(if field.short { 1 } else { 5 });
    let mut found: BTreeMap<Peer, Vec<Round>> = BTreeMap::new();
    for round in 0..rounds {
        // Each round begins with another one, so that none is always behind the same neighbour.
        for at in 0..peers.len() {
            let peer = peers[(at + round) % peers.len()];
            let one = (|| {
                let mut server = field.start(peer, handler.app)?;
                check(handler, peer, &server)?;
                load::run(&mut server, handler.ask, if field.short { 1 } else { 2 }, field.load_core)?;
                load::run(&mut server, handler.ask, seconds, field.load_core)
            })();
            let one =
                one.map_err(|error: String| format!("{} under {}: {error}", handler.title, peer.title()))?;
            eprintln!(
                "  {} round {}/{rounds} {}: {} requests/s, {} µs CPU",
                handler.key,
                round + 1,
                peer.title(),
                show(one.requests_per_s),
                show(one.cpu_us)
            );
            found.entry(peer).or_default().push(one);
        }
    }
    Ok(section(field, handler, rounds, seconds, &found))
}

/// Asks once, and compares with the answer that the handler must give.
pub fn check(handler: &Handler, peer: Peer, server: &super::process::Server) -> Result<(), String> {
    let ask = handler.ask;
    let body = if ask.body > 0 { Body::Whole(vec![b'x'; ask.body]) } else { Body::None };
    let headers = vec![("Accept".into(), "*/*".into()), ("User-Agent".into(), "wrk".into())];
    let request = Request {
        method: ask.method.into(),
        path: ask.path.into(),
        host: server.address.to_string(),
        headers,
        body,
    };
    let answer = client::once(server.address, &request)?;
    let expected = (handler.answer)();
    if answer.status != 200 || answer.body != expected {
        let text = String::from_utf8_lossy(&answer.body[..answer.body.len().min(200)]).into_owned();
        return Err(format!("{} answered {} {text:?}\n{}", peer.title(), answer.status, server.said()));
    }
    Ok(())
}

fn section(
    field: &Field,
    handler: &Handler,
    rounds: usize,
    seconds: u64,
    found: &BTreeMap<Peer, Vec<Round>>,
) -> Section {
    let middle = |peer: Peer, value: fn(&Round) -> f64| {
        found.get(&peer).map(|rounds| median(&rounds.iter().map(value).collect::<Vec<_>>()))
    };
    let mut table =
        Table::new(&["", "requests/s", "× NANO", "CPU µs a request", "× NANO", "p50 ms", "p99 ms"]);
    for peer in field.peers.iter().copied().filter(|peer| found.contains_key(peer)) {
        let against_nano = |value: fn(&Round) -> f64| match (middle(peer, value), middle(Peer::Nano, value)) {
            (Some(this), Some(nano)) if nano > 0.0 => format!("{:.2}", this / nano),
            _ => "".into(),
        };
        let text = |value: fn(&Round) -> f64| middle(peer, value).map(show).unwrap_or_default();
        table.row(&[
            peer.title().into(),
            text(|round| round.requests_per_s),
            against_nano(|round| round.requests_per_s),
            text(|round| round.cpu_us),
            against_nano(|round| round.cpu_us),
            text(|round| round.p50_us / 1e3),
            text(|round| round.p99_us / 1e3),
        ]);
    }
    let raw: serde_json::Map<String, serde_json::Value> = found
        .iter()
        .map(|(peer, rounds)| {
            let list = |value: fn(&Round) -> f64| rounds.iter().map(value).collect::<Vec<_>>();
            let value = json!({
                "requests_per_s": list(|round| round.requests_per_s), "cpu_us": list(|round| round.cpu_us),
                "p50_us": list(|round| round.p50_us), "p99_us": list(|round| round.p99_us),
            });
            (peer.key().to_string(), value)
        })
        .collect();
    let note =
        format!("Medians of {rounds} rounds of {seconds} s, {} connections kept alive.", load::CONNECTIONS);
    Section {
        key: handler.key.into(),
        title: handler.title.into(),
        text: format!("{} {note}", handler.intro),
        tables: vec![table],
        raw: raw.into(),
    }
}
