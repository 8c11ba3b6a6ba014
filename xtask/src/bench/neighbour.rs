//! One thread, two applications: what the one notices while the other computes.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;

use super::client::{self, Connection, Request};
use super::field::{self, Field};
use super::page::{Section, Table};
use super::peers::Peer;
use super::process::{self, Server};
use super::stats::{percentile, show};

pub const KEY: &str = "neighbour";

/// How long the busy application computes.
const BUSY: Duration = Duration::from_secs(2);
/// How long the quiet application is asked before anything counts.
const WARM_UP: Duration = Duration::from_millis(200);
/// How often the quiet application is asked. Seldom enough that an answer which waits for a time slice (about
/// 2 ms) is there before the next is due: else the questions, one after the other on one connection, fall
/// behind, and their backlog is what is measured.
const EVERY: Duration = Duration::from_millis(10);

/// A process with both applications, and where each is.
struct Both {
    server: Server,
    quiet: (SocketAddr, Request),
    busy: (SocketAddr, Request),
}

/// Starts a process with the quiet application and `busy`, one of xtask/bench/apps.
fn start(field: &Field, peer: Peer, busy: &str) -> Result<Both, String> {
    let folder = field::work_folder().join("apps");
    let apps = [("busy".to_string(), folder.join(busy)), ("quiet".to_string(), folder.join("hello"))];
    let port = process::free_port()?;
    let core = field.server_core;
    let (mut command, busy_port) = match peer {
        Peer::Nano => (field.nano_many(&apps, port, core)?, port),
        Peer::Workerd => {
            let busy = process::free_port()?;
            let [(one, at), (two, there)] = apps;
            (field.workerd_many(&[(one, at, busy), (two, there, port)], core)?, busy)
        }
        _ => (field.neighbours(peer, port, core), port),
    };
    let server = field.started(peer, "neighbours", &mut command, port)?;
    let quiet = (process::local(port), Request::get("quiet.test", "/"));
    let busy = (process::local(busy_port), Request::get("busy.test", "/"));
    Ok(Both { server, quiet, busy })
}

impl Both {
    /// Has the busy application compute; gives how long it took.
    fn compute(&self, rounds: u64) -> Result<Duration, String> {
        let mut request = self.busy.1.clone();
        request.path = format!("/?rounds={rounds}");
        let begun = Instant::now();
        let answer = client::once(self.busy.0, &request)?;
        if answer.status != 200 {
            Err(format!("the busy application answered {}", answer.status))
        } else {
            Ok(begun.elapsed())
        }
    }

    /// Asks the quiet application every 10 ms until `stop`; gives each answer's time in milliseconds, from
    /// when it was due: so a server that is stuck is seen by every request that it holds up, not by one.
    fn ask(&self, stop: &AtomicBool) -> Result<Vec<f64>, String> {
        let mut connection = Connection::open(self.quiet.0).map_err(|error| error.to_string())?;
        let mut times = Vec::new();
        let begun = Instant::now();
        let mut due = begun;
        while !stop.load(Ordering::Acquire) || due < Instant::now() {
            std::thread::sleep(due.saturating_duration_since(Instant::now()));
            let answer = connection.exchange(&self.quiet.1)?;
            if answer.status != 200 {
                return Err(format!("the quiet application answered {}", answer.status));
            }
            times.push(due.elapsed().as_secs_f64() * 1e3);
            due += EVERY;
        }
        Ok(times)
    }

    /// Asks while `meanwhile` runs.
    fn ask_while<T: Send>(
        &self,
        meanwhile: impl FnOnce() -> Result<T, String> + Send,
    ) -> Result<Vec<f64>, String> {
        let stop = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let asking = scope.spawn(|| self.ask(&stop));
            let done = meanwhile();
            stop.store(true, Ordering::Release);
            let times = asking.join().map_err(|_| "the client panicked".to_string())??;
            done.map(|_| times)
        })
    }
}

/// What NANO's quiet application notices while the other generates RSA keys of 4096 bits in a row: a table,
/// and all times.
pub fn beside_keys(field: &Field) -> Result<(Table, serde_json::Value), String> {
    let time = BUSY * if field.short { 2 } else { 10 };
    let both = start(field, Peer::Nano, "keys")?;
    both.ask_while(|| rest(WARM_UP))?;
    let quiet = both.ask_while(|| rest(time))?;
    let mut request = both.busy.1.clone();
    request.path = format!("/?milliseconds={}", time.as_millis());
    let (at, wanted) = (both.busy.0, &request);
    let mut keys = String::new();
    let into = &mut keys;
    let disturbed = both.ask_while(move || {
        let answer = client::once(at, wanted)?;
        *into = String::from_utf8_lossy(&answer.body).trim().to_owned();
        Ok(())
    })?;
    let mut table = Table::new(&["beside 4096-bit RSA keys", "p50 ms", "p99 ms", "slowest ms", "keys made"]);
    for (name, times, keys) in [("quiet", &quiet, String::new()), ("disturbed", &disturbed, keys)] {
        let at = |percent: f64| show(percentile(times, percent));
        table.row(&[name.into(), at(50.0), at(99.0), at(100.0), keys]);
    }
    Ok((table, json!({ "quiet": quiet, "disturbed": disturbed })))
}

fn rest(time: Duration) -> Result<(), String> {
    std::thread::sleep(time);
    Ok(())
}

pub fn run(field: &Field) -> Result<Section, String> {
    let rounds = field.rounds.unwrap_or(if field.short { 1 } else { 3 });
    let mut table = Table::new(&[
        "",
        "quiet p50 ms",
        "quiet p99 ms",
        "disturbed p50 ms",
        "disturbed p99 ms",
        "slowest ms",
    ]);
    let mut raw = serde_json::Map::new();
    for peer in field.among(&[Peer::Nano, Peer::Bun, Peer::Deno, Peer::Node, Peer::Workerd]) {
        let (mut quiet, mut disturbed) = (Vec::new(), Vec::new());
        for _ in 0..rounds {
            let measured = (|| {
                let mut both = start(field, peer, "busy")?;
                // How many rounds take two seconds here: measured after the loop has been compiled.
                both.compute(20_000_000)?;
                let sample = 100_000_000;
                let time = both.compute(sample)?;
                let wanted = (sample as f64 * BUSY.as_secs_f64() / time.as_secs_f64()) as u64;
                both.ask_while(|| rest(WARM_UP))?;
                quiet.extend(both.ask_while(|| rest(BUSY))?);
                disturbed.extend(both.ask_while(|| both.compute(wanted))?);
                both.server.check_alive()
            })();
            measured.map_err(|error| format!("{}: {error}", peer.title()))?;
        }
        let at = |times: &[f64], percent: f64| show(percentile(times, percent));
        eprintln!(
            "  neighbour {}: p99 {} ms, disturbed {} ms",
            peer.title(),
            at(&quiet, 99.0),
            at(&disturbed, 99.0)
        );
        table.row(&[
            peer.title().into(),
            at(&quiet, 50.0),
            at(&quiet, 99.0),
            at(&disturbed, 50.0),
            at(&disturbed, 99.0),
            at(&disturbed, 100.0),
        ]);
        raw.insert(peer.key().into(), json!({ "quiet_ms": quiet, "disturbed_ms": disturbed }));
    }
    Ok(Section {
        key: KEY.into(),
        title: "A neighbour that computes".into(),
        text: format!(
            "Two applications on one thread of one process. The quiet one is asked every 10 ms, and each answer's time counts from \
             when its request was due; meanwhile the other computes for two seconds without giving way. {rounds} rounds."
        ),
        tables: vec![table],
        raw: raw.into(),
    })
}
