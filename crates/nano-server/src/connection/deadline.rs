//! Until when a connection must have moved.

use crate::event_key::EventKey;
use crate::timeouts;
use crate::transport::Wire;
use nano_http::Awaiting;
use nano_loop::{Loop, Moment, TimerId};
use std::time::Duration;

/// Whether the server takes requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Serving {
    Open,
    /// It is shutting down: idle connections close soon.
    Draining,
}

/// A connection's deadline. The timer itself is moved only when it fires too early: a busy keep-alive
/// connection pays a store for each request, not a timer.
pub(super) struct ConnectionDeadline {
    timer: Option<TimerId>,
    at: Moment,
    awaiting: Awaiting,
}

impl Default for ConnectionDeadline {
    fn default() -> Self {
        Self { timer: None, at: Moment::MAX, awaiting: Awaiting::Nothing }
    }
}

impl ConnectionDeadline {
    /// Sets the time until which something must happen.
    pub(super) fn set(&mut self, event_loop: &Loop, place: u32, wire: &mut Wire, serving: Serving) {
        let draining = serving == Serving::Draining;
        if wire.is_handshaking() {
            // One time for all of it, from the connection's begin.
            if self.timer.is_none() {
                let time = if draining { timeouts::DRAIN_IDLE } else { timeouts::HANDSHAKE };
                self.at = event_loop.now() + time;
                self.start_timer(event_loop, place);
            }
            return;
        }
        let awaiting = wire.http.awaiting();
        let Some(mut time) = timeouts::of(awaiting) else {
            self.at = Moment::MAX;
            self.awaiting = awaiting;
            return;
        };
        let leaving = draining && awaiting == Awaiting::Head;
        if leaving {
            time = timeouts::DRAIN_IDLE;
        }
        // These have one deadline, from their first byte; everything else counts from the last progress.
        let is_total = matches!(awaiting, Awaiting::HeadRest | Awaiting::Discard | Awaiting::Linger);
        if awaiting == self.awaiting && (is_total || !wire.take_moved()) {
            return;
        }
        wire.take_moved();
        self.awaiting = awaiting;
        self.at = event_loop.now() + time;
        match self.timer {
            // Earlier than the timer: a head's time is shorter than the idle time.
            Some(timer) if awaiting != Awaiting::Head || leaving => {
                event_loop.cancel(timer);
                self.start_timer(event_loop, place);
            }
            Some(_) => {}
            None => self.start_timer(event_loop, place),
        }
    }

    fn start_timer(&mut self, event_loop: &Loop, place: u32) {
        self.timer = Some(event_loop.insert(self.at, EventKey::Deadline(place).into()));
    }

    /// Something must move within `time`.
    pub(super) fn set_within(&mut self, event_loop: &Loop, place: u32, time: Duration) {
        let at = event_loop.now() + time;
        let sooner = at < std::mem::replace(&mut self.at, at);
        // A timer that is due too early is moved then.
        if sooner {
            self.cancel(event_loop);
        }
        if self.timer.is_none() {
            self.start_timer(event_loop, place);
        }
    }

    pub(super) fn is_set(&self) -> bool {
        self.at != Moment::MAX
    }

    /// The timer has fired. Returns what the connection has awaited for too long; `None`: the deadline has
    /// moved meanwhile.
    pub(super) fn handle_timer(&mut self, event_loop: &Loop, place: u32) -> Option<Awaiting> {
        self.timer = None;
        if !self.is_set() {
            return None;
        }
        if event_loop.now() < self.at {
            self.start_timer(event_loop, place);
            return None;
        }
        Some(self.awaiting)
    }

    /// What is awaited next has a deadline of its own, be it the same as before. Until it is set there is
    /// none: a timer that is due now must not close the connection before its response is written.
    pub(super) fn forget_awaited(&mut self) {
        self.awaiting = Awaiting::Nothing;
        self.at = Moment::MAX;
    }

    pub(super) fn cancel(&mut self, event_loop: &Loop) {
        if let Some(timer) = self.timer.take() {
            event_loop.cancel(timer);
        }
    }
}
