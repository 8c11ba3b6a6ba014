//! A point in time. It does not know which clock it comes from.

use core::fmt;
use core::ops::{Add, AddAssign, Sub};
use core::time::Duration;

/// A point in time: nanoseconds since its clock's zero, which for a loop of nano-loop is when the loop was
/// made.
///
/// Moments of different clocks do not compare, since each has its own zero. 64 bits last 584 years;
/// arithmetic saturates at both ends and never panics.
///
/// ```
/// use nano_time::Moment;
/// use std::time::Duration;
///
/// let later = Moment::ZERO + Duration::from_millis(5);
/// assert_eq!(later.as_nanos(), 5_000_000);
/// assert_eq!(later - Moment::ZERO, Duration::from_millis(5));
/// assert_eq!(Moment::ZERO - later, Duration::ZERO);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Moment(u64);

impl Moment {
    /// The clock's zero.
    pub const ZERO: Moment = Moment(0);
    /// The end of time. As a deadline it means "never", for all purposes.
    pub const MAX: Moment = Moment(u64::MAX);

    /// The moment `nanos` nanoseconds after the clock's zero.
    pub const fn from_nanos(nanos: u64) -> Moment {
        Moment(nanos)
    }

    /// Nanoseconds since the clock's zero.
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// Milliseconds since the clock's zero, with their fraction (what `performance.now()` wants).
    pub fn as_millis_f64(self) -> f64 {
        self.0 as f64 / 1e6
    }

    /// The time that passed since `earlier`; zero if `earlier` is later.
    pub const fn since(self, earlier: Moment) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }

    /// This moment and `duration`, or `None` past [`Moment::MAX`].
    pub fn checked_add(self, duration: Duration) -> Option<Moment> {
        let nanos = u64::try_from(duration.as_nanos()).ok()?;
        self.0.checked_add(nanos).map(Moment)
    }
}

impl Add<Duration> for Moment {
    type Output = Moment;
    /// Saturates at [`Moment::MAX`].
    fn add(self, duration: Duration) -> Moment {
        self.checked_add(duration).unwrap_or(Moment::MAX)
    }
}

impl AddAssign<Duration> for Moment {
    fn add_assign(&mut self, duration: Duration) {
        *self = *self + duration;
    }
}

impl Sub<Duration> for Moment {
    type Output = Moment;
    /// Saturates at [`Moment::ZERO`].
    fn sub(self, duration: Duration) -> Moment {
        Moment(self.0.saturating_sub(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)))
    }
}

impl Sub for Moment {
    type Output = Duration;
    /// Saturates at zero, as [`Moment::since`] does.
    fn sub(self, earlier: Moment) -> Duration {
        self.since(earlier)
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", Duration::from_nanos(self.0))
    }
}
