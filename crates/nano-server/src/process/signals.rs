//! Signals become messages for the main thread.

use super::report::Report;
#[cfg(debug_assertions)]
use super::report::{COMPANION_FAULT_SIGNAL, FAULT_SIGNAL};
use crate::error::ServeError;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use std::sync::mpsc;

/// Reports SIGTERM, SIGINT and SIGHUP from now on.
pub(super) fn watch_signals(
    reports: mpsc::Sender<Report>,
) -> Result<signal_hook::iterator::Handle, ServeError> {
    let failed = |error| ServeError::System("watch for signals", error);
    let watched = [
        SIGTERM,
        SIGINT,
        SIGHUP,
        #[cfg(debug_assertions)]
        FAULT_SIGNAL,
        #[cfg(debug_assertions)]
        COMPANION_FAULT_SIGNAL,
    ];
    let mut signals = signal_hook::iterator::Signals::new(watched).map_err(failed)?;
    let handle = signals.handle();
    std::thread::Builder::new()
        .name("nano-signals".into())
        .spawn(move || {
            for signal in signals.forever() {
                if reports.send(Report::Signal(signal)).is_err() {
                    return;
                }
            }
        })
        .map_err(failed)?;
    Ok(handle)
}
