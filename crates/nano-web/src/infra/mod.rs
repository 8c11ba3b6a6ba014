//! What every native function of the platform uses: the table of functions, strings and bytes in and out, errors.
//!
//! Knows V8 and nothing of any standard.

use crate::state::{State, try_state};
use std::borrow::Cow;

pub(crate) type Scope<'s, 'i> = v8::PinScope<'s, 'i>;
pub(crate) type Args<'s> = v8::FunctionCallbackArguments<'s>;
pub(crate) type Ret<'s> = v8::ReturnValue<'s, v8::Value>;

/// A native function: its name on the `ops` object, and its code.
pub(crate) struct Op {
    pub(crate) name: &'static str,
    pub(crate) callback: v8::FunctionCallback,
}

/// `ops! { "name" => function, … }`: a standard's native functions.
macro_rules! ops {
    ($($name:literal => $function:path),* $(,)?) => {
        pub(crate) fn ops() -> Vec<$crate::infra::Op> {
            use v8::MapFnTo;
            vec![$($crate::infra::Op { name: $name, callback: $function.map_fn_to() }),*]
        }
    };
}
pub(crate) use ops;

/// The isolate's state, or an exception: while the snapshot is made there is none.
pub(crate) fn state<'a>(scope: &'a Scope<'_, '_>) -> Option<&'a State> {
    try_state(scope)
}

/// A new string; an exception is pending if it is too long for V8 (about 512 MiB).
pub(crate) fn string<'s>(scope: &mut Scope<'s, '_>, text: &str) -> Option<v8::Local<'s, v8::String>> {
    checked(scope, |scope| v8::String::new(scope, text))
}

/// A new string of Latin-1 bytes, likewise.
pub(crate) fn latin1<'s>(scope: &mut Scope<'s, '_>, bytes: &[u8]) -> Option<v8::Local<'s, v8::String>> {
    checked(scope, |scope| v8::String::new_from_one_byte(scope, bytes, v8::NewStringType::Normal))
}

/// A new string of UTF-16 units, likewise.
pub(crate) fn utf16<'s>(scope: &mut Scope<'s, '_>, units: &[u16]) -> Option<v8::Local<'s, v8::String>> {
    checked(scope, |scope| v8::String::new_from_two_byte(scope, units, v8::NewStringType::Normal))
}

fn checked<'s, 'i>(
    scope: &mut Scope<'s, 'i>,
    make: impl FnOnce(&mut Scope<'s, 'i>) -> Option<v8::Local<'s, v8::String>>,
) -> Option<v8::Local<'s, v8::String>> {
    let made = make(scope);
    if made.is_none() {
        throw(scope, Error::Range("the string is too long"));
    }
    made
}


/// The text of a value that is a string; lone surrogates become U+FFFD. Not a string: empty.
pub(crate) fn text<'a, const N: usize>(
    scope: &mut Scope<'_, '_>,
    value: v8::Local<'_, v8::Value>,
    buffer: &'a mut [std::mem::MaybeUninit<u8>; N],
) -> Cow<'a, str> {
    match v8::Local::<v8::String>::try_from(value) {
        Ok(string) => string.to_rust_cow_lossy(scope, buffer),
        Err(_) => Cow::Borrowed(""),
    }
}

/// A buffer for [`text`].
pub(crate) fn buffer<const N: usize>() -> [std::mem::MaybeUninit<u8>; N] {
    [std::mem::MaybeUninit::uninit(); N]
}

/// Calls `with` with the bytes of an ArrayBuffer, a SharedArrayBuffer or a view; with none for anything else.
///
/// `with` must not run JavaScript or allocate in V8's heap: the bytes may move or go.
pub(crate) fn with_bytes<R>(value: v8::Local<'_, v8::Value>, with: impl FnOnce(&[u8]) -> R) -> R {
    let mut inline = [0u8; 64];
    if let Ok(view) = v8::Local::<v8::ArrayBufferView>::try_from(value) {
        return with(view.get_contents(&mut inline));
    }
    if let Ok(buffer) = v8::Local::<v8::ArrayBuffer>::try_from(value) {
        return match buffer.data() {
            // SAFETY: the buffer is alive and not detached (its data is there); nothing runs that could change that
            // while `with` does.
            Some(data) => with(unsafe {
                std::slice::from_raw_parts(data.as_ptr().cast::<u8>(), buffer.byte_length())
            }),
            None => with(&[]),
        };
    }
    if let Ok(shared) = v8::Local::<v8::SharedArrayBuffer>::try_from(value) {
        let store = shared.get_backing_store();
        // Other threads may write meanwhile: copy, so that no reference to changing memory exists.
        let copy: Vec<u8> = store.iter().map(std::cell::Cell::get).collect();
        return with(&copy);
    }
    with(&[])
}

/// A new `Uint8Array` that owns `bytes`.
pub(crate) fn uint8_array<'s>(scope: &mut Scope<'s, '_>, bytes: Vec<u8>) -> Option<v8::Local<'s, v8::Uint8Array>> {
    let length = bytes.len();
    let store = v8::ArrayBuffer::new_backing_store_from_vec(bytes).make_shared();
    let buffer = v8::ArrayBuffer::with_backing_store(scope, &store);
    v8::Uint8Array::new(scope, buffer, 0, length)
}

/// Writes `values` into a `Uint32Array` argument that JavaScript handed over for results.
pub(crate) fn fill_u32(value: v8::Local<'_, v8::Value>, values: &[u32]) {
    if let Ok(array) = v8::Local::<v8::Uint32Array>::try_from(value)
        && array.length() >= values.len()
    {
        // SAFETY: `data` points at the view's first element, of which there are at least `values.len()`, aligned as
        // Uint32Array demands; nothing else runs.
        unsafe {
            std::ptr::copy_nonoverlapping(values.as_ptr(), array.data().cast::<u32>(), values.len());
        }
    }
}

/// An exception that a native function throws.
pub(crate) enum Error<'a> {
    Type(&'a str),
    Range(&'a str),
}

/// Throws; the caller returns at once.
pub(crate) fn throw(scope: &mut Scope<'_, '_>, error: Error<'_>) {
    let exception = new_error(scope, error);
    scope.throw_exception(exception);
}

/// A new exception.
pub(crate) fn new_error<'s>(scope: &mut Scope<'s, '_>, error: Error<'_>) -> v8::Local<'s, v8::Value> {
    let (Error::Type(message) | Error::Range(message)) = &error;
    let message = v8::String::new(scope, message).unwrap_or_else(|| v8::String::empty(scope));
    match error {
        Error::Type(_) => v8::Exception::type_error(scope, message),
        Error::Range(_) => v8::Exception::range_error(scope, message),
    }
}
