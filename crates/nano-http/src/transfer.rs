//! The one set of types for bodies on their way: how long one is, what a step of reading it gave, what a step
//! of writing it found. They hold no connection: client, server and platform all use them.

/// How long a body is, as far as that is known before it is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyLength {
    /// There is none. In a response with a status that allows one: Content-Length 0.
    None,
    /// Known only at its end: chunked, or until the connection closes in HTTP/1.0.
    Unknown,
    /// So many bytes: Content-Length.
    Known(u64),
}

/// One step of reading a body: `T` is what came, `E` why it failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BodyRead<E, T = Vec<u8>> {
    /// The next bytes, or what their receiver said of them; there was at least one.
    Bytes(T),
    /// The body is complete.
    End,
    /// Nothing has come yet. The reader is told when that changes.
    Pending,
    /// The body broke off.
    Failed(E),
}

/// What is left of the room for a body that is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Written {
    /// There is room for more.
    Ready,
    /// The bytes were taken, and the writer waits until it is told that there is room.
    Full,
    /// Nobody wants the body any more; nothing was taken.
    Gone,
}
