//! Builds the program, and says how far it is: `cargo xtask serve` and `cargo xtask release` use it.

use crate::util::{cannot_start, capture, cargo, duration, run, say, show};
use std::collections::BTreeSet;
use std::io::{BufRead, BufReader, IsTerminal};
use std::process::Stdio;
use std::time::{Duration, Instant};

/// How often a line of progress appears where there is no terminal.
const PROGRESS_EVERY: Duration = Duration::from_secs(15);

/// Builds the package `nano` in one of Cargo.toml's profiles, with more options for cargo if need be. On a
/// terminal cargo's own bar shows the progress; elsewhere a line now and then does.
pub fn nano(profile: &str, options: &[&str]) -> Result<(), String> {
    let mut build = cargo(&["build", "--package", "nano", "--profile", profile]);
    build.args(options);
    if std::io::stderr().is_terminal() {
        return run(&mut build);
    }
    let total = crates()?;
    say(&format!("{} (up to {total} crates)", show(&build)));
    let begun = Instant::now();
    let mut child = build.stderr(Stdio::piped()).spawn().map_err(|error| cannot_start(&build, &error))?;
    let mut progress = Progress::new(total);
    let mut next = PROGRESS_EVERY;
    for line in BufReader::new(child.stderr.take().ok_or("no standard error")?).lines() {
        let line = line.map_err(|error| error.to_string())?;
        if !progress.is_step(&line) {
            eprintln!("{line}");
        } else if begun.elapsed() >= next {
            say(&format!("{}, {} so far", progress.text(), duration(begun.elapsed())));
            next = begun.elapsed() + PROGRESS_EVERY;
        }
    }
    let status = child.wait().map_err(|error| error.to_string())?;
    if !status.success() {
        return Err(format!("`{}` failed: {status}", show(&build)));
    }
    if progress.seen > 0 {
        say(&format!("built {} crates in {}", progress.seen, duration(begun.elapsed())));
    }
    Ok(())
}

/// How many crates the program is built from, build scripts' included.
fn crates() -> Result<usize, String> {
    let tree =
        ["tree", "--package", "nano", "--edges", "normal,build", "--prefix", "none", "--format", "{p}"];
    Ok(distinct(&capture(&mut cargo(&tree))?))
}

/// Distinct crates of `cargo tree`'s lines, each of which may end with ` (*)`.
fn distinct(tree: &str) -> usize {
    let name = |line: &str| {
        let mut words = line.split(' ');
        Some(format!("{} {}", words.next().filter(|name| !name.is_empty())?, words.next()?))
    };
    tree.lines().filter_map(name).collect::<BTreeSet<_>>().len()
}

/// Counts what cargo says that it does.
struct Progress {
    total: usize,
    seen: usize,
    last: String,
}

impl Progress {
    fn new(total: usize) -> Progress {
        Progress { total, seen: 0, last: String::new() }
    }

    /// Whether the line says that a crate is being compiled; if so, it is counted.
    fn is_step(&mut self, line: &str) -> bool {
        let Some(rest) = line.trim_start().strip_prefix("Compiling ") else { return false };
        self.seen += 1;
        self.last = rest.split(' ').next().unwrap_or_default().to_string();
        true
    }

    fn text(&self) -> String {
        format!("{} of {} crates, now {}", self.seen, self.total.max(self.seen), self.last)
    }
}

#[test]
fn progress_counts_crates() {
    let mut progress = Progress::new(2);
    assert!(progress.is_step("   Compiling nano-http v0.1.0 (/x)"));
    assert_eq!(progress.text(), "1 of 2 crates, now nano-http");
    assert!(!progress.is_step("warning: unused") && !progress.is_step("    Finished `quick` profile"));
    assert!(progress.is_step("   Compiling a v1") && progress.is_step("   Compiling b v1"));
    assert_eq!(progress.text(), "3 of 3 crates, now b");
    assert_eq!(distinct("nano v0.1.0 (/x)\na v1.0.0\na v1.0.0 (*)\na v2.0.0\n\nb v1 (proc-macro)\n"), 4);
}
