//! Where Rust's allocations come from: mimalloc, which overwrites what nano-subtle says held a private key.
//!
//! Knows nothing of who allocates. What V8 allocates for itself comes from the allocator that its library brings.

use mimalloc::MiMalloc;
use std::alloc::{GlobalAlloc, Layout};

/// See the module.
pub struct Allocator;

// SAFETY: everything is MiMalloc's, which upholds the trait; beside that, memory is written to while its owner is giving it back.
unsafe impl GlobalAlloc for Allocator {
    #[inline]
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's word is passed on.
        unsafe { MiMalloc.alloc(layout) }
    }

    #[inline]
    unsafe fn dealloc(&self, data: *mut u8, layout: Layout) {
        if nano_runtime::is_wiping() {
            for at in 0..layout.size() {
                // SAFETY: the caller owns `layout.size()` bytes at `data` until this returns.
                unsafe { data.add(at).write_volatile(0) };
            }
        }
        // SAFETY: the caller's word is passed on.
        unsafe { MiMalloc.dealloc(data, layout) }
    }

    #[inline]
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's word is passed on.
        unsafe { MiMalloc.alloc_zeroed(layout) }
    }

    #[inline]
    unsafe fn realloc(&self, data: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // SAFETY: the caller's word is passed on.
        unsafe { MiMalloc.realloc(data, layout, size) }
    }
}
