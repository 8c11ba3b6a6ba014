//! How long a connection may take for what, in one place. Sizes are nano-http's `Limits` and the applications' own.

use nano_http::Awaiting;
use std::time::Duration;

/// Between two requests of a connection. 75 s: a little more than the minute after which most clients and
/// balancers give an idle connection up, so that they and not the server end it.
pub const IDLE: Duration = Duration::from_secs(75);

/// For the whole handshake of TLS: three packets, and a millisecond of computing that may have to wait for
/// others'.
pub const HANDSHAKE: Duration = Duration::from_secs(10);

/// For the whole head of a request, from its first byte: it is a few packets. A sender of one byte a second
/// ends here.
pub const HEAD: Duration = Duration::from_secs(15);

/// Without any progress while the client sends a body.
pub const BODY: Duration = Duration::from_secs(30);

/// For the rest of a request's body that is thrown away, since its response is complete: all of it, up to
/// nano-http's `Limits::discard_bytes`. 15 s, as for a head: 16 MiB come in this time at 9 Mbit/s. After it
/// the connection closes, lingering.
pub const DISCARD: Duration = Duration::from_secs(15);

/// Without any progress while the client reads a response.
pub const OUTPUT: Duration = Duration::from_secs(60);

/// For a client to read the last response after the server has closed its side, however much it still sends.
pub const LINGER: Duration = Duration::from_secs(5);

/// For an idle connection when the server is shutting down. A quarter of a second: what was sent before the
/// client could know is there by then.
pub const DRAIN_IDLE: Duration = Duration::from_millis(250);

/// Without a byte from the client of a WebSocket before it is asked, with a ping, whether it is still there;
/// and then until it is given up. 60 s: what balancers between wait for at least, so that the pings keep the
/// connection open there too.
pub const SOCKET_IDLE: Duration = Duration::from_secs(60);

/// The pause in accepting after the process ran out of file descriptors.
pub const ACCEPT_RETRY: Duration = Duration::from_millis(100);

const _: () = assert!(LINGER.as_millis() < HEAD.as_millis() && HEAD.as_millis() < IDLE.as_millis());

/// The time for what a connection waits for. `None`: it waits for the application, which has limits of its
/// own.
pub(crate) fn of(awaiting: Awaiting) -> Option<Duration> {
    match awaiting {
        Awaiting::Head => Some(IDLE),
        Awaiting::HeadRest => Some(HEAD),
        Awaiting::Body => Some(BODY),
        Awaiting::Discard => Some(DISCARD),
        Awaiting::Output => Some(OUTPUT),
        Awaiting::Linger => Some(LINGER),
        Awaiting::Handler | Awaiting::Nothing => None,
    }
}
