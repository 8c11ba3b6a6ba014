//! What other threads see of a loop, and the protocol by which they wake it. It holds no message of a mailbox and
//! no result of a job: only notes that there are some.
//!
//! Waking. A thread that has something for the loop first leaves a note, then raises `noted`, then, if `state` says
//! that the loop waits (or is about to), changes it to `NOTIFIED` and writes to the loop's eventfd; only the one
//! who made that change writes. The loop sets `state` to `WAITING`, then looks at `noted`, and waits only if it is
//! down. All four steps are sequentially consistent, so at least one side sees the other's: either the thread sees
//! `WAITING` or the loop sees `noted`. A loop that is awake is thus never written to.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::clock::Clock;
use crate::event::Handle;

const AWAKE: u8 = 0;
const WAITING: u8 = 1;
const NOTIFIED: u8 = 2;

/// A note for the loop.
#[derive(Clone, Copy)]
pub(crate) enum Note {
    /// A mailbox has got its first message since its last `Mail` event.
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
    noted: AtomicBool,
    woken: AtomicBool,
    notes: Mutex<Vec<Note>>,
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
            noted: AtomicBool::new(false),
            woken: AtomicBool::new(false),
            notes: Mutex::new(Vec::new()),
            clock,
            system,
            ready: AtomicUsize::new(0),
            next_deadline: AtomicU64::new(u64::MAX),
            simulated_ready: AtomicUsize::new(0),
        }
    }

    // ---- any thread ----

    pub(crate) fn post(&self, note: Note) {
        self.notes().push(note);
        self.notify();
    }

    /// `Ok` also if the loop is gone.
    pub(crate) fn wake(&self) -> io::Result<()> {
        // Whoever raised it before us has notified, or is about to.
        if self.woken.swap(true, Ordering::SeqCst) {
            return Ok(());
        }
        self.noted.store(true, Ordering::SeqCst);
        self.interrupt()
    }

    fn notify(&self) {
        self.noted.store(true, Ordering::SeqCst);
        // A write to an eventfd fails only if its counter is full, which mio handles, or if it is no eventfd.
        let _ = self.interrupt();
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

    pub(crate) fn is_noted(&self) -> bool {
        self.noted.load(Ordering::SeqCst)
    }

    pub(crate) fn is_waiting(&self) -> bool {
        self.state.load(Ordering::SeqCst) != AWAKE
    }

    // ---- the loop's thread ----

    /// Announces that the loop is about to wait. False if there is a note: then it must not.
    pub(crate) fn begin_wait(&self) -> bool {
        self.state.store(WAITING, Ordering::SeqCst);
        if self.noted.load(Ordering::SeqCst) {
            self.state.store(AWAKE, Ordering::SeqCst);
            return false;
        }
        true
    }

    /// The loop no longer waits. True if somebody woke it.
    pub(crate) fn end_wait(&self) -> bool {
        self.state.swap(AWAKE, Ordering::SeqCst) == NOTIFIED
    }

    /// Moves the notes to `into` (empty, its capacity is kept for next time) and says whether a waker was used;
    /// `None`, at the price of one load, if there is nothing.
    #[inline]
    pub(crate) fn collect(&self, into: &mut Vec<Note>) -> Option<bool> {
        if !self.noted.load(Ordering::Relaxed) {
            return None;
        }
        // Lowered before looking: what is noted after we looked raises it again.
        self.noted.swap(false, Ordering::SeqCst);
        std::mem::swap(&mut *self.notes(), into);
        Some(self.woken.swap(false, Ordering::SeqCst))
    }

    fn notes(&self) -> MutexGuard<'_, Vec<Note>> {
        self.notes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Wakes a loop from any thread. Cheap to clone.
///
/// However often it is called before the driver has seen it, there is one [`Event::Woken`](crate::Event::Woken);
/// and a system call only if the loop waits.
#[derive(Clone)]
pub struct Waker(pub(crate) Arc<Shared>);

impl Waker {
    /// Has the loop deliver [`Event::Woken`](crate::Event::Woken), ending its wait if it waits.
    ///
    /// # Errors
    ///
    /// Those of a write to an eventfd, none of which are expected. Waking a loop that is gone is no error.
    pub fn wake(&self) -> io::Result<()> {
        self.0.wake()
    }
}

impl std::fmt::Debug for Waker {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Waker").finish_non_exhaustive()
    }
}
