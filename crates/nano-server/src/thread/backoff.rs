//! When an application that fails again and again is entered the next time.
//!
//! A failure is an isolate that was ended for a limit: it costs its thread the CPU time of that limit and a
//! new isolate. The first few in a row are free, since every tenant has a bad request now and then. Each
//! further one doubles the time in which requests are refused, up to [`LONGEST`]; then the application is
//! tried again by itself. A time without failures forgives all of them. Reads no clock: the time is an
//! argument.

use nano_loop::Moment;
use std::cell::Cell;
use std::time::Duration;

/// Failures of an application without consequence.
///
/// Limit (failures): one failure is an accident.
pub(crate) const FREE: u32 = 3;

/// First time of refusal of an application that fails again and again.
///
/// Limit (ms): a hundred times as long as making an isolate takes.
pub(crate) const FIRST: Duration = Duration::from_millis(250);

/// Longest time of refusal of an application that fails again and again.
///
/// Limit (s): nobody who has mended the application should wait for longer.
pub(crate) const LONGEST: Duration = Duration::from_secs(30);

/// Time without a failure after which an application's failures are forgotten.
///
/// Limit (s): twice the longest refusal, so that an application that fails at each try stays at that.
pub(crate) const FORGIVEN_AFTER: Duration = Duration::from_secs(60);

const _: () = assert!(FORGIVEN_AFTER.as_millis() > LONGEST.as_millis());

/// One application's failures on one thread.
#[derive(Debug, Default)]
pub(crate) struct Backoff {
    failures: Cell<u32>,
    last: Cell<Moment>,
    until: Cell<Moment>,
}

impl Backoff {
    /// The application has failed.
    pub(crate) fn failed(&self, now: Moment) {
        let forgiven = now.since(self.last.replace(now)) >= FORGIVEN_AFTER;
        let failures = if forgiven { 1 } else { self.failures.get().saturating_add(1) };
        self.failures.set(failures);
        if let Some(doublings) = failures.checked_sub(FREE + 1) {
            let time = FIRST.saturating_mul(1u32.checked_shl(doublings.min(31)).unwrap_or(u32::MAX));
            self.until.set(now + time.min(LONGEST));
        }
    }

    /// How long requests are still refused, if they are.
    pub(crate) fn remaining(&self, now: Moment) -> Option<Duration> {
        let until = self.until.get();
        (until > now).then(|| until.since(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_double_up_to_the_longest_and_end_by_themselves() {
        let backoff = Backoff::default();
        let mut now = Moment::ZERO + Duration::from_secs(1000);
        for _ in 0..FREE {
            backoff.failed(now);
            assert_eq!(backoff.remaining(now), None);
        }
        let mut expected = FIRST;
        for _ in 0..12 {
            backoff.failed(now);
            assert_eq!(backoff.remaining(now), Some(expected.min(LONGEST)));
            now += expected.min(LONGEST);
            assert_eq!(backoff.remaining(now), None, "it is tried again");
            expected *= 2;
        }
    }

    #[test]
    fn a_time_without_failures_forgives() {
        let backoff = Backoff::default();
        let now = Moment::ZERO + Duration::from_secs(1000);
        for _ in 0..FREE + 5 {
            backoff.failed(now);
        }
        assert!(backoff.remaining(now).is_some());
        let later = now + FORGIVEN_AFTER;
        backoff.failed(later);
        assert_eq!(backoff.remaining(later), None);
        // A little sooner, and it goes on where it was.
        let backoff = Backoff::default();
        for _ in 0..FREE {
            backoff.failed(now);
        }
        let sooner = now + (FORGIVEN_AFTER - Duration::from_millis(1));
        backoff.failed(sooner);
        assert_eq!(backoff.remaining(sooner), Some(FIRST));
    }

    #[test]
    fn failures_without_end_do_not_overflow() {
        let backoff = Backoff::default();
        let now = Moment::ZERO + Duration::from_secs(1);
        for _ in 0..10_000 {
            backoff.failed(now);
        }
        assert_eq!(backoff.remaining(now), Some(LONGEST));
    }
}
