//! Tasks: the reasons for entering an isolate.

use crate::channels::Content;
use nano_web::{ExchangeId, NetworkEvent, WorkResult};

/// A reason for entering an isolate. While its JavaScript is on the stack (running, or interrupted for a
/// slice) it waits.
pub(crate) enum Task {
    /// Call the handler: the request's head, in Latin-1.
    Request(ExchangeId, Box<[u8]>),
    /// A timer is due.
    Timer(u32),
    /// More of the request's body has arrived, or its end.
    BodyReady(ExchangeId),
    /// There is room for more of the response.
    Writable(ExchangeId),
    /// The client has closed its sending side.
    ClientClosedSending(ExchangeId),
    /// The server ends; a WebSocket's client is notified.
    ServerClosing(ExchangeId),
    /// The client has disconnected.
    ClientDisconnected(ExchangeId),
    /// The response's head was not there in time, or what `waitUntil` was given has not come to an end.
    DeadlineExceeded(ExchangeId),
    /// Work on another thread has ended.
    Work(u32, Result<WorkResult, String>),
    /// Something has happened to a fetch.
    Network(u64, NetworkEvent),
    /// V8's own.
    Platform(v8::Task),
    /// A task that the isolate asked for, or a message from another.
    Message(Content),
}
