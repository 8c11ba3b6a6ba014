//! Compiled by the test of clock jumps and loaded before the C library (LD_PRELOAD): the calendar's clock as
//! somebody would set it. Clocks that nobody can set are left alone. The number of seconds to add is in the
//! file that NANO_TEST_CLOCK names, which is mapped when the library is loaded: before the process gives up
//! reading.

use std::ffi::{c_int, c_long, c_void};
use std::os::fd::AsRawFd;
use std::sync::atomic::{AtomicI64, AtomicPtr, Ordering};

#[repr(C)]
pub struct Time {
    seconds: i64,
    /// Nanoseconds or microseconds.
    rest: i64,
}

unsafe extern "C" {
    fn syscall(number: c_long, ...) -> c_long;
    fn mmap(at: *mut c_void, length: usize, protect: c_int, flags: c_int, file: c_int, offset: i64) -> *mut c_void;
}

#[cfg(target_arch = "x86_64")]
const SYS_CLOCK_GETTIME: c_long = 228;
#[cfg(target_arch = "aarch64")]
const SYS_CLOCK_GETTIME: c_long = 113;
const REALTIME: c_int = 0;
const REALTIME_COARSE: c_int = 5;

static OFFSET: AtomicPtr<AtomicI64> = AtomicPtr::new(std::ptr::null_mut());

/// The loader calls what is in this section.
#[used]
#[unsafe(link_section = ".init_array")]
static MAP: extern "C" fn() = map;

extern "C" fn map() {
    let Some(path) = std::env::var_os("NANO_TEST_CLOCK") else { return };
    let Ok(file) = std::fs::File::open(path) else { return };
    // SAFETY: eight bytes of a file, to read, shared with whoever writes them; never unmapped.
    let place = unsafe { mmap(std::ptr::null_mut(), 8, 1, 1, file.as_raw_fd(), 0) };
    if place as isize != -1 {
        OFFSET.store(place.cast(), Ordering::Release);
    }
}

fn offset() -> i64 {
    let place = OFFSET.load(Ordering::Acquire);
    // SAFETY: null, or the mapped eight bytes, which stay.
    if place.is_null() { 0 } else { unsafe { &*place }.load(Ordering::Relaxed) }
}

/// # Safety
///
/// `time` is a place for a time.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn clock_gettime(clock: c_int, time: *mut Time) -> c_int {
    // SAFETY: as the caller says.
    let failed = unsafe { syscall(SYS_CLOCK_GETTIME, clock, time) };
    if failed == 0 && matches!(clock, REALTIME | REALTIME_COARSE) {
        // SAFETY: it was written to.
        unsafe { (*time).seconds += offset() };
    }
    failed as c_int
}

/// # Safety
///
/// `time` is a place for a time, or null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn gettimeofday(time: *mut Time, _: *mut c_void) -> c_int {
    let mut now = Time { seconds: 0, rest: 0 };
    // SAFETY: `now` is a place for a time.
    unsafe { clock_gettime(REALTIME, &mut now) };
    if !time.is_null() {
        // SAFETY: as the caller says.
        unsafe { *time = Time { seconds: now.seconds, rest: now.rest / 1000 } };
    }
    0
}

/// # Safety
///
/// `place` is a place for a number, or null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn time(place: *mut i64) -> i64 {
    let mut now = Time { seconds: 0, rest: 0 };
    // SAFETY: `now` is a place for a time.
    unsafe { clock_gettime(REALTIME, &mut now) };
    if !place.is_null() {
        // SAFETY: as the caller says.
        unsafe { *place = now.seconds };
    }
    now.seconds
}
