//! What a thread asks of the system's scheduler: to give way to others, or to run as soon as it has something to do.
//!
//! Knows nothing of loops and pools.

/// Sets this thread's niceness: the higher, the more it gives way to other threads that want the processor (0 to 19). Does nothing where
/// threads have none of their own.
#[cfg(target_os = "linux")]
pub fn give_way(niceness: i32) {
    if niceness != 0 {
        // SAFETY: takes and changes nothing but the priority of the calling thread, which is what 0 names on Linux. A failure
        // leaves that as it was.
        unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, niceness) };
    }
}

/// Sets this thread's niceness. Does nothing here.
#[cfg(not(target_os = "linux"))]
pub fn give_way(_: i32) {}

/// The slice that a thread of short work asks for: the shortest that Linux gives.
#[cfg(target_os = "linux")]
const SLICE_NANOSECONDS: u64 = 100_000;

/// Asks that this thread be run soon after it wakes, before others that have been computing for a while: for threads that have little to do
/// at a time, and whose work others wait for. Its share of the processor stays what it was.
///
/// Linux 6.12 and later do that for a thread that asks for short slices; without it one that computes may go on for the rest of its own, some
/// milliseconds. Elsewhere this does nothing.
#[cfg(target_os = "linux")]
pub fn run_promptly() {
    /// `struct sched_attr` of sched_setattr(2).
    #[repr(C)]
    #[derive(Default)]
    struct Attributes {
        size: u32,
        policy: u32,
        flags: u64,
        nice: i32,
        priority: u32,
        runtime: u64,
        deadline: u64,
        period: u64,
    }
    // SAFETY: reads the calling thread's policy and niceness.
    let (policy, nice) = unsafe { (libc::sched_getscheduler(0), libc::getpriority(libc::PRIO_PROCESS, 0)) };
    if policy != libc::SCHED_OTHER {
        return;
    }
    let size = size_of::<Attributes>() as u32;
    let attributes = Attributes { size, nice, runtime: SLICE_NANOSECONDS, ..Attributes::default() };
    // SAFETY: the attributes are a structure of the size that they say, and changes the calling thread's only. A failure leaves those as they
    // were.
    unsafe { libc::syscall(libc::SYS_sched_setattr, 0, &raw const attributes, 0) };
}

/// Asks that this thread be run soon after it wakes. Does nothing here.
#[cfg(not(target_os = "linux"))]
pub fn run_promptly() {}
