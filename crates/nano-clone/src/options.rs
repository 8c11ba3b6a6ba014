//! What an operation is told: limits, what may be shared, which account pays, and who knows the host's
//! objects.

use crate::limits::Limits;
use nano_arena::Account;
use std::any::Any;
use std::sync::Arc;

/// What belongs to a value and is no bytes: passed on as it is, within the process only.
pub type Attachment = Arc<dyn Any + Send + Sync>;

/// The attachments of one value, by their numbers.
#[derive(Clone, Default)]
pub struct Attachments(pub(crate) Vec<Attachment>);

impl Attachments {
    /// Adds one; the number under which it is found again.
    pub fn push(&mut self, attachment: Attachment) -> u32 {
        self.0.push(attachment);
        // One for each host object at most, of which there are fewer than 2^32 bytes.
        (self.0.len() - 1) as u32
    }

    /// The attachment with this number, if it is there and a `T`.
    pub fn get<T: Any + Send + Sync>(&self, number: u32) -> Option<Arc<T>> {
        Arc::clone(self.0.get(number as usize)?).downcast().ok()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl std::fmt::Debug for Attachments {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Attachments({})", self.0.len())
    }
}

/// What became of a host object that was to be written.
#[derive(Debug)]
pub enum HostWritten<'s> {
    /// It goes as a number for its kind, and a value that is serialized in its place (and must itself be
    /// cloneable). What has one kind is read with the same kind; kinds of values in storage are never reused.
    As(u32, v8::Local<'s, v8::Value>),
    /// It cannot be cloned; the text names it.
    NotCloneable(String),
    /// An exception is pending.
    Thrown,
}

/// Objects that only their embedder can write and read: HTML, "serializable objects".
pub trait HostObjects {
    /// Whether `object`, an ordinary object or an error, is the host's. Asked for each, so it should be
    /// quick.
    fn is_host_object(&self, scope: &mut v8::PinScope<'_, '_>, object: v8::Local<'_, v8::Object>) -> bool;

    /// Takes an object apart. May run JavaScript.
    fn write<'s>(
        &self,
        scope: &mut v8::PinScope<'s, '_>,
        object: v8::Local<'s, v8::Object>,
        attachments: &mut Attachments,
    ) -> HostWritten<'s>;

    /// Makes an object of what [`write`](Self::write) gave. `None`: the value is not what was written (it may
    /// come from storage, where anything can have happened to it), or an exception is pending. May run
    /// JavaScript.
    fn read<'s>(
        &self,
        scope: &mut v8::PinScope<'s, '_>,
        kind: u32,
        value: v8::Local<'s, v8::Value>,
        attachments: &Attachments,
    ) -> Option<v8::Local<'s, v8::Object>>;
}

/// How an operation is to go. The default allows what is safe everywhere: nothing is shared, host objects are
/// unknown.
#[derive(Clone, Copy, Default)]
pub struct Options<'a> {
    /// What it may cost.
    pub limits: Limits,
    /// Who knows the host's objects. Without one, objects with internal fields are refused and all others are
    /// ordinary.
    pub host: Option<&'a dyn HostObjects>,
    /// The prototype of nearly all objects, `Object.prototype`: what inherits from it directly is taken to be
    /// no host object, and [`host`](Self::host) is not asked about it.
    pub ordinary: Option<v8::Local<'a, v8::Value>>,
    /// Whether SharedArrayBuffers (and WebAssembly memories on them) go along: the receiver then works on the
    /// same memory.
    pub share_buffers: bool,
    /// Whether compiled WebAssembly modules go along.
    pub share_modules: bool,
    /// The account of this side: it is charged with the bytes of messages on their way, and of buffers that
    /// came by transfer.
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
