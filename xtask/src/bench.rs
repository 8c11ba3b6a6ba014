//! `cargo xtask bench`: NANO beside Bun, Deno, Node and workerd, in one run, in turn; writes
//! docs/benchmarks.md.
//!
//! Each suite is a module that measures one thing; `page` makes the document of what they found.

mod against;
pub mod client;
mod clone;
mod crypto;
mod field;
mod first;
mod load;
mod machine;
mod memory;
mod neighbour;
mod page;
pub mod peers;
mod platform;
pub mod process;
mod proxy;
mod start;
pub mod stats;
mod throughput;
pub mod workerd;

use std::time::Instant;

use crate::util;
use field::{Field, Wanted};
use page::Section;
use peers::Peer;

const HELP: &str = "\
Measures NANO beside Bun, Deno, Node and workerd and writes docs/benchmarks.md.

Usage: cargo xtask bench [SUITE…] [OPTIONS]

Suites (all when none is named):
  hello json inspect echo-1k echo-100k stream hono
             requests a second, processor time a request and latency under load
  proxy      a handler that passes a fetch on: small and large bodies
  start      process start to first answer
  first      first answer of an application never touched before
  memory     memory of 1, 100 and 1,000 visited applications
  neighbour  latency beside an application that computes
  crypto     crypto.subtle from JavaScript, and latency beside keys that are generated
  platform   parts of the web platform: encoding, URLs, headers, streams, blobs, console
  clone      structuredClone() and messages, without a server

  --short          a quick look: one short round; stored apart, and the page stays as it is
  --only PEERS     of bare,nano,bun,deno,node,workerd only these (comma between)
  --nano PATH      the binary to measure; otherwise the release build, made now
  --nano-arg ARG   one more argument for `nano serve` (repeatable)
  --seconds N      length of a round under load (default 5)
  --rounds N       rounds of each (default: each suite's own, 3 to 30)
  --no-pin         leaves it to the system on which cores server and load run
  --against BINARY compares this build with another: hello, inspect, echo-1k and proxy (or the suites named) under both and
                   under a copy of this build, in turn; fails if a median is more than 2 % worse beyond the difference
                   between the build and its copy
  --page           writes the page from what is stored, and measures nothing

The page is made from each suite's stored result (target/bench/results), so a run of some suites leaves the others' sections as
they were. A run that leaves out a peer is printed and not stored for the page. Other work on the machine spoils the figures.
";

const OTHER_SUITES: [&str; 8] =
    [proxy::KEY, start::KEY, first::KEY, memory::KEY, neighbour::KEY, crypto::KEY, platform::KEY, clone::KEY];

pub fn main(args: &[String]) -> Result<(), String> {
    let mut args = args.to_vec();
    if util::take_flag(&mut args, "--help") || util::take_flag(&mut args, "-h") {
        print!("{HELP}");
        return Ok(());
    }
    let known: Vec<&str> =
        throughput::HANDLERS.iter().map(|handler| handler.key).chain(OTHER_SUITES).collect();
    if util::take_flag(&mut args, "--page") {
        util::no_more(&args)?;
        return written(&known);
    }
    let mut only = Vec::new();
    for name in util::take_value(&mut args, "--only")?.iter().flat_map(|list| list.split(',')) {
        let all = Peer::ALL.map(Peer::key).join(", ");
        only.push(
            Peer::from_key(name).ok_or_else(|| format!("--only: there is no `{name}`; there are {all}"))?,
        );
    }
    // Where the binary lies is the machine's own affair: the page says its version.
    let nano = util::take_value(&mut args, "--nano")?;
    let command = format!("cargo xtask bench {}", args.join(" ")).trim_end().to_string();
    // No peer writes a line for each request.
    let mut nano_args = vec!["--no-request-log".to_owned()];
    while let Some(arg) = util::take_value(&mut args, "--nano-arg")? {
        nano_args.push(arg);
    }
    let number = |text: Option<String>, name: &str| match text {
        Some(text) => match text.parse::<u64>() {
            Ok(number) if number > 0 => Ok(Some(number)),
            _ => Err(format!("{name} wants a number above 0, not `{text}`")),
        },
        None => Ok(None),
    };
    let seconds = number(util::take_value(&mut args, "--seconds")?, "--seconds")?;
    let rounds = number(util::take_value(&mut args, "--rounds")?, "--rounds")?
        .and_then(|rounds| rounds.try_into().ok());
    let pin = !util::take_flag(&mut args, "--no-pin");
    if let Some(other) = util::take_value(&mut args, "--against")? {
        if let Some(option) = args.iter().find(|arg| arg.starts_with('-')) {
            return Err(format!("--against goes with no `{option}`; see --help"));
        }
        return against::main(&against::Options { other, nano, nano_args, rows: args, seconds, rounds, pin });
    }
    let wanted =
        Wanted { nano, nano_args, short: util::take_flag(&mut args, "--short"), seconds, rounds, pin, only };
    if let Some(unknown) = args.iter().find(|arg| !known.contains(&arg.as_str())) {
        return Err(format!("there is no suite or option `{unknown}`; see --help"));
    }
    let complete = wanted.only.is_empty() && !wanted.short;
    let suites = if args.is_empty() { known.iter().map(|key| (*key).to_string()).collect() } else { args };

    let field = Field::prepare(wanted)?;
    let mut failed = Vec::new();
    for suite in &suites {
        let begun = Instant::now();
        eprintln!("{suite}");
        match measure(&field, suite) {
            Ok(section) => {
                page::print(&section);
                if complete || field.short {
                    page::store(&section, &field, &command)?;
                }
                eprintln!("  {suite} took {}", util::duration(begun.elapsed()));
            }
            // One suite that fails must not cost the figures of the rest.
            Err(error) => {
                eprintln!("{suite} failed: {error}");
                failed.push(suite.as_str());
            }
        }
    }
    if complete {
        written(&known)?;
    }
    if failed.is_empty() { Ok(()) } else { Err(format!("failed: {}", failed.join(", "))) }
}

fn measure(field: &Field, suite: &str) -> Result<Section, String> {
    match suite {
        proxy::KEY => proxy::run(field),
        start::KEY => start::run(field),
        first::KEY => first::run(field),
        memory::KEY => memory::run(field),
        neighbour::KEY => neighbour::run(field),
        crypto::KEY => crypto::run(field),
        platform::KEY => platform::run(field),
        clone::KEY => clone::run(field),
        _ => match throughput::HANDLERS.iter().find(|handler| handler.key == suite) {
            Some(handler) => throughput::run(field, handler),
            None => Err("no such suite".into()),
        },
    }
}

fn written(keys: &[&str]) -> Result<(), String> {
    let path = page::write(keys)?;
    util::say(&format!("wrote {}", path.strip_prefix(util::workspace_root()).unwrap_or(&path).display()));
    Ok(())
}
