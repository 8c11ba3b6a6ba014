//! Small responses that are written together.
//!
//! A client that is woken by each response by itself costs this thread a third of the request's time; one
//! that finds several at once reads them all, and its next requests come together too
//! (docs/decisions/deferred-writes.md).

use nano_loop::Moment;
use std::cell::{Cell, RefCell};
use std::time::Duration;

/// Responses that wait to be written together.
///
/// Limit (responses): a turn of a busy loop has about as many.
const DEFERRED_RESPONSES: usize = 64;

/// Time that a response waits for others.
///
/// Limit (µs): less than a client on the same machine would notice.
const DEFERRED_FOR: Duration = Duration::from_micros(200);

/// The connections whose response waits, by their places.
pub(super) struct DeferredWrites {
    places: RefCell<Vec<u32>>,
    /// Since when the first of them has waited, or earlier.
    since: Cell<Moment>,
}

impl Default for DeferredWrites {
    fn default() -> Self {
        Self { places: RefCell::default(), since: Cell::new(Moment::MAX) }
    }
}

impl DeferredWrites {
    /// One more waits. True: it is the first.
    pub(super) fn push(&self, place: u32, now: Moment) -> bool {
        let mut places = self.places.borrow_mut();
        let is_first = places.is_empty();
        if is_first {
            self.since.set(now);
        }
        places.push(place);
        is_first
    }

    pub(super) fn is_empty(&self) -> bool {
        self.places.borrow().is_empty()
    }

    /// Whether they are to be written before other events are handled. `now` reads the clock.
    pub(super) fn is_due(&self, now: impl FnOnce() -> Moment) -> bool {
        let waiting = self.places.borrow().len();
        waiting >= DEFERRED_RESPONSES || waiting > 0 && now() - self.since.get() >= DEFERRED_FOR
    }

    /// Takes all, to be given back to [`recycle`](Self::recycle).
    pub(super) fn take(&self) -> Vec<u32> {
        self.places.take()
    }

    /// Keeps the list's memory, unless a write has deferred anew.
    pub(super) fn recycle(&self, mut list: Vec<u32>) {
        list.clear();
        let mut places = self.places.borrow_mut();
        if places.is_empty() {
            *places = list;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn responses_wait_for_others_up_to_a_number_and_a_time() {
        let start = Moment::ZERO + Duration::from_secs(1);
        let deferred = DeferredWrites::default();
        assert!(!deferred.is_due(|| panic!("the clock is not read where nothing waits")));
        assert!(deferred.push(0, start));
        assert!(!deferred.push(1, start + DEFERRED_FOR));
        assert!(!deferred.is_due(|| start + (DEFERRED_FOR - Duration::from_nanos(1))));
        assert!(deferred.is_due(|| start + DEFERRED_FOR));
        for place in 2..DEFERRED_RESPONSES as u32 {
            assert!(!deferred.push(place, start));
        }
        assert!(deferred.is_due(|| start));
        let list = deferred.take();
        assert_eq!(list.len(), DEFERRED_RESPONSES);
        assert!(deferred.is_empty());
        // A write may defer anew: what it has deferred stays.
        assert!(deferred.push(9, start));
        deferred.recycle(list);
        assert_eq!(deferred.take(), [9]);
    }
}
