//! A store of free chunks: arenas take from it and give back to it. Knows nothing of what chunks hold.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::chunk::{Chunk, LARGEST, OVERHEAD, UNPOOLED};

/// What a [`Pool`] keeps and in which sizes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolConfig {
    /// Bytes of an arena's first chunk, rounded up to a power of two of at least 512. The next ones double.
    /// Default 4 KiB: a request's head, its handles and a small answer fit, and it is one page.
    pub first_chunk: usize,
    /// Bytes of the largest chunk that is kept for reuse, rounded up as `first_chunk`. What needs more gets a
    /// chunk of its own from the system, which goes back to the system: a single large request must not
    /// fatten the pool. Default 64 KiB.
    pub largest_chunk: usize,
    /// The high-water mark: bytes of free chunks that the pool keeps at most. Default 4 MiB, a thousand
    /// requests in flight at a time.
    pub high_water: usize,
}

impl Default for PoolConfig {
    fn default() -> PoolConfig {
        PoolConfig { first_chunk: 4 << 10, largest_chunk: 64 << 10, high_water: 4 << 20 }
    }
}

/// The smallest chunk: below it the overhead of a chunk is out of proportion.
const SMALLEST_CHUNK: usize = 512;

/// Counters of a [`Pool`], for metrics. Bytes are those asked of the system's allocator.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PoolStats {
    /// Bytes of the chunks that arenas hold now.
    pub live_bytes: usize,
    /// The most that `live_bytes` has been.
    pub peak_bytes: usize,
    /// Bytes of the free chunks in the pool.
    pub pooled_bytes: usize,
    /// Free chunks in the pool.
    pub pooled_chunks: usize,
    /// How many chunks were taken from the pool, in all.
    pub recycled: u64,
    /// How many chunks were taken from the system, in all.
    pub allocated: u64,
    /// How many chunks were given back to the system, in all.
    pub freed: u64,
    /// How many allocations were refused by an arena's limit or an account, in all.
    pub refused_by_limit: u64,
    /// How many allocations were refused by the system, in all.
    pub refused_by_system: u64,
}

/// A store of free chunks, and the source of its arenas.
///
/// A handle: clones are the same pool. It lives as long as it or one of its arenas does. Each worker and each
/// isolate has its own. Arenas may go to another thread and give their chunks back from there; a mutex guards
/// the free chunks, which costs two uncontended atomic operations for each chunk that is taken or given back.
///
/// ```
/// # use nano_arena::Pool;
/// let pool = Pool::default();
/// for _request in 0..3 {
///     let arena = pool.arena();
///     assert_eq!(arena.alloc_str("GET /")?, "GET /");
/// }
/// assert_eq!((pool.stats().allocated, pool.stats().recycled), (1, 2));
/// # Ok::<(), nano_arena::Exhausted>(())
/// ```
#[derive(Clone)]
pub struct Pool {
    shared: Arc<Shared>,
}

struct Shared {
    /// What a chunk of each class is.
    sizes: Vec<Size>,
    state: Mutex<State>,
}

struct State {
    /// Free chunks, a shelf for each class: class `n` is `first_chunk << n` bytes.
    shelves: Vec<Vec<Chunk>>,
    high_water: usize,
    /// All counters but `pooled_chunks`, which the shelves know.
    stats: PoolStats,
}

/// A size of chunk that [`Pool::take`] can be asked for.
#[derive(Clone, Copy)]
pub(crate) struct Size {
    class: u8,
    capacity: usize,
    /// What it costs.
    pub(crate) bytes: usize,
}

impl Default for Pool {
    fn default() -> Pool {
        Pool::new(PoolConfig::default())
    }
}

impl Pool {
    /// An empty pool. Sizes out of range are brought into it, as [`PoolConfig`] says.
    pub fn new(config: PoolConfig) -> Pool {
        let round = |n: usize| n.clamp(SMALLEST_CHUNK, 1 << 30).next_power_of_two();
        let first_chunk = round(config.first_chunk);
        let largest = round(config.largest_chunk).max(first_chunk);
        let classes = (largest / first_chunk).trailing_zeros() as usize + 1;
        let size = |class: usize| {
            let capacity = (first_chunk << class) - OVERHEAD;
            Size { class: class as u8, capacity, bytes: Chunk::bytes_for(capacity) }
        };
        let sizes: Vec<Size> = (0..classes).map(size).collect();
        let shelves = sizes.iter().map(|_| Vec::new()).collect();
        let state = State { shelves, high_water: config.high_water, stats: PoolStats::default() };
        Pool { shared: Arc::new(Shared { sizes, state: Mutex::new(state) }) }
    }

    /// The counters.
    pub fn stats(&self) -> PoolStats {
        let state = self.state();
        PoolStats { pooled_chunks: state.shelves.iter().map(Vec::len).sum(), ..state.stats }
    }

    /// Changes the high-water mark, and trims to it.
    pub fn set_high_water(&self, bytes: usize) {
        self.state().high_water = bytes;
        self.trim(bytes);
    }

    /// Gives free chunks back to the system, the largest first, until at most `to` bytes are left.
    /// Returns how many bytes were given back.
    pub fn trim(&self, to: usize) -> usize {
        let State { shelves, stats, .. } = &mut *self.state();
        let before = stats.pooled_bytes;
        for shelf in shelves.iter_mut().rev() {
            while stats.pooled_bytes > to
                && let Some(chunk) = shelf.pop()
            {
                stats.pooled_bytes -= chunk.bytes();
                stats.freed += 1;
            }
            if to == 0 {
                // Not `shrink_to_fit`, which may allocate.
                *shelf = Vec::new();
            }
        }
        before - stats.pooled_bytes
    }

    #[inline]
    fn state(&self) -> MutexGuard<'_, State> {
        // No code of others runs under the lock, so a panic in there has left nothing half done.
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The smallest size of chunks that has `need` usable bytes and is of `class` or more; `None` if the pool
    /// keeps none.
    #[inline]
    pub(crate) fn size_for(&self, need: usize, class: u8) -> Option<Size> {
        let from = self.shared.sizes.get(class as usize..).unwrap_or(&[]);
        from.iter().find(|size| size.capacity >= need).copied()
    }

    /// The class after `class`, or the largest.
    #[inline]
    pub(crate) fn class_after(&self, class: u8) -> u8 {
        (class + 1).min((self.shared.sizes.len() - 1) as u8)
    }

    /// A chunk for `need` usable bytes and hardly more, which is not kept; `None` if no system has so much.
    pub(crate) fn exact_size(&self, need: usize) -> Option<Size> {
        let capacity = need.max(1);
        (capacity <= LARGEST).then(|| Size { class: UNPOOLED, capacity, bytes: Chunk::bytes_for(capacity) })
    }

    /// Takes a chunk, from the pool or the system; `None` if the system refuses.
    #[inline]
    pub(crate) fn take(&self, size: Size) -> Option<Chunk> {
        let mut state = self.state();
        let State { shelves, stats, .. } = &mut *state;
        if let Some(chunk) = shelves.get_mut(size.class as usize).and_then(Vec::pop) {
            stats.pooled_bytes -= chunk.bytes();
            stats.recycled += 1;
            stats.add_live(chunk.bytes());
            return Some(chunk);
        }
        drop(state);
        let chunk = Chunk::from_system(size.capacity, size.class)?;
        let stats = &mut self.state().stats;
        stats.allocated += 1;
        stats.add_live(chunk.bytes());
        Some(chunk)
    }

    /// Takes a chunk back: it is kept if its size is pooled and the high-water mark allows, else freed.
    #[inline]
    pub(crate) fn give(&self, mut chunk: Chunk) {
        chunk.clear();
        let bytes = chunk.bytes();
        let mut state = self.state();
        let State { shelves, high_water, stats } = &mut *state;
        stats.live_bytes -= bytes;
        if stats.pooled_bytes + bytes <= *high_water
            && let Some(shelf) = shelves.get_mut(chunk.class() as usize)
            // Without room in the list the chunk is merely not kept.
            && shelf.try_reserve(1).is_ok()
        {
            shelf.push(chunk);
            stats.pooled_bytes += bytes;
            return;
        }
        stats.freed += 1;
        // Freed without the lock.
        drop(state);
        drop(chunk);
    }

    pub(crate) fn count_refused_by_limit(&self) {
        self.state().stats.refused_by_limit += 1;
    }

    pub(crate) fn count_refused_by_system(&self) {
        self.state().stats.refused_by_system += 1;
    }
}

impl PoolStats {
    fn add_live(&mut self, bytes: usize) {
        self.live_bytes += bytes;
        self.peak_bytes = self.peak_bytes.max(self.live_bytes);
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Pool").field(&self.stats()).finish()
    }
}
