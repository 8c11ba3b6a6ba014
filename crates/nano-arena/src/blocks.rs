//! Memory for large buffers, which a process keeps for a while: a page that the system has to give out and
//! clear costs several times what it costs to copy it. Smaller buffers are the allocator's business. Knows
//! nothing of what buffers are for.
//!
//! From [`MAPPING_BYTES_MIN`] on blocks are mappings of their own; smaller ones come from the allocator,
//! since the system allows a process only so many mappings.
//!
//! A block that is used again still has what was written into it: only memory that is written as a whole is
//! taken without being cleared, as V8 does where it copies.

use std::alloc::Layout;
use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The least that a block is made for. Below, clearing and page faults do not show beside the rest.
pub const BLOCK_BYTES_MIN: usize = 1 << 15;

/// Blocks of this size and above are mappings. What JavaScript makes itself is a block only from here on: it
/// has to be cleared anyway.
pub const MAPPING_BYTES_MIN: usize = 1 << 20;

/// Blocks for large buffers that the process keeps though nobody uses them.
///
/// Limit (bytes): about what an isolate drops between two collections.
pub const KEPT_BYTES_MAX: usize = 64 << 20;

/// Blocks are of whole such pieces, so that sizes that are nearly equal are equal.
const PIECE_BYTES: usize = 1 << 14;

/// Of blocks that are not mappings.
const ALIGN: usize = 16;

struct Kept {
    /// Addresses and sizes; the last is the one that was used last.
    blocks: VecDeque<(usize, usize)>,
    bytes: usize,
}

impl Kept {
    /// The block that was not used for longest, if more is kept than may be: nobody may want its size any
    /// more.
    fn leaving(&mut self) -> Option<(usize, usize)> {
        if self.bytes <= KEPT_BYTES_MAX {
            return None;
        }
        let block = self.blocks.pop_front()?;
        self.bytes -= block.1;
        Some(block)
    }
}

static KEPT: Mutex<Kept> = Mutex::new(Kept { blocks: VecDeque::new(), bytes: 0 });

fn kept() -> MutexGuard<'static, Kept> {
    KEPT.lock().unwrap_or_else(PoisonError::into_inner)
}

fn size(bytes: usize) -> Option<usize> {
    bytes.checked_next_multiple_of(PIECE_BYTES)
}

/// New memory of `size` bytes, a multiple of [`PIECE_BYTES`]; null if there is none. The system clears
/// mappings; what the allocator gives is cleared if `zeroed`.
fn obtain(size: usize, zeroed: bool) -> *mut u8 {
    if size < MAPPING_BYTES_MIN {
        let Ok(layout) = Layout::from_size_align(size, ALIGN) else { return std::ptr::null_mut() };
        // SAFETY: the size is not zero.
        return unsafe { if zeroed { std::alloc::alloc_zeroed(layout) } else { std::alloc::alloc(layout) } };
    }
    let (protection, flags) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
    // SAFETY: new memory, at an address that the system chooses.
    let data = unsafe { libc::mmap(std::ptr::null_mut(), size, protection, flags, -1, 0) };
    if data == libc::MAP_FAILED { std::ptr::null_mut() } else { data.cast() }
}

/// Gives memory back to where it is from.
///
/// # Safety
///
/// `data` came from [`obtain`] with the same `size`, and is not used any more.
unsafe fn give_back(data: *mut u8, size: usize) {
    if size < MAPPING_BYTES_MIN {
        // SAFETY: it was allocated with this layout, by the caller's word.
        unsafe { std::alloc::dealloc(data, Layout::from_size_align_unchecked(size, ALIGN)) };
    } else {
        // SAFETY: it is a mapping of this size, by the caller's word.
        unsafe { libc::munmap(data.cast(), size) };
    }
}

/// A block of at least `bytes`, which must be [`BLOCK_BYTES_MIN`] or more; null if there is no memory. What
/// is in it is undefined, unless `zeroed`.
pub fn allocate(bytes: usize, zeroed: bool) -> *mut u8 {
    debug_assert!(bytes >= BLOCK_BYTES_MIN);
    let Some(size) = size(bytes) else { return std::ptr::null_mut() };
    let known = {
        let mut kept = kept();
        // The one that was used last: its pages are the likeliest to be in a cache.
        let index = kept.blocks.iter().rposition(|(_, of)| *of == size);
        let known = index.and_then(|index| kept.blocks.remove(index));
        known.map(|(address, size)| {
            kept.bytes -= size;
            address
        })
    };
    if let Some(address) = known {
        let data = std::ptr::with_exposed_provenance_mut::<u8>(address);
        if zeroed {
            // SAFETY: the block is ours alone since it left the list, and `size` bytes long.
            unsafe { data.write_bytes(0, bytes) };
        }
        return data;
    }
    obtain(size, zeroed)
}

/// Gives a block back.
///
/// # Safety
///
/// `data` came from [`allocate`] with the same `bytes`, and is not used any more.
pub unsafe fn free(data: *mut u8, bytes: usize) {
    let Some(size) = size(bytes) else { return };
    if size > KEPT_BYTES_MAX {
        // SAFETY: the caller's word: it came from `allocate`, and so from `obtain` with the same size.
        return unsafe { give_back(data, size) };
    }
    let mut leaving = {
        let mut kept = kept();
        kept.bytes += size;
        kept.blocks.push_back((data.expose_provenance(), size));
        kept.leaving()
    };
    while let Some((address, size)) = leaving {
        // SAFETY: the block has left the list, and was made with this size.
        unsafe { give_back(std::ptr::with_exposed_provenance_mut(address), size) };
        leaving = kept().leaving();
    }
}

/// Gives what is kept back to the system.
pub fn trim() {
    let blocks = {
        let mut kept = kept();
        kept.bytes = 0;
        std::mem::take(&mut kept.blocks)
    };
    for (address, size) in blocks {
        // SAFETY: the block left the list, and was made with this size.
        unsafe { give_back(std::ptr::with_exposed_provenance_mut(address), size) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_used_again_cleared_if_wanted_and_kept_up_to_a_limit() {
        let data = allocate(BLOCK_BYTES_MIN, true);
        // SAFETY: allocated above.
        unsafe {
            assert!(std::slice::from_raw_parts(data, BLOCK_BYTES_MIN).iter().all(|byte| *byte == 0));
            data.write_bytes(7, BLOCK_BYTES_MIN);
            free(data, BLOCK_BYTES_MIN);
        }
        let again = allocate(BLOCK_BYTES_MIN, true);
        // SAFETY: as above.
        unsafe {
            assert_eq!(again, data);
            assert!(std::slice::from_raw_parts(again, BLOCK_BYTES_MIN).iter().all(|byte| *byte == 0));
            free(again, BLOCK_BYTES_MIN);
        }
        let many: Vec<_> = (0..100).map(|_| allocate(MAPPING_BYTES_MIN, false)).collect();
        for data in many {
            // SAFETY: as above.
            unsafe { free(data, MAPPING_BYTES_MIN) };
        }
        assert!((KEPT_BYTES_MAX - MAPPING_BYTES_MIN..=KEPT_BYTES_MAX).contains(&kept().bytes));
        // What is freed now is kept, and what was freed long ago is not.
        let other = allocate(2 * MAPPING_BYTES_MIN, false);
        // SAFETY: as above.
        unsafe { free(other, 2 * MAPPING_BYTES_MIN) };
        assert_eq!(allocate(2 * MAPPING_BYTES_MIN, false), other);
        // SAFETY: as above.
        unsafe { free(other, 2 * MAPPING_BYTES_MIN) };
        trim();
        assert_eq!(kept().bytes, 0);
        assert!(allocate(usize::MAX, false).is_null() && allocate(1 << 50, false).is_null());
    }
}
