//! Helpers of several tests.

use nano_loop::{Event, Loop, Wait};
use std::time::{Duration, Instant};

/// A guard against a test that hangs, not a measurement: nothing here takes this long unless an event is
/// lost.
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
pub fn next(event_loop: &Loop) -> Event {
    let start = Instant::now();
    loop {
        if let Some(event) = event_loop.next() {
            return event;
        }
        assert!(start.elapsed() < LOST, "an event was lost");
        event_loop.poll(Wait::AtMost(LOST)).unwrap();
    }
}

/// Takes all events of the queue.
pub fn drain(event_loop: &Loop) -> Vec<Event> {
    event_loop.poll(Wait::Now).unwrap();
    std::iter::from_fn(|| event_loop.next()).collect()
}
