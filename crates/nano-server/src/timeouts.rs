//! How long a connection may take for what, in one place. Sizes are nano-http's `Limits` and the
//! applications' own.

use nano_http::Awaiting;
use std::time::Duration;

/// Time between two requests of a connection.
///
/// Limit (s): a little more than the minute after which most clients and balancers give an idle connection
/// up, so that they and not the server end it.
pub const IDLE: Duration = Duration::from_secs(75);

/// Time for the whole TLS handshake.
///
/// Limit (s): three packets, and a millisecond of computing that may have to wait for others.
pub const HANDSHAKE: Duration = Duration::from_secs(10);

/// Time for the whole head of a request, from its first byte.
///
/// Limit (s): a head is a few packets; a sender of one byte a second ends here.
pub const HEAD: Duration = Duration::from_secs(15);

/// Time without progress while the client sends a body.
///
/// Limit (s): twice what a lossy connection needs to recover.
pub const BODY: Duration = Duration::from_secs(30);

/// Time for the rest of a request's body that is thrown away because its response is complete. After it the
/// connection closes, lingering.
///
/// Limit (s): as for a head; 16 MiB (nano-http's `Limits::discard_bytes`) come in this time at 9 Mbit/s.
pub const DISCARD: Duration = Duration::from_secs(15);

/// Time without progress while the client reads a response.
///
/// Limit (s): a client that reads nothing for a minute has gone.
pub const OUTPUT: Duration = Duration::from_secs(60);

/// Time for a client to read the last response after the server has closed its side, however much it still
/// sends.
///
/// Limit (s): a response is read within seconds, or not at all.
pub const LINGER: Duration = Duration::from_secs(5);

/// Time that an idle connection stays open when the server is shutting down.
///
/// Limit (ms): requests that were sent before the client could know have arrived by then.
pub const DRAIN_IDLE: Duration = Duration::from_millis(250);

/// Time without a byte from a WebSocket's client before a ping is sent, and then until the connection is
/// given up.
///
/// Limit (s): balancers between wait at least as long, so the pings keep the connection open there too.
pub const SOCKET_IDLE: Duration = Duration::from_secs(60);

/// Pause before accepting goes on after the process ran out of file descriptors.
///
/// Limit (ms): connections end all the time.
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
