//! V8's ValueSerializer and ValueDeserializer with delegates of our own.
//!
//! The `v8` crate wraps both, but the delegate of its wrapper cannot refuse memory for the output (so one
//! string repeated in an array fills the machine), allocates for each value, and enters a context for each
//! object. Here the delegates are objects with a table of functions, laid out as C++ does on every system but
//! Windows (the Itanium C++ ABI): see docs/decisions/clone-delegates.md. This file knows the layout; [`Sink`]
//! and [`Source`] say what delegates do.
//!
//! The order of the tables is that of `v8-value-serializer.h` in the version of the `v8` crate that
//! Cargo.toml pins. The tests call every entry except the two that are not reachable (conveyors of shared
//! values need a shared heap).

use std::ffi::c_void;
use std::marker::PhantomData;

pub(crate) type Scope<'s, 'i> = v8::PinScope<'s, 'i>;

/// The callbacks of the serializer.
pub(crate) trait Sink {
    /// Whether V8 must call [`is_host_object`](Sink::is_host_object) at all.
    fn has_host_objects(&self) -> bool;
    /// Whether the host writes this ordinary object or error.
    fn is_host_object(&self, scope: &mut Scope<'_, '_>, object: v8::Local<'_, v8::Object>) -> bool;
    /// Writes an object of the host with the raw serializer. False if an exception is pending.
    fn write_host_object(
        &self,
        scope: &mut Scope<'_, '_>,
        object: v8::Local<'_, v8::Object>,
        out: &RawSerializer<'_>,
    ) -> bool;
    /// The number that stands for a SharedArrayBuffer in the bytes; `None` if it cannot be cloned.
    fn shared_buffer(
        &self,
        scope: &mut Scope<'_, '_>,
        buffer: v8::Local<'_, v8::SharedArrayBuffer>,
    ) -> Option<u32>;
    /// The number that stands for a WebAssembly module in the bytes; `None` if it cannot be cloned.
    fn module(&self, scope: &mut Scope<'_, '_>, module: v8::Local<'_, v8::WasmModuleObject>) -> Option<u32>;
    /// Throws, since a value cannot be cloned. The text names the value.
    fn refuse(&self, scope: &mut Scope<'_, '_>, message: v8::Local<'_, v8::String>);
    /// Grows the output to at least `bytes`, keeping its content. `None` if that is refused.
    fn reserve(&self, bytes: usize) -> Option<(*mut u8, usize)>;
}

/// The callbacks of the deserializer.
pub(crate) trait Source {
    /// Reads an object that the host wrote. `None` if an exception is pending or the bytes are wrong.
    fn read_host_object<'s>(
        &self,
        scope: &mut Scope<'s, '_>,
        input: &RawDeserializer<'_>,
    ) -> Option<v8::Local<'s, v8::Object>>;
    /// The SharedArrayBuffer with this number.
    fn shared_buffer<'s>(
        &self,
        scope: &mut Scope<'s, '_>,
        id: u32,
    ) -> Option<v8::Local<'s, v8::SharedArrayBuffer>>;
    /// The WebAssembly module with this number.
    fn module<'s>(&self, scope: &mut Scope<'s, '_>, id: u32) -> Option<v8::Local<'s, v8::WasmModuleObject>>;
}

/// `v8::Maybe<bool>`.
#[repr(C)]
struct MaybeBool {
    has_value: bool,
    value: bool,
}

impl MaybeBool {
    const NOTHING: Self = Self { has_value: false, value: false };

    fn just(value: bool) -> Self {
        Self { has_value: true, value }
    }
}

/// `v8::Maybe<uint32_t>`.
#[repr(C)]
struct MaybeU32 {
    has_value: bool,
    value: u32,
}

impl From<Option<u32>> for MaybeU32 {
    fn from(value: Option<u32>) -> Self {
        Self { has_value: value.is_some(), value: value.unwrap_or(0) }
    }
}

/// V8's isolate, which is only passed on.
type IsolatePointer = *mut c_void;

/// `v8::ValueSerializer::Delegate`'s virtual functions, in their order.
#[repr(C)]
struct SinkTable {
    destroy: unsafe extern "C" fn(*mut c_void),
    delete: unsafe extern "C" fn(*mut c_void),
    throw_data_clone_error: unsafe extern "C" fn(&SinkDelegate<'_>, v8::Local<'_, v8::String>),
    has_custom_host_object: unsafe extern "C" fn(&SinkDelegate<'_>, IsolatePointer) -> bool,
    is_host_object:
        unsafe extern "C" fn(&SinkDelegate<'_>, IsolatePointer, v8::Local<'_, v8::Object>) -> MaybeBool,
    write_host_object:
        unsafe extern "C" fn(&SinkDelegate<'_>, IsolatePointer, v8::Local<'_, v8::Object>) -> MaybeBool,
    get_shared_array_buffer_id: unsafe extern "C" fn(
        &SinkDelegate<'_>,
        IsolatePointer,
        v8::Local<'_, v8::SharedArrayBuffer>,
    ) -> MaybeU32,
    get_wasm_module_transfer_id: unsafe extern "C" fn(
        &SinkDelegate<'_>,
        IsolatePointer,
        v8::Local<'_, v8::WasmModuleObject>,
    ) -> MaybeU32,
    adopt_shared_value_conveyor: unsafe extern "C" fn(&SinkDelegate<'_>, IsolatePointer, *mut c_void) -> bool,
    reallocate_buffer_memory:
        unsafe extern "C" fn(&SinkDelegate<'_>, *mut c_void, usize, &mut usize) -> *mut c_void,
    free_buffer_memory: unsafe extern "C" fn(&SinkDelegate<'_>, *mut c_void),
}

/// A `v8::ValueSerializer::Delegate`: the table comes first, as in every C++ object with virtual functions.
#[repr(C)]
pub(crate) struct SinkDelegate<'a> {
    table: &'static SinkTable,
    sink: &'a dyn Sink,
    context: v8::Local<'a, v8::Context>,
    ordinary: Option<v8::Local<'a, v8::Value>>,
    serializer: std::cell::Cell<*const RawSerializer<'a>>,
}

impl<'a> SinkDelegate<'a> {
    /// Objects whose prototype is `ordinary` belong to the script, so the sink is not asked about them.
    pub(crate) fn new(
        sink: &'a dyn Sink,
        context: v8::Local<'a, v8::Context>,
        ordinary: Option<v8::Local<'a, v8::Value>>,
    ) -> Self {
        Self {
            table: &SINK_TABLE,
            sink,
            context,
            ordinary,
            serializer: std::cell::Cell::new(std::ptr::null()),
        }
    }
}

static SINK_TABLE: SinkTable = SinkTable {
    destroy: never_destroyed,
    delete: never_destroyed,
    throw_data_clone_error,
    has_custom_host_object,
    is_host_object,
    write_host_object,
    get_shared_array_buffer_id,
    get_wasm_module_transfer_id,
    adopt_shared_value_conveyor,
    reallocate_buffer_memory,
    free_buffer_memory,
};

/// V8 never destroys a delegate: it belongs to the embedder.
unsafe extern "C" fn never_destroyed(_: *mut c_void) {}

/// Contains a panic, which must not unwind into V8's frames: returns `otherwise`. The panic hook has printed
/// it.
fn contained<R>(run: impl FnOnce() -> R, otherwise: R) -> R {
    // Unwind safety: the whole operation fails, and its sink or source is not used again.
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(run)).unwrap_or(otherwise)
}

unsafe extern "C" fn throw_data_clone_error(this: &SinkDelegate<'_>, message: v8::Local<'_, v8::String>) {
    // SAFETY (of all scopes here): V8 calls delegates on the isolate's thread, with the context entered in
    // which the serializer was called, and with a handle scope of its own open.
    v8::callback_scope!(unsafe scope, this.context);
    contained(|| this.sink.refuse(scope, message), ());
}

unsafe extern "C" fn has_custom_host_object(this: &SinkDelegate<'_>, _: IsolatePointer) -> bool {
    this.sink.has_host_objects()
}

unsafe extern "C" fn is_host_object(
    this: &SinkDelegate<'_>,
    _: IsolatePointer,
    object: v8::Local<'_, v8::Object>,
) -> MaybeBool {
    if let Some(ordinary) = this.ordinary {
        // SAFETY: the object is alive, and V8 has a handle scope of its own open around this call. The handle
        // is not kept.
        let prototype = unsafe { v8__Object__GetPrototype(std::ptr::from_ref(&*object)) };
        // SAFETY: a handle points at a slot with the object's address; nothing moves objects between the two
        // reads, since nothing allocates.
        if unsafe { *prototype.cast::<usize>() == *std::ptr::from_ref(&*ordinary).cast::<usize>() } {
            return MaybeBool::just(false);
        }
    }
    v8::callback_scope!(unsafe scope, this.context);
    MaybeBool::just(contained(|| this.sink.is_host_object(scope, object), false))
}

unsafe extern "C" fn write_host_object(
    this: &SinkDelegate<'_>,
    _: IsolatePointer,
    object: v8::Local<'_, v8::Object>,
) -> MaybeBool {
    v8::callback_scope!(unsafe scope, this.context);
    // SAFETY: `RawSerializer::write_value` has stored the address of the serializer that calls this, which is
    // borrowed until it returns.
    let Some(out) = (unsafe { this.serializer.get().as_ref() }) else { return MaybeBool::NOTHING };
    match contained(|| Some(this.sink.write_host_object(scope, object, out)), None) {
        Some(true) => MaybeBool::just(true),
        Some(false) => MaybeBool::NOTHING,
        None => {
            throw_fault(scope);
            MaybeBool::NOTHING
        }
    }
}

unsafe extern "C" fn get_shared_array_buffer_id(
    this: &SinkDelegate<'_>,
    _: IsolatePointer,
    buffer: v8::Local<'_, v8::SharedArrayBuffer>,
) -> MaybeU32 {
    v8::callback_scope!(unsafe scope, this.context);
    contained(|| this.sink.shared_buffer(scope, buffer), None).or_else(|| shared_refused(this, scope)).into()
}

unsafe extern "C" fn get_wasm_module_transfer_id(
    this: &SinkDelegate<'_>,
    _: IsolatePointer,
    module: v8::Local<'_, v8::WasmModuleObject>,
) -> MaybeU32 {
    v8::callback_scope!(unsafe scope, this.context);
    let id = contained(|| this.sink.module(scope, module), None);
    if id.is_none() {
        refuse(this, scope, "#<Module> could not be cloned.");
    }
    id.into()
}

fn shared_refused(this: &SinkDelegate<'_>, scope: &mut Scope<'_, '_>) -> Option<u32> {
    refuse(this, scope, "#<SharedArrayBuffer> could not be cloned.");
    None
}

unsafe extern "C" fn adopt_shared_value_conveyor(
    this: &SinkDelegate<'_>,
    _: IsolatePointer,
    _: *mut c_void,
) -> bool {
    v8::callback_scope!(unsafe scope, this.context);
    refuse(this, scope, "A shared struct could not be cloned.");
    false
}

fn refuse(this: &SinkDelegate<'_>, scope: &mut Scope<'_, '_>, message: &str) {
    let message = v8::String::new(scope, message).unwrap_or_else(|| v8::String::empty(scope));
    contained(|| this.sink.refuse(scope, message), ());
}

/// Throws after a panic in the sink, since V8 needs an exception to stop.
fn throw_fault(scope: &mut Scope<'_, '_>) {
    let message = v8::String::new(scope, "a fault in the reader or writer of a host object");
    let message = message.unwrap_or_else(|| v8::String::empty(scope));
    let error = v8::Exception::error(scope, message);
    scope.throw_exception(error);
}

unsafe extern "C" fn reallocate_buffer_memory(
    this: &SinkDelegate<'_>,
    _: *mut c_void,
    size: usize,
    actual: &mut usize,
) -> *mut c_void {
    match contained(|| this.sink.reserve(size), None) {
        Some((data, room)) => {
            *actual = room;
            data.cast()
        }
        None => std::ptr::null_mut(),
    }
}

/// The sink owns the memory.
unsafe extern "C" fn free_buffer_memory(_: &SinkDelegate<'_>, _: *mut c_void) {}

// The serializer's and the deserializer's C interface in the v8 crate's own library.
#[allow(improper_ctypes)]
unsafe extern "C" {
    fn v8__ValueSerializer__CONSTRUCT(
        this: *mut [usize; 1],
        isolate: IsolatePointer,
        delegate: *const c_void,
    );
    fn v8__ValueSerializer__DESTRUCT(this: *mut [usize; 1]);
    fn v8__ValueSerializer__Release(this: *mut [usize; 1], data: *mut *mut u8, size: *mut usize);
    fn v8__ValueSerializer__TransferArrayBuffer(
        this: *mut [usize; 1],
        id: u32,
        buffer: v8::Local<'_, v8::ArrayBuffer>,
    );
    fn v8__ValueSerializer__WriteValue(
        this: *mut [usize; 1],
        context: v8::Local<'_, v8::Context>,
        value: v8::Local<'_, v8::Value>,
    ) -> MaybeBoolOfBinding;
    fn v8__ValueSerializer__WriteUint32(this: *mut [usize; 1], value: u32);
    fn v8__ValueSerializer__WriteRawBytes(this: *mut [usize; 1], source: *const c_void, length: usize);
    fn v8__ValueSerializer__SetTreatArrayBufferViewsAsHostObjects(this: *mut [usize; 1], mode: bool);

    fn v8__Object__GetPrototype(this: *const v8::Object) -> *const v8::Value;

    fn v8__ValueDeserializer__CONSTRUCT(
        this: *mut [usize; 1],
        isolate: IsolatePointer,
        data: *const u8,
        size: usize,
        delegate: *const c_void,
    );
    fn v8__ValueDeserializer__DESTRUCT(this: *mut [usize; 1]);
    fn v8__ValueDeserializer__TransferArrayBuffer(
        this: *mut [usize; 1],
        id: u32,
        buffer: v8::Local<'_, v8::ArrayBuffer>,
    );
    fn v8__ValueDeserializer__ReadHeader(
        this: *mut [usize; 1],
        context: v8::Local<'_, v8::Context>,
    ) -> MaybeBoolOfBinding;
    fn v8__ValueDeserializer__ReadValue(
        this: *mut [usize; 1],
        context: v8::Local<'_, v8::Context>,
    ) -> *const v8::Value;
    fn v8__ValueDeserializer__ReadUint32(this: *mut [usize; 1], value: *mut u32) -> bool;
    fn v8__ValueDeserializer__ReadRawBytes(
        this: *mut [usize; 1],
        length: usize,
        data: *mut *const c_void,
    ) -> bool;
}

/// The binding's own `MaybeBool`: 0 false, 1 true, 2 nothing.
type MaybeBoolOfBinding = i32;
const JUST_TRUE: MaybeBoolOfBinding = 1;

fn isolate_pointer(scope: &Scope<'_, '_>) -> IsolatePointer {
    const { assert!(size_of::<v8::UnsafeRawIsolatePtr>() == size_of::<usize>()) };
    // SAFETY: only reads the isolate's address; the type is a transparent wrapper of it.
    unsafe { std::mem::transmute::<v8::UnsafeRawIsolatePtr, IsolatePointer>(scope.as_raw_isolate_ptr()) }
}

/// A `v8::ValueSerializer`; one pointer wide.
pub(crate) struct RawSerializer<'a> {
    object: std::cell::UnsafeCell<[usize; 1]>,
    delegate: &'a SinkDelegate<'a>,
}

impl<'a> RawSerializer<'a> {
    /// Makes a serializer in the isolate of `scope` that calls `delegate`.
    pub(crate) fn new(scope: &Scope<'_, '_>, delegate: &'a SinkDelegate<'a>) -> Self {
        let object = std::cell::UnsafeCell::new([0]);
        // SAFETY: the object is one pointer wide (the binding asserts it) and lives in the cell until `drop`;
        // it holds a pointer to its own allocation and so may be moved. The delegate is borrowed for as long.
        unsafe {
            v8__ValueSerializer__CONSTRUCT(
                object.get(),
                isolate_pointer(scope),
                std::ptr::from_ref(delegate).cast(),
            );
        }
        Self { object, delegate }
    }

    /// Writes a value. False if an exception is pending.
    pub(crate) fn write_value(&self, value: v8::Local<'_, v8::Value>) -> bool {
        let outer = self.delegate.serializer.replace(self);
        // SAFETY: the serializer is alive, and V8 expects to be called again from within its delegate.
        let written =
            unsafe { v8__ValueSerializer__WriteValue(self.object.get(), self.delegate.context, value) };
        self.delegate.serializer.set(outer);
        written == JUST_TRUE
    }

    /// Writes bytes as they are.
    pub(crate) fn write_raw(&self, bytes: &[u8]) {
        // SAFETY: V8 copies `bytes.len()` bytes from there.
        unsafe {
            v8__ValueSerializer__WriteRawBytes(self.object.get(), bytes.as_ptr().cast(), bytes.len());
        }
    }

    /// Writes a number as a varint.
    pub(crate) fn write_u32(&self, value: u32) {
        // SAFETY: the serializer is alive.
        unsafe { v8__ValueSerializer__WriteUint32(self.object.get(), value) }
    }

    /// Writes the number `id` instead of the bytes of this buffer.
    pub(crate) fn transfer(&self, id: u32, buffer: v8::Local<'_, v8::ArrayBuffer>) {
        // SAFETY: the serializer is alive.
        unsafe { v8__ValueSerializer__TransferArrayBuffer(self.object.get(), id, buffer) }
    }

    /// Passes views to [`Sink::write_host_object`], without their buffer.
    pub(crate) fn views_are_host_objects(&self) {
        // SAFETY: the serializer is alive.
        unsafe { v8__ValueSerializer__SetTreatArrayBufferViewsAsHostObjects(self.object.get(), true) }
    }

    /// Returns the number of bytes written, and resets the serializer.
    pub(crate) fn finish(&self) -> usize {
        let (mut data, mut size) = (std::ptr::null_mut(), 0);
        // SAFETY: the serializer is alive; the sink keeps the memory.
        unsafe { v8__ValueSerializer__Release(self.object.get(), &mut data, &mut size) };
        size
    }
}

impl Drop for RawSerializer<'_> {
    fn drop(&mut self) {
        // SAFETY: constructed in `new`, and destroyed once.
        unsafe { v8__ValueSerializer__DESTRUCT(self.object.get()) }
    }
}

/// `v8::ValueDeserializer::Delegate`'s virtual functions, in their order. `v8::MaybeLocal` is a pointer, null
/// for none.
#[repr(C)]
struct SourceTable {
    destroy: unsafe extern "C" fn(*mut c_void),
    delete: unsafe extern "C" fn(*mut c_void),
    read_host_object: unsafe extern "C" fn(&SourceDelegate<'_>, IsolatePointer) -> *const v8::Object,
    get_wasm_module_from_id:
        unsafe extern "C" fn(&SourceDelegate<'_>, IsolatePointer, u32) -> *const v8::WasmModuleObject,
    get_shared_array_buffer_from_id:
        unsafe extern "C" fn(&SourceDelegate<'_>, IsolatePointer, u32) -> *const v8::SharedArrayBuffer,
    get_shared_value_conveyor: unsafe extern "C" fn(&SourceDelegate<'_>, IsolatePointer) -> *const c_void,
}

/// A `v8::ValueDeserializer::Delegate`.
#[repr(C)]
pub(crate) struct SourceDelegate<'a> {
    table: &'static SourceTable,
    source: &'a dyn Source,
    context: v8::Local<'a, v8::Context>,
    deserializer: std::cell::Cell<*const RawDeserializer<'a>>,
}

impl<'a> SourceDelegate<'a> {
    pub(crate) fn new(source: &'a dyn Source, context: v8::Local<'a, v8::Context>) -> Self {
        Self { table: &SOURCE_TABLE, source, context, deserializer: std::cell::Cell::new(std::ptr::null()) }
    }
}

static SOURCE_TABLE: SourceTable = SourceTable {
    destroy: never_destroyed,
    delete: never_destroyed,
    read_host_object,
    get_wasm_module_from_id,
    get_shared_array_buffer_from_id,
    get_shared_value_conveyor,
};

/// The address that V8 takes for a handle; null for none.
fn raw<T>(local: Option<v8::Local<'_, T>>) -> *const T
where
    for<'x> v8::Local<'x, T>: std::ops::Deref<Target = T>,
{
    local.map_or(std::ptr::null(), |local| std::ptr::from_ref(&*local))
}

unsafe extern "C" fn read_host_object(this: &SourceDelegate<'_>, _: IsolatePointer) -> *const v8::Object {
    // SAFETY: as in `throw_data_clone_error`.
    v8::callback_scope!(unsafe scope, this.context);
    // SAFETY: `RawDeserializer::read_value` has stored the address of the deserializer that calls this, which
    // is borrowed until it returns.
    let Some(input) = (unsafe { this.deserializer.get().as_ref() }) else { return std::ptr::null() };
    // V8 forbids JavaScript while it reads, but a host's object may need it, and its reader allows for that.
    v8::allow_javascript_execution_scope!(let scope, scope);
    raw(contained(|| this.source.read_host_object(scope, input), None))
}

unsafe extern "C" fn get_wasm_module_from_id(
    this: &SourceDelegate<'_>,
    _: IsolatePointer,
    id: u32,
) -> *const v8::WasmModuleObject {
    v8::callback_scope!(unsafe scope, this.context);
    raw(contained(|| this.source.module(scope, id), None))
}

unsafe extern "C" fn get_shared_array_buffer_from_id(
    this: &SourceDelegate<'_>,
    _: IsolatePointer,
    id: u32,
) -> *const v8::SharedArrayBuffer {
    v8::callback_scope!(unsafe scope, this.context);
    raw(contained(|| this.source.shared_buffer(scope, id), None))
}

unsafe extern "C" fn get_shared_value_conveyor(_: &SourceDelegate<'_>, _: IsolatePointer) -> *const c_void {
    std::ptr::null()
}

/// A `v8::ValueDeserializer`; one pointer wide.
pub(crate) struct RawDeserializer<'a> {
    object: std::cell::UnsafeCell<[usize; 1]>,
    delegate: &'a SourceDelegate<'a>,
    bytes: PhantomData<&'a [u8]>,
}

impl<'a> RawDeserializer<'a> {
    /// Makes a deserializer of `bytes` in the isolate of `scope`.
    pub(crate) fn new(scope: &Scope<'_, '_>, bytes: &'a [u8], delegate: &'a SourceDelegate<'a>) -> Self {
        let object = std::cell::UnsafeCell::new([0]);
        // SAFETY: as in `RawSerializer::new`; the bytes too are borrowed for as long as the deserializer
        // lives.
        unsafe {
            v8__ValueDeserializer__CONSTRUCT(
                object.get(),
                isolate_pointer(scope),
                bytes.as_ptr(),
                bytes.len(),
                std::ptr::from_ref(delegate).cast(),
            );
        }
        Self { object, delegate, bytes: PhantomData }
    }

    /// Reads the version of the format. False if an exception is pending.
    pub(crate) fn read_header(&self) -> bool {
        // SAFETY: the deserializer is alive.
        unsafe { v8__ValueDeserializer__ReadHeader(self.object.get(), self.delegate.context) == JUST_TRUE }
    }

    /// Sets the buffer that number `id` stands for.
    pub(crate) fn transfer(&self, id: u32, buffer: v8::Local<'_, v8::ArrayBuffer>) {
        // SAFETY: the deserializer is alive.
        unsafe { v8__ValueDeserializer__TransferArrayBuffer(self.object.get(), id, buffer) }
    }

    /// Reads a value, into the current handle scope, which must be that of `scope` or within it.
    pub(crate) fn read_value<'s>(&self, _: &mut Scope<'s, '_>) -> Option<v8::Local<'s, v8::Value>> {
        const { assert!(size_of::<v8::Local<'_, v8::Value>>() == size_of::<*const v8::Value>()) };
        let outer = self.delegate.deserializer.replace(self);
        // SAFETY: the deserializer is alive, and V8 expects to be called again from within its delegate.
        let value = unsafe { v8__ValueDeserializer__ReadValue(self.object.get(), self.delegate.context) };
        self.delegate.deserializer.set(outer);
        let value = std::ptr::NonNull::new(value.cast_mut())?;
        // SAFETY: a handle is the pointer that V8 returns. It is in the innermost handle scope, which is
        // `'s`, or which the caller leaves before it makes another handle (see above).
        Some(unsafe { std::mem::transmute::<std::ptr::NonNull<v8::Value>, v8::Local<'s, v8::Value>>(value) })
    }

    /// Reads a number that was written as a varint.
    pub(crate) fn read_u32(&self) -> Option<u32> {
        let mut value = 0;
        // SAFETY: the deserializer is alive.
        unsafe { v8__ValueDeserializer__ReadUint32(self.object.get(), &mut value) }.then_some(value)
    }

    /// Reads bytes as they are.
    pub(crate) fn read_raw(&self, length: usize) -> Option<&'a [u8]> {
        let mut data = std::ptr::null();
        // SAFETY: the deserializer is alive.
        let read = unsafe { v8__ValueDeserializer__ReadRawBytes(self.object.get(), length, &mut data) };
        // SAFETY: V8 has checked that this many bytes are left of those given to `new`, which live for `'a`.
        read.then(|| unsafe { std::slice::from_raw_parts(data.cast(), length) })
    }
}

impl Drop for RawDeserializer<'_> {
    fn drop(&mut self) {
        // SAFETY: constructed in `new`, and destroyed once.
        unsafe { v8__ValueDeserializer__DESTRUCT(self.object.get()) }
    }
}

/// Whether two handles are of the same object.
#[inline]
pub(crate) fn is_same(a: v8::Local<'_, v8::Value>, b: v8::Local<'_, v8::Value>) -> bool {
    // SAFETY: a handle is the address of a slot that holds the object's address; nothing moves objects
    // between the two reads, since nothing allocates.
    unsafe { *std::ptr::from_ref(&*a).cast::<usize>() == *std::ptr::from_ref(&*b).cast::<usize>() }
}
