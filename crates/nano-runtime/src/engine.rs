//! V8 for the whole process: its flags, its initialization, and the platform through which it posts tasks to isolates.
//!
//! Knows nothing of applications.

use nano_loop::{Pool, PoolConfig, Sender};
use std::collections::HashMap;
use std::ffi::c_void;
use std::sync::{Once, OnceLock, RwLock};

/// Background threads of V8, which mark and compile.
///
/// Limit (threads): more would compete with the workers.
const MAX_PLATFORM_THREADS: usize = 4;

/// How much the threads for long work give way to the loops: a tenth of their share while both want the same core.
const WORK_NICENESS: i32 = 10;

#[repr(align(16))]
struct Aligned<T: ?Sized>(T);

/// The startup snapshot that `build.rs` made.
static SNAPSHOT: &Aligned<[u8]> = &Aligned(*include_bytes!(concat!(env!("OUT_DIR"), "/snapshot.bin")));

/// The compiled form of the platform's parts, made with it.
static CACHES: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/caches.bin"));

/// Initializes V8; once for a process, however often it is called.
///
/// Threads that run JavaScript must be started after the first call (V8 protects its code with memory protection keys, which
/// threads inherit).
pub fn initialize() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        v8::V8::set_flags_from_string(nano_web::snapshot::V8_FLAGS);
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let threads = cores.saturating_sub(1).clamp(1, MAX_PLATFORM_THREADS) as u32;
        v8::V8::initialize_platform(v8::new_custom_platform(threads, false, false, Foreground).make_shared());
        v8::V8::initialize();
    });
}

/// The process's threads for what waits rather than computes: names, the system's certificates. Not those of [`pool`], so that no
/// name waits for somebody's key to be derived.
pub(crate) fn waiting_pool() -> Pool {
    static POOL: OnceLock<Pool> = OnceLock::new();
    POOL.get_or_init(|| Pool::new(PoolConfig::default())).clone()
}

/// The version of V8 that is linked.
pub fn v8_version() -> &'static str {
    v8::V8::get_version()
}

/// The threads for what would hold a loop up, shared by all loops of the process; started when first needed.
///
/// They are as many as there are cores, for what comes here computes, and they give way to the loops, which have requests waiting.
pub(crate) fn pool() -> &'static Pool {
    static POOL: OnceLock<Pool> = OnceLock::new();
    POOL.get_or_init(|| {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let defaults = PoolConfig::default();
        Pool::new(PoolConfig { max_threads: cores.clamp(2, 16), niceness: WORK_NICENESS, ..defaults })
    })
}

/// The snapshot, as V8 takes it.
pub(crate) fn snapshot() -> v8::StartupData {
    v8::StartupData::from(&SNAPSHOT.0)
}

/// What goes with it.
pub(crate) fn caches() -> nano_web::CodeCaches {
    nano_web::CodeCaches::new(CACHES)
}

/// A task that V8 wants to run on an isolate's thread: the end of a concurrent compilation, a step of garbage collection.
pub(crate) struct ForegroundTask {
    /// The isolate's address, its name in this protocol.
    pub(crate) isolate: usize,
    pub(crate) task: v8::Task,
    pub(crate) delay_seconds: f64,
}

/// Where the tasks of each isolate go: to its thread's mailbox.
static MAILBOXES: RwLock<Option<HashMap<usize, Sender<ForegroundTask>>>> = RwLock::new(None);

/// From now on the isolate's tasks go to `sender`.
pub(crate) fn register(isolate: usize, sender: Sender<ForegroundTask>) {
    let mut mailboxes = MAILBOXES.write().unwrap_or_else(std::sync::PoisonError::into_inner);
    mailboxes.get_or_insert_default().insert(isolate, sender);
}

/// From now on the isolate's tasks are dropped.
pub(crate) fn unregister(isolate: usize) {
    let mut mailboxes = MAILBOXES.write().unwrap_or_else(std::sync::PoisonError::into_inner);
    if let Some(mailboxes) = &mut *mailboxes {
        mailboxes.remove(&isolate);
    }
}

struct Foreground;

impl Foreground {
    fn post(&self, isolate: *mut c_void, task: v8::Task, delay_seconds: f64) {
        let mailboxes = MAILBOXES.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        let isolate = isolate as usize;
        // An isolate without a mailbox is being made or dropped: what it posts then need not run.
        if let Some(sender) = mailboxes.as_ref().and_then(|mailboxes| mailboxes.get(&isolate)) {
            // A full or closed mailbox gives the task back, which drops it.
            let _ = sender.send(ForegroundTask { isolate, task, delay_seconds });
        }
    }
}

impl v8::PlatformImpl for Foreground {
    fn post_task(&self, isolate: *mut c_void, task: v8::Task) {
        self.post(isolate, task, 0.0);
    }

    fn post_non_nestable_task(&self, isolate: *mut c_void, task: v8::Task) {
        self.post(isolate, task, 0.0);
    }

    fn post_delayed_task(&self, isolate: *mut c_void, task: v8::Task, delay_in_seconds: f64) {
        self.post(isolate, task, delay_in_seconds);
    }

    fn post_non_nestable_delayed_task(&self, isolate: *mut c_void, task: v8::Task, delay_in_seconds: f64) {
        self.post(isolate, task, delay_in_seconds);
    }

    fn post_idle_task(&self, _: *mut c_void, task: v8::IdleTask) {
        // Idle tasks are off (`idle_task_support`); V8 posts none.
        drop(task);
    }
}
