#![doc = include_str!("../README.md")]
//!
//! # How it is put together
//!
//! One folder for each standard, its JavaScript and its Rust side by side. What every application needs is evaluated once, at
//! build time, into a startup snapshot ([`snapshot::create`]); the rest are parts that an isolate evaluates when it first needs
//! them (`parts.rs`). Native functions are the `ops` of each folder's `mod.rs`. An embedder makes isolates from the snapshot, gives each a [`State`] with its [`Host`], and enters
//! JavaScript through [`entry::Entries`].

pub mod blocks;
mod caches;
mod clone;
mod compression;
mod console;
mod crypto;
mod encoding;
pub mod entry;
mod events;
mod fetch;
mod host;
mod infra;
mod messaging;
mod navigator;
mod parts;
mod performance;
mod sequence;
pub mod snapshot;
mod state;
mod timers;
mod url;
mod wasm;
mod websocket;
mod work;
mod worker;

pub use fetch::pipe::Passed;
pub use host::{
    Accountant, BodyLength, BodyRead, Exchange, FailureCause, FetchTrace, Host, IncomingResponse, Level,
    Network, NetworkError, NetworkEvent, NetworkPassed, NetworkRead, Offloaded, OutgoingBody,
    OutgoingRequest, Redirect, ResponseHead, Unaccounted, WebSocketLimits, Work, WorkResult, Written,
};
pub use nano_clone::Message;
pub use nano_subtle::is_wiping;
pub use parts::Caches;
pub use state::{ExchangeId, MAX_EXCHANGES, STATE_SLOT, State};
pub use url::plain::is_serialized_ipv4;
pub use wasm::memory::{MAX_HIDDEN_BYTES, MAX_MEMORIES};

/// Name and text of each file. The text is ASCII and static, so that all isolates share it: V8 refers to it and never copies.
macro_rules! files {
    ($($path:literal),* $(,)?) => {
        &[$((
            $path,
            v8::String::create_external_onebyte_const(concat!("\"use strict\";", include_str!($path)).as_bytes()),
        )),*]
    };
}
pub(crate) use files;

/// The files that are evaluated when the startup snapshot is made, in this order. [`parts`] are evaluated later, if ever.
pub(crate) static FILES: &[parts::File] = files![
    "infra/primordials.js",
    "infra/builtins.js",
    "infra/hide.js",
    "infra/parts.js",
    "infra/expose.js",
    "infra/webidl.js",
    "encoding/encoding.js",
    "fetch/incoming.js",
    "fetch/headers.js",
    "fetch/body.js",
    "fetch/request.js",
    "fetch/response.js",
    "timers/timers.js",
    "events/global.js",
    "worker/dispatch.js",
    "infra/warm.js",
    "infra/seal.js",
];
