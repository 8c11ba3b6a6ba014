//! `cargo xtask serve`: from a fresh clone to an application that answers, in one command.

use crate::util::{cargo, no_more, run, say, take_flag, take_value, target_dir, workspace_root};
use std::process::Command;

const HELP: &str = "\
Does all set-up, builds NANO and serves the example application.

Usage: cargo xtask serve [OPTIONS]

  --port N   (default: 3000)
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
    no_more(&args)?;
    crate::setup::v8()?;
    run(&mut cargo(&["build", "--release", "--package", "nano"]))?;
    let mut nano = Command::new(target_dir().join("release/nano"));
    nano.current_dir(workspace_root()).args(["serve", "examples/hello", "--port", &port]);
    say(&format!("serving examples/hello; try\n\n  curl http://127.0.0.1:{port}/hello/you\n"));
    use std::os::unix::process::CommandExt;
    let error = nano.exec();
    Err(format!("cannot start {}: {error}", target_dir().join("release/nano").display()))
}
