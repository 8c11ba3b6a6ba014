//! `cargo xtask ci`: what every change must pass, in one command, with a summary of the time that each step
//! took; and `cargo xtask deny`, the check of the dependencies that needs a tool of its own.

use crate::util::{cargo, duration, no_more, run, say, take_flag, which, workspace_root};
use std::process::Command;
use std::time::{Duration, Instant};

const HELP: &str = "\
Runs what CI runs: formatting, lints, all tests, documentation, sanitizers, that the fuzz targets
build, and packaging.

Usage: cargo xtask ci [OPTIONS]

  --allow-dirty   packages the crates even if the working tree has changes (for a run by hand)
";

const DENY_HELP: &str = "\
Checks the dependencies against deny.toml: licences, bans, sources and known vulnerabilities.

Usage: cargo xtask deny

Wants cargo-deny (`cargo install --locked cargo-deny`). The tests check licences and sources without it.
";

/// The command.
pub fn main(args: &[String]) -> Result<(), String> {
    let mut args = args.to_vec();
    if take_flag(&mut args, "--help") || take_flag(&mut args, "-h") {
        print!("{HELP}");
        return Ok(());
    }
    let dirty = take_flag(&mut args, "--allow-dirty");
    no_more(&args)?;
    let mut steps = Steps::default();
    let done = all(&mut steps, dirty);
    steps.summary();
    done
}

fn all(steps: &mut Steps, dirty: bool) -> Result<(), String> {
    steps.step("formatting", || {
        run(&mut cargo(&["fmt", "--all", "--check"]))?;
        // Outside the workspace, so it is formatted, and kept, by itself.
        run(&mut cargo(&["fmt", "--manifest-path", "fuzz/Cargo.toml", "--check"]))
    })?;
    steps.step("set-up", crate::test::setup)?;
    steps.step("lints", || {
        run(&mut cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]))?;
        // The client's state machine without its driver, which brings mio.
        run(&mut cargo(&["clippy", "-p", "nano-fetch", "--no-default-features", "--", "-D", "warnings"]))
    })?;
    steps.step("tests", || crate::test::tests(&["--workspace"], &[]))?;
    // What ring does for most keys, by what does it for all others.
    steps.step("cryptography without ring", || {
        crate::test::tests(&["--package", "nano-subtle", "--no-default-features"], &[])
    })?;
    steps.step("data of web-platform-tests", crate::wpt::quick)?;
    steps.step("soak", || {
        crate::soak::main(&["--seconds".into(), "30".into(), "--nano".into(), crate::soak::debug_binary()])
    })?;
    steps.step("documentation", || {
        let mut doc = cargo(&["doc", "--workspace", "--no-deps", "--quiet"]);
        run(doc.env("RUSTDOCFLAGS", "-D warnings"))
    })?;
    steps.step("sanitizers", || crate::sanitize::main(&[]))?;
    // That they build; what they find is a matter of more time than a change should wait for.
    steps.step("fuzz targets", || crate::fuzz::main(&["--build".into()]))?;
    steps.step("packaging", || crate::package::package(false, dirty))
}

/// The command `deny`.
pub fn deny(args: &[String]) -> Result<(), String> {
    let mut args = args.to_vec();
    if take_flag(&mut args, "--help") || take_flag(&mut args, "-h") {
        print!("{DENY_HELP}");
        return Ok(());
    }
    no_more(&args)?;
    if which("cargo-deny").is_none() {
        return Err("there is no cargo-deny: `cargo install --locked cargo-deny` installs it".into());
    }
    run(Command::new("cargo-deny")
        .current_dir(workspace_root())
        .args(["check", "licenses", "bans", "sources"]))
}

/// The steps taken, with their times.
#[derive(Default)]
struct Steps {
    taken: Vec<(&'static str, Duration, bool)>,
}

impl Steps {
    fn step(&mut self, name: &'static str, work: impl FnOnce() -> Result<(), String>) -> Result<(), String> {
        say(&format!("-- {name}"));
        let begun = Instant::now();
        let done = work();
        self.taken.push((name, begun.elapsed(), done.is_ok()));
        done.map_err(|error| format!("{name}: {error}"))
    }

    fn summary(&self) {
        let mut text = String::from("-- summary");
        for (name, time, passed) in &self.taken {
            text.push_str(&format!(
                "\n  {name:<14} {:>12}  {}",
                duration(*time),
                if *passed { "passed" } else { "FAILED" }
            ));
        }
        say(&text);
    }
}
