//! The bytes of Node's `v8.serialize` and `v8.deserialize`, in version 15 of V8's format, which all supported
//! releases of Node read.
//!
//! Node writes views without their buffers. So views of one buffer do not share it any more after they are
//! deserialized, in Node as here.

use crate::error::CloneError;
use crate::options::Options;
use crate::parts::Parts;
use crate::read;
use crate::scan::Move;
use crate::shape::Shape;
use crate::write;

/// Serializes as `v8.serialize` does. Only the limits and the account of the options are used.
///
/// # Errors
///
/// See [`CloneError`].
pub fn serialize<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    value: v8::Local<'_, v8::Value>,
    options: Options<'_>,
) -> Result<Vec<u8>, CloneError<'s>> {
    let options = Options { limits: options.limits, account: options.account, ..Options::default() };
    let written = write::write(scope, value, &[], options, Shape::Node)?;
    let (bytes, ..) = written.into_bytes(options.account).ok_or(CloneError::OutOfMemory)?;
    Ok(bytes)
}

/// Deserializes bytes of `v8.serialize`, which may come from an untrusted source.
///
/// `Buffer`s become `Uint8Array`s.
///
/// # Errors
///
/// See [`CloneError`].
pub fn deserialize<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    bytes: &[u8],
    options: Options<'_>,
) -> Result<v8::Local<'s, v8::Value>, CloneError<'s>> {
    let options = Options { limits: options.limits, account: options.account, ..Options::default() };
    let moves = read::check(scope, bytes, &options, Shape::Node)?;
    if moves.is_empty() {
        return read::read(scope, bytes, &[], &Parts::default(), options, Shape::Node);
    }
    // Errors as Node 20 writes them: today's V8 expects the stack before the cause, with the same version of
    // the format.
    let mut bytes = bytes.to_vec();
    for Move { range, stack } in moves {
        bytes[range].rotate_right(stack);
    }
    read::read(scope, &bytes, &[], &Parts::default(), options, Shape::Node)
}
