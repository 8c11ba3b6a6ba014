#![doc = include_str!("../README.md")]
//!
//! # Features
//!
//! - `driver` (default): `Client`, the driver on nano-loop, which brings mio and sockets. Without it there is
//!   only the state machine, [`Core`].
//! - `tracing`: records the state changes of fetches with the target `nano_fetch` through the crate
//!   [tracing](https://docs.rs/tracing). Off by default; without it the events expand to nothing.
#![forbid(unsafe_code)]

mod address;
#[cfg(feature = "driver")]
mod client;
mod connection;
mod core;
mod decode;
mod error;
#[cfg(feature = "driver")]
mod keys;
mod limits;
mod origin;
mod proxy;
mod race;
mod redirect;
mod request;
mod resolve;
mod slots;
mod tls;
mod trace_event;
mod wire;

pub use address::{AllowAll, Policy, PublicOnly, is_public};
#[cfg(feature = "driver")]
pub use client::{Client, ClientOptions};
pub use core::{
    Action, BodyPassed, BodyRead, ConnId, Core, CoreOptions, Counts, Event, EventKind, FetchId, Fill, Phase,
    Target,
};
pub use error::{ErrorKind, FetchError};
pub use limits::{Limits, Timeouts};
pub use nano_arena::Account;
pub use nano_http::{Headers, InvalidField, Written};
pub use proxy::{Exceptions, Proxies, Proxy};
pub use request::{RedirectMode, Request, RequestBody, Response};
pub use tls::{TlsOptions, tls_config};
pub use url::Url;
