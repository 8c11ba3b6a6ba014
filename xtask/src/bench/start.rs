//! From the start of a process to its first answer.

use std::collections::BTreeMap;
use std::time::Instant;

use serde_json::json;

use super::client::Request;
use super::field::Field;
use super::page::{Section, Table};
use super::peers::Peer;
use super::process;
use super::stats::{median, percentile, show};

pub const KEY: &str = "start";

/// Starts every runtime in turn with the hello world application and asks until it answers.
pub fn run(field: &Field) -> Result<Section, String> {
    let rounds = field.rounds.unwrap_or(if field.short { 5 } else { 30 });
    let mut found: BTreeMap<Peer, Vec<f64>> = BTreeMap::new();
    for round in 0..rounds {
        for at in 0..field.peers.len() {
            let peer = field.peers[(at + round) % field.peers.len()];
            let port = process::free_port()?;
            // Not bound to a core: a process that starts has the whole machine, as it would in service.
            let mut command = field.serve(peer, "hello", port, None)?;
            let request = Request::get(&process::local(port).to_string(), "/");
            let begun = Instant::now();
            let mut server = field.spawn(peer, "start", &mut command, port)?;
            let time =
                server.first_answer(&request, begun).map_err(|error| format!("{}: {error}", peer.title()))?;
            found.entry(peer).or_default().push(time.as_secs_f64() * 1e3);
        }
    }
    let mut table = Table::new(&["", "median ms", "× NANO", "p90 ms", "fastest ms"]);
    let nano = found.get(&Peer::Nano).map(|times| median(times));
    for peer in &field.peers {
        let times = &found[peer];
        let ratio = nano.map(|nano| format!("{:.2}", median(times) / nano)).unwrap_or_default();
        table.row(&[
            peer.title().into(),
            show(median(times)),
            ratio,
            show(percentile(times, 90.0)),
            show(percentile(times, 0.0)),
        ]);
        eprintln!("  start {}: {} ms", peer.title(), show(median(times)));
    }
    let raw: serde_json::Map<_, _> =
        found.iter().map(|(peer, times)| (peer.key().to_string(), json!(times))).collect();
    Ok(Section {
        key: KEY.into(),
        title: "Process start to first answer".into(),
        text: format!(
            "From starting the process with the hello world application to the first answer of status 200, asked again as soon \
             as the last attempt was refused. {rounds} starts each, in turn, files in the page cache."
        ),
        tables: vec![table],
        raw: raw.into(),
    })
}
