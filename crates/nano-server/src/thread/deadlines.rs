//! The deadlines of a thread's requests: those whose response's head is not there within `wall_timeout_ms`,
//! and those that `waitUntil` keeps for as long again after their response.
//!
//! One timer serves all of them, set for the one that was due first when it was set. So a request that is
//! answered in time, as nearly all are, costs a comparison.

use crate::event_key::EventKey;
use crate::request::HttpExchange;
use nano_loop::{Loop, Moment, TimerId};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

/// A thread's watch over its requests' deadlines.
pub(super) struct RequestDeadlines {
    /// When the timer fires; [`Moment::MAX`] where there is none.
    next: Cell<Moment>,
    timer: Cell<Option<TimerId>>,
    /// Requests that have their response and are kept by `waitUntil`, with the time at which they are
    /// forgotten.
    kept: RefCell<Vec<(Moment, Rc<HttpExchange>)>>,
}

impl Default for RequestDeadlines {
    fn default() -> Self {
        Self { next: Cell::new(Moment::MAX), timer: Cell::new(None), kept: RefCell::default() }
    }
}

impl RequestDeadlines {
    /// The request has begun: its time runs.
    #[inline]
    pub(super) fn watch(&self, event_loop: &Loop, exchange: &HttpExchange, time: Duration) {
        exchange.deadline.time.set(Some(time));
        let at = exchange.started() + time;
        exchange.deadline.at.set(at);
        self.wake_at(event_loop, at);
    }

    /// The response is complete, and promises given to `waitUntil` keep the request.
    pub(super) fn keep(&self, event_loop: &Loop, exchange: Rc<HttpExchange>) {
        let Some(time) = exchange.deadline.time.get() else { return };
        let at = event_loop.now() + time;
        self.kept.borrow_mut().push((at, exchange));
        self.wake_at(event_loop, at);
    }

    /// The timer fires at this time, or earlier.
    #[inline]
    pub(super) fn wake_at(&self, event_loop: &Loop, at: Moment) {
        if at < self.next.get() {
            self.set_timer(event_loop, at);
        }
    }

    #[cold]
    fn set_timer(&self, event_loop: &Loop, at: Moment) {
        if let Some(timer) = self.timer.take() {
            event_loop.cancel(timer);
        }
        self.next.set(at);
        self.timer.set(Some(event_loop.insert(at, EventKey::RequestDeadline.into())));
    }

    /// The timer has fired.
    pub(super) fn clear_timer(&self) {
        self.timer.set(None);
        self.next.set(Moment::MAX);
    }

    /// Takes the kept requests whose time is over. Also the time of the next.
    pub(super) fn take_kept(&self, now: Moment) -> (Vec<Rc<HttpExchange>>, Moment) {
        let (mut over, mut next) = (Vec::new(), Moment::MAX);
        self.kept.borrow_mut().retain(|(at, exchange)| {
            if exchange.is_forgotten() {
                return false;
            }
            if *at <= now {
                over.push(Rc::clone(exchange));
                return false;
            }
            next = next.min(*at);
            true
        });
        (over, next)
    }
}
