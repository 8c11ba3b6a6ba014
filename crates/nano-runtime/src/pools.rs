//! The process's threads for work that would hold a loop up.

use nano_loop::{Pool, PoolConfig};
use std::sync::OnceLock;

/// How much the threads for long work give way to the loops: a tenth of their share while both want the same
/// core.
const WORK_NICENESS: i32 = 10;

/// The threads for work that computes, shared by all loops of the process; started when first needed.
///
/// They are as many as there are cores, and they give way to the loops, which have requests waiting.
pub(crate) fn computing() -> &'static Pool {
    static POOL: OnceLock<Pool> = OnceLock::new();
    POOL.get_or_init(|| {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let defaults = PoolConfig::default();
        Pool::new(PoolConfig { max_threads: cores.clamp(2, 16), niceness: WORK_NICENESS, ..defaults })
    })
}

/// The threads for what waits rather than computes: names, the system's certificates. Not those of
/// [`computing`], so that no name waits for somebody's key to be derived.
pub(crate) fn waiting() -> Pool {
    static POOL: OnceLock<Pool> = OnceLock::new();
    POOL.get_or_init(|| Pool::new(PoolConfig::default())).clone()
}
