//! Reasons for closing isolates beside an embedder's wish: versions that were replaced, a limit of idle
//! time, and the budget that all threads share.
//!
//! Each thread closes its own isolates only. Which thread has the one that was idle for longest is known from
//! what the threads publish in [`THREADS`]; that thread gets a message. Nothing here is on the path of a
//! request.

use crate::channels::{Content, Delivery};
use crate::instance::Instance;
use nano_loop::{Moment, Sender, TimerId};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Published by a thread that has no idle isolate.
const NONE_IDLE: u64 = u64::MAX;

/// The threads that have isolates.
static THREADS: Mutex<Vec<Neighbour>> = Mutex::new(Vec::new());
/// Where the published times count from.
static EPOCH: LazyLock<Instant> = LazyLock::new(Instant::now);

struct Neighbour {
    id: u64,
    /// Since when its longest idle isolate is idle, in nanoseconds from [`EPOCH`]; [`NONE_IDLE`] if it has
    /// none.
    oldest: Arc<AtomicU64>,
    sender: Sender<Delivery>,
}

/// One thread's part of it.
pub(crate) struct Lifecycle {
    id: u64,
    oldest: Arc<AtomicU64>,
    /// Isolates that are idle for so long are closed; `None`: they stay until there is need.
    pub(crate) idle_after: Cell<Option<Duration>>,
    /// Instances of replaced versions that finish their last requests.
    pub(crate) retired: RefCell<Vec<Retired>>,
    /// The timer of the next look after instances.
    pub(crate) timer: Cell<Option<(TimerId, Moment)>>,
}

/// An instance that finishes its last requests.
pub(crate) struct Retired {
    pub(crate) instance: Rc<Instance>,
    /// When it is closed all the same.
    pub(crate) until: Moment,
}

impl Lifecycle {
    pub(crate) fn new(sender: Sender<Delivery>) -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let id = NEXT.fetch_add(1, Ordering::Relaxed);
        let oldest = Arc::new(AtomicU64::new(NONE_IDLE));
        let neighbour = Neighbour { id, oldest: Arc::clone(&oldest), sender };
        THREADS.lock().unwrap_or_else(PoisonError::into_inner).push(neighbour);
        let (idle_after, retired, timer) = (Cell::new(None), RefCell::default(), Cell::new(None));
        Self { id, oldest, idle_after, retired, timer }
    }

    /// Publishes for how long this thread's longest idle isolate is idle; `None`: it has none. The result is
    /// for [`ask_older`](Self::ask_older).
    pub(crate) fn publish(&self, idle: Option<Duration>) -> u64 {
        let since = idle.map_or(NONE_IDLE, |idle| {
            u64::try_from(EPOCH.elapsed().saturating_sub(idle).as_nanos()).unwrap_or(NONE_IDLE)
        });
        self.oldest.store(since, Ordering::Relaxed);
        since
    }

    /// Asks the thread that has the longest idle isolate to close it, if that is idle for longer than this
    /// thread's, which has published `own`. False: no other thread has one.
    pub(crate) fn ask_older(&self, own: u64) -> bool {
        let threads = THREADS.lock().unwrap_or_else(PoisonError::into_inner);
        let oldest = threads
            .iter()
            .filter(|thread| thread.id != self.id)
            .map(|thread| (thread.oldest.load(Ordering::Relaxed), thread))
            .filter(|(since, _)| *since < own)
            .min_by_key(|(since, _)| *since);
        oldest.is_some_and(|(_, thread)| {
            // It publishes anew when it has closed one; until then it is not asked again.
            thread.oldest.store(NONE_IDLE, Ordering::Relaxed);
            thread.sender.send(Delivery { instance: 0, content: Content::MakeRoom }).is_ok()
        })
    }
}

impl Drop for Lifecycle {
    fn drop(&mut self) {
        THREADS.lock().unwrap_or_else(PoisonError::into_inner).retain(|thread| thread.id != self.id);
    }
}
