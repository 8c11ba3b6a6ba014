//! Which requests an application gets now, which wait, and which are refused.
//!
//! An isolate has `max_concurrent_requests` under way; `max_queued_requests` more wait for their turn, in the
//! order in which they came; what is beyond gets 503 with `Retry-After` at once. In a time slice of another
//! tenant some applications wait, too: see [`Nesting`]. An application that was ended for its limits again
//! and again is refused for a time: see [`Backoff`]. Enters no isolate; the worker does.

use super::backoff::Backoff;
use crate::config::AppLimits;
use crate::heavy::Nesting;
use crate::request::{HttpExchange, Response};
use nano_loop::Moment;
use nano_runtime::{Counters, Instance};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

/// `Retry-After` for a client that was refused for want of room. A full queue is a matter of moments.
const RETRY: Duration = Duration::from_secs(1);

const FULL: &str = "Service Unavailable: the application has too many requests under way\n";
const FAILING: &str = "Service Unavailable: the application has exceeded its limits again and again\n";

/// How many requests one application may have, in each isolate.
#[derive(Clone, Copy, Debug)]
struct AdmissionLimits {
    concurrent: usize,
    queued: usize,
}

/// The decision about a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The application gets it now.
    Enter,
    /// It waits.
    Wait,
    /// The client may try again after this time.
    Refuse(&'static str, Duration),
}

/// A request that waits.
pub(super) struct Waiting {
    pub(super) exchange: Rc<HttpExchange>,
    pub(super) head: Box<[u8]>,
}

/// When an application is entered: the state that this depends on.
#[derive(Clone, Copy)]
pub(super) struct Occasion<'a> {
    /// Its isolate, if it has one.
    pub(super) instance: Option<&'a Instance>,
    /// The number of other tenants whose JavaScript is below on the stack.
    pub(super) depth: u32,
    pub(super) now: Moment,
}

/// One application's admission control, on one thread.
pub(super) struct Admission {
    limits: AdmissionLimits,
    backoff: Backoff,
    nesting: Nesting,
    queue: RefCell<VecDeque<Waiting>>,
}

impl Admission {
    pub(super) fn new(limits: &AppLimits) -> Self {
        Self {
            limits: AdmissionLimits {
                concurrent: limits.max_concurrent_requests as usize,
                queued: limits.max_queued_requests as usize,
            },
            backoff: Backoff::default(),
            nesting: Nesting::default(),
            queue: RefCell::default(),
        }
    }

    /// The application's isolate has ended for a limit that it exceeded.
    pub(super) fn failed(&self, now: Moment) {
        self.backoff.failed(now);
        self.nesting.set_heavy(now);
    }

    /// Whether requests are refused because the application has failed again and again.
    pub(super) fn is_refused(&self, now: Moment) -> bool {
        self.backoff.remaining(now).is_some()
    }

    /// Decides about a request that has just come.
    pub(super) fn verdict(&self, occasion: Occasion<'_>, counters: &Counters) -> Verdict {
        if let Some(time) = self.backoff.remaining(occasion.now) {
            counters.backed_off.add(1);
            return Verdict::Refuse(FAILING, time);
        }
        if self.queue.borrow().is_empty() && self.has_room(occasion) {
            return Verdict::Enter;
        }
        if self.queue.borrow().len() >= self.limits.queued {
            self.remove_finished(counters);
        }
        if self.queue.borrow().len() >= self.limits.queued {
            counters.rejected.add(1);
            return Verdict::Refuse(FULL, RETRY);
        }
        Verdict::Wait
    }

    fn has_room(&self, occasion: Occasion<'_>) -> bool {
        self.nesting.allows(occasion.instance, occasion.depth, occasion.now)
            && occasion.instance.is_none_or(|instance| instance.requests() < self.limits.concurrent)
    }

    // ---- The queue ----

    /// Whether requests wait.
    pub(super) fn has_waiting(&self) -> bool {
        !self.queue.borrow().is_empty()
    }

    /// The request waits.
    pub(super) fn push(&self, exchange: &Rc<HttpExchange>, head: &[u8], counters: &Counters) {
        counters.queued.add(1);
        counters.queued_now.up();
        self.queue.borrow_mut().push_back(Waiting { exchange: Rc::clone(exchange), head: head.into() });
    }

    /// The next of those that wait, if the application may have it now.
    pub(super) fn pop(&self, occasion: Occasion<'_>, counters: &Counters) -> Option<Waiting> {
        loop {
            if !self.has_room(occasion) {
                return None;
            }
            let next = self.queue.borrow_mut().pop_front()?;
            counters.queued_now.down();
            // Its client may have gone, or its time be over.
            if next.exchange.response() == Response::Due {
                return Some(next);
            }
        }
    }

    /// Removes what waits and was answered meanwhile.
    fn remove_finished(&self, counters: &Counters) {
        self.queue.borrow_mut().retain(|waiting| {
            let due = waiting.exchange.response() == Response::Due;
            if !due {
                counters.queued_now.down();
            }
            due
        });
    }

    /// All that wait: they are not this version's any more.
    pub(super) fn take_waiting(&self) -> VecDeque<Waiting> {
        self.queue.take()
    }

    /// Requests that have waited for the version before wait for this one.
    pub(super) fn append(&self, mut waiting: VecDeque<Waiting>) {
        self.queue.borrow_mut().append(&mut waiting);
    }

    /// Refuses all that wait, while the application is refused.
    pub(super) fn refuse_all(&self, now: Moment, counters: &Counters) {
        let Some(time) = self.backoff.remaining(now) else { return };
        for waiting in self.queue.take() {
            counters.queued_now.down();
            counters.backed_off.add(1);
            waiting.exchange.refuse(FAILING, time);
        }
    }
}
