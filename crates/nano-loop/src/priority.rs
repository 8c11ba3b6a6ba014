//! Requests of a thread to the system's scheduler. It does not know loops and pools.

/// Sets this thread's niceness, 0 to 19: the higher, the more it gives way to other threads that compute.
///
/// Does nothing on systems where threads have no niceness of their own.
#[cfg(target_os = "linux")]
pub fn give_way(niceness: i32) {
    if niceness != 0 {
        // SAFETY: the call takes no pointer and changes only the priority of the calling thread, which 0
        // names on Linux. If it fails, the priority stays as it was.
        unsafe { libc::setpriority(libc::PRIO_PROCESS, 0, niceness) };
    }
}

/// Does nothing on this system.
#[cfg(not(target_os = "linux"))]
pub fn give_way(_: i32) {}

/// The time slice that [`run_promptly`] requests: the shortest that Linux grants.
#[cfg(target_os = "linux")]
const SLICE_NS: u64 = 100_000;

/// Asks the system to run this thread soon after it wakes, before threads that have computed for a while.
///
/// For threads that work for a short time and that others wait for. The thread's share of the processor stays
/// the same. Linux 6.12 and later do this for a thread that requests short time slices; without it, a thread
/// that computes may continue for the rest of its slice, some milliseconds. On other systems this does
/// nothing.
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
    // SAFETY: both calls take no pointer, and only read the calling thread's policy and niceness.
    let (policy, nice) = unsafe { (libc::sched_getscheduler(0), libc::getpriority(libc::PRIO_PROCESS, 0)) };
    if policy != libc::SCHED_OTHER {
        return;
    }
    let size = size_of::<Attributes>() as u32;
    let attributes = Attributes { size, nice, runtime: SLICE_NS, ..Attributes::default() };
    // SAFETY: `attributes` lives for the whole call and has the size that its first field says. The call
    // changes only the calling thread; if it fails, the thread stays as it was.
    unsafe { libc::syscall(libc::SYS_sched_setattr, 0, &raw const attributes, 0) };
}

/// Does nothing on this system.
#[cfg(not(target_os = "linux"))]
pub fn run_promptly() {}
