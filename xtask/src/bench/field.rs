//! The field of one run: which runtimes take part, with which options, and how each is started with which
//! application.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use super::peers::{self, Peer};
use super::process::{self, Server};
use super::workerd;
use crate::util;

/// What takes part and how it is measured.
pub struct Field {
    /// In the order of the tables.
    pub peers: Vec<Peer>,
    programs: BTreeMap<Peer, PathBuf>,
    pub versions: BTreeMap<Peer, String>,
    /// More arguments for `nano serve`.
    pub nano_args: Vec<String>,
    pub short: bool,
    pub seconds: Option<u64>,
    pub rounds: Option<usize>,
    /// The core of the server and the core of what loads it, where the machine has two.
    pub server_core: Option<usize>,
    pub load_core: Option<usize>,
}

/// What a run takes part in, as the command line has it.
pub struct Wanted {
    pub only: Vec<Peer>,
    pub nano: Option<String>,
    pub nano_args: Vec<String>,
    pub short: bool,
    pub seconds: Option<u64>,
    pub rounds: Option<usize>,
    pub pin: bool,
}

/// Where applications and logs of a run lie.
pub fn work_folder() -> PathBuf {
    util::workspace_root().join("target/bench")
}

impl Field {
    /// Installs and builds what takes part, and lays the applications out.
    pub fn prepare(wanted: Wanted) -> Result<Field, String> {
        util::ensure_program("wrk", "wrk", "putting servers under load")?;
        util::ensure_program("taskset", "util-linux", "giving the server and its load a core each")?;
        peers::install()?;
        let mut programs = BTreeMap::new();
        for peer in Peer::ALL {
            if !wanted.only.is_empty() && !wanted.only.contains(&peer) {
                continue;
            }
            let program = match peer {
                Peer::Bare => peers::bare()?,
                Peer::Nano => Some(peers::nano(wanted.nano.as_deref())?),
                _ => Some(peers::program(peer.key())?),
            };
            match program {
                Some(program) => drop(programs.insert(peer, program)),
                None => util::say(&format!("without the {}: it does not exist yet", peer.title())),
            }
        }
        lay_out()?;
        let two = wanted.pin && super::machine::cores() >= 2;
        Ok(Field {
            peers: Peer::ALL.into_iter().filter(|peer| programs.contains_key(peer)).collect(),
            versions: programs
                .iter()
                .map(|(peer, program)| (*peer, peers::version(*peer, program)))
                .collect(),
            programs,
            nano_args: wanted.nano_args,
            short: wanted.short,
            seconds: wanted.seconds,
            rounds: wanted.rounds,
            server_core: two.then_some(0),
            load_core: two.then_some(1),
        })
    }

    /// The peers that run JavaScript, of those given.
    pub fn among(&self, peers: &[Peer]) -> Vec<Peer> {
        self.peers.iter().copied().filter(|peer| peers.contains(peer)).collect()
    }

    /// A program, bound to a core if one is given.
    pub fn command(&self, peer: Peer, core: Option<usize>) -> Command {
        let mut command = process::pinned(&self.programs[&peer], core);
        command.env("NODE_ENV", "production").env_remove("NANO_LOG_FORMAT").current_dir(work_folder());
        command
    }

    /// The command that serves one of xtask/bench/apps on a port.
    pub fn serve(&self, peer: Peer, app: &str, port: u16, core: Option<usize>) -> Result<Command, String> {
        let work = work_folder();
        let mut command = self.command(peer, core);
        let port_text = port.to_string();
        let script = |file: &str| work.join("servers").join(app).join(file);
        match peer {
            Peer::Bare => command.args(["--port", &port_text]),
            Peer::Nano => command
                .arg("serve")
                .arg(work.join("apps").join(app))
                .args(["--port", &port_text, "--threads", "1"])
                .args(&self.nano_args),
            Peer::Bun => command.arg("run").arg(script("bun.mjs")).arg(&port_text),
            Peer::Deno => command
                .args(["run", "-A", "--node-modules-dir=manual"])
                .arg(script("deno.mjs"))
                .arg(&port_text),
            Peer::Node => command.arg(script("node.mjs")).arg(&port_text),
            Peer::Workerd => {
                let service = service(app, &work.join("apps").join(app), port);
                let config = workerd::configure(&work.join("workerd").join(app), &[service])?;
                command = workerd::serve(command, &config);
                &mut command
            }
        };
        Ok(command)
    }

    /// The command that runs a script to its end, on all cores.
    pub fn script(&self, peer: Peer, path: &Path) -> Command {
        let mut command = self.command(peer, None);
        match peer {
            Peer::Deno => command.args(["run", "-A"]),
            Peer::Bun | Peer::Nano => command.arg("run"),
            _ => &mut command,
        };
        command.arg(path);
        command
    }

    /// Starts one of xtask/bench/apps, pinned to the server's core, and waits for it.
    pub fn start(&self, peer: Peer, app: &str) -> Result<Server, String> {
        let port = process::free_port()?;
        let mut command = self.serve(peer, app, port, self.server_core)?;
        self.started(peer, app, &mut command, port)
    }

    /// The command of NANO with a configuration of many applications, each with its host name.
    pub fn nano_many(
        &self,
        apps: &[(String, PathBuf)],
        port: u16,
        core: Option<usize>,
    ) -> Result<Command, String> {
        let apps: Vec<Value> = apps
            .iter()
            .map(|(name, path)| json!({ "name": name, "hostname": host(name), "path": path }))
            .collect();
        let config = json!({
            "host": "127.0.0.1", "port": port, "threads": 1,
            // More than the busy neighbour takes.
            "defaults": { "timeout_ms": 60_000, "wall_timeout_ms": 60_000 },
            "apps": apps,
        });
        let path = work_folder().join(format!("nano-{}.json", apps.len()));
        util::write_whole(&path, &mut format!("{config:#}\n").as_bytes())?;
        let mut command = self.command(Peer::Nano, core);
        command.arg("serve").arg("--config").arg(path).args(&self.nano_args);
        Ok(command)
    }

    /// The command of workerd with many applications, each with its port.
    pub fn workerd_many(
        &self,
        apps: &[(String, PathBuf, u16)],
        core: Option<usize>,
    ) -> Result<Command, String> {
        let services: Vec<workerd::Service> =
            apps.iter().map(|(name, path, port)| service(name, path, *port)).collect();
        let config =
            workerd::configure(&work_folder().join(format!("workerd/many-{}", apps.len())), &services)?;
        Ok(workerd::serve(self.command(Peer::Workerd, core), &config))
    }

    /// The command of a peer whose one process hosts the busy and the quiet application by host name.
    pub fn neighbours(&self, peer: Peer, port: u16, core: Option<usize>) -> Command {
        let script = work_folder().join("servers/hello/neighbours.mjs");
        let mut command = self.command(peer, core);
        match peer {
            Peer::Deno => command.args(["run", "-A"]),
            Peer::Bun => command.arg("run"),
            _ => &mut command,
        };
        command.arg(script).arg(port.to_string());
        command
    }

    /// Starts a command and waits until it takes connections.
    pub fn started(
        &self,
        peer: Peer,
        what: &str,
        command: &mut Command,
        port: u16,
    ) -> Result<Server, String> {
        let mut server = self.spawn(peer, what, command, port)?;
        server.wait_listening().map_err(|error| format!("{}, {what}: {error}", peer.title()))?;
        Ok(server)
    }

    /// Starts a command without waiting.
    pub fn spawn(&self, peer: Peer, what: &str, command: &mut Command, port: u16) -> Result<Server, String> {
        Server::spawn(command, port, &work_folder().join("logs").join(format!("{what}-{}.log", peer.key())))
    }
}

/// The host name of one of many applications.
pub fn host(name: &str) -> String {
    format!("{name}.test")
}

fn service(name: &str, folder: &Path, port: u16) -> workerd::Service {
    workerd::Service { name: name.into(), folder: folder.into(), classic: false, env: Vec::new(), port }
}

/// Copies xtask/bench/apps, each with a server script for every peer that wants one, and with its packages.
fn lay_out() -> Result<(), String> {
    let (sources, work) = (peers::sources(), work_folder());
    let fail = |error: std::io::Error| format!("cannot lay out the applications: {error}");
    for entry in fs::read_dir(sources.join("apps")).map_err(fail)?.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let (app, servers) = (work.join("apps").join(&name), work.join("servers").join(&name));
        util::copy_whole(&entry.path().join("index.mjs"), &app.join("index.mjs"))?;
        let handler = entry.path().join("node.mjs");
        if handler.is_file() {
            util::copy_whole(&handler, &servers.join("handler.mjs"))?;
        }
        for server in ["bun.mjs", "deno.mjs", "node.mjs", "neighbours.mjs"] {
            let text = fs::read_to_string(sources.join("servers").join(server)).map_err(fail)?;
            util::write_whole(&servers.join(server), &mut text.replace("NAME", &name).as_bytes())?;
        }
    }
    package("hono", &work.join("apps/hono/node_modules/hono"))?;
    // Hono's server for Node looks for Hono from where it lies itself.
    package("hono", &work.join("node_modules/hono"))?;
    package("@hono/node-server", &work.join("node_modules/@hono/node-server"))?;
    let manifest =
        json!({ "private": true, "type": "module", "main": "index.mjs", "dependencies": { "hono": "*" } });
    util::write_whole(&work.join("apps/hono/package.json"), &mut manifest.to_string().as_bytes())
}

/// Copies an installed package.
fn package(name: &str, to: &Path) -> Result<(), String> {
    let from = peers::folder().join("node_modules").join(name);
    let manifest = |folder: &Path| fs::read(folder.join("package.json")).ok();
    if manifest(to).is_some() && manifest(to) == manifest(&from) {
        return Ok(());
    }
    let folder = to.parent().unwrap_or(to);
    fs::create_dir_all(folder).map_err(|error| format!("cannot make {}: {error}", folder.display()))?;
    let _ = fs::remove_dir_all(to);
    util::capture(Command::new("cp").arg("-r").arg(from).arg(to)).map(drop)
}
