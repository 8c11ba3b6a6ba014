//! The console of scripts: standard output and standard error.

use nano_runtime::{Console, Level};
use std::io::{IsTerminal as _, Write as _};

/// Prints the console output of scripts.
pub struct Terminal {
    colors: bool,
}

impl Terminal {
    /// Uses colours only on a terminal and without `NO_COLOR` (<https://no-color.org>).
    pub fn new() -> Self {
        let colors = std::io::stdout().is_terminal()
            && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        Self { colors }
    }
}

impl Console for Terminal {
    fn print(&self, _app: &str, level: Level, text: &str) {
        // Errors are ignored: a closed pipe must not end the script.
        let _ = match level {
            Level::Debug | Level::Info => writeln!(std::io::stdout(), "{text}"),
            Level::Warn | Level::Error => writeln!(std::io::stderr(), "{text}"),
        };
    }

    fn colors(&self) -> bool {
        self.colors
    }
}
