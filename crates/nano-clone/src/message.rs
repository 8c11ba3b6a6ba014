//! Values between isolates and within one: HTML, "StructuredSerializeWithTransfer" and
//! "StructuredDeserializeWithTransfer".

use crate::error::CloneError;
use crate::options::Options;
use crate::parts::{Moved, Parts};
use crate::read;
use crate::shape::Shape;
use crate::write::{self, MessageCharge};

/// A serialized value for an isolate of this process, on any thread. It holds no handle; dropping it frees
/// its memory.
pub struct Message {
    bytes: Vec<u8>,
    parts: Parts,
    moved: Vec<Moved>,
    /// The bytes are charged to the sender until the message is dropped.
    _charge: MessageCharge,
}

/// The content of a message.
#[derive(Debug)]
pub struct Received<'s> {
    /// The value.
    pub value: v8::Local<'s, v8::Value>,
    /// The transferred buffers, in the order of the transfer list, also those that are not part of the value.
    pub buffers: Vec<v8::Local<'s, v8::ArrayBuffer>>,
}

impl Message {
    /// Serializes a value, and moves the buffers of `transfer` without a copy. The buffers are detached here,
    /// after everything else has succeeded; after an error they are unchanged.
    ///
    /// # Errors
    ///
    /// See [`CloneError`].
    pub fn serialize<'s>(
        scope: &mut v8::PinScope<'s, '_>,
        value: v8::Local<'_, v8::Value>,
        transfer: &[v8::Local<'_, v8::ArrayBuffer>],
        options: Options<'_>,
    ) -> Result<Self, CloneError<'s>> {
        check_transfer(transfer)?;
        let written = write::write(scope, value, transfer, options, Shape::Own)?;
        check_detachable(transfer)?;
        let (bytes, charge, parts) = written.into_bytes(options.account).ok_or(CloneError::OutOfMemory)?;
        let moved = detach(transfer, &options)?;
        Ok(Self { bytes, parts, moved, _charge: charge })
    }

    /// Deserializes the value and the transferred buffers into the isolate of `scope`.
    ///
    /// # Errors
    ///
    /// See [`CloneError`].
    pub fn deserialize<'s>(
        self,
        scope: &mut v8::PinScope<'s, '_>,
        options: Options<'_>,
    ) -> Result<Received<'s>, CloneError<'s>> {
        let buffers = receive(scope, self.moved, &options)?;
        let value = read::read(scope, &self.bytes, &buffers, &self.parts, options, Shape::Own)?;
        Ok(Received { value, buffers })
    }

    /// Deserializes the value and keeps the message for other receivers.
    ///
    /// # Errors
    ///
    /// [`CloneError::NotPortable`] if buffers were transferred, since they can be received only once.
    /// Otherwise see [`CloneError`].
    pub fn deserialize_copy<'s>(
        &self,
        scope: &mut v8::PinScope<'s, '_>,
        options: Options<'_>,
    ) -> Result<v8::Local<'s, v8::Value>, CloneError<'s>> {
        if !self.moved.is_empty() {
            return Err(CloneError::NotPortable("a message with transferred buffers is received once"));
        }
        read::read(scope, &self.bytes, &[], &self.parts, options, Shape::Own)
    }

    /// The number of serialized bytes, without those of moved buffers.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Always false: every message has at least its version.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The number of bytes of the moved buffers.
    pub fn moved_len(&self) -> usize {
        self.moved.iter().map(Moved::len).sum()
    }
}

impl std::fmt::Debug for Message {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Message")
            .field("len", &self.len())
            .field("moved", &self.moved.len())
            .finish_non_exhaustive()
    }
}

/// Clones a value within its isolate: `structuredClone(value, { transfer })`.
///
/// `before_transfer` is called after the value is serialized and before a buffer is detached; the embedder
/// transfers other objects there. If it fails, nothing is detached.
///
/// # Errors
///
/// See [`CloneError`].
pub fn structured_clone<'s, 'i>(
    scope: &mut v8::PinScope<'s, 'i>,
    value: v8::Local<'_, v8::Value>,
    transfer: &[v8::Local<'_, v8::ArrayBuffer>],
    options: Options<'_>,
    before_transfer: impl FnOnce(&mut v8::PinScope<'s, 'i>) -> Result<(), CloneError<'s>>,
) -> Result<Received<'s>, CloneError<'s>> {
    check_transfer(transfer)?;
    let written = write::write(scope, value, transfer, options, Shape::Own)?;
    check_detachable(transfer)?;
    before_transfer(scope)?;
    let moved = detach(transfer, &options)?;
    let buffers = receive(scope, moved, &options)?;
    let value = read::read(scope, written.bytes(), &buffers, &written.parts, options, Shape::Own);
    written.recycle();
    value.map(|value| Received { value, buffers })
}

/// "If memory[transferable] exists, then throw a DataCloneError": HTML, section 2.7.7.
fn check_transfer(transfer: &[v8::Local<'_, v8::ArrayBuffer>]) -> Result<(), CloneError<'static>> {
    for (index, buffer) in transfer.iter().enumerate() {
        if transfer[..index].iter().any(|other| crate::bridge::is_same((*other).into(), (*buffer).into())) {
            return Err(CloneError::NotCloneable(
                "An ArrayBuffer is in the list of what to transfer more than once.".into(),
            ));
        }
    }
    Ok(())
}

/// Checks that every buffer can be detached, so that either all are or none is.
fn check_detachable(transfer: &[v8::Local<'_, v8::ArrayBuffer>]) -> Result<(), CloneError<'static>> {
    for buffer in transfer {
        let reason = match () {
            () if buffer.was_detached() => "An ArrayBuffer is detached and could not be transferred.",
            () if !buffer.is_detachable() => {
                "An ArrayBuffer that cannot be detached could not be transferred."
            }
            () => continue,
        };
        return Err(CloneError::NotCloneable(reason.into()));
    }
    Ok(())
}

fn detach(
    transfer: &[v8::Local<'_, v8::ArrayBuffer>],
    options: &Options<'_>,
) -> Result<Vec<Moved>, CloneError<'static>> {
    check_detachable(transfer)?;
    let moved = transfer.iter().map(|buffer| Moved::out(*buffer, options.account));
    moved.collect::<Option<Vec<_>>>().ok_or_else(|| {
        CloneError::NotCloneable("An ArrayBuffer that needs a key could not be transferred.".into())
    })
}

fn receive<'s>(
    scope: &mut v8::PinScope<'s, '_>,
    moved: Vec<Moved>,
    options: &Options<'_>,
) -> Result<Vec<v8::Local<'s, v8::ArrayBuffer>>, CloneError<'s>> {
    let received = moved.into_iter().map(|moved| moved.receive(scope, options.account));
    received.collect::<Option<Vec<_>>>().ok_or(CloneError::OutOfMemory)
}
