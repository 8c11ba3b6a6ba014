//! The loop as its driver sees it: polling, timers, sources, and handles for other threads.

use std::fmt;
use std::io;
use std::rc::Rc;

use mio::{Interest, event::Source};

use crate::config::{Config, Stats, Wait};
use crate::core::{Backend, Core};
use crate::event::{Event, SourceId, TimerId};
use crate::job::{Job, Task};
use crate::mailbox::{self, Capacity, Mailbox, Sender};
use crate::pool::{Pool, PoolFull};
use crate::probe::Probe;
use crate::shared::Waker;
use crate::simulation::Simulation;
use crate::trace_event::trace_event;
use nano_time::Moment;

/// An event loop. It stays on its thread; share it there by reference or `Rc`.
///
/// ```compile_fail
/// fn elsewhere<T: Send>() {}
/// elsewhere::<nano_loop::Loop>();
/// ```
///
/// A driver polls, then takes events until there are none:
///
/// ```no_run
/// # use nano_loop::{Config, Event, Loop, Wait};
/// # fn handle(_: &Loop, _: Event) {}
/// # fn main() -> std::io::Result<()> {
/// let event_loop = Loop::new(Config::default())?;
/// loop {
///     event_loop.poll(Wait::UntilNext)?;
///     while let Some(event) = event_loop.next() {
///         handle(&event_loop, event);
///     }
/// }
/// # }
/// ```
///
/// `handle` may poll and take events of the same loop, to any depth (a nested poll should use [`Wait::Now`]):
/// there is one queue, nested turns continue where the outer ones stopped, and each event is returned once.
/// All methods take `&self`, run no code of the caller except [`mio::event::Source`] implementations and
/// destructors, and hold no borrow while those run.
pub struct Loop {
    core: Rc<Core>,
}

impl Loop {
    /// Makes a loop on the system's selector (epoll) and its monotonic clock.
    ///
    /// # Errors
    ///
    /// The errors of making the selector and the eventfd, such as too many open files.
    pub fn new(config: Config) -> io::Result<Loop> {
        Ok(Loop { core: Core::on_system(config)? })
    }

    /// Makes a loop without a system, for tests, and the handle that controls it. The same seed gives the
    /// same trace.
    pub fn simulated(seed: u64) -> (Loop, Simulation) {
        Loop::simulated_with(Config::default(), seed)
    }

    /// Makes a simulated loop, as [`Loop::simulated`] does, with other limits than the default ones.
    pub fn simulated_with(config: Config, seed: u64) -> (Loop, Simulation) {
        let core = Core::simulated(config, seed);
        (Loop { core: core.clone() }, Simulation { core })
    }

    /// Looks once at everything that can wake the loop, and appends what it finds to the queue: sources
    /// first, then timers by deadline and insertion, then notifications of other threads.
    ///
    /// Waits as `wait` allows if there is nothing. It may return earlier than that, and with nothing: call it
    /// again. [`Config`] bounds the work of one call.
    ///
    /// # Errors
    ///
    /// The errors of `epoll_wait`, none of which are expected; a signal is not an error, it only ends the
    /// wait. A simulated loop that would wait for ever returns [`io::ErrorKind::Deadlock`].
    pub fn poll(&self, wait: Wait) -> io::Result<()> {
        self.core.poll(wait)
    }

    /// Takes the oldest event of the queue; `None` if the queue is empty: then poll.
    #[inline]
    pub fn next(&self) -> Option<Event> {
        self.core.next()
    }

    /// Returns the counters.
    pub fn stats(&self) -> Stats {
        self.core.stats()
    }

    // ---- time ----

    /// The time of the last poll, or of the last [`Loop::refresh_now`]. Reads no clock.
    #[inline]
    pub fn now(&self) -> Moment {
        Moment::from_nanos(self.core.now())
    }

    /// Reads the clock, for a driver that has computed for long since the last poll.
    pub fn refresh_now(&self) -> Moment {
        self.core.refresh_now();
        self.now()
    }

    /// Inserts a timer: once `deadline` has passed, the loop delivers [`Event::Timer`] with `key`.
    ///
    /// Never before the deadline; after it by the resolution of a wait (one millisecond) and the time until
    /// the driver polls. A deadline that has passed already fires at the next poll; [`Moment::MAX`] never
    /// fires.
    ///
    /// O(1), for any number of timers and any distance. It allocates only if there are more timers than ever
    /// before.
    pub fn insert(&self, deadline: Moment, key: u64) -> TimerId {
        self.core.insert_timer(deadline.as_nanos(), key)
    }

    /// Cancels a timer. Returns false if its event was delivered or if it was cancelled before.
    ///
    /// The event of a cancelled timer is not delivered, even if it is in the queue already. O(1).
    pub fn cancel(&self, timer: TimerId) -> bool {
        self.core.cancel_timer(timer)
    }

    /// A moment before which no timer fires; `None` without timers.
    ///
    /// It is the next deadline, or an earlier one of a timer that was cancelled.
    pub fn next_deadline(&self) -> Option<Moment> {
        self.core.next_deadline()
    }

    /// The number of timers that were inserted and neither cancelled nor delivered.
    pub fn timers(&self) -> usize {
        self.core.timers()
    }

    // ---- sources ----

    /// Registers a source: when it becomes ready in a way that `interest` names, the loop delivers
    /// [`Event::Ready`] with `key`.
    ///
    /// Edge-triggered, as mio is: an event says that something *has changed*. After an event, read (write,
    /// accept) until `WouldBlock`, or, for sockets, until fewer bytes were transferred than asked for;
    /// otherwise there may never be another event. A source that is ready at registration is reported. Events
    /// may be spurious: the operation then returns `WouldBlock`. Several edges before [`Loop::next`] returns
    /// the event are one event.
    ///
    /// # Errors
    ///
    /// The errors of `epoll_ctl`; [`io::ErrorKind::Unsupported`] for a simulated loop.
    pub fn register<S>(&self, source: &mut S, interest: Interest, key: u64) -> io::Result<SourceId>
    where
        S: Source + ?Sized,
    {
        self.core.register(source, interest, key)
    }

    /// Changes the interest of a source. If it is ready in a way that the new interest names, that is
    /// reported (again).
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::NotFound`] if `id` is stale, and the errors of [`Loop::register`].
    pub fn reregister<S>(&self, source: &mut S, id: SourceId, interest: Interest) -> io::Result<()>
    where
        S: Source + ?Sized,
    {
        self.core.reregister(source, id, interest)
    }

    /// Deregisters a source. No event of it is delivered any more, even if one is in the queue already.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::NotFound`] if `id` is stale, and the errors of `epoll_ctl`; the loop forgets the
    /// source in that case too.
    pub fn deregister<S>(&self, source: &mut S, id: SourceId) -> io::Result<()>
    where
        S: Source + ?Sized,
    {
        self.core.deregister(source, id)
    }

    /// Forgets a source without a system call, for a source that is closed right before or after. Returns
    /// false if `id` is stale.
    ///
    /// The system deregisters a closed source by itself, unless its descriptor was duplicated.
    pub fn forget(&self, id: SourceId) -> bool {
        self.core.remove_source(id)
    }

    /// Registers a source that exists only in the simulation; [`Simulation::ready`] makes it ready.
    ///
    /// Forget it with [`Loop::forget`]. On a loop that is not simulated it is never ready.
    pub fn register_simulated(&self, interest: Interest, key: u64) -> SourceId {
        self.core.add_source(interest, key)
    }

    /// Changes the interest of a simulated source.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::NotFound`] if `id` is stale.
    pub fn reregister_simulated(&self, id: SourceId, interest: Interest) -> io::Result<()> {
        self.core.set_interest(id, interest)
    }

    /// The number of sources that are registered.
    pub fn sources(&self) -> usize {
        self.core.sources()
    }

    // ---- other threads ----

    /// Makes a mailbox for messages from any thread. When it has messages the loop delivers [`Event::Mail`]
    /// with `key`.
    pub fn mailbox<T>(&self, key: u64, capacity: Capacity) -> (Sender<T>, Mailbox<T>) {
        mailbox::new(&self.core, key, capacity)
    }

    /// Makes a handle that wakes the loop from any thread.
    pub fn waker(&self) -> Waker {
        Waker(self.core.shared.clone())
    }

    /// Makes a handle that tells any thread whether the loop has work.
    pub fn probe(&self) -> Probe {
        Probe(self.core.shared.clone())
    }

    /// Runs `work` on a thread of `pool`. When it has ended, also by a panic, the loop delivers
    /// [`Event::Done`] with `key`.
    ///
    /// In a simulation it runs inside a later poll, on this thread.
    ///
    /// # Errors
    ///
    /// [`PoolFull`] if the pool's threads are busy and its queue is full; `work` is dropped.
    pub fn run_blocking<T, F>(&self, pool: &Pool, key: u64, work: F) -> Result<Job<T>, PoolFull>
    where
        T: Send + 'static,
        F: FnOnce() -> T + Send + 'static,
    {
        let core = &self.core;
        let handle = core.add_job(key);
        let task = Task::new(Box::new(work), core.shared.clone(), handle);
        let submitted = match &core.backend {
            Backend::System(_) => pool.submit(task.clone()),
            Backend::Simulated(world) => world.submit(pool, core.shared.clock.now(), handle, task.clone()),
        };
        if let Err(full) = submitted {
            trace_event!(DEBUG, error = %full, "job refused");
            core.remove_job(handle);
            return Err(full);
        }
        Ok(Job::new(task, handle, Rc::downgrade(core), pool.clone()))
    }
}

impl fmt::Debug for Loop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Loop").field("now", &self.now()).field("stats", &self.stats()).finish_non_exhaustive()
    }
}
