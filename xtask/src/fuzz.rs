//! `cargo xtask fuzz`: builds and runs the fuzz targets under /fuzz with libFuzzer and AddressSanitizer, with
//! the stable toolchain and without any tool that would have to be installed first.
//!
//! Knows the flags that make a program fuzzable; what is fuzzed is the targets' business.

use crate::util::{cargo, duration, no_more, run, say, take_flag, take_value, workspace_root};
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

const HELP: &str = "\
Runs the fuzz targets of fuzz/fuzz_targets until one fails.

Usage: cargo xtask fuzz [OPTIONS] [TARGET…] [-- OPTIONS OF LIBFUZZER]

  --short        a minute each, which is what a change is tried with
  --time SEC     so many seconds each (default: no end with one target, ten minutes each with several)
  --build        builds them only
  --list         lists them

What was found to widen the coverage is kept in fuzz/corpus/TARGET; seeds that are kept in the repository lie
in crates/nano-fuzzing/seeds/TARGET. An input that fails is written to fuzz/artifacts/TARGET, and running
`cargo xtask fuzz TARGET -- FILE` tries it again.
";

/// What libFuzzer wants of the code under test: coverage counters, a table of where they are, and comparisons
/// reported; beside it AddressSanitizer, and Rust's own checks. The switches that are nightly's are opened by
/// RUSTC_BOOTSTRAP.
const FLAGS: &str = "--cfg fuzzing -Zsanitizer=address -Cpasses=sancov-module -Ccodegen-units=1 -Cdebug-assertions \
    -Coverflow-checks -Cforce-frame-pointers=yes -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares";

/// Targets that link V8, whose allocator replaces the one that AddressSanitizer wants to replace.
const WITH_V8: [&str; 2] = ["clone", "multipart"];

/// The command.
pub fn main(args: &[String]) -> Result<(), String> {
    let mut args = args.to_vec();
    let mut own: Vec<String> = Vec::new();
    if let Some(at) = args.iter().position(|arg| arg == "--") {
        own = args.split_off(at);
        own.remove(0);
    }
    if take_flag(&mut args, "--help") || take_flag(&mut args, "-h") {
        print!("{HELP}");
        return Ok(());
    }
    let short = take_flag(&mut args, "--short");
    let only_build = take_flag(&mut args, "--build");
    let only_list = take_flag(&mut args, "--list");
    let time = take_value(&mut args, "--time")?;
    let time: Option<u64> = match &time {
        Some(text) => {
            Some(text.parse().map_err(|_| format!("--time wants a number of seconds, not `{text}`"))?)
        }
        None => short.then_some(60),
    };
    let all = targets()?;
    if only_list {
        println!("{}", all.join("\n"));
        return Ok(());
    }
    let chosen: Vec<String> = args.extract_if(.., |arg| all.contains(arg)).collect();
    if let Some(unknown) = args.iter().find(|arg| !arg.starts_with('-')) {
        return Err(format!("there is no fuzz target `{unknown}`; there are: {}", all.join(", ")));
    }
    no_more(&args)?;
    let chosen = if chosen.is_empty() { all } else { chosen };
    if chosen.is_empty() {
        return Err("there are no fuzz targets in fuzz/fuzz_targets".into());
    }
    let target = crate::setup::host_triple()?;
    let folder = workspace_root().join("fuzz");
    let place =
        |name: &String| folder.join(if WITH_V8.contains(&name.as_str()) { "target/v8" } else { "target" });
    let (with, without): (Vec<_>, Vec<_>) = chosen.iter().partition(|name| WITH_V8.contains(&name.as_str()));
    for (names, flags, features) in
        [(without, FLAGS.to_owned(), None), (with, FLAGS.replace("-Zsanitizer=address ", ""), Some("v8"))]
    {
        let Some(first) = names.first() else { continue };
        let mut build =
            cargo(&["build", "--release", "--manifest-path", "fuzz/Cargo.toml", "--target", &target]);
        build.args(features.iter().flat_map(|feature| ["--features", feature]));
        build.args(names.iter().flat_map(|name| ["--bin", name.as_str()]));
        build.env("RUSTC_BOOTSTRAP", "1").env("RUSTFLAGS", flags).env("CARGO_TARGET_DIR", place(first));
        run(&mut build)?;
    }
    if only_build {
        return Ok(());
    }
    let time = time.or((chosen.len() > 1).then_some(600));
    for name in &chosen {
        let program = place(name).join(&target).join("release").join(name);
        fuzz(name, &program, &folder, time, &own)?;
    }
    Ok(())
}

/// The targets' names: the files of fuzz/fuzz_targets.
pub fn targets() -> Result<Vec<String>, String> {
    let folder = workspace_root().join("fuzz/fuzz_targets");
    let Ok(entries) = fs::read_dir(&folder) else { return Ok(Vec::new()) };
    let mut names: Vec<String> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .filter_map(|path| Some(path.file_stem()?.to_string_lossy().into_owned()))
        .collect();
    names.sort();
    Ok(names)
}

fn fuzz(name: &str, program: &Path, folder: &Path, time: Option<u64>, own: &[String]) -> Result<(), String> {
    let corpus = folder.join("corpus").join(name);
    let seeds = workspace_root().join("crates/nano-fuzzing/seeds").join(name);
    let artifacts = folder.join("artifacts").join(name);
    for place in [&corpus, &artifacts] {
        fs::create_dir_all(place).map_err(|error| format!("cannot make {}: {error}", place.display()))?;
    }
    let mut command = Command::new(program);
    command.arg(format!("-artifact_prefix={}/", artifacts.display()));
    // A file among the options is an input to be tried once, and then the corpus is not wanted.
    if own.iter().all(|option| option.starts_with('-')) {
        command.arg(&corpus);
        if seeds.is_dir() {
            command.arg(&seeds);
        }
        command.args(["-timeout=10", "-rss_limit_mb=2048", "-print_final_stats=1"]);
        if let Some(time) = time {
            command.arg(format!("-max_total_time={time}"));
        }
    }
    let begun = Instant::now();
    let planned = time.map_or_else(
        || "until it fails or is interrupted".into(),
        |time| duration(Duration::from_secs(time)),
    );
    say(&format!("fuzzing {name}, {planned}"));
    run(command.args(own)).map_err(|error| {
        format!("the target {name} failed: {error}\nThe input is in {}", artifacts.display())
    })?;
    say(&format!("{name}: no failure in {}", duration(begun.elapsed())));
    Ok(())
}
