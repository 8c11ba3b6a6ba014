//! Where C++'s `new` and `delete` come from: V8's objects beside its heap, four for each ArrayBuffer.
//!
//! V8's library brings an allocator for them which takes a lock for each call, one for all threads. The linker sends V8's calls here instead
//! (`--wrap`, in build.rs), and so to mimalloc, which has a heap for each thread. C++ gives back with `delete` what it had from `new`, and
//! nothing else; `malloc` and `free` stay with who has them. Knows nothing of what is allocated.

use libmimalloc_sys::{mi_free, mi_malloc, mi_malloc_aligned};
use std::ffi::c_void;

/// The alignment that `new` gives without being asked for one. C++17, section 6.11: `__STDCPP_DEFAULT_NEW_ALIGNMENT__`
const ALIGN: usize = 16;

/// Memory that C++ takes for granted: V8 is built without exceptions, so there is nobody who could hear of its absence.
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
    // SAFETY: any size will do, none included, and C++ asks for alignments that are powers of two.
    unsafe { if align <= ALIGN { mi_malloc(size) } else { mi_malloc_aligned(size, align) } }
}

macro_rules! new {
    ($($name:ident($size:ident $(, $align:ident: usize)? $(; $nothrow:ident)?) = $call:expr;)*) => {$(
        /// C++'s operator of this name.
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
        /// C++'s operator of this name.
        ///
        /// # Safety
        ///
        /// The memory came from one of the operators above, or is null, and is not used any more.
        #[unsafe(no_mangle)]
        unsafe extern "C" fn $name(data: *mut c_void $(, _: $rest)*) {
            // SAFETY: the caller's word.
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
