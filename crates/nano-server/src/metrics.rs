//! What is counted for each application by each worker thread: requests by the class of their status, and how
//! long they took.
//!
//! A block is written by one thread alone, with plain stores: no lock, no atomic read-modify-write, no
//! allocation. Whoever reads adds the threads' blocks up, and gets each number's own latest value, not a
//! picture of one moment. What the runtime counts is in [`nano_runtime::Counters`]. Knows nothing of how the
//! numbers are told.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The classes of statuses. The first: the client was gone before there was a response.
pub(crate) const CLASSES: [&str; 6] = ["none", "1xx", "2xx", "3xx", "4xx", "5xx"];

/// Upper bounds of the histogram's buckets, in microseconds; one more holds what is beyond. From a quarter of
/// a millisecond, below which people do not tell two answers apart, to the longest that a request may take by
/// default.
pub(crate) const BOUNDS_US: [u64; 15] = [
    250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000,
    10_000_000, 30_000_000,
];

/// A number that one thread adds to and others read.
#[derive(Debug, Default)]
struct Tally(AtomicU64);

impl Tally {
    /// Only its thread may call this: what another adds at the same time would be lost.
    fn add(&self, by: u64) {
        self.0.store(self.0.load(Ordering::Relaxed).wrapping_add(by), Ordering::Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// One application's numbers on one thread. On cache lines of its own, so that no thread waits for another's.
#[derive(Debug, Default)]
#[repr(align(128))]
pub(crate) struct Block {
    classes: [Tally; CLASSES.len()],
    buckets: [Tally; BOUNDS_US.len() + 1],
    duration_us: Tally,
}

impl Block {
    /// A request is over. Only for the thread that the block belongs to.
    pub(crate) fn count(&self, status: u16, duration: Duration) {
        let us = duration.as_micros() as u64;
        self.classes[usize::from(status / 100).min(CLASSES.len() - 1)].add(1);
        self.buckets[BOUNDS_US.partition_point(|bound| *bound < us)].add(1);
        self.duration_us.add(us);
    }
}

/// The sum of several blocks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    /// Requests by [`CLASSES`].
    pub(crate) classes: [u64; CLASSES.len()],
    /// Requests by [`BOUNDS_US`], each in one bucket only.
    pub(crate) buckets: [u64; BOUNDS_US.len() + 1],
    /// All their time together.
    pub(crate) duration_us: u64,
}

impl Totals {
    fn add(&mut self, block: &Block) {
        for (sum, tally) in self.classes.iter_mut().zip(&block.classes) {
            *sum += tally.get();
        }
        for (sum, tally) in self.buckets.iter_mut().zip(&block.buckets) {
            *sum += tally.get();
        }
        self.duration_us += block.duration_us.get();
    }

    /// How many requests are over.
    pub(crate) fn requests(&self) -> u64 {
        self.buckets.iter().sum()
    }
}

/// Whether the server takes requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stage {
    Starting,
    Ready,
    Draining,
}

/// All blocks of the process, and what the process is doing.
#[derive(Debug)]
pub(crate) struct Metrics {
    /// By application; at the place of each worker, its block.
    apps: Mutex<HashMap<String, Vec<Arc<Block>>>>,
    /// Requests that belong to no application, likewise.
    unrouted: Mutex<Vec<Arc<Block>>>,
    stage: AtomicU8,
    pub(crate) started: Instant,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        Self {
            apps: Mutex::default(),
            unrouted: Mutex::default(),
            stage: AtomicU8::new(Stage::Starting as u8),
            started: Instant::now(),
        }
    }

    /// The block of an application on a worker's thread: the same one for all its versions, and for the
    /// worker's successor.
    pub(crate) fn block(&self, app: &str, worker: usize) -> Arc<Block> {
        let mut apps = self.apps.lock().unwrap_or_else(PoisonError::into_inner);
        match apps.get_mut(app) {
            Some(blocks) => nth(blocks, worker),
            None => nth(apps.entry(app.to_owned()).or_default(), worker),
        }
    }

    /// The block of a worker for requests that belong to no application.
    pub(crate) fn unrouted_block(&self, worker: usize) -> Arc<Block> {
        nth(&mut self.unrouted.lock().unwrap_or_else(PoisonError::into_inner), worker)
    }

    /// One application's numbers.
    pub(crate) fn app(&self, app: &str) -> Totals {
        let mut totals = Totals::default();
        let apps = self.apps.lock().unwrap_or_else(PoisonError::into_inner);
        apps.get(app).into_iter().flatten().for_each(|block| totals.add(block));
        totals
    }

    /// The numbers of requests that belong to no application.
    pub(crate) fn unrouted(&self) -> Totals {
        let mut totals = Totals::default();
        let blocks = self.unrouted.lock().unwrap_or_else(PoisonError::into_inner);
        blocks.iter().for_each(|block| totals.add(block));
        totals
    }

    /// Forgets applications that are gone: one that is added under the same name begins at nothing.
    pub(crate) fn retain(&self, served: &HashSet<&str>) {
        let mut apps = self.apps.lock().unwrap_or_else(PoisonError::into_inner);
        apps.retain(|name, _| served.contains(&**name));
    }

    pub(crate) fn stage(&self) -> Stage {
        match self.stage.load(Ordering::Relaxed) {
            0 => Stage::Starting,
            1 => Stage::Ready,
            _ => Stage::Draining,
        }
    }

    pub(crate) fn set_stage(&self, stage: Stage) {
        self.stage.store(stage as u8, Ordering::Relaxed);
    }
}

fn nth(blocks: &mut Vec<Arc<Block>>, worker: usize) -> Arc<Block> {
    while blocks.len() <= worker {
        blocks.push(Arc::default());
    }
    Arc::clone(&blocks[worker])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_blocks_of_all_threads_are_added_up() {
        let metrics = Metrics::new();
        metrics.block("a", 0).count(200, Duration::from_micros(250));
        metrics.block("a", 3).count(204, Duration::from_micros(251));
        metrics.block("a", 3).count(503, Duration::from_secs(31));
        metrics.block("b", 0).count(0, Duration::ZERO);
        let totals = metrics.app("a");
        assert_eq!(totals.classes, [0, 0, 2, 0, 0, 1]);
        // A bound belongs to its bucket.
        assert_eq!((totals.buckets[0], totals.buckets[1], totals.buckets[BOUNDS_US.len()]), (1, 1, 1));
        assert_eq!((totals.requests(), totals.duration_us), (3, 31_000_501));
        assert_eq!(metrics.app("b").classes[0], 1);
        assert_eq!(metrics.app("c"), Totals::default());
    }

    #[test]
    fn statuses_beyond_the_classes_count_as_the_last() {
        let metrics = Metrics::new();
        metrics.unrouted_block(0).count(999, Duration::ZERO);
        assert_eq!(metrics.unrouted().classes, [0, 0, 0, 0, 0, 1]);
    }

    #[test]
    fn an_application_that_comes_back_begins_at_nothing() {
        let metrics = Metrics::new();
        let old = metrics.block("a", 0);
        old.count(200, Duration::ZERO);
        metrics.retain(&HashSet::from(["b"]));
        assert_eq!(metrics.app("a").requests(), 0);
        metrics.block("a", 0).count(200, Duration::ZERO);
        // A version that still drains is not counted.
        old.count(200, Duration::ZERO);
        assert_eq!(metrics.app("a").requests(), 1);
    }
}
