//! The end of a connection's time, and the shutdown of the server.

use super::connection::{Connection, Effect};
use super::deadline::Serving;
use crate::request::{Context, Response};
use nano_http::Awaiting;
use nano_loop::Loop;
use nano_runtime::{ExchangeId, Instance};
use std::rc::Rc;

/// The thread's task when a connection's timer has fired.
pub(crate) enum Due {
    /// The deadline has moved meanwhile.
    Nothing,
    /// There is something to write.
    Drive,
    /// The client takes too long: it was answered with 408.
    Refused(Effect),
    Close,
}

impl Connection {
    /// The timer has fired: too early, or the time is over.
    pub(crate) fn handle_timer(&mut self, context: &Context) -> Due {
        let awaited = self.deadline.handle_timer(context.event_loop(), self.channel.place());
        let Some(awaited) = awaited else { return Due::Nothing };
        if self.channel.wire().is_upgraded() {
            return self.handle_upgraded_timer();
        }
        match awaited {
            Awaiting::HeadRest | Awaiting::Body => {
                let answered =
                    self.channel.wire().http.respond_error(408, "request timeout\n", Some(&context.date()));
                if answered.is_err() {
                    return Due::Close;
                }
                match self.exchange.take() {
                    Some(exchange) => {
                        exchange.set_refused(408);
                        Due::Refused(Effect::Abandon(exchange))
                    }
                    None => Due::Drive,
                }
            }
            Awaiting::Discard => {
                self.channel.wire().http.stop_discarding();
                Due::Drive
            }
            _ => Due::Close,
        }
    }

    /// The server is shutting down: the response that is due says that the connection closes after it. A
    /// connection that cannot say so any more, or is idle, closes a little later: a request may be on its way
    /// to it, which shall have an answer. Returns whether it is to be driven, and the WebSocket whose client
    /// is to be told.
    pub(crate) fn drain(&mut self, event_loop: &Loop) -> (bool, Option<(Rc<Instance>, ExchangeId)>) {
        let mut wire = self.channel.wire();
        if wire.is_upgraded() {
            return (true, self.exchange.as_ref().and_then(|exchange| exchange.in_isolate()));
        }
        if self.exchange.as_ref().is_some_and(|exchange| exchange.response() == Response::Due) {
            wire.http.drain();
            return (true, None);
        }
        if wire.http.awaiting() != Awaiting::Head {
            return (true, None);
        }
        if wire.is_handshaking() {
            // It has no more time than the others.
            self.deadline.cancel(event_loop);
        }
        // As if it had become idle just now.
        wire.set_moved();
        self.deadline.set(event_loop, self.channel.place(), &mut wire, Serving::Draining);
        (false, None)
    }
}
