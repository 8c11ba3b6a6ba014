//! The programs that NANO is measured beside and compared with: where they are installed and what they are.
//!
//! All of them come from the npm registry into `target/peers`, in the versions that
//! `xtask/bench/peers/package.json` pins.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::util;

/// A runtime that NANO is measured beside, or NANO itself, or the bare loop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Peer {
    /// nano-loop and nano-http answering without JavaScript: the ceiling.
    Bare,
    Nano,
    Bun,
    Deno,
    Node,
    Workerd,
}

impl Peer {
    pub const ALL: [Peer; 6] = [Peer::Bare, Peer::Nano, Peer::Bun, Peer::Deno, Peer::Node, Peer::Workerd];

    /// The name on the command line and in stored results.
    pub fn key(self) -> &'static str {
        match self {
            Peer::Bare => "bare",
            Peer::Nano => "nano",
            Peer::Bun => "bun",
            Peer::Deno => "deno",
            Peer::Node => "node",
            Peer::Workerd => "workerd",
        }
    }

    /// The name in tables.
    pub fn title(self) -> &'static str {
        match self {
            Peer::Bare => "bare loop",
            Peer::Nano => "NANO",
            Peer::Bun => "Bun",
            Peer::Deno => "Deno",
            Peer::Node => "Node",
            Peer::Workerd => "workerd",
        }
    }

    pub fn from_key(key: &str) -> Option<Peer> {
        Peer::ALL.into_iter().find(|peer| peer.key() == key)
    }
}

/// Where the peers are installed: always in the workspace's own `target`, so that several target folders
/// share them.
pub fn folder() -> PathBuf {
    util::workspace_root().join("target/peers")
}

/// The manifests and scripts that describe the peers.
pub fn sources() -> PathBuf {
    util::workspace_root().join("xtask/bench")
}

/// Installs the peers unless they are there as package.json pins them.
pub fn install() -> Result<(), String> {
    let manifest = sources().join("peers/package.json");
    let wanted =
        std::fs::read(&manifest).map_err(|error| format!("cannot read {}: {error}", manifest.display()))?;
    let folder = folder();
    let mark = folder.join("node_modules/.installed.json");
    if std::fs::read(&mark).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    util::ensure_node("the peers that NANO is compared with")?;
    util::write_whole(&folder.join("package.json"), &mut &wanted[..])?;
    util::say("installing the peers into target/peers (about 600 MB)");
    let mut npm = Command::new("npm");
    // Every version is pinned, and what the packages depend on is the programs themselves, so no lock file is
    // needed; one made on this system would leave out the others' programs.
    npm.current_dir(&folder).args([
        "install",
        "--no-package-lock",
        "--no-audit",
        "--no-fund",
        "--loglevel=error",
    ]);
    util::capture(&mut npm)?;
    for name in ["bun", "deno", "node", "workerd", "esbuild"] {
        program(name)?;
    }
    util::write_whole(&mark, &mut &wanted[..])
}

/// The program itself, not a script that starts it: a script's own start would be measured too.
pub fn program(name: &str) -> Result<PathBuf, String> {
    let link = folder().join("node_modules/.bin").join(name);
    let path =
        link.canonicalize().map_err(|error| format!("{} is not installed: {error}", link.display()))?;
    let mut magic = [0; 4];
    let native = std::fs::File::open(&path).and_then(|mut file| file.read_exact(&mut magic)).is_ok();
    if !native || &magic == b"#!/u" {
        return Err(format!(
            "{} is a script, not a program: npm did not run the packages' install scripts (npm config get ignore-scripts). \
             Remove target/peers and try again with them allowed.",
            path.display()
        ));
    }
    Ok(path)
}

/// The path of NANO's binary: as given, or the release build, which is made now.
pub fn nano(given: Option<&str>) -> Result<PathBuf, String> {
    if let Some(path) = given {
        let path = PathBuf::from(path);
        let path = path.canonicalize().map_err(|error| format!("--nano {}: {error}", path.display()))?;
        return Ok(path);
    }
    util::run(&mut util::cargo(&["build", "--release", "--quiet", "--package", "nano"]))?;
    let path = util::target_dir().join("release/nano");
    if path.is_file() { Ok(path) } else { Err(format!("{} was not built", path.display())) }
}

/// The bare loop's binary, built now; `Ok(None)` where its source does not exist.
pub fn bare() -> Result<Option<PathBuf>, String> {
    if !util::workspace_root().join("crates/nano-server/examples/bare.rs").is_file() {
        return Ok(None);
    }
    util::run(&mut util::cargo(&[
        "build",
        "--release",
        "--quiet",
        "--package",
        "nano-server",
        "--example",
        "bare",
    ]))?;
    Ok(Some(util::target_dir().join("release/examples/bare")))
}

/// A program's version, in a word or two.
pub fn version(peer: Peer, program: &Path) -> String {
    if peer == Peer::Bare {
        return "this commit".into();
    }
    let text = util::capture(Command::new(program).arg("--version")).unwrap_or_default();
    let line = text.lines().next().unwrap_or("unknown").trim();
    // `deno 2.9.6 (stable, …)`, `nano 0.1.0 (V8 15.2)`, `v26.10.0`, `workerd 2026-11-17`
    let line = line.strip_prefix(peer.key()).unwrap_or(line).trim();
    if peer == Peer::Deno {
        line.split(' ').next().unwrap_or(line).to_string()
    } else {
        line.trim_start_matches('v').to_string()
    }
}
