//! The failure of a command: its message and its exit code.

use std::process::ExitCode;

/// A command failed. The variant decides the exit code.
#[derive(Debug, PartialEq, Eq)]
pub enum Failure {
    /// The command line or the configuration is wrong: exit code 2.
    Usage(String),
    /// Something failed at run time: exit code 1.
    Runtime(String),
    /// Something failed at run time, and the error was printed when it happened: exit code 1.
    Silent,
}

impl Failure {
    pub fn exit_code(&self) -> ExitCode {
        match self {
            Failure::Usage(_) => ExitCode::from(2),
            Failure::Runtime(_) | Failure::Silent => ExitCode::from(1),
        }
    }

    /// The message that is still to be printed.
    pub fn message(&self) -> Option<&str> {
        match self {
            Failure::Usage(message) | Failure::Runtime(message) => Some(message),
            Failure::Silent => None,
        }
    }
}
