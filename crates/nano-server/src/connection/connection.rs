//! A connection's state, and its steps: receive, effects, transmit.

use super::deadline::{ConnectionDeadline, Serving};
use crate::event_key::EventKey;
use crate::request::head::NoUrl;
use crate::request::{Context, HttpExchange, Response, head};
use crate::trace_event::trace_event;
use crate::transport::{Channel, OUTPUT_LOW_BYTES, Parts, Wire};
use nano_arena::Recycler;
use nano_http::{BufferPool, Input, Refusal};
use nano_loop::{Interest, Loop, SourceId};
use nano_runtime::{ExchangeId, Instance};
use std::cell::RefCell;
use std::io;
use std::rc::Rc;

/// A task of the thread for a connection.
pub(crate) enum Effect {
    /// Nothing: write what there is, and wait.
    None,
    /// A request's head was found: give the request to its application.
    Dispatch,
    /// The body that the request's application waits for has arrived, ended or failed.
    BodyReady(Rc<Instance>, ExchangeId),
    /// There is room for more of the response.
    Writable(Rc<Instance>, ExchangeId),
    /// The client has closed its side. It may still read: the application decides whether to go on.
    PeerClosed(Rc<Instance>, ExchangeId),
    /// The response is complete, and promises given to `waitUntil` keep the request.
    Keep(Rc<HttpExchange>),
    /// The request will not be answered by its application: the application is to be told.
    Abandon(Rc<HttpExchange>),
}

/// The state of a connection after its output was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Transmitted {
    /// It waits for an event.
    Wait,
    /// A producer or the next request may go on, since there is room.
    Again,
    /// Its response is complete and small: it is written with those of the turn's other requests.
    Defer,
    /// It is over.
    Close,
}

/// Whether the application of the request under way knows that the client has closed its side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum PeerEnd {
    Untold,
    Told,
}

/// A client's connection.
pub(crate) struct Connection {
    pub(super) channel: Rc<Channel>,
    source: Option<SourceId>,
    pub(super) exchange: Option<Rc<HttpExchange>>,
    /// The memory of the last exchange, for the next.
    exchange_memory: Recycler<HttpExchange>,
    peer_end: PeerEnd,
    /// Its response waits to be written with those of the turn's other requests.
    is_deferred: bool,
    pub(super) deadline: ConnectionDeadline,
}

impl Connection {
    /// A connection whose socket the loop watches from now on.
    pub(crate) fn new(event_loop: &Loop, channel: Rc<Channel>) -> io::Result<Self> {
        let key = EventKey::Socket(channel.place()).into();
        let source = match channel.wire().stream_mut() {
            Some(stream) => {
                Some(event_loop.register(stream, Interest::READABLE | Interest::WRITABLE, key)?)
            }
            None => None,
        };
        Ok(Self {
            channel,
            source,
            exchange: None,
            exchange_memory: Recycler::new(1),
            peer_end: PeerEnd::Untold,
            is_deferred: false,
            deadline: ConnectionDeadline::default(),
        })
    }

    pub(crate) fn channel(&self) -> &Rc<Channel> {
        &self.channel
    }

    /// The request under way.
    pub(crate) fn exchange(&self) -> Option<&Rc<HttpExchange>> {
        self.exchange.as_ref()
    }

    pub(crate) fn is_deferred(&self) -> bool {
        self.is_deferred
    }

    // ---- The steps ----

    /// Reads once. An error: the connection is over.
    pub(crate) fn receive(&mut self, event_loop: &Loop, buffers: &RefCell<BufferPool>) -> io::Result<()> {
        let mut wire = self.channel.wire();
        if wire.is_upgraded() {
            wire.receive_upgraded()
        } else {
            wire.receive(event_loop, self.channel.place(), buffers)
        }
    }

    /// Whether the socket may have something that is wanted.
    pub(crate) fn wants_receive(&self) -> bool {
        self.channel.wire().wants_receive()
    }

    /// The thread's next task for what has been read, or for what an application has done.
    pub(crate) fn next_effect(&mut self, context: &Rc<Context>) -> Effect {
        if self.channel.wire().is_upgraded() {
            return self.next_upgraded_effect();
        }
        loop {
            if let Some(exchange) = &self.exchange {
                match exchange.response() {
                    Response::Due | Response::Streaming => return self.next_of_request(),
                    Response::Piping => {
                        exchange.pump();
                        if exchange.response() != Response::Over {
                            return Effect::None;
                        }
                        if let Some((instance, id)) = exchange.in_isolate() {
                            // The isolate forgets the name; no JavaScript runs.
                            instance.release(id);
                        }
                        continue;
                    }
                    Response::Over => {
                        self.channel.wire().set_moved();
                        if let Some(kept) = self.take_finished() {
                            return Effect::Keep(kept);
                        }
                    }
                }
            }
            let mut wire = self.channel.wire();
            match wire.http.next() {
                Ok(Input::Head) => return Effect::Dispatch,
                Ok(Input::Body) => {
                    // No application wants it: it is thrown away, as far as the limits allow.
                    let count = wire.http.body().len();
                    wire.http.consume(count);
                }
                Ok(Input::BodyEnd) => {}
                Ok(Input::NeedMore | Input::Wait | Input::Closed | Input::Truncated) => return Effect::None,
                Err(refusal) => {
                    drop(wire);
                    return self.refuse(context, refusal);
                }
            }
        }
    }

    /// The next message to the application of the request under way.
    fn next_of_request(&mut self) -> Effect {
        let Some(exchange) = &self.exchange else { return Effect::None };
        let mut wire = self.channel.wire();
        let may_tell = exchange.awaits_body() || exchange.wants_room() || wire.http.is_eof();
        if may_tell && let Some((instance, id)) = exchange.in_isolate() {
            if exchange.take_awaited_body(&mut wire) {
                return Effect::BodyReady(instance, id);
            }
            if wire.http.pending_output() <= OUTPUT_LOW_BYTES && exchange.take_wants_room() {
                return Effect::Writable(instance, id);
            }
            if wire.http.is_eof() && self.peer_end == PeerEnd::Untold {
                self.peer_end = PeerEnd::Told;
                return Effect::PeerClosed(instance, id);
            }
        }
        exchange.discard_body(&mut wire);
        Effect::None
    }

    /// The request under way has its response: what else its application does with it has no effect. Returns
    /// it if promises keep it.
    pub(super) fn take_finished(&mut self) -> Option<Rc<HttpExchange>> {
        let exchange = self.exchange.take()?;
        exchange.detach();
        if exchange.is_kept() {
            return Some(exchange);
        }
        self.exchange_memory.give_back(exchange);
        None
    }

    /// Writes what there is to write.
    pub(crate) fn transmit(&mut self) -> Transmitted {
        let mut wire = self.channel.wire();
        if wire.is_upgraded() {
            drop(wire);
            return self.transmit_upgraded();
        }
        if self.exchange.is_none() && wire.may_defer() {
            let waits_already = std::mem::replace(&mut self.is_deferred, true);
            return if waits_already { Transmitted::Wait } else { Transmitted::Defer };
        }
        Self::transmit_http(&mut wire, self.exchange.as_deref())
    }

    /// Writes what was deferred.
    pub(crate) fn transmit_deferred(&mut self) -> Transmitted {
        if !std::mem::take(&mut self.is_deferred) {
            return Transmitted::Wait;
        }
        let mut wire = self.channel.wire();
        Self::transmit_http(&mut wire, self.exchange.as_deref())
    }

    fn transmit_http(wire: &mut Wire, exchange: Option<&HttpExchange>) -> Transmitted {
        let held_back = exchange.is_none() && wire.holds_requests_back();
        let Ok(emptied) = wire.transmit() else { return Transmitted::Close };
        if wire.is_over() || !wire.shut_down_if_lingering() {
            return Transmitted::Close;
        }
        // A producer may wait for room, or the next request, which was read already, for the output's end.
        let again = emptied && exchange.is_some_and(HttpExchange::wants_room)
            || held_back && !wire.holds_requests_back();
        if again { Transmitted::Again } else { Transmitted::Wait }
    }

    /// After the steps: sets the deadline for what the connection waits for, and gives its buffers back if
    /// they are empty.
    pub(crate) fn settle(&mut self, event_loop: &Loop, serving: Serving, buffers: &RefCell<BufferPool>) {
        if self.is_deferred {
            // Once its output is written.
            return;
        }
        let mut wire = self.channel.wire();
        if wire.is_upgraded() {
            drop(wire);
            return self.set_upgraded_deadline(event_loop);
        }
        self.deadline.set(event_loop, self.channel.place(), &mut wire, serving);
        if self.exchange.is_none() {
            wire.http.give_buffers(&mut buffers.borrow_mut());
        }
    }

    // ---- Requests ----

    /// Begins the request whose head was found. `text` receives the head as the platform takes it; an error:
    /// its URL is invalid.
    pub(crate) fn begin_request(
        &mut self,
        context: &Rc<Context>,
        text: &mut Vec<u8>,
    ) -> (Rc<HttpExchange>, Result<(), NoUrl>) {
        let wire = self.channel.wire();
        let received = wire.http.head();
        let exchange = HttpExchange::new(&self.channel, context, &received, wire.has_tls());
        let exchange = self.exchange_memory.make(exchange);
        let written = head::write(text, &received, wire.has_tls());
        drop(wire);
        self.exchange = Some(Rc::clone(&exchange));
        self.peer_end = PeerEnd::Untold;
        // The next head has a deadline of its own.
        self.deadline.forget_awaited();
        (exchange, written)
    }

    /// The client breaks a rule: answers with its status, and closes.
    pub(crate) fn refuse(&mut self, context: &Context, refusal: Refusal) -> Effect {
        trace_event!(DEBUG, peer = %self.channel.peer(), status = refusal.status(), "request refused");
        let message = format!("{}\n", refusal.message());
        let mut wire = self.channel.wire();
        if wire.http.respond_error(refusal.status(), &message, Some(&context.date())).is_err() {
            wire.http.abort();
        }
        drop(wire);
        match self.exchange.take() {
            Some(exchange) => {
                exchange.set_refused(refusal.status());
                Effect::Abandon(exchange)
            }
            None => {
                context.log_refusal(self.channel.peer(), refusal);
                Effect::None
            }
        }
    }

    // ---- The end ----

    /// Closes the socket. Returns the request under way, whose application is to be told.
    pub(crate) fn close(mut self, event_loop: &Loop) -> Option<Rc<HttpExchange>> {
        self.deadline.cancel(event_loop);
        self.channel.close();
        if let Some(source) = self.source.take() {
            // Closing the socket ends its registration with the system.
            event_loop.forget(source);
        }
        self.channel.wire().close();
        self.exchange
    }

    /// Gives the wire away, to another thread. `None`: the system cannot; the client finds the connection
    /// closed.
    pub(crate) fn detach(mut self, event_loop: &Loop) -> Option<Parts> {
        self.deadline.cancel(event_loop);
        self.channel.close();
        let mut parts = self.channel.wire().take_apart()?;
        event_loop.deregister(&mut parts.stream, self.source.take()?).ok()?;
        Some(parts)
    }
}
