//! What people read: the table that a run prints, and docs/conformance.md, made from the expectations.
//!
//! Knows counts and reasons; nothing of tests and processes.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::expect::{self, Comparison, Counts, Expectations};
use super::peers::{self, Beside, Stored};
use super::run::Outcome;
use super::suite::SUITES;
use crate::bench::peers::Peer;
use crate::util;

/// Suites of web-platform-tests that a server might be asked about, and that are not run, with the reason.
const NOT_RUN: &[(&str, &str)] = &[
    (
        "fetch beside api, content-encoding and data-urls; xhr beside formdata",
        "what browsers check for pages, their caches, and XMLHttpRequest",
    ),
    ("fetch/api/cors", "a server's requests have no origin: CORS protects a browser's user"),
    ("workers, service-workers", "an application is one isolate; the fetch event is tested by tests/apps"),
    ("wasm, js", "V8 runs its own"),
    ("everything with a document", "there are no pages: DOM, CSS, navigation, storage of a browser"),
];

/// A suite's line in the table.
#[derive(Default)]
pub struct Row {
    suite: String,
    counts: Counts,
    known: usize,
    regressions: usize,
    surprises: usize,
}

impl Row {
    pub fn new(suite: &str, outcomes: &[(String, Outcome)], comparison: &Comparison) -> Self {
        Self {
            suite: suite.into(),
            counts: expect::count(outcomes),
            known: comparison.known.len(),
            regressions: comparison.regressions.len(),
            surprises: comparison.passes.len() + comparison.gone.len(),
        }
    }

    /// Becomes the line of all.
    fn add(&mut self, row: &Row) {
        self.suite = "all".into();
        add(&mut self.counts, row.counts);
        self.known += row.known;
        self.regressions += row.regressions;
        self.surprises += row.surprises;
    }
}

/// Prints the table, with the peers' counts where they ran.
pub fn print(rows: &[Row], beside: &BTreeMap<String, Beside>) {
    let keys: Vec<&String> =
        beside.values().next().map_or(Vec::new(), |first| first.passing.keys().collect());
    let mut head = format!(
        "\n{:<22} {:>6} {:>9} {:>8} {:>7} {:>6} {:>5} {:>9}",
        "suite", "files", "subtests", "passing", "", "known", "new", "surprises"
    );
    for name in keys.iter().map(|key| key.as_str()).chain((!keys.is_empty()).then_some("behind")) {
        let _ = write!(head, " {name:>7}");
    }
    println!("{head}");
    let mut sum = Row::default();
    let mut others = BTreeMap::new();
    let mut behind = 0;
    for row in rows {
        let mut text = line(row);
        if let Some(beside) = beside.get(&row.suite) {
            for key in &keys {
                let passing = beside.passing.get(*key).copied().unwrap_or_default();
                *others.entry(*key).or_insert(0) += passing;
                let _ = write!(text, " {passing:>7}");
            }
            behind += beside.behind_count();
            let _ = write!(text, " {:>7}", beside.behind_count());
        }
        println!("{text}");
        sum.add(row);
    }
    if rows.len() > 1 {
        let mut text = line(&sum);
        for key in &keys {
            let _ = write!(text, " {:>7}", others.get(key).copied().unwrap_or_default());
        }
        if !keys.is_empty() {
            let _ = write!(text, " {behind:>7}");
        }
        println!("{text}");
    }
}

fn line(row: &Row) -> String {
    let Row { suite, counts, known, regressions, surprises } = row;
    let Counts { files, subtests, passing } = counts;
    let share = share(*counts);
    format!(
        "{suite:<22} {files:>6} {subtests:>9} {passing:>8} {share:>7} {known:>6} {regressions:>5} {surprises:>9}"
    )
}

fn add(sum: &mut Counts, counts: Counts) {
    sum.files += counts.files;
    sum.subtests += counts.subtests;
    sum.passing += counts.passing;
}

/// In per cent, rounded down to a tenth: 100 means all.
fn share(counts: Counts) -> String {
    if counts.subtests == 0 {
        return "-".into();
    }
    let tenths = counts.passing * 1000 / counts.subtests;
    format!("{}.{} %", tenths / 10, tenths % 10)
}

/// Writes docs/conformance.md from the files in tests/wpt.
pub fn write_conformance() -> Result<(), String> {
    let mut all = Vec::new();
    for (name, about) in SUITES {
        let expectations = Expectations::read(name)?;
        if expectations.counts.files > 0 {
            all.push((expectations, *about));
        }
    }
    let text = conformance(&all, &peers::stored()?);
    util::write_whole(&util::workspace_root().join("docs/conformance.md"), &mut text.as_bytes())
}

fn conformance(all: &[(Expectations, &str)], stored: &Stored) -> String {
    let mut dates: Vec<&str> = all.iter().map(|(expectations, _)| expectations.checkout.as_str()).collect();
    dates.sort_unstable();
    dates.dedup();
    let mut text = format!(
        "# Conformance\n\n\
         How much of [web-platform-tests](https://github.com/web-platform-tests/wpt) NANO passes. Written by\n\
         `cargo xtask wpt --root CHECKOUT --server --update`; the checkout was of {}. Each file runs in a fresh isolate, as it\n\
         would in a dedicated worker. What fails is listed by name in tests/wpt; a change that breaks a subtest, or\n\
         mends one without saying so there, fails the run. Those apply that are neither about what only a browser has nor\n\
         contradict the standard as it is now; the share is of them.\n\n",
        dates.join(", ")
    );
    if !stored.versions.is_empty() {
        let versions: Vec<String> =
            stored.versions.iter().map(|(key, version)| format!("{} {version}", title(key))).collect();
        let _ = writeln!(
            text,
            "Beside it the subtests that {} pass, of the same files (`--peers {}`).\n",
            versions.join(", "),
            stored.versions.keys().map(String::as_str).collect::<Vec<_>>().join(",")
        );
    }
    let mut row = |cells: &[String]| {
        let _ = writeln!(text, "| {} |", cells.join(" | "));
    };
    let heads = ["suite", "about", "files", "subtests", "apply", "NANO", ""].map(String::from);
    row(&heads.into_iter().chain(stored.versions.keys().map(|key| title(key))).collect::<Vec<_>>());
    let lines = ["---", "---"].into_iter().chain(std::iter::repeat_n("---:", 5 + stored.versions.len()));
    row(&lines.map(String::from).collect::<Vec<_>>());
    let mut sum = Counts::default();
    let mut applicable = 0;
    let mut others: BTreeMap<&String, u64> = BTreeMap::new();
    for (expectations, about) in all {
        let suite = &expectations.suite;
        let mut cells = cells(suite, about, expectations.counts, expectations.applicable());
        for key in stored.versions.keys() {
            let passing = stored.suites.get(suite).and_then(|beside| beside.passing.get(key));
            *others.entry(key).or_default() += passing.copied().unwrap_or_default();
            cells.push(passing.map_or("-".into(), u64::to_string));
        }
        row(&cells);
        applicable += expectations.applicable();
        add(&mut sum, expectations.counts);
    }
    let mut last = cells("all", "", sum, applicable);
    last.extend(others.values().map(u64::to_string));
    row(&last);
    behind(&mut text, all, stored);
    text.push_str(
        "\n## What fails, and why\n\n| suite | subtests | | reason |\n| --- | ---: | --- | --- |\n",
    );
    for (expectations, _) in all {
        for group in &expectations.failing {
            let (suite, about) = (&expectations.suite, group.scope.about());
            let _ = writeln!(text, "| {suite} | {} | {about} | {} |", group.len(), group.reason);
        }
    }
    text.push_str(
        "\n## What is left out on purpose\n\nFiles of these suites:\n\n| files | reason |\n| --- | --- |\n",
    );
    for entry in all.iter().flat_map(|(expectations, _)| &expectations.left_out) {
        let _ = writeln!(text, "| {} | {} |", entry.files.join(", "), entry.reason);
    }
    text.push_str("\nFiles for windows only (`.window.js`, `.html`, `META: global=window`), for service workers and shadow realms.\n");
    text.push_str("\nOther suites:\n\n| suites | reason |\n| --- | --- |\n");
    for (suites, reason) in NOT_RUN {
        let _ = writeln!(text, "| {suites} | {reason} |");
    }
    text
}

fn cells(suite: &str, about: &str, counts: Counts, applicable: u64) -> Vec<String> {
    let Counts { files, subtests, passing } = counts;
    let numbers = [files, subtests, applicable, passing].map(|number| number.to_string());
    let share = share(Counts { subtests: applicable, ..counts });
    [suite.to_string(), about.to_string()].into_iter().chain(numbers).chain([share]).collect()
}

fn title(key: &str) -> String {
    Peer::from_key(key).map_or_else(|| key.into(), |peer| peer.title().into())
}

/// What a peer passes and NANO does not, with the reason that the expectations have for it.
fn behind(text: &mut String, all: &[(Expectations, &str)], stored: &Stored) {
    if stored.versions.is_empty() {
        return;
    }
    text.push_str("\n## What others pass and NANO does not\n\n");
    let mut counts: BTreeMap<(&str, &str, String), usize> = BTreeMap::new();
    for (expectations, _) in all {
        let Some(beside) = stored.suites.get(&expectations.suite) else { continue };
        for (file, names) in &beside.behind {
            for (name, peers) in names {
                let reason = expectations.reason(file, name).unwrap_or("the file ends before it comes to it");
                let peers: Vec<String> = peers.iter().map(|key| title(key)).collect();
                *counts.entry((&expectations.suite, reason, peers.join(", "))).or_default() += 1;
            }
        }
    }
    if counts.is_empty() {
        text.push_str("Nothing.\n");
        return;
    }
    text.push_str("| suite | subtests | who | reason |\n| --- | ---: | --- | --- |\n");
    for ((suite, reason, peers), count) in counts {
        let _ = writeln!(text, "| {suite} | {count} | {peers} | {reason} |");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_rounded_down() {
        let counts = |passing, subtests| Counts { files: 1, subtests, passing };
        assert_eq!(share(counts(9999, 10_000)), "99.9 %");
        assert_eq!(share(counts(3, 3)), "100.0 %");
        assert_eq!(share(counts(0, 0)), "-");
    }
}
