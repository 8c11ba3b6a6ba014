//! Jobs: work on a thread of a pool whose end is an event of a loop, and whose result the loop's thread
//! takes.

use std::any::Any;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Weak;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::core::Core;
use crate::event::Handle;
use crate::pool::{Pool, Run};
use crate::shared::{Notification, Shared};

/// A job panicked. The thread that ran it continues.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobPanicked {
    /// The panic's message, if it is text.
    pub message: String,
}

impl fmt::Display for JobPanicked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a blocking job panicked: {}", self.message)
    }
}

impl std::error::Error for JobPanicked {}

type Work<T> = Box<dyn FnOnce() -> T + Send>;

enum Progress<T> {
    Waiting(Work<T>),
    Running,
    Ended(Result<T, JobPanicked>),
    /// The result was taken, or the [`Job`] was dropped.
    Over,
}

pub(crate) struct Task<T> {
    progress: Mutex<Progress<T>>,
    shared: Arc<Shared>,
    handle: Handle,
}

impl<T: Send + 'static> Task<T> {
    pub(crate) fn new(work: Work<T>, shared: Arc<Shared>, handle: Handle) -> Arc<Task<T>> {
        Arc::new(Task { progress: Mutex::new(Progress::Waiting(work)), shared, handle })
    }
}

impl<T> Task<T> {
    fn progress(&self) -> MutexGuard<'_, Progress<T>> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: Send> Run for Task<T> {
    fn run(&self) {
        let work = {
            let mut progress = self.progress();
            match std::mem::replace(&mut *progress, Progress::Running) {
                Progress::Waiting(work) => work,
                other => {
                    *progress = other;
                    return;
                }
            }
        };
        let result = catch_unwind(AssertUnwindSafe(work)).map_err(panicked);
        let unwanted = {
            let mut progress = self.progress();
            match *progress {
                Progress::Running => {
                    *progress = Progress::Ended(result);
                    None
                }
                _ => Some(result),
            }
        };
        match unwanted {
            None => self.shared.notify(Notification::Done(self.handle)),
            Some(result) => contain(move || drop(result)),
        }
    }
}

fn panicked(payload: Box<dyn Any + Send>) -> JobPanicked {
    let message = if let Some(text) = payload.downcast_ref::<&str>() {
        (*text).to_owned()
    } else if let Some(text) = payload.downcast_ref::<String>() {
        text.clone()
    } else {
        "(the message is not text)".to_owned()
    };
    contain(move || drop(payload));
    JobPanicked { message }
}

/// Runs a destructor of foreign code, which may panic.
fn contain(destructor: impl FnOnce()) {
    if let Err(payload) = catch_unwind(AssertUnwindSafe(destructor)) {
        // The payload's own destructor may panic too: it is leaked, so that this ends.
        std::mem::forget(payload);
    }
}

/// A blocking job that was submitted with [`Loop::run_blocking`](crate::Loop::run_blocking).
///
/// Dropping it cancels the job if it has not started; if it has, its result is dropped when it ends. In both
/// cases no [`Event::Done`](crate::Event::Done) of it is delivered any more.
pub struct Job<T> {
    task: Arc<Task<T>>,
    handle: Handle,
    core: Weak<Core>,
    /// Takes the task out of the pool's queue.
    withdraw: fn(&Job<T>),
    pool: Pool,
}

impl<T: Send + 'static> Job<T> {
    pub(crate) fn new(task: Arc<Task<T>>, handle: Handle, core: Weak<Core>, pool: Pool) -> Job<T> {
        Job { task, handle, core, withdraw: |job| job.pool.withdraw(&*job.task), pool }
    }
}

impl<T> Job<T> {
    /// Takes the result; `None` before the job has ended and after the result was taken.
    pub fn take(&self) -> Option<Result<T, JobPanicked>> {
        let mut progress = self.task.progress();
        match std::mem::replace(&mut *progress, Progress::Over) {
            Progress::Ended(result) => Some(result),
            other => {
                *progress = other;
                None
            }
        }
    }
}

impl<T> Drop for Job<T> {
    fn drop(&mut self) {
        let before = std::mem::replace(&mut *self.task.progress(), Progress::Over);
        if matches!(before, Progress::Waiting(_)) {
            (self.withdraw)(self);
        }
        if let Some(core) = self.core.upgrade() {
            core.remove_job(self.handle);
        }
        // Last, and without a lock: the destructor of the closure or of the result is foreign code.
        drop(before);
    }
}

impl<T> fmt::Debug for Job<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Job").finish_non_exhaustive()
    }
}
