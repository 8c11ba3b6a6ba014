//! Native functions of the Web Cryptography API: its source of randomness, and nano-subtle for all else.
//!
//! Small work is done at once, in the function that is called, on the caller's bytes; what takes long is copied and handed to the
//! embedder's threads ([`work`](crate::work)).

mod handles;
mod keys;
mod subtle;

use crate::infra::{Args, Error, Op, Ret, Scope, ops, throw};
pub(crate) use handles::Handles;

/// All functions of this folder.
pub(crate) fn all_ops() -> Vec<Op> {
    let mut all = ops();
    all.extend(subtle::ops());
    all.extend(keys::ops());
    all
}

ops! { "randomBytes" => random_bytes }

/// `randomBytes(view)`: fills it from the system's generator.
fn random_bytes(scope: &mut Scope<'_, '_>, args: Args<'_>, _: Ret<'_>) {
    let Ok(view) = v8::Local::<v8::ArrayBufferView>::try_from(args.get(0)) else { return };
    let length = view.byte_length();
    if length == 0 {
        return;
    }
    // SAFETY: `data` points at `byte_length` bytes of the view, which is alive; nothing else runs.
    let bytes = unsafe { std::slice::from_raw_parts_mut(view.data().cast::<u8>(), length) };
    if getrandom::fill(bytes).is_err() {
        throw(scope, Error::Type("the system gave no random bytes"));
    }
}
