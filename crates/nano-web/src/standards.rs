//! The list of standards: the one place, beside its own folder, that a standard is added to.
//!
//! A folder comes after the folders that it uses. Everything in the crate but `entry.rs` and `snapshot.rs` is
//! below this file.

use crate::code_cache::CodeCaches;
use crate::host::Host;
use crate::infra::registry::{self, Platform, Standard};
use crate::state::{Slot, Slots, State};
use nano_arena::Account;
use std::any::Any;
use std::rc::Rc;

/// `folder: types of its slots;` for each folder.
macro_rules! standards {
    ($($($folder:ident)::+: $($slot:ty),*;)*) => {
        static STANDARDS: &[&Standard] = &[$(&crate::$($folder)::+::STANDARD),*];

        fn new_slots() -> Slots {
            Box::new([$($(Box::<$slot>::default() as Box<dyn Any>,)*)*])
        }

        number_slots! { 0; $($($slot,)*)* }
    };
}

/// Gives each slot type its place in what `new_slots` makes.
macro_rules! number_slots {
    ($index:expr;) => {};
    ($index:expr; $first:ty, $($rest:ty,)*) => {
        impl Slot for $first {
            const INDEX: usize = $index;
        }
        number_slots! { $index + 1; $($rest,)* }
    };
}

standards! {
    infra::standard: crate::infra::Collections, crate::infra::DomExceptions, crate::infra::native::NativeTemplate, crate::infra::work::Works;
    timers: crate::timers::TimerOwners;
    events: crate::events::rejections::Rejections;
    mime:;
    clone: crate::clone::CloneState;
    streams:;
    encoding:;
    compression:;
    url:;
    urlpattern:;
    file:;
    crypto: crate::crypto::handles::Handles;
    messaging: crate::messaging::Messages;
    performance:;
    fetch: crate::fetch::fetches::Fetches;
    wasm: crate::wasm::Streams, crate::wasm::memory::Memories;
    websocket: crate::websocket::socket::Sockets;
    eventsource:;
    caches:;
    navigator:;
    console:;
    worker:;
}

/// The platform that these standards make.
pub(crate) fn register() -> &'static Platform {
    registry::register(STANDARDS)
}

/// Whether the standards' files of JavaScript keep to what their folders declare.
///
/// # Errors
///
/// The first file and name of which that is not so.
pub(crate) fn check() -> Result<(), String> {
    registry::check(STANDARDS)
}

impl State {
    /// A state without exchanges. The buffers that native functions make are charged to `account`; those that
    /// JavaScript makes come from the isolate's own allocator. `code_caches` were made with the isolate's snapshot.
    pub fn new(host: Rc<dyn Host>, account: Account, code_caches: CodeCaches) -> Self {
        Self::with_slots(host, account, code_caches, new_slots(), &register().exchange_removed)
    }
}
