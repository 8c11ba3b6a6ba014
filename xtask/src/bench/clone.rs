//! structuredClone() and messages: what one takes, in one process of each runtime at a time.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::field::Field;
use super::page::{Section, Table};
use super::peers::Peer;
use super::stats::{median, show};
use crate::util;

pub const KEY: &str = "clone";

/// Runs xtask/bench/clone.js under every runtime, in turn.
pub fn run(field: &Field) -> Result<Section, String> {
    let rounds = field.rounds.unwrap_or(if field.short { 1 } else { 5 });
    let peers = field.among(&[Peer::Nano, Peer::Bun, Peer::Deno, Peer::Node]);
    // By case, in the script's order; the median of each round.
    let mut cases: Vec<String> = Vec::new();
    let mut found: BTreeMap<(String, Peer), Vec<f64>> = BTreeMap::new();
    for round in 0..rounds {
        for at in 0..peers.len() {
            let peer = peers[(at + round) % peers.len()];
            let output = util::capture(&mut field.script(peer, &super::peers::sources().join("clone.js")))
                .map_err(|error| format!("{}: {error}", peer.title()))?;
            for line in output.lines() {
                let value: Value = serde_json::from_str(line).map_err(|error| format!("{line}: {error}"))?;
                let name = value["name"].as_str().unwrap_or_default().to_string();
                let time = value["median"].as_f64().ok_or_else(|| format!("no median: {line}"))?;
                if !cases.contains(&name) {
                    cases.push(name.clone());
                }
                found.entry((name, peer)).or_default().push(time);
            }
        }
    }
    let head: Vec<String> =
        [String::new()].into_iter().chain(peers.iter().map(|peer| format!("{} µs", peer.title()))).collect();
    let mut table = Table::new(&head.iter().map(String::as_str).collect::<Vec<_>>());
    for case in &cases {
        let figures = peers.iter().map(|peer| {
            found.get(&(case.clone(), *peer)).map_or_else(|| "-".into(), |times| show(median(times)))
        });
        table.row(&[case.clone()].into_iter().chain(figures).collect::<Vec<_>>());
    }
    let raw: serde_json::Map<_, _> =
        found.iter().map(|((case, peer), times)| (format!("{case}, {}", peer.key()), json!(times))).collect();
    Ok(Section {
        key: KEY.into(),
        title: "structuredClone and messages".into(),
        text: format!(
            "Microseconds for one `structuredClone()` of: a small object with an object and an array in it; a JSON-like tree of about \
             1 MB (9,500 objects of six properties); 10 MiB in a Uint8Array, copied and transferred; Maps. And for one message of a small \
             object from a port to its listener. The median of a round of 0.4 s, and of {rounds} rounds in turn."
        ),
        tables: vec![table],
        raw: raw.into(),
    })
}
