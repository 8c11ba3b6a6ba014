#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod connection;
mod handshake;

pub use connection::{Close, Closed, Connection, Event, Failure, Limits, PING, Role, Text};
pub use handshake::{NotAnUpgrade, accept_key, check_request, new_key};
