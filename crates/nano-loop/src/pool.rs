//! A small pool of threads for work that blocks, shared by the loops of several threads. It does not know the
//! loops.

use crate::priority;
use std::collections::VecDeque;
use std::fmt;
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// The limits of a [`Pool`].
#[derive(Clone, Debug)]
pub struct PoolConfig {
    /// Most threads. Default 4: jobs wait for the system (names, files) more than they compute, and jobs that
    /// compute (key derivation) must not crowd out the loops, which have a core each.
    pub max_threads: usize,
    /// Most jobs that wait for a thread. Default 1,024: at one millisecond for each job, four threads are
    /// then a quarter of a second behind, and a refusal is the better answer.
    pub queue_limit: usize,
    /// How long a thread waits for a job before it ends. Default 10 s: a burst finds threads alive, and a
    /// quiet server keeps no idle stacks.
    pub idle_timeout: Duration,
    /// Bytes of stack for each thread. Default 1 MiB: resolvers of the C library use a few hundred KiB at
    /// most.
    pub thread_stack: usize,
    /// The niceness of the threads, 0 to 19: how much they give way to others when they compute. Default 0.
    /// Only on Linux, where each thread has its own.
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
    /// All threads are busy and the queue is full.
    Queue {
        /// [`PoolConfig::queue_limit`].
        limit: usize,
    },
    /// There is no thread and the system could not start one (or [`PoolConfig::max_threads`] is zero).
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

/// Threads for blocking work, started when first needed. Clones are handles to the same pool.
///
/// When the last handle is dropped (a [`Job`](crate::Job) holds one too) idle threads end at once, busy ones
/// after their job.
#[derive(Clone)]
pub struct Pool(Arc<PoolHandle>);

/// Ends the threads when it is dropped. The threads hold only the inner part, so they do not keep it alive.
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
    /// Makes a pool, without threads yet.
    pub fn new(config: PoolConfig) -> Pool {
        let inner = PoolInner { config, state: Mutex::default(), work: Condvar::new() };
        Pool(Arc::new(PoolHandle(Arc::new(inner))))
    }

    /// The limits that the pool was made with.
    pub fn config(&self) -> &PoolConfig {
        &self.0.0.config
    }

    /// The number of threads that are alive.
    pub fn threads(&self) -> usize {
        self.0.0.state().threads
    }

    /// The number of jobs that wait for a thread.
    pub fn queued(&self) -> usize {
        self.0.0.state().queue.len()
    }

    pub(crate) fn submit(&self, job: Arc<dyn Run>) -> Result<(), PoolFull> {
        let inner = &self.0.0;
        let mut state = inner.state();
        // Each job in the queue will take an idle thread, which may be woken and not yet running.
        if state.idle <= state.queue.len() && state.threads < inner.config.max_threads {
            // Under the lock, so that no other job counts on a thread that then fails to start.
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
                // The threads that exist will run it.
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

    pub(crate) fn withdraw(&self, job: &dyn Run) {
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

    /// The body of a thread.
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

/// A job as the pool sees it. It never unwinds.
pub(crate) trait Run: Send + Sync {
    fn run(&self);
}
