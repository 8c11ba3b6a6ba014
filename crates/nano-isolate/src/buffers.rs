//! ArrayBuffers of an isolate: they live outside of V8's heap. The allocator here counts them against the
//! isolate's limit, and refuses (a RangeError in JavaScript) instead of growing.

use nano_arena::{Account, blocks};
use std::alloc::Layout;
use std::ffi::c_void;
use std::ptr::NonNull;

/// The allocator of an isolate's ArrayBuffers, for `CreateParams`: it charges `account`. Buffers may outlive
/// the isolate and be freed on V8's own threads.
pub(crate) fn buffer_allocator(account: &Account) -> v8::UniqueRef<v8::Allocator> {
    static VTABLE: v8::RustAllocatorVtable<Account> =
        v8::RustAllocatorVtable { allocate, allocate_uninitialized, free, drop };
    // SAFETY: the functions of the table treat the handle as the box that it is, and free what they
    // allocated.
    unsafe { v8::new_rust_allocator(Box::into_raw(Box::new(account.clone())), &VTABLE) }
}

/// How a buffer that is no block is allocated: with every element type's alignment, and a size of which
/// allocators have that without looking.
fn small(bytes: usize) -> Layout {
    debug_assert!(bytes < blocks::MAPPING_BYTES_MIN);
    // SAFETY: the alignment is a power of two, and so few bytes do not overflow.
    unsafe { Layout::from_size_align_unchecked(bytes.next_multiple_of(16), 16) }
}

/// An allocation of no bytes: any address that is not null.
fn dangling() -> *mut c_void {
    NonNull::<u64>::dangling().as_ptr().cast()
}

unsafe extern "C" fn allocate(account: &Account, bytes: usize) -> *mut c_void {
    if bytes == 0 {
        return dangling();
    }
    if account.charge_bytes(bytes).is_err() {
        return std::ptr::null_mut();
    }
    let data: *mut c_void = if bytes < blocks::MAPPING_BYTES_MIN {
        // SAFETY: there are bytes to allocate; null is V8's sign that there is no memory.
        unsafe { std::alloc::alloc_zeroed(small(bytes)).cast() }
    } else {
        blocks::allocate(bytes, true).cast()
    };
    if data.is_null() {
        account.release_bytes(bytes);
    }
    data
}

unsafe extern "C" fn allocate_uninitialized(account: &Account, bytes: usize) -> *mut c_void {
    if bytes == 0 {
        return dangling();
    }
    if account.charge_bytes(bytes).is_err() {
        return std::ptr::null_mut();
    }
    let data: *mut c_void = if bytes < blocks::MAPPING_BYTES_MIN {
        // SAFETY: as above.
        unsafe { std::alloc::alloc(small(bytes)).cast() }
    } else {
        blocks::allocate(bytes, false).cast()
    };
    if data.is_null() {
        account.release_bytes(bytes);
    }
    data
}

unsafe extern "C" fn free(account: &Account, data: *mut c_void, bytes: usize) {
    if bytes == 0 {
        return;
    }
    account.release_bytes(bytes);
    // SAFETY: V8 gives back what `allocate` or `allocate_uninitialized` returned, once, with the same length.
    unsafe {
        if bytes < blocks::MAPPING_BYTES_MIN {
            std::alloc::dealloc(data.cast(), small(bytes));
        } else {
            blocks::free(data.cast(), bytes);
        }
    }
}

unsafe extern "C" fn drop(account: *const Account) {
    // SAFETY: it came from `Box::into_raw` in `buffer_allocator`; V8 calls this once.
    std::mem::drop(unsafe { Box::from_raw(account.cast_mut()) });
}
