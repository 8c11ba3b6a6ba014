//! The timers of one isolate's JavaScript, on its thread's loop.

use crate::keys::EventKey;
use nano_loop::{Loop, TimerId};
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

/// Timers that wait in one isolate; a further one is dropped.
///
/// Limit (timers): each takes about 100 bytes outside of the heap, so a loop that makes timers must end
/// before it costs its neighbours memory.
pub const MAX_TIMERS: usize = 100_000;

/// Longest delay of a timer.
///
/// Limit (ms): 2^31 - 1, as everywhere on the web.
const MAX_DELAY_MS: f64 = 2_147_483_647.0;

/// The timers that wait, by the number that JavaScript has for them: from 1 to 2^31 - 1.
pub(crate) struct Timers {
    event_loop: Rc<Loop>,
    waiting: RefCell<HashMap<u32, Timer>>,
    next: Cell<u32>,
}

struct Timer {
    id: TimerId,
    /// For `setInterval`.
    every: Option<Duration>,
}

/// How a timer that is due goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Due {
    /// It was cancelled meanwhile.
    Cancelled,
    /// It has fired for the last time.
    Last,
    /// It fires again.
    Again,
}

impl Timers {
    pub(crate) fn new(event_loop: Rc<Loop>) -> Self {
        Self { event_loop, waiting: RefCell::default(), next: Cell::new(1) }
    }

    /// Starts a timer of the instance with this key; its number. Beyond [`MAX_TIMERS`] it never fires.
    pub(crate) fn start(&self, instance: u32, delay_ms: f64, repeat: bool) -> u32 {
        let mut waiting = self.waiting.borrow_mut();
        let after = |number: u32| if number >= i32::MAX as u32 { 1 } else { number + 1 };
        let mut timer = self.next.get();
        while waiting.contains_key(&timer) {
            timer = after(timer);
        }
        self.next.set(after(timer));
        if waiting.len() >= MAX_TIMERS {
            return timer;
        }
        let delay_ms = if delay_ms > MAX_DELAY_MS { 0.0 } else { delay_ms };
        let delay = Duration::from_nanos((delay_ms * 1e6) as u64);
        let key = EventKey::Timer { instance, timer }.to_u64();
        let id = self.event_loop.insert(self.event_loop.refresh_now() + delay, key);
        // A repeating timer of no delay must not keep the loop from everything else.
        let every = repeat.then(|| delay.max(Duration::from_millis(1)));
        waiting.insert(timer, Timer { id, every });
        timer
    }

    /// The timer is due: it waits for its next round, or is forgotten.
    pub(crate) fn fire(&self, instance: u32, timer: u32) -> Due {
        let mut waiting = self.waiting.borrow_mut();
        let Some(found) = waiting.get_mut(&timer) else { return Due::Cancelled };
        let Some(every) = found.every else {
            waiting.remove(&timer);
            return Due::Last;
        };
        let key = EventKey::Timer { instance, timer }.to_u64();
        found.id = self.event_loop.insert(self.event_loop.now() + every, key);
        Due::Again
    }

    pub(crate) fn cancel(&self, timer: u32) {
        if let Some(timer) = self.waiting.borrow_mut().remove(&timer) {
            self.event_loop.cancel(timer.id);
        }
    }

    pub(crate) fn cancel_all(&self) {
        for (_, timer) in self.waiting.borrow_mut().drain() {
            self.event_loop.cancel(timer.id);
        }
    }

    /// How many wait.
    pub(crate) fn len(&self) -> usize {
        self.waiting.borrow().len()
    }
}
