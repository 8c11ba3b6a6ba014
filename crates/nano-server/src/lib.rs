#![doc = include_str!("../README.md")]

mod admin;
mod connection;
mod control;
mod date;
mod error;
mod event_key;
mod heavy;
mod metrics;
mod process;
mod request;
mod site;
mod systemd;
mod telemetry;
mod thread;
pub mod timeouts;
mod tls;
mod trace;
mod trace_event;
mod transport;

pub use nano_config as config;
pub use nano_config::routes;
pub use nano_log as log;

pub use control::{Change, Control, Outcome, Problem, ServeOptions, Served};
pub use error::ServeError;
pub use process::serve;
pub use site::open_application;
