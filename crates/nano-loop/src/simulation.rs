//! The world of a simulated loop: the test moves its clock, makes its sources ready and runs its jobs, and chance
//! comes from a seed. It knows the loop's state only through `Core`.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::event::{Handle, Readiness, SourceId};
use crate::event_loop::{Core, Wait};
use crate::moment::Moment;
use crate::pool::{Pool, PoolFull, Run};

/// Simulated jobs end up to this many nanoseconds of simulated time after they were submitted.
const LONGEST_JOB: u64 = 5_000_000;

/// The test's hold on a loop made by [`Loop::simulated`](crate::Loop::simulated).
///
/// Time stands still until [`Simulation::advance`] or a poll that waits moves it. What a real loop leaves to the
/// system is drawn from the seed: the order in which sources that are ready together are reported, and how long
/// each blocking job takes. Jobs run on the loop's own thread, inside the poll that reaches their end. So the same
/// seed and the same driver give the same trace (as long as no other thread sends to it).
#[derive(Clone)]
pub struct Simulation {
    pub(crate) core: Rc<Core>,
}

impl Simulation {
    /// Has the next poll find a source ready, as an edge of epoll would. Bits outside the source's interest are
    /// dropped ([`Readiness::ERROR`] never is). False if the source is not registered.
    pub fn ready(&self, source: SourceId, readiness: Readiness) -> bool {
        let Some(interest) = self.core.interest(source) else { return false };
        let mut heard = Readiness::ERROR;
        if interest.is_readable() {
            heard |= Readiness::READABLE | Readiness::READ_CLOSED;
        }
        if interest.is_writable() {
            heard |= Readiness::WRITABLE | Readiness::WRITE_CLOSED;
        }
        let world = self.world();
        world.ready.borrow_mut().push((source.0, readiness.intersection(heard)));
        self.core.shared.simulated_ready.fetch_add(1, Ordering::Relaxed);
        true
    }

    /// Moves the clock forward. What comes due is found by the next poll; [`Loop::now`](crate::Loop::now) changes
    /// then, too.
    pub fn advance(&self, by: Duration) {
        self.core.shared.clock.advance(by);
    }

    /// The clock itself, which may be ahead of [`Loop::now`](crate::Loop::now).
    pub fn now(&self) -> Moment {
        Moment::from_nanos(self.core.shared.clock.now())
    }

    /// The next number of the seed's sequence, for what else the test leaves to chance.
    pub fn random(&self) -> u64 {
        self.world().random()
    }

    fn world(&self) -> &World {
        self.core.world().expect("a Simulation belongs to a simulated loop")
    }
}

impl fmt::Debug for Simulation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Simulation").field("now", &self.now()).finish_non_exhaustive()
    }
}

type Jobs = BTreeMap<(u64, u64), (Handle, Arc<dyn Run>)>;

pub(crate) struct World {
    random: Cell<u64>,
    /// Made ready and not collected.
    ready: RefCell<Vec<(Handle, Readiness)>>,
    /// By the time of their end and the order of submission.
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

    /// SplitMix64.
    fn random(&self) -> u64 {
        let state = self.random.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
        self.random.set(state);
        let mut mixed = state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
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
        let end = now.saturating_add(self.random() % LONGEST_JOB);
        let number = self.submitted.get();
        self.submitted.set(number + 1);
        self.jobs.borrow_mut().insert((end, number), (handle, job));
        Ok(())
    }

    pub(crate) fn forget_job(&self, handle: Handle) {
        self.jobs.borrow_mut().retain(|_, (queued, _)| *queued != handle);
    }

    /// When the next job ends.
    fn next_job(&self) -> Option<u64> {
        self.jobs.borrow().keys().next().map(|&(end, _)| end)
    }

    fn run_jobs(&self, now: u64) {
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

    fn collect(&self, core: &Core) {
        let count = {
            let mut ready = self.ready.borrow_mut();
            for last in (1..ready.len()).rev() {
                ready.swap(last, (self.random() % (last as u64 + 1)) as usize);
            }
            let count = ready.len().min(core.config.events_capacity);
            core.make_ready(ready.drain(..count));
            count
        };
        core.shared.simulated_ready.fetch_sub(count, Ordering::Relaxed);
    }
}

/// [`Loop::poll`](crate::Loop::poll) without a system.
pub(crate) fn poll(core: &Core, world: &World, wait: Wait) -> io::Result<()> {
    let clock = &core.shared.clock;
    let end = match wait {
        Wait::Now => Some(clock.now()),
        Wait::AtMost(most) => Some((Moment::from_nanos(clock.now()) + most).as_nanos()),
        Wait::UntilNext => None,
    };
    loop {
        let now = clock.now();
        world.run_jobs(now);
        world.collect(core);
        core.turn(now);
        if core.has_ready() || core.shared.is_noted() || end.is_some_and(|end| now >= end) {
            return Ok(());
        }
        let due = core.next_deadline().map(Moment::as_nanos).into_iter().chain(world.next_job());
        let Some(next) = due.chain(end).min() else {
            return Err(io::Error::new(
                io::ErrorKind::Deadlock,
                "the simulated loop would wait for ever: nothing is ready, no timer and no job is left",
            ));
        };
        clock.advance(Duration::from_nanos(next.saturating_sub(now)));
    }
}
