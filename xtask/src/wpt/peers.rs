//! The same files under other runtimes: what they pass, and what they pass that NANO does not. Stored in
//! tests/wpt/peers.json for docs/conformance.md.
//!
//! Knows how each peer is made to run a file, and that file's form; nothing of tests and reports.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};

use super::expect;
use super::run::{self, Job, Outcome, Program, Status};
use crate::bench::peers::{self as installed, Peer};
use crate::util;

/// The peers of a list such as `deno,node,bun`, installed now if they are not there.
pub fn programs(list: &str) -> Result<Vec<(Peer, Program)>, String> {
    let mut programs = Vec::new();
    installed::install()?;
    for name in list.split(',').map(str::trim) {
        let (peer, args): (_, &[&str]) = match name {
            "deno" => (Peer::Deno, &["run", "--allow-all", "--quiet"]),
            "node" => (Peer::Node, &[]),
            "bun" => (Peer::Bun, &[]),
            _ => return Err(format!("--peers knows deno, node and bun, not `{name}`")),
        };
        programs.push((
            peer,
            Program { path: installed::program(name)?, args, wraps: true, environment: Vec::new() },
        ));
    }
    Ok(programs)
}

/// One suite under all peers.
#[derive(Debug, Default, PartialEq)]
pub struct Beside {
    /// How many subtests each passes, by the peer's key.
    pub passing: BTreeMap<String, u64>,
    /// What NANO does not pass and who does: by file and subtest, the peers' keys.
    pub behind: BTreeMap<String, BTreeMap<String, Vec<String>>>,
}

/// Runs a suite's files with each peer; `ours` is what NANO made of them.
pub fn run(
    peers: &[(Peer, Program)],
    jobs: &[Job],
    parallel: usize,
    ours: &[(String, Outcome)],
) -> Result<Beside, String> {
    let mut beside = Beside::default();
    for (peer, program) in peers {
        beside.add(peer.key(), &run::all(program, jobs, parallel)?, ours);
    }
    Ok(beside)
}

impl Beside {
    fn add(&mut self, peer: &str, theirs: &[(String, Outcome)], ours: &[(String, Outcome)]) {
        self.passing.insert(peer.into(), expect::count(theirs).passing);
        for ((file, theirs), (_, ours)) in theirs.iter().zip(ours) {
            // A subtest that NANO never came to counts if its file ended early. Else it is one that the file
            // has for other global objects only.
            let broken = ours.subtests.iter().any(|(name, _)| name == run::WHOLE);
            let fails = |name: &str| match ours.subtests.iter().find(|(other, _)| other == name) {
                Some((_, status)) => matches!(status, Status::Fail(_)),
                None => broken,
            };
            for name in passing(theirs).filter(|name| fails(name)) {
                let file = self.behind.entry(file.clone()).or_default();
                file.entry(name.into()).or_default().push(peer.into());
            }
        }
    }

    /// How many subtests some peer passes and NANO does not.
    pub fn behind_count(&self) -> usize {
        self.behind.values().map(BTreeMap::len).sum()
    }

    pub fn print(&self) {
        for (file, names) in &self.behind {
            for (name, peers) in names {
                println!("BEHIND {}: {file}: {name}", peers.join(", "));
            }
        }
    }

    fn to_json(&self) -> Value {
        json!({ "passing": self.passing, "behind": self.behind })
    }
}

fn passing(outcome: &Outcome) -> impl Iterator<Item = &str> {
    let passed = outcome.subtests.iter().filter(|(_, status)| *status == Status::Pass);
    passed.map(|(name, _)| name.as_str())
}

/// What tests/wpt/peers.json holds.
#[derive(Debug, Default)]
pub struct Stored {
    pub checkout: String,
    /// By the peer's key.
    pub versions: BTreeMap<String, String>,
    pub suites: BTreeMap<String, Beside>,
}

fn path() -> PathBuf {
    expect::folder().join("peers.json")
}

/// The stored results; empty ones if there are none.
pub fn stored() -> Result<Stored, String> {
    let path = path();
    match fs::read_to_string(&path) {
        Ok(text) => parse(&text).map_err(|error| format!("{}: {error}", path.display())),
        Err(_) => Ok(Stored::default()),
    }
}

fn parse(text: &str) -> Result<Stored, String> {
    let file: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let field = |value: &Value, name: &str| value.get(name).cloned().unwrap_or_default();
    let said = |error: serde_json::Error| error.to_string();
    let mut suites = BTreeMap::new();
    for (name, suite) in file["suites"].as_object().ok_or("wants `suites`")? {
        let passing = serde_json::from_value(field(suite, "passing")).map_err(said)?;
        let behind = serde_json::from_value(field(suite, "behind")).map_err(said)?;
        suites.insert(name.clone(), Beside { passing, behind });
    }
    Ok(Stored {
        checkout: file["checkout"].as_str().unwrap_or_default().into(),
        versions: serde_json::from_value(field(&file, "versions")).map_err(said)?,
        suites,
    })
}

/// Writes results of these suites; those of others stay, if they are of the same checkout, and of the same
/// versions of these peers.
pub fn store(
    checkout: &str,
    peers: &[(Peer, Program)],
    results: &BTreeMap<String, Beside>,
) -> Result<(), String> {
    let mut versions: BTreeMap<String, String> = peers
        .iter()
        .map(|(peer, program)| (peer.key().into(), installed::version(*peer, &program.path)))
        .collect();
    let before = stored()?;
    let mut suites: BTreeMap<String, Value> = BTreeMap::new();
    let same = |(key, version): (&String, &String)| versions.get(key).is_none_or(|other| other == version);
    if before.checkout == checkout && before.versions.iter().all(same) {
        for (key, version) in &before.versions {
            versions.entry(key.clone()).or_insert_with(|| version.clone());
        }
        suites.extend(before.suites.iter().map(|(name, suite)| (name.clone(), suite.to_json())));
    }
    suites.extend(results.iter().map(|(name, suite)| (name.clone(), suite.to_json())));
    let file = json!({ "checkout": checkout, "versions": versions, "suites": suites });
    let mut text = serde_json::to_string_pretty(&file).map_err(|error| error.to_string())?;
    text.push('\n');
    util::write_whole(&path(), &mut text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(subtests: &[(&str, bool)]) -> Vec<(String, Outcome)> {
        let status = |pass: bool| if pass { Status::Pass } else { Status::Fail("why".into()) };
        let subtests = subtests.iter().map(|(name, pass)| ((*name).to_string(), status(*pass))).collect();
        vec![("f.any.js".into(), Outcome { subtests })]
    }

    #[test]
    fn what_others_pass_and_we_do_not_is_found() {
        let ours = outcome(&[("a", true), ("b", false)]);
        let mut beside = Beside::default();
        beside.add("deno", &outcome(&[("a", true), ("b", true), ("c", true)]), &ours);
        beside.add("node", &outcome(&[("a", false), ("b", true)]), &ours);
        assert_eq!(beside.passing["deno"], 3);
        assert_eq!(beside.passing["node"], 1);
        assert_eq!(beside.behind["f.any.js"]["b"], ["deno", "node"]);
        assert_eq!(beside.behind_count(), 1, "a subtest that there is for others only does not count");
        let ours = outcome(&[("a", true), (run::WHOLE, false)]);
        let mut broken = Beside::default();
        broken.add("deno", &outcome(&[("a", true), ("c", true)]), &ours);
        assert_eq!(broken.behind["f.any.js"]["c"], ["deno"], "what NANO never came to counts");
        let text = json!({ "checkout": "x", "versions": {}, "suites": { "s": beside.to_json() } });
        assert_eq!(parse(&text.to_string()).unwrap().suites["s"], beside);
    }
}
