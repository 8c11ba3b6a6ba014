//! Where Rust's allocations come from: small ones from mimalloc, large ones from the process's malloc, the largest from what the process
//! keeps of them. What nano-subtle says held a
//! part of a private key is overwritten.
//!
//! Knows nothing of who allocates. What V8 allocates for itself comes from the allocator that its library brings.

use mimalloc::MiMalloc;
use nano_runtime::blocks::{self, MAPPING_BYTES_MIN};
use std::alloc::{GlobalAlloc, Layout, System};

/// From this size on memory is malloc's, which gives it back to the system. Pieces of bodies are freed by V8's threads, and what mimalloc
/// holds of other threads' frees was 25 MB more at the peak of an upload.
const LARGE_BYTES: usize = 4 << 10;

/// See the module.
pub struct Allocator;

/// Who has memory of a size.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Home {
    MiMalloc,
    System,
    Blocks,
}

/// Alignments beyond this are nobody's but malloc's: blocks begin with a page.
const PAGE_BYTES: usize = 4 << 10;

fn home(size: usize, align: usize) -> Home {
    if size < LARGE_BYTES {
        Home::MiMalloc
    } else if size >= MAPPING_BYTES_MIN && align <= PAGE_BYTES {
        Home::Blocks
    } else {
        Home::System
    }
}

// SAFETY: everything is MiMalloc's or System's, which uphold the trait; whose a piece of memory is, is told by its size, which both ends
// of its life are given. Beside that, memory is written to while its owner is giving it back.
unsafe impl GlobalAlloc for Allocator {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's word is passed on.
        unsafe {
            match home(layout.size(), layout.align()) {
                Home::MiMalloc => MiMalloc.alloc(layout),
                Home::System => System.alloc(layout),
                Home::Blocks => blocks::allocate(layout.size(), false),
            }
        }
    }

    #[inline]
    unsafe fn dealloc(&self, data: *mut u8, layout: Layout) {
        if nano_runtime::is_wiping() {
            for at in 0..layout.size() {
                // SAFETY: the caller owns `layout.size()` bytes at `data` until this returns.
                unsafe { data.add(at).write_volatile(0) };
            }
        }
        // SAFETY: the caller's word is passed on, to whom `alloc` had it from: size and alignment are the same.
        unsafe {
            match home(layout.size(), layout.align()) {
                Home::MiMalloc => MiMalloc.dealloc(data, layout),
                Home::System => System.dealloc(data, layout),
                Home::Blocks => blocks::free(data, layout.size()),
            }
        }
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's word is passed on.
        unsafe {
            match home(layout.size(), layout.align()) {
                Home::MiMalloc => MiMalloc.alloc_zeroed(layout),
                Home::System => System.alloc_zeroed(layout),
                Home::Blocks => blocks::allocate(layout.size(), true),
            }
        }
    }

    #[inline]
    unsafe fn realloc(&self, data: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        match (home(layout.size(), layout.align()), home(size, layout.align())) {
            // SAFETY: the caller's word is passed on, to whose the memory is and stays.
            (Home::MiMalloc, Home::MiMalloc) => unsafe { MiMalloc.realloc(data, layout, size) },
            // SAFETY: the same.
            (Home::System, Home::System) => unsafe { System.realloc(data, layout, size) },
            _ => {
                // SAFETY: the caller says that `size` is not zero and does not overflow with this alignment.
                let moved = unsafe { Layout::from_size_align_unchecked(size, layout.align()) };
                // SAFETY: as above.
                let new = unsafe { self.alloc(moved) };
                if !new.is_null() {
                    // SAFETY: both have so many bytes, and the new memory is nobody else's.
                    unsafe { std::ptr::copy_nonoverlapping(data, new, layout.size().min(size)) };
                    // SAFETY: the caller gives the old memory up if there is new.
                    unsafe { self.dealloc(data, layout) };
                }
                new
            }
        }
    }
}
