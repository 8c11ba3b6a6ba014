//! A thread's store of free chunks: arenas take from it and give back to it. Knows nothing of what chunks hold.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::rc::Rc;

use crate::arena::Arena;
use crate::budget::Budget;
use crate::chunk::{Chunk, LARGEST, OVERHEAD, UNPOOLED};

/// What a [`Pool`] keeps and in which sizes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolConfig {
    /// Bytes of an arena's first chunk, rounded up to a power of two of at least 512. The next ones double.
    /// Default 4 KiB: a request's head, its handles and a small answer fit, and it is one page.
    pub first_chunk: usize,
    /// Bytes of the largest chunk that is kept for reuse, rounded up as `first_chunk`. What needs more gets a chunk of its own
    /// from the system, which goes back to the system: a single large request must not fatten the pool.
    /// Default 64 KiB.
    pub largest_chunk: usize,
    /// The high-water mark: bytes of free chunks that the pool keeps at most. Default 4 MiB for each thread, a
    /// thousand requests in flight at a time.
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
    /// How many allocations were refused by an arena's limit or a budget, in all.
    pub refused_by_limit: u64,
    /// How many allocations were refused by the system, in all.
    pub refused_by_system: u64,
}

/// One thread's store of free chunks, and the source of its arenas.
///
/// A handle: clones are the same pool. It lives as long as it or one of its arenas does.
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
    shared: Rc<Shared>,
}

struct Shared {
    /// Free chunks, a shelf for each class: class `n` is `first_chunk << n` bytes.
    shelves: RefCell<Vec<Vec<Chunk>>>,
    /// What a chunk of each class is.
    sizes: Vec<Size>,
    high_water: Cell<usize>,
    pooled_bytes: Cell<usize>,
    live_bytes: Cell<usize>,
    peak_bytes: Cell<usize>,
    recycled: Cell<u64>,
    allocated: Cell<u64>,
    freed: Cell<u64>,
    refused_by_limit: Cell<u64>,
    refused_by_system: Cell<u64>,
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
        Pool {
            shared: Rc::new(Shared {
                shelves: RefCell::new((0..classes).map(|_| Vec::new()).collect()),
                sizes: (0..classes).map(size).collect(),
                high_water: Cell::new(config.high_water),
                pooled_bytes: Cell::new(0),
                live_bytes: Cell::new(0),
                peak_bytes: Cell::new(0),
                recycled: Cell::new(0),
                allocated: Cell::new(0),
                freed: Cell::new(0),
                refused_by_limit: Cell::new(0),
                refused_by_system: Cell::new(0),
            }),
        }
    }

    /// A new arena that no budget limits. It holds no memory before its first allocation.
    #[inline]
    pub fn arena(&self) -> Arena {
        Arena::new(self.clone(), None)
    }

    /// A new arena whose chunks are charged to `budget`.
    #[inline]
    pub fn arena_for(&self, budget: &Budget) -> Arena {
        Arena::new(self.clone(), Some(budget.clone()))
    }

    /// The counters.
    pub fn stats(&self) -> PoolStats {
        let s = &*self.shared;
        PoolStats {
            live_bytes: s.live_bytes.get(),
            peak_bytes: s.peak_bytes.get(),
            pooled_bytes: s.pooled_bytes.get(),
            pooled_chunks: s.shelves.borrow().iter().map(Vec::len).sum(),
            recycled: s.recycled.get(),
            allocated: s.allocated.get(),
            freed: s.freed.get(),
            refused_by_limit: s.refused_by_limit.get(),
            refused_by_system: s.refused_by_system.get(),
        }
    }

    /// Changes the high-water mark, and trims to it.
    pub fn set_high_water(&self, bytes: usize) {
        self.shared.high_water.set(bytes);
        self.trim(bytes);
    }

    /// Gives free chunks back to the system, the largest first, until at most `to` bytes are left.
    /// Returns how many bytes were given back.
    pub fn trim(&self, to: usize) -> usize {
        let s = &*self.shared;
        let before = s.pooled_bytes.get();
        for shelf in s.shelves.borrow_mut().iter_mut().rev() {
            while s.pooled_bytes.get() > to
                && let Some(chunk) = shelf.pop()
            {
                s.pooled_bytes.set(s.pooled_bytes.get() - chunk.bytes());
                s.freed.set(s.freed.get() + 1);
            }
            if to == 0 {
                // Not `shrink_to_fit`, which may allocate.
                *shelf = Vec::new();
            }
        }
        before - s.pooled_bytes.get()
    }

    /// The smallest size of chunks that has `need` usable bytes and is of `class` or more; `None` if the pool keeps none.
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
        let s = &*self.shared;
        let free = match s.shelves.borrow_mut().get_mut(size.class as usize) {
            Some(shelf) => shelf.pop(),
            None => None,
        };
        let chunk = match free {
            Some(chunk) => {
                s.pooled_bytes.set(s.pooled_bytes.get() - chunk.bytes());
                s.recycled.set(s.recycled.get() + 1);
                chunk
            }
            None => {
                let chunk = Chunk::from_system(size.capacity, size.class)?;
                s.allocated.set(s.allocated.get() + 1);
                chunk
            }
        };
        let live = s.live_bytes.get() + chunk.bytes();
        s.live_bytes.set(live);
        s.peak_bytes.set(s.peak_bytes.get().max(live));
        Some(chunk)
    }

    /// Takes a chunk back: it is kept if its size is pooled and the high-water mark allows, else freed.
    #[inline]
    pub(crate) fn give(&self, mut chunk: Chunk) {
        let s = &*self.shared;
        let bytes = chunk.bytes();
        s.live_bytes.set(s.live_bytes.get() - bytes);
        let pooled = s.pooled_bytes.get() + bytes;
        if pooled <= s.high_water.get()
            && let Some(shelf) = s.shelves.borrow_mut().get_mut(chunk.class() as usize)
            // Without room in the list the chunk is merely not kept.
            && shelf.try_reserve(1).is_ok()
        {
            chunk.clear();
            shelf.push(chunk);
            s.pooled_bytes.set(pooled);
        } else {
            s.freed.set(s.freed.get() + 1);
        }
    }

    pub(crate) fn count_refused_by_limit(&self) {
        self.shared.refused_by_limit.set(self.shared.refused_by_limit.get() + 1);
    }

    pub(crate) fn count_refused_by_system(&self) {
        self.shared.refused_by_system.set(self.shared.refused_by_system.get() + 1);
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Pool").field(&self.stats()).finish()
    }
}
