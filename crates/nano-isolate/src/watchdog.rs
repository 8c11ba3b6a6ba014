//! The watchdog: which isolate each worker thread runs, for how long, and the interrupts of those that run
//! for long.
//!
//! Each worker thread has a [`Pulse`]: which isolate runs now, and how often that has changed. One watchdog
//! thread of the process looks at all of them. Where the same run has gone on for a slice and the worker's
//! loop has something ready, the watchdog asks V8 for an interrupt; its callback ([`Interrupts::give_way`])
//! runs on the worker's thread, inside the running JavaScript, and may turn the loop from there. A tenant
//! that is not in anybody's way keeps the thread: in a long run only its memory is counted now and then,
//! since that of WebAssembly grows without asking.
//!
//! On the path of a request this costs a few stores without synchronization; no clock is read.

use crate::cpu::CpuClock;
use nano_loop::Probe;
use std::collections::HashMap;
use std::ffi::c_void;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::Thread;
use std::time::{Duration, Instant};

/// Time that a tenant runs while others on its thread wait, and that these then have.
///
/// Limit (ms): short enough that nobody notices, long enough that a change costs little.
pub const SLICE: Duration = Duration::from_millis(2);

/// How often the watchdog looks while some tenant computes for long. Half of a slice, so that one lasts at
/// most one and a half.
const LOOK_EVERY: Duration = Duration::from_millis(1);

/// How often it looks while all runs are short, as they are nearly always: every look costs the worker a
/// little.
const CALM_LOOK_EVERY: Duration = SLICE;

/// So long after a long run, the next is expected.
const CALM_AFTER: Duration = Duration::from_millis(100);

/// With nothing run for so long, the watchdog sleeps until something runs.
const SLEEP_AFTER: Duration = Duration::from_millis(200);

/// The longest sleep.
const SLEEP_AT_MOST: Duration = Duration::from_millis(100);

/// The watchdog has seen one run in two looks: it may have allocated a lot.
const LONG: u32 = 1;
/// It has met a run.
const SAMPLED: u32 = 2;

/// How the watchdog has seen a run.
#[derive(Clone, Copy, Debug)]
pub struct Observation(u32);

impl Observation {
    /// Of a run that goes on.
    pub const LONG: Self = Self(LONG);

    /// Nothing.
    #[inline]
    pub fn is_none(self) -> bool {
        self.0 == 0
    }

    /// It was on in two looks.
    #[inline]
    pub fn is_long(self) -> bool {
        self.0 & LONG != 0
    }
}

/// The state that a worker thread shows the watchdog.
#[derive(Default)]
pub struct Pulse {
    /// Key of the instance that runs, plus one; 0 while none does.
    running: AtomicU32,
    /// Changes whenever `running` is written.
    sequence: AtomicU64,
    /// How the watchdog has seen the run since this was taken last: [`LONG`], [`SAMPLED`].
    observed: AtomicU32,
    /// CPU time, in nanoseconds, that passed before the look which met a run first, and that it is charged
    /// with.
    sampled: AtomicU64,
    /// The worker's CPU clock at that look.
    seen_at: AtomicU64,
    /// The sequence for which an interrupt was asked in which memory is counted, until it has come.
    counting: AtomicU64,
    /// The sequence for which the latest interrupt was asked.
    asked: AtomicU64,
    /// The driver has something to do that the loop does not know of.
    waiting: AtomicBool,
    /// The isolates that can be interrupted, by key.
    handles: Mutex<HashMap<u32, v8::IsolateHandle>>,
}

impl Pulse {
    /// The instance runs from now on. Returns what [`end`](Self::end) needs.
    #[inline]
    pub fn begin(&self, key: u32) -> u32 {
        let before = self.running.load(Ordering::Relaxed);
        self.write(key + 1);
        if ASLEEP.load(Ordering::Relaxed) {
            wake();
        }
        before
    }

    /// It no longer runs; what ran before it goes on.
    #[inline]
    pub fn end(&self, before: u32) {
        self.write(before);
    }

    /// How the watchdog has seen the run that is on; this is taken before its [`end`](Self::end).
    #[inline]
    pub fn take_observation(&self) -> Observation {
        // Written seldom, so the load is cheap.
        if self.observed.load(Ordering::Relaxed) == 0 {
            return Observation(0);
        }
        Observation(self.observed.swap(0, Ordering::Relaxed))
    }

    /// The run that goes on after a pause is a long one.
    pub fn resume(&self, paused: u32) {
        self.end(paused);
        self.observed.store(LONG, Ordering::Relaxed);
    }

    /// The number of the run that is on.
    pub fn run(&self) -> u64 {
        self.sequence.load(Ordering::Relaxed)
    }

    /// The CPU time that a run is to be charged with from its first look, in nanoseconds, and the thread's
    /// CPU clock at that look.
    pub fn take_sample(&self) -> (u64, u64) {
        (self.sampled.swap(0, Ordering::Relaxed), self.seen_at.load(Ordering::Relaxed))
    }

    /// The interrupt in which memory is counted has come. Whether it was asked for the run that is on now.
    pub fn counted(&self) -> bool {
        // A late one says nothing of the run that is on now.
        let sequence = self.sequence.load(Ordering::Relaxed);
        self.counting.compare_exchange(sequence, 0, Ordering::Relaxed, Ordering::Relaxed).is_ok()
    }

    /// Whether the driver has something to do beside the events of its loop, for which a tenant gives way
    /// too.
    #[inline]
    pub fn set_waiting(&self, waiting: bool) {
        self.waiting.store(waiting, Ordering::Relaxed);
    }

    /// Nothing runs for a while: the tenant on the stack gives way. [`resume`](Self::resume) with the result
    /// lets it go on.
    pub fn pause(&self) -> u32 {
        let before = self.running.load(Ordering::Relaxed);
        self.write(0);
        self.observed.store(0, Ordering::Relaxed);
        before
    }

    #[inline]
    fn write(&self, running: u32) {
        // Only the worker's thread writes: no read-modify-write is needed.
        self.running.store(running, Ordering::Relaxed);
        self.sequence.store(self.sequence.load(Ordering::Relaxed) + 1, Ordering::Release);
    }

    /// Whether the interrupt that is being served was asked for the run that is on now; a late one is not.
    pub fn is_due(&self) -> bool {
        self.asked.load(Ordering::Acquire) == self.sequence.load(Ordering::Relaxed)
    }

    /// The isolate of this key may be interrupted from now on.
    pub fn add(&self, key: u32, handle: v8::IsolateHandle) {
        self.handles.lock().unwrap_or_else(PoisonError::into_inner).insert(key, handle);
    }

    /// It may not.
    pub fn remove(&self, key: u32) {
        self.handles.lock().unwrap_or_else(PoisonError::into_inner).remove(&key);
    }
}

/// A worker under watch; dropping it ends that.
pub struct Watched(u64);

impl Watched {
    /// No worker at all.
    pub fn none() -> Self {
        Self(u64::MAX)
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        let mut workers = WORKERS.lock().unwrap_or_else(PoisonError::into_inner);
        workers.retain(|worker| worker.id != self.0);
    }
}

struct Worker {
    id: u64,
    pulse: Arc<Pulse>,
    probe: Probe,
    clock: CpuClock,
    /// The clock's reading in the last look.
    used: u64,
    interrupts: Interrupts,
    seen: u64,
    since: Instant,
}

impl Worker {
    /// Has `callback` called on the worker's thread, within the JavaScript of the instance `key`, with the
    /// thread's runtime.
    fn interrupt(&self, key: u32, callback: InterruptCallback) {
        let handles = self.pulse.handles.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(handle) = handles.get(&key) {
            handle.request_interrupt(callback, self.interrupts.data as *mut c_void);
        }
    }
}

static WORKERS: Mutex<Vec<Worker>> = Mutex::new(Vec::new());
static ASLEEP: AtomicBool = AtomicBool::new(false);
static THREAD: OnceLock<Thread> = OnceLock::new();

#[cold]
fn wake() {
    if ASLEEP.swap(false, Ordering::AcqRel)
        && let Some(thread) = THREAD.get()
    {
        thread.unpark();
    }
}

/// A function that V8 calls inside the JavaScript that it interrupts, on its thread.
pub type InterruptCallback = unsafe extern "C" fn(v8::UnsafeRawIsolatePtr, *mut c_void);

/// Callbacks that the watchdog requests in runs that go on for long.
#[derive(Clone, Copy)]
pub struct Interrupts {
    /// In every long run, once: for its memory to be counted.
    pub count_memory: InterruptCallback,
    /// After [`SLICE`], where the worker has something else to do.
    pub give_way: InterruptCallback,
    /// The callbacks' second argument: the address of the value that they work on, which outlives the
    /// isolates of the thread.
    pub data: usize,
}

/// Puts the calling thread under watch as a worker.
///
/// # Errors
///
/// If the watchdog's thread cannot be started.
pub fn watch(pulse: Arc<Pulse>, probe: Probe, interrupts: Interrupts) -> std::io::Result<Watched> {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let id = NEXT.fetch_add(1, Ordering::Relaxed);
    let mut workers = WORKERS.lock().unwrap_or_else(PoisonError::into_inner);
    let clock = CpuClock::of_this_thread();
    let (since, used) = (Instant::now(), clock.read());
    workers.push(Worker { id, pulse, probe, clock, used, interrupts, seen: 0, since });
    if THREAD.get().is_none() {
        let thread = std::thread::Builder::new().name("nano-watchdog".into()).spawn(watchdog)?;
        let _ = THREAD.set(thread.thread().clone());
    }
    Ok(Watched(id))
}

fn watchdog() {
    let mut active = Instant::now();
    let mut calm_from = active;
    loop {
        let now = Instant::now();
        let seen = look(now);
        if seen.any {
            active = now;
        }
        if seen.long {
            calm_from = now + CALM_AFTER;
        }
        if now - active > SLEEP_AFTER {
            ASLEEP.store(true, Ordering::Release);
            // A run that begins just now may not see that the watchdog sleeps: so it never sleeps for long.
            if look(Instant::now()).any {
                ASLEEP.store(false, Ordering::Release);
            } else {
                std::thread::park_timeout(SLEEP_AT_MOST);
                ASLEEP.store(false, Ordering::Release);
            }
            active = Instant::now();
        } else {
            std::thread::park_timeout(if now < calm_from { LOOK_EVERY } else { CALM_LOOK_EVERY });
        }
    }
}

/// The result of a look at all workers.
#[derive(Default)]
struct Seen {
    /// Some worker has run something since the last look.
    any: bool,
    /// Some run has been on in two looks.
    long: bool,
}

/// Looks at every worker once.
fn look(now: Instant) -> Seen {
    let mut seen = Seen::default();
    let mut workers = WORKERS.lock().unwrap_or_else(PoisonError::into_inner);
    for worker in workers.iter_mut() {
        let sequence = worker.pulse.sequence.load(Ordering::Acquire);
        let running = worker.pulse.running.load(Ordering::Relaxed);
        if sequence != worker.seen {
            worker.seen = sequence;
            worker.since = now;
            seen.any = true;
            let used = worker.clock.read();
            let before = std::mem::replace(&mut worker.used, used);
            if running != 0 {
                // The run that is on stands for all runs since the last look.
                worker.pulse.sampled.store(used.saturating_sub(before), Ordering::Relaxed);
                worker.pulse.seen_at.store(used, Ordering::Relaxed);
                worker.pulse.observed.fetch_or(SAMPLED, Ordering::Relaxed);
            }
            continue;
        }
        if running == 0 {
            continue;
        }
        seen.any = true;
        seen.long = true;
        worker.used = worker.clock.read();
        worker.pulse.observed.fetch_or(LONG, Ordering::Relaxed);
        if worker.pulse.counting.swap(sequence, Ordering::Relaxed) != sequence {
            worker.interrupt(running - 1, worker.interrupts.count_memory);
        }
        // Seen at the look after it began, so up to LOOK_EVERY late.
        if now - worker.since + LOOK_EVERY < SLICE
            || worker.pulse.asked.load(Ordering::Relaxed) == sequence
            || !(worker.probe.has_work() || worker.pulse.waiting.load(Ordering::Relaxed))
        {
            continue;
        }
        worker.pulse.asked.store(sequence, Ordering::Release);
        worker.interrupt(running - 1, worker.interrupts.give_way);
    }
    seen
}
