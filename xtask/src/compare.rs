//! `cargo xtask compare`: serves each application of tests/apps with NANO and with workerd, sends both the
//! same requests, and compares the answers: status, headers and body.
//!
//! What is sent stands in each application's requests.json (tests/apps/README.md describes it).

mod cases;
mod diff;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::bench::client::{self, Answer, Request};
use crate::bench::process::{self, Server};
use crate::bench::{peers, workerd};
use crate::util;
use cases::{Case, Suite};

const HELP: &str = "\
Serves the applications of tests/apps with NANO and with workerd and compares them answer by answer.

Usage: cargo xtask compare [OPTIONS]

  --app NAME      only this application (repeatable)
  --nano PATH     the binary to compare; otherwise the release build, made now
  --workerd-only  checks what requests.json expects against workerd alone, without NANO
  --verbose       prints each request

workerd comes from the npm registry, into target/peers.

Not compared, since they describe the connection and not the answer, or may differ by their nature:
";

/// Headers that are each server's own: `Date`, `Server` and how the body is framed on this connection.
const IGNORED_HEADERS: [&str; 6] =
    ["date", "server", "connection", "keep-alive", "transfer-encoding", "content-length"];

/// How long `until` waits for what happens after an answer.
const UNTIL_TIMEOUT: Duration = Duration::from_secs(5);

pub fn main(args: &[String]) -> Result<(), String> {
    let mut args = args.to_vec();
    if util::take_flag(&mut args, "--help") || util::take_flag(&mut args, "-h") {
        println!("{HELP}  {}", IGNORED_HEADERS.join(", "));
        return Ok(());
    }
    let verbose = util::take_flag(&mut args, "--verbose");
    let workerd_only = util::take_flag(&mut args, "--workerd-only");
    let nano = util::take_value(&mut args, "--nano")?;
    let mut only = Vec::new();
    while let Some(name) = util::take_value(&mut args, "--app")? {
        only.push(name);
    }
    util::no_more(&args)?;

    let apps = applications()?;
    for name in &only {
        if !apps.contains(name) {
            return Err(format!("there is no tests/apps/{name}; there are: {}", apps.join(", ")));
        }
    }
    peers::install()?;
    let nano = if workerd_only { None } else { Some(Nano::new(peers::nano(nano.as_deref())?)?) };

    let mut tally = Tally::default();
    let mut kinds = BTreeMap::new();
    for app in apps.iter().filter(|app| only.is_empty() || only.contains(app)) {
        let before = tally;
        compare_app(app, nano.as_ref(), verbose, &mut tally, &mut kinds)?;
        let skipped = tally.skipped - before.skipped;
        let skipped = if skipped == 0 { String::new() } else { format!(", {skipped} skipped") };
        println!(
            "{app}: {} as expected, {} not{skipped}",
            tally.passed - before.passed,
            tally.failed - before.failed
        );
    }
    print_kinds(&kinds);
    println!("{} passed, {} failed, {} skipped", tally.passed, tally.failed, tally.skipped);
    if tally.failed > 0 {
        return Err(format!("{} of {} answers differ", tally.failed, tally.failed + tally.passed));
    }
    if tally.passed == 0 {
        return Err("nothing was compared".into());
    }
    Ok(())
}

#[derive(Default, Clone, Copy)]
struct Tally {
    passed: usize,
    failed: usize,
    skipped: usize,
}

fn apps_folder() -> PathBuf {
    util::workspace_root().join("tests/apps")
}

/// The applications that have requests, by name.
fn applications() -> Result<Vec<String>, String> {
    let folder = apps_folder();
    let entries =
        fs::read_dir(&folder).map_err(|error| format!("cannot read {}: {error}", folder.display()))?;
    let mut names: Vec<String> = entries
        .flatten()
        .filter(|entry| entry.path().join("requests.json").is_file())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    Ok(names)
}

/// The host name under which an application is asked.
fn host(app: &str) -> String {
    format!("{app}.test")
}

/// How often each difference was seen, by its first line.
type Kinds = BTreeMap<String, usize>;

/// Prints what was seen over and over, most often first: one cause may be behind a hundred differences.
fn print_kinds(kinds: &Kinds) {
    const MANY: usize = 3;
    let mut many: Vec<(&String, &usize)> = kinds.iter().filter(|(_, count)| **count >= MANY).collect();
    many.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    if !many.is_empty() {
        println!(
            "
Seen over and over:"
        );
    }
    for (kind, count) in many {
        println!("  {count} times {kind}");
    }
}

fn compare_app(
    app: &str,
    nano: Option<&Nano>,
    verbose: bool,
    tally: &mut Tally,
    kinds: &mut Kinds,
) -> Result<(), String> {
    let suite = Suite::read(&apps_folder(), app)?;
    let mut served = vec![suite];
    for other in served[0].with.clone() {
        served.push(Suite::read(&apps_folder(), &other)?);
    }
    for suite in &served {
        util::ensure_npm(&suite.folder)?;
    }
    let workerd = serve_workerd(app, &served)?;
    let server = nano.map(|nano| nano.serve(app, &served)).transpose()?;

    for case in &served[0].cases {
        let of = case.app.as_deref().unwrap_or(app);
        let name = format!("{of} {} {}", case.method, case.path);
        if let Some(missing) = nano.and_then(|nano| case.requires.iter().find(|what| !nano.has(what))) {
            if verbose {
                println!("  skipped {name}: needs {missing}");
            }
            tally.skipped += 1;
            continue;
        }
        if nano.is_none() && case.deviates.is_some() {
            tally.skipped += 1;
            continue;
        }
        let request = case.request(&host(of));
        let port = workerd.ports.iter().find(|(name, _)| name == of).map(|(_, port)| *port);
        let port = port.ok_or_else(|| format!("{app}/requests.json: `{of}` is not among `with`"))?;
        let theirs = ask(process::local(port), &request, case);
        let ours = server.as_ref().map(|server| ask(server.address, &request, case));
        let found = diff::judge(case, ours.as_ref(), &theirs, &IGNORED_HEADERS);
        if found.is_empty() {
            tally.passed += 1;
            if verbose {
                println!("  same {name}");
            }
        } else {
            tally.failed += 1;
            println!(
                "\nDIFFERS {name}{}",
                case.note.as_ref().map(|note| format!("  ({note})")).unwrap_or_default()
            );
            for line in found {
                *kinds.entry(line.lines().next().unwrap_or_default().to_string()).or_default() += 1;
                println!("{}", util::indent(&line));
            }
        }
    }
    if let Some(mut server) = server {
        server.check_alive().map_err(|error| format!("NANO, serving {app}: {error}"))?;
    }
    Ok(())
}

/// Sends the request; again and again where the case says until when.
fn ask(address: std::net::SocketAddr, request: &Request, case: &Case) -> Result<Answer, String> {
    let begun = Instant::now();
    loop {
        let answer = client::once(address, request);
        match (&case.until, &answer) {
            (Some(wanted), Ok(answer))
                if answer.body != wanted.as_bytes() && begun.elapsed() < UNTIL_TIMEOUT =>
            {
                std::thread::sleep(Duration::from_millis(2));
            }
            _ => return answer,
        }
    }
}

/// workerd with one socket an application.
struct Workerd {
    /// Kept for its end.
    _server: Server,
    ports: Vec<(String, u16)>,
}

fn work_folder(app: &str) -> PathBuf {
    util::workspace_root().join("target/compare").join(app)
}

fn serve_workerd(app: &str, served: &[Suite]) -> Result<Workerd, String> {
    let mut services = Vec::new();
    for suite in served {
        services.push(workerd::Service {
            name: suite.name.clone(),
            folder: suite.folder.clone(),
            classic: suite.classic,
            env: suite.env.clone(),
            port: process::free_port()?,
        });
    }
    let folder = work_folder(app);
    let config = workerd::configure(&folder.join("workerd"), &services)?;
    let mut command = workerd::serve(Command::new(peers::program("workerd")?), &config);
    let log = folder.join("workerd.log");
    let mut server = Server::spawn(&mut command, services[services.len() - 1].port, &log)?;
    server.wait_listening().map_err(|error| format!("workerd, serving {app}: {error}"))?;
    let ports = services.into_iter().map(|service| (service.name, service.port)).collect();
    Ok(Workerd { _server: server, ports })
}

/// The binary under comparison, and what its global object has.
struct Nano {
    binary: PathBuf,
    /// Serves an application that says what there is.
    probe: Server,
}

impl Nano {
    fn new(binary: PathBuf) -> Result<Nano, String> {
        let folder = work_folder("probe");
        let script = "export default { fetch(request) { let at = globalThis; \
                      for (const name of new URL(request.url).pathname.slice(1).split('.')) at = at?.[name]; \
                      return new Response(String(at !== undefined)); } };\n";
        util::write_whole(&folder.join("index.js"), &mut script.as_bytes())?;
        let probe = serve_one(&binary, &folder, &[], &folder.join("nano.log"))?;
        Ok(Nano { binary, probe })
    }

    /// Whether a path of names, such as `crypto.subtle`, leads somewhere from the global object.
    fn has(&self, what: &str) -> bool {
        let request = Request::get("probe.test", &format!("/{what}"));
        client::once(self.probe.address, &request).is_ok_and(|answer| answer.body == b"true")
    }

    fn serve(&self, app: &str, served: &[Suite]) -> Result<Server, String> {
        let log = work_folder(app).join("nano.log");
        let served = match served {
            [one] => serve_one(&self.binary, &one.folder, &one.env, &log),
            _ => self.serve_many(app, served, &log),
        };
        served.map_err(|error| format!("NANO, serving {app}: {error}"))
    }

    fn serve_many(&self, app: &str, served: &[Suite], log: &Path) -> Result<Server, String> {
        let port = process::free_port()?;
        let apps: Vec<Value> = served
            .iter()
            .map(|suite| {
                let env: serde_json::Map<String, Value> =
                    suite.env.iter().map(|(k, v)| (k.clone(), json!(v))).collect();
                json!({ "name": suite.name, "hostname": host(&suite.name), "path": suite.folder, "env": env })
            })
            .collect();
        let config = json!({ "host": "127.0.0.1", "port": port, "threads": 1, "apps": apps });
        let path = work_folder(app).join("nano.json");
        util::write_whole(&path, &mut format!("{config:#}\n").as_bytes())?;
        let mut command = Command::new(&self.binary);
        let mut server = Server::spawn(command.arg("serve").arg("--config").arg(&path), port, log)?;
        server.wait_listening()?;
        Ok(server)
    }
}

fn serve_one(binary: &Path, folder: &Path, env: &[(String, String)], log: &Path) -> Result<Server, String> {
    let port = process::free_port()?;
    let mut command = Command::new(binary);
    command.arg("serve").arg(folder).args(["--port", &port.to_string(), "--threads", "1"]);
    for (name, value) in env {
        command.arg("--env").arg(format!("{name}={value}"));
    }
    let mut server = Server::spawn(&mut command, port, log)?;
    server.wait_listening()?;
    Ok(server)
}
