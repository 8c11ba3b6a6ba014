//! The test's allocator: the system's, which counts the calls of all threads but those of the test itself.

use std::alloc::{GlobalAlloc, Layout, System};
use std::backtrace::Backtrace;
use std::cell::Cell;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

struct Counting;

#[global_allocator]
static ALLOCATOR: Counting = Counting;

static IS_COUNTING: AtomicBool = AtomicBool::new(false);
static CALLS: AtomicUsize = AtomicUsize::new(0);
static SITES: Mutex<Option<HashMap<String, usize>>> = Mutex::new(None);

thread_local! {
    /// Clients, upstreams and the recording of a backtrace are not the server's work.
    static IS_EXEMPT: Cell<bool> = const { Cell::new(false) };
}

/// Calls of this thread do not count from now on.
pub fn exempt_this_thread() {
    IS_EXEMPT.set(true);
}

/// How often the server called the allocator while `body` ran.
pub fn count_calls(body: impl FnOnce()) -> usize {
    CALLS.store(0, Ordering::SeqCst);
    IS_COUNTING.store(true, Ordering::SeqCst);
    body();
    IS_COUNTING.store(false, Ordering::SeqCst);
    CALLS.load(Ordering::SeqCst)
}

/// The functions of this workspace that called the allocator while `body` ran, with their callers and how
/// often; the most frequent first.
pub fn record_sites(body: impl FnOnce()) -> Vec<(String, usize)> {
    *SITES.lock().unwrap_or_else(PoisonError::into_inner) = Some(HashMap::new());
    count_calls(body);
    let sites = SITES.lock().unwrap_or_else(PoisonError::into_inner).take();
    let mut sites: Vec<_> = sites.unwrap_or_default().into_iter().collect();
    sites.sort_by_key(|(_, times)| std::cmp::Reverse(*times));
    sites
}

#[inline]
fn count() {
    if IS_COUNTING.load(Ordering::Relaxed) && !IS_EXEMPT.try_with(Cell::get).unwrap_or(true) {
        CALLS.fetch_add(1, Ordering::SeqCst);
        record();
    }
}

#[cold]
fn record() {
    IS_EXEMPT.set(true);
    if let Some(sites) = &mut *SITES.lock().unwrap_or_else(PoisonError::into_inner) {
        let trace = Backtrace::force_capture().to_string();
        let ours = trace.lines().map(str::trim).filter(|line| line.contains("nano_") && line.contains("::"));
        let ours = ours.filter(|line| !line.contains("allocations::")).take(6);
        let site = ours.collect::<Vec<_>>().join("\n      ");
        *sites.entry(site).or_default() += 1;
    }
    IS_EXEMPT.set(false);
}

// SAFETY: all memory is the system allocator's, asked with the caller's own arguments.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller's contract is the same.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller's contract is the same.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        // SAFETY: the caller's contract is the same.
        unsafe { System.realloc(at, layout, size) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: the caller's contract is the same.
        unsafe { System.dealloc(at, layout) }
    }
}
