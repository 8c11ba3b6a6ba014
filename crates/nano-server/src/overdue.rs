//! Requests whose time is over: those whose response's head is not there within `wall_timeout_ms`, and those that `waitUntil` keeps for
//! as long again after their response.
//!
//! One timer of the worker serves all of them, set for the one that is due first when it was set. So a request that is answered in
//! time, as nearly all are, costs a comparison.

use crate::exchange::{HttpExchange, Response};
use crate::log::{Field, Level};
use crate::worker::{AppSlot, KIND_OVERDUE, Worker};
use nano_loop::{Moment, TimerId};
use std::cell::{Cell, RefCell};
use std::rc::Rc;

/// A worker's watch over its requests' time.
pub(crate) struct Overdue {
    /// When the timer is due; [`Moment::MAX`] where there is none.
    due: Cell<Moment>,
    timer: Cell<Option<TimerId>>,
    /// Requests that have their response and are kept by `waitUntil`, with the time at which they are forgotten.
    kept: RefCell<Vec<(Moment, Rc<HttpExchange>)>>,
}

impl Default for Overdue {
    fn default() -> Self {
        Self { due: Cell::new(Moment::MAX), timer: Cell::new(None), kept: RefCell::default() }
    }
}

impl Worker {
    /// The request has begun: its time runs.
    #[inline]
    pub(crate) fn watch_time(&self, slot: &AppSlot, exchange: &HttpExchange) {
        let due = exchange.started() + slot.admission.limits.wall;
        exchange.due.set(due);
        if due < self.overdue.due.get() {
            self.look_at(due);
        }
    }

    /// The response is complete, and promises given to `waitUntil` keep the request.
    pub(crate) fn keep(&self, exchange: Rc<HttpExchange>) {
        let Some(wall) = exchange.wall.get() else { return };
        let due = self.now() + wall;
        self.overdue.kept.borrow_mut().push((due, exchange));
        if due < self.overdue.due.get() {
            self.look_at(due);
        }
    }

    #[cold]
    fn look_at(&self, due: Moment) {
        if let Some(timer) = self.overdue.timer.take() {
            self.event_loop().cancel(timer);
        }
        self.overdue.due.set(due);
        self.overdue.timer.set(Some(self.event_loop().insert(due, KIND_OVERDUE)));
    }

    /// The timer is due: answers for those that are late, and sets it for the next.
    pub(crate) fn look_for_overdue(&self) {
        self.overdue.timer.set(None);
        self.overdue.due.set(Moment::MAX);
        let now = self.now();
        let mut next = Moment::MAX;
        let mut late = Vec::new();
        for exchange in self.exchanges() {
            if exchange.response.get() != Response::Due {
                continue;
            }
            if exchange.due.get() <= now {
                late.push(exchange);
            } else {
                next = next.min(exchange.due.get());
            }
        }
        let mut kept_too_long = Vec::new();
        self.overdue.kept.borrow_mut().retain(|(due, exchange)| {
            if exchange.is_forgotten() {
                return false;
            }
            if *due <= now {
                kept_too_long.push(Rc::clone(exchange));
                return false;
            }
            next = next.min(*due);
            true
        });
        if next != Moment::MAX {
            self.look_at(next);
        }
        for exchange in late {
            exchange.late(self);
        }
        for exchange in kept_too_long {
            self.log_message(
                Level::Warn,
                "what was given to waitUntil() is given up: it takes longer than wall_timeout_ms after the response",
                &[("app", Field::Text(&exchange.app_name())), ("id", Field::Id(exchange.request_id))],
            );
            exchange.forget(self);
        }
    }
}
