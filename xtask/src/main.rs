//! `cargo xtask`: all automation of the project, one module a command.
//!
//! Knows the workspace's layout and the tools it calls. Nothing of the product depends on it.

mod bench;
mod build;
mod ci;
mod compare;
mod docs;
mod fuzz;
mod package;
mod release;
mod sanitize;
mod serve_example;
mod setup;
mod soak;
mod test;
#[cfg(test)]
mod tidy;
mod util;
mod workspace;
mod wpt;

use std::process::ExitCode;

const HELP: &str = "\
Automation of the NANO workspace.

Usage: cargo xtask COMMAND [OPTIONS]

  setup     provides what the build needs: V8's static library and the test tools
  serve     does all set-up, builds NANO and serves the example application
  release   builds the program for measurements and for shipping: optimized, stripped
  test      does all set-up and runs the tests
  ci        what CI runs: formatting, lints, tests, documentation, packaging
  package   packages the crates as they would be published (--verify: builds all from there)
  deny      checks the dependencies with cargo-deny
  bench     measures NANO beside its peers and writes docs/benchmarks.md
  compare   runs tests/apps under NANO and workerd and compares answer by answer
  wpt       runs web-platform-tests and compares with tests/wpt (--data: only the data files)
  docs      writes the tables of limits in docs/ (--check: only compares)
  soak      runs all hostile tenants together for ten minutes
  fuzz      runs the fuzz targets (--short: a minute each)
  sanitize  runs the tests of the crates with unsafe memory code under AddressSanitizer and valgrind

`cargo xtask COMMAND --help` tells each command's options.
";

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let command = args.next().unwrap_or_default();
    let rest: Vec<String> = args.collect();
    let result = match command.as_str() {
        "setup" => setup::main(&rest),
        "serve" => serve_example::main(&rest),
        "release" => release::main(&rest),
        "test" => test::main(&rest),
        "ci" => ci::main(&rest),
        "bench" => bench::main(&rest),
        "compare" => compare::main(&rest),
        "wpt" => wpt::main(&rest),
        "package" => package::main(&rest),
        "deny" => ci::deny(&rest),
        "docs" => docs::main(&rest),
        "fuzz" => fuzz::main(&rest),
        "soak" => soak::main(&rest),
        "sanitize" => sanitize::main(&rest),
        "" | "help" | "-h" | "--help" => {
            print!("{HELP}");
            return ExitCode::SUCCESS;
        }
        other => {
            eprintln!("xtask: there is no command `{other}`\n\n{HELP}");
            return ExitCode::from(2);
        }
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("xtask {command}: {error}");
            ExitCode::FAILURE
        }
    }
}
