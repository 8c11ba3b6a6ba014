//! The console of scripts: standard output and standard error. Knows nothing of logs.

use nano_runtime::{Console, Level};
use std::io::{IsTerminal as _, Write as _};

/// Prints what scripts print.
pub struct Terminal {
    colors: bool,
}

impl Terminal {
    /// Colours only where somebody looks, and does not mind (<https://no-color.org>).
    pub fn new() -> Self {
        let colors = std::io::stdout().is_terminal()
            && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        Self { colors }
    }
}

impl Console for Terminal {
    fn print(&self, _app: &str, level: Level, text: &str) {
        // A closed pipe is no reason to end the script.
        let _ = match level {
            Level::Debug | Level::Info => writeln!(std::io::stdout(), "{text}"),
            Level::Warn | Level::Error => writeln!(std::io::stderr(), "{text}"),
        };
    }

    fn colors(&self) -> bool {
        self.colors
    }
}
