//! Which applications compute for long at a time, so that whoever drives a thread can keep them apart from
//! those that do not.
//!
//! An application's weight is the CPU time that it has used in long runs: those that went on in two looks of
//! the watchdog. It halves every [`HALVED_EVERY`]. An application is heavy from [`HEAVY`] until it has come
//! down to [`LIGHT`]: much lower, so that one that stands at the line does not go to and fro. All threads and
//! all versions share one weight. Short runs never come here, however many there are: they hold nobody up.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// From so much on an application is heavy: one run of 50 ms, or ten of 5 ms within some seconds. What a
/// neighbour would notice.
pub(crate) const HEAVY: Duration = Duration::from_millis(50);

/// Down to so little a heavy one stays heavy.
const LIGHT: Duration = Duration::from_millis(5);

/// The weight is half as much after this time without long runs. So an application that was just heavy stays
/// so for 100 s: longer than one that fails is refused at most, so that its next failure finds it where it
/// was.
const HALVED_EVERY: Duration = Duration::from_secs(30);

/// The most that is remembered. Whoever has computed for minutes is light again 5 minutes later.
const MOST: Duration = Duration::from_secs(5);

/// How much an application has computed lately, in long runs.
#[derive(Debug, Default)]
pub struct Weight {
    /// Whether the sum may be more than [`LIGHT`]; looked at by each request.
    heavy: AtomicBool,
    sum: Mutex<Sum>,
}

#[derive(Debug, Default)]
struct Sum {
    time: Duration,
    /// When that was so.
    at: Option<Instant>,
}

impl Sum {
    /// What is left of it.
    fn at(&self, now: Instant) -> Duration {
        let Some(at) = self.at else { return Duration::ZERO };
        let halvings = now.saturating_duration_since(at).as_secs_f64() / HALVED_EVERY.as_secs_f64();
        self.time.mul_f64((-halvings).exp2())
    }
}

impl Weight {
    /// Whether the application computes for long at a time. One load while it does not.
    #[inline]
    pub fn is_heavy(&self) -> bool {
        self.heavy.load(Ordering::Relaxed) && self.is_still_heavy(Instant::now())
    }

    #[cold]
    fn is_still_heavy(&self, now: Instant) -> bool {
        let sum = self.sum.lock().unwrap_or_else(PoisonError::into_inner);
        let heavy = sum.at(now) > LIGHT;
        if !heavy {
            self.heavy.store(false, Ordering::Relaxed);
        }
        heavy
    }

    /// The application has computed for so long in one go.
    pub(crate) fn add(&self, time: Duration) {
        self.add_at(time, Instant::now());
    }

    fn add_at(&self, time: Duration, now: Instant) {
        let mut sum = self.sum.lock().unwrap_or_else(PoisonError::into_inner);
        sum.time = (sum.at(now) + time).min(MOST);
        sum.at = Some(now);
        if sum.time >= HEAVY {
            self.heavy.store(true, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_runs_make_an_application_heavy_until_they_stop_for_some_time() {
        let begun = Instant::now();
        let weight = Weight::default();
        weight.add_at(HEAVY - Duration::from_millis(1), begun);
        assert!(!weight.is_heavy());
        weight.add_at(Duration::from_millis(1), begun);
        assert!(weight.is_heavy());
        // 50 ms are 5 after a little more than three halvings.
        assert!(weight.is_still_heavy(begun + HALVED_EVERY * 3));
        assert!(!weight.is_still_heavy(begun + HALVED_EVERY * 4));
        assert!(!weight.is_heavy(), "that was noted");
    }

    #[test]
    fn little_now_and_then_is_not_heavy() {
        let begun = Instant::now();
        let weight = Weight::default();
        for round in 0..100 {
            weight.add_at(Duration::from_millis(20), begun + HALVED_EVERY * round);
        }
        assert!(!weight.heavy.load(Ordering::Relaxed), "20 + 10 + 5 + … are less than 50");
    }

    #[test]
    fn the_weight_is_bounded() {
        let begun = Instant::now();
        let weight = Weight::default();
        weight.add_at(Duration::from_secs(100_000), begun);
        assert!(weight.is_still_heavy(begun + HALVED_EVERY * 9));
        assert!(!weight.is_still_heavy(begun + HALVED_EVERY * 10));
    }
}
