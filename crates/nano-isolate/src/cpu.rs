//! CPU time: clocks of threads, how far a thread's time has been charged, and an isolate's allowance for what
//! runs in no request's name.
//!
//! Knows no isolate and no request.

use nano_loop::Moment;
use std::cell::Cell;
use std::time::Duration;

/// An isolate may use one part in so many of a core in no request's name in the long run. At once
/// it may use what one request may. Enough for a cache that is refreshed now and then, and too little to live
/// on.
const UNOWNED_SHARE: u32 = 10;

/// A thread's CPU clock, readable from other threads.
#[derive(Clone, Copy, Debug)]
pub struct CpuClock(#[cfg(target_os = "linux")] libc::clockid_t);

#[cfg(target_os = "linux")]
impl CpuClock {
    /// The calling thread's.
    pub fn of_this_thread() -> Self {
        let mut id = libc::CLOCK_THREAD_CPUTIME_ID;
        // SAFETY: the calling thread is alive, and `id` is written to.
        let failed = unsafe { libc::pthread_getcpuclockid(libc::pthread_self(), &raw mut id) };
        debug_assert_eq!(failed, 0, "a thread that runs has a clock");
        Self(id)
    }

    /// Nanoseconds; 0 when the thread has ended.
    pub fn read(self) -> u64 {
        read(self.0)
    }
}

#[cfg(not(target_os = "linux"))]
impl CpuClock {
    /// Where threads' clocks cannot be read from other threads, real time stands in: it counts what a thread
    /// waited, too.
    pub fn of_this_thread() -> Self {
        Self()
    }

    /// Nanoseconds.
    pub fn read(self) -> u64 {
        read(libc::CLOCK_MONOTONIC)
    }
}

/// The calling thread's CPU time, in nanoseconds. Takes a system call.
pub fn thread_ns() -> u64 {
    read(if cfg!(target_os = "linux") { libc::CLOCK_THREAD_CPUTIME_ID } else { libc::CLOCK_MONOTONIC })
}

fn read(clock: libc::clockid_t) -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is written to; a clock of a thread that has ended is an error.
    if unsafe { libc::clock_gettime(clock, &raw mut time) } != 0 {
        return 0;
    }
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

/// An isolate's CPU limit, and its allowance for what runs in no request's name: modules that are evaluated,
/// timers of requests that are over.
pub struct CpuAllowance {
    /// CPU time of one request, in nanoseconds.
    limit: u64,
    /// Used in no request's name, as of `refilled`.
    unowned: Cell<u64>,
    refilled: Cell<Moment>,
}

impl CpuAllowance {
    /// One request may use `limit`; `None`: as much as it wants.
    pub fn new(limit: Option<Duration>, now: Moment) -> Self {
        let limit = limit.map_or(u64::MAX, |limit| u64::try_from(limit.as_nanos()).unwrap_or(u64::MAX));
        Self { limit, unowned: Cell::new(0), refilled: Cell::new(now) }
    }

    /// CPU time of one request, in nanoseconds; `u64::MAX` where it may use as much as it wants.
    pub fn limit_ns(&self) -> u64 {
        self.limit
    }

    /// Charges what was used in no request's name. True: it is too much.
    pub fn charge_unowned(&self, ns: u64, now: Moment) -> bool {
        let passed = now - self.refilled.replace(now);
        let refill = u64::try_from(passed.as_nanos()).unwrap_or(u64::MAX) / u64::from(UNOWNED_SHARE);
        let used = self.unowned.get().saturating_sub(refill).saturating_add(ns);
        self.unowned.set(used);
        used > self.limit
    }
}

/// How far a thread's time has been charged.
#[derive(Default)]
pub struct Meter {
    /// The thread's clock at the last exact charge.
    last: Cell<u64>,
    /// The run that it was for.
    run: Cell<u64>,
}

impl Meter {
    /// The clock begins, or goes on after others have run.
    pub fn restart(&self, run: u64) {
        self.last.set(thread_ns());
        self.run.set(run);
    }

    /// Whether the run was measured before.
    pub fn is_at(&self, run: u64) -> bool {
        self.run.get() == run
    }

    /// CPU time that the run has used since it was charged last, in nanoseconds.
    pub fn take(&self, run: u64, seen_at: u64) -> u64 {
        let now = thread_ns();
        let last = self.last.replace(now);
        let from = if self.run.replace(run) == run { last } else { last.max(seen_at) };
        now.saturating_sub(from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_threads_clock_is_read_from_another_and_stands_still_while_it_waits() {
        let (sender, receiver) = std::sync::mpsc::channel();
        let (done, wait) = std::sync::mpsc::channel::<()>();
        let thread = std::thread::spawn(move || {
            let begun = thread_ns();
            while thread_ns() - begun < 3_000_000 {}
            sender.send((CpuClock::of_this_thread(), thread_ns())).unwrap();
            let _ = wait.recv();
        });
        let (clock, at_least) = receiver.recv().unwrap();
        let first = clock.read();
        assert!(first >= at_least && at_least >= 3_000_000, "{first} {at_least}");
        drop(done);
        thread.join().unwrap();
    }

    #[test]
    fn runs_in_no_requests_name_have_an_allowance_that_refills() {
        let begun = Moment::ZERO;
        let second = Duration::from_secs(1);
        let account = CpuAllowance::new(Some(second), begun);
        assert!(!account.charge_unowned(1_000_000_000, begun), "as much as a request may use");
        assert!(account.charge_unowned(1, begun));
        // A tenth of the time that passes comes back.
        assert!(!account.charge_unowned(100_000_000, begun + second + second));
        assert!(account.charge_unowned(200_000_000, begun + second + second));
        let without = CpuAllowance::new(None, begun);
        assert!(!without.charge_unowned(u64::MAX, begun));
    }
}
