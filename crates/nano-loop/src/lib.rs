#![doc = include_str!("../README.md")]

mod clock;
mod event;
mod event_loop;
mod mailbox;
mod moment;
mod pool;
mod priority;
mod probe;
mod shared;
mod simulation;
mod slots;
mod wheel;

pub use event::{Event, Readiness, SourceId, TimerId};
pub use event_loop::{Config, Loop, Stats, Wait};
pub use mailbox::{Capacity, Mailbox, SendError, Sender};
pub use moment::Moment;
pub use pool::{Job, JobPanicked, Pool, PoolConfig, PoolFull};
pub use priority::{give_way, run_promptly};
pub use probe::Probe;
pub use shared::Waker;
pub use simulation::Simulation;

/// The mio whose sources this loop takes.
pub use mio;
pub use mio::Interest;
