//! The applications that the process serves, and changes to them: the state that all threads share, the
//! control thread, the watch over files.
//!
//! Uses sites and the commands of worker threads. Must not know sockets, connections or the administration,
//! which orders changes here.
//!
//! Reading order: [`shared`], [`orders`], [`controller`], [`watch`].

mod controller;
mod orders;
mod shared;
mod watch;

pub(crate) use controller::start;
pub use orders::{Change, Control, Outcome, Problem, Served};
pub use shared::ServeOptions;
pub(crate) use shared::{Seat, Shared};
