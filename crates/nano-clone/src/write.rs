//! Serializing: HTML, "StructuredSerializeInternal", with V8's serializer. Where the bytes go afterwards is
//! the callers' business.

use crate::bridge::{RawSerializer, Scope, Sink, SinkDelegate};
use crate::buffer::Buffer;
use crate::error::CloneError;
use crate::limits::BYTES_MAX;
use crate::options::{Attachments, HostWritten, Options};
use crate::parts::Parts;
use crate::shape::Shape;
use nano_arena::{Account, Charge};
use std::cell::{Cell, RefCell};

/// What a message takes beside its bytes, more or less: empty ones count too.
const MESSAGE_BYTES: usize = 256;

/// What was written.
pub(crate) struct Written {
    buffer: Buffer,
    length: usize,
    pub(crate) charge: MessageCharge,
    pub(crate) parts: Parts,
}

impl Written {
    pub(crate) fn bytes(&self) -> &[u8] {
        // SAFETY: V8 has written so much.
        unsafe { self.buffer.written(self.length) }
    }

    /// The bytes, in memory of their own that counts for the account. `None`: that has no room.
    pub(crate) fn into_bytes(self, account: Option<&Account>) -> Option<(Vec<u8>, MessageCharge, Parts)> {
        let Self { buffer, length, mut charge, parts } = self;
        if length > crate::limits::SCRATCH_BYTES_MAX {
            let counted = charge.grow_to(account, buffer.capacity());
            // SAFETY: as in `bytes`.
            return counted.then(|| (unsafe { buffer.into_vec(length) }, charge, parts));
        }
        // What was counted is the thread's buffer, which is given back.
        charge = MessageCharge::default();
        let counted = charge.grow_to(account, length + MESSAGE_BYTES);
        // SAFETY: as in `bytes`.
        let bytes = counted.then(|| unsafe { buffer.written(length) }.to_vec());
        buffer.keep();
        bytes.map(|bytes| (bytes, charge, parts))
    }

    /// The bytes are no longer needed.
    pub(crate) fn recycle(self) {
        self.buffer.keep();
    }
}

/// What a message is charged to, if there is an account.
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
    /// Notes the message, and throws something that stops V8.
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
        // SAFETY of lifetimes: the object's handle lives as long as this call, as everything made in it.
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
        // V8 asks for twice what it has: whether the value itself is too large is seen at the end.
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

/// Err: the message of what cannot be cloned. False: an exception is pending.
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

/// Serializes a value. `transfer` are buffers whose bytes do not go into the output; they are not touched.
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
        // Version 16 differs from 15 for buffers of 4 GiB and more, which there are none of here: Node of
        // today reads 15.
        serializer.write_raw(&[0xff, if shape == Shape::Node { 15 } else { 16 }]);
        if shape == Shape::Node {
            serializer.views_are_host_objects();
        }
        let written = serializer.write_value(value);
        let length = serializer.finish();
        let thrown = (!written).then(|| {
            if scope.has_terminated() {
                // Stays: V8 goes on terminating.
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
