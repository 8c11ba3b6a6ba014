//! How much of a tenant's console gets into the log.
//!
//! Lines and bytes have an allowance that refills with time; what is beyond is dropped and counted, and a
//! line says how many were. Knows neither consoles nor clocks.

use nano_loop::Moment;
use std::borrow::Cow;
use std::cell::Cell;
use std::time::Duration;

/// Longest text of one console call; the rest is cut off.
///
/// Limit (bytes): a stack trace with its causes fits many times.
pub const MAX_TEXT_BYTES: usize = 64 << 10;

/// How much a tenant may print in a second; it may print as much at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogLimits {
    /// Calls of the console.
    pub lines: u32,
    /// Bytes of text.
    pub bytes: u64,
}

impl LogLimits {
    /// For programs that are their owner's own.
    pub const UNLIMITED: Self = Self { lines: u32::MAX, bytes: u64::MAX };
}

impl Default for LogLimits {
    fn default() -> Self {
        Self::UNLIMITED
    }
}

/// One tenant's allowance.
#[derive(Debug, Default)]
pub(crate) struct Allowance {
    /// Lines and bytes that are left, as of `at`; none until the first text.
    left: Cell<Option<(f64, f64)>>,
    at: Cell<Moment>,
    dropped: Cell<u64>,
}

impl Allowance {
    /// Whether a text of so many bytes may be printed; it is counted as dropped if not.
    pub(crate) fn take(&self, limits: LogLimits, bytes: usize, now: Moment) -> bool {
        let (most_lines, most_bytes) = (f64::from(limits.lines), limits.bytes as f64);
        let passed = now.since(self.at.replace(now)).as_secs_f64();
        let (lines, left) = match self.left.get() {
            None => (most_lines, most_bytes),
            Some((lines, left)) => {
                ((lines + passed * most_lines).min(most_lines), (left + passed * most_bytes).min(most_bytes))
            }
        };
        if lines < 1.0 || left < bytes as f64 {
            self.left.set(Some((lines, left)));
            self.dropped.set(self.dropped.get() + 1);
            return false;
        }
        self.left.set(Some((lines - 1.0, left - bytes as f64)));
        true
    }

    /// Whether any were dropped that were not reported.
    pub(crate) fn has_dropped(&self) -> bool {
        self.dropped.get() > 0
    }

    /// How many were dropped since this was asked last.
    pub(crate) fn take_dropped(&self) -> u64 {
        self.dropped.take()
    }
}

/// When to say how many were dropped.
pub(crate) const REPORT_AFTER: Duration = Duration::from_secs(1);

/// The part of a text that is printed: at most [`MAX_TEXT_BYTES`], and how much more there was.
pub fn cut(text: &str) -> Cow<'_, str> {
    if text.len() <= MAX_TEXT_BYTES {
        return Cow::Borrowed(text);
    }
    let end = (0..=MAX_TEXT_BYTES).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
    Cow::Owned(format!("{}… ({} bytes more)", &text[..end], text.len() - end))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: LogLimits = LogLimits { lines: 10, bytes: 1000 };

    #[test]
    fn as_many_lines_as_a_second_allows_and_the_rest_is_counted() {
        let allowance = Allowance::default();
        let begun = Moment::ZERO + Duration::from_secs(5);
        let printed = (0..25).filter(|_| allowance.take(LIMITS, 10, begun)).count();
        assert_eq!((printed, allowance.take_dropped(), allowance.take_dropped()), (10, 15, 0));
        let half = begun + Duration::from_millis(500);
        assert_eq!((0..25).filter(|_| allowance.take(LIMITS, 10, half)).count(), 5);
        let long = half + Duration::from_secs(100);
        assert_eq!((0..25).filter(|_| allowance.take(LIMITS, 10, long)).count(), 10);
    }

    #[test]
    fn as_many_bytes_as_a_second_allows() {
        let allowance = Allowance::default();
        assert!(allowance.take(LIMITS, 1000, Moment::ZERO));
        assert!(!allowance.take(LIMITS, 1, Moment::ZERO));
        assert!(!Allowance::default().take(LIMITS, 1001, Moment::ZERO));
        assert!(Allowance::default().take(LogLimits::UNLIMITED, usize::MAX, Moment::ZERO));
    }

    #[test]
    fn a_long_text_is_cut_between_characters() {
        assert_eq!(cut("short"), "short");
        let exact = "x".repeat(MAX_TEXT_BYTES);
        assert_eq!(cut(&exact), exact);
        let long = "ä".repeat(MAX_TEXT_BYTES);
        let shown = cut(&long);
        assert!(
            shown.ends_with(&format!("… ({MAX_TEXT_BYTES} bytes more)")),
            "{}",
            &shown[shown.len() - 40..]
        );
    }
}
