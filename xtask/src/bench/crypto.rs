//! crypto.subtle from JavaScript: operations a second in each runtime; and what a neighbour notices of keys
//! that are generated.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::field::{self, Field};
use super::neighbour;
use super::page::{Section, Table};
use super::peers::Peer;
use super::stats::{median, show};
use crate::util;

pub const KEY: &str = "crypto";

const SCRIPT: &str = include_str!("../../bench/crypto.mjs");

/// Runs the script in every runtime in turn, some rounds.
pub fn run(field: &Field) -> Result<Section, String> {
    let rounds = field.rounds.unwrap_or(if field.short { 1 } else { 3 });
    let milliseconds = field.seconds.map_or(if field.short { 300 } else { 1000 }, |seconds| seconds * 1000);
    let path = field::work_folder().join("crypto.mjs");
    let script = SCRIPT.replace("__MILLISECONDS__", &milliseconds.to_string());
    util::write_whole(&path, &mut script.as_bytes())?;
    let peers = field.among(&[Peer::Nano, Peer::Bun, Peer::Deno, Peer::Node]);
    // Not sorted: in the script's order.
    let mut cases: Vec<String> = Vec::new();
    let mut found: BTreeMap<(String, Peer), Vec<f64>> = BTreeMap::new();
    for round in 0..rounds {
        for at in 0..peers.len() {
            let peer = peers[(at + round) % peers.len()];
            let said = util::capture(&mut field.script(peer, &path))
                .map_err(|error| format!("{}: {error}", peer.title()))?;
            let rates: Value = serde_json::from_str(said.trim())
                .map_err(|error| format!("{} said {said:?}: {error}", peer.title()))?;
            for line in SCRIPT.lines() {
                let Some((name, _)) = line.trim().strip_prefix('"').and_then(|rest| rest.split_once("\": "))
                else {
                    continue;
                };
                if let Some(rate) = rates[name].as_f64() {
                    found.entry((name.to_owned(), peer)).or_default().push(rate);
                }
                if !cases.iter().any(|case| case == name) && rates.get(name).is_some() {
                    cases.push(name.to_owned());
                }
            }
            eprintln!("  crypto {}: round {} of {rounds}", peer.title(), round + 1);
        }
    }
    let mut head = vec!["operations a second"];
    head.extend(peers.iter().map(|peer| peer.title()));
    head.push("NANO × fastest other");
    let mut table = Table::new(&head);
    for case in &cases {
        let rate = |peer: Peer| found.get(&(case.clone(), peer)).map(|rates| median(rates));
        let mut row = vec![case.clone()];
        row.extend(peers.iter().map(|peer| rate(*peer).map_or("–".into(), show)));
        let others = peers.iter().filter(|peer| **peer != Peer::Nano).filter_map(|peer| rate(*peer));
        let best = others.fold(0.0, f64::max);
        row.push(match rate(Peer::Nano) {
            Some(nano) if best > 0.0 => format!("{:.2}", nano / best),
            _ => String::new(),
        });
        table.row(&row);
    }
    let mut tables = vec![table];
    let mut raw: serde_json::Map<String, Value> = serde_json::Map::new();
    for ((case, peer), rates) in &found {
        raw.insert(format!("{case} ({})", peer.key()), json!(rates));
    }
    if peers.contains(&Peer::Nano) {
        let (beside, times) = neighbour::beside_keys(field)?;
        tables.push(beside);
        raw.insert("beside keys".into(), times);
    }
    Ok(Section {
        key: KEY.into(),
        title: "Cryptography".into(),
        text: format!(
            "crypto.subtle in one script, the same in every runtime: each operation is awaited before the next begins. The \
             median of {rounds} rounds of {milliseconds} ms a case, in turn, each process on both cores, as it would be in service. \
             workerd is not among them: its clock stands still while a script runs. The second table is one thread \
             of NANO with two applications: one generates RSA keys of 4096 bits in a row, the other is asked every 10 ms."
        ),
        tables,
        raw: raw.into(),
    })
}
