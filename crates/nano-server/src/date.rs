//! The Date field's value, formatted once a second.

use nano_loop::Moment;
use std::cell::Cell;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// One thread's clock of dates.
pub(crate) struct DateClock {
    text: Cell<[u8; 29]>,
    /// The text holds until then.
    until: Cell<Moment>,
}

impl DateClock {
    pub(crate) fn new() -> Self {
        Self { text: Cell::new(*b"Thu, 01 Jan 1970 00:00:00 GMT"), until: Cell::new(Moment::ZERO) }
    }

    /// The date at `now`, the loop's time.
    pub(crate) fn at(&self, now: Moment) -> [u8; 29] {
        if now >= self.until.get() {
            let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
            let text = httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(since.as_secs()));
            if let Ok(text) = text.as_bytes().try_into() {
                self.text.set(text);
            }
            self.until.set(now + Duration::from_nanos(1_000_000_000 - u64::from(since.subsec_nanos())));
        }
        self.text.get()
    }
}
