//! `cargo xtask wpt`: runs web-platform-tests with the `nano` binary and holds the results against tests/wpt:
//! what fails is listed there by name and with a reason, so that a regression and an unexpected pass both
//! stand out.
//!
//! Knows the order of the work; finding tests, making scripts, running them, expectations and reports have a
//! module each.

mod data;
mod expect;
mod peers;
mod report;
mod run;
mod script;
mod server;
mod suite;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Instant;

use crate::bench::peers::Peer;
use crate::util;
use expect::Expectations;
use run::Outcome;

const HELP: &str = "\
Runs web-platform-tests with NANO, each file in an isolate of its own, and compares with tests/wpt.

Usage: cargo xtask wpt --root CHECKOUT [OPTIONS]
       cargo xtask wpt --data [OPTIONS]

  --root DIR      a checkout of web-platform-tests (WPT_ROOT in the environment does as well)
  --data          no checkout: the suites' data files (../shared/wpt/data) through URL, Request and Blob
  --suite LIST    only these suites, by commas: url,streams,fetch/api/headers
  --filter TEXT   only files whose path has this text; expectations are then not updated
  --update        writes what fails now to tests/wpt, and docs/conformance.md
  --peers LIST    runs the same files with these too: deno,node,bun (installed into target/peers). Prints the counts
                  side by side, and each subtest that a peer passes and NANO does not; with --update they go to
                  tests/wpt/peers.json and docs/conformance.md
  --nano PATH     the binary to test; otherwise the debug build, made now
  --server        with the checkout's own server, and with the suites that ask one (fetch, xhr, websockets, eventsource),
                  which run with it only. Wants Python 3, openssl, the ports 8000, 8001, 8443, 8444, 8666, 8667, and its
                  names in /etc/hosts: they are added if that can be written
  --jobs N        how many files run at a time (2)
  --verbose       prints known failures too, with their messages

Fails if a subtest fails that tests/wpt does not list, and if a listed one passes.
";

/// The options of a run.
struct Options {
    nano: run::Program,
    peers: Vec<(Peer, run::Program)>,
    jobs: usize,
    filter: Option<String>,
    update: bool,
    verbose: bool,
    server: bool,
}

/// The command.
pub fn main(args: &[String]) -> Result<(), String> {
    let mut args = args.to_vec();
    if util::take_flag(&mut args, "--help") || util::take_flag(&mut args, "-h") {
        print!("{HELP}");
        return Ok(());
    }
    let data = util::take_flag(&mut args, "--data");
    let update = util::take_flag(&mut args, "--update");
    let verbose = util::take_flag(&mut args, "--verbose");
    let server = util::take_flag(&mut args, "--server");
    let root = util::take_value(&mut args, "--root")?.or_else(|| std::env::var("WPT_ROOT").ok());
    let only = util::take_value(&mut args, "--suite")?;
    let filter = util::take_value(&mut args, "--filter")?;
    let nano = util::take_value(&mut args, "--nano")?;
    let peers = util::take_value(&mut args, "--peers")?;
    let jobs = match util::take_value(&mut args, "--jobs")? {
        None => 2,
        Some(text) => text
            .parse()
            .ok()
            .filter(|jobs| (1..=256).contains(jobs))
            .ok_or_else(|| format!("--jobs wants a number from 1 to 256, not `{text}`"))?,
    };
    util::no_more(&args)?;
    if update && filter.is_some() {
        return Err("--update wants whole suites: leave --filter out".into());
    }
    if !data && root.is_none() {
        return Err("wants --root, the folder of a checkout of web-platform-tests; see --help".into());
    }
    if data && peers.is_some() {
        return Err("--peers wants a checkout: leave --data out".into());
    }
    if server && data {
        return Err("--server wants a checkout: leave --data out".into());
    }
    let served = |list: &String| list.split(',').any(|name| server::serves(name.trim().trim_matches('/')));
    if !server && only.as_ref().is_some_and(served) {
        return Err("one of these suites asks the checkout's server: add --server".into());
    }
    let peers = peers.as_deref().map_or(Ok(Vec::new()), peers::programs)?;
    let nano = run::Program::nano(binary(nano.as_deref())?);
    let mut options = Options { nano, peers, jobs, filter, update, verbose, server };
    if data {
        return check_data(&options);
    }
    let root = PathBuf::from(root.unwrap_or_default());
    let root = root.canonicalize().map_err(|error| format!("--root {}: {error}", root.display()))?;
    run_suites(&root, only.as_deref(), &mut options)
}

/// The check of `cargo xtask test`: the data files, with the debug build that the tests made.
pub fn quick() -> Result<(), String> {
    // Not built here: by itself it would be built with other features of its dependencies, nearly all of it
    // once more.
    let nano = run::Program::nano(util::target_dir().join("debug/nano"));
    let peers = Vec::new();
    check_data(&Options { nano, peers, jobs: 2, filter: None, update: false, verbose: false, server: false })
}

fn binary(given: Option<&str>) -> Result<PathBuf, String> {
    if let Some(path) = given {
        return Path::new(path).canonicalize().map_err(|error| format!("--nano {path}: {error}"));
    }
    util::run(&mut util::cargo(&["build", "--quiet", "--package", "nano"]))?;
    Ok(util::target_dir().join("debug/nano"))
}

fn run_suites(root: &Path, only: Option<&str>, options: &mut Options) -> Result<(), String> {
    let harness = root.join("resources/testharness.js");
    if !harness.is_file() {
        return Err(format!(
            "{} is no checkout of web-platform-tests: no {}",
            root.display(),
            harness.display()
        ));
    }
    let checkout = suite::date(root)?;
    let suites: Vec<&str> = match only {
        Some(list) => list.split(',').map(|name| name.trim().trim_matches('/')).collect(),
        None => suite::SUITES
            .iter()
            .map(|(name, _)| *name)
            .filter(|name| options.server || !server::serves(name))
            .collect(),
    };
    let maker = script::Maker::new(root)?;
    let mut verdict = Verdict::default();
    let mut server = None;
    for name in suites {
        let served = server::serves(name);
        if served && server.is_none() {
            let started = server::Server::start(root)?;
            let peers = options.peers.iter_mut().map(|(_, program)| program);
            peers.chain([&mut options.nano]).for_each(|program| started.trust(program));
            server = Some(started);
        }
        let expectations = Expectations::read(name)?;
        let mut tests = suite::find(root, name, &expectations)?;
        if let Some(text) = &options.filter {
            tests.retain(|test| test.name.contains(text.as_str()));
        }
        let scripts = tests.iter().map(|test| Ok((test, maker.make(test, served)?)));
        let scripts = scripts.collect::<Result<Vec<_>, String>>()?;
        let jobs: Vec<run::Job> = scripts
            .into_iter()
            .map(|(test, script)| run::Job { name: test.name.clone(), script, long: test.meta.long })
            .collect();
        settle(name, jobs, expectations, &checkout, options, &mut verdict)?;
    }
    if options.update {
        if !options.peers.is_empty() {
            peers::store(&checkout, &options.peers, &verdict.beside)?;
        }
        report::write_conformance()?;
    }
    verdict.end()
}

fn check_data(options: &Options) -> Result<(), String> {
    let Some((jobs, date)) = data::jobs()? else {
        util::say("SKIPPED: the data files of web-platform-tests are not there (../shared/wpt/data)");
        return Ok(());
    };
    let mut verdict = Verdict::default();
    settle(data::SUITE, jobs, Expectations::read(data::SUITE)?, &date, options, &mut verdict)?;
    verdict.end()
}

/// What a run comes to, over all suites.
#[derive(Default)]
struct Verdict {
    rows: Vec<report::Row>,
    beside: BTreeMap<String, peers::Beside>,
    regressions: usize,
    surprises: usize,
}

impl Verdict {
    fn end(&self) -> Result<(), String> {
        report::print(&self.rows, &self.beside);
        let advice = "`cargo xtask wpt --update` writes the present state to tests/wpt";
        match (self.regressions, self.surprises) {
            (0, 0) => Ok(()),
            (0, passes) => Err(format!("{passes} listed as failing passed or are gone: {advice}")),
            (failures, 0) => Err(format!("{failures} failed that tests/wpt does not list")),
            (failures, passes) => Err(format!(
                "{failures} failed that tests/wpt does not list, {passes} listed as failing passed or are gone: {advice}"
            )),
        }
    }
}

/// Runs a suite's files and compares them with what is expected.
fn settle(
    name: &str,
    jobs: Vec<run::Job>,
    mut expectations: Expectations,
    checkout: &str,
    options: &Options,
    verdict: &mut Verdict,
) -> Result<(), String> {
    let begun = Instant::now();
    let whole = options.filter.is_none();
    let outcomes: Vec<(String, Outcome)> = run::all(&options.nano, &jobs, options.jobs)?;
    if !options.peers.is_empty() {
        let beside = peers::run(&options.peers, &jobs, options.jobs, &outcomes)?;
        beside.print();
        verdict.beside.insert(name.to_string(), beside);
    }
    let comparison = expectations.compare(&outcomes, whole);
    let row = report::Row::new(name, &outcomes, &comparison);
    for failure in &comparison.regressions {
        println!("FAIL {failure}");
    }
    for pass in &comparison.passes {
        println!("PASS, though listed as failing: {pass}");
    }
    for gone in &comparison.gone {
        println!("GONE, though listed as failing: {gone}");
    }
    if options.verbose {
        for failure in &comparison.known {
            println!("known {failure}");
        }
    }
    util::say(&format!("{name}: {} files in {}", outcomes.len(), util::duration(begun.elapsed())));
    if options.update {
        expectations.update(&outcomes, checkout);
        expectations.write()?;
    } else {
        verdict.regressions += comparison.regressions.len();
        verdict.surprises += comparison.passes.len() + comparison.gone.len();
        if whole && expectations.fewer(&outcomes, checkout) {
            println!("FAIL {name}: fewer subtests ran than tests/wpt records for this checkout");
            verdict.regressions += 1;
        }
    }
    verdict.rows.push(row);
    Ok(())
}
