//! Serializing: HTML, "StructuredSerializeInternal", with V8's serializer. Callers decide what becomes of the
//! bytes.

use crate::bridge::{RawSerializer, Scope, Sink, SinkDelegate};
use crate::buffer::Buffer;
use crate::error::CloneError;
use crate::limits::BYTES_MAX;
use crate::options::{Attachments, HostWritten, Options};
use crate::parts::Parts;
use crate::shape::Shape;
use nano_arena::{Account, Charge};
use std::cell::{Cell, RefCell};

/// About the memory of a message without its bytes, so that empty messages are charged too.
const MESSAGE_BYTES: usize = 256;

/// A serialized value.
pub(crate) struct Written {
    buffer: Buffer,
    length: usize,
    pub(crate) charge: MessageCharge,
    pub(crate) parts: Parts,
}

impl Written {
    pub(crate) fn bytes(&self) -> &[u8] {
        // SAFETY: V8 has written `length` bytes.
        unsafe { self.buffer.written(self.length) }
    }

    /// The bytes in memory of their own, which is charged to the account. `None` if the account refuses.
    pub(crate) fn into_bytes(self, account: Option<&Account>) -> Option<(Vec<u8>, MessageCharge, Parts)> {
        let Self { buffer, length, mut charge, parts } = self;
        if length > crate::limits::SCRATCH_BYTES_MAX {
            let counted = charge.grow_to(account, buffer.capacity());
            // SAFETY: as in `bytes`.
            return counted.then(|| (unsafe { buffer.into_vec(length) }, charge, parts));
        }
        // The thread's buffer was charged, which is returned here.
        charge = MessageCharge::default();
        let counted = charge.grow_to(account, length + MESSAGE_BYTES);
        // SAFETY: as in `bytes`.
        let bytes = counted.then(|| unsafe { buffer.written(length) }.to_vec());
        buffer.keep();
        bytes.map(|bytes| (bytes, charge, parts))
    }

    /// Returns the buffer to the thread, since the bytes are not needed any more.
    pub(crate) fn recycle(self) {
        self.buffer.keep();
    }
}

/// The charge of a message, if there is an account.
#[derive(Default)]
pub(crate) struct MessageCharge(Option<Charge>);

impl MessageCharge {
    /// Charges `bytes` in all, unless it is more already; false if the account refuses.
    fn grow_to(&mut self, account: Option<&Account>, bytes: usize) -> bool {
        match (&mut self.0, account) {
            (Some(charge), _) => bytes <= charge.bytes() || charge.resize(bytes).is_ok(),
            (None, Some(account)) => {
                self.0 = account.charge(bytes).ok();
                self.0.is_some()
            }
            (None, None) => true,
        }
    }
}

struct Output<'a> {
    options: Options<'a>,
    shape: Shape,
    limit: usize,
    buffer: RefCell<Buffer>,
    charge: RefCell<MessageCharge>,
    full: Cell<Option<Full>>,
    refused: RefCell<Option<String>>,
    parts: RefCell<Parts>,
}

#[derive(Clone, Copy)]
enum Full {
    Limit,
    Account,
}

impl Output<'_> {
    /// Records the message, and throws a value, which stops V8.
    fn refuse_text(&self, scope: &mut Scope<'_, '_>, message: String) {
        self.refused.borrow_mut().get_or_insert(message);
        let sign = v8::null(scope).into();
        scope.throw_exception(sign);
    }
}

impl Sink for Output<'_> {
    fn has_host_objects(&self) -> bool {
        self.options.host.is_some()
    }

    fn is_host_object(&self, scope: &mut Scope<'_, '_>, object: v8::Local<'_, v8::Object>) -> bool {
        self.options.host.is_some_and(|host| host.is_host_object(scope, object))
    }

    fn write_host_object(
        &self,
        scope: &mut Scope<'_, '_>,
        object: v8::Local<'_, v8::Object>,
        out: &RawSerializer<'_>,
    ) -> bool {
        if self.shape == Shape::Node
            && let Ok(view) = v8::Local::<v8::ArrayBufferView>::try_from(object)
        {
            let known = crate::node_views::write_view(view, out);
            if !known {
                self.refuse_text(
                    scope,
                    "A view of a type that Node does not know could not be cloned.".into(),
                );
            }
            return known;
        }
        let Some(host) = self.options.host else {
            let name = object.get_constructor_name().to_rust_string_lossy(scope);
            self.refuse_text(scope, format!("#<{name}> could not be cloned."));
            return false;
        };
        // Nothing is borrowed while the host runs JavaScript.
        let mut attachments = std::mem::take(&mut self.parts.borrow_mut().attachments);
        // The object's handle, and every handle made in this call, live until it returns.
        let written = write_with(host, scope, object, &mut attachments, out);
        self.parts.borrow_mut().attachments = attachments;
        match written {
            Ok(written) => written,
            Err(message) => {
                self.refuse_text(scope, message);
                false
            }
        }
    }

    fn shared_buffer(
        &self,
        _: &mut Scope<'_, '_>,
        buffer: v8::Local<'_, v8::SharedArrayBuffer>,
    ) -> Option<u32> {
        self.options.share_buffers.then(|| self.parts.borrow_mut().share_buffer(buffer))
    }

    fn module(&self, _: &mut Scope<'_, '_>, module: v8::Local<'_, v8::WasmModuleObject>) -> Option<u32> {
        self.options.share_modules.then(|| self.parts.borrow_mut().share_module(module))
    }

    fn refuse(&self, scope: &mut Scope<'_, '_>, message: v8::Local<'_, v8::String>) {
        let text = message.to_rust_string_lossy(scope);
        self.refuse_text(scope, text);
    }

    fn reserve(&self, bytes: usize) -> Option<(*mut u8, usize)> {
        // V8 doubles its buffer, so a value within the limit may ask for twice the limit. The size of the
        // value is checked at the end.
        if bytes > self.limit.saturating_mul(2).saturating_add(128) {
            self.full.set(Some(Full::Limit));
            return None;
        }
        let mut buffer = self.buffer.borrow_mut();
        if buffer.capacity() < bytes
            && !(self.charge.borrow_mut().grow_to(self.options.account, bytes) && buffer.grow(bytes))
        {
            self.full.set(Some(Full::Account));
            return None;
        }
        Some((buffer.data(), buffer.capacity()))
    }
}

/// Writes a host object. `Err` has the message of a value that cannot be cloned; false if an exception is
/// pending.
fn write_with<'s>(
    host: &dyn crate::HostObjects,
    scope: &mut Scope<'s, '_>,
    object: v8::Local<'_, v8::Object>,
    attachments: &mut Attachments,
    out: &RawSerializer<'_>,
) -> Result<bool, String> {
    let object = v8::Local::new(scope, object);
    match host.write(scope, object, attachments) {
        HostWritten::As(kind, value) => {
            out.write_u32(kind);
            Ok(out.write_value(value))
        }
        HostWritten::NotCloneable(message) => Err(message),
        HostWritten::Thrown => Ok(false),
    }
}

/// Serializes a value. The bytes of the buffers in `transfer` are not written, and the buffers are not
/// changed.
pub(crate) fn write<'s>(
    scope: &mut Scope<'s, '_>,
    value: v8::Local<'_, v8::Value>,
    transfer: &[v8::Local<'_, v8::ArrayBuffer>],
    options: Options<'_>,
    shape: Shape,
) -> Result<Written, CloneError<'s>> {
    let context = scope.get_current_context();
    let limit = options.limits.bytes.min(BYTES_MAX);
    let output = Output {
        options,
        shape,
        limit,
        buffer: RefCell::new(Buffer::scratch()),
        charge: RefCell::default(),
        full: Cell::new(None),
        refused: RefCell::new(None),
        parts: RefCell::default(),
    };
    let (thrown, length) = {
        v8::tc_scope!(let scope, scope);
        let delegate = SinkDelegate::new(&output, context, options.ordinary);
        let serializer = RawSerializer::new(scope, &delegate);
        for (id, buffer) in transfer.iter().enumerate() {
            serializer.transfer(id as u32, *buffer);
        }
        // Version 16 differs from 15 only for buffers of 4 GiB and more, which do not occur here. Today's
        // Node reads 15.
        serializer.write_raw(&[0xff, if shape == Shape::Node { 15 } else { 16 }]);
        if shape == Shape::Node {
            serializer.views_are_host_objects();
        }
        let written = serializer.write_value(value);
        let length = serializer.finish();
        let thrown = (!written).then(|| {
            if scope.has_terminated() {
                // The exception stays, since V8 continues to terminate.
                return None;
            }
            let exception = scope.exception();
            scope.reset();
            exception.map(|exception| v8::Global::new(scope, exception))
        });
        (thrown, length)
    };
    let written = Written {
        buffer: output.buffer.into_inner(),
        length,
        charge: output.charge.into_inner(),
        parts: output.parts.into_inner(),
    };
    let error = match (output.full.get(), thrown) {
        (Some(Full::Account), _) => CloneError::OutOfMemory,
        (Some(Full::Limit), _) => CloneError::TooLarge { limit },
        (None, None) if length > limit => CloneError::TooLarge { limit },
        (None, None) => return Ok(written),
        (None, Some(thrown)) => match (output.refused.take(), thrown) {
            (Some(message), _) => CloneError::NotCloneable(message),
            (None, Some(thrown)) => CloneError::Thrown(v8::Local::new(scope, thrown)),
            (None, None) => CloneError::Terminated,
        },
    };
    written.recycle();
    Err(error)
}
