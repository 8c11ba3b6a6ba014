//! `cargo xtask setup`: puts V8's static library where the `v8` crate's build script finds it, so that plain
//! `cargo build`, `cargo test` and an editor work afterwards with no variable set; and has the tests'
//! programs installed.
//!
//! Tries the near and quick places first, and builds V8 from source last (docs/decisions/v8-library.md says
//! why it is done so). Quick when nothing is to do.

mod artifact;
mod from_source;
mod places;
pub mod tools;

use crate::util::{duration, indent, no_more, say, take_flag, take_value};
use artifact::Build;
#[cfg(test)]
pub use artifact::V8_VERSION;
pub use artifact::host_triple;
use std::path::{Path, PathBuf};
use std::time::Instant;

const HELP: &str = "\
Provides V8's static library for the `v8` crate, in cargo's home folder, and the programs that the tests talk to, from
the system's packages. Does nothing where they are there.

Usage: cargo xtask setup [OPTIONS]

  --plain        the build with plain pointers (for `--no-default-features`); the default is
                 compressed pointers, and the plain build too where it lies at hand
  --from-source  build it from the `v8` crate's sources even if it could be had from elsewhere
                 (Debian 12 on x86-64; about 45 minutes on two cores, 3 GB)
  --work DIR     the folder of the build from source (default: target/v8-from-source)

Places, in this order: the download cache, RUSTY_V8_ARCHIVE, RUSTY_V8_MIRROR, ../shared/v8/lib,
the crate's release page, and the build from source.
";

/// The command.
pub fn main(args: &[String]) -> Result<(), String> {
    let mut args = args.to_vec();
    if take_flag(&mut args, "--help") || take_flag(&mut args, "-h") {
        print!("{HELP}");
        return Ok(());
    }
    let plain = take_flag(&mut args, "--plain");
    let forced = take_flag(&mut args, "--from-source");
    let work = take_value(&mut args, "--work")?.map_or_else(from_source::default_work, PathBuf::from);
    no_more(&args)?;
    let target = artifact::host_triple()?;
    let build = if plain { Build::Plain } else { default_build(&target) };
    if forced {
        return build_from_source(build, &target, &work);
    }
    provide(build, &target, &work)?;
    say(&format!("V8 ({build}) is there"));
    tools::programs()
}

/// What every command that builds the workspace needs first. Quick when it is there.
pub fn v8() -> Result<(), String> {
    let target = artifact::host_triple()?;
    provide(default_build(&target), &target, &from_source::default_work())
}

/// The build that the workspace's default features want. On arm64 Linux no compressed build is published:
/// there, the workspace is built with `--no-default-features`.
fn default_build(target: &str) -> Build {
    if target == "aarch64-unknown-linux-gnu" {
        say(
            "no build with compressed pointers is published for this platform: build with --no-default-features",
        );
        return Build::Plain;
    }
    Build::Compressed
}

fn provide(build: Build, target: &str, work: &Path) -> Result<(), String> {
    let cached = artifact::cached(build, target);
    if let Err(reason) = cached {
        let begun = Instant::now();
        say(&format!("providing V8 ({build})"));
        let mut tried = places::provide(build, target, false);
        if let Some(places::Tried { place, failure: None }) = tried.last() {
            say(&format!("V8 ({build}): from {place} in {}", duration(begun.elapsed())));
        } else {
            let list = |tried: &[places::Tried]| {
                let line = |one: &places::Tried| {
                    format!("- {}: {}", one.place, one.failure.as_deref().unwrap_or("ok"))
                };
                indent(&tried.iter().map(line).collect::<Vec<_>>().join("\n"))
            };
            tried.insert(0, places::Tried { place: "the download cache".into(), failure: Some(reason) });
            say(&format!("no prebuilt library:\n{}", list(&tried)));
            if let Err(error) = build_from_source(build, target, work) {
                tried.push(places::Tried { place: "the build from source".into(), failure: Some(error) });
                return Err(format!(
                    "V8 ({build}) could not be had from any of these places:\n{}\n\
                     Set RUSTY_V8_ARCHIVE to a folder with {}, or mend one of them, and try again.",
                    list(&tried),
                    build.library(target)
                ));
            }
        }
        artifact::cached(build, target)?;
    }
    // The other build is a courtesy where it costs a copy.
    if build == Build::Compressed
        && artifact::cached(Build::Plain, target).is_err()
        && let Some(places::Tried { place, failure: None }) =
            places::provide(Build::Plain, target, true).last()
    {
        say(&format!("V8 ({}): from {place}", Build::Plain));
    }
    Ok(())
}

fn build_from_source(build: Build, target: &str, work: &Path) -> Result<(), String> {
    say(&from_source::notice(build, work));
    let (library, binding) = from_source::build(build, work)?;
    places::install(&library, Some(&binding), &build.library(target), &build.binding(target), false)?;
    artifact::cached(build, target)?;
    say(&format!("V8 ({build}) is there"));
    Ok(())
}
