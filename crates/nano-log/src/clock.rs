//! The time of a line. Dates are formatted once a second, not once a line.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use jiff::tz::Offset;

/// The time, with the date already formatted in both forms that the logs use. Always UTC, so that logs of
/// several machines can be compared.
#[derive(Debug)]
pub(super) struct Stamp {
    /// The second that the texts stand for.
    second: u64,
    pub(super) millisecond: u16,
    /// `2026-07-31T12:00:00`, RFC 3339 without fraction and offset.
    pub(super) iso: String,
    /// `31/Jul/2026:12:00:00 +0000`, as Apache writes it.
    pub(super) apache: String,
}

impl Stamp {
    /// The full RFC 3339 time with milliseconds.
    pub(super) fn write_iso(&self, into: &mut Vec<u8>) {
        into.extend_from_slice(self.iso.as_bytes());
        let millisecond = self.millisecond;
        let digit = |power: u16| b'0' + (millisecond / power % 10) as u8;
        into.extend_from_slice(&[b'.', digit(100), digit(10), digit(1), b'Z']);
    }
}

/// A clock that remembers the second that it formatted last.
#[derive(Debug)]
pub(super) struct Clock {
    /// Milliseconds since 1970. A function, so that tests can set the time.
    unix_ms: fn() -> u64,
    stamp: Stamp,
}

impl Clock {
    pub(super) fn system() -> Self {
        Clock::of(|| {
            let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            since.as_millis() as u64
        })
    }

    pub(super) fn of(unix_ms: fn() -> u64) -> Self {
        let stamp = Stamp { second: u64::MAX, millisecond: 0, iso: String::new(), apache: String::new() };
        Clock { unix_ms, stamp }
    }

    pub(super) fn now(&mut self) -> &Stamp {
        self.at((self.unix_ms)())
    }

    /// The time `before` now.
    pub(super) fn now_minus(&mut self, before: Duration) -> &Stamp {
        self.at((self.unix_ms)().saturating_sub(before.as_millis() as u64))
    }

    pub(super) fn at(&mut self, unix_ms: u64) -> &Stamp {
        let second = unix_ms / 1000;
        if second != self.stamp.second {
            // A clock beyond the year 9999 shows 1970.
            let timestamp = jiff::Timestamp::from_second(second as i64).unwrap_or_default();
            let civil = Offset::UTC.to_datetime(timestamp);
            self.stamp.second = second;
            self.stamp.iso = civil.strftime("%Y-%m-%dT%H:%M:%S").to_string();
            self.stamp.apache = civil.strftime("%d/%b/%Y:%H:%M:%S +0000").to_string();
        }
        self.stamp.millisecond = (unix_ms % 1000) as u16;
        &self.stamp
    }
}
