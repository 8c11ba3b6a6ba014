//! Which requests an application gets now, which wait, and which are refused.
//!
//! An isolate has `max_concurrent_requests` under way; `max_queued_requests` more wait for their turn, in the order in which they came; what
//! is beyond gets 503 with `Retry-After` at once. In a time slice of another tenant, an application that computes for long itself waits
//! too, and in a slice of a slice one of which nothing is known: several of them would hold the thread up by turns, until nobody
//! gives way any more.
//! An application that was ended for its limits again and again is refused for a time: see [`Backoff`]. Enters no isolate; the
//! [`Worker`](crate::worker::Worker) does.

use crate::backoff::Backoff;
use crate::config::AppLimits;
use crate::exchange::{HttpExchange, Response};
use crate::worker::{AppSlot, Worker};
use nano_loop::Moment;
use nano_runtime::{Counters, Instance};
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::time::Duration;

/// So long after it has computed for more than a slice, an application is expected to do so again.
const HEAVY_FOR: Duration = Duration::from_secs(10);

/// With so many tenants below that compute, only applications are let in that are known: one more of those that do not give way by
/// themselves would bring the thread nearer to the depth at which nobody gives way.
const CROWDED_DEPTH: u32 = 2;

/// An application that has run so often in its isolate, and has not computed for long, is known.
const KNOWN_RUNS: u32 = 32;

/// What a client that was refused for want of room is told to wait. A full queue is a matter of moments.
const RETRY: Duration = Duration::from_secs(1);

/// What a client is told for whose host there is no application.
pub(crate) const NO_APPLICATION: &str = "Not Found: no application has this host\n";

const FULL: &str = "Service Unavailable: the application has too many requests under way\n";
const FAILING: &str = "Service Unavailable: the application has exceeded its limits again and again\n";

/// How many requests one application may have, in each isolate.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AdmissionLimits {
    concurrent: usize,
    queued: usize,
    /// WebSockets that are open.
    pub(crate) websockets: usize,
    /// Time until the response's head is due.
    pub(crate) wall: Duration,
}

/// What becomes of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    /// The application gets it now.
    Enter,
    /// It waits.
    Wait,
    /// The client may try again after this time.
    Refuse(&'static str, Duration),
}

/// A request that waits.
struct Waiting {
    exchange: Rc<HttpExchange>,
    head: Box<[u8]>,
}

/// One application's door, on one thread.
pub(crate) struct Admission {
    pub(crate) limits: AdmissionLimits,
    backoff: Backoff,
    queue: RefCell<VecDeque<Waiting>>,
    /// Until then the application is taken for one that computes for long.
    heavy_until: Cell<Moment>,
}

impl Admission {
    pub(crate) fn new(limits: &AppLimits) -> Self {
        Self {
            limits: AdmissionLimits {
                concurrent: limits.max_concurrent_requests as usize,
                queued: limits.max_queued_requests as usize,
                websockets: limits.max_websockets as usize,
                wall: limits.wall_timeout,
            },
            backoff: Backoff::default(),
            queue: RefCell::default(),
            heavy_until: Cell::new(Moment::ZERO),
        }
    }

    /// The application's isolate has ended for a limit that it exceeded.
    pub(crate) fn failed(&self, now: Moment) {
        self.backoff.failed(now);
        self.heavy_until.set(now + HEAVY_FOR);
    }

    /// Whether requests are refused because the application has failed again and again.
    pub(crate) fn is_refused(&self, now: Moment) -> bool {
        self.backoff.remaining(now).is_some()
    }

    /// What becomes of a request that has just come. `depth`: so many other tenants' JavaScript waits below.
    fn verdict(&self, instance: Option<&Instance>, depth: u32, now: Moment, counters: &Counters) -> Verdict {
        if let Some(time) = self.backoff.remaining(now) {
            counters.backed_off.add(1);
            return Verdict::Refuse(FAILING, time);
        }
        if self.queue.borrow().is_empty() && self.has_room(instance, depth, now) {
            return Verdict::Enter;
        }
        if self.queue.borrow().len() >= self.limits.queued {
            self.forget_over(counters);
        }
        if self.queue.borrow().len() >= self.limits.queued {
            counters.rejected.add(1);
            return Verdict::Refuse(FULL, RETRY);
        }
        Verdict::Wait
    }

    fn has_room(&self, instance: Option<&Instance>, depth: u32, now: Moment) -> bool {
        let known = instance.is_some_and(|instance| instance.runs() >= KNOWN_RUNS);
        if depth >= CROWDED_DEPTH && !known && !instance.is_some_and(Instance::is_running) {
            return false;
        }
        let Some(instance) = instance else { return depth == 0 || self.heavy_until.get() <= now };
        if depth > 0 {
            if let Some(at) = instance.last_gave_way() {
                self.heavy_until.set(self.heavy_until.get().max(at + HEAVY_FOR));
            }
            // While its JavaScript is below, what comes for it is queued there: that holds nobody up.
            if self.heavy_until.get() > now && !instance.is_running() {
                return false;
            }
        }
        instance.requests() < self.limits.concurrent
    }

    /// The request waits.
    fn wait(&self, exchange: &Rc<HttpExchange>, head: &[u8], counters: &Counters) {
        counters.queued.add(1);
        counters.queued_now.up();
        self.queue.borrow_mut().push_back(Waiting { exchange: Rc::clone(exchange), head: head.into() });
    }

    /// Requests that have waited for the version before wait for this one.
    fn take_over(&self, old: &Self) {
        self.queue.borrow_mut().append(&mut old.queue.borrow_mut());
    }

    /// Whether requests wait.
    pub(crate) fn is_waited_for(&self) -> bool {
        !self.queue.borrow().is_empty()
    }

    /// The next of those that wait, if the application may have it now.
    fn next(
        &self,
        instance: Option<&Instance>,
        depth: u32,
        now: Moment,
        counters: &Counters,
    ) -> Option<(Rc<HttpExchange>, Box<[u8]>)> {
        loop {
            if !self.has_room(instance, depth, now) {
                return None;
            }
            let next = self.queue.borrow_mut().pop_front()?;
            counters.queued_now.down();
            // Its client may have gone, or its time be over.
            if next.exchange.response.get() == Response::Due {
                return Some((next.exchange, next.head));
            }
        }
    }

    /// Forgets what waits for nobody any more.
    fn forget_over(&self, counters: &Counters) {
        self.queue.borrow_mut().retain(|waiting| {
            let due = waiting.exchange.response.get() == Response::Due;
            if !due {
                counters.queued_now.down();
            }
            due
        });
    }

    /// Refuses all that wait, while the application is refused.
    fn refuse_all(&self, now: Moment, counters: &Counters) {
        let Some(time) = self.backoff.remaining(now) else { return };
        for waiting in self.queue.take() {
            counters.queued_now.down();
            counters.backed_off.add(1);
            waiting.exchange.refuse(FAILING, time);
        }
    }
}

/// The applications of a worker for which requests wait.
#[derive(Default)]
pub(crate) struct Waiters {
    slots: RefCell<VecDeque<Rc<AppSlot>>>,
    /// Some were let in, and there may be room for more.
    again: Cell<bool>,
}

impl Waiters {
    /// Whether the loop is not to wait, since more may be let in.
    pub(crate) fn go_on(&self) -> bool {
        self.again.take()
    }
}

impl Worker {
    /// A request has come for an application: it gets it, or the request waits, or is refused.
    pub(crate) fn dispatch(&self, slot: &Rc<AppSlot>, exchange: &Rc<HttpExchange>, head: &[u8]) {
        let now = self.now();
        exchange.wall.set(Some(slot.admission.limits.wall));
        self.watch_time(slot, exchange);
        let depth = self.runtime().slice_depth();
        let current = slot.current(now);
        match slot.admission.verdict(current.as_deref(), depth, now, slot.counters()) {
            Verdict::Enter => self.enter(slot, current, exchange, head),
            Verdict::Refuse(text, time) => exchange.refuse(text, time),
            Verdict::Wait => {
                let known = slot.admission.is_waited_for();
                slot.admission.wait(exchange, head, slot.counters());
                if !known {
                    self.waiters.slots.borrow_mut().push_back(Rc::clone(slot));
                }
            }
        }
    }

    /// A version is served no more. Requests that no version has seen yet are for `new`, or for nobody.
    pub(crate) fn pass_on_waiting(&self, old: &AppSlot, new: Option<&Rc<AppSlot>>) {
        if !old.admission.is_waited_for() {
            return;
        }
        let Some(new) = new else {
            for Waiting { exchange, .. } in old.admission.queue.take() {
                old.counters().queued_now.down();
                exchange.answer(404, NO_APPLICATION);
            }
            return;
        };
        for waiting in &*old.admission.queue.borrow() {
            waiting.exchange.slot.replace(Some(Rc::clone(new)));
        }
        let known = new.admission.is_waited_for();
        new.admission.take_over(&old.admission);
        if !known {
            self.waiters.slots.borrow_mut().push_back(Rc::clone(new));
        }
    }

    /// Lets in who waits and may enter now.
    #[inline]
    pub(crate) fn admit(&self) {
        if !self.waiters.slots.borrow().is_empty() {
            self.admit_waiters();
        }
    }

    #[cold]
    fn admit_waiters(&self) {
        let depth = self.runtime().slice_depth();
        let count = self.waiters.slots.borrow().len();
        for _ in 0..count {
            // JavaScript runs below, and a slice of it may come here too: what is looked at is taken out.
            let next = self.waiters.slots.borrow_mut().pop_front();
            let Some(slot) = next else { return };
            let (now, counters) = (self.now(), slot.counters());
            let instance = slot.current(now);
            slot.admission.refuse_all(now, counters);
            let admitted = slot.admission.next(instance.as_deref(), depth, now, counters);
            if slot.admission.is_waited_for() {
                self.waiters.slots.borrow_mut().push_back(Rc::clone(&slot));
            }
            if let Some((exchange, head)) = admitted {
                self.enter(&slot, instance, &exchange, &head);
                // One of each application in one turn: events come in between.
                self.waiters.again.set(true);
            }
        }
    }
}

/// `Retry-After` in whole seconds, at least one (RFC 9110, section 10.2.3).
pub(crate) fn retry_after(time: Duration) -> u64 {
    time.as_secs() + u64::from(time.subsec_nanos() > 0 || time.is_zero())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_in_whole_seconds_and_never_too_early() {
        assert_eq!(retry_after(Duration::ZERO), 1);
        assert_eq!(retry_after(Duration::from_millis(1)), 1);
        assert_eq!(retry_after(Duration::from_secs(1)), 1);
        assert_eq!(retry_after(Duration::from_millis(1001)), 2);
    }
}
