//! A view of a loop from another thread that does not disturb it.

use std::fmt;
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::shared::Shared;

/// Tells any thread whether a loop has work or waits. Cheap to clone; it may outlive the loop.
///
/// A watchdog asks it before it interrupts code that has run for long on the loop's thread. It takes no lock
/// that the loop takes and changes nothing. An answer may be outdated when it arrives.
#[derive(Clone)]
pub struct Probe(pub(crate) Arc<Shared>);

impl Probe {
    /// Whether a poll now, or [`Loop::next`](crate::Loop::next), would find anything: events in the queue, a
    /// timer that is due, mail, an ended job, a wake, or a source that the system holds ready.
    ///
    /// It may be true without reason: for a cancelled timer that would be due by now, or for an event of a
    /// source that was deregistered. Costs at most one clock reading and one `poll(2)`.
    pub fn has_work(&self) -> bool {
        let shared = &*self.0;
        shared.ready.load(Ordering::Relaxed) != 0
            || shared.is_notified()
            || shared.simulated_ready.load(Ordering::Relaxed) != 0
            || shared.clock.now() >= shared.next_deadline.load(Ordering::Relaxed)
            || self.system_is_ready()
    }

    /// Whether the loop is inside a poll that may block (or is about to be, or is about to leave it). False
    /// while the driver handles events, and in polls that do not wait.
    pub fn is_waiting(&self) -> bool {
        self.0.is_waiting()
    }

    fn system_is_ready(&self) -> bool {
        let Some(system) = &self.0.system else { return false };
        let mut fd = libc::pollfd { fd: system.registry.as_raw_fd(), events: libc::POLLIN, revents: 0 };
        // SAFETY: `fd` is one valid pollfd on this stack for the whole call, which does not block. The
        // descriptor is open: `registry` owns it (a duplicate of the loop's) and `self.0` owns `registry`.
        unsafe { libc::poll(&mut fd, 1, 0) > 0 }
    }
}

impl fmt::Debug for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Probe")
            .field("has_work", &self.has_work())
            .field("is_waiting", &self.is_waiting())
            .finish()
    }
}
