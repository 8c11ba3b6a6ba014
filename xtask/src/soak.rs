//! `cargo xtask soak`: every hostile tenant of the tests at once, on one thread, for minutes, and a neighbour
//! among them.
//!
//! What must hold: the process lives, every request gets an answer that the documentation allows for it, the
//! neighbour is served all the time, and memory comes back to where it was. The neighbour's times are
//! reported, quiet and disturbed.

use crate::bench::client::{self, Connection, Request};
use crate::bench::process::{self, Server};
use crate::bench::stats::percentile;
use crate::util::{cargo, duration, no_more, run, say, take_flag, take_value, target_dir, workspace_root};
use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

const HELP: &str = "\
Runs all hostile tenants of tests/tests/it together beside a neighbour, on one thread of one process, and
reports what became of them, the neighbour's times, and memory.

Usage: cargo xtask soak [OPTIONS]

  --seconds N   for how long (default 600; with --each, for how long each: default 10)
  --each        one way of misbehaving after the other instead of all at once: the neighbour's times beside each
  --only WAYS   only these ways of misbehaving, with commas between (`json,sort`): those of hostile_tenants.js, a
                kind of them (`cpu`, `wall`, `answered`), or `memory` for those of memory_bombs.js
  --nano PATH   the binary (default: a release build is made)
";

/// How long, if nothing is said.
const DEFAULT_SECONDS: u64 = 600;

/// How long each has, if they come one after the other: a thousand answers of the neighbour.
const EACH_SECONDS: u64 = 10;

/// How much later the neighbour's p99 may be beside one who misbehaves, in milliseconds.
const NEIGHBOUR_SLACK_MS: f64 = 5.0;

/// How often the neighbour is asked, as in `cargo xtask bench neighbour`.
const EVERY: Duration = Duration::from_millis(10);

/// Between an answer and the next try of the same hostile client. It costs what a client far away costs;
/// without it the clients would take the machine from the server with refusals alone.
const PAUSE: Duration = Duration::from_millis(20);

/// What the resident memory may be larger at the end: what the allocator and V8 keep at hand (blocks for
/// large buffers alone: 64 MB).
const MEMORY_SLACK_KB: u64 = 160 << 10;

/// How long it has to come back: isolates that nobody asks for are closed after a minute, and with them goes
/// what is kept for buffers.
const MEMORY_PATIENCE: Duration = Duration::from_secs(120);

/// One in so many requests of hostile tenants may be answered later than its client waits for.
const LATE_SHARE: u64 = 100;

/// Tenants that there are for the ways of misbehaving, and as many for those of taking memory; more than
/// there are ways.
const TENANTS: usize = 80;

/// Tenants that take memory, in all the ways that `memory_bombs.js` lists, in turn, where all misbehave at
/// once.
const BOMBERS: usize = 4;

/// The limits of each hostile tenant: short, so that each comes to its end often.
const LIMITS: &str = r#""wall_timeout_ms": 3000, "memory_mb": 32, "max_concurrent_requests": 8,
  "max_queued_requests": 4, "log_lines_per_second": 20, "log_kb_per_second": 128, "fetch": { "allow_private": true }"#;

/// The command.
pub fn main(args: &[String]) -> Result<(), String> {
    let mut args = args.to_vec();
    if take_flag(&mut args, "--help") || take_flag(&mut args, "-h") {
        print!("{HELP}");
        return Ok(());
    }
    let each = take_flag(&mut args, "--each");
    let seconds = match take_value(&mut args, "--seconds")? {
        Some(text) => text.parse().map_err(|_| format!("--seconds is a number, not {text:?}"))?,
        None if each => EACH_SECONDS,
        None => DEFAULT_SECONDS,
    };
    let only = take_value(&mut args, "--only")?;
    let only = only.map(|ways| ways.split(',').map(|way| way.trim().to_owned()).collect::<Vec<_>>());
    let nano = take_value(&mut args, "--nano")?.map(PathBuf::from);
    no_more(&args)?;
    let nano = match nano {
        Some(path) => path,
        None => {
            run(&mut cargo(&["build", "--release", "--package", "nano"]))?;
            target_dir().join("release/nano")
        }
    };
    let time = Duration::from_secs(seconds);
    if each { one_by_one(&nano, time, only.as_deref()) } else { soak(&nano, time, only.as_deref()) }
}

/// The binary that the tests have built.
pub fn debug_binary() -> String {
    target_dir().join("debug/nano").display().to_string()
}

/// A hostile client: the tenant, and what it asks for, in turn.
struct Hostile {
    host: String,
    targets: Vec<String>,
}

/// A server, who will misbehave, and a port that says nothing.
struct Field {
    server: Server,
    hostile: Vec<Hostile>,
    _silent: TcpListener,
}

impl Field {
    fn new(nano: &Path, only: Option<&[String]>) -> Result<Self, String> {
        let silent =
            TcpListener::bind("127.0.0.1:0").map_err(|error| format!("no port to be silent on: {error}"))?;
        let silent_port = silent.local_addr().map_err(|error| error.to_string())?.port();
        let server = start(nano, &target_dir().join("soak"), process::free_port()?)?;
        let hostile = tenants(server.address, silent_port, only)?;
        for tenant in &hostile {
            expect_ok(server.address, &tenant.host)?;
        }
        Ok(Self { server, hostile, _silent: silent })
    }
}

/// One hostile tenant after the other beside the neighbour.
fn one_by_one(nano: &Path, time: Duration, only: Option<&[String]>) -> Result<(), String> {
    let Field { mut server, hostile, _silent } = Field::new(nano, only)?;
    let address = server.address;
    // Those who have many ways have each by itself, with a tenant of its own: who fails again and again is
    // refused for a while.
    let (single, many): (Vec<_>, Vec<_>) = hostile.into_iter().partition(|tenant| tenant.targets.len() == 1);
    let ways = many.into_iter().flat_map(|tenant| tenant.targets).enumerate();
    let alone = ways.map(|(index, way)| Hostile { host: format!("bomber-{index}"), targets: vec![way] });
    let hostile: Vec<Hostile> = single.into_iter().chain(alone.take(TENANTS)).collect();
    ask_neighbour_for(address, time / 10)?;
    let quiet = ask_neighbour_for(address, time)?;
    let show = |name: &str, times: &[f64]| {
        let at = |percent| percentile(times, percent);
        say(&format!("  {name:<36} {:>6.2} {:>8.2} {:>9.1}", at(50.0), at(99.0), at(100.0)));
        at(99.0)
    };
    say(&format!("the neighbour beside one hostile tenant for {}", duration(time)));
    say(&format!("  {:<36} {:>6} {:>8} {:>9}", "", "p50 ms", "p99 ms", "slowest"));
    let quiet_p99 = show("quiet", &quiet);
    let mut beyond = Vec::new();
    for tenant in &hostile {
        let (stop, counted) = (AtomicBool::new(false), Counted::default());
        let times = std::thread::scope(|scope| {
            let (stop, counted) = (&stop, &counted);
            scope.spawn(move || misbehave(address, tenant, stop, counted));
            let times = ask_neighbour_for(address, time);
            stop.store(true, Ordering::Release);
            times
        })?;
        let name = tenant.targets.concat();
        let name = name.split('?').next().unwrap_or_default().trim_start_matches('/').to_owned();
        if show(&name, &times) > quiet_p99 + NEIGHBOUR_SLACK_MS {
            beyond.push(name);
        }
        server.check_alive()?;
    }
    say(&match beyond.len() {
        0 => format!(
            "beside each of {}, p99 is within {NEIGHBOUR_SLACK_MS} ms of the quiet one",
            hostile.len()
        ),
        _ => format!("beyond {NEIGHBOUR_SLACK_MS} ms of the quiet p99: {}", beyond.join(", ")),
    });
    Ok(())
}

fn soak(nano: &Path, time: Duration, only: Option<&[String]>) -> Result<(), String> {
    let Field { mut server, hostile, _silent } = Field::new(nano, only)?;
    let address = server.address;
    let quiet_time = (time / 10).min(Duration::from_secs(10));
    ask_neighbour_for(address, quiet_time)?;
    server.wait_idle(Duration::from_secs(10));
    let before = server.memory();
    let quiet = ask_neighbour_for(address, quiet_time)?;
    say(&format!("{} hostile tenants for {}", hostile.len(), duration(time)));

    let stop = AtomicBool::new(false);
    let counted = Mutex::new(BTreeMap::new());
    let peak = std::sync::atomic::AtomicU64::new(0);
    let disturbed = std::thread::scope(|scope| {
        for tenant in &hostile {
            let (stop, counted) = (&stop, &counted);
            scope.spawn(move || misbehave(address, tenant, stop, counted));
        }
        let asked = scope.spawn(|| ask_neighbour(address, &stop));
        let until = Instant::now() + time;
        let mut alive = Ok(());
        while Instant::now() < until && alive.is_ok() && !asked.is_finished() {
            std::thread::sleep(Duration::from_millis(200));
            peak.fetch_max(server.memory().rss_kb, Ordering::Relaxed);
            alive = server.check_alive();
        }
        stop.store(true, Ordering::Release);
        let asked = asked.join().map_err(|_| "the neighbour's client panicked".to_string())?;
        alive.and(asked)
    })?;
    server.check_alive()?;

    // Everybody is served again, after the longest time of refusal at the latest.
    for tenant in &hostile {
        expect_ok(address, &tenant.host)?;
    }
    server.wait_idle(Duration::from_secs(30));
    // Isolates of those who compute for long are closed when nobody has asked for them for some seconds.
    let until = Instant::now() + MEMORY_PATIENCE;
    let mut after = server.memory();
    while after.rss_kb > before.rss_kb + MEMORY_SLACK_KB && Instant::now() < until {
        std::thread::sleep(Duration::from_millis(200));
        after = server.memory();
    }
    let counted = counted.into_inner().unwrap_or_else(PoisonError::into_inner);
    report(&counted, &quiet, &disturbed, before.rss_kb, peak.into_inner(), after.rss_kb);
    let count = |wanted: &dyn Fn(&str) -> bool| -> u64 {
        counted.iter().filter(|((_, what), _)| wanted(what)).map(|(_, n)| n).sum()
    };
    // Those who compute for long have a thread of low priority: on a machine that is busy otherwise one may
    // have to wait for longer than its client does. All of them were served afterwards, see above.
    let late = count(&|what| what.starts_with("no answer") && what.contains("within"));
    let lost = count(&|what| what.starts_with("no answer")) - late;
    if lost > 0 || late * LATE_SHARE > count(&|_| true) {
        return Err(format!("{} requests of hostile tenants got no answer", lost + late));
    }
    let wrong: Vec<_> = counted
        .keys()
        .filter(|(_, what)| {
            !matches!(&**what, "200" | "500" | "503" | "504") && !what.starts_with("no answer")
        })
        .collect();
    if !wrong.is_empty() {
        return Err(format!("answers that no limit gives: {wrong:?}"));
    }
    if after.rss_kb > before.rss_kb + MEMORY_SLACK_KB {
        return Err(format!(
            "memory does not come back: {} KB before, {} KB after",
            before.rss_kb, after.rss_kb
        ));
    }
    server.check_alive()
}

/// Starts the server with all tenants in a configuration.
fn start(nano: &Path, folder: &Path, port: u16) -> Result<Server, String> {
    let code = workspace_root().join("tests/tests/it");
    let mut apps = vec![r#"{ "name": "neighbour", "path": "neighbour.js" }"#.to_owned()];
    // Who takes memory has the time to come to the limit of that.
    let kinds =
        [("tenant", "hostile_tenants.js", TENANTS, 100), ("bomber", "memory_bombs.js", TENANTS, 2000)];
    for (kind, file, count, timeout) in kinds {
        let path = code.join(file).display().to_string();
        for index in 0..count {
            apps.push(format!(
                r#"{{ "name": "{kind}-{index}", "path": {path:?}, "timeout_ms": {timeout}, {LIMITS} }}"#
            ));
        }
    }
    let config = format!(
        "{{ \"threads\": 1, \"port\": {port}, \"log\": {{ \"format\": \"json\" }}, \"apps\": [{}] }}",
        apps.join(",\n")
    );
    let write = |name: &str, text: &str| {
        std::fs::create_dir_all(folder)
            .and_then(|()| std::fs::write(folder.join(name), text))
            .map_err(|error| format!("cannot write {}: {error}", folder.join(name).display()))
    };
    write("nano.jsonc", &config)?;
    write(
        "neighbour.js",
        "let n = 0; export default { fetch() { return new Response(`neighbour ${++n}`); } };",
    )?;
    let mut command = Command::new(nano);
    command.args(["serve", "--config"]).arg(folder.join("nano.jsonc"));
    let mut server = Server::spawn(&mut command, port, &folder.join("log"))?;
    server.wait_listening()?;
    Ok(server)
}

/// A client for each way of misbehaving, each with a tenant of its own; and some that take memory in every
/// way in turn.
fn tenants(address: SocketAddr, silent: u16, only: Option<&[String]>) -> Result<Vec<Hostile>, String> {
    let wanted = |name: &str| only.is_none_or(|only| only.iter().any(|wanted| wanted == name));
    let names = client::once(address, &Request::get("tenant-0", "/names"))?;
    let names: BTreeMap<String, Vec<String>> = serde_json::from_slice(&names.body)
        .map_err(|error| format!("the ways of misbehaving cannot be read: {error}"))?;
    let mut hostile: Vec<Hostile> = names
        .into_iter()
        .flat_map(|(kind, ways)| ways.into_iter().map(move |way| (kind.clone(), way)))
        .filter(|(kind, way)| wanted(kind) || wanted(way))
        .enumerate()
        .map(|(index, (_, way))| Hostile {
            host: format!("tenant-{index}"),
            targets: vec![format!("/{way}?port={silent}")],
        })
        .collect();
    if hostile.len() > TENANTS {
        return Err(format!("there are {} ways of misbehaving, and tenants for {TENANTS}", hostile.len()));
    }
    if !wanted("memory") {
        return if hostile.is_empty() { Err("--only: there are no such ways".into()) } else { Ok(hostile) };
    }
    let bombs = client::once(address, &Request::get("bomber-0", "/names"))?;
    let bombs: Vec<String> =
        String::from_utf8_lossy(&bombs.body).split(' ').map(|way| format!("/{way}")).collect();
    for index in 0..BOMBERS {
        let targets = bombs.iter().skip(index).step_by(BOMBERS).cloned().collect();
        hostile.push(Hostile { host: format!("bomber-{index}"), targets });
    }
    Ok(hostile)
}

type Counted = Mutex<BTreeMap<(String, String), u64>>;

/// Asks for the worst, again and again, and counts the answers.
fn misbehave(address: SocketAddr, tenant: &Hostile, stop: &AtomicBool, counted: &Counted) {
    for target in tenant.targets.iter().cycle() {
        if stop.load(Ordering::Acquire) {
            return;
        }
        let what = match client::once(address, &Request::get(&tenant.host, target)) {
            Ok(answer) => answer.status.to_string(),
            Err(error) => format!("no answer: {error}"),
        };
        let way = target.split('?').next().unwrap_or_default().trim_start_matches('/');
        let way = if tenant.targets.len() > 1 { format!("memory: {way}") } else { way.to_owned() };
        *counted.lock().unwrap_or_else(PoisonError::into_inner).entry((way, what)).or_default() += 1;
        std::thread::sleep(PAUSE);
    }
}

/// Waits until a tenant is served.
fn expect_ok(address: SocketAddr, host: &str) -> Result<(), String> {
    let until = Instant::now() + Duration::from_secs(90);
    loop {
        let answer = client::once(address, &Request::get(host, "/"))?;
        if answer.status == 200 {
            return Ok(());
        }
        if answer.status != 503 || Instant::now() > until {
            return Err(format!("{host} answers {} and does not recover", answer.status));
        }
        std::thread::sleep(Duration::from_millis(100));
    }
}

fn ask_neighbour_for(address: SocketAddr, time: Duration) -> Result<Vec<f64>, String> {
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let asked = scope.spawn(|| ask_neighbour(address, &stop));
        std::thread::sleep(time);
        stop.store(true, Ordering::Release);
        asked.join().map_err(|_| "the neighbour's client panicked".to_string())?
    })
}

/// The times of the neighbour's answers, in milliseconds, each from when the request was due.
fn ask_neighbour(address: SocketAddr, stop: &AtomicBool) -> Result<Vec<f64>, String> {
    let request = Request::get("neighbour", "/");
    let mut connection = Connection::open(address).map_err(|error| error.to_string())?;
    let mut times = Vec::new();
    let mut due = Instant::now();
    while !stop.load(Ordering::Acquire) {
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        let answer = connection.exchange(&request).map_err(|error| format!("the neighbour: {error}"))?;
        if answer.status != 200 {
            return Err(format!("the neighbour answered {}", answer.status));
        }
        times.push(due.elapsed().as_secs_f64() * 1e3);
        // What was late does not delay the next one's due time, unless whole turns were missed.
        due = (due + EVERY).max(Instant::now() - EVERY);
    }
    Ok(times)
}

fn report(
    counted: &BTreeMap<(String, String), u64>,
    quiet: &[f64],
    disturbed: &[f64],
    before_kb: u64,
    peak_kb: u64,
    after_kb: u64,
) {
    let mut ways: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for ((way, what), count) in counted {
        ways.entry(way).or_default().push(format!("{what} × {count}"));
    }
    let mut text = String::from("hostile tenants:\n");
    for (way, answers) in ways {
        text.push_str(&format!("  {way:<28} {}\n", answers.join(", ")));
    }
    let at = |times: &[f64], percent| percentile(times, percent);
    for (name, times) in [("quiet", quiet), ("disturbed", disturbed)] {
        text.push_str(&format!(
            "neighbour, {name}: {} answers, p50 {:.2} ms, p99 {:.2} ms, slowest {:.1} ms\n",
            times.len(),
            at(times, 50.0),
            at(times, 99.0),
            at(times, 100.0)
        ));
    }
    text.push_str(&format!(
        "memory: {} MB before, {} MB at the peak, {} MB after",
        before_kb >> 10,
        peak_kb >> 10,
        after_kb >> 10
    ));
    say(&text);
}
