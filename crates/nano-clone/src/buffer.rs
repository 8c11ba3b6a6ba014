//! The memory into which V8 writes a value. V8 asks for more while it writes, and each thread keeps one
//! buffer for the next value.

use crate::limits::SCRATCH_BYTES_MAX;
use std::alloc::{Layout, alloc, dealloc, realloc};
use std::cell::Cell;
use std::mem::ManuallyDrop;

/// Memory without a length: V8 knows how much it has written.
pub(crate) struct Buffer {
    data: *mut u8,
    capacity: usize,
}

thread_local! {
    static SCRATCH: Cell<Buffer> = const { Cell::new(Buffer::new()) };
}

impl Buffer {
    pub(crate) const fn new() -> Self {
        Self { data: std::ptr::null_mut(), capacity: 0 }
    }

    /// Takes the thread's buffer with its capacity; a new one while that is in use.
    pub(crate) fn scratch() -> Self {
        SCRATCH.take()
    }

    /// Returns the buffer to the thread, unless it has grown beyond [`SCRATCH_BYTES_MAX`].
    pub(crate) fn keep(self) {
        if self.capacity <= SCRATCH_BYTES_MAX {
            SCRATCH.set(self);
        }
    }

    pub(crate) fn capacity(&self) -> usize {
        self.capacity
    }

    pub(crate) fn data(&self) -> *mut u8 {
        self.data
    }

    /// Grows to `capacity` bytes and keeps the content. False if the system has no memory.
    pub(crate) fn grow(&mut self, capacity: usize) -> bool {
        if capacity <= self.capacity {
            return true;
        }
        let Ok(layout) = Layout::array::<u8>(capacity) else { return false };
        let data = if self.capacity == 0 {
            // SAFETY: the layout is not empty: `capacity` is above 0.
            unsafe { alloc(layout) }
        } else {
            // SAFETY: `data` was allocated with this layout, by these functions or by a `Vec<u8>`.
            let old = unsafe { Layout::array::<u8>(self.capacity).unwrap_unchecked() };
            // SAFETY: as above; the new size is above 0 and was checked by `Layout::array`.
            unsafe { realloc(self.data, old, capacity) }
        };
        if data.is_null() {
            return false;
        }
        (self.data, self.capacity) = (data, capacity);
        true
    }

    /// The first `length` bytes.
    ///
    /// # Safety
    ///
    /// These bytes were written.
    pub(crate) unsafe fn written(&self, length: usize) -> &[u8] {
        if length == 0 {
            return &[];
        }
        debug_assert!(length <= self.capacity);
        // SAFETY: this buffer owns the memory, and the caller promises that these bytes were written.
        unsafe { std::slice::from_raw_parts(self.data, length) }
    }

    /// The first `length` bytes as a vector, without a copy.
    ///
    /// # Safety
    ///
    /// They were written.
    pub(crate) unsafe fn into_vec(self, length: usize) -> Vec<u8> {
        let this = ManuallyDrop::new(self);
        if this.capacity == 0 {
            return Vec::new();
        }
        debug_assert!(length <= this.capacity);
        // SAFETY: Rust's allocator made it with this capacity and an alignment of 1; the caller promises that
        // these bytes were written.
        unsafe { Vec::from_raw_parts(this.data, length, this.capacity) }
    }
}

impl Default for Buffer {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        if self.capacity > 0 {
            // SAFETY: allocated with this layout.
            unsafe { dealloc(self.data, Layout::array::<u8>(self.capacity).unwrap_unchecked()) }
        }
    }
}
