//! The first answer of an application that nobody has asked before, among many in one process.

use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use serde_json::json;

use super::client::{Answer, Connection, Request};
use super::field::{self, Field};
use super::page::{Section, Table};
use super::peers::Peer;
use super::process;
use super::stats::{percentile, show};

pub const KEY: &str = "first";

/// The pause between visits that are not back to back.
const PAUSE: Duration = Duration::from_millis(5);

/// Applications under workerd: each has a socket of its own there.
const WORKERD_APPS: usize = 200;

/// Writes `count` small applications, each with its own source; gives names and folders.
pub fn small_apps(count: usize) -> Result<Vec<(String, PathBuf)>, String> {
    let mut apps = Vec::new();
    for number in 0..count {
        let name = format!("app-{number}");
        let folder = field::work_folder().join("many").join(&name);
        let source = format!(
            r#"// Application {number} of many: a few routes, some state, some work at start.

const NAME = "{name}";
const visits = new Map();
const table = Array.from({{ length: 64 }}, (_, index) => ({{ index, label: `${{NAME}}-${{index}}` }}));

function count(path) {{
  visits.set(path, (visits.get(path) ?? 0) + 1);
  return visits.get(path);
}}

const routes = {{
  "/": () => new Response(`Hello from ${{NAME}}`),
  "/json": () => Response.json(table.slice(0, {limit})),
  "/label": (url) => new Response(table[Number(url.searchParams.get("index") ?? 0)].label),
  "/visits": () => Response.json(Object.fromEntries(visits)),
}};

export default {{
  async fetch(request, env, ctx) {{
    const url = new URL(request.url);
    count(url.pathname);
    const route = routes[url.pathname];
    if (!route) return new Response("not found", {{ status: 404 }});
    return route(url);
  }},
}};
"#,
            limit = number % 32 + 1
        );
        let file = folder.join("index.mjs");
        if fs::read(&file).is_ok_and(|there| there == source.as_bytes()) {
            apps.push((name, folder));
            continue;
        }
        let written = fs::create_dir_all(&folder).and_then(|()| fs::write(&file, source));
        written.map_err(|error| format!("cannot write {}: {error}", file.display()))?;
        apps.push((name, folder));
    }
    Ok(apps)
}

/// Visits every application once, after `pause` each; gives the times in milliseconds.
fn visit(
    field: &Field,
    peer: Peer,
    apps: &[(String, PathBuf)],
    pause: Option<Duration>,
) -> Result<Vec<f64>, String> {
    // The first application is asked before the clock runs: the connection and the server are warm, the
    // others untouched.
    let mut times = Vec::new();
    let (server, mut visits) = many(field, peer, apps)?;
    let complain = |error: String| format!("{}: {error}\n{}", peer.title(), server.said());
    let exchange = |visits: &mut Visits, at: usize| {
        let answer = visits.exchange(at)?;
        let expected = format!("Hello from {}", apps[at].0);
        if answer.status == 200 && answer.body == expected.as_bytes() {
            Ok(())
        } else {
            Err(format!(
                "{} answered {} {:?}",
                apps[at].0,
                answer.status,
                String::from_utf8_lossy(&answer.body)
            ))
        }
    };
    visits.connect(0).and_then(|()| exchange(&mut visits, 0)).map_err(complain)?;
    server.wait_idle(Duration::from_secs(5));
    let begun = Instant::now();
    for at in 1..apps.len() {
        if let Some(pause) = pause {
            // Due on a schedule, so that a slow answer shortens the next pause and is not rewarded.
            let due = begun + pause * u32::try_from(at).unwrap_or(u32::MAX);
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
        }
        visits.connect(at).map_err(complain)?;
        let sent = Instant::now();
        exchange(&mut visits, at).map_err(complain)?;
        times.push(sent.elapsed().as_secs_f64() * 1e3);
    }
    Ok(times)
}

/// The visits to many applications of one process: over one connection, or over one each where each has its
/// own address.
pub struct Visits {
    addresses: Vec<SocketAddr>,
    requests: Vec<Request>,
    /// The connection that is open, and to which address.
    open: Option<(SocketAddr, Connection)>,
}

impl Visits {
    /// Opens the connection for a visit, unless it is open.
    pub fn connect(&mut self, at: usize) -> Result<(), String> {
        let address = self.addresses[at];
        if self.open.as_ref().is_none_or(|(open, _)| *open != address) {
            self.open = Some((address, Connection::open(address).map_err(|error| error.to_string())?));
        }
        Ok(())
    }

    /// Asks the application; [`connect`](Self::connect) first.
    pub fn exchange(&mut self, at: usize) -> Result<Answer, String> {
        let (_, connection) = self.open.as_mut().ok_or("no connection is open")?;
        connection.exchange(&self.requests[at])
    }
}

/// Starts one process with all applications, and writes the requests of the visits.
pub fn many(
    field: &Field,
    peer: Peer,
    apps: &[(String, PathBuf)],
) -> Result<(process::Server, Visits), String> {
    let what = format!("many-{}", apps.len());
    if peer == Peer::Workerd {
        let mut sockets = Vec::new();
        for (name, folder) in apps {
            sockets.push((name.clone(), folder.clone(), process::free_port()?));
        }
        let last = sockets[sockets.len() - 1].2;
        let server =
            field.started(peer, &what, &mut field.workerd_many(&sockets, field.server_core)?, last)?;
        let addresses: Vec<_> = sockets.iter().map(|(_, _, port)| process::local(*port)).collect();
        let requests = addresses.iter().map(|address| Request::get(&address.to_string(), "/")).collect();
        return Ok((server, Visits { addresses, requests, open: None }));
    }
    let port = process::free_port()?;
    let server = field.started(peer, &what, &mut field.nano_many(apps, port, field.server_core)?, port)?;
    let requests = apps.iter().map(|(name, _)| Request::get(&field::host(name), "/")).collect();
    Ok((server, Visits { addresses: vec![process::local(port); apps.len()], requests, open: None }))
}

pub fn run(field: &Field) -> Result<Section, String> {
    let rounds = field.rounds.unwrap_or(if field.short { 1 } else { 3 });
    let mut table = Table::new(&["", "applications", "visits", "p50 ms", "p99 ms", "slowest ms"]);
    let mut raw = serde_json::Map::new();
    for peer in field.among(&[Peer::Nano, Peer::Workerd]) {
        let count = match peer {
            _ if field.short => 50,
            Peer::Workerd => WORKERD_APPS,
            _ => 1000,
        };
        let apps = small_apps(count)?;
        for (mode, pause) in [("5 ms apart", Some(PAUSE)), ("back to back", None)] {
            let mut times = Vec::new();
            for _ in 0..rounds {
                times.extend(visit(field, peer, &apps, pause)?);
            }
            let [p50, p99, slowest] = [50.0, 99.0, 100.0].map(|percent| percentile(&times, percent));
            eprintln!("  first {} {mode}: p50 {} ms, p99 {} ms", peer.title(), show(p50), show(p99));
            table.row(&[
                peer.title().into(),
                show_count(count),
                mode.into(),
                show(p50),
                show(p99),
                show(slowest),
            ]);
            raw.insert(format!("{} {mode}", peer.key()), json!(times));
        }
    }
    Ok(Section {
        key: KEY.into(),
        title: "First answer of an application never touched before".into(),
        text: format!(
            "Many applications in one process, each visited once over a connection that is open already, {rounds} times over \
             with a fresh process. workerd makes all its isolates when it starts and has a socket for each application. Under \
             Bun, Deno and Node an application never touched is a process not started yet: see above."
        ),
        tables: vec![table],
        raw: raw.into(),
    })
}

/// A whole number for a table.
pub fn show_count(count: usize) -> String {
    if count >= 1000 { show(count as f64) } else { count.to_string() }
}
