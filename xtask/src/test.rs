//! `cargo xtask test`: all set-up, then the tests of the whole workspace in one cargo invocation.
//!
//! Knows which folders need npm packages; the tests themselves are cargo's business.

use std::path::Path;

use crate::util::{cargo, ensure_npm, ensure_program, run, take_flag, target_dir, workspace_root};

const HELP: &str = "\
Does all set-up and runs the tests of the workspace.

Usage: cargo xtask test [OPTIONS OF cargo test]

Without options it ends with the data files of web-platform-tests (`cargo xtask wpt --data`).
What is given goes to `cargo test --workspace`: `cargo xtask test -p nano-http` runs one crate's.
";

/// The command.
pub fn main(args: &[String]) -> Result<(), String> {
    let mut args = args.to_vec();
    if take_flag(&mut args, "--help") || take_flag(&mut args, "-h") {
        print!("{HELP}");
        return Ok(());
    }
    let one = args.iter().any(|arg| arg == "-p" || arg.starts_with("--package"));
    setup()?;
    tests(if one { &[] } else { &["--workspace"] }, &args)?;
    // Under a second. Options of cargo test ask for something particular, which this is not.
    if args.is_empty() { crate::wpt::quick() } else { Ok(()) }
}

/// What the tests need beside cargo: V8's library, programs, and the npm packages of the applications under
/// tests/apps.
pub fn setup() -> Result<(), String> {
    crate::setup::v8()?;
    tools()?;
    packages()
}

/// The programs that tests talk to.
pub fn tools() -> Result<(), String> {
    ensure_program("chromium", "chromium", "testing the administration's page")?;
    // Debian keeps it where PATH has it for root only.
    if Path::new("/usr/sbin/nginx").exists() {
        return Ok(());
    }
    ensure_program("nginx", "nginx-light", "testing fetch() and the server beside an HTTP server of others")
}

/// Installs the npm packages of each application under tests/apps that has a lock file. Quick when they are
/// there.
fn packages() -> Result<(), String> {
    let apps = workspace_root().join("tests/apps");
    let Ok(entries) = std::fs::read_dir(&apps) else { return Ok(()) };
    let mut folders: Vec<_> =
        entries.filter_map(|entry| Some(entry.ok()?.path())).filter(|path| path.is_dir()).collect();
    folders.sort();
    folders.iter().try_for_each(|folder| ensure_npm(folder))
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
