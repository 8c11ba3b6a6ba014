//! Rust's global allocator: small allocations from mimalloc, large ones from the system's malloc, the largest
//! from the process's pool of mapped blocks. Memory that may hold a private key (`nano_runtime::is_wiping`)
//! is overwritten when it is freed.
//!
//! V8's own allocations do not come here, but from the allocator of its library.

use mimalloc::MiMalloc;
use nano_runtime::blocks::{self, MAPPING_BYTES_MIN};
use std::alloc::{GlobalAlloc, Layout, System};

/// Allocations of this size and more come from malloc, which returns them to the system. V8's threads free
/// pieces of bodies, and mimalloc kept 25 MB more of such frees at the peak of an upload.
const LARGE_BYTES: usize = 4 << 10;

/// The global allocator of the program.
pub struct Allocator;

/// The allocator that serves a size.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Home {
    MiMalloc,
    System,
    Blocks,
}

/// The largest alignment of blocks, which begin at a page. Larger alignments come from malloc.
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

// SAFETY: every method forwards to MiMalloc, System or `blocks`, which uphold the trait. `home` depends only
// on size and alignment, which callers pass alike to `alloc` and `dealloc`, so memory returns to the
// allocator that it came from. `dealloc` writes only to memory that its caller still owns.
unsafe impl GlobalAlloc for Allocator {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's promises are forwarded unchanged.
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
        // SAFETY: the caller's promises are forwarded unchanged; size and alignment are those of `alloc`, so
        // `home` is the same.
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
        // SAFETY: the caller's promises are forwarded unchanged.
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
            // SAFETY: the caller's promises are forwarded unchanged; the memory is MiMalloc's before and
            // after.
            (Home::MiMalloc, Home::MiMalloc) => unsafe { MiMalloc.realloc(data, layout, size) },
            // SAFETY: the caller's promises are forwarded unchanged; the memory is System's before and after.
            (Home::System, Home::System) => unsafe { System.realloc(data, layout, size) },
            _ => {
                // SAFETY: the caller promises that `size` does not overflow with this alignment.
                let moved = unsafe { Layout::from_size_align_unchecked(size, layout.align()) };
                // SAFETY: the caller promises that `size` is not zero.
                let new = unsafe { self.alloc(moved) };
                if !new.is_null() {
                    // SAFETY: both have at least this many bytes, and new memory overlaps no other.
                    unsafe { std::ptr::copy_nonoverlapping(data, new, layout.size().min(size)) };
                    // SAFETY: the caller gives up the old memory if this returns new memory.
                    unsafe { self.dealloc(data, layout) };
                }
                new
            }
        }
    }
}
