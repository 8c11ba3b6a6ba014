#![doc = include_str!("../README.md")]
//!
//! # How it is put together
//!
//! One folder for each standard, its JavaScript and its Rust side by side. The JavaScript is evaluated once, at
//! build time, into a startup snapshot ([`snapshot::create`]); its native functions are the `ops` of each folder's `mod.rs`. An
//! embedder makes isolates from the snapshot, gives each a [`State`] with its [`Host`], and enters
//! JavaScript through [`entry::Entries`].

mod console;
mod crypto;
mod encoding;
pub mod entry;
mod fetch;
mod host;
mod infra;
mod performance;
pub mod snapshot;
mod state;
mod timers;
mod url;
mod worker;

pub use host::{
    Accountant, BodyLength, BodyRead, Exchange, FailureCause, Host, Level, ResponseHead, Unaccounted, Written,
};
pub use state::{ExchangeId, MAX_EXCHANGES, STATE_SLOT, State};

macro_rules! files {
    ($($path:literal),* $(,)?) => {
        /// The platform's JavaScript: name and text of each file, in the order in which they are evaluated.
        ///
        /// The text is ASCII and static, so that all isolates share it: V8 refers to it and never copies.
        pub(crate) static FILES: &[(&str, v8::OneByteConst)] = &[$((
            $path,
            v8::String::create_external_onebyte_const(concat!("\"use strict\";", include_str!($path)).as_bytes()),
        )),*];
    };
}
files![
    "infra/primordials.js",
    "infra/expose.js",
    "infra/webidl.js",
    "infra/domexception.js",
    "events/events.js",
    "events/abort.js",
    "streams/queues.js",
    "streams/strategies.js",
    "streams/readable.js",
    "streams/readable_default_controller.js",
    "streams/readable_byte_controller.js",
    "streams/readable_byte_classes.js",
    "streams/readable_tee.js",
    "streams/readable_iteration.js",
    "streams/native.js",
    "streams/writable.js",
    "streams/writable_classes.js",
    "streams/pipe.js",
    "streams/readable_classes.js",
    "streams/transform.js",
    "streams/consume.js",
    "streams/interop.js",
    "encoding/encoding.js",
    "encoding/base64.js",
    "encoding/streams.js",
    "url/searchparams.js",
    "url/url.js",
    "file/blob.js",
    "file/file.js",
    "file/formdata.js",
    "fetch/incoming.js",
    "fetch/headers.js",
    "fetch/mime.js",
    "file/multipart.js",
    "fetch/body.js",
    "fetch/request.js",
    "fetch/response.js",
    "console/layout.js",
    "console/inspect.js",
    "console/platform.js",
    "console/console.js",
    "timers/timers.js",
    "performance/performance.js",
    "performance/observer.js",
    "crypto/crypto.js",
    "worker/dispatch.js",
    "infra/seal.js",
];
