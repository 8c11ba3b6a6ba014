//! C++'s `new` and `delete`, which V8 uses for objects outside its heap, four for each ArrayBuffer.
//!
//! The allocator in V8's library takes one lock of all threads for each call. The linker redirects V8's calls
//! to this file (`--wrap`, in build.rs), which calls mimalloc, whose heaps belong to threads. C++ passes to
//! `delete` only memory that came from `new`; `malloc` and `free` are not redirected.

use libmimalloc_sys::{mi_free, mi_malloc, mi_malloc_aligned};
use std::ffi::c_void;

/// The alignment of `new` without an alignment argument, in bytes: `__STDCPP_DEFAULT_NEW_ALIGNMENT__` of
/// C++17, section 6.11.
const ALIGN: usize = 16;

/// Allocates or ends the process: V8 is built without exceptions, so it cannot handle a failure.
fn allocate(size: usize, align: usize) -> *mut c_void {
    let data = allocate_or_null(size, align);
    if data.is_null() {
        std::alloc::handle_alloc_error(
            std::alloc::Layout::from_size_align(size, align).unwrap_or(std::alloc::Layout::new::<u8>()),
        );
    }
    data
}

fn allocate_or_null(size: usize, align: usize) -> *mut c_void {
    // SAFETY: mimalloc takes any size, also zero, and C++ passes alignments that are powers of two.
    unsafe { if align <= ALIGN { mi_malloc(size) } else { mi_malloc_aligned(size, align) } }
}

macro_rules! new {
    ($($name:ident($size:ident $(, $align:ident: usize)? $(; $nothrow:ident)?) = $call:expr;)*) => {$(
        /// The C++ operator of this mangled name.
        #[unsafe(no_mangle)]
        extern "C" fn $name($size: usize $(, $align: usize)? $(, $nothrow: *const c_void)?) -> *mut c_void {
            $call
        }
    )*};
}

new! {
    __wrap__Znwm(size) = allocate(size, ALIGN);
    __wrap__Znam(size) = allocate(size, ALIGN);
    __wrap__ZnwmRKSt9nothrow_t(size; _nothrow) = allocate_or_null(size, ALIGN);
    __wrap__ZnamRKSt9nothrow_t(size; _nothrow) = allocate_or_null(size, ALIGN);
    __wrap__ZnwmSt11align_val_t(size, align: usize) = allocate(size, align);
    __wrap__ZnamSt11align_val_t(size, align: usize) = allocate(size, align);
    __wrap__ZnwmSt11align_val_tRKSt9nothrow_t(size, align: usize; _nothrow) = allocate_or_null(size, align);
    __wrap__ZnamSt11align_val_tRKSt9nothrow_t(size, align: usize; _nothrow) = allocate_or_null(size, align);
}

macro_rules! delete {
    ($($name:ident($($rest:ty),*);)*) => {$(
        /// The C++ operator of this mangled name.
        ///
        /// # Safety
        ///
        /// The memory came from one of the operators above, or is null, and is not used any more.
        #[unsafe(no_mangle)]
        unsafe extern "C" fn $name(data: *mut c_void $(, _: $rest)*) {
            // SAFETY: the caller promises what the documentation above requires.
            unsafe { mi_free(data) };
        }
    )*};
}

delete! {
    __wrap__ZdlPv();
    __wrap__ZdaPv();
    __wrap__ZdlPvm(usize);
    __wrap__ZdaPvm(usize);
    __wrap__ZdlPvSt11align_val_t(usize);
    __wrap__ZdaPvSt11align_val_t(usize);
    __wrap__ZdlPvmSt11align_val_t(usize, usize);
    __wrap__ZdaPvmSt11align_val_t(usize, usize);
    __wrap__ZdlPvRKSt9nothrow_t(*const c_void);
    __wrap__ZdaPvRKSt9nothrow_t(*const c_void);
    __wrap__ZdlPvSt11align_val_tRKSt9nothrow_t(usize, *const c_void);
    __wrap__ZdaPvSt11align_val_tRKSt9nothrow_t(usize, *const c_void);
}
