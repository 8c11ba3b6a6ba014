//! One client's connection: which request is under way in it, what it waits for, and until when.
//!
//! Uses the transport and requests. Must not know the worker, applications or JavaScript. The thread drives
//! it: it calls [`Connection::receive`], then [`Connection::next_effect`] until there is none, doing what
//! each says, then [`Connection::transmit`]. So no frame of a connection is on the stack while JavaScript
//! runs, and nothing of it is borrowed.
//!
//! Reading order: [`connection`], [`deadline`] and [`timer`] (time), [`upgraded`] (after a 101).

#[allow(clippy::module_inception)]
mod connection;
mod deadline;
mod timer;
mod upgraded;

pub(crate) use connection::{Connection, Effect, Transmitted};
pub(crate) use deadline::Serving;
pub(crate) use timer::Due;

#[cfg(test)]
mod tests;
