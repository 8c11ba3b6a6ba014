//! The state of a loop behind all of its handles: one queue of what is ready, filled by `poll`, emptied by
//! `next`.
//!
//! No method leaves `state` borrowed when it returns or while foreign code runs (sources, jobs, destructors),
//! so the code that handles an event may poll the same loop again.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use mio::{Interest, Token, event::Source};

use crate::clock::{self, Clock};
use crate::config::{Config, Stats, Wait};
use crate::event::{Event, Handle, Readiness, SourceId, TimerId};
use crate::shared::{Notification, Shared, System};
use crate::slots::Slots;
use crate::trace_event::trace_event;
use crate::wheel::Wheel;
use crate::world::World;
use nano_time::Moment;

/// The token of the eventfd. No handle has it: generations start at 1, and slots end before `u32::MAX`.
const WAKER: Token = Token(usize::MAX);

// Handles are 64 bits and travel through the selector as a token.
const _: () = assert!(usize::BITS == 64, "nano-loop needs 64-bit tokens");

fn token(handle: Handle) -> Token {
    Token(handle.to_bits() as usize)
}

fn stale() -> io::Error {
    io::Error::new(io::ErrorKind::NotFound, "the source is not registered with this loop")
}

type Selector = RefCell<(mio::Poll, mio::Events)>;

pub(crate) enum Backend {
    System(Selector),
    Simulated(World),
}

pub(crate) struct Core {
    now: Cell<u64>,
    state: RefCell<State>,
    pub(crate) backend: Backend,
    config: Config,
    pub(crate) shared: Arc<Shared>,
}

struct State {
    queue: VecDeque<Ready>,
    sources: Slots<RegisteredSource>,
    wheel: Wheel,
    mailboxes: Slots<RegisteredMailbox>,
    /// The keys of jobs that have not been delivered.
    jobs: Slots<u64>,
    /// Empty between polls; kept for its capacity.
    notifications: Vec<Notification>,
    /// Whether `Ready::Woken` is in the queue.
    is_woken_queued: bool,
    stats: Stats,
}

/// An entry of the queue. Its source, timer, mailbox or job may be gone when the entry is delivered: then it
/// is skipped.
#[derive(Clone, Copy)]
enum Ready {
    Source(Handle),
    Timer(Handle),
    Mail(Handle),
    Done(Handle),
    Woken,
}

struct RegisteredSource {
    key: u64,
    interest: Interest,
    /// The readiness that the queued event will report; none if no event is queued.
    queued: Readiness,
}

struct RegisteredMailbox {
    key: u64,
    /// See [`Core::add_mailbox`].
    is_notified: Arc<AtomicBool>,
}

impl State {
    #[inline]
    fn make_ready(&mut self, handle: Handle, readiness: Readiness) {
        self.stats.readiness += 1;
        let Some(source) = self.sources.get_mut(handle) else { return };
        if source.queued.is_empty() && !readiness.is_empty() {
            self.queue.push_back(Ready::Source(handle));
        }
        source.queued |= readiness;
    }
}

impl Core {
    /// The core of a loop on the system's selector.
    pub(crate) fn on_system(config: Config) -> io::Result<Rc<Core>> {
        let config = config.at_least_one();
        let poll = mio::Poll::new()?;
        let registry = poll.registry().try_clone()?;
        let waker = mio::Waker::new(&registry, WAKER)?;
        let events = mio::Events::with_capacity(config.events_capacity);
        let shared = Shared::new(Clock::monotonic(), Some(System { registry, waker }));
        Ok(Core::new(config, shared, Backend::System(RefCell::new((poll, events)))))
    }

    /// The core of a simulated loop.
    pub(crate) fn simulated(config: Config, seed: u64) -> Rc<Core> {
        let shared = Shared::new(Clock::simulated(), None);
        Core::new(config.at_least_one(), shared, Backend::Simulated(World::new(seed)))
    }

    fn new(config: Config, shared: Shared, backend: Backend) -> Rc<Core> {
        let state = State {
            queue: VecDeque::new(),
            sources: Slots::new(),
            wheel: Wheel::new(),
            mailboxes: Slots::new(),
            jobs: Slots::new(),
            notifications: Vec::new(),
            is_woken_queued: false,
            stats: Stats::default(),
        };
        Rc::new(Core {
            now: Cell::new(0),
            state: RefCell::new(state),
            backend,
            config,
            shared: Arc::new(shared),
        })
    }

    /// See [`Loop::poll`](crate::Loop::poll).
    pub(crate) fn poll(&self, wait: Wait) -> io::Result<()> {
        match &self.backend {
            Backend::System(system) => self.poll_system(system, wait),
            Backend::Simulated(world) => self.poll_simulated(world, wait),
        }
    }

    fn poll_system(&self, system: &Selector, wait: Wait) -> io::Result<()> {
        let mut timeout = self.timeout(wait);
        let mut may_wait = timeout != Some(Duration::ZERO);
        if may_wait && !self.shared.begin_wait() {
            timeout = Some(Duration::ZERO);
            may_wait = false;
        }
        let (poll, events) = &mut *system.borrow_mut();
        let result = poll.poll(events, timeout);
        let woken = may_wait && self.shared.end_wait();
        let now = self.shared.clock.now();
        {
            let state = &mut *self.state.borrow_mut();
            state.stats.waits += may_wait as u64;
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
        self.finish_poll(now);
        Ok(())
    }

    /// How long the system may wait; `None` for no limit.
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
        // `self.now` is stale by the time that the handling of the last events took. For a deadline that is
        // far away the coarse clock is exact enough and costs a fifth: the loop then wakes a little early,
        // and polls again.
        let clock = &self.shared.clock;
        let coarse = clock.coarse().map(|coarse| coarse.max(self.now.get()));
        let until = coarse
            .and_then(|coarse| clock::safe_wait(next, coarse))
            .unwrap_or_else(|| next.saturating_sub(clock.now()));
        let until = Duration::from_nanos(until);
        Some(most.map_or(until, |most| most.min(until)))
    }

    /// A poll without a system: simulated time jumps to the next thing that is due.
    fn poll_simulated(&self, world: &World, wait: Wait) -> io::Result<()> {
        let clock = &self.shared.clock;
        let end = match wait {
            Wait::Now => Some(clock.now()),
            Wait::AtMost(most) => Some((Moment::from_nanos(clock.now()) + most).as_nanos()),
            Wait::UntilNext => None,
        };
        loop {
            let now = clock.now();
            world.run_jobs(now);
            let count = world.take_ready(self.config.events_capacity, |ready| self.make_ready(ready));
            self.shared.simulated_ready.fetch_sub(count, Ordering::Relaxed);
            self.finish_poll(now);
            if self.has_ready() || self.shared.is_notified() || end.is_some_and(|end| now >= end) {
                return Ok(());
            }
            let due = self.next_deadline().map(Moment::as_nanos).into_iter().chain(world.next_job());
            let Some(next) = due.chain(end).min() else {
                return Err(io::Error::new(
                    io::ErrorKind::Deadlock,
                    "the simulated loop would wait for ever: nothing is ready, no timer and no job is left",
                ));
            };
            clock.advance(Duration::from_nanos(next.saturating_sub(now)));
        }
    }

    /// The end of every poll: fires timers, collects notifications, and publishes what probes read.
    fn finish_poll(&self, now: u64) {
        self.now.set(now);
        let state = &mut *self.state.borrow_mut();
        state.stats.polls += 1;
        let queue = &mut state.queue;
        let fired = state
            .wheel
            .expire(now, self.config.timers_per_poll, |timer| queue.push_back(Ready::Timer(timer)));
        state.stats.timers_fired += fired as u64;
        if let Some(woken) = self.shared.collect(&mut state.notifications) {
            for notification in state.notifications.drain(..) {
                queue.push_back(match notification {
                    Notification::Mail(handle) => Ready::Mail(handle),
                    Notification::Done(handle) => Ready::Done(handle),
                });
            }
            if woken && !state.is_woken_queued {
                state.is_woken_queued = true;
                queue.push_back(Ready::Woken);
            }
        }
        self.shared.next_deadline.store(state.wheel.bound(), Ordering::Relaxed);
        self.shared.ready.store(queue.len(), Ordering::Relaxed);
        trace_event!(TRACE, queued = queue.len(), timers_fired = fired, now_ns = now, "turn");
    }

    /// See [`Loop::next`](crate::Loop::next).
    #[inline]
    pub(crate) fn next(&self) -> Option<Event> {
        let state = &mut *self.state.borrow_mut();
        let event = loop {
            let Some(ready) = state.queue.pop_front() else { break None };
            match ready {
                Ready::Source(handle) => {
                    if let Some(source) = state.sources.get_mut(handle) {
                        let readiness = std::mem::take(&mut source.queued);
                        break Some(Event::Ready { key: source.key, readiness });
                    }
                }
                Ready::Timer(handle) => {
                    if let Some(key) = state.wheel.deliver(handle) {
                        break Some(Event::Timer { key, timer: TimerId(handle) });
                    }
                }
                Ready::Mail(handle) => {
                    if let Some(mailbox) = state.mailboxes.get(handle) {
                        // Before the driver takes messages: a message sent from now on makes a new
                        // notification.
                        mailbox.is_notified.swap(false, Ordering::SeqCst);
                        break Some(Event::Mail { key: mailbox.key });
                    }
                }
                Ready::Done(handle) => {
                    if let Some(key) = state.jobs.remove(handle) {
                        break Some(Event::Done { key });
                    }
                }
                Ready::Woken => {
                    state.is_woken_queued = false;
                    break Some(Event::Woken);
                }
            }
        };
        state.stats.events += event.is_some() as u64;
        self.shared.ready.store(state.queue.len(), Ordering::Relaxed);
        event
    }

    pub(crate) fn stats(&self) -> Stats {
        self.state.borrow().stats
    }

    fn has_ready(&self) -> bool {
        !self.state.borrow().queue.is_empty()
    }

    // ---- time ----

    #[inline]
    pub(crate) fn now(&self) -> u64 {
        self.now.get()
    }

    pub(crate) fn refresh_now(&self) {
        self.now.set(self.shared.clock.now());
    }

    pub(crate) fn insert_timer(&self, deadline: u64, key: u64) -> TimerId {
        let mut state = self.state.borrow_mut();
        let handle = state.wheel.insert(deadline, key);
        // Relaxed, like everything that probes read: a probe that misses this value is asked again soon.
        self.shared.next_deadline.store(state.wheel.bound(), Ordering::Relaxed);
        TimerId(handle)
    }

    pub(crate) fn cancel_timer(&self, timer: TimerId) -> bool {
        self.state.borrow_mut().wheel.cancel(timer.0)
    }

    pub(crate) fn next_deadline(&self) -> Option<Moment> {
        let bound = self.state.borrow().wheel.bound();
        (bound != u64::MAX).then(|| Moment::from_nanos(bound))
    }

    pub(crate) fn timers(&self) -> usize {
        self.state.borrow().wheel.len()
    }

    // ---- sources ----

    pub(crate) fn register<S>(&self, source: &mut S, interest: Interest, key: u64) -> io::Result<SourceId>
    where
        S: Source + ?Sized,
    {
        let system = self.system()?;
        // Added here before the system knows it, so that no event finds an unknown handle. `state` is not
        // borrowed during the call, since `source` is foreign code.
        let id = self.add_source(interest, key);
        match system.registry.register(source, token(id.0), interest) {
            Ok(()) => Ok(id),
            Err(error) => {
                self.remove_source(id);
                Err(error)
            }
        }
    }

    pub(crate) fn reregister<S>(&self, source: &mut S, id: SourceId, interest: Interest) -> io::Result<()>
    where
        S: Source + ?Sized,
    {
        let system = self.system()?;
        self.set_interest(id, interest)?;
        system.registry.reregister(source, token(id.0), interest)
    }

    pub(crate) fn deregister<S>(&self, source: &mut S, id: SourceId) -> io::Result<()>
    where
        S: Source + ?Sized,
    {
        let system = self.system()?;
        if !self.remove_source(id) {
            return Err(stale());
        }
        system.registry.deregister(source)
    }

    fn system(&self) -> io::Result<&System> {
        self.shared.system.as_ref().ok_or_else(|| {
            io::Error::new(
                io::ErrorKind::Unsupported,
                "a simulated loop has no real sources: use register_simulated",
            )
        })
    }

    pub(crate) fn add_source(&self, interest: Interest, key: u64) -> SourceId {
        let source = RegisteredSource { key, interest, queued: Readiness::NONE };
        SourceId(self.state.borrow_mut().sources.insert(source))
    }

    pub(crate) fn remove_source(&self, id: SourceId) -> bool {
        self.state.borrow_mut().sources.remove(id.0).is_some()
    }

    pub(crate) fn set_interest(&self, id: SourceId, interest: Interest) -> io::Result<()> {
        let mut state = self.state.borrow_mut();
        state.sources.get_mut(id.0).ok_or_else(stale)?.interest = interest;
        Ok(())
    }

    pub(crate) fn interest(&self, id: SourceId) -> Option<Interest> {
        self.state.borrow().sources.get(id.0).map(|source| source.interest)
    }

    pub(crate) fn sources(&self) -> usize {
        self.state.borrow().sources.len()
    }

    fn make_ready(&self, sources: &mut dyn Iterator<Item = (Handle, Readiness)>) {
        let state = &mut *self.state.borrow_mut();
        for (handle, readiness) in sources {
            state.make_ready(handle, readiness);
        }
    }

    // ---- mailboxes and jobs ----

    /// Adds a mailbox. The sender that notifies the loop sets the returned flag, and delivery of the `Mail`
    /// event clears it. While it is set there is a notification or a queued event, so senders need not make
    /// another.
    pub(crate) fn add_mailbox(&self, key: u64) -> (Handle, Arc<AtomicBool>) {
        let is_notified = Arc::new(AtomicBool::new(false));
        let mailbox = RegisteredMailbox { key, is_notified: is_notified.clone() };
        (self.state.borrow_mut().mailboxes.insert(mailbox), is_notified)
    }

    pub(crate) fn queue_mail(&self, handle: Handle) {
        let state = &mut *self.state.borrow_mut();
        state.queue.push_back(Ready::Mail(handle));
        self.shared.ready.store(state.queue.len(), Ordering::Relaxed);
    }

    pub(crate) fn remove_mailbox(&self, handle: Handle) {
        self.state.borrow_mut().mailboxes.remove(handle);
    }

    pub(crate) fn add_job(&self, key: u64) -> Handle {
        self.state.borrow_mut().jobs.insert(key)
    }

    pub(crate) fn remove_job(&self, handle: Handle) {
        self.state.borrow_mut().jobs.remove(handle);
        if let Backend::Simulated(world) = &self.backend {
            world.remove_job(handle);
        }
    }
}
