//! The system of a simulated loop: sources that are ready, and jobs with their durations, all decided by a
//! seed. It does not know the loop.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use crate::event::{Handle, Readiness};
use crate::pool::{Pool, PoolFull, Run};

/// A simulated job ends less than this many nanoseconds of simulated time after it was submitted.
const JOB_DURATION_MAX_NS: u64 = 5_000_000;

/// By the time of a job's end and the order of submission.
type Jobs = BTreeMap<(u64, u64), (Handle, Arc<dyn Run>)>;

pub(crate) struct World {
    random: Cell<u64>,
    /// Sources that were made ready and that no poll has taken yet.
    ready: RefCell<Vec<(Handle, Readiness)>>,
    jobs: RefCell<Jobs>,
    submitted: Cell<u64>,
}

impl World {
    pub(crate) fn new(seed: u64) -> World {
        World {
            random: Cell::new(seed),
            ready: RefCell::default(),
            jobs: RefCell::default(),
            submitted: Cell::new(0),
        }
    }

    /// The next number of SplitMix64.
    pub(crate) fn random(&self) -> u64 {
        let state = self.random.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
        self.random.set(state);
        let mut mixed = state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(crate) fn add_ready(&self, source: Handle, readiness: Readiness) {
        self.ready.borrow_mut().push((source, readiness));
    }

    /// Passes at most `limit` sources that are ready to `take`, in an order that the seed decides; returns
    /// how many.
    pub(crate) fn take_ready(
        &self,
        limit: usize,
        take: impl FnOnce(&mut dyn Iterator<Item = (Handle, Readiness)>),
    ) -> usize {
        let mut ready = self.ready.borrow_mut();
        for last in (1..ready.len()).rev() {
            ready.swap(last, (self.random() % (last as u64 + 1)) as usize);
        }
        let count = ready.len().min(limit);
        take(&mut ready.drain(..count));
        count
    }

    pub(crate) fn submit(
        &self,
        pool: &Pool,
        now: u64,
        handle: Handle,
        job: Arc<dyn Run>,
    ) -> Result<(), PoolFull> {
        let config = pool.config();
        if config.max_threads == 0 {
            let error = io::Error::new(io::ErrorKind::InvalidInput, "max_threads is zero");
            return Err(PoolFull::NoThread(error));
        }
        if self.jobs.borrow().len() >= config.max_threads.saturating_add(config.queue_limit) {
            return Err(PoolFull::Queue { limit: config.queue_limit });
        }
        let end = now.saturating_add(self.random() % JOB_DURATION_MAX_NS);
        let number = self.submitted.get();
        self.submitted.set(number + 1);
        self.jobs.borrow_mut().insert((end, number), (handle, job));
        Ok(())
    }

    pub(crate) fn remove_job(&self, handle: Handle) {
        self.jobs.borrow_mut().retain(|_, (queued, _)| *queued != handle);
    }

    /// The time at which the next job ends.
    pub(crate) fn next_job(&self) -> Option<u64> {
        self.jobs.borrow().keys().next().map(|&(end, _)| end)
    }

    /// Runs the jobs that end at `now` or before, in the order of their ends.
    pub(crate) fn run_jobs(&self, now: u64) {
        loop {
            let job = {
                let mut jobs = self.jobs.borrow_mut();
                match jobs.first_entry() {
                    Some(entry) if entry.key().0 <= now => entry.remove().1,
                    _ => return,
                }
            };
            job.run();
        }
    }
}
