//! Native functions of structured clone: HTML, section 2.7 "Safe passing of structured data", over
//! nano-clone.
//!
//! Platform objects are JavaScript's, made by the platform's own classes: nothing about them tells V8 that
//! they are. So the prototype of each interface carries a mark that scripts cannot see, and what inherits
//! from a marked prototype goes to `clone/clone.js`, which knows how to take it apart.

use crate::infra::part::{Part, parts};
use crate::infra::registry::Standard;
use crate::infra::{self, Args, Ret, Scope, ops, throw};
use crate::state::try_state;
use nano_arena::Account;
use nano_arena::blocks;
use nano_clone::{Attachments, CloneError, HostObjects, HostWritten, Options};
use std::cell::OnceCell;

pub(crate) static STANDARD: Standard = Standard {
    name: "clone",
    uses: &["domexception", "exposeEnumerable", "hooks", "loaded", "primordials", "webidl"],
    hooks: &["blobClone", "cryptoKeyClone", "portTransfer", "streamKinds", "streamTransfer"],
    ops: &[ops],
    parts: PARTS,
    ..Standard::EMPTY
};

static PARTS: &[Part] = parts! {
    {
        files: ["clone/clone.js"],
        exports: ["clone", "structuredClone"],
        globals: [],
        enumerable: ["structuredClone"],
        exercise: r#"structuredClone({ a: [1, "b"] }); structuredClone(new Map([[1, 2]])); structuredClone(new Uint8Array(1));"#
    }
};

ops! {
    "markInterface" => mark_interface,
    "copyBuffer" => copy_buffer,
    "structuredClone" => structured_clone,
    "structuredCloneWithTransfer" => structured_clone_with_transfer,
}

/// Prototypes that are followed upwards when an object is cloned.
///
/// Limit (prototypes): no interface inherits from so many, and a chain of a million costs nobody anything.
const PROTOTYPES_MAX: usize = 100;

/// What structured clone keeps for each isolate.
#[derive(Default)]
pub(crate) struct CloneState {
    /// The name of the property that marks the prototypes of interfaces.
    interface_mark: OnceCell<v8::Global<v8::Private>>,
}

/// The mark of interfaces' prototypes.
fn mark<'s>(scope: &mut Scope<'s, '_>) -> Option<v8::Local<'s, v8::Private>> {
    if let Some(known) = try_state(scope).and_then(|state| state.get::<CloneState>().interface_mark.get()) {
        return Some(v8::Local::new(scope, known));
    }
    let name = v8::String::new(scope, "nano.interface")?;
    let mark = v8::Private::for_api(scope, Some(name));
    let kept = v8::Global::new(scope, mark);
    if let Some(state) = try_state(scope) {
        // Set already only if it is the same.
        let _ = state.get::<CloneState>().interface_mark.set(kept);
    }
    Some(mark)
}

/// `markInterface(prototype)`: what inherits from it is a platform object.
fn mark_interface(scope: &mut Scope<'_, '_>, args: Args<'_>, _: Ret<'_>) {
    let (Ok(prototype), Some(mark)) = (v8::Local::<v8::Object>::try_from(args.get(0)), mark(scope)) else {
        return;
    };
    let yes = v8::Boolean::new(scope, true).into();
    prototype.set_private(scope, mark, yes);
}

/// What `clone/clone.js` hands over with each call.
pub(crate) struct Hooks<'a> {
    /// The prototype of nearly all objects.
    object_prototype: v8::Local<'a, v8::Value>,
    /// `write(object)`: an array of kind and value, or undefined for what cannot be cloned.
    write: v8::Local<'a, v8::Function>,
    /// `read(kind, value)`: an object, or undefined.
    read: v8::Local<'a, v8::Function>,
    /// `fail(message)` throws a DataCloneError.
    fail: v8::Local<'a, v8::Function>,
}

impl<'a> Hooks<'a> {
    /// From four arguments of a native function.
    pub(crate) fn new(args: &Args<'a>, first: i32) -> Option<Self> {
        Some(Self {
            object_prototype: args.get(first),
            write: args.get(first + 1).try_into().ok()?,
            read: args.get(first + 2).try_into().ok()?,
            fail: args.get(first + 3).try_into().ok()?,
        })
    }

    /// For what may leave the isolate.
    pub(crate) fn options<'o>(&'o self, account: Option<&'o Account>) -> Options<'o> {
        Options { host: Some(self), ordinary: Some(self.object_prototype), account, ..Options::default() }
    }

    /// Throws what `error` is to JavaScript.
    pub(crate) fn throw(&self, scope: &mut Scope<'_, '_>, error: CloneError<'_>) {
        match error {
            CloneError::Thrown(exception) => {
                scope.throw_exception(exception);
            }
            CloneError::Terminated => {}
            CloneError::OutOfMemory => throw(scope, infra::Error::Range(infra::NO_ROOM)),
            error => {
                // What V8 cannot read of what it has just written is a buffer for which there was no memory.
                let text = match &error {
                    CloneError::Invalid { .. } => infra::NO_ROOM.to_owned(),
                    error => error.to_string(),
                };
                let Some(text) = infra::string(scope, &text) else { return };
                let receiver = v8::undefined(scope).into();
                self.fail.call(scope, receiver, &[text.into()]);
            }
        }
    }
}

impl HostObjects for Hooks<'_> {
    fn is_host_object(&self, scope: &mut Scope<'_, '_>, object: v8::Local<'_, v8::Object>) -> bool {
        let Some(mut prototype) = object.get_prototype(scope) else { return false };
        let Some(mark) = mark(scope) else { return false };
        for _ in 0..PROTOTYPES_MAX {
            let Ok(object) = v8::Local::<v8::Object>::try_from(prototype) else { return false };
            if object.has_private(scope, mark) == Some(true) {
                return true;
            }
            match object.get_prototype(scope) {
                Some(next) if next != self.object_prototype => prototype = next,
                _ => return false,
            }
        }
        false
    }

    fn write<'s>(
        &self,
        scope: &mut Scope<'s, '_>,
        object: v8::Local<'s, v8::Object>,
        _: &mut Attachments,
    ) -> HostWritten<'s> {
        let receiver = v8::undefined(scope).into();
        let Some(written) = self.write.call(scope, receiver, &[object.into()]) else {
            return HostWritten::Thrown;
        };
        let Ok(pair) = v8::Local::<v8::Array>::try_from(written) else {
            let name = object.get_constructor_name().to_rust_string_lossy(scope);
            return HostWritten::NotCloneable(format!("#<{name}> could not be cloned."));
        };
        let (Some(kind), Some(value)) = (pair.get_index(scope, 0), pair.get_index(scope, 1)) else {
            return HostWritten::Thrown;
        };
        HostWritten::As(kind.uint32_value(scope).unwrap_or(0), value)
    }

    fn read<'s>(
        &self,
        scope: &mut Scope<'s, '_>,
        kind: u32,
        value: v8::Local<'s, v8::Value>,
        _: &Attachments,
    ) -> Option<v8::Local<'s, v8::Object>> {
        let kind = v8::Integer::new_from_unsigned(scope, kind).into();
        let receiver = v8::undefined(scope).into();
        self.read.call(scope, receiver, &[kind, value])?.try_into().ok()
    }
}

/// The isolate's account.
pub(crate) fn account(scope: &Scope<'_, '_>) -> Option<Account> {
    Some(try_state(scope)?.account().clone())
}

/// What `structuredClone` gives for values that JavaScript itself clones faster; see clone/clone.js.
const MAP: i32 = 1;
const SET: i32 = 2;
const BYTES: i32 = 3;

/// `structuredClone(value, slow, ObjectPrototype, write, read, fail)`: the clone of an object, or one of the
/// numbers above unless `slow`. HTML, sections 2.7.3 and 2.7.6
fn structured_clone(scope: &mut Scope<'_, '_>, args: Args<'_>, mut ret: Ret<'_>) {
    let value = args.get(0);
    if !args.get(1).is_true() {
        if value.is_map() {
            return ret.set_int32(MAP);
        }
        if value.is_set() {
            return ret.set_int32(SET);
        }
        if value.is_typed_array() || value.is_array_buffer() {
            return ret.set_int32(BYTES);
        }
    }
    let Some(hooks) = Hooks::new(&args, 2) else { return };
    let account = account(scope);
    let options = Options { share_buffers: true, share_modules: true, ..hooks.options(account.as_ref()) };
    match nano_clone::structured_clone(scope, value, &[], options, |_| Ok(())) {
        Ok(received) => ret.set(received.value),
        Err(error) => hooks.throw(scope, error),
    }
}

/// `copyBuffer(buffer)`: a Uint8Array with an ArrayBuffer's bytes, in memory that is written once.
fn copy_buffer(scope: &mut Scope<'_, '_>, args: Args<'_>, mut ret: Ret<'_>) {
    let value = args.get(0);
    let length = v8::Local::<v8::ArrayBuffer>::try_from(value).map_or(0, |buffer| buffer.byte_length());
    if length >= blocks::BLOCK_BYTES_MIN {
        // SAFETY: what is written is as long as the array, and nothing of it is read.
        let array = unsafe {
            infra::uint8_array_with(scope, length, |_, room| {
                infra::with_bytes(value, |bytes| {
                    room.as_mut_ptr().copy_from_nonoverlapping(bytes.as_ptr(), bytes.len().min(room.len()));
                });
                true
            })
        };
        if let Some(array) = array {
            ret.set(array.into());
        }
        return;
    }
    let bytes = infra::with_bytes(value, <[u8]>::to_vec);
    if let Some(array) = infra::uint8_array(scope, bytes) {
        ret.set(array.into());
    }
}

/// `structuredCloneWithTransfer(value, buffers, transfer, ObjectPrototype, write, read, fail)`: an array of
/// the clone and the buffers as they arrive; the clone alone if `transfer` is undefined. `transfer()` is
/// called before they are detached. HTML, sections 2.7.7 and 2.7.8
fn structured_clone_with_transfer(scope: &mut Scope<'_, '_>, args: Args<'_>, mut ret: Ret<'_>) {
    let Some(hooks) = Hooks::new(&args, 3) else { return };
    let Ok(list) = v8::Local::<v8::Array>::try_from(args.get(1)) else { return };
    let transfer = v8::Local::<v8::Function>::try_from(args.get(2)).ok();
    let mut buffers = Vec::with_capacity(list.length() as usize);
    for index in 0..list.length() {
        let Some(buffer) = list.get_index(scope, index).and_then(|buffer| buffer.try_into().ok()) else {
            return;
        };
        buffers.push(buffer);
    }
    let account = account(scope);
    let options = Options { share_buffers: true, share_modules: true, ..hooks.options(account.as_ref()) };
    let received = nano_clone::structured_clone(scope, args.get(0), &buffers, options, |scope| {
        let Some(transfer) = transfer else { return Ok(()) };
        v8::tc_scope!(let scope, scope);
        let receiver = v8::undefined(scope).into();
        if transfer.call(scope, receiver, &[]).is_some() {
            return Ok(());
        }
        if scope.has_terminated() {
            return Err(CloneError::Terminated);
        }
        let exception = scope.exception();
        scope.reset();
        Err(exception.map_or(CloneError::Terminated, CloneError::Thrown))
    });
    match received {
        Ok(received) if transfer.is_none() => ret.set(received.value),
        Ok(received) => {
            let mut elements = vec![received.value];
            elements.extend(received.buffers.into_iter().map(v8::Local::<v8::Value>::from));
            ret.set(v8::Array::new_with_elements(scope, &elements).into());
        }
        Err(error) => hooks.throw(scope, error),
    }
}
