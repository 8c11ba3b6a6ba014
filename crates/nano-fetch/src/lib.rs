#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod address;
mod client;
mod conn;
mod core;
mod decode;
mod error;
mod headers;
mod limits;
mod proxy;
mod race;
mod redirect;
mod request;
mod resolve;
mod response;
mod slots;
mod tls;

pub use address::{AllowAll, Policy, PublicOnly, is_public};
pub use client::{Client, ClientOptions};
pub use core::{
    Action, BodyPassed, BodyRead, ConnId, Core, CoreOptions, Counts, Event, EventKind, FetchId, Fill, Phase,
    Target, Written,
};
pub use error::{ErrorKind, FetchError};
pub use headers::{Headers, InvalidField, Iter};
pub use limits::{Limits, Timeouts};
pub use proxy::{Exceptions, Proxies, Proxy};
pub use request::{RedirectMode, Request, RequestBody, Response};
pub use tls::{TlsOptions, tls_config};
pub use url::Url;
