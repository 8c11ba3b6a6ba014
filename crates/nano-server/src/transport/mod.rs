//! A client's socket with its protocols: TLS, HTTP/1.1, and the bytes after an upgrade. Moves bytes between
//! the socket and buffers.
//!
//! Uses nano-http, the loop and TLS sessions. Must not know requests, applications, JavaScript or the worker:
//! a connection drives the transport from the thread's side, and a request writes into it from the
//! application's side.
//!
//! Reading order: [`channel`] (what both sides hold), [`wire`] (the socket and HTTP), [`upgraded`] and
//! [`upgraded_wire`] (after a 101).

mod channel;
mod upgraded;
mod upgraded_wire;
mod wire;

pub(crate) use channel::{Channel, WakeList};
pub(crate) use upgraded::{Upgraded, header_block};
pub(crate) use upgraded_wire::UpgradedState;
pub(crate) use wire::{Parts, Wire};

/// Output that waits for the client before a producer is told to wait.
///
/// Limit (bytes): enough to fill a socket's buffer at once.
pub(crate) const OUTPUT_HIGH_BYTES: usize = 256 << 10;

/// Output below which a waiting producer goes on.
///
/// Limit (bytes): the socket has still something to send while the producer starts again.
pub(crate) const OUTPUT_LOW_BYTES: usize = 64 << 10;
