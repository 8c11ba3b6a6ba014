//! Memory of one process that hosts applications, each visited once and idle since.

use std::time::Duration;

use serde_json::json;

use super::client::{self, Request};
use super::field::Field;
use super::first;
use super::page::{Section, Table};
use super::peers::Peer;
use super::process::Memory;
use super::stats::show;

pub const KEY: &str = "memory";

/// How long a process may take to come to rest after the visits.
const REST: Duration = Duration::from_secs(10);

pub fn run(field: &Field) -> Result<Section, String> {
    let mut table = Table::new(&["", "applications", "RSS MB", "PSS MB", "MB for each more (RSS)"]);
    let mut raw = serde_json::Map::new();
    for peer in field.among(&[Peer::Nano, Peer::Workerd]) {
        let counts: &[usize] = match peer {
            _ if field.short => &[1, 20],
            Peer::Workerd => &[1, 100],
            _ => &[1, 100, 1000],
        };
        let mut first: Option<Memory> = None;
        for &count in counts {
            let memory = visited(field, peer, count)?;
            let each = first
                .filter(|_| count > 1)
                .map(|first| mb(memory.rss_kb.saturating_sub(first.rss_kb)) / (count - 1) as f64);
            first = first.or(Some(memory));
            eprintln!("  memory {} {count}: RSS {} MB", peer.title(), show(mb(memory.rss_kb)));
            raw.insert(
                format!("{} {count}", peer.key()),
                json!({ "rss_kb": memory.rss_kb, "pss_kb": memory.pss_kb }),
            );
            table.row(&[
                peer.title().into(),
                first::show_count(count),
                show(mb(memory.rss_kb)),
                show(mb(memory.pss_kb)),
                each.map(show).unwrap_or_default(),
            ]);
        }
    }
    for peer in field.among(&[Peer::Bun, Peer::Deno, Peer::Node]) {
        let server = field.start(peer, "hello")?;
        client::once(server.address, &Request::get(&server.address.to_string(), "/"))?;
        server.wait_idle(REST);
        let memory = server.memory();
        let pss = show(mb(memory.pss_kb));
        raw.insert(format!("{} 1", peer.key()), json!({ "rss_kb": memory.rss_kb, "pss_kb": memory.pss_kb }));
        table.row(&[peer.title().into(), "1".into(), show(mb(memory.rss_kb)), pss, "a process each".into()]);
    }
    Ok(Section {
        key: KEY.into(),
        title: "Memory".into(),
        text: "One process, one thread; every application visited once and idle since, measured when the process has come to \
               rest. RSS is what is mapped in, PSS the same with shared pages counted by their share."
            .into(),
        tables: vec![table],
        raw: raw.into(),
    })
}

fn visited(field: &Field, peer: Peer, count: usize) -> Result<Memory, String> {
    let apps = first::small_apps(count)?;
    let (mut server, mut visits) = first::many(field, peer, &apps)?;
    for (at, (name, _)) in apps.iter().enumerate() {
        let answer = visits
            .connect(at)
            .and_then(|()| visits.exchange(at))
            .map_err(|error| format!("{}: {error}\n{}", peer.title(), server.said()))?;
        if answer.status != 200 {
            return Err(format!("{}: {} answered {}\n{}", peer.title(), name, answer.status, server.said()));
        }
    }
    drop(visits);
    server.wait_idle(REST);
    server.check_alive()?;
    Ok(server.memory())
}

fn mb(kb: u64) -> f64 {
    kb as f64 / 1024.0
}
