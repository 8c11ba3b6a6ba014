//! Counters of an application for metrics: what it used and was refused. One set for each name, shared by all
//! threads and by all versions of the application.
//!
//! Plain atomics without order: who reads them gets each one's value, not a picture of one moment. Nothing on
//! the path of an undisturbed request writes here.

use crate::weight::Weight;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, PoisonError, Weak};

/// A number that only grows.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// Counts `by` more.
    pub fn add(&self, by: u64) {
        self.0.fetch_add(by, Ordering::Relaxed);
    }

    /// The sum so far.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A number of things that are there now.
#[derive(Debug, Default)]
pub struct Gauge(AtomicU64);

impl Gauge {
    /// One more is there.
    pub fn up(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// One less is there.
    pub fn down(&self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }

    /// How many are there.
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// One application's counters since the process began, or since it was added.
#[derive(Debug, Default)]
pub struct Counters {
    /// CPU time, in microseconds: of its JavaScript, and of the pool's threads on its behalf. What runs
    /// shorter than the watchdog's look is sampled.
    pub cpu_us: Counter,
    /// Isolates that the application was put into.
    pub isolates_made: Counter,
    /// Isolates that were closed to make room for others, or after a long time without requests.
    pub isolates_evicted: Counter,
    /// Isolates of versions that were replaced or removed.
    pub isolates_retired: Counter,
    /// Isolates that were ended because a request has exceeded `timeout_ms`.
    pub ended_for_cpu: Counter,
    /// Isolates that were ended because they have exceeded `memory_mb`, or the process's limit.
    pub ended_for_memory: Counter,
    /// Requests whose response's head was not there within `wall_timeout_ms`: 504.
    pub timed_out: Counter,
    /// Requests that wait for their turn, because `max_concurrent_requests` are under way.
    pub queued_now: Gauge,
    /// Requests that have waited for their turn.
    pub queued: Counter,
    /// Requests refused because the queue was full or the wait too long: 503.
    pub rejected: Counter,
    /// Requests refused while the application backs off after failures: 503.
    pub backed_off: Counter,
    /// Requests that its `fetch` has begun.
    pub subrequests: Counter,
    /// Log lines that were dropped for the application's log limits.
    pub log_lines_dropped: Counter,
    /// Whether the application computes for long at a time.
    pub weight: Weight,
}

/// By name, while any version of the application is there.
static ALL: LazyLock<Mutex<HashMap<String, Weak<Counters>>>> = LazyLock::new(Mutex::default);

impl Counters {
    /// The counters of the application of this name: the same ones while somebody has them, so that a new
    /// version goes on where the old one was.
    pub fn of(name: &str) -> Arc<Self> {
        let mut all = ALL.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(counters) = all.get(name).and_then(Weak::upgrade) {
            return counters;
        }
        // Names of applications that are gone make room.
        all.retain(|_, counters| counters.strong_count() > 0);
        let counters = Arc::new(Self::default());
        all.insert(name.to_owned(), Arc::downgrade(&counters));
        counters
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_share_their_counters_and_a_new_application_begins_at_nothing() {
        let first = Counters::of("counters-test");
        first.cpu_us.add(5);
        let second = Counters::of("counters-test");
        second.cpu_us.add(1);
        assert_eq!(first.cpu_us.get(), 6);
        drop((first, second));
        assert_eq!(Counters::of("counters-test").cpu_us.get(), 0);
    }

    #[test]
    fn a_gauge_goes_up_and_down() {
        let gauge = Gauge::default();
        gauge.up();
        gauge.up();
        gauge.down();
        assert_eq!(gauge.get(), 1);
    }
}
