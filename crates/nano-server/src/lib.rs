#![doc = include_str!("../README.md")]

mod admin;
mod admission;
mod backoff;
pub mod config;
mod connection;
mod control;
mod date;
mod exchange;
mod head;
mod heavy;
mod listen;
pub mod log;
mod metrics;
mod overdue;
pub mod routes;
mod sandbox;
mod server;
mod site;
mod systemd;
mod telemetry;
pub mod timeouts;
mod tls;
mod trace;
mod upgraded;
mod watch;
mod worker;

pub use control::{Change, Control, Outcome, Problem, Served};
pub use server::{ServeError, ServeOptions, serve};
pub use site::open_application;
