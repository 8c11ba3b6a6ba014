//! Values in storage: HTML, "StructuredSerializeForStorage". The bytes outlive the process and its version,
//! and are not trusted when they are read.
//!
//! | bytes | content |
//! | --- | --- |
//! | 0 to 2 | `NCL` |
//! | 3 | the version of this envelope: 1 |
//! | 4 … | V8's format, which begins with its own version |
//!
//! The embedder chooses the numbers of its kinds of host objects, and never reuses one.
//!
//! V8 reads the bytes of earlier versions of V8, so a newer release reads the bytes that an older one stored.
//! An older release refuses bytes of a newer version.

use crate::error::CloneError;
use crate::options::Options;
use crate::parts::Parts;
use crate::read;
use crate::shape::Shape;
use crate::write;

const MAGIC: [u8; 4] = *b"NCL\x01";

/// Serializes a value for storage.
///
/// # Errors
///
/// [`CloneError::NotPortable`] if the value has attachments, which depend on this process (shared memory and
/// modules are refused as not cloneable); [`CloneError::TooDeep`] and [`CloneError::TooMuchMemory`] if it
/// could not be read again.
pub fn serialize<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    value: v8::Local<'_, v8::Value>,
    options: Options<'_>,
) -> Result<Vec<u8>, CloneError<'s>> {
    let options = Options { share_buffers: false, share_modules: false, ..options };
    let written = write::write(scope, value, &[], options, Shape::Own)?;
    if !written.parts.is_empty() {
        return Err(CloneError::NotPortable("something in the value cannot be kept in storage"));
    }
    read::check(scope, written.bytes(), &options, Shape::Own)?;
    let mut bytes = Vec::with_capacity(MAGIC.len() + written.bytes().len());
    bytes.extend_from_slice(&MAGIC);
    bytes.extend_from_slice(written.bytes());
    written.recycle();
    Ok(bytes)
}

/// Deserializes bytes of [`serialize`]. They may come from an untrusted source: they are checked first.
///
/// # Errors
///
/// See [`CloneError`].
pub fn deserialize<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    bytes: &[u8],
    options: Options<'_>,
) -> Result<v8::Local<'s, v8::Value>, CloneError<'s>> {
    let options = Options { share_buffers: false, share_modules: false, ..options };
    let Some(bytes) = bytes.strip_prefix(&MAGIC) else {
        return Err(CloneError::Invalid { at: 0, what: "they do not begin as values in storage do" });
    };
    read::check(scope, bytes, &options, Shape::Own)?;
    read::read(scope, bytes, &[], &Parts::default(), options, Shape::Own)
}
