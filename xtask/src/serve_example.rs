//! `cargo xtask serve`: from a fresh clone to an application that answers, in one command.

use crate::util::{no_more, say, take_flag, take_value, target_dir, workspace_root};
use std::process::Command;

const HELP: &str = "\
Does all set-up, builds NANO and serves the example application.

Usage: cargo xtask serve [OPTIONS]

  --port N      (default: 3000)
  --profile P   of Cargo.toml (default: quick, which compiles fast and is not for measurements)
";

/// The command. Returns only if the server cannot be started: it takes this process's place, so that signals
/// reach it.
pub fn main(args: &[String]) -> Result<(), String> {
    let mut args = args.to_vec();
    if take_flag(&mut args, "--help") || take_flag(&mut args, "-h") {
        print!("{HELP}");
        return Ok(());
    }
    let port = take_value(&mut args, "--port")?.unwrap_or_else(|| "3000".into());
    port.parse::<u16>().map_err(|_| format!("--port wants a number up to 65535, not `{port}`"))?;
    let profile = take_value(&mut args, "--profile")?.unwrap_or_else(|| "quick".into());
    no_more(&args)?;
    crate::setup::v8()?;
    crate::build::nano(&profile, &[])?;
    let program = target_dir().join(folder(&profile)).join("nano");
    let mut nano = Command::new(&program);
    nano.current_dir(workspace_root()).args(["serve", "examples/hello", "--port", &port]);
    say(&format!("serving examples/hello; try\n\n  curl http://127.0.0.1:{port}/hello/you\n"));
    use std::os::unix::process::CommandExt;
    let error = nano.exec();
    Err(format!("cannot start {}: {error}", program.display()))
}

/// Where cargo puts what a profile makes.
fn folder(profile: &str) -> &str {
    if profile == "dev" { "debug" } else { profile }
}
