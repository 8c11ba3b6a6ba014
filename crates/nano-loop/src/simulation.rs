//! The test's handle on a simulated loop: it moves the clock and makes sources ready.

use std::fmt;
use std::rc::Rc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::core::{Backend, Core};
use crate::event::{Readiness, SourceId};
use crate::world::World;
use nano_time::Moment;

/// The test's handle on a loop made by [`Loop::simulated`](crate::Loop::simulated).
///
/// Time stands still until [`Simulation::advance`] or a poll that waits moves it. The seed decides what a
/// real loop leaves to the system: the order in which sources that are ready together are reported, and how
/// long each blocking job takes. Jobs run on the loop's own thread, inside the poll that reaches their end.
/// So the same seed and the same driver give the same trace, as long as no other thread sends to the loop.
#[derive(Clone)]
pub struct Simulation {
    pub(crate) core: Rc<Core>,
}

impl Simulation {
    /// Makes a source ready for the next poll, as an edge of epoll would. Returns false if the source is not
    /// registered.
    ///
    /// Bits outside the source's interest are dropped, except [`Readiness::ERROR`].
    pub fn ready(&self, source: SourceId, readiness: Readiness) -> bool {
        let Some(interest) = self.core.interest(source) else { return false };
        let mut reported = Readiness::ERROR;
        if interest.is_readable() {
            reported |= Readiness::READABLE | Readiness::READ_CLOSED;
        }
        if interest.is_writable() {
            reported |= Readiness::WRITABLE | Readiness::WRITE_CLOSED;
        }
        self.world().add_ready(source.0, readiness.intersection(reported));
        self.core.shared.simulated_ready.fetch_add(1, Ordering::Relaxed);
        true
    }

    /// Moves the clock forward. The next poll finds what has come due; only then
    /// [`Loop::now`](crate::Loop::now) changes.
    pub fn advance(&self, by: Duration) {
        self.core.shared.clock.advance(by);
    }

    /// The reading of the clock, which may be ahead of [`Loop::now`](crate::Loop::now).
    pub fn now(&self) -> Moment {
        Moment::from_nanos(self.core.shared.clock.now())
    }

    /// The next number of the seed's sequence, for other choices that the test leaves to chance.
    pub fn random(&self) -> u64 {
        self.world().random()
    }

    fn world(&self) -> &World {
        match &self.core.backend {
            Backend::Simulated(world) => world,
            Backend::System(_) => unreachable!("only Loop::simulated_with makes a Simulation"),
        }
    }
}

impl fmt::Debug for Simulation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Simulation").field("now", &self.now()).finish_non_exhaustive()
    }
}
