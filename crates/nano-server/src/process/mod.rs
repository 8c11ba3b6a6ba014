//! The process: its listening sockets, its threads, signals, and the orderly end.
//!
//! Knows what is configured, and starts everything else. Must not know connections and requests: what happens
//! on a worker's thread is the [`thread`](crate::thread)'s.
//!
//! Reading order: [`serve`](mod@serve), [`workers`], [`start`] (one thread), [`report`] and [`signals`],
//! [`listen`], [`sandbox`].

mod listen;
mod report;
mod sandbox;
mod serve;
mod signals;
mod start;
mod workers;

pub use serve::serve;
