//! What people read: the table that a run prints, and docs/conformance.md, made from the expectations.
//!
//! Knows counts and reasons; nothing of tests and processes.

use std::fmt::Write as _;

use super::expect::{self, Comparison, Counts, Expectations};
use super::run::Outcome;
use super::suite::SUITES;
use crate::util;

/// Suites of web-platform-tests that a server might be asked about, and that are not run, with the reason.
const NOT_RUN: &[(&str, &str)] = &[
    (
        "fetch/api (fetch itself), fetch/data-urls, websockets, eventsource, xhr",
        "want network access from the application, which comes later",
    ),
    ("workers, service-workers", "an application is one isolate; the fetch event is tested by tests/apps"),
    ("wasm, js", "V8 runs its own"),
    ("everything with a document", "there are no pages: DOM, CSS, navigation, storage of a browser"),
];

/// A suite's line in the table.
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
}

/// Prints the table.
pub fn print(rows: &[Row]) {
    println!(
        "\n{:<22} {:>6} {:>9} {:>8} {:>7} {:>6} {:>5} {:>9}",
        "suite", "files", "subtests", "passing", "", "known", "new", "surprises"
    );
    for row in rows {
        line(&row.suite, row.counts, row.known, row.regressions, row.surprises);
    }
    if rows.len() > 1 {
        let mut counts = Counts::default();
        for row in rows {
            add(&mut counts, row.counts);
        }
        let sum = |of: fn(&Row) -> usize| rows.iter().map(of).sum();
        line("all", counts, sum(|row| row.known), sum(|row| row.regressions), sum(|row| row.surprises));
    }
}

fn line(suite: &str, counts: Counts, known: usize, regressions: usize, surprises: usize) {
    let Counts { files, subtests, passing } = counts;
    let share = share(counts);
    println!(
        "{suite:<22} {files:>6} {subtests:>9} {passing:>8} {share:>7} {known:>6} {regressions:>5} {surprises:>9}"
    );
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
    let text = conformance(&all);
    util::write_whole(&util::workspace_root().join("docs/conformance.md"), &mut text.as_bytes())
}

fn conformance(all: &[(Expectations, &str)]) -> String {
    let mut dates: Vec<&str> = all.iter().map(|(expectations, _)| expectations.checkout.as_str()).collect();
    dates.sort_unstable();
    dates.dedup();
    let mut text = format!(
        "# Conformance\n\n\
         How much of [web-platform-tests](https://github.com/web-platform-tests/wpt) NANO passes. Written by\n\
         `cargo xtask wpt --root CHECKOUT --update`; the checkout was of {}. Each file runs in a fresh isolate, as it\n\
         would in a dedicated worker. What fails is listed by name in tests/wpt; a change that breaks a subtest, or\n\
         mends one without saying so there, fails the run.\n\n\
         | suite | about | files | subtests | passing | |\n| --- | --- | ---: | ---: | ---: | ---: |\n",
        dates.join(", ")
    );
    let mut sum = Counts::default();
    for (expectations, about) in all {
        let Counts { files, subtests, passing } = expectations.counts;
        let share = share(expectations.counts);
        let suite = &expectations.suite;
        let _ = writeln!(text, "| {suite} | {about} | {files} | {subtests} | {passing} | {share} |");
        add(&mut sum, expectations.counts);
    }
    let _ = writeln!(text, "| all | | {} | {} | {} | {} |", sum.files, sum.subtests, sum.passing, share(sum));
    text.push_str("\n## What fails, and why\n\n| suite | subtests | reason |\n| --- | ---: | --- |\n");
    for (expectations, _) in all {
        for group in &expectations.failing {
            let count: usize = group.tests.values().map(std::collections::BTreeSet::len).sum();
            let _ = writeln!(text, "| {} | {count} | {} |", expectations.suite, group.reason);
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
