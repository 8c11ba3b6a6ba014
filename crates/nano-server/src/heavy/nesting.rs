//! Which applications may be entered from within a time slice of another.

use nano_loop::Moment;
use nano_runtime::Instance;
use std::cell::Cell;
use std::time::Duration;

/// So long after it has computed for more than a slice, an application is expected to do so again.
const HEAVY_FOR: Duration = Duration::from_secs(10);

/// With so many tenants below that compute, only applications are admitted that are known: one more of those
/// that do not give way by themselves would bring the thread nearer to the depth at which none gives way.
const CROWDED_DEPTH: u32 = 2;

/// An application that has run so often in its isolate, and has not computed for long, is known.
const KNOWN_RUNS: u32 = 32;

/// What is known of an application's computing, on one thread.
#[derive(Debug)]
pub(crate) struct Nesting {
    /// Until then the application is taken for one that computes for long.
    heavy_until: Cell<Moment>,
}

impl Default for Nesting {
    fn default() -> Self {
        Self { heavy_until: Cell::new(Moment::ZERO) }
    }
}

impl Nesting {
    /// The application has exceeded a limit.
    pub(crate) fn set_heavy(&self, now: Moment) {
        self.heavy_until.set(now + HEAVY_FOR);
    }

    /// Whether the application may be entered. `depth`: so many other tenants' JavaScript waits below.
    pub(crate) fn allows(&self, instance: Option<&Instance>, depth: u32, now: Moment) -> bool {
        if depth == 0 {
            return true;
        }
        let known = instance.is_some_and(|instance| instance.runs() >= KNOWN_RUNS);
        let running = instance.is_some_and(Instance::is_running);
        if depth >= CROWDED_DEPTH && !known && !running {
            return false;
        }
        if let Some(at) = instance.and_then(Instance::last_gave_way) {
            self.heavy_until.set(self.heavy_until.get().max(at + HEAVY_FOR));
        }
        // While its JavaScript is below, what comes for it is queued there: that holds no other application
        // up.
        self.heavy_until.get() <= now || running
    }
}
