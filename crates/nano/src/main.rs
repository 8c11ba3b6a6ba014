//! `nano`, the program: parses the command line and executes the command.

mod allocator;
mod cli;
mod commands;
#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod cpp;
mod failure;
mod terminal;
mod top;
#[cfg(feature = "tracing")]
mod trace;

use std::process::ExitCode;

/// See docs/decisions/allocator.md.
#[global_allocator]
static ALLOCATOR: allocator::Allocator = allocator::Allocator;

fn main() -> ExitCode {
    match cli::Cli::from_args(std::env::args_os()) {
        Ok(cli) => commands::execute(cli),
        // Prints help to standard output, or a mistake to standard error with exit code 2.
        Err(error) => error.exit(),
    }
}
