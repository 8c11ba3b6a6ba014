//! Driving connections: reads, does the effects of each connection (JavaScript is entered here, with no frame
//! of the connection on the stack), writes.

use super::worker::Worker;
use crate::connection::{Due, Effect, Transmitted};
use crate::request::HttpExchange;
use crate::trace_event::trace_event;
use crate::transport::Channel;
use nano_http::Refusal;
use nano_loop::Readiness;
use std::rc::Rc;

/// Reads of one connection in one turn of the loop; the rest waits in the socket.
///
/// Limit (reads): other connections have their turn.
const READS_PER_TURN: usize = 16;

/// The state of a connection after a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// It waits for an event.
    Wait,
    /// There is more to do.
    Again,
    /// It is closed, or has gone to another thread.
    Gone,
}

impl Worker {
    // ---- Events ----

    /// The loop has an event of a connection's socket.
    pub(super) fn handle_readiness(&self, place: u32, readiness: Readiness) {
        let Some(channel) = self.connections.channel(place) else { return };
        channel.wire().handle_readiness(readiness);
        self.drive(&channel);
        if readiness.is_write_closed() && readiness.is_read_closed() {
            self.handle_hangup(&channel);
        }
    }

    /// Both sides of the socket are shut: the client is gone, though nothing may be due to be written.
    fn handle_hangup(&self, channel: &Rc<Channel>) {
        let mut wire = channel.wire();
        if wire.is_upgraded() {
            return;
        }
        if channel.is_driven() {
            // The frame that drives it finds out by reading or writing.
            return wire.expect_input();
        }
        let is_idle = wire.http.pending_output() == 0;
        drop(wire);
        if is_idle {
            self.close(channel);
        }
    }

    /// A step of a connection's TLS handshake was computed on another thread.
    pub(super) fn handle_handshake(&self, place: u32) {
        let Some(channel) = self.connections.channel(place) else { return };
        let computed = channel.wire().finish_handshake_step();
        match computed {
            Ok(()) => self.drive(&channel),
            Err(_) => self.close(&channel),
        }
    }

    /// A connection's timer has fired.
    pub(super) fn handle_connection_timer(&self, place: u32) {
        let Some(channel) = self.connections.channel(place) else { return };
        let due = self.connections.with(&channel, |connection| connection.handle_timer(&self.context));
        match due {
            None | Some(Due::Nothing) => {}
            Some(Due::Close) => self.close(&channel),
            Some(Due::Drive) => self.drive(&channel),
            Some(Due::Refused(effect)) => {
                self.perform(&channel, effect);
                self.drive(&channel);
            }
        }
    }

    /// The server is shutting down.
    pub(super) fn drain_connection(&self, channel: &Rc<Channel>) {
        let event_loop = self.event_loop();
        let Some((drive, websocket)) =
            self.connections.with(channel, |connection| connection.drain(event_loop))
        else {
            return;
        };
        if let Some((instance, id)) = websocket {
            // Its client is told (1001), and the connection closes when it has answered.
            self.runtime.server_closing(&instance, id);
        }
        if drive {
            self.drive(channel);
        }
    }

    // ---- Driving ----

    /// Drives each woken connection once. One that is woken again waits for the next event: others come
    /// first.
    pub(super) fn drive_woken(&self) {
        for _ in 0..self.connections.wakes.len() {
            let Some(place) = self.connections.wakes.pop() else { return };
            if let Some(channel) = self.connections.channel(place) {
                self.drive(&channel);
            }
        }
    }

    /// Moves a connection as far as it goes. It may be called at any time; while a frame of this function for
    /// the connection is on the stack (a time slice has turned the loop from within the application), a
    /// second call only leaves a note for the first.
    pub(super) fn drive(&self, channel: &Rc<Channel>) {
        if !channel.start_driving() {
            return;
        }
        let mut step = Step::Again;
        for _ in 0..READS_PER_TURN {
            step = self.step(channel);
            if step != Step::Again {
                break;
            }
        }
        if step == Step::Gone {
            return;
        }
        channel.finish_driving();
        if step == Step::Again {
            // Others have their turn first.
            channel.wake();
        }
        let (event_loop, serving) = (self.event_loop(), self.serving());
        self.connections
            .with(channel, |connection| connection.settle(event_loop, serving, &self.connections.buffers));
    }

    /// One round: receive, effects, transmit.
    fn step(&self, channel: &Rc<Channel>) -> Step {
        let (event_loop, connections) = (self.event_loop(), &self.connections);
        let received = connections.with(channel, |connection| {
            connection
                .receive(event_loop, &connections.buffers)
                .map(|()| connection.next_effect(&self.context))
        });
        let mut effect = match received {
            None => return Step::Gone,
            Some(Err(_)) => return self.close_driven(channel),
            Some(Ok(effect)) => effect,
        };
        while !matches!(effect, Effect::None) {
            if self.perform(channel, effect) == Step::Gone {
                return Step::Gone;
            }
            effect = match connections.with(channel, |connection| connection.next_effect(&self.context)) {
                None => return Step::Gone,
                Some(effect) => effect,
            };
        }
        // There was no effect left, and what follows enters no isolate: whatever has woken the connection so
        // far is done with it.
        channel.clear_again();
        match connections.with(channel, |connection| (connection.transmit(), connection.wants_receive())) {
            None => Step::Gone,
            Some((Transmitted::Close, _)) => self.close_driven(channel),
            Some((Transmitted::Again, _)) => Step::Again,
            Some((transmitted, wants_receive)) => {
                if transmitted == Transmitted::Defer
                    && connections.deferred.push(channel.place(), self.context.now())
                {
                    self.runtime.set_waiting(true);
                }
                if wants_receive { Step::Again } else { Step::Wait }
            }
        }
    }

    /// Does an effect. [`Step::Gone`]: it is another thread's now.
    fn perform(&self, channel: &Rc<Channel>, effect: Effect) -> Step {
        match effect {
            Effect::None => {}
            Effect::Dispatch => {
                if !self.dispatch_from(channel) {
                    return Step::Gone;
                }
            }
            Effect::BodyReady(instance, id) => self.runtime.body_ready(&instance, id),
            Effect::Writable(instance, id) => self.runtime.writable(&instance, id),
            Effect::PeerClosed(instance, id) => self.runtime.client_closed_sending(&instance, id),
            Effect::Keep(exchange) => self.deadlines.keep(self.event_loop(), exchange),
            Effect::Abandon(exchange) => self.abandon_exchange(exchange),
        }
        Step::Wait
    }

    // ---- Deferred writes ----

    pub(super) fn write_deferred_if_due(&self) {
        let deferred = &self.connections.deferred;
        if deferred.is_empty() {
            return self.context.forget_clock();
        }
        if deferred.is_due(|| self.context.recent_time()) {
            self.write_deferred();
        }
        self.context.count_finished();
    }

    /// Writes the responses that wait. In a nested turn those of the outer one are written too.
    pub(super) fn write_deferred(&self) {
        let list = self.connections.deferred.take();
        if list.is_empty() {
            return;
        }
        self.runtime.set_waiting(false);
        for place in &list {
            self.write_deferred_at(*place);
        }
        self.connections.deferred.recycle(list);
    }

    fn write_deferred_at(&self, place: u32) {
        let (event_loop, serving) = (self.event_loop(), self.serving());
        let (channel, transmitted) = {
            let mut table = self.connections.table.borrow_mut();
            // The connection may be closed, and its place another's.
            let Some(connection) =
                table.get_mut(place as usize).filter(|connection| connection.is_deferred())
            else {
                return;
            };
            let transmitted = connection.transmit_deferred();
            if transmitted == Transmitted::Wait && !connection.channel().is_driven() {
                return connection.settle(event_loop, serving, &self.connections.buffers);
            }
            (Rc::clone(connection.channel()), transmitted)
        };
        if transmitted == Transmitted::Close {
            self.close(&channel);
        } else {
            channel.wake();
        }
    }

    // ---- The end ----

    fn close_driven(&self, channel: &Rc<Channel>) -> Step {
        self.close(channel);
        Step::Gone
    }

    /// Closes a connection at once.
    pub(super) fn close(&self, channel: &Rc<Channel>) {
        let Some(connection) = self.connections.remove(channel) else { return };
        trace_event!(DEBUG, peer = %channel.peer(), "connection closed");
        if let Some(exchange) = connection.close(self.event_loop()) {
            self.abandon_exchange(exchange);
        }
    }

    /// The client of a request is gone, or was answered in its application's place.
    fn abandon_exchange(&self, exchange: Rc<HttpExchange>) {
        exchange.abandon();
        if let Some((instance, id)) = exchange.in_isolate() {
            self.runtime.client_disconnected(&instance, id);
            if exchange.is_kept() {
                self.deadlines.keep(self.event_loop(), exchange);
            }
        }
    }

    /// A request breaks a rule that its application has set: answers, and closes.
    pub(super) fn refuse_request(&self, channel: &Rc<Channel>, refusal: Refusal) {
        let refused = self.connections.with(channel, |connection| connection.refuse(&self.context, refusal));
        if let Some(effect) = refused {
            self.perform(channel, effect);
        }
    }
}
