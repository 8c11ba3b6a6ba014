#![doc = include_str!("../README.md")]
//!
//! # How it is put together
//!
//! One folder for each standard, its JavaScript and its Rust side by side. The files that every application
//! needs are evaluated once, at build time, into a startup snapshot ([`snapshot::create`]); the others are
//! parts that an isolate evaluates when it first needs them (`infra/parts.rs`). The `STANDARD` of each
//! folder's `mod.rs` lists its additions, and `standards.rs` lists the folders. An embedder makes isolates
//! from the snapshot, gives each a [`State`] with its [`Host`], and enters JavaScript through
//! [`entry::Entries`].

mod caches;
mod clone;
mod code_cache;
mod compression;
mod console;
mod crypto;
mod encoding;
pub mod entry;
mod events;
mod eventsource;
mod fetch;
mod file;
mod host;
mod infra;
mod messaging;
mod mime;
mod navigator;
mod performance;
mod sequence;
pub mod snapshot;
mod standards;
mod state;
mod streams;
mod timers;
mod url;
mod urlpattern;
mod wasm;
mod websocket;
mod worker;

pub use code_cache::CodeCaches;
pub use fetch::pipe::Relayed;
pub use host::{
    BodyLength, BodyRead, Exchange, FailureCause, FetchTrace, Host, IncomingResponse, Level, Network,
    NetworkError, NetworkEvent, NetworkPassed, NetworkRead, Offloaded, OutgoingBody, OutgoingRequest,
    Redirect, ResponseHead, WebSocketLimits, Work, WorkResult, Written,
};
pub use nano_arena::Account;
pub use nano_clone::Message;
pub use nano_subtle::is_wiping;
pub use state::{ExchangeId, MAX_EXCHANGES, STATE_SLOT, State};
pub use url::plain::is_serialized_ipv4;
pub use wasm::memory::{MAX_HIDDEN_BYTES, MAX_MEMORIES};
