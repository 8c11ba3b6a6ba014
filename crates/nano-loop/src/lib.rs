#![doc = include_str!("../README.md")]
//!
//! # Features
//!
//! - `tracing`: records events with the target `nano_loop` through the crate
//!   [tracing](https://docs.rs/tracing): `turn` at level TRACE at the end of each poll, `job refused` and
//!   `message refused` at level DEBUG. Off by default; without it the events expand to nothing.

mod clock;
mod config;
mod core;
mod event;
mod event_loop;
mod job;
mod mailbox;
mod pool;
mod priority;
mod probe;
mod shared;
mod simulation;
mod slots;
mod trace_event;
mod wheel;
mod world;

pub use config::{Config, Stats, Wait};
pub use event::{Event, Readiness, SourceId, TimerId};
pub use event_loop::Loop;
pub use job::{Job, JobPanicked};
pub use mailbox::{Capacity, Mailbox, SendError, Sender};
pub use nano_time::Moment;
pub use pool::{Pool, PoolConfig, PoolFull};
pub use priority::{give_way, run_promptly};
pub use probe::Probe;
pub use shared::Waker;
pub use simulation::Simulation;

/// The version of mio whose sources a loop takes.
pub use mio;
pub use mio::Interest;
