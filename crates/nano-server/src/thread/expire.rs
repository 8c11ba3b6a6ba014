//! Answers requests whose time is over.

use super::worker::Worker;
use crate::request::Response;
use nano_loop::Moment;
use std::rc::Rc;

impl Worker {
    /// The timer of the requests' deadlines has fired: answers for those that are late, and sets it for the
    /// next.
    pub(super) fn handle_request_deadline(&self) {
        self.deadlines.clear_timer();
        let now = self.context.now();
        let mut next = Moment::MAX;
        let mut late = Vec::new();
        for (_, connection) in &*self.connections.table.borrow() {
            let Some(exchange) = connection.exchange() else { continue };
            if exchange.response() != Response::Due {
                continue;
            }
            let at = exchange.deadline.at.get();
            if at <= now {
                late.push(Rc::clone(exchange));
            } else {
                next = next.min(at);
            }
        }
        let (kept_too_long, next_kept) = self.deadlines.take_kept(now);
        let next = next.min(next_kept);
        if next != Moment::MAX {
            self.deadlines.wake_at(self.event_loop(), next);
        }
        let late = late.into_iter().map(|exchange| exchange.time_out());
        let kept_too_long = kept_too_long.into_iter().map(|exchange| exchange.give_up_promises());
        for (instance, id) in late.chain(kept_too_long).flatten() {
            self.runtime.deadline_exceeded(&instance, id);
        }
    }
}
