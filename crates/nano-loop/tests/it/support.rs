//! What several of the tests use.

use nano_loop::{Event, Loop, Wait};
use std::time::{Duration, Instant};

/// A guard against hanging for ever, not a measure: nothing here takes this long unless it is lost.
pub const LOST: Duration = Duration::from_secs(60);

/// Waits until `condition` holds.
pub fn until(mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < LOST, "it never came to be");
        std::thread::yield_now();
    }
}

/// Polls until there is an event.
pub fn next(lp: &Loop) -> Event {
    let start = Instant::now();
    loop {
        if let Some(event) = lp.next() {
            return event;
        }
        assert!(start.elapsed() < LOST, "an event was lost");
        lp.poll(Wait::AtMost(LOST)).unwrap();
    }
}

/// Takes all events that are there now.
pub fn drain(lp: &Loop) -> Vec<Event> {
    lp.poll(Wait::Now).unwrap();
    std::iter::from_fn(|| lp.next()).collect()
}
