//! `cargo xtask package`: packages the crates as they would be published.

use crate::util::{cargo, no_more, run, take_flag, target_dir};
use crate::workspace::Workspace;

const HELP: &str = "\
Packages the crates as they would be published.

Usage: cargo xtask package [OPTIONS]

  --verify        builds every crate from its package; without it only those that do not link V8
  --allow-dirty   packages even if the working tree has changes
";

/// The command.
pub fn main(args: &[String]) -> Result<(), String> {
    let mut args = args.to_vec();
    if take_flag(&mut args, "--help") || take_flag(&mut args, "-h") {
        print!("{HELP}");
        return Ok(());
    }
    let verify = take_flag(&mut args, "--verify");
    let dirty = take_flag(&mut args, "--allow-dirty");
    no_more(&args)?;
    if verify {
        crate::setup::v8()?;
    }
    package(verify, dirty)
}

/// Packages all published crates in one invocation: each finds those it depends on beside it, which no
/// registry has yet. Those that do not link V8 are built from their packages; the others too if `verify_all`,
/// which takes as long as the workspace's own build.
pub fn package(verify_all: bool, dirty: bool) -> Result<(), String> {
    let workspace = Workspace::read()?;
    let (without_v8, with_v8) = workspace.published();
    if verify_all {
        return packaged(without_v8.iter().chain(&with_v8), true, dirty);
    }
    packaged(without_v8.iter(), true, dirty)?;
    packaged(without_v8.iter().chain(&with_v8), false, dirty)
}

fn packaged<'n>(names: impl Iterator<Item = &'n &'n str>, verify: bool, dirty: bool) -> Result<(), String> {
    let mut package = cargo(&["package", "--quiet"]);
    package.args(names.flat_map(|name| ["--package", name]));
    if !verify {
        package.arg("--no-verify");
    }
    if dirty {
        package.arg("--allow-dirty");
    }
    // One folder for all, so that what several crates depend on is compiled once; not the workspace's, whose
    // profiles a package does not have. Nothing is debugged here.
    package.env("CARGO_TARGET_DIR", target_dir().join("packages")).env("CARGO_PROFILE_DEV_DEBUG", "false");
    run(&mut package)
}
