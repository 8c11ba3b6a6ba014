//! Applications that compute for long: a second thread for them (a *companion*), the way of connections
//! between the two threads, and the rules for entering isolates from within a time slice of another
//! application.
//!
//! A tenant that computes gives way to its neighbours every two milliseconds, but not within one call of V8's
//! that cannot be interrupted (JSON, sorting, a collection), and two such tenants hold a thread up by turns.
//! So each worker has a companion, a thread with a loop and isolates of its own and a lower priority, once
//! one of its applications is found to be heavy ([`nano_runtime::Weight`]). Where a connection's request is
//! for the other of the two threads, the connection goes there with its socket, its TLS session and what was
//! parsed of it, and comes back the same way.
//!
//! This folder is the whole seam: it uses the transport's parts, and must not know workers, connections or
//! the process, which call it.

mod nesting;
mod pair;

pub(crate) use nesting::Nesting;
pub(crate) use pair::{Handed, IDLE, Link, Message, NICENESS, Pair, Role};
