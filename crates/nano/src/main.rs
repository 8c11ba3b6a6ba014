//! `nano`, the program: parses the command line and does what it says.

mod allocator;
mod cli;
mod commands;
#[cfg(all(target_os = "linux", target_env = "gnu"))]
mod cpp;
mod terminal;
mod top;

use std::process::ExitCode;

/// See docs/decisions/allocator.md.
#[global_allocator]
static ALLOCATOR: allocator::Allocator = allocator::Allocator;

fn main() -> ExitCode {
    match cli::Cli::from_args(std::env::args_os()) {
        Ok(cli) => commands::execute(cli),
        // Prints the help to standard output, and what is wrong to standard error with exit code 2.
        Err(error) => error.exit(),
    }
}
