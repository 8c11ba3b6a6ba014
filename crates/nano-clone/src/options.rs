//! The options of an operation: limits, sharing, the account, and the embedder's host objects.

use crate::limits::Limits;
use nano_arena::Account;
use std::any::Any;
use std::sync::Arc;

/// A part of a value that cannot be bytes. It is passed on unchanged, within the process only.
pub type Attachment = Arc<dyn Any + Send + Sync>;

/// The attachments of one value, by their numbers.
#[derive(Clone, Default)]
pub struct Attachments(pub(crate) Vec<Attachment>);

impl Attachments {
    /// Adds an attachment; returns its number.
    pub fn push(&mut self, attachment: Attachment) -> u32 {
        self.0.push(attachment);
        // At most one for each host object, and a message has fewer than 2^32 bytes.
        (self.0.len() - 1) as u32
    }

    /// The attachment with this number, if there is one and it is a `T`.
    pub fn get<T: Any + Send + Sync>(&self, number: u32) -> Option<Arc<T>> {
        Arc::clone(self.0.get(number as usize)?).downcast().ok()
    }

    /// The number of attachments.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is no attachment.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl std::fmt::Debug for Attachments {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Attachments({})", self.0.len())
    }
}

/// The result of writing a host object.
#[derive(Debug)]
pub enum HostWritten<'s> {
    /// The object is replaced by the number of its kind and a value, which must itself be cloneable. It is
    /// read with the same kind; kinds of values in storage are never reused.
    As(u32, v8::Local<'s, v8::Value>),
    /// The object cannot be cloned; the text names it.
    NotCloneable(String),
    /// An exception is pending.
    Thrown,
}

/// The embedder's objects, which only it can write and read: HTML, "serializable objects".
pub trait HostObjects {
    /// Whether `object`, an ordinary object or an error, belongs to the host. V8 asks for each object, so
    /// this should be fast.
    fn is_host_object(&self, scope: &mut v8::PinScope<'_, '_>, object: v8::Local<'_, v8::Object>) -> bool;

    /// Writes an object as a kind and a value. May run JavaScript.
    fn write<'s>(
        &self,
        scope: &mut v8::PinScope<'s, '_>,
        object: v8::Local<'s, v8::Object>,
        attachments: &mut Attachments,
    ) -> HostWritten<'s>;

    /// Makes an object of a kind and a value that [`write`](Self::write) returned. May run JavaScript. `None`
    /// if the value does not belong to the kind (bytes from storage are not trusted), or if an exception is
    /// pending.
    fn read<'s>(
        &self,
        scope: &mut v8::PinScope<'s, '_>,
        kind: u32,
        value: v8::Local<'s, v8::Value>,
        attachments: &Attachments,
    ) -> Option<v8::Local<'s, v8::Object>>;
}

/// The options of an operation. The default is safe everywhere: nothing is shared, and there are no host
/// objects.
#[derive(Clone, Copy, Default)]
pub struct Options<'a> {
    /// The limits of the operation.
    pub limits: Limits,
    /// Writes and reads the host's objects. Without it, objects with internal fields are refused and all
    /// others are ordinary.
    pub host: Option<&'a dyn HostObjects>,
    /// The prototype of nearly all objects, `Object.prototype`. An object that inherits directly from it is
    /// not a host object, so [`host`](Self::host) is not asked about it.
    pub ordinary: Option<v8::Local<'a, v8::Value>>,
    /// Whether SharedArrayBuffers, and WebAssembly memories on them, are shared: the receiver then uses the
    /// same memory.
    pub share_buffers: bool,
    /// Whether compiled WebAssembly modules are shared.
    pub share_modules: bool,
    /// The account of this side. The bytes of messages until they are received, and of buffers that were
    /// transferred, are charged to it.
    pub account: Option<&'a Account>,
}

impl std::fmt::Debug for Options<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Options")
            .field("limits", &self.limits)
            .field("host", &self.host.is_some())
            .field("ordinary", &self.ordinary.is_some())
            .field("share_buffers", &self.share_buffers)
            .field("share_modules", &self.share_modules)
            .field("account", &self.account.is_some())
            .finish()
    }
}
