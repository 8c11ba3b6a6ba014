//! Native functions of WebSockets (WHATWG WebSockets, and Workers' `WebSocketPair`): framing between
//! JavaScript's messages and a connection's bytes. `websocket.js` decides which events are fired, and when.

mod pipe;
pub(crate) mod socket;

use crate::fetch::fetches::Fetches;
use crate::host::ResponseHead;
use crate::infra::part::{Part, parts};
use crate::infra::registry::Standard;
use crate::infra::{
    Args, Error, Ret, Scope, active_exchange, buffer, ops, state, string, text, throw, with_bytes,
};
use crate::state::{ActiveExchange, ExchangeId, State, Upgraded};
use pipe::Pipe;
use socket::{Socket, Sockets, Wire};
use std::rc::Rc;

pub(crate) static STANDARD: Standard = Standard {
    name: "websocket",
    uses: &[
        "domexception",
        "encoding",
        "events",
        "expose",
        "fetch",
        "file",
        "hooks",
        "incoming",
        "loaded",
        "messaging",
        "primordials",
        "timers",
        "url",
        "webidl",
    ],
    ops: &[ops],
    parts: PARTS,
    ..Standard::EMPTY
};

static PARTS: &[Part] = parts! {
    {
        files: ["websocket/closeevent.js", "websocket/websocket.js", "websocket/upgrade.js"],
        hooks: ["webSocketUpgrade"],
        exports: ["webSocket"],
        globals: ["CloseEvent", "WebSocket", "WebSocketPair"],
        enumerable: [],
        exercise: r#"
            const { 0: a, 1: b } = new WebSocketPair();
            b.accept();
            b.addEventListener("message", (event) => event.data);
            b.send("a");
            b.close(1000, "b");
            new CloseEvent("close").code;
            new Response(null, { status: 101, webSocket: a });
            // Nothing is connected while the snapshot is made.
            try { new WebSocket("ws://localhost/", ["a"]).onopen = () => {}; } catch {}
        "#
    }
};

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

/// The socket whose id is the first argument, unless it is over.
fn socket(scope: &mut Scope<'_, '_>, args: &Args<'_>) -> Option<Rc<Socket>> {
    // A value that is no id (NaN, say) becomes 0, which names none.
    let id = args.get(0).number_value(scope).unwrap_or(0.0) as u64;
    state(scope)?.get::<Sockets>().get(id)
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

/// `socketConnect(fetchId, receive)`: a fetch was answered with 101: the id of the socket that its connection
/// is from now on. Nothing is read before `socketStart`. `receive` is called as [`socket`] says.
fn socket_connect(scope: &mut Scope<'_, '_>, args: Args<'_>, mut ret: Ret<'_>) {
    let fetch = args.get(0).number_value(scope).unwrap_or(0.0) as u64;
    let Ok(receive) = v8::Local::<v8::Function>::try_from(args.get(1)) else { return };
    let receive = v8::Global::new(scope, receive);
    let owner = crate::infra::owner(scope);
    let Some(state) = state(scope) else { return };
    let limits = state.host().websocket_limits();
    let wire = Wire::Fetch(fetch);
    let Some(made) =
        state.get::<Sockets>().add(|id| Socket::new(id, wire, receive, owner, limits, state.account()))
    else {
        return throw(scope, Error::Type(NO_MEMORY));
    };
    if state.get::<Fetches>().upgrade(fetch, Rc::clone(&made) as Rc<dyn Upgraded>) {
        ret.set_double(made.id() as f64);
    } else {
        state.get::<Sockets>().forget(made.id());
        throw(scope, Error::Type("the connection is gone"));
    }
}

/// `socketServe(id, headerBlock, receive)`: answers a request with 101; the id of the socket that its
/// connection is from now on.
fn socket_serve(scope: &mut Scope<'_, '_>, args: Args<'_>, mut ret: Ret<'_>) {
    let Some(active) = active_exchange(scope, &args) else { return throw(scope, Error::Type(GONE)) };
    let Ok(receive) = v8::Local::<v8::Function>::try_from(args.get(2)) else { return };
    let receive = v8::Global::new(scope, receive);
    let Some(state) = state(scope) else { return };
    let limits = state.host().websocket_limits();
    let (owner, wire) = (Some(active.id().as_f64()), Wire::Exchange(active.id()));
    let Some(made) =
        state.get::<Sockets>().add(|id| Socket::new(id, wire, receive, owner, limits, state.account()))
    else {
        return throw(scope, Error::Type(NO_MEMORY));
    };
    let id = made.id();
    if let Err(reason) = upgrade(scope, &args, &active, true) {
        if let Some(state) = crate::infra::state(scope) {
            state.get::<Sockets>().forget(id);
        }
        return throw(scope, Error::Type(&reason));
    }
    if let Some(state) = crate::infra::state(scope) {
        state.upgrade_exchange(&active, Rc::clone(&made) as Rc<dyn Upgraded>);
    }
    ret.set_double(made.id() as f64);
}

/// `socketPipe(id, headerBlock, socket)`: answers a request with 101; the bytes of its connection go to that
/// of a socket of which nothing was read, and the other way round.
fn socket_pipe(scope: &mut Scope<'_, '_>, args: Args<'_>, _: Ret<'_>) {
    let Some(active) = active_exchange(scope, &args) else { return throw(scope, Error::Type(GONE)) };
    let id = args.get(2).number_value(scope).unwrap_or(0.0) as u64;
    let upstream = state(scope).and_then(|state| state.get::<Sockets>().get(id)?.fetch());
    let Some(fetch) = upstream else { return throw(scope, Error::Type("the WebSocket is closed")) };
    if let Err(reason) = upgrade(scope, &args, &active, false) {
        return throw(scope, Error::Type(&reason));
    }
    let pipe = Rc::new(Pipe::new(fetch, active.id()));
    if let Some(state) = state(scope) {
        state.upgrade_exchange(&active, Rc::clone(&pipe) as Rc<dyn Upgraded>);
        if let Some(socket) = state.get::<Sockets>().get(id) {
            socket.detach();
        }
        state.get::<Sockets>().forget(id);
        state.get::<Fetches>().upgrade(fetch, Rc::clone(&pipe) as Rc<dyn Upgraded>);
    }
    pipe.relay(scope);
}

const NO_MEMORY: &str = "the application has no memory left for another WebSocket";
const GONE: &str = "the client has disconnected";

/// Answers with 101.
fn upgrade(
    scope: &mut Scope<'_, '_>,
    args: &Args<'_>,
    active: &ActiveExchange,
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
    active.exchange.upgrade(&head, whole_frames)
}

/// `socketStart(id)`: messages are wanted from now on; those that are there are delivered before this
/// returns.
fn socket_start(scope: &mut Scope<'_, '_>, args: Args<'_>, _: Ret<'_>) {
    if let Some(socket) = socket(scope, &args) {
        socket.start(scope);
    }
}

/// `socketSend(id, data)`: a string, or an ArrayBuffer or a view. Undefined, or false if the socket is over
/// or there is no room for the message. It goes with the next `socketFlush`.
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
pub(crate) fn shut_down(scope: &mut Scope<'_, '_>, id: ExchangeId) {
    let upgraded =
        state(scope).and_then(|state: &State| state.active_exchange(id)?.upgraded.borrow().clone());
    if let Some(upgraded) = upgraded {
        upgraded.shut_down(scope);
    }
}
