//! Native functions of WebSockets (WHATWG WebSockets, and Workers' `WebSocketPair`): framing between JavaScript's messages and a
//! connection's bytes. What events there are, and when, is decided in `websocket.js`.

mod pipe;
pub(crate) mod socket;

use crate::host::ResponseHead;
use crate::infra::{Args, Error, Ret, Scope, buffer, ops, slot, state, string, text, throw, with_bytes};
use crate::state::{ExchangeId, State};
use pipe::Pipe;
use socket::{Socket, Wire};
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

ops! {
    "socketKey" => socket_key,
    "socketAccept" => socket_accept,
    "socketConnect" => socket_connect,
    "socketServe" => socket_serve,
    "socketPipe" => socket_pipe,
    "socketStart" => socket_start,
    "socketSend" => socket_send,
    "socketFlush" => socket_flush,
    "socketBuffered" => socket_buffered,
    "socketClose" => socket_close,
    "socketDrop" => socket_drop,
}

/// The isolate's open WebSockets.
#[derive(Default)]
pub(crate) struct Sockets {
    live: RefCell<HashMap<u64, Rc<Socket>>>,
    last: Cell<u64>,
}

impl Sockets {
    fn add(&self, make: impl FnOnce(u64) -> Option<Socket>) -> Option<Rc<Socket>> {
        let id = self.last.get() + 1;
        self.last.set(id);
        let socket = Rc::new(make(id)?);
        self.live.borrow_mut().insert(id, Rc::clone(&socket));
        Some(socket)
    }

    fn get(&self, id: u64) -> Option<Rc<Socket>> {
        self.live.borrow().get(&id).cloned()
    }

    pub(crate) fn forget(&self, id: u64) {
        self.live.borrow_mut().remove(&id);
    }
}

/// Who has the bytes of a connection that no longer speaks HTTP.
#[derive(Clone)]
pub(crate) enum Attached {
    /// A WebSocket of the isolate's.
    Socket(Rc<Socket>),
    /// They go from one connection to another.
    Pipe(Rc<Pipe>),
}

impl Attached {
    /// There may be something to read.
    pub(crate) fn readable(&self, scope: &mut Scope<'_, '_>) {
        match self {
            Self::Socket(socket) => socket.pump(scope),
            Self::Pipe(pipe) => pipe.pump(scope),
        }
    }

    /// There is room for more, or nobody will ever read it.
    pub(crate) fn writable(&self, scope: &mut Scope<'_, '_>, gone: bool) {
        match self {
            Self::Socket(socket) => socket.writable(scope, gone),
            Self::Pipe(pipe) => pipe.writable(scope, gone),
        }
    }

    /// The server ends: the client is told so.
    pub(crate) fn go_away(&self, scope: &mut Scope<'_, '_>) {
        match self {
            Self::Socket(socket) => socket.go_away(scope),
            Self::Pipe(pipe) => pipe.close(scope),
        }
    }

    /// What it was opened for is over; nobody is told.
    pub(crate) fn abandon(&self, sockets: &Sockets) {
        if let Self::Socket(socket) = self
            && socket.is_open()
        {
            socket.abandon();
            sockets.forget(socket.id());
        }
    }
}

/// The socket whose id is the first argument, unless it is over.
fn socket(scope: &mut Scope<'_, '_>, args: &Args<'_>) -> Option<Rc<Socket>> {
    // What is no id (NaN, say) becomes 0, which names none.
    let id = args.get(0).number_value(scope).unwrap_or(0.0) as u64;
    state(scope)?.sockets.get(id)
}

/// `socketKey()`: a new Sec-WebSocket-Key.
fn socket_key(scope: &mut Scope<'_, '_>, _: Args<'_>, mut ret: Ret<'_>) {
    if let Some(key) = string(scope, &nano_websocket::new_key()) {
        ret.set(key.into());
    }
}

/// `socketAccept(key)`: the Sec-WebSocket-Accept that belongs to it.
fn socket_accept(scope: &mut Scope<'_, '_>, args: Args<'_>, mut ret: Ret<'_>) {
    let mut stack = buffer::<64>();
    let key = text(scope, args.get(0), &mut stack);
    let accept = nano_websocket::accept_key(key.as_bytes());
    if let Some(accept) = string(scope, &accept) {
        ret.set(accept.into());
    }
}

/// `socketConnect(fetchId, receive)`: a fetch was answered with 101: the id of the socket that its connection is from now on. Nothing
/// is read before `socketStart`. `receive` is called as [`socket`] says.
fn socket_connect(scope: &mut Scope<'_, '_>, args: Args<'_>, mut ret: Ret<'_>) {
    let fetch = args.get(0).number_value(scope).unwrap_or(0.0) as u64;
    let Ok(receive) = v8::Local::<v8::Function>::try_from(args.get(1)) else { return };
    let receive = v8::Global::new(scope, receive);
    let owner = crate::infra::owner(scope);
    let Some(state) = state(scope) else { return };
    let accountant = Arc::clone(state.accountant());
    let limits = state.host().websocket_limits();
    let wire = Wire::Fetch(fetch);
    let Some(made) = state.sockets.add(|id| Socket::new(id, wire, receive, owner, limits, accountant)) else {
        return throw(scope, Error::Type(NO_MEMORY));
    };
    if state.fetches.attach(fetch, Attached::Socket(Rc::clone(&made))) {
        ret.set_double(made.id() as f64);
    } else {
        state.sockets.forget(made.id());
        throw(scope, Error::Type("the connection is gone"));
    }
}

/// `socketServe(id, headerBlock, receive)`: answers a request with 101; the id of the socket that its connection is from now on.
fn socket_serve(scope: &mut Scope<'_, '_>, args: Args<'_>, mut ret: Ret<'_>) {
    let Some(slot) = slot(scope, &args) else { return throw(scope, Error::Type(GONE)) };
    let Ok(receive) = v8::Local::<v8::Function>::try_from(args.get(2)) else { return };
    let receive = v8::Global::new(scope, receive);
    let Some(state) = state(scope) else { return };
    let accountant = Arc::clone(state.accountant());
    let limits = state.host().websocket_limits();
    let (owner, wire) = (Some(slot.id().as_f64()), Wire::Exchange(slot.id()));
    let Some(made) = state.sockets.add(|id| Socket::new(id, wire, receive, owner, limits, accountant)) else {
        return throw(scope, Error::Type(NO_MEMORY));
    };
    let id = made.id();
    if let Err(reason) = upgrade(scope, &args, &slot, true) {
        if let Some(state) = crate::infra::state(scope) {
            state.sockets.forget(id);
        }
        return throw(scope, Error::Type(&reason));
    }
    if let Some(state) = crate::infra::state(scope) {
        state.attach_exchange(&slot, Attached::Socket(Rc::clone(&made)));
    }
    ret.set_double(made.id() as f64);
}

/// `socketPipe(id, headerBlock, socket)`: answers a request with 101; the bytes of its connection go to that of a socket of which
/// nothing was read, and the other way round.
fn socket_pipe(scope: &mut Scope<'_, '_>, args: Args<'_>, _: Ret<'_>) {
    let Some(slot) = slot(scope, &args) else { return throw(scope, Error::Type(GONE)) };
    let id = args.get(2).number_value(scope).unwrap_or(0.0) as u64;
    let upstream = state(scope).and_then(|state| state.sockets.get(id)?.fetch());
    let Some(fetch) = upstream else { return throw(scope, Error::Type("the WebSocket is closed")) };
    if let Err(reason) = upgrade(scope, &args, &slot, false) {
        return throw(scope, Error::Type(&reason));
    }
    let pipe = Rc::new(Pipe::new(fetch, slot.id()));
    if let Some(state) = state(scope) {
        state.attach_exchange(&slot, Attached::Pipe(Rc::clone(&pipe)));
        if let Some(socket) = state.sockets.get(id) {
            socket.abandon();
        }
        state.sockets.forget(id);
        state.fetches.attach(fetch, Attached::Pipe(Rc::clone(&pipe)));
    }
    pipe.pump(scope);
}

const NO_MEMORY: &str = "the application has no memory left for another WebSocket";
const GONE: &str = "the client has disconnected";

/// Answers with 101.
fn upgrade(
    scope: &mut Scope<'_, '_>,
    args: &Args<'_>,
    slot: &crate::state::Slot,
    whole_frames: bool,
) -> Result<(), String> {
    let headers = match v8::Local::<v8::String>::try_from(args.get(1)) {
        Ok(block) => {
            let mut bytes = vec![0u8; block.length()];
            block.write_one_byte_v2(scope, 0, &mut bytes, v8::WriteFlags::empty());
            bytes
        }
        Err(_) => Vec::new(),
    };
    let head = ResponseHead { status: 101, status_text: "", headers: &headers, content_length: None };
    slot.exchange.upgrade(&head, whole_frames)
}

/// `socketStart(id)`: messages are wanted from now on; those that are there are delivered before this returns.
fn socket_start(scope: &mut Scope<'_, '_>, args: Args<'_>, _: Ret<'_>) {
    if let Some(socket) = socket(scope, &args) {
        socket.start(scope);
    }
}

/// `socketSend(id, data)`: a string, or an ArrayBuffer or a view. Undefined, or false if the socket is over or there is no room for the
/// message. It goes with the next `socketFlush`.
fn socket_send(scope: &mut Scope<'_, '_>, args: Args<'_>, mut ret: Ret<'_>) {
    let Some(socket) = socket(scope, &args) else {
        ret.set_bool(false);
        return;
    };
    let data = args.get(1);
    let sent = if data.is_string() {
        let mut stack = buffer::<4096>();
        let text = text(scope, data, &mut stack);
        socket.send_text(&text)
    } else {
        with_bytes(data, |bytes| socket.send_binary(bytes))
    };
    if !sent {
        ret.set_bool(false);
    }
}

/// `socketFlush(id)`: hands what was sent to the network, if that takes it.
fn socket_flush(scope: &mut Scope<'_, '_>, args: Args<'_>, _: Ret<'_>) {
    if let Some(socket) = socket(scope, &args) {
        socket.flush(scope);
    }
}

/// `socketBuffered(id)`: bytes of messages that the network has not taken; undefined if the socket is over.
fn socket_buffered(scope: &mut Scope<'_, '_>, args: Args<'_>, mut ret: Ret<'_>) {
    if let Some(socket) = socket(scope, &args) {
        ret.set_double(socket.buffered() as f64);
    }
}

/// `socketClose(id, code, reason)`: begins the closing handshake. Without a code the frame says nothing.
fn socket_close(scope: &mut Scope<'_, '_>, args: Args<'_>, _: Ret<'_>) {
    let Some(socket) = socket(scope, &args) else { return };
    let code = args.get(1);
    let code = if code.is_undefined() { None } else { code.uint32_value(scope).map(|code| code as u16) };
    let mut stack = buffer::<128>();
    let reason = text(scope, args.get(2), &mut stack);
    socket.close(scope, code, &reason);
}

/// `socketDrop(id)`: closes the connection at once; `receive` is not called any more.
fn socket_drop(scope: &mut Scope<'_, '_>, args: Args<'_>, _: Ret<'_>) {
    if let Some(socket) = socket(scope, &args) {
        socket.drop_connection(scope);
    }
}

/// The request's client is to be told that the server ends.
pub(crate) fn go_away(scope: &mut Scope<'_, '_>, id: ExchangeId) {
    let attached = state(scope).and_then(|state: &State| state.slot(id)?.attached.borrow().clone());
    if let Some(attached) = attached {
        attached.go_away(scope);
    }
}
