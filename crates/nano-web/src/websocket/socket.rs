//! One open WebSocket: its protocol between a connection's bytes and JavaScript's messages.
//!
//! News goes to the function that JavaScript has given, `receive(kind, ...)`:
//!
//! | kind | arguments | |
//! | --- | --- | --- |
//! | 0 | a string | a message |
//! | 1 | an ArrayBuffer | a message |
//! | 2 | | it is closing: the peer has begun and was answered, or the server ends |
//! | 3 | code, reason, wasClean, failed | the connection is over: the last call |
//!
//! Each message is a task of its own: microtasks are drained after it. Nothing is borrowed while `receive`
//! runs.

use crate::host::{BodyRead, NetworkRead, WebSocketLimits, Written};
use crate::infra::{Scope, state, string, try_array_buffer};
use crate::state::{ExchangeId, State, Upgraded};
use nano_arena::{Account, Charge};
use nano_websocket::{Close, Connection, Event, Limits, Role};
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

/// Output of a WebSocket that its peer does not read; then nothing more is read from the peer.
///
/// Limit (bytes): a peer that only sends cannot make the tenant's answers pile up; a message or two of the
/// largest usual size fit.
const PAUSE_OUTPUT_BYTES: usize = 1 << 20;

/// What an open socket takes of memory beside messages, in bytes: its protocol's state and buffers, and what
/// connects it.
const SOCKET_BYTES: usize = 8 << 10;

/// What the network gets at once, in bytes: what it does not take stays here, where it is counted.
const FLUSH_BYTES: usize = 64 << 10;

/// What a socket takes is counted in steps of so many bytes: small messages cost no counting.
const CHARGE_STEP_BYTES: usize = 16 << 10;

/// Where the bytes come from and go to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wire {
    /// A fetch that was answered with 101: this is the client.
    Fetch(u64),
    /// A request that was answered with 101: this is the server.
    Exchange(ExchangeId),
}

/// The isolate's open WebSockets.
#[derive(Default)]
pub(crate) struct Sockets {
    live: RefCell<HashMap<u64, Rc<Socket>>>,
    last: Cell<u64>,
}

impl Sockets {
    pub(super) fn add(&self, make: impl FnOnce(u64) -> Option<Socket>) -> Option<Rc<Socket>> {
        let id = self.last.get() + 1;
        self.last.set(id);
        let socket = Rc::new(make(id)?);
        self.live.borrow_mut().insert(id, Rc::clone(&socket));
        Some(socket)
    }

    pub(super) fn get(&self, id: u64) -> Option<Rc<Socket>> {
        self.live.borrow().get(&id).cloned()
    }

    pub(crate) fn forget(&self, id: u64) {
        self.live.borrow_mut().remove(&id);
    }
}

/// An open WebSocket.
pub(crate) struct Socket {
    id: u64,
    wire: Wire,
    protocol: RefCell<Connection>,
    receive: RefCell<Option<v8::Global<v8::Function>>>,
    /// The request in whose name `receive` runs.
    owner: Option<f64>,
    charge: RefCell<Charge>,
    phase: Cell<Phase>,
    /// [`pump`](Self::pump) is on the stack.
    pumping: Cell<bool>,
    /// The wire has said that it is full, and not yet that there is room.
    blocked: Cell<bool>,
    /// Bytes of messages in the output.
    payload: Cell<usize>,
    queue_bytes: usize,
    /// What the peer's close frame has said.
    close: RefCell<Option<Close>>,
}

/// How far a socket is in its life.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// The application has not asked for messages yet; nothing is read.
    AwaitsStart,
    /// Messages are delivered.
    Started,
    /// Nothing comes or goes any more.
    Over,
}

impl Socket {
    /// None: the isolate has no memory left for it.
    pub(crate) fn new(
        id: u64,
        wire: Wire,
        receive: v8::Global<v8::Function>,
        owner: Option<f64>,
        limits: WebSocketLimits,
        account: &Account,
    ) -> Option<Self> {
        let role = match wire {
            Wire::Fetch(_) => Role::Client,
            Wire::Exchange(_) => Role::Server,
        };
        let mut protocol_limits = Limits::default();
        protocol_limits.message_bytes = limits.message_bytes;
        Some(Self {
            id,
            wire,
            protocol: RefCell::new(Connection::new(role, &protocol_limits)),
            receive: RefCell::new(Some(receive)),
            owner,
            charge: RefCell::new(account.charge(SOCKET_BYTES).ok()?),
            phase: Cell::new(Phase::AwaitsStart),
            pumping: Cell::new(false),
            blocked: Cell::new(false),
            payload: Cell::new(0),
            queue_bytes: limits.queue_bytes,
            close: RefCell::new(None),
        })
    }

    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    /// The fetch whose connection it is, if nothing was read from that yet.
    pub(crate) fn fetch(&self) -> Option<u64> {
        match self.wire {
            Wire::Fetch(id) if self.phase.get() == Phase::AwaitsStart => Some(id),
            _ => None,
        }
    }

    // ---- To the peer ----

    /// False: it is closing or over, or there is no room.
    pub(crate) fn send_text(&self, text: &str) -> bool {
        self.send(text.len(), |protocol| protocol.send_text(text).is_ok())
    }

    /// The same.
    pub(crate) fn send_binary(&self, bytes: &[u8]) -> bool {
        self.send(bytes.len(), |protocol| protocol.send_binary(bytes).is_ok())
    }

    fn send(&self, bytes: usize, send: impl FnOnce(&mut Connection) -> bool) -> bool {
        if self.is_over() {
            return false;
        }
        let mut protocol = self.protocol.borrow_mut();
        let waiting = protocol.output().len() + bytes;
        if waiting > self.queue_bytes
            || !self.charge(protocol.partial_bytes() + waiting)
            || !send(&mut protocol)
        {
            return false;
        }
        self.payload.set(self.payload.get() + bytes);
        true
    }

    pub(crate) fn buffered(&self) -> usize {
        self.payload.get()
    }

    /// Charges the memory of the socket: `bytes` of messages, and itself.
    fn charge(&self, bytes: usize) -> bool {
        let wanted = SOCKET_BYTES + bytes / CHARGE_STEP_BYTES * CHARGE_STEP_BYTES;
        self.charge.borrow_mut().resize(wanted).is_ok()
    }

    /// Hands the output to the wire, unless that is full.
    pub(crate) fn flush(&self, scope: &mut Scope<'_, '_>) {
        if self.blocked.get() || self.is_over() {
            return;
        }
        let mut protocol = self.protocol.borrow_mut();
        while !self.blocked.get() && !protocol.output().is_empty() {
            let count = protocol.output().len().min(FLUSH_BYTES);
            let piece = &protocol.output()[..count];
            let written = match (self.wire, state(scope)) {
                (_, None) => Written::Gone,
                (Wire::Fetch(id), Some(state)) => match state.host().network() {
                    Some(network) => network.write(id, piece),
                    None => Written::Gone,
                },
                (Wire::Exchange(id), Some(state)) => match state.exchange(id) {
                    Some(exchange) => exchange.write(piece),
                    None => Written::Gone,
                },
            };
            if written == Written::Gone {
                // Reading says so.
                protocol.clear_output();
            } else {
                protocol.wrote(count);
                self.blocked.set(written == Written::Full);
                self.payload.set(self.payload.get().saturating_sub(count));
            }
        }
        if protocol.output().is_empty() {
            self.payload.set(0);
        }
        self.charge(protocol.partial_bytes() + protocol.output().len());
    }

    /// Begins the closing handshake.
    pub(crate) fn close(&self, scope: &mut Scope<'_, '_>, code: Option<u16>, reason: &str) {
        self.protocol.borrow_mut().close(code, reason);
        self.flush(scope);
    }

    /// The server ends: 1001, RFC 6455 section 7.4.1. What the application has to say about it comes with its
    /// close event.
    fn go_away(self: &Rc<Self>, scope: &mut Scope<'_, '_>) {
        if self.is_over() || self.protocol.borrow().is_close_sent() {
            return;
        }
        self.close(scope, Some(1001), "");
        self.call(scope, 2, &[]);
        // An application that never listened has nothing to wait for: the answer is read all the same.
        self.start(scope);
    }

    // ---- From the peer ----

    /// Messages are wanted from now on.
    pub(crate) fn start(self: &Rc<Self>, scope: &mut Scope<'_, '_>) {
        self.set_started();
        self.pump(scope);
    }

    fn set_started(&self) {
        if self.phase.get() == Phase::AwaitsStart {
            self.phase.set(Phase::Started);
        }
    }

    fn is_over(&self) -> bool {
        self.phase.get() == Phase::Over
    }

    /// There is room on the wire, or the peer is gone.
    fn has_room(self: &Rc<Self>, scope: &mut Scope<'_, '_>, gone: bool) {
        self.blocked.set(false);
        if gone {
            self.protocol.borrow_mut().clear_output();
            self.payload.set(0);
            // Reading finds the end, whether or not the application has asked for messages.
            self.set_started();
        } else {
            self.flush(scope);
        }
        self.pump(scope);
    }

    /// Delivers what has arrived.
    pub(crate) fn pump(self: &Rc<Self>, scope: &mut Scope<'_, '_>) {
        if self.phase.get() != Phase::Started || self.pumping.replace(true) {
            return;
        }
        self.deliver_all(scope);
        self.pumping.set(false);
    }

    fn deliver_all(self: &Rc<Self>, scope: &mut Scope<'_, '_>) {
        loop {
            loop {
                let event = self.protocol.borrow_mut().next_event();
                let Some(event) = event else { break };
                if !self.deliver(scope, event) || self.is_over() {
                    return;
                }
            }
            self.flush(scope);
            let (takes, waiting) = {
                let protocol = self.protocol.borrow();
                (protocol.partial_bytes() + protocol.output().len(), protocol.output().len())
            };
            if !self.charge(takes) {
                self.protocol.borrow_mut().fail(1009, "");
                self.flush(scope);
                return self.finish(scope, true);
            }
            if waiting > PAUSE_OUTPUT_BYTES {
                return;
            }
            if !self.read(scope) {
                return;
            }
        }
    }

    /// Takes what the wire has. False: nothing for now.
    fn read(&self, scope: &mut Scope<'_, '_>) -> bool {
        let Some(state) = state(scope) else { return false };
        let bytes = match self.wire {
            Wire::Fetch(id) => match state.host().network().map(|network| network.read(id)) {
                Some(NetworkRead::Bytes(bytes)) => Some(bytes),
                Some(NetworkRead::Pending) => return false,
                Some(NetworkRead::End | NetworkRead::Failed(_)) | None => None,
            },
            Wire::Exchange(id) => match state.exchange(id).map(|exchange| exchange.read_body()) {
                Some(BodyRead::Bytes(bytes)) => Some(bytes),
                Some(BodyRead::Pending) => return false,
                Some(BodyRead::End | BodyRead::Failed(_)) | None => None,
            },
        };
        let mut protocol = self.protocol.borrow_mut();
        match bytes {
            Some(bytes) => protocol.receive(&bytes),
            None => protocol.receive_end(),
        }
        true
    }

    /// False: JavaScript was ended, or nobody wants more.
    fn deliver(self: &Rc<Self>, scope: &mut Scope<'_, '_>, event: Event) -> bool {
        if let (Wire::Exchange(id), Some(state)) = (self.wire, state(scope)) {
            state.restart_charge(id);
        }
        v8::scope!(let scope, scope);
        match event {
            Event::Text(text) => match string(scope, &text) {
                Some(text) => self.call(scope, 0, &[text.into()]),
                None => false,
            },
            Event::Binary(bytes) => match try_array_buffer(scope, bytes) {
                Some(buffer) => self.call(scope, 1, &[buffer.into()]),
                None => {
                    self.protocol.borrow_mut().fail(1009, "");
                    self.flush(scope);
                    self.finish(scope, true);
                    false
                }
            },
            Event::Close(close) => {
                *self.close.borrow_mut() = Some(close);
                self.flush(scope);
                if self.wire_is_server() {
                    self.finish(scope, false);
                    return false;
                }
                self.call(scope, 2, &[])
            }
            Event::Failed(_) => {
                self.flush(scope);
                self.finish(scope, true);
                false
            }
            Event::End => {
                let failed = self.close.borrow().is_none();
                self.finish(scope, failed);
                false
            }
        }
    }

    fn wire_is_server(&self) -> bool {
        matches!(self.wire, Wire::Exchange(_))
    }

    /// Calls `receive`, in the name of the request that the socket belongs to.
    fn call(&self, scope: &mut Scope<'_, '_>, kind: i32, args: &[v8::Local<'_, v8::Value>]) -> bool {
        let receive = self.receive.borrow().as_ref().map(|receive| v8::Local::new(scope, receive));
        let Some(receive) = receive else { return false };
        let before = scope.get_continuation_preserved_embedder_data();
        let owner = match self.owner {
            Some(owner) => v8::Number::new(scope, owner).into(),
            None => v8::undefined(scope).into(),
        };
        scope.set_continuation_preserved_embedder_data(owner);
        let kind = v8::Integer::new(scope, kind).into();
        let undefined: v8::Local<'_, v8::Value> = v8::undefined(scope).into();
        let mut all = [kind, undefined, undefined, undefined, undefined];
        for (place, value) in all[1..].iter_mut().zip(args) {
            *place = *value;
        }
        let called = receive.call(scope, undefined, &all).is_some();
        if called {
            scope.perform_microtask_checkpoint();
        }
        scope.set_continuation_preserved_embedder_data(before);
        called && !scope.is_execution_terminating()
    }

    // ---- The end ----

    /// The connection is over: tells JavaScript, and lets the wire go.
    fn finish(&self, scope: &mut Scope<'_, '_>, failed: bool) {
        if self.phase.replace(Phase::Over) == Phase::Over {
            return;
        }
        let close = self.close.borrow_mut().take();
        let clean = close.is_some() && !failed;
        let (code, reason) = match close {
            Some(close) if clean => (close.code.unwrap_or(1005), close.reason),
            _ => (1006, String::new()),
        };
        self.release(scope);
        let code = v8::Integer::new(scope, i32::from(code)).into();
        let Some(reason) = string(scope, &reason) else { return };
        let (clean, failed) = (v8::Boolean::new(scope, clean).into(), v8::Boolean::new(scope, failed).into());
        self.call(scope, 3, &[code, reason.into(), clean, failed]);
        self.receive.borrow_mut().take();
        self.forget_if_over(scope);
    }

    /// Closes the connection; nobody is told.
    pub(crate) fn drop_connection(&self, scope: &mut Scope<'_, '_>) {
        if self.phase.replace(Phase::Over) != Phase::Over {
            self.release(scope);
            self.receive.borrow_mut().take();
            self.forget_if_over(scope);
        }
    }

    /// The bytes are somebody else's from now on, or of no interest.
    pub(crate) fn detach(&self) {
        self.phase.set(Phase::Over);
        self.receive.borrow_mut().take();
        self.charge.borrow_mut().shrink(usize::MAX);
    }

    fn release(&self, scope: &mut Scope<'_, '_>) {
        self.charge.borrow_mut().shrink(usize::MAX);
        let Some(state) = state(scope) else { return };
        state.get::<Sockets>().forget(self.id);
        match self.wire {
            Wire::Fetch(id) => state.cancel_fetch(id),
            Wire::Exchange(id) => {
                if let Some(active) = state.active_exchange(id) {
                    active.upgraded.borrow_mut().take();
                    active.exchange.finish();
                }
            }
        }
    }

    /// The request that became the socket may be over with it.
    fn forget_if_over(&self, scope: &mut Scope<'_, '_>) {
        let Wire::Exchange(id) = self.wire else { return };
        if let Some(state) = state(scope)
            && state.exchange(id).is_some_and(|exchange| exchange.is_over())
        {
            state.remove_exchange(id);
        }
    }
}

impl Upgraded for Socket {
    fn readable(self: Rc<Self>, scope: &mut Scope<'_, '_>) {
        self.pump(scope);
    }

    fn writable(self: Rc<Self>, scope: &mut Scope<'_, '_>, closed: bool) {
        self.has_room(scope, closed);
    }

    fn shut_down(self: Rc<Self>, scope: &mut Scope<'_, '_>) {
        self.go_away(scope);
    }

    fn abandon(&self, state: &State) {
        if self.is_open() {
            self.detach();
            state.get::<Sockets>().forget(self.id);
        }
    }

    fn is_open(&self) -> bool {
        !self.is_over()
    }
}
