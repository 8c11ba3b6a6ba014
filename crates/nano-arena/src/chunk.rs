//! One block of memory from the system, bumped through by bumpalo. Knows nothing of pools and accounts.

use std::alloc::Layout;
use std::ptr::{self, NonNull};

use bumpalo::Bump;

/// What the head, bumpalo and the system's allocator need beside a chunk's usable bytes: chunks are asked for
/// so that with this they come out as powers of two or whole pages.
pub(crate) const OVERHEAD: usize = BUMP_OVERHEAD + size_of::<Head>().next_multiple_of(16);

/// The share of bumpalo and the system's allocator in [`OVERHEAD`].
const BUMP_OVERHEAD: usize = 64;

/// The allocator's own share of [`OVERHEAD`], which is not part of what bumpalo asks it for.
const MALLOC_OVERHEAD: usize = 16;

/// Chunks of a page or more are whole pages; smaller ones powers of two.
const PAGE: usize = 4096;

/// bumpalo makes no chunk with fewer usable bytes than this.
const LEAST_CAPACITY: usize = 512 - BUMP_OVERHEAD;

/// The largest usable size that is asked of the system. Larger ones overflow `isize` with what is added to
/// them.
pub(crate) const LARGEST: usize = isize::MAX as usize - 2 * PAGE;

/// The class of a chunk that no pool keeps.
pub(crate) const UNPOOLED: u8 = u8::MAX;

/// A block of memory. Dropping it frees the block.
///
/// One word, so that moving it in and out of lists costs nothing: what describes the block lies in the block
/// itself.
pub(crate) struct Chunk {
    head: NonNull<Head>,
}

// SAFETY: a chunk owns its block, head and `Bump` included, and neither is tied to a thread.
unsafe impl Send for Chunk {}

/// What describes a block: the first that is cut off it, whenever it is empty.
struct Head {
    bump: Bump,
    /// Bytes asked of the system's allocator.
    bytes: usize,
    /// Where the block starts that `cut_all` cut off: by it the owner of the block finds its chunk again.
    block: *const u8,
    class: u8,
}

impl Chunk {
    /// The bytes that a chunk of `capacity` usable bytes will ask of the system. `capacity` is at most
    /// [`LARGEST`]. It mirrors bumpalo's rounding; whoever charges it compares with [`Chunk::bytes`], which
    /// is the truth.
    pub(crate) fn bytes_for(capacity: usize) -> usize {
        let capacity = (capacity + size_of::<Head>()).next_multiple_of(16).max(LEAST_CAPACITY);
        let total = if capacity < PAGE {
            (capacity + BUMP_OVERHEAD).next_power_of_two()
        } else {
            (capacity + BUMP_OVERHEAD).next_multiple_of(PAGE)
        };
        total - MALLOC_OVERHEAD
    }

    /// Asks the system for a chunk of at least `capacity` usable bytes, 1 to [`LARGEST`] of them.
    pub(crate) fn from_system(capacity: usize, class: u8) -> Option<Chunk> {
        debug_assert!(capacity > 0 && capacity <= LARGEST);
        let bump = Bump::try_with_capacity(capacity + size_of::<Head>()).ok()?;
        // All growth goes through the arena and its limits, so bumpalo must never ask for a second block.
        bump.set_allocation_limit(Some(bump.allocated_bytes()));
        let bytes = bump.allocated_bytes_including_metadata();
        let head = bump.try_alloc_layout(Layout::new::<Head>()).ok()?.cast::<Head>();
        // SAFETY: fresh memory of the layout of `Head`. Moving `bump` into what it manages is fine: it holds
        // addresses only.
        unsafe { head.write(Head { bump, bytes, block: ptr::null(), class }) };
        Some(Chunk { head })
    }

    #[inline]
    fn head(&self) -> &Head {
        // SAFETY: written by `from_system` and never cut off again, since `clear` cuts it off first. `&mut`
        // to it is only made from `&mut self`.
        unsafe { self.head.as_ref() }
    }

    /// Bytes that the system was asked for.
    #[inline]
    pub(crate) fn bytes(&self) -> usize {
        self.head().bytes
    }

    /// The pool's class of this chunk, or [`UNPOOLED`].
    #[inline]
    pub(crate) fn class(&self) -> u8 {
        self.head().class
    }

    /// Usable bytes that are left.
    #[inline]
    pub(crate) fn room(&self) -> usize {
        self.head().bump.chunk_capacity()
    }

    /// Cuts `layout` off, if there is surely room for it whatever the alignment costs.
    #[inline]
    pub(crate) fn cut(&self, layout: Layout) -> Option<NonNull<u8>> {
        if need(layout)? > self.room() {
            return None;
        }
        self.head().bump.try_alloc_layout(layout).ok()
    }

    /// Cuts off what is left as one block of alignment `align`, and how long it is: as far as it goes, a
    /// multiple of `align`.
    pub(crate) fn cut_all(&mut self, align: usize) -> Option<(NonNull<u8>, usize)> {
        let len = self.room().checked_sub(align - 1)? & !(align - 1);
        let block = self.cut(Layout::from_size_align(len, align).ok()?)?;
        // SAFETY: see `head`; `&mut self` excludes other references to it.
        unsafe { self.head.as_mut() }.block = block.as_ptr();
        Some((block, len))
    }

    /// If its block, cut off by [`Chunk::cut_all`], starts at `block`.
    pub(crate) fn is_block(&self, block: NonNull<u8>) -> bool {
        ptr::eq(self.head().block, block.as_ptr())
    }

    /// Takes back everything that was cut off. Only the chunk's owner may call it, when nobody looks at it
    /// any more: what was handed out are raw pointers, so the compiler does not hold this.
    #[inline]
    pub(crate) fn clear(&mut self) {
        // SAFETY: see `head`; `&mut self` excludes other references to it.
        let head = unsafe { self.head.as_mut() };
        head.block = ptr::null();
        head.bump.reset();
        // The head's own memory was given up with the rest. It comes first again, in the same place and
        // unchanged.
        let again = head.bump.try_alloc_layout(Layout::new::<Head>());
        debug_assert_eq!(again.ok(), Some(self.head.cast()));
    }
}

impl Drop for Chunk {
    fn drop(&mut self) {
        // SAFETY: the head is read once, here; the block that held it is freed as its `bump` is dropped, and
        // `self` is not used again.
        drop(unsafe { self.head.read() });
    }
}

/// The usable bytes in which `layout`, whose size is a multiple of its alignment as every type's is, fits at
/// any start. `None` if there is no such number.
#[inline]
pub(crate) fn need(layout: Layout) -> Option<usize> {
    layout.size().checked_add(layout.align() - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_foretold_size_is_the_real_one() {
        for capacity in (1..6000).chain([8128, 8192, 65_472, 65_536, 1 << 20, (1 << 20) + 1]) {
            let chunk = Chunk::from_system(capacity, 0).unwrap();
            assert_eq!(chunk.bytes(), Chunk::bytes_for(capacity), "capacity {capacity}");
            assert!(chunk.room() >= capacity);
        }
    }

    #[test]
    fn a_chunk_never_grows_by_itself() {
        let chunk = Chunk::from_system(100, 0).unwrap();
        let bytes = chunk.bytes();
        let mut cuts = 0;
        while chunk.cut(Layout::new::<[u8; 8]>()).is_some() {
            cuts += 1;
        }
        assert!(cuts >= 12 && chunk.room() < 8);
        assert_eq!(chunk.head().bump.allocated_bytes_including_metadata(), bytes);
        assert!(chunk.head().bump.try_alloc_layout(Layout::new::<[u8; 4096]>()).is_err());
    }

    #[test]
    fn a_cleared_chunk_is_as_new() {
        let mut chunk = Chunk::from_system(1000, 3).unwrap();
        let (room, bytes) = (chunk.room(), chunk.bytes());
        let first = chunk.cut(Layout::new::<u64>()).unwrap();
        let (block, len) = chunk.cut_all(1).unwrap();
        assert!(chunk.is_block(block) && !chunk.is_block(first));
        assert!(len >= room - 16 && chunk.cut_all(16).is_none());
        chunk.clear();
        assert_eq!((chunk.room(), chunk.bytes(), chunk.class()), (room, bytes, 3));
        assert!(!chunk.is_block(block));
        assert_eq!(chunk.cut(Layout::new::<u64>()), Some(first));
    }

    #[test]
    fn the_largest_size_is_refused_by_the_system_and_does_not_panic() {
        let _ = Chunk::bytes_for(LARGEST);
        assert!(Chunk::from_system(LARGEST, UNPOOLED).is_none());
    }
}
