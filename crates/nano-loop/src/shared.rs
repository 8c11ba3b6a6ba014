//! The part of a loop that other threads see, and the protocol by which they wake it. It holds no message of
//! a mailbox and no result of a job, only notifications of them.
//!
//! Waking. A thread that has something for the loop first adds a notification, then sets `is_notified`, then,
//! if `state` says that the loop waits (or is about to), changes it to `NOTIFIED` and writes to the loop's
//! eventfd; only the thread that made that change writes. The loop sets `state` to `WAITING`, then reads
//! `is_notified`, and waits only if it is not set. All four steps are sequentially consistent, so at least
//! one side sees the other's: either the thread sees `WAITING` or the loop sees `is_notified`. A loop that is
//! awake is thus never written to.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::clock::Clock;
use crate::event::Handle;

const AWAKE: u8 = 0;
const WAITING: u8 = 1;
const NOTIFIED: u8 = 2;

/// A message of another thread to the loop that something happened.
#[derive(Clone, Copy)]
pub(crate) enum Notification {
    /// A mailbox has its first message since its last `Mail` event.
    Mail(Handle),
    /// A blocking job has ended.
    Done(Handle),
}

/// The parts of mio that other threads use; absent in a simulation.
pub(crate) struct System {
    pub(crate) registry: mio::Registry,
    pub(crate) waker: mio::Waker,
}

pub(crate) struct Shared {
    state: AtomicU8,
    is_notified: AtomicBool,
    is_woken: AtomicBool,
    notifications: Mutex<Vec<Notification>>,
    pub(crate) clock: Clock,
    pub(crate) system: Option<System>,
    // For probes; written by the loop's thread alone.
    pub(crate) ready: AtomicUsize,
    pub(crate) next_deadline: AtomicU64,
    /// Sources that a simulation has made ready and no poll has collected.
    pub(crate) simulated_ready: AtomicUsize,
}

impl Shared {
    pub(crate) fn new(clock: Clock, system: Option<System>) -> Shared {
        Shared {
            state: AtomicU8::new(AWAKE),
            is_notified: AtomicBool::new(false),
            is_woken: AtomicBool::new(false),
            notifications: Mutex::new(Vec::new()),
            clock,
            system,
            ready: AtomicUsize::new(0),
            next_deadline: AtomicU64::new(u64::MAX),
            simulated_ready: AtomicUsize::new(0),
        }
    }

    // ---- any thread ----

    pub(crate) fn notify(&self, notification: Notification) {
        self.notifications().push(notification);
        self.is_notified.store(true, Ordering::SeqCst);
        // A write to an eventfd fails only if its counter is full, which mio handles, or if it is no eventfd.
        let _ = self.interrupt();
    }

    /// `Ok` also if the loop was dropped.
    pub(crate) fn wake(&self) -> io::Result<()> {
        // The thread that set it before has interrupted the loop, or is about to.
        if self.is_woken.swap(true, Ordering::SeqCst) {
            return Ok(());
        }
        self.is_notified.store(true, Ordering::SeqCst);
        self.interrupt()
    }

    fn interrupt(&self) -> io::Result<()> {
        if self.state.load(Ordering::SeqCst) == WAITING
            && self.state.compare_exchange(WAITING, NOTIFIED, Ordering::SeqCst, Ordering::SeqCst).is_ok()
            && let Some(system) = &self.system
        {
            return system.waker.wake();
        }
        Ok(())
    }

    pub(crate) fn is_notified(&self) -> bool {
        self.is_notified.load(Ordering::SeqCst)
    }

    pub(crate) fn is_waiting(&self) -> bool {
        self.state.load(Ordering::SeqCst) != AWAKE
    }

    // ---- the loop's thread ----

    /// Announces that the loop is about to wait. False if there is a notification: then the loop must not
    /// wait.
    pub(crate) fn begin_wait(&self) -> bool {
        self.state.store(WAITING, Ordering::SeqCst);
        if self.is_notified.load(Ordering::SeqCst) {
            self.state.store(AWAKE, Ordering::SeqCst);
            return false;
        }
        true
    }

    /// Ends a wait. True if another thread ended it.
    pub(crate) fn end_wait(&self) -> bool {
        self.state.swap(AWAKE, Ordering::SeqCst) == NOTIFIED
    }

    /// Swaps the notifications with `into`, which is empty and whose capacity is kept for the next time;
    /// returns whether a waker was used. `None`, after one load, if there is nothing.
    #[inline]
    pub(crate) fn collect(&self, into: &mut Vec<Notification>) -> Option<bool> {
        if !self.is_notified.load(Ordering::Relaxed) {
            return None;
        }
        // Cleared before the notifications are taken: one that is added after that sets the flag again.
        self.is_notified.swap(false, Ordering::SeqCst);
        std::mem::swap(&mut *self.notifications(), into);
        Some(self.is_woken.swap(false, Ordering::SeqCst))
    }

    fn notifications(&self) -> MutexGuard<'_, Vec<Notification>> {
        self.notifications.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Wakes a loop from any thread. Cheap to clone.
///
/// However often it is called before the driver takes the event, there is one
/// [`Event::Woken`](crate::Event::Woken), and a system call only if the loop waits.
#[derive(Clone)]
pub struct Waker(pub(crate) Arc<Shared>);

impl Waker {
    /// Ends the wait of the loop, if it waits; the loop delivers [`Event::Woken`](crate::Event::Woken).
    ///
    /// # Errors
    ///
    /// The errors of a write to an eventfd, none of which are expected. Waking a loop that was dropped is no
    /// error.
    pub fn wake(&self) -> io::Result<()> {
        self.0.wake()
    }
}

impl std::fmt::Debug for Waker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Waker").finish_non_exhaustive()
    }
}
