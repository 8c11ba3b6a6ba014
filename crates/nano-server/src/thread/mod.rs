//! One worker thread: its loop, its listener, its connections, its applications' isolates.
//!
//! This is the only room that knows the worker and enters JavaScript. Everything that happens on the thread
//! begins in `Worker::turn`, or in a turn that is nested in a running application's time slice. Nothing here
//! is borrowed while JavaScript runs. Uses connections, requests, the transport and nano-runtime; must not
//! know the process: what other threads want comes as a [`Command`].
//!
//! Reading order: [`worker`] (the state), [`turn`] (the loop), [`accept`], [`drive`] (connections),
//! [`dispatch`] and [`admission`] (requests), [`expire`] and [`deadlines`] (their time), [`apps`] and
//! [`deploy`] (what is served), [`deferred`], [`command`]. [`companion`] and [`nested`] are this room's side
//! of the seam to [`heavy`](crate::heavy).

mod accept;
mod acceptor;
mod admission;
mod apps;
mod backoff;
mod command;
mod companion;
mod deadlines;
mod deferred;
mod deploy;
mod dispatch;
mod drive;
mod expire;
mod nested;
mod turn;
mod worker;

pub(crate) use apps::Lifetimes;
pub(crate) use command::{Command, Heartbeat, Measured, MeasuredApp};
pub(crate) use worker::{Worker, WorkerOptions};
