//! A request's way to its application: routing, admission, entering the isolate.

use super::admission::{Occasion, Verdict, Waiting};
use super::apps::App;
use super::worker::Worker;
use crate::request::HttpExchange;
use crate::transport::Channel;
use nano_runtime::{Exchange, FailureCause, Instance};
use std::rc::Rc;

/// The response for a host that no application has.
const NO_APPLICATION: &str = "Not Found: no application has this host\n";

impl Worker {
    /// A request's head was found in a connection: gives the request to its application. False: the
    /// connection has gone to the other thread of the pair, which serves the application.
    pub(super) fn dispatch_from(&self, channel: &Rc<Channel>) -> bool {
        let app = self.apps.route(channel.wire().http.head().authority().unwrap_or_default());
        if let Some(app) = &app
            && self.pair.is_misplaced(app.weight())
            && self.hand_over(channel, app)
        {
            return false;
        }
        self.begin_request(channel, app, self.is_draining());
        true
    }

    /// Begins a request whose head was found. `refuses`: the server is shutting down, and this request came
    /// after that.
    pub(super) fn begin_request(&self, channel: &Rc<Channel>, app: Option<Rc<App>>, refuses: bool) {
        let mut text = self.head.take();
        let begun =
            self.connections.with(channel, |connection| connection.begin_request(&self.context, &mut text));
        if let Some((exchange, written)) = begun {
            match app {
                _ if refuses => {
                    channel.wire().http.drain();
                    exchange.answer(503, "Service Unavailable: the server is shutting down\n");
                }
                None => exchange.answer(404, NO_APPLICATION),
                Some(_) if written.is_err() => exchange.answer(400, "Bad Request: the URL is invalid\n"),
                Some(app) => self.begin_in(channel, &app, &exchange, &text),
            }
        }
        // In a nested turn it is another buffer.
        self.head.set(text);
    }

    fn begin_in(&self, channel: &Rc<Channel>, app: &Rc<App>, exchange: &Rc<HttpExchange>, head: &[u8]) {
        exchange.set_tenant(Rc::clone(&app.tenant));
        let limited = channel.wire().http.set_body_limit(app.deployed().config.limits.max_body_bytes);
        match limited {
            Ok(()) => self.dispatch(app, exchange, head),
            Err(refusal) => self.refuse_request(channel, refusal),
        }
    }

    /// A request has come for an application: it gets it, or the request waits, or is refused.
    fn dispatch(&self, app: &Rc<App>, exchange: &Rc<HttpExchange>, head: &[u8]) {
        let now = self.context.now();
        self.deadlines.watch(self.event_loop(), exchange, app.wall_timeout());
        let instance = app.current(now);
        let occasion = Occasion { instance: instance.as_deref(), depth: self.runtime.slice_depth(), now };
        match app.admission.verdict(occasion, app.counters()) {
            Verdict::Enter => self.enter(app, instance, exchange, head),
            Verdict::Refuse(text, time) => exchange.refuse(text, time),
            Verdict::Wait => {
                let known = app.admission.has_waiting();
                app.admission.push(exchange, head, app.counters());
                if !known {
                    self.apps.waited_for.borrow_mut().push_back(Rc::clone(app));
                }
            }
        }
    }

    /// Gives a request to its application now: in the isolate that is `current`, or in one that is made.
    fn enter(&self, app: &App, current: Option<Rc<Instance>>, exchange: &Rc<HttpExchange>, head: &[u8]) {
        let instance = match current {
            // One that could not be loaded is tried again: what it met may have passed.
            Some(instance) if instance.failure().is_none() => instance,
            stale => {
                if let Some(failed) = stale {
                    self.runtime.close(&failed);
                }
                match self.runtime.create(&app.deployed().app) {
                    Ok(instance) => {
                        app.set_instance(Rc::clone(&instance));
                        self.runtime.load(&instance);
                        instance
                    }
                    Err(error) => return exchange.fail(FailureCause::Memory, &error.to_string()),
                }
            }
        };
        exchange.set_instance(Rc::clone(&instance));
        match self.runtime.request(&instance, Rc::clone(exchange) as Rc<dyn Exchange>, head) {
            Some(id) => {
                if exchange.set_id(id) {
                    self.runtime.deadline_exceeded(&instance, id);
                }
            }
            None if instance.is_closed() => {
                let cause = instance.ended().unwrap_or(FailureCause::NotLoaded);
                let reason = instance.failure().map_or_else(String::new, |error| error.to_string());
                exchange.fail(cause, &reason);
            }
            None => exchange.fail(FailureCause::Memory, "the application has too many requests under way"),
        }
    }

    // ---- Requests that wait ----

    /// A version is not served any more. Requests that it has not seen yet are for `new`, or for no
    /// application.
    pub(super) fn pass_on_waiting(&self, old: &App, new: Option<&Rc<App>>) {
        let waiting = old.admission.take_waiting();
        if waiting.is_empty() {
            return;
        }
        let Some(new) = new else {
            for Waiting { exchange, .. } in waiting {
                old.counters().queued_now.down();
                exchange.answer(404, NO_APPLICATION);
            }
            return;
        };
        for waiting in &waiting {
            waiting.exchange.set_tenant(Rc::clone(&new.tenant));
        }
        let known = new.admission.has_waiting();
        new.admission.append(waiting);
        if !known {
            self.apps.waited_for.borrow_mut().push_back(Rc::clone(new));
        }
    }

    /// Admits requests that wait and may enter now.
    #[inline]
    pub(super) fn admit(&self) {
        if !self.apps.waited_for.borrow().is_empty() {
            self.admit_waiting();
        }
    }

    #[cold]
    fn admit_waiting(&self) {
        let depth = self.runtime.slice_depth();
        let count = self.apps.waited_for.borrow().len();
        for _ in 0..count {
            // JavaScript runs below, and a slice of it may come here too: what is looked at is taken out.
            let next = self.apps.waited_for.borrow_mut().pop_front();
            let Some(app) = next else { return };
            let (now, counters) = (self.context.now(), app.counters());
            let instance = app.current(now);
            app.admission.refuse_all(now, counters);
            let occasion = Occasion { instance: instance.as_deref(), depth, now };
            let admitted = app.admission.pop(occasion, counters);
            if app.admission.has_waiting() {
                self.apps.waited_for.borrow_mut().push_back(Rc::clone(&app));
            }
            if let Some(Waiting { exchange, head }) = admitted {
                self.enter(&app, instance, &exchange, &head);
                // One of each application in one turn: events come in between.
                self.admits_more.set(true);
            }
        }
    }
}
