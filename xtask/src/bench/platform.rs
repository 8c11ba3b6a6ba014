//! What parts of the web platform cost: the same script under each runtime that runs scripts.

use std::collections::BTreeMap;
use std::process::Stdio;

use serde_json::{Value, json};

use super::field::Field;
use super::page::{Section, Table};
use super::peers::{self, Peer};
use super::stats::median;

pub const KEY: &str = "platform";

/// Runs the script in turn under each runtime, each time in a process of its own.
pub fn run(field: &Field) -> Result<Section, String> {
    let rounds = field.rounds.unwrap_or(if field.short { 1 } else { 3 });
    let peers: Vec<Peer> = field
        .peers
        .iter()
        .copied()
        .filter(|peer| matches!(peer, Peer::Nano | Peer::Bun | Peer::Deno | Peer::Node))
        .collect();
    // Milliseconds for each case.
    let budget = if field.short { "120" } else { "500" };
    let mut names: Vec<String> = Vec::new();
    let mut found: BTreeMap<String, BTreeMap<Peer, Vec<f64>>> = BTreeMap::new();
    for round in 0..rounds {
        for at in 0..peers.len() {
            let peer = peers[(at + round) % peers.len()];
            for (name, time) in once(field, peer, budget)? {
                if !names.contains(&name) {
                    names.push(name.clone());
                }
                found.entry(name).or_default().entry(peer).or_default().push(time);
            }
            eprintln!("  platform {}: round {}", peer.title(), round + 1);
        }
    }
    let mut head = vec!["ns"];
    head.extend(peers.iter().map(|peer| peer.title()));
    head.push("fastest other ÷ NANO");
    let mut table = Table::new(&head);
    let (mut ahead, mut behind) = (0, 0);
    for name in &names {
        let times = &found[name];
        let mut cells = vec![name.clone()];
        cells.extend(
            peers.iter().map(|peer| times.get(peer).map(|times| show_ns(median(times))).unwrap_or_default()),
        );
        let others = times.iter().filter(|(peer, _)| **peer != Peer::Nano).map(|(_, times)| median(times));
        let fastest = others.fold(f64::INFINITY, f64::min);
        let ratio =
            times.get(&Peer::Nano).map(|nano| fastest / median(nano)).filter(|ratio| ratio.is_finite());
        if let Some(ratio) = ratio {
            ahead += usize::from(ratio >= 1.0);
            behind += usize::from(ratio < 0.5);
        }
        cells.push(ratio.map(|ratio| format!("{ratio:.2}")).unwrap_or_default());
        table.row(&cells);
    }
    let raw: serde_json::Map<_, _> = found
        .iter()
        .map(|(name, times)| {
            let times: serde_json::Map<_, _> =
                times.iter().map(|(peer, times)| (peer.key().to_string(), json!(times))).collect();
            (name.clone(), times.into())
        })
        .collect();
    Ok(Section {
        key: KEY.into(),
        title: "Parts of the web platform".into(),
        text: format!(
            "Nanoseconds for one call, the median of {rounds} processes in turn, each with the best of many batches. The last column is how \
             many times as long the fastest of the others takes: above 1 NANO is the fastest ({ahead} of {}), below 0.5 it takes more than twice \
             as long ({behind}). Printing goes to /dev/null.",
            names.len()
        ),
        tables: vec![table],
        raw: raw.into(),
    })
}

/// One process: each case and its nanoseconds.
fn once(field: &Field, peer: Peer, budget: &str) -> Result<Vec<(String, f64)>, String> {
    let script = peers::sources().join("platform/run.mjs");
    let mut command = field.command(peer, field.server_core);
    match peer {
        Peer::Nano | Peer::Bun | Peer::Deno => _ = command.arg("run"),
        _ => {}
    }
    command.arg(script).arg(budget).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    let output = command.output().map_err(|error| format!("{}: {error}", peer.title()))?;
    let text = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() {
        return Err(format!("{}: {text}", peer.title()));
    }
    let mut times = Vec::new();
    for line in text.lines() {
        let Ok(value) = serde_json::from_str::<Value>(line) else { continue };
        let (Some(name), Some(ns)) = (value["name"].as_str(), value["ns"].as_f64()) else { continue };
        if !name.is_empty() {
            times.push((name.to_owned(), ns));
        }
    }
    if times.is_empty() { Err(format!("{} measured nothing: {text}", peer.title())) } else { Ok(times) }
}

fn show_ns(ns: f64) -> String {
    if ns >= 100.0 { format!("{ns:.0}") } else { format!("{ns:.1}") }
}
