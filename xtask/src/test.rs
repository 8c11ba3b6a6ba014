//! `cargo xtask test`: all set-up, then the tests of the whole workspace in one cargo invocation.
//!
//! Provides what the selected crates need and nothing else: a crate that does not link V8 needs only cargo.

use crate::setup::tools;
use crate::util::{cargo, run, take_flag, target_dir};
use crate::workspace::{Needs, Workspace};

const HELP: &str = "\
Does all set-up and runs the tests of the workspace.

Usage: cargo xtask test [OPTIONS OF cargo test]

Without options it ends with the data files of web-platform-tests (`cargo xtask wpt --data`).
What is given goes to `cargo test --workspace`: `cargo xtask test -p nano-http` runs one crate's, and
provides V8's library, programs and npm packages only if that crate needs them.
";

/// The command.
pub fn main(args: &[String]) -> Result<(), String> {
    let mut args = args.to_vec();
    if take_flag(&mut args, "--help") || take_flag(&mut args, "-h") {
        print!("{HELP}");
        return Ok(());
    }
    let selected = selected(&args);
    provide(if selected.is_empty() { Needs::Everything } else { Workspace::read()?.needs(&selected) })?;
    tests(if selected.is_empty() { &["--workspace"] } else { &[] }, &args)?;
    // Under a second. Options of cargo test ask for something particular, which this is not.
    if args.is_empty() { crate::wpt::quick() } else { Ok(()) }
}

/// What all tests need beside cargo: V8's library, programs, and the npm packages of the applications under
/// tests/apps.
pub fn setup() -> Result<(), String> {
    provide(Needs::Everything)
}

fn provide(needs: Needs) -> Result<(), String> {
    if needs == Needs::Nothing {
        return Ok(());
    }
    crate::setup::v8()?;
    if needs == Needs::Everything {
        tools::programs()?;
        tools::packages()?;
    }
    Ok(())
}

/// The packages that the options of `cargo test` select by name; empty for the whole workspace.
fn selected(args: &[String]) -> Vec<String> {
    let mut names = Vec::new();
    // What follows `--` is for the tests themselves.
    let mut args = args.iter().take_while(|arg| *arg != "--");
    while let Some(arg) = args.next() {
        if arg == "-p" || arg == "--package" {
            names.extend(args.next().cloned());
        } else if let Some(name) = arg.strip_prefix("--package=").or_else(|| arg.strip_prefix("-p")) {
            names.push(name.trim_start_matches('=').to_string());
        }
    }
    names
}

/// Runs the tests: one invocation, so that one build runs after the other and nothing is compiled twice.
pub fn tests(which: &[&str], args: &[String]) -> Result<(), String> {
    let mut test = cargo(&["test"]);
    // With the whole workspace the program itself is built too, since it has a test. Without being told so,
    // the black-box tests would have it built by itself, whose dependencies have other features: most of them
    // would be compiled once more.
    let profile = args.iter().any(|arg| arg == "--release" || arg == "-r" || arg.starts_with("--profile"));
    if which == ["--workspace"] && !profile {
        test.env("NANO_BINARY", target_dir().join("debug/nano"));
    }
    run(test.args(which).args(args))
}

#[test]
fn packages_are_selected_in_every_form_of_the_option() {
    let selected = |text: &str| selected(&text.split(' ').map(String::from).collect::<Vec<_>>()).join(" ");
    assert_eq!(selected("-p a --package b --package=c -pd -p=e --lib"), "a b c d e");
    assert_eq!(selected("--workspace name -- -p x"), "");
}
