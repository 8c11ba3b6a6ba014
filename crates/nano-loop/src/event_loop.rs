//! The loop: one queue of what is ready, filled by `poll`, emptied by `next`. It calls no one back, and holds no
//! borrow of itself when it returns or while foreign code runs; so whoever handles an event may turn it again.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use mio::{Interest, Token, event::Source};

use crate::clock::{self, Clock};
use crate::event::{Event, Handle, Readiness, SourceId, TimerId};
use crate::mailbox::{self, Capacity, MailSlot, Mailbox, Sender};
use crate::moment::Moment;
use crate::pool::{Job, Pool, PoolFull, Task};
use crate::probe::Probe;
use crate::shared::{Note, Shared, System, Waker};
use crate::simulation::{self, Simulation, World};
use crate::slots::Slots;
use crate::wheel::Wheel;

/// The token of the eventfd. No handle has it: their generations start at 1, and slots end before `u32::MAX`.
const WAKER: Token = Token(usize::MAX);

/// How long [`Loop::poll`] may wait. It never waits while events are in the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    /// Not at all.
    Now,
    /// Until something happens or the next timer is due.
    UntilNext,
    /// The same, but no longer than this.
    AtMost(Duration),
}

/// What a loop is made with.
#[derive(Clone, Debug)]
pub struct Config {
    /// Events taken from the system in one poll; what is left over comes with the next. Default 1,024: beyond some
    /// hundred, more at once saves nothing and only makes turns longer. Memory: 12 bytes each.
    pub events_capacity: usize,
    /// Timers fired in one poll; what is left over comes with the next, which does not wait. Default 1,024, so
    /// that a crowd of timers does not keep the sources from being looked at.
    pub timers_per_poll: usize,
}

impl Default for Config {
    fn default() -> Config {
        Config { events_capacity: 1024, timers_per_poll: 1024 }
    }
}

/// What a loop has done since it was made. For metrics.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Calls of [`Loop::poll`].
    pub polls: u64,
    /// Polls that were allowed to wait (whether or not they had to).
    pub waits: u64,
    /// Readiness events from the system, before coalescing.
    pub readiness: u64,
    /// Events given out by [`Loop::next`], of every kind.
    pub events: u64,
    /// Timers that came due.
    pub timers_fired: u64,
    /// Waits that another thread ended, by a system call.
    pub wakeups: u64,
    /// Waits that a signal ended.
    pub interrupted: u64,
}

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
/// let lp = Loop::new(Config::default())?;
/// loop {
///     lp.poll(Wait::UntilNext)?;
///     while let Some(event) = lp.next() {
///         handle(&lp, event);
///     }
/// }
/// # }
/// ```
///
/// `handle` may do the same with the same loop, to any depth (a nested turn should use [`Wait::Now`]): there is one
/// queue, nested turns go on where the outer ones stopped, and each event is given out once. All methods take
/// `&self`, run no code of the caller except [`mio::event::Source`] implementations and destructors, and hold
/// nothing while those run.
pub struct Loop {
    core: Rc<Core>,
}

impl Loop {
    /// A loop on the system's selector (epoll) and its monotonic clock.
    ///
    /// # Errors
    ///
    /// Those of making the selector and the eventfd: too many open files, above all.
    pub fn new(config: Config) -> io::Result<Loop> {
        let poll = mio::Poll::new()?;
        let registry = poll.registry().try_clone()?;
        let waker = mio::Waker::new(&registry, WAKER)?;
        let events = mio::Events::with_capacity(config.events_capacity.max(1));
        let shared = Shared::new(Clock::monotonic(), Some(System { registry, waker }));
        let backend = Backend::System(RefCell::new((poll, events)));
        Ok(Loop { core: Rc::new(Core::new(config, shared, backend)) })
    }

    /// A loop without a system, and the hold on its world: for tests. The same seed gives the same trace.
    pub fn simulated(seed: u64) -> (Loop, Simulation) {
        Loop::simulated_with(Config::default(), seed)
    }

    /// [`Loop::simulated`] with other limits than the default ones.
    pub fn simulated_with(config: Config, seed: u64) -> (Loop, Simulation) {
        let shared = Shared::new(Clock::simulated(), None);
        let core = Rc::new(Core::new(config, shared, Backend::Simulated(World::new(seed))));
        (Loop { core: core.clone() }, Simulation { core })
    }

    /// Looks once at everything that can wake the loop, and puts what it finds at the end of the queue: sources
    /// first, then timers by deadline and insertion, then notes from other threads. Waits as `wait` allows if
    /// there is nothing. May return earlier than that, and with nothing: call it again.
    ///
    /// The work of one call is bounded by [`Config`].
    ///
    /// # Errors
    ///
    /// Those of `epoll_wait`, none of which are expected; a signal is not an error, it only ends the wait. A
    /// simulated loop that would wait for ever returns [`io::ErrorKind::Deadlock`].
    pub fn poll(&self, wait: Wait) -> io::Result<()> {
        match &self.core.backend {
            Backend::System(system) => self.core.poll_system(system, wait),
            Backend::Simulated(world) => simulation::poll(&self.core, world, wait),
        }
    }

    /// The oldest event of the queue, or `None` if it is empty: then poll.
    #[inline]
    pub fn next(&self) -> Option<Event> {
        self.core.next()
    }

    // ---- time ----

    /// The time of the last poll, or of the last [`Loop::refresh_now`]. Costs nothing.
    #[inline]
    pub fn now(&self) -> Moment {
        Moment::from_nanos(self.core.now.get())
    }

    /// Reads the clock: for those who have computed long since the last poll.
    pub fn refresh_now(&self) -> Moment {
        self.core.now.set(self.core.shared.clock.now());
        self.now()
    }

    /// Has the loop deliver [`Event::Timer`] with `key` once `deadline` has passed: never before; after it by the
    /// wait's resolution (a millisecond) and the time until the driver polls. A deadline that has passed already
    /// fires at the next poll; [`Moment::MAX`] never fires.
    ///
    /// O(1), for any number of timers and any distance. No allocation unless there are more timers than ever before.
    pub fn insert(&self, deadline: Moment, key: u64) -> TimerId {
        let mut state = self.core.state.borrow_mut();
        let handle = state.wheel.insert(deadline.as_nanos(), key);
        // Relaxed, like all that probes read: they ask again in a moment.
        self.core.shared.next_deadline.store(state.wheel.bound(), Ordering::Relaxed);
        TimerId(handle)
    }

    /// Forgets a timer. True if it was there: then its event will not be delivered, not even if it is in the queue
    /// already. False if it was delivered or cancelled before. O(1).
    pub fn cancel(&self, timer: TimerId) -> bool {
        self.core.state.borrow_mut().wheel.cancel(timer.0)
    }

    /// A moment before which no timer fires, or `None` without timers: the next deadline, or an earlier one of a
    /// timer that was cancelled.
    pub fn next_deadline(&self) -> Option<Moment> {
        self.core.next_deadline()
    }

    /// Timers that were inserted and neither cancelled nor delivered.
    pub fn timers(&self) -> usize {
        self.core.state.borrow().wheel.len()
    }

    // ---- sources ----

    /// Has the loop deliver [`Event::Ready`] with `key` when `source` becomes ready in a way that `interest` names.
    ///
    /// Edge-triggered, as mio is: an event says that something *has changed*. So after an event, read (write, accept)
    /// until `WouldBlock`, or, for sockets, until fewer bytes were transferred than asked for; otherwise there may
    /// never be another event. What is ready at registration is reported. Events may be spurious: the operation
    /// then says `WouldBlock`, and that is all. Several edges before [`Loop::next`] gives out the event are one event.
    ///
    /// # Errors
    ///
    /// Those of `epoll_ctl`; [`io::ErrorKind::Unsupported`] for a simulated loop.
    pub fn register<S>(&self, source: &mut S, interest: Interest, key: u64) -> io::Result<SourceId>
    where
        S: Source + ?Sized,
    {
        let system = self.core.system()?;
        // Known before the system knows it, so that no event can find nothing; and not borrowed during the call,
        // since `source` is foreign code.
        let handle = self.core.add_source(interest, key);
        match system.registry.register(source, token(handle), interest) {
            Ok(()) => Ok(SourceId(handle)),
            Err(error) => {
                self.core.remove_source(handle);
                Err(error)
            }
        }
    }

    /// Changes a source's interest. What is ready now in the new one's ways is reported (again).
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::NotFound`] if `id` is stale, and those of [`Loop::register`].
    pub fn reregister<S>(&self, source: &mut S, id: SourceId, interest: Interest) -> io::Result<()>
    where
        S: Source + ?Sized,
    {
        let system = self.core.system()?;
        self.core.set_interest(id, interest)?;
        system.registry.reregister(source, token(id.0), interest)
    }

    /// Forgets a source. No event of it is delivered any more, not even one that is in the queue already.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::NotFound`] if `id` is stale, and those of `epoll_ctl`; the loop forgets it also then.
    pub fn deregister<S>(&self, source: &mut S, id: SourceId) -> io::Result<()>
    where
        S: Source + ?Sized,
    {
        let system = self.core.system()?;
        if !self.core.remove_source(id.0) {
            return Err(stale());
        }
        system.registry.deregister(source)
    }

    /// Forgets a source without a system call, for one that is closed right before or after: the system forgets it
    /// by itself then (unless its descriptor was duplicated). False if `id` is stale.
    pub fn forget(&self, id: SourceId) -> bool {
        self.core.remove_source(id.0)
    }

    /// A source that exists only in the simulation, made ready by [`Simulation::ready`]. Forget it with
    /// [`Loop::forget`]. On a loop that is not simulated it is never ready.
    pub fn register_simulated(&self, interest: Interest, key: u64) -> SourceId {
        SourceId(self.core.add_source(interest, key))
    }

    /// [`Loop::reregister`] for simulated sources.
    ///
    /// # Errors
    ///
    /// [`io::ErrorKind::NotFound`] if `id` is stale.
    pub fn reregister_simulated(&self, id: SourceId, interest: Interest) -> io::Result<()> {
        self.core.set_interest(id, interest)
    }

    /// Sources that are registered.
    pub fn sources(&self) -> usize {
        self.core.state.borrow().sources.len()
    }

    // ---- other threads ----

    /// A mailbox for messages from any thread. When there are some the loop delivers [`Event::Mail`] with `key`.
    pub fn mailbox<T>(&self, key: u64, capacity: Capacity) -> (Sender<T>, Mailbox<T>) {
        let noted = Arc::new(AtomicBool::new(false));
        let slot = MailSlot { key, noted: noted.clone() };
        let handle = self.core.state.borrow_mut().mail.insert(slot);
        mailbox::new(capacity, handle, noted, self.core.shared.clone(), Rc::downgrade(&self.core))
    }

    /// A handle that wakes the loop from any thread.
    pub fn waker(&self) -> Waker {
        Waker(self.core.shared.clone())
    }

    /// A handle that tells any thread whether the loop has work.
    pub fn probe(&self) -> Probe {
        Probe(self.core.shared.clone())
    }

    /// Runs `work` on a thread of `pool` and delivers [`Event::Done`] with `key` when it has ended, also if it
    /// panicked. In a simulation it runs inside a later poll, on this thread.
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
        let handle = core.state.borrow_mut().jobs.insert(key);
        let task = Task::new(Box::new(work), core.shared.clone(), handle);
        let submitted = match &core.backend {
            Backend::System(_) => pool.submit(task.clone()),
            Backend::Simulated(world) => world.submit(pool, core.shared.clock.now(), handle, task.clone()),
        };
        if let Err(full) = submitted {
            core.state.borrow_mut().jobs.remove(handle);
            return Err(full);
        }
        Ok(Job::new(task, handle, Rc::downgrade(core), pool.clone()))
    }

    /// The counters.
    pub fn stats(&self) -> Stats {
        self.core.state.borrow().stats
    }
}

impl fmt::Debug for Loop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Loop").field("now", &self.now()).field("stats", &self.stats()).finish_non_exhaustive()
    }
}

fn stale() -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, "the source is not registered with this loop")
}

// Handles are 64 bits and travel through the selector as a token.
const _: () = assert!(usize::BITS == 64, "nano-loop needs 64-bit tokens");

fn token(handle: Handle) -> Token {
    Token(handle.to_bits() as usize)
}

struct Registered {
    key: u64,
    interest: Interest,
    /// What the queued event will say; none if no event is queued.
    waiting: Readiness,
}

/// An entry of the queue. What it stands for may be gone when its turn comes.
#[derive(Clone, Copy)]
enum Ready {
    Source(Handle),
    Timer(Handle),
    Mail(Handle),
    Done(Handle),
    Woken,
}

struct State {
    queue: VecDeque<Ready>,
    sources: Slots<Registered>,
    wheel: Wheel,
    mail: Slots<MailSlot>,
    jobs: Slots<u64>,
    /// Empty between polls; kept for its capacity.
    notes: Vec<Note>,
    /// Whether `Woken` is in the queue.
    woken: bool,
    stats: Stats,
}

impl State {
    #[inline]
    fn make_ready(&mut self, handle: Handle, readiness: Readiness) {
        self.stats.readiness += 1;
        let Some(source) = self.sources.get_mut(handle) else { return };
        if source.waiting.is_empty() && !readiness.is_empty() {
            self.queue.push_back(Ready::Source(handle));
        }
        source.waiting |= readiness;
    }
}

type Selector = RefCell<(mio::Poll, mio::Events)>;

enum Backend {
    System(Selector),
    Simulated(World),
}

/// The loop behind its handles. No method leaves `state` borrowed, and none runs foreign code while it is.
pub(crate) struct Core {
    now: Cell<u64>,
    state: RefCell<State>,
    backend: Backend,
    pub(crate) config: Config,
    pub(crate) shared: Arc<Shared>,
}

impl Core {
    fn new(config: Config, shared: Shared, backend: Backend) -> Core {
        let state = State {
            queue: VecDeque::new(),
            sources: Slots::new(),
            wheel: Wheel::new(),
            mail: Slots::new(),
            jobs: Slots::new(),
            notes: Vec::new(),
            woken: false,
            stats: Stats::default(),
        };
        // A loop that takes nothing would never get anywhere.
        let config = Config {
            events_capacity: config.events_capacity.max(1),
            timers_per_poll: config.timers_per_poll.max(1),
        };
        Core { now: Cell::new(0), state: RefCell::new(state), backend, config, shared: Arc::new(shared) }
    }

    fn poll_system(&self, system: &Selector, wait: Wait) -> io::Result<()> {
        let mut timeout = self.timeout(wait);
        let mut waits = timeout != Some(Duration::ZERO);
        if waits && !self.shared.begin_wait() {
            timeout = Some(Duration::ZERO);
            waits = false;
        }
        let (poll, events) = &mut *system.borrow_mut();
        let result = poll.poll(events, timeout);
        let woken = waits && self.shared.end_wait();
        let now = self.shared.clock.now();
        {
            let state = &mut *self.state.borrow_mut();
            state.stats.waits += waits as u64;
            state.stats.wakeups += woken as u64;
            match result {
                Ok(()) => {
                    for event in &*events {
                        if event.token() != WAKER {
                            let handle = Handle::from_bits(event.token().0 as u64);
                            state.make_ready(handle, Readiness::of(event));
                        }
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => state.stats.interrupted += 1,
                Err(error) => return Err(error),
            }
        }
        self.turn(now);
        Ok(())
    }

    /// How long the system may let us wait; `None` for ever.
    fn timeout(&self, wait: Wait) -> Option<Duration> {
        let most = match wait {
            Wait::Now => return Some(Duration::ZERO),
            Wait::AtMost(most) => Some(most),
            Wait::UntilNext => None,
        };
        let state = self.state.borrow();
        if !state.queue.is_empty() {
            return Some(Duration::ZERO);
        }
        let next = state.wheel.bound();
        if next == u64::MAX {
            return most;
        }
        // `now` is as old as the handling of the last events was long; but next to a deadline that is far off a
        // clock that lags does well enough, and costs a fifth. Then we wake a little early, and look again.
        let clock = &self.shared.clock;
        let coarse = clock.coarse().map(|coarse| coarse.max(self.now.get()));
        let until = coarse
            .and_then(|coarse| clock::safe_wait(next, coarse))
            .unwrap_or_else(|| next.saturating_sub(clock.now()));
        let until = Duration::from_nanos(until);
        Some(most.map_or(until, |most| most.min(until)))
    }

    /// What every poll does at its end: timers, notes, and what probes see.
    pub(crate) fn turn(&self, now: u64) {
        self.now.set(now);
        let state = &mut *self.state.borrow_mut();
        state.stats.polls += 1;
        let queue = &mut state.queue;
        let fired = state
            .wheel
            .expire(now, self.config.timers_per_poll, |timer| queue.push_back(Ready::Timer(timer)));
        state.stats.timers_fired += fired as u64;
        if let Some(woken) = self.shared.collect(&mut state.notes) {
            for note in state.notes.drain(..) {
                queue.push_back(match note {
                    Note::Mail(handle) => Ready::Mail(handle),
                    Note::Done(handle) => Ready::Done(handle),
                });
            }
            if woken && !state.woken {
                state.woken = true;
                queue.push_back(Ready::Woken);
            }
        }
        self.shared.next_deadline.store(state.wheel.bound(), Ordering::Relaxed);
        self.shared.ready.store(queue.len(), Ordering::Relaxed);
    }

    #[inline]
    fn next(&self) -> Option<Event> {
        let state = &mut *self.state.borrow_mut();
        let event = loop {
            let Some(ready) = state.queue.pop_front() else { break None };
            match ready {
                Ready::Source(handle) => {
                    if let Some(source) = state.sources.get_mut(handle) {
                        let readiness = std::mem::take(&mut source.waiting);
                        break Some(Event::Ready { key: source.key, readiness });
                    }
                }
                Ready::Timer(handle) => {
                    if let Some(key) = state.wheel.deliver(handle) {
                        break Some(Event::Timer { key, timer: TimerId(handle) });
                    }
                }
                Ready::Mail(handle) => {
                    if let Some(mailbox) = state.mail.get(handle) {
                        // Before the driver looks for messages: what is sent from now on makes a new note.
                        mailbox.noted.swap(false, Ordering::SeqCst);
                        break Some(Event::Mail { key: mailbox.key });
                    }
                }
                Ready::Done(handle) => {
                    if let Some(key) = state.jobs.remove(handle) {
                        break Some(Event::Done { key });
                    }
                }
                Ready::Woken => {
                    state.woken = false;
                    break Some(Event::Woken);
                }
            }
        };
        state.stats.events += event.is_some() as u64;
        self.shared.ready.store(state.queue.len(), Ordering::Relaxed);
        event
    }

    // ---- for the other parts ----

    pub(crate) fn has_ready(&self) -> bool {
        !self.state.borrow().queue.is_empty()
    }

    pub(crate) fn next_deadline(&self) -> Option<Moment> {
        let bound = self.state.borrow().wheel.bound();
        (bound != u64::MAX).then(|| Moment::from_nanos(bound))
    }

    pub(crate) fn world(&self) -> Option<&World> {
        match &self.backend {
            Backend::Simulated(world) => Some(world),
            Backend::System(_) => None,
        }
    }

    pub(crate) fn make_ready(&self, sources: impl Iterator<Item = (Handle, Readiness)>) {
        let state = &mut *self.state.borrow_mut();
        for (handle, readiness) in sources {
            state.make_ready(handle, readiness);
        }
    }

    pub(crate) fn interest(&self, id: SourceId) -> Option<Interest> {
        self.state.borrow().sources.get(id.0).map(|source| source.interest)
    }

    pub(crate) fn queue_mail(&self, handle: Handle) {
        let state = &mut *self.state.borrow_mut();
        state.queue.push_back(Ready::Mail(handle));
        self.shared.ready.store(state.queue.len(), Ordering::Relaxed);
    }

    pub(crate) fn forget_mailbox(&self, handle: Handle) {
        self.state.borrow_mut().mail.remove(handle);
    }

    pub(crate) fn forget_job(&self, handle: Handle) {
        self.state.borrow_mut().jobs.remove(handle);
        if let Backend::Simulated(world) = &self.backend {
            world.forget_job(handle);
        }
    }

    fn system(&self) -> io::Result<&System> {
        self.shared.system.as_ref().ok_or_else(|| {
            io::Error::new(
                io::ErrorKind::Unsupported,
                "a simulated loop has no real sources: use register_simulated",
            )
        })
    }

    fn add_source(&self, interest: Interest, key: u64) -> Handle {
        self.state.borrow_mut().sources.insert(Registered { key, interest, waiting: Readiness::NONE })
    }

    fn remove_source(&self, handle: Handle) -> bool {
        self.state.borrow_mut().sources.remove(handle).is_some()
    }

    fn set_interest(&self, id: SourceId, interest: Interest) -> io::Result<()> {
        let mut state = self.state.borrow_mut();
        state.sources.get_mut(id.0).ok_or_else(stale)?.interest = interest;
        Ok(())
    }
}
