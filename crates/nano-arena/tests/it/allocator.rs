//! The test binary's allocator: the system's, counted for each thread, and failing when a test says so.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

thread_local! {
    static LIVE_BYTES: Cell<isize> = const { Cell::new(0) };
    /// How many more allocations succeed on this thread; `None` for all.
    static LEFT: Cell<Option<u64>> = const { Cell::new(None) };
}

/// Bytes this thread has allocated and not freed.
pub fn live_bytes() -> isize {
    LIVE_BYTES.get()
}

/// Runs `body` with an allocator that serves `count` allocations and then fails. Tells whether it came to
/// failing.
pub fn failing_after<R>(count: u64, body: impl FnOnce() -> R) -> (R, bool) {
    struct Reset;
    impl Drop for Reset {
        fn drop(&mut self) {
            LEFT.set(None);
        }
    }
    let _reset = Reset;
    // One more than are served: the last is the first to fail, and stays so.
    LEFT.set(Some(count + 1));
    let result = body();
    let failed = LEFT.get() == Some(0);
    (result, failed)
}

fn refuses() -> bool {
    match LEFT.get() {
        None => false,
        Some(0) => true,
        Some(left) => {
            LEFT.set(Some(left - 1));
            left == 1
        }
    }
}

fn count(bytes: isize) {
    LIVE_BYTES.set(LIVE_BYTES.get() + bytes);
}

// SAFETY: all memory is the system allocator's, asked with the caller's own arguments; failing is allowed at
// any time.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if refuses() {
            return std::ptr::null_mut();
        }
        // SAFETY: the caller's contract is the same.
        let at = unsafe { System.alloc(layout) };
        if !at.is_null() {
            count(layout.size() as isize);
        }
        at
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        count(-(layout.size() as isize));
        // SAFETY: the caller's contract is the same.
        unsafe { System.dealloc(at, layout) }
    }
}
