//! Messages to the main thread.

use crate::error::ServeError;

/// In builds for tests, has the first worker panic.
#[cfg(debug_assertions)]
pub(super) const FAULT_SIGNAL: i32 = signal_hook::consts::SIGUSR2;

/// The same for its companion.
#[cfg(debug_assertions)]
pub(super) const COMPANION_FAULT_SIGNAL: i32 = signal_hook::consts::SIGUSR1;

/// A message from a worker thread or a signal to the main thread.
pub(super) enum Report {
    Ready,
    /// The worker with this number has ended: as it was told to, or by a fault.
    Ended(usize, Result<(), ServeError>),
    /// The companion of this worker has ended by a fault. It gets another when it needs one.
    Lost(usize),
    /// SIGTERM, SIGINT or SIGHUP has come.
    Signal(i32),
}
