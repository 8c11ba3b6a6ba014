//! Values between isolates and within one: HTML, "StructuredSerializeWithTransfer" and
//! "StructuredDeserializeWithTransfer".

use crate::error::CloneError;
use crate::options::Options;
use crate::parts::{Moved, Parts};
use crate::read;
use crate::shape::Shape;
use crate::write::{self, MessageCharge};

/// A value on its way to an isolate of this process, on any thread. It holds no handle, and what it holds is
/// freed with it.
pub struct Message {
    bytes: Vec<u8>,
    parts: Parts,
    moved: Vec<Moved>,
    /// The bytes count for the sender as long as the message lives.
    _charge: MessageCharge,
}

/// What came out of a message.
#[derive(Debug)]
pub struct Received<'s> {
    /// The value.
    pub value: v8::Local<'s, v8::Value>,
    /// The buffers that were transferred, in the order in which they were named, whether the value has them
    /// or not.
    pub buffers: Vec<v8::Local<'s, v8::ArrayBuffer>>,
}

impl Message {
    /// Serializes a value. The buffers of `transfer` are moved, not copied, and detached here, when
    /// everything else has succeeded; on failure they are as they were.
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

    /// Makes the value in the isolate of `scope`, with what was transferred.
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

    /// Makes the value, and leaves the message for others.
    ///
    /// # Errors
    ///
    /// [`CloneError::NotPortable`] if buffers were transferred: they can be received once. Else see
    /// [`CloneError`].
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

    /// Bytes that the message holds of its own, without those that are moved.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Never: every message has its version at least.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Bytes of the buffers that are moved.
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
/// `before_transfer` is called when the value is serialized and before anything is detached: what else is to
/// be transferred is transferred there. If it fails, nothing is detached.
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

/// All can be detached, or none is.
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
