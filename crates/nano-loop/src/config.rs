//! The limits that a loop is made with, how long a poll may wait, and the counters.

use std::time::Duration;

/// How long [`Loop::poll`](crate::Loop::poll) may wait. It never waits while events are in the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// The poll does not wait.
    Now,
    /// The poll waits until something happens or the next timer is due.
    UntilNext,
    /// The poll waits as with `UntilNext`, but no longer than this.
    AtMost(Duration),
}

/// The limits that a loop is made with.
#[derive(Clone, Debug)]
pub struct Config {
    /// Most events that one poll takes from the system; the next poll takes the rest. Default 1,024: beyond a
    /// few hundred, a larger number saves nothing and makes turns longer. Memory: 12 bytes for each event.
    pub events_capacity: usize,
    /// Most timers that one poll fires; the next poll fires the rest and does not wait. Default 1,024, so
    /// that many timers that are due together do not delay the sources.
    pub timers_per_poll: usize,
}

impl Default for Config {
    fn default() -> Config {
        Config { events_capacity: 1024, timers_per_poll: 1024 }
    }
}

impl Config {
    /// The same limits, each at least 1: a loop that takes nothing would never make progress.
    pub(crate) fn at_least_one(self) -> Config {
        Config { events_capacity: self.events_capacity.max(1), timers_per_poll: self.timers_per_poll.max(1) }
    }
}

/// Counters of a loop since it was made, for metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Calls of [`Loop::poll`](crate::Loop::poll).
    pub polls: u64,
    /// Polls that were allowed to wait, whether or not they had to.
    pub waits: u64,
    /// Readiness events from the system, before coalescing.
    pub readiness: u64,
    /// Events of every kind that [`Loop::next`](crate::Loop::next) returned.
    pub events: u64,
    /// Timers that came due.
    pub timers_fired: u64,
    /// Waits that another thread ended, by a system call.
    pub wakeups: u64,
    /// Waits that a signal ended.
    pub interrupted: u64,
}
