//! A small pool of threads for work that blocks, shared by the loops of several threads. It knows of a loop only
//! where to leave the note that a job has ended.

use crate::priority;
use std::any::Any;
use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Weak;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use crate::event::Handle;
use crate::event_loop::Core;
use crate::shared::{Note, Shared};

/// What a [`Pool`] may use.
#[derive(Clone, Debug)]
pub struct PoolConfig {
    /// Threads at most. Default 4: what comes here waits for the system (names, files) more than it computes, and
    /// what computes (key derivation) must not crowd out the loops, which have a core each.
    pub max_threads: usize,
    /// Jobs that may wait for a thread. Default 1,024: at a millisecond a job four threads are a quarter of a
    /// second behind then, and who asks for more had better be told so.
    pub queue_limit: usize,
    /// How long a thread waits for a job before it ends. Default 10 s: bursts find it alive, quiet servers hold
    /// no idle stacks.
    pub idle_timeout: Duration,
    /// Bytes of stack for each thread. Default 1 MiB: resolvers of the C library use a few hundred KiB at worst.
    pub thread_stack: usize,
    /// How much the threads give way to others when they compute: the system's "nice" value, 0 to 19. Default 0. Only on Linux,
    /// where threads have one of their own.
    pub niceness: i32,
}

impl Default for PoolConfig {
    fn default() -> PoolConfig {
        PoolConfig {
            max_threads: 4,
            queue_limit: 1024,
            idle_timeout: Duration::from_secs(10),
            thread_stack: 1 << 20,
            niceness: 0,
        }
    }
}

/// Why a job was not accepted.
#[derive(Debug)]
#[non_exhaustive]
pub enum PoolFull {
    /// All threads are busy and as many jobs wait as may.
    Queue {
        /// [`PoolConfig::queue_limit`].
        limit: usize,
    },
    /// No thread is there and the system gave none (or [`PoolConfig::max_threads`] is zero).
    NoThread(io::Error),
}

impl fmt::Display for PoolFull {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PoolFull::Queue { limit } => write!(f, "the pool for blocking work is full: {limit} jobs wait"),
            PoolFull::NoThread(error) => write!(f, "the pool for blocking work has no thread: {error}"),
        }
    }
}

impl std::error::Error for PoolFull {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            PoolFull::Queue { .. } => None,
            PoolFull::NoThread(error) => Some(error),
        }
    }
}

/// A job panicked. The thread that ran it goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobPanicked {
    /// The panic's message, where it is text.
    pub message: String,
}

impl fmt::Display for JobPanicked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a blocking job panicked: {}", self.message)
    }
}

impl std::error::Error for JobPanicked {}

/// Threads for blocking work, started when first needed. A handle: clones are the same pool. When the last clone
/// is gone (a [`Job`] holds one too) idle threads end at once, busy ones after their job.
#[derive(Clone)]
pub struct Pool(Arc<PoolHandle>);

/// Its end is the pool's: the threads hold the inner part only.
struct PoolHandle(Arc<PoolInner>);

struct PoolInner {
    config: PoolConfig,
    state: Mutex<PoolState>,
    work: Condvar,
}

#[derive(Default)]
struct PoolState {
    queue: VecDeque<Arc<dyn Run>>,
    threads: usize,
    idle: usize,
    closed: bool,
}

impl Pool {
    /// A pool without threads yet.
    pub fn new(config: PoolConfig) -> Pool {
        let inner = PoolInner { config, state: Mutex::default(), work: Condvar::new() };
        Pool(Arc::new(PoolHandle(Arc::new(inner))))
    }

    /// What the pool was made with.
    pub fn config(&self) -> &PoolConfig {
        &self.0.0.config
    }

    /// Threads alive now.
    pub fn threads(&self) -> usize {
        self.0.0.state().threads
    }

    /// Jobs that wait for a thread.
    pub fn queued(&self) -> usize {
        self.0.0.state().queue.len()
    }

    pub(crate) fn submit(&self, job: Arc<dyn Run>) -> Result<(), PoolFull> {
        let inner = &self.0.0;
        let mut state = inner.state();
        // Jobs in the queue have a claim on the idle threads, woken but perhaps not yet running.
        if state.idle <= state.queue.len() && state.threads < inner.config.max_threads {
            // Under the lock: nobody may count on a thread that then does not come to be.
            let worker = inner.clone();
            let first = job.clone();
            let spawned = thread::Builder::new()
                .name("nano-blocking".into())
                .stack_size(inner.config.thread_stack)
                .spawn(move || worker.work(first));
            match spawned {
                Ok(_) => {
                    state.threads += 1;
                    return Ok(());
                }
                Err(error) if state.threads == 0 => return Err(PoolFull::NoThread(error)),
                // Those that are there will come to it.
                Err(_) => {}
            }
        }
        if state.threads == 0 {
            let error = io::Error::new(io::ErrorKind::InvalidInput, "max_threads is zero");
            return Err(PoolFull::NoThread(error));
        }
        if state.queue.len() >= state.idle.saturating_add(inner.config.queue_limit) {
            return Err(PoolFull::Queue { limit: inner.config.queue_limit });
        }
        state.queue.push_back(job);
        drop(state);
        inner.work.notify_one();
        Ok(())
    }

    fn withdraw(&self, job: &dyn Run) {
        let target = std::ptr::from_ref(job).cast::<()>();
        self.0.0.state().queue.retain(|queued| Arc::as_ptr(queued).cast::<()>() != target);
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.0.0.state();
        f.debug_struct("Pool").field("threads", &state.threads).field("queued", &state.queue.len()).finish()
    }
}

impl Drop for PoolHandle {
    fn drop(&mut self) {
        self.0.state().closed = true;
        self.0.work.notify_all();
    }
}

impl PoolInner {
    fn state(&self) -> MutexGuard<'_, PoolState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A thread's life.
    fn work(&self, first: Arc<dyn Run>) {
        priority::give_way(self.config.niceness);
        first.run();
        drop(first);
        let mut state = self.state();
        loop {
            if let Some(job) = state.queue.pop_front() {
                drop(state);
                job.run();
                drop(job);
                state = self.state();
                continue;
            }
            if state.closed {
                break;
            }
            state.idle += 1;
            let (woken, timeout) = self
                .work
                .wait_timeout_while(state, self.config.idle_timeout, |s| s.queue.is_empty() && !s.closed)
                .unwrap_or_else(PoisonError::into_inner);
            state = woken;
            state.idle -= 1;
            if timeout.timed_out() && state.queue.is_empty() {
                break;
            }
        }
        state.threads -= 1;
    }
}

/// A job as the pool sees it. Never unwinds.
pub(crate) trait Run: Send + Sync {
    fn run(&self);
}

type Work<T> = Box<dyn FnOnce() -> T + Send>;

enum Progress<T> {
    Waiting(Work<T>),
    Running,
    Ended(Result<T, JobPanicked>),
    /// The result was taken, or nobody wants it.
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
    fn replace(&self, with: Progress<T>) -> Progress<T> {
        std::mem::replace(&mut *self.progress.lock().unwrap_or_else(PoisonError::into_inner), with)
    }
}

impl<T: Send> Run for Task<T> {
    fn run(&self) {
        let work = {
            let mut progress = self.progress.lock().unwrap_or_else(PoisonError::into_inner);
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
            let mut progress = self.progress.lock().unwrap_or_else(PoisonError::into_inner);
            match *progress {
                Progress::Running => {
                    *progress = Progress::Ended(result);
                    None
                }
                _ => Some(result),
            }
        };
        match unwanted {
            None => self.shared.post(Note::Done(self.handle)),
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
        "(not a text)".to_owned()
    };
    contain(move || drop(payload));
    JobPanicked { message }
}

/// Runs a destructor that is not ours and may panic.
fn contain(destructor: impl FnOnce()) {
    if let Err(payload) = catch_unwind(AssertUnwindSafe(destructor)) {
        // The payload of a panicking destructor may panic in its own: leaking it ends that.
        std::mem::forget(payload);
    }
}

/// A blocking job that was submitted with [`Loop::run_blocking`](crate::Loop::run_blocking).
///
/// Dropping it cancels the job if it has not started; if it has, its result is dropped when it ends. Either way
/// no [`Event::Done`](crate::Event::Done) of it is delivered any more.
pub struct Job<T> {
    task: Arc<Task<T>>,
    handle: Handle,
    core: Weak<Core>,
    /// What takes the task out of its queue again.
    withdraw: fn(&Job<T>),
    pool: Pool,
}

impl<T: Send + 'static> Job<T> {
    pub(crate) fn new(task: Arc<Task<T>>, handle: Handle, core: Weak<Core>, pool: Pool) -> Job<T> {
        Job { task, handle, core, withdraw: |job| job.pool.withdraw(&*job.task), pool }
    }
}

impl<T> Job<T> {
    /// The result, once: `None` before the job has ended and after the result was taken.
    pub fn take(&self) -> Option<Result<T, JobPanicked>> {
        let mut progress = self.task.progress.lock().unwrap_or_else(PoisonError::into_inner);
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
        let before = self.task.replace(Progress::Over);
        if matches!(before, Progress::Waiting(_)) {
            (self.withdraw)(self);
        }
        if let Some(core) = self.core.upgrade() {
            core.forget_job(self.handle);
        }
        // Last, and without a lock: the closure's or the result's destructor is not ours.
        drop(before);
    }
}

impl<T> fmt::Debug for Job<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Job").finish_non_exhaustive()
    }
}
