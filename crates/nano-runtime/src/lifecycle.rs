//! When isolates end that nobody asked to end: those of a replaced version, those that were idle for long, and those that make room
//! for others under the budget that all threads share.
//!
//! Each thread closes its own isolates only. Which thread has the one that was idle for longest is known from what the threads
//! publish in [`THREADS`]; it is told by a message. Nothing here is on the path of a request.

use crate::channels::{Delivery, Parcel};
use crate::instance::Instance;
use crate::memory::{self, Need};
use crate::runtime::Runtime;
use nano_loop::{Moment, Sender, TimerId};
use nano_web::FailureCause;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How often a thread looks whether the requests of replaced versions are finished, while there are any.
const RETIRED_LOOK: Duration = Duration::from_millis(50);

/// The shortest time between two looks for idle isolates: they end by so much later than configured.
const IDLE_LOOK: Duration = Duration::from_secs(1);

/// What a thread publishes that has no idle isolate.
const NONE_IDLE: u64 = u64::MAX;

/// The threads that have isolates.
static THREADS: Mutex<Vec<Neighbour>> = Mutex::new(Vec::new());
/// Where the published times count from.
static EPOCH: LazyLock<Instant> = LazyLock::new(Instant::now);

struct Neighbour {
    id: u64,
    /// Since when its longest idle isolate is idle, in nanoseconds from [`EPOCH`]; [`NONE_IDLE`] if it has none.
    oldest: Arc<AtomicU64>,
    sender: Sender<Delivery>,
}

/// What has come of the end of an instance that fills the heap.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// Its memory is free.
    Over,
    /// Its JavaScript is on the stack: it ends when that has returned.
    Later,
    /// All are small.
    Nobody,
}

/// A thread's part of it.
pub(crate) struct Lifecycle {
    id: u64,
    oldest: Arc<AtomicU64>,
    idle_after: Cell<Option<Duration>>,
    retired: RefCell<Vec<Retired>>,
    timer: Cell<Option<(TimerId, Moment)>>,
}

struct Retired {
    instance: Rc<Instance>,
    until: Moment,
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
}

impl Drop for Lifecycle {
    fn drop(&mut self) {
        THREADS.lock().unwrap_or_else(PoisonError::into_inner).retain(|thread| thread.id != self.id);
    }
}

impl Runtime {
    /// Isolates that nothing was asked of for so long are closed; `None`: they stay until there is need.
    pub fn set_idle_limit(&self, after: Option<Duration>) {
        self.lifecycle.idle_after.set(after);
        self.look_later();
    }

    /// The instance gets no new requests: it is closed when those that it has are finished, and at the latest after `patience`,
    /// when what is left fails.
    pub fn retire(&self, instance: &Rc<Instance>, patience: Duration) {
        instance.app.counters().isolates_retired.add(1);
        if is_idle(instance) {
            return self.close(instance);
        }
        // WebSockets would stay for ever. Their clients find the new version when they connect again.
        for id in instance.websocket_ids() {
            self.go_away(instance, id);
        }
        let until = self.event_loop().now() + patience;
        self.lifecycle.retired.borrow_mut().push(Retired { instance: Rc::clone(instance), until });
        self.look_later();
    }

    /// Instances that finish their last requests.
    pub fn retiring(&self) -> usize {
        self.lifecycle.retired.borrow().len()
    }

    /// The timer of [`look_later`](Self::look_later) is due: closes what has finished, and what was idle for long.
    pub(crate) fn look_after_instances(&self) {
        self.lifecycle.timer.set(None);
        let now = self.event_loop().now();
        let (mut done, mut late) = (Vec::new(), Vec::new());
        self.lifecycle.retired.borrow_mut().retain(|retired| {
            if retired.instance.is_closed() {
                return false;
            }
            if is_idle(&retired.instance) {
                done.push(Rc::clone(&retired.instance));
                return false;
            }
            if now >= retired.until {
                late.push(Rc::clone(&retired.instance));
                return false;
            }
            true
        });
        for instance in done {
            self.close(&instance);
        }
        for instance in late {
            self.close_for(
                &instance,
                FailureCause::NotLoaded,
                "the version was replaced, and its time to finish is over",
            );
        }
        if let Some(after) = self.lifecycle.idle_after.get() {
            let idle: Vec<_> = self.idle_instances(|instance| now - instance.last_used.get() >= after);
            let any = !idle.is_empty();
            for instance in idle {
                instance.app.counters().isolates_evicted.add(1);
                self.close(&instance);
            }
            if any {
                // So little goes on that what is kept for buffers to come is the system's again.
                nano_web::blocks::trim();
            }
        }
        self.publish();
        self.look_later();
    }

    /// Sets the timer for the next look, if there is anything to look after.
    pub(crate) fn look_later(&self) {
        let now = self.event_loop().now();
        let retired = (!self.lifecycle.retired.borrow().is_empty()).then(|| now + RETIRED_LOOK);
        let idle = match self.lifecycle.idle_after.get() {
            // Looked at twice in that time, so that one that was used meanwhile does not need a timer of its own.
            Some(after) if self.instances() > 0 => Some(now + (after / 2).max(IDLE_LOOK)),
            _ => None,
        };
        let Some(due) = retired.into_iter().chain(idle).min() else { return };
        if let Some((timer, at)) = self.lifecycle.timer.get() {
            if at <= due {
                return;
            }
            self.event_loop().cancel(timer);
        }
        let timer = self.event_loop().insert(due, crate::runtime::KIND_LOOK);
        self.lifecycle.timer.set(Some((timer, due)));
    }

    /// Closes isolates, the longest idle of all threads first, until `more` bytes fit into the budget. What other threads have is
    /// closed by them, a little later.
    pub(crate) fn keep_to_budget(&self, more: usize) {
        while memory::is_over_budget(more) {
            let own = self.publish();
            let sent = {
                let threads = THREADS.lock().unwrap_or_else(PoisonError::into_inner);
                let oldest = threads
                    .iter()
                    .filter(|thread| thread.id != self.lifecycle.id)
                    .map(|thread| (thread.oldest.load(Ordering::Relaxed), thread))
                    .filter(|(since, _)| *since < own)
                    .min_by_key(|(since, _)| *since);
                oldest.is_some_and(|(_, thread)| {
                    // It publishes anew when it has closed one; until then it is not asked again.
                    thread.oldest.store(NONE_IDLE, Ordering::Relaxed);
                    thread.sender.send(Delivery { instance: 0, what: Parcel::MakeRoom }).is_ok()
                })
            };
            if sent {
                // One isolate is on its way out.
                return;
            }
            if !self.evict_one() {
                return;
            }
        }
    }

    /// Another thread wants room.
    pub(crate) fn make_room(&self) {
        if memory::is_over_budget(memory::ISOLATE_ESTIMATE_BYTES) {
            self.evict_one();
        }
        self.publish();
    }

    /// Tells the other threads since when this one's longest idle isolate is idle.
    fn publish(&self) -> u64 {
        let since = match self.longest_idle() {
            None => NONE_IDLE,
            Some(instance) => {
                let idle = self.event_loop().now() - instance.last_used.get();
                u64::try_from(EPOCH.elapsed().saturating_sub(idle).as_nanos()).unwrap_or(NONE_IDLE)
            }
        };
        self.lifecycle.oldest.store(since, Ordering::Relaxed);
        since
    }

    fn longest_idle(&self) -> Option<Rc<Instance>> {
        self.idle_instances(|_| true).into_iter().min_by_key(|instance| instance.last_used.get())
    }

    /// Closes the instance that was idle for longest. False: none is idle.
    pub fn evict_one(&self) -> bool {
        self.longest_idle().is_some_and(|oldest| self.evict(&oldest))
    }

    /// An isolate is wanted: where the process's limit has no room for it, who fills the heap makes some. What is small is closed
    /// only if that does not help: its next request would want another isolate at once.
    pub(crate) fn find_room(&self) {
        while !memory::has_room_for_isolate(Need::Spare) {
            let found = self.evict_large_of(|_| true)
                || match self.end_largest() {
                    Ending::Over => true,
                    Ending::Later => false,
                    Ending::Nobody => self.evict_one(),
                };
            if !found {
                return;
            }
        }
    }

    /// Closes the largest idle instance but this one, if closing it helps.
    pub(crate) fn evict_large(&self, but: &Instance) -> bool {
        self.evict_large_of(|instance| instance.key != but.key)
    }

    fn evict_large_of(&self, wanted: impl Fn(&Instance) -> bool) -> bool {
        let large = self.idle_instances(|instance| instance.is_large() && wanted(instance));
        large.into_iter().max_by_key(|instance| instance.heap_bytes()).is_some_and(|large| self.evict(&large))
    }

    /// Ends the largest instance that has requests under way, if ending it helps.
    pub(crate) fn end_largest(&self) -> Ending {
        let Some((largest, realm)) =
            self.largest().and_then(|large| Some((Rc::clone(&large), large.realm()?)))
        else {
            return Ending::Nobody;
        };
        if realm.is_entered() {
            realm.heap.terminate();
            return Ending::Later;
        }
        if largest.end(FailureCause::Memory) {
            self.terminate(&largest, FailureCause::Memory);
        }
        Ending::Over
    }

    /// Closes the instance if it is idle; its next request gets another. False: it is not.
    pub fn evict(&self, instance: &Rc<Instance>) -> bool {
        if !is_idle(instance) {
            return false;
        }
        instance.app.counters().isolates_evicted.add(1);
        self.close(instance);
        true
    }
}

/// Whether no request is under way or about to be, and no JavaScript on the stack.
pub(crate) fn is_idle(instance: &Instance) -> bool {
    !instance.expects_request.get()
        && instance.exchanges() == 0
        && instance.realm().is_some_and(|realm| !realm.is_entered())
}
