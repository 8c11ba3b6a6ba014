//! What time it is: of the calendar, for what fields of messages say, and of a clock that nobody sets, for
//! how long something is there.

use std::ops::Add;
use std::time::{Duration, Instant, SystemTime};

/// A moment on both clocks. If somebody sets the calendar's, entries stay fresh for neither longer nor
/// shorter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// What `Date` and `Expires` are compared with.
    pub wall: SystemTime,
    /// What ages are counted by.
    pub steady: Instant,
}

impl Now {
    /// As the system has it.
    pub fn read() -> Self {
        Self { wall: SystemTime::now(), steady: Instant::now() }
    }
}

impl Add<Duration> for Now {
    type Output = Self;

    fn add(self, time: Duration) -> Self {
        Self { wall: self.wall + time, steady: self.steady + time }
    }
}
