//! `cargo xtask sanitize`: the tests of the crates that manage memory by hand, under AddressSanitizer and
//! under valgrind. The one sees what the compiler's instrumentation sees, the other uninitialized reads too
//! and needs no other build.

use crate::util::{cargo, ensure_program, run, take_flag, target_dir};

const HELP: &str = "\
Runs the tests of crates under AddressSanitizer and valgrind.

Usage: cargo xtask sanitize [OPTIONS] [CRATE…]

  --asan       AddressSanitizer only
  --valgrind   valgrind only
  --v8         crates that link V8, under AddressSanitizer only; nano-isolate by default.
               V8's library itself is not instrumented. Not part of CI: it compiles V8's crate once more

CRATE is nano-arena by default; crates that link V8 are for --v8.
";

/// The command.
pub fn main(args: &[String]) -> Result<(), String> {
    let mut args = args.to_vec();
    if take_flag(&mut args, "--help") || take_flag(&mut args, "-h") {
        print!("{HELP}");
        return Ok(());
    }
    let only_asan = take_flag(&mut args, "--asan");
    let only_valgrind = take_flag(&mut args, "--valgrind");
    let with_v8 = take_flag(&mut args, "--v8");
    if let Some(option) = args.iter().find(|arg| arg.starts_with('-')) {
        return Err(format!("does not know `{option}`; see --help"));
    }
    if args.is_empty() {
        args.push(if with_v8 { "nano-isolate" } else { "nano-arena" }.into());
    }
    let target = crate::setup::host_triple()?;
    if with_v8 {
        if only_valgrind {
            return Err("--v8 is for AddressSanitizer: V8 does not run under valgrind".into());
        }
        crate::setup::v8()?;
        // V8 keeps what belongs to the process until the process ends.
        return address_sanitizer(&args, &target, "detect_leaks=0");
    }
    if !only_valgrind {
        address_sanitizer(&args, &target, "detect_leaks=1")?;
    }
    if !only_asan {
        valgrind(&args, &target)?;
    }
    Ok(())
}

/// The compiler's switch is a nightly one, which RUSTC_BOOTSTRAP opens on the stable toolchain; the standard
/// library stays as it is, without instrumentation, since there need be no sources to build it from: what it
/// allocates is watched all the same, and what our code does to it. Naming the target keeps build scripts and
/// macros out of it.
fn address_sanitizer(crates: &[String], target: &str, leaks: &str) -> Result<(), String> {
    let mut test = cargo(&["test", "--target", target]);
    test.args(crates.iter().flat_map(|name| ["--package", name]));
    test.env("RUSTC_BOOTSTRAP", "1")
        .env("RUSTFLAGS", "-Zsanitizer=address -Cforce-frame-pointers=yes")
        .env("RUSTDOCFLAGS", "-Zsanitizer=address")
        // An allocation beyond all bounds fails, as it does without the sanitizer, instead of ending the
        // process.
        .env(
            "ASAN_OPTIONS",
            format!(
                "allocator_may_return_null=1:detect_stack_use_after_return=1:strict_init_order=1:{leaks}"
            ),
        )
        .env("CARGO_TARGET_DIR", target_dir().join("sanitize"));
    run(&mut test)
}

fn valgrind(crates: &[String], target: &str) -> Result<(), String> {
    ensure_program("valgrind", "valgrind", "running tests under valgrind")?;
    let runner = format!("CARGO_TARGET_{}_RUNNER", target.to_uppercase().replace('-', "_"));
    let mut test = cargo(&["test", "--lib", "--tests"]);
    test.args(crates.iter().flat_map(|name| ["--package", name]));
    // Still-reachable memory is what the test harness keeps till its end; lost memory is an error.
    test.env(
        runner,
        "valgrind --quiet --error-exitcode=99 --leak-check=full --show-leak-kinds=definite,indirect \
         --errors-for-leak-kinds=definite,indirect",
    )
    // Everything runs twenty times slower: fewer random cases.
    .env("PROPTEST_CASES", "16");
    run(&mut test)
}
