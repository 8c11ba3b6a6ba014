//! A handler that passes a fetch on: `return fetch(upstream)` under every runtime, with nginx as the upstream
//! on the load's core.
//!
//! Knows nginx's configuration and how the applications say where the upstream is.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::json;

use super::client::{self, Request};
use super::field::{self, Field};
use super::load::{self, Ask, Round};
use super::page::{Section, Table};
use super::peers::{self, Peer};
use super::process::{self, Server};
use super::stats::{median, show};
use crate::util;

pub const KEY: &str = "proxy";

/// One size of bodies.
pub struct Body {
    pub path: &'static str,
    title: &'static str,
    bytes: usize,
    pub connections: usize,
}

pub const BODIES: [Body; 3] = [
    Body { path: "/small", title: "1 KB", bytes: 1_000, connections: 64 },
    Body { path: "/middle", title: "1 MB", bytes: 1_000_000, connections: 16 },
    Body { path: "/large", title: "10 MB", bytes: 10_000_000, connections: 8 },
];

/// Loads every runtime in turn, several rounds, each with a fresh process; the upstream stays.
pub fn run(field: &Field) -> Result<Section, String> {
    let _upstream = upstream(field.load_core)?;
    let peers: Vec<Peer> = field.peers.iter().copied().filter(|peer| *peer != Peer::Bare).collect();
    let rounds = field.rounds.unwrap_or(if field.short { 1 } else { 3 });
    let seconds = field.seconds.unwrap_or(if field.short { 1 } else { 4 });
    let mut found: BTreeMap<(Peer, &str), Vec<Round>> = BTreeMap::new();
    for round in 0..rounds {
        for at in 0..peers.len() {
            let peer = peers[(at + round) % peers.len()];
            for body in &BODIES {
                let one = (|| {
                    let mut server = field.start(peer, KEY)?;
                    check(body, &server)?;
                    let ask = Ask { method: "GET", path: body.path, body: 0 };
                    let warm_up = if field.short { 1 } else { 2 };
                    load::run_with(&mut server, ask, warm_up, field.load_core, body.connections)?;
                    load::run_with(&mut server, ask, seconds, field.load_core, body.connections)
                })();
                let one =
                    one.map_err(|error: String| format!("{} under {}: {error}", body.title, peer.title()))?;
                eprintln!(
                    "  {KEY} round {}/{rounds} {} {}: {} requests/s, {} µs CPU",
                    round + 1,
                    body.title,
                    peer.title(),
                    show(one.requests_per_s),
                    show(one.cpu_us)
                );
                found.entry((peer, body.path)).or_default().push(one);
            }
        }
    }
    Ok(section(&peers, rounds, seconds, &found))
}

/// Starts nginx as the upstream, and lays the applications out that pass requests on to it.
pub fn upstream(core: Option<usize>) -> Result<Server, String> {
    util::ensure_program("nginx", "nginx-light", "having an upstream to pass requests on to")?;
    let port = process::free_port()?;
    lay_out(port)?;
    let work = field::work_folder().join("nginx");
    let nginx = util::which("nginx").ok_or("nginx is not installed")?;
    let mut command = process::pinned(&nginx, core);
    command.arg("-p").arg(&work).arg("-c").arg(configure(&work, port)?).args(["-e", "error.log"]);
    let mut upstream = Server::spawn(&mut command, port, &field::work_folder().join("logs/nginx.log"))?;
    upstream.wait_listening().map_err(|error| format!("nginx: {error}"))?;
    Ok(upstream)
}

/// Tells the applications where the upstream is.
fn lay_out(port: u16) -> Result<(), String> {
    let (from, work) = (peers::sources().join("apps").join(KEY), field::work_folder());
    let copies = [
        ("index.mjs", work.join("apps").join(KEY).join("index.mjs")),
        ("node.mjs", work.join("servers").join(KEY).join("handler.mjs")),
    ];
    for (name, to) in copies {
        let text = fs::read_to_string(from.join(name)).map_err(|error| format!("{name}: {error}"))?;
        util::write_whole(&to, &mut text.replace("UPSTREAM_PORT", &port.to_string()).as_bytes())?;
    }
    Ok(())
}

/// The upstream's configuration and files: bodies from the page cache, connections that are kept for ever, no
/// log.
fn configure(work: &Path, port: u16) -> Result<std::path::PathBuf, String> {
    for body in &BODIES {
        let path = work.join("files").join(body.path.trim_start_matches('/'));
        util::write_whole(&path, &mut vec![b'x'; body.bytes].as_slice())?;
    }
    let config = format!(
        "daemon off;\nmaster_process off;\nworker_processes 1;\npid nginx.pid;\nevents {{ worker_connections 4096; }}\n\
         http {{\n  access_log off;\n  sendfile on;\n  tcp_nopush off;\n  keepalive_requests 1000000000;\n  \
         open_file_cache max=16;\n  open_file_cache_valid 1h;\n  default_type application/octet-stream;\n  \
         client_body_temp_path temp;\n  proxy_temp_path temp;\n  fastcgi_temp_path temp;\n  uwsgi_temp_path temp;\n  \
         scgi_temp_path temp;\n  server {{ listen 127.0.0.1:{port}; root files; }}\n}}\n"
    );
    let path = work.join("nginx.conf");
    util::write_whole(&path, &mut config.as_bytes())?;
    Ok(path)
}

pub fn check(body: &Body, server: &Server) -> Result<(), String> {
    let answer = client::once(server.address, &Request::get(&server.address.to_string(), body.path))?;
    if answer.status != 200 || answer.body != vec![b'x'; body.bytes] {
        return Err(format!(
            "answered {} with {} bytes\n{}",
            answer.status,
            answer.body.len(),
            server.said()
        ));
    }
    Ok(())
}

fn section(
    peers: &[Peer],
    rounds: usize,
    seconds: u64,
    found: &BTreeMap<(Peer, &str), Vec<Round>>,
) -> Section {
    let middle = |peer: Peer, body: &Body, value: fn(&Round) -> f64| {
        found.get(&(peer, body.path)).map(|rounds| median(&rounds.iter().map(value).collect::<Vec<_>>()))
    };
    let mut tables = Vec::new();
    for body in &BODIES {
        let small = body.bytes < 100_000;
        let mut table = Table::new(&[
            body.title,
            if small { "requests/s" } else { "MB/s" },
            "× NANO",
            if small { "CPU µs a request" } else { "CPU µs a MB" },
            "× NANO",
            "p50 ms",
            "p99 ms",
        ]);
        let megabytes = if small { 1.0 } else { body.bytes as f64 / 1e6 };
        for &peer in peers {
            let against_nano =
                |value: fn(&Round) -> f64| match (middle(peer, body, value), middle(Peer::Nano, body, value))
                {
                    (Some(this), Some(nano)) if nano > 0.0 => format!("{:.2}", this / nano),
                    _ => String::new(),
                };
            let text = |value: fn(&Round) -> f64, scale: f64| {
                middle(peer, body, value).map(|value| show(value * scale)).unwrap_or_default()
            };
            table.row(&[
                peer.title().into(),
                text(|round| round.requests_per_s, megabytes),
                against_nano(|round| round.requests_per_s),
                text(|round| round.cpu_us, 1.0 / megabytes),
                against_nano(|round| round.cpu_us),
                text(|round| round.p50_us, 1e-3),
                text(|round| round.p99_us, 1e-3),
            ]);
        }
        tables.push(table);
    }
    let raw: serde_json::Map<String, serde_json::Value> = found
        .iter()
        .map(|((peer, path), rounds)| {
            let list = |value: fn(&Round) -> f64| rounds.iter().map(value).collect::<Vec<_>>();
            let value = json!({
                "requests_per_s": list(|round| round.requests_per_s), "cpu_us": list(|round| round.cpu_us),
                "p50_us": list(|round| round.p50_us), "p99_us": list(|round| round.p99_us),
            });
            (format!("{}{path}", peer.key()), value)
        })
        .collect();
    let connections: Vec<String> = BODIES.iter().map(|body| body.connections.to_string()).collect();
    let text = format!(
        "`return fetch(upstream)`; under Node the same with node:http and a keep-alive agent. The upstream is nginx, which shares its core \
         with the load: large bodies are bound by that core, so what the server itself needs for them is told by its processor time. \
         Medians of {rounds} rounds of {seconds} s, {} connections kept alive.",
        connections.join(", ")
    );
    Section { key: KEY.into(), title: "Passing a fetch on".into(), text, tables, raw: raw.into() }
}
