//! JavaScript heaps: each isolate's limit, and the budget that all isolates of a process share.
//!
//! With compressed pointers, all isolates of a process live in one 4 GB region of addresses; V8 ends the
//! process when that is full. So every isolate's heap is counted here, after each of its garbage collections,
//! against [`process_limit`]: what would go beyond is refused, evicted or terminated before V8 would abort.

use std::cell::Cell;
use std::ffi::c_void;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, PoisonError};
use std::thread::ThreadId;
use std::time::{Duration, Instant};

const MIB: usize = 1 << 20;

/// The region that all isolates of a process share with compressed pointers.
const CAGE_BYTES: usize = 4096 * MIB;

/// The largest single allocation: 2^27 numbers in an array, 2^29 characters of two bytes in a string. V8
/// asks once before an allocation for which there is no room, does not say for how much, and ends the process
/// if it gets too little: so it is always given this much, for the time of that allocation.
const LARGEST_ALLOCATION_BYTES: usize = 1024 * MIB;

/// An isolate's heap may grow to this without asking. Small, so that the many small tenants of a process stay
/// small; every step beyond asks [`HeapLimit`].
pub const HEAP_BASE_BYTES: usize = 32 * MIB;

/// How far the limit moves when an isolate that may grow comes near it.
const HEAP_STEP_BYTES: usize = 16 * MIB;

/// Time that a thread waits for another's grant to end before it takes one too.
///
/// Limit (s): a grant ends with the allocation that it is for.
const GRANT_PATIENCE: Duration = Duration::from_secs(5);

/// How far beyond the process's limit the isolates may come while one of them runs. Half of what is kept back
/// for that.
const OVER_LIMIT_BYTES: usize = 256 * MIB;

/// An isolate that holds less is never ended for the process's sake: ending it would hardly help.
const SMALL_HEAP_BYTES: usize = 4 * MIB;

/// Over so long it is looked at how much of the time full collections take.
const COLLECTING_WINDOW: Duration = Duration::from_secs(1);

/// The isolate ends if it is so much of it, in percent, and its heap is [`NEARLY_FULL_PERCENT`] full: it
/// computes next to nothing any more, and takes seconds of its thread's time until V8 gives up.
const COLLECTING_PERCENT: u32 = 70;

/// See [`COLLECTING_PERCENT`].
const NEARLY_FULL_PERCENT: usize = 75;

/// The assumed size of a new isolate until its first garbage collection.
pub const ISOLATE_ESTIMATE_BYTES: usize = MIB;

/// JavaScript heap of all isolates together, as of each one's last garbage collection.
static HEAP_USED: AtomicUsize = AtomicUsize::new(0);
/// See [`set_process_limit`].
static HEAP_LIMIT: AtomicUsize = AtomicUsize::new(default_process_limit());

const fn default_process_limit() -> usize {
    if cfg!(feature = "pointer-compression") {
        // The rest is for allocations between two collections: one of the largest allocations (`Grant`
        // sees to it that it is one at a time), the young generations of all isolates, and V8's own read-only
        // and shared spaces.
        CAGE_BYTES - LARGEST_ALLOCATION_BYTES - 512 * MIB
    } else {
        usize::MAX
    }
}

/// JavaScript heap, in bytes, that all isolates of the process may use together.
pub fn process_limit() -> usize {
    HEAP_LIMIT.load(Ordering::Relaxed)
}

/// Sets [`process_limit`]; it cannot be raised beyond what the build of V8 can hold.
pub fn set_process_limit(bytes: usize) {
    HEAP_LIMIT.store(bytes.min(default_process_limit()), Ordering::Relaxed);
}

/// JavaScript heap, in bytes, that all isolates of the process use: as of each one's last garbage collection.
pub fn process_used() -> usize {
    HEAP_USED.load(Ordering::Relaxed)
}

/// See [`set_isolate_budget`].
static BUDGET: AtomicUsize = AtomicUsize::new(usize::MAX);

/// Bytes in the buffers of all isolates together, as of when each was last counted.
static BUFFERS_USED: AtomicUsize = AtomicUsize::new(0);

/// JavaScript heap and buffers, in bytes, beyond which idle isolates are closed, the longest idle first.
pub fn isolate_budget() -> usize {
    BUDGET.load(Ordering::Relaxed).min(process_limit())
}

/// Sets [`isolate_budget`]. While all isolates have requests under way nothing is closed for it: they may
/// come a quarter beyond, where [`process_limit`] is set by this.
pub fn set_isolate_budget(bytes: usize) {
    BUDGET.store(bytes, Ordering::Relaxed);
    set_process_limit(bytes.saturating_add(bytes / 4));
}

/// Whether `more` bytes would be beyond the budget.
pub fn is_over_budget(more: usize) -> bool {
    let used = process_used().saturating_add(BUFFERS_USED.load(Ordering::Relaxed));
    used.saturating_add(more) > isolate_budget()
}

/// Whether the isolates use more than they may.
pub fn is_over_limit() -> bool {
    process_used() > process_limit()
}

/// For whom an isolate is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Need {
    /// For an application that may come.
    Spare,
    /// For one that is asked for. It is small, as all are at first: it may be half as far beyond the
    /// process's limit as those may that grow. What has filled the heap is on its way out then, or is ended
    /// when it is collected next.
    Request,
}

/// Whether another isolate fits.
pub fn has_room_for_isolate(need: Need) -> bool {
    let beyond = match need {
        Need::Spare => 0,
        Need::Request => OVER_LIMIT_BYTES / 2,
    };
    process_used() + ISOLATE_ESTIMATE_BYTES <= process_limit().saturating_add(beyond)
}

/// The right to allocate far beyond the limit, for one thread at a time: so the region of all isolates has
/// room for it.
struct Grants {
    /// The thread that has it, and for how many of its isolates (one may be in a slice of another).
    owner: Mutex<Option<(ThreadId, usize)>>,
    free: Condvar,
}

static GRANTS: Grants = Grants { owner: Mutex::new(None), free: Condvar::new() };

impl Grants {
    fn take(&self) {
        let me = std::thread::current().id();
        let owner = self.owner.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self
            .free
            .wait_timeout_while(owner, GRANT_PATIENCE, |owner| owner.is_some_and(|(thread, _)| thread != me));
        let (mut owner, _) = waited.unwrap_or_else(PoisonError::into_inner);
        *owner = match *owner {
            Some((thread, count)) if thread == me => Some((me, count + 1)),
            // Free, or waited for in vain.
            _ => Some((me, 1)),
        };
    }

    fn give_back(&self) {
        let me = std::thread::current().id();
        let mut owner = self.owner.lock().unwrap_or_else(PoisonError::into_inner);
        *owner = match *owner {
            Some((thread, count)) if thread == me && count > 1 => Some((me, count - 1)),
            Some((thread, _)) if thread == me => None,
            // Another thread has taken it over.
            other => other,
        };
        self.free.notify_one();
    }
}

/// One isolate's part of the process's heap, and its own limit. V8's callbacks hold a pointer to it.
pub struct HeapLimit {
    charged: Cell<usize>,
    /// This isolate's part of [`BUFFERS_USED`].
    buffers: Cell<usize>,
    /// The isolate's own limit, from its application.
    limit: Cell<usize>,
    terminated: Cell<bool>,
    collecting: Collecting,
    /// V8's limit is beyond the isolate's own until [`settle`](Self::settle).
    granted: Cell<bool>,
    handle: v8::IsolateHandle,
    isolate: v8::UnsafeRawIsolatePtr,
}

impl HeapLimit {
    /// Counts the isolate and watches its heap. The box must outlive the isolate.
    pub fn install(isolate: &mut v8::Isolate) -> Box<Self> {
        // SAFETY: only the pointer is taken; see `end_execution`.
        let pointer = unsafe { isolate.as_raw_isolate_ptr() };
        let this = Box::new(Self {
            isolate: pointer,
            charged: Cell::new(0),
            buffers: Cell::new(0),
            limit: Cell::new(HEAP_BASE_BYTES),
            terminated: Cell::new(false),
            collecting: Collecting::default(),
            granted: Cell::new(false),
            handle: isolate.thread_safe_handle(),
        });
        this.charge(ISOLATE_ESTIMATE_BYTES);
        let data = std::ptr::from_ref(&*this).cast_mut().cast::<c_void>();
        isolate.add_near_heap_limit_callback(near_heap_limit, data);
        isolate.add_gc_prologue_callback(before_collection, data, v8::GCType::kGCTypeMarkSweepCompact);
        isolate.add_gc_epilogue_callback(after_collection, data, v8::GCType::kGCTypeAll);
        this
    }

    /// The heap may grow to `bytes`, if the process has room.
    pub fn set_limit(&self, bytes: usize) {
        self.limit.set(bytes);
    }

    /// Whether the isolate was terminated for its memory: it must not run again.
    #[inline]
    pub fn is_terminated(&self) -> bool {
        self.terminated.get()
    }

    /// The isolate's heap, in bytes, as counted.
    pub fn charged(&self) -> usize {
        self.charged.get()
    }

    /// Counts the isolate's heap as `bytes` from now on.
    pub fn charge(&self, bytes: usize) {
        let before = self.charged.replace(bytes);
        if bytes >= before {
            HEAP_USED.fetch_add(bytes - before, Ordering::Relaxed);
        } else {
            HEAP_USED.fetch_sub(before - bytes, Ordering::Relaxed);
        }
    }

    /// Counts the isolate's buffers as `bytes` from now on.
    pub fn charge_buffers(&self, bytes: usize) {
        let before = self.buffers.replace(bytes);
        if bytes >= before {
            BUFFERS_USED.fetch_add(bytes - before, Ordering::Relaxed);
        } else {
            BUFFERS_USED.fetch_sub(before - bytes, Ordering::Relaxed);
        }
    }

    /// Its memory is beyond what it may have: it runs no further, and not again.
    pub fn terminate(&self) {
        self.terminated.set(true);
        self.end_execution();
    }

    /// The isolate's JavaScript ends where V8 looks next, and is not run again. Only for the isolate's own
    /// thread.
    pub fn end_execution(&self) {
        // For every exception that is no object, the termination among them, V8 would capture the stack, and
        // wants a current context for that. Where WebAssembly looks (when it is compiled anew because it runs
        // for long) there is none, and V8 reads through a null pointer.
        //
        // SAFETY: this is the isolate that `install` was given, which outlives the limit, on its own thread;
        // a setting is written, and no reference to the isolate is used meanwhile by whoever is below.
        let mut isolate = unsafe { v8::Isolate::from_raw_isolate_ptr_unchecked(self.isolate) };
        isolate.set_capture_stack_trace_for_uncaught_exceptions(false, 0);
        self.handle.terminate_execution();
    }

    /// Counts the isolate's heap as it is now.
    pub fn count(&self, isolate: &mut v8::Isolate) {
        self.charge(isolate.get_heap_statistics().total_heap_size());
    }

    /// Whether ending it would help the process.
    pub fn is_large(&self) -> bool {
        self.charged.get() > SMALL_HEAP_BYTES
    }

    /// The process is beyond its limit: this isolate, which has just run, ends for it. True.
    pub fn give_up(&self) -> bool {
        self.terminated.set(true);
        true
    }

    /// After V8 was granted room: the isolate is counted; it ends if it is beyond its limit, else the room is
    /// taken back.
    #[inline]
    pub fn settle(&self, isolate: &mut v8::Isolate) {
        if !self.granted.get() {
            return;
        }
        let bytes = isolate.get_heap_statistics().total_heap_size();
        self.charge(bytes);
        if self.terminated.get() || bytes > self.limit.get() || process_used() > process_limit() {
            // The room stays: the code that unwinds allocates still.
            return self.terminate();
        }
        self.granted.set(false);
        GRANTS.give_back();
        isolate.remove_near_heap_limit_callback(near_heap_limit, bytes + HEAP_STEP_BYTES);
        isolate.add_near_heap_limit_callback(
            near_heap_limit,
            std::ptr::from_ref(self).cast_mut().cast::<c_void>(),
        );
    }
}

impl Drop for HeapLimit {
    fn drop(&mut self) {
        if self.granted.get() {
            GRANTS.give_back();
        }
        self.charge(0);
        self.charge_buffers(0);
    }
}

/// How much of its time an isolate spends in full collections.
#[derive(Default)]
struct Collecting {
    /// The one that is on.
    began: Cell<Option<Instant>>,
    window: Cell<Option<Instant>>,
    /// Time in collections since the window began.
    spent: Cell<Duration>,
}

impl Collecting {
    fn begin(&self, now: Instant) {
        self.began.set(Some(now));
        if self.window.get().is_none_or(|window| now - window > 2 * COLLECTING_WINDOW) {
            // Nothing was collected for some time.
            self.window.set(Some(now));
            self.spent.set(Duration::ZERO);
        }
    }

    /// Whether a window is over in which collections took nearly all the time.
    fn end(&self, now: Instant) -> bool {
        let (Some(began), Some(window)) = (self.began.take(), self.window.get()) else { return false };
        self.spent.set(self.spent.get() + (now - began));
        let passed = now - window;
        if passed < COLLECTING_WINDOW {
            return false;
        }
        self.window.set(Some(now));
        self.spent.take() * 100 >= passed * COLLECTING_PERCENT
    }
}

unsafe extern "C" fn before_collection(
    _: v8::UnsafeRawIsolatePtr,
    _: v8::GCType,
    _: v8::GCCallbackFlags,
    data: *mut c_void,
) {
    // SAFETY: as in `after_collection`.
    let this = unsafe { &*data.cast::<HeapLimit>() };
    this.collecting.begin(Instant::now());
}

unsafe extern "C" fn after_collection(
    isolate: v8::UnsafeRawIsolatePtr,
    kind: v8::GCType,
    _: v8::GCCallbackFlags,
    data: *mut c_void,
) {
    // SAFETY: `data` is the `HeapLimit` that `install` boxed, which outlives the isolate; V8 calls this on
    // the isolate's thread, where alone the limit is used.
    let this = unsafe { &*data.cast::<HeapLimit>() };
    // SAFETY: V8 hands over the isolate that it collects, which is alive for this call.
    let mut isolate = unsafe { v8::Isolate::from_raw_isolate_ptr_unchecked(isolate) };
    let statistics = isolate.get_heap_statistics();
    let bytes = statistics.total_heap_size();
    this.charge(bytes);
    // Beyond the process's limit idle isolates are closed when this one has run (`Runtime::count_heap`). Far
    // beyond it there is no time for that: the isolate that grows gives way, unless it is one of the small
    // ones.
    if bytes > SMALL_HEAP_BYTES && process_used() > process_limit().saturating_add(OVER_LIMIT_BYTES) {
        this.terminate();
    }
    if kind == v8::GCType::kGCTypeMarkSweepCompact
        && this.collecting.end(Instant::now())
        && bytes > this.limit.get() / 100 * NEARLY_FULL_PERCENT
    {
        this.terminate();
    }
    // Resizable buffers do not come from `buffer_allocator`. What is dead but not yet freed counts here,
    // hence the factor.
    if kind == v8::GCType::kGCTypeMarkSweepCompact && statistics.external_memory() > 2 * this.limit.get() {
        this.terminate();
    }
}

unsafe extern "C" fn near_heap_limit(data: *mut c_void, current: usize, _: usize) -> usize {
    // SAFETY: as in `after_collection`.
    let this = unsafe { &*data.cast::<HeapLimit>() };
    if !this.granted.replace(true) {
        GRANTS.take();
    }
    // Whether what is being allocated is within the limit is seen when it is there.
    this.handle.request_interrupt(granted, data);
    current + LARGEST_ALLOCATION_BYTES + HEAP_STEP_BYTES
}

unsafe extern "C" fn granted(isolate: v8::UnsafeRawIsolatePtr, data: *mut c_void) {
    // SAFETY: as in `after_collection`.
    let this = unsafe { &*data.cast::<HeapLimit>() };
    // SAFETY: V8 hands over the isolate that it interrupts, which is alive for this call.
    let mut isolate = unsafe { v8::Isolate::from_raw_isolate_ptr_unchecked(isolate) };
    this.settle(&mut isolate);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constant_collection_is_found_after_a_window() {
        let base = Instant::now();
        let after = |ms| base + Duration::from_millis(ms);
        // 90 ms of every 100.
        let collecting = Collecting::default();
        let mut found = Vec::new();
        for round in 0..25 {
            collecting.begin(after(round * 100));
            if collecting.end(after(round * 100 + 90)) {
                found.push(round);
            }
        }
        assert_eq!(found, [10, 20]);
        // Half of the time is a program that allocates a lot.
        let collecting = Collecting::default();
        for round in 0..50 {
            collecting.begin(after(round * 100));
            assert!(!collecting.end(after(round * 100 + 50)));
        }
        // One long collection after a long time without any is none.
        let collecting = Collecting::default();
        collecting.begin(after(0));
        assert!(!collecting.end(after(900)));
        collecting.begin(after(60_000));
        assert!(!collecting.end(after(60_900)));
    }
}
