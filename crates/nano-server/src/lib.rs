#![doc = include_str!("../README.md")]

mod admin;
mod admission;
mod backoff;
mod connection;
mod control;
mod date;
mod exchange;
mod head;
mod heavy;
mod listen;
mod metrics;
mod overdue;
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

pub use nano_config as config;
pub use nano_config::routes;
pub use nano_log as log;

pub use control::{Change, Control, Outcome, Problem, Served};
pub use server::{ServeError, ServeOptions, serve};
pub use site::open_application;
