//! The source of a loop's time: CLOCK_MONOTONIC, counted from when the loop was made, or a simulated clock.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// How far the coarse clock may lag, in nanoseconds: twice its step, which is a kernel tick, 10 ms at the
/// slowest setting (100 Hz).
pub(crate) const COARSE_LAG_NS: u64 = 20_000_000;

pub(crate) enum Clock {
    /// The machine's monotonic clock; the value is its reading when the loop was made.
    Monotonic(u64),
    /// A clock that a simulation sets, in nanoseconds. Atomic, since a probe reads it on other threads.
    Simulated(AtomicU64),
}

impl Clock {
    pub(crate) fn monotonic() -> Clock {
        Clock::Monotonic(read(libc::CLOCK_MONOTONIC))
    }

    pub(crate) fn simulated() -> Clock {
        Clock::Simulated(AtomicU64::new(0))
    }

    /// Nanoseconds since the loop was made.
    #[inline]
    pub(crate) fn now(&self) -> u64 {
        match self {
            Clock::Monotonic(start) => read(libc::CLOCK_MONOTONIC).saturating_sub(*start),
            Clock::Simulated(now) => now.load(Ordering::Relaxed),
        }
    }

    /// A time that is not after now and at most [`COARSE_LAG_NS`] before it, for a fifth of the cost of
    /// [`Clock::now`]; `None` where there is no such clock.
    #[inline]
    pub(crate) fn coarse(&self) -> Option<u64> {
        match self {
            #[cfg(any(target_os = "linux", target_os = "android"))]
            Clock::Monotonic(start) => Some(read(libc::CLOCK_MONOTONIC_COARSE).saturating_sub(*start)),
            _ => None,
        }
    }

    /// Moves a simulated clock forward; does nothing to a real one.
    pub(crate) fn advance(&self, by: Duration) {
        if let Clock::Simulated(now) = self {
            let by = u64::try_from(by.as_nanos()).unwrap_or(u64::MAX);
            now.store(now.load(Ordering::Relaxed).saturating_add(by), Ordering::Relaxed);
        }
    }
}

/// How many nanoseconds a wait may take without passing `next`, however much `coarse`, a reading of the
/// coarse clock, lags; `None` if `next` is too near for that clock.
#[inline]
pub(crate) fn safe_wait(next: u64, coarse: u64) -> Option<u64> {
    let spare = next.checked_sub(coarse)?.checked_sub(2 * COARSE_LAG_NS)?;
    Some(spare + COARSE_LAG_NS)
}

#[inline]
fn read(clock: libc::clockid_t) -> u64 {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` is a valid timespec on this stack for the whole call. The call cannot fail, since both
    // clocks exist wherever this compiles; if it did, the zeros would stay, which are a valid reading too.
    unsafe { libc::clock_gettime(clock, &mut time) };
    time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_by_the_coarse_clock_never_passes_the_deadline() {
        for distance in
            [0, 1, COARSE_LAG_NS, 2 * COARSE_LAG_NS - 1, 2 * COARSE_LAG_NS, 10 * COARSE_LAG_NS, u64::MAX - 5]
        {
            let coarse = 5;
            let next = coarse + distance;
            match safe_wait(next, coarse) {
                None => assert!(distance < 2 * COARSE_LAG_NS),
                Some(wait) => {
                    assert!(coarse + COARSE_LAG_NS + wait <= next, "{distance}: late");
                    assert!(wait >= COARSE_LAG_NS, "{distance}: the loop would spin");
                }
            }
        }
        assert_eq!(safe_wait(5, 6), None);
    }

    #[test]
    fn the_coarse_clock_is_never_ahead() {
        let clock = Clock::monotonic();
        for _ in 0..10_000 {
            let Some(coarse) = clock.coarse() else { return };
            assert!(coarse <= clock.now());
        }
    }
}
