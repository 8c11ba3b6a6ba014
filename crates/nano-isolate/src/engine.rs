//! V8 for the whole process: its flags, its initialization, and the platform through which it posts tasks to
//! isolates.

use nano_loop::Sender;
use std::collections::HashMap;
use std::ffi::c_void;
use std::sync::{Once, PoisonError, RwLock};

/// Background threads of V8, which mark and compile.
///
/// Limit (threads): more would compete with the workers.
const MAX_PLATFORM_THREADS: usize = 4;

/// Initializes V8 with these flags; once for a process, however often it is called.
///
/// Threads that run JavaScript must be started after the first call (V8 protects its code with memory
/// protection keys, which threads inherit).
pub fn initialize(flags: &str) {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        v8::V8::set_flags_from_string(flags);
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let threads = cores.saturating_sub(1).clamp(1, MAX_PLATFORM_THREADS) as u32;
        v8::V8::initialize_platform(v8::new_custom_platform(threads, false, false, Foreground).make_shared());
        v8::V8::initialize();
    });
}

/// The version of V8 that is linked.
pub fn v8_version() -> &'static str {
    v8::V8::get_version()
}

/// A task that V8 wants to run on an isolate's thread: the end of a concurrent compilation, a step of garbage
/// collection.
pub struct ForegroundTask {
    /// The isolate's address, its name in this protocol.
    pub isolate: usize,
    /// The task.
    pub task: v8::Task,
    /// After this time; 0: now.
    pub delay_seconds: f64,
}

/// Where the tasks of each isolate go: to its thread's mailbox.
static MAILBOXES: RwLock<Option<HashMap<usize, Sender<ForegroundTask>>>> = RwLock::new(None);

/// From now on the isolate's tasks go to `sender`.
pub fn register_isolate(isolate: usize, sender: Sender<ForegroundTask>) {
    let mut mailboxes = MAILBOXES.write().unwrap_or_else(PoisonError::into_inner);
    mailboxes.get_or_insert_default().insert(isolate, sender);
}

/// From now on the isolate's tasks are dropped.
pub fn unregister_isolate(isolate: usize) {
    let mut mailboxes = MAILBOXES.write().unwrap_or_else(PoisonError::into_inner);
    if let Some(mailboxes) = &mut *mailboxes {
        mailboxes.remove(&isolate);
    }
}

struct Foreground;

impl Foreground {
    fn post(&self, isolate: *mut c_void, task: v8::Task, delay_seconds: f64) {
        let mailboxes = MAILBOXES.read().unwrap_or_else(PoisonError::into_inner);
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
