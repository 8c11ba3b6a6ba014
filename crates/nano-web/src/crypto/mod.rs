//! Native functions of the Web Cryptography API: so far its source of randomness.

use crate::infra::{Args, Error, Ret, Scope, ops, throw};

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
