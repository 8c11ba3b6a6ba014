//! Shared by all native functions: the macro that lists them, strings and bytes in and out, errors.
//!
//! Knows V8 and nothing of any standard.

pub(crate) mod native;
pub(crate) mod part;
pub(crate) mod parts;
pub(crate) mod registry;
pub(crate) mod standard;
pub(crate) mod table;
pub(crate) mod work;

use crate::state::{ActiveExchange, ExchangeId, State, try_state};
use nano_arena::blocks;
use nano_arena::{Account, Charge, Exhausted};
use std::borrow::Cow;
use std::cell::{Cell, RefCell};
use std::ffi::c_void;
use std::mem::MaybeUninit;
use std::rc::Rc;

pub(crate) type Scope<'s, 'i> = v8::PinScope<'s, 'i>;
pub(crate) type Args<'s> = v8::FunctionCallbackArguments<'s>;
pub(crate) type Ret<'s> = v8::ReturnValue<'s, v8::Value>;

/// A native function: its name on the `ops` object, and its code.
pub(crate) struct Op {
    pub(crate) name: &'static str,
    pub(crate) callback: v8::FunctionCallback,
    /// The form that optimized code calls where the arguments have its types.
    pub(crate) fast: Option<&'static Fast>,
}

/// A form of a native function for V8's fast API calls.
pub(crate) struct Fast(pub(crate) [v8::fast_api::CFunction; 1]);

// SAFETY: constants that are only read; what they point to are functions, and constants too.
unsafe impl Sync for Fast {}

/// `ops! { "name" => function, … }`: a standard's native functions. A panic in one of them is thrown as an
/// Error.
///
/// `"name" => function | FAST` has a form for optimized code beside it, a static [`Fast`].
macro_rules! ops {
    ($($name:literal => $function:path $(| $fast:path)?),* $(,)?) => {
        pub(crate) fn ops() -> Vec<$crate::infra::Op> {
            vec![$($crate::infra::Op {
                name: $name,
                fast: [$(Some(&$fast),)? None][0],
                callback: {
                    fn guarded<'s>(
                        scope: &mut $crate::infra::Scope<'s, '_>,
                        args: $crate::infra::Args<'s>,
                        ret: $crate::infra::Ret<'s>,
                    ) {
                        $crate::infra::guard(scope, $name, move |scope| $function(scope, args, ret));
                    }
                    v8::MapFnTo::map_fn_to(guarded)
                },
            }),*]
        }
    };
}
pub(crate) use ops;

/// Calls a native function. A panic goes no further: nothing may unwind through V8's frames, and no fault of
/// ours may end the process, in which others have their requests. The caller gets an Error.
#[inline(always)]
pub(crate) fn guard<'s, 'i>(scope: &mut Scope<'s, 'i>, name: &str, run: impl FnOnce(&mut Scope<'s, 'i>)) {
    // Unwind safety: what a function had borrowed of the isolate's state is given back as it unwinds; none of
    // them leaves that state half changed while something that can panic runs.
    if std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| run(scope))).is_err() {
        contained(scope, name);
    }
}

/// The panic hook has printed what happened and where; the tenant is told that it was not its doing.
#[cold]
fn contained(scope: &mut Scope<'_, '_>, name: &str) {
    throw(scope, Error::Fault(&format!("a fault of the runtime, in its native function {name}")));
}

/// The same for what optimized code calls: it cannot throw, so the caller gets nothing.
#[inline(always)]
pub(crate) fn guard_fast(run: impl FnOnce()) {
    // The panic hook has printed what happened. Unwind safety: as in `guard`.
    let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(run));
}

/// The isolate's state, or an exception: while the snapshot is made there is none.
pub(crate) fn state<'a>(scope: &'a Scope<'_, '_>) -> Option<&'a State> {
    try_state(scope)
}

/// The id of the request in whose name JavaScript runs now, as V8 carries it along with promises; none
/// outside of requests.
pub(crate) fn owner(scope: &Scope<'_, '_>) -> Option<f64> {
    let data = scope.get_continuation_preserved_embedder_data();
    v8::Local::<v8::Number>::try_from(data).ok().map(|number| number.value())
}

/// The request whose id is the function's first argument, if it is under way.
pub(crate) fn active_exchange(scope: &mut Scope<'_, '_>, args: &Args<'_>) -> Option<Rc<ActiveExchange>> {
    let id = ExchangeId::from_f64(args.get(0).number_value(scope).unwrap_or(-1.0));
    state(scope)?.active_exchange(id)
}

/// A new string; an exception is pending if it is too long for V8 (about 512 MiB).
pub(crate) fn string<'s>(scope: &mut Scope<'s, '_>, text: &str) -> Option<v8::Local<'s, v8::String>> {
    checked(scope, |scope| v8::String::new(scope, text))
}

/// A new string of Latin-1 bytes, likewise.
pub(crate) fn latin1<'s>(scope: &mut Scope<'s, '_>, bytes: &[u8]) -> Option<v8::Local<'s, v8::String>> {
    checked(scope, |scope| v8::String::new_from_one_byte(scope, bytes, v8::NewStringType::Normal))
}

/// A new string of UTF-16 units, likewise.
pub(crate) fn utf16<'s>(scope: &mut Scope<'s, '_>, units: &[u16]) -> Option<v8::Local<'s, v8::String>> {
    checked(scope, |scope| v8::String::new_from_two_byte(scope, units, v8::NewStringType::Normal))
}

fn checked<'s, 'i>(
    scope: &mut Scope<'s, 'i>,
    make: impl FnOnce(&mut Scope<'s, 'i>) -> Option<v8::Local<'s, v8::String>>,
) -> Option<v8::Local<'s, v8::String>> {
    let made = make(scope);
    if made.is_none() {
        throw(scope, Error::Range("the string is too long"));
    }
    made
}

/// The text of a value that is a string; lone surrogates become U+FFFD. Not a string: empty.
pub(crate) fn text<'a, const N: usize>(
    scope: &mut Scope<'_, '_>,
    value: v8::Local<'_, v8::Value>,
    buffer: &'a mut [MaybeUninit<u8>; N],
) -> Cow<'a, str> {
    match v8::Local::<v8::String>::try_from(value) {
        Ok(string) => string.to_rust_cow_lossy(scope, buffer),
        Err(_) => Cow::Borrowed(""),
    }
}

/// A buffer for [`text`].
pub(crate) fn buffer<const N: usize>() -> [MaybeUninit<u8>; N] {
    [MaybeUninit::uninit(); N]
}

/// The characters of a string of Latin-1; none for anything else.
pub(crate) fn latin1_bytes<'a, const N: usize>(
    scope: &mut Scope<'_, '_>,
    value: v8::Local<'_, v8::Value>,
    stack: &'a mut [MaybeUninit<u8>; N],
) -> Cow<'a, [u8]> {
    let Ok(text) = v8::Local::<v8::String>::try_from(value) else { return Cow::Borrowed(&[]) };
    let length = text.length();
    if length > N {
        let mut bytes = vec![0; length];
        text.write_one_byte_v2(scope, 0, &mut bytes, v8::WriteFlags::empty());
        return Cow::Owned(bytes);
    }
    text.write_one_byte_uninit_v2(scope, 0, &mut stack[..length], v8::WriteFlags::empty());
    // SAFETY: V8 has just written the first `length` bytes.
    Cow::Borrowed(unsafe { std::slice::from_raw_parts(stack.as_ptr().cast::<u8>(), length) })
}

/// Calls `with` with the bytes of an ArrayBuffer, a SharedArrayBuffer or a view; with none for anything else.
///
/// `with` must not run JavaScript or allocate in V8's heap: the bytes may move or go.
pub(crate) fn with_bytes<R>(value: v8::Local<'_, v8::Value>, with: impl FnOnce(&[u8]) -> R) -> R {
    let mut inline = [0u8; 64];
    if let Ok(view) = v8::Local::<v8::ArrayBufferView>::try_from(value) {
        return with(view.get_contents(&mut inline));
    }
    if let Ok(buffer) = v8::Local::<v8::ArrayBuffer>::try_from(value) {
        return match buffer.data() {
            Some(data) => {
                // SAFETY: the buffer is alive and not detached (its data is there); nothing runs that could
                // change that while `with` does.
                let bytes =
                    unsafe { std::slice::from_raw_parts(data.as_ptr().cast::<u8>(), buffer.byte_length()) };
                with(bytes)
            }
            None => with(&[]),
        };
    }
    if let Ok(shared) = v8::Local::<v8::SharedArrayBuffer>::try_from(value) {
        let store = shared.get_backing_store();
        // Other threads may write meanwhile: copy, so that no reference to changing memory exists.
        let copy: Vec<u8> = store.iter().map(std::cell::Cell::get).collect();
        return with(&copy);
    }
    with(&[])
}

/// A new `Uint8Array` that owns `bytes`; an exception is pending if that is beyond the isolate's memory.
pub(crate) fn uint8_array<'s>(
    scope: &mut Scope<'s, '_>,
    bytes: Vec<u8>,
) -> Option<v8::Local<'s, v8::Uint8Array>> {
    let made = try_uint8_array(scope, bytes);
    if made.is_none() {
        throw(scope, Error::Range(NO_ROOM));
    }
    made
}

/// Why a buffer is refused.
pub(crate) const NO_ROOM: &str = "the application's memory limit leaves no room for this buffer";

/// When V8 was made to collect buffers of the isolate that nobody holds.
#[derive(Default)]
pub(crate) struct Collections {
    /// When a collection may be forced again for want of room.
    next: Cell<Option<std::time::Instant>>,
    /// The least that the isolate's buffers held since [`collect_ahead`] last did something.
    buffers_low: Cell<usize>,
}

/// Has V8 collect what was dropped, since there is no room for a buffer. False: that was tried just now, and
/// a tenant at its limit must not spend more than half of its time so.
pub(crate) fn collect(scope: &mut Scope<'_, '_>) -> bool {
    let began = std::time::Instant::now();
    if try_state(scope)
        .is_none_or(|state| state.get::<Collections>().next.get().is_some_and(|next| next > began))
    {
        return false;
    }
    scope.low_memory_notification();
    let took = began.elapsed();
    if let Some(state) = try_state(scope) {
        state.get::<Collections>().next.set(Some(std::time::Instant::now() + took));
    }
    true
}

/// By so much an isolate's buffers may grow until V8 begins to look for those that were dropped. V8 itself
/// waits for 64 MB, and a stream through JavaScript holds all of it. Marking a small heap takes a millisecond
/// or two, beside the ten that so many bytes take to be read or made; those whose heap is large rarely make
/// many buffers.
const AHEAD_BYTES: usize = 24 << 20;

/// Has V8 begin to collect where buffers have grown by `AHEAD_BYTES`.
pub fn collect_ahead(isolate: &mut v8::Isolate) {
    let Some(state) = try_state(isolate) else { return };
    let (used, low) = (state.account().used(), state.get::<Collections>().buffers_low.get());
    if used >= low && used - low < AHEAD_BYTES {
        return;
    }
    state.get::<Collections>().buffers_low.set(used);
    if used > low {
        isolate.memory_pressure_notification(v8::MemoryPressureLevel::Moderate);
    }
}

/// A `Uint8Array` as of [`uint8_array`], or none and no exception.
pub(crate) fn try_uint8_array<'s>(
    scope: &mut Scope<'s, '_>,
    bytes: Vec<u8>,
) -> Option<v8::Local<'s, v8::Uint8Array>> {
    let length = bytes.len();
    let buffer = try_array_buffer(scope, bytes)?;
    v8::Uint8Array::new(scope, buffer, 0, length)
}

/// Charges the isolate's account; `None` while the startup snapshot is made, which has no account.
///
/// Where the account refuses, V8 collects first, as it does where JavaScript makes a buffer: garbage that was
/// not collected yet may hold the memory that is missing.
pub(crate) fn charge(scope: &mut Scope<'_, '_>, bytes: usize) -> Result<Option<Charge>, Exhausted> {
    let Some(account) = try_state(scope).map(|state| state.account().clone()) else { return Ok(None) };
    match account.charge(bytes) {
        Err(_) if collect(scope) => account.charge(bytes).map(Some),
        charged => charged.map(Some),
    }
}

/// A new `ArrayBuffer` that owns `bytes`; none, and no exception, if that is beyond the isolate's memory.
pub(crate) fn try_array_buffer<'s>(
    scope: &mut Scope<'s, '_>,
    bytes: Vec<u8>,
) -> Option<v8::Local<'s, v8::ArrayBuffer>> {
    /// A buffer's bytes, and the charge for their true extent.
    struct Owner {
        bytes: Vec<u8>,
        _charge: Option<Charge>,
    }
    unsafe extern "C" fn release(_: *mut c_void, _: usize, owner: *mut c_void) {
        // SAFETY: `owner` came from `Box::into_raw` below; V8 calls this once.
        drop(unsafe { Box::from_raw(owner.cast::<Owner>()) });
    }
    unsafe extern "C" fn release_exact(data: *mut c_void, length: usize, account: *mut c_void) {
        // SAFETY: `data` and `length`, which is the capacity too, are those of the vector below, `account` is
        // of `into_account`; V8 calls this once.
        unsafe {
            drop(Vec::from_raw_parts(data.cast::<u8>(), length, length));
            release_account(account, length);
        }
    }
    let length = bytes.len();
    let charge = charge(scope, bytes.capacity()).ok()?;
    let store = if length > 0 && bytes.capacity() == length {
        let data = std::mem::ManuallyDrop::new(bytes).as_mut_ptr().cast::<c_void>();
        // SAFETY: `data` points at `length` bytes that are the store's until `release_exact`.
        unsafe {
            v8::ArrayBuffer::new_backing_store_from_ptr(data, length, release_exact, into_account(charge))
        }
    } else {
        let mut owner = Box::new(Owner { bytes, _charge: charge });
        let data = owner.bytes.as_mut_ptr().cast::<c_void>();
        let owner = Box::into_raw(owner).cast::<c_void>();
        // SAFETY: `data` points at `length` bytes that `owner` keeps, unmoved, until `release`.
        unsafe { v8::ArrayBuffer::new_backing_store_from_ptr(data, length, release, owner) }
    };
    if length >= blocks::BLOCK_BYTES_MIN {
        collect_ahead(scope);
    }
    Some(v8::ArrayBuffer::with_backing_store(scope, &store.make_shared()))
}

/// The account of a charge, for the callback that frees a backing store: the bytes stay charged until
/// [`release_account`].
fn into_account(charge: Option<Charge>) -> *mut c_void {
    charge.map_or(std::ptr::null_mut(), |charge| {
        let account = charge.account().clone();
        charge.into_bytes();
        account.into_raw().cast_mut().cast::<c_void>()
    })
}

/// Releases what a charge left charged.
///
/// # Safety
///
/// `account` is from [`into_account`] of a charge of `bytes`, and is not used again.
unsafe fn release_account(account: *mut c_void, bytes: usize) {
    if !account.is_null() {
        // SAFETY: not null, so from `Account::into_raw` in `into_account`, and taken back once, as the caller
        // says.
        unsafe { Account::from_raw(account.cast_const().cast()) }.release_bytes(bytes);
    }
}

/// A new `Uint8Array` of `length` bytes, [`BLOCK_BYTES_MIN`](blocks::BLOCK_BYTES_MIN) or more, in a block of
/// its own that is written once: by `write`. None, and an exception, if that is beyond the isolate's memory;
/// none, without an exception, if `write` gives up, which it says with false.
///
/// # Safety
///
/// `write` writes all of what it is given, unless it gives up, and reads nothing of it: it holds anything
/// before.
pub(crate) unsafe fn uint8_array_with<'s>(
    scope: &mut Scope<'s, '_>,
    length: usize,
    write: impl FnOnce(&mut Scope<'s, '_>, &mut [u8]) -> bool,
) -> Option<v8::Local<'s, v8::Uint8Array>> {
    unsafe extern "C" fn release(data: *mut c_void, length: usize, account: *mut c_void) {
        // SAFETY: both are from below; V8 calls this once, with the length that it was given.
        unsafe {
            blocks::free(data.cast(), length);
            release_account(account, length);
        }
    }
    let charge = charge(scope, length);
    let data = if charge.is_ok() { blocks::allocate(length, false) } else { std::ptr::null_mut() };
    let (Ok(charge), false) = (charge, data.is_null()) else {
        throw(scope, Error::Range(NO_ROOM));
        return None;
    };
    // SAFETY: the block is new and has `length` bytes; by the caller's word they are not read.
    if !write(scope, unsafe { std::slice::from_raw_parts_mut(data, length) }) {
        // SAFETY: it is the block from above, and nobody has it.
        unsafe { blocks::free(data, length) };
        return None;
    }
    let account = into_account(charge);
    // SAFETY: the memory is the store's until `release`.
    let store = unsafe { v8::ArrayBuffer::new_backing_store_from_ptr(data.cast(), length, release, account) };
    let buffer = v8::ArrayBuffer::with_backing_store(scope, &store.make_shared());
    collect_ahead(scope);
    v8::Uint8Array::new(scope, buffer, 0, length)
}

/// Writes `values` into a `Uint32Array` argument that JavaScript handed over for results.
pub(crate) fn fill_u32(value: v8::Local<'_, v8::Value>, values: &[u32]) {
    if let Ok(array) = v8::Local::<v8::Uint32Array>::try_from(value)
        && array.length() >= values.len()
    {
        // SAFETY: `data` points at the view's first element, of which there are at least `values.len()`,
        // aligned as Uint32Array demands; nothing else runs.
        unsafe {
            std::ptr::copy_nonoverlapping(values.as_ptr(), array.data().cast::<u32>(), values.len());
        }
    }
}

/// The function that makes a DOMException of a name and a message, once the context has it.
#[derive(Default)]
pub(crate) struct DomExceptions(pub(crate) RefCell<Option<v8::Global<v8::Function>>>);

/// `None`: there is no isolate's state yet, or its stack or its time is used up; what V8 has thrown is
/// dropped.
fn new_dom_exception<'s>(
    scope: &mut Scope<'s, '_>,
    name: &str,
    message: v8::Local<'_, v8::String>,
) -> Option<v8::Local<'s, v8::Value>> {
    let make = try_state(scope)?.get::<DomExceptions>().0.borrow().clone()?;
    let make = v8::Local::new(scope, make);
    let name = v8::String::new(scope, name)?;
    let receiver = v8::undefined(scope).into();
    v8::tc_scope!(let scope, scope);
    let made = make.call(scope, receiver, &[name.into(), message.into()]);
    if made.is_none() && !scope.has_terminated() {
        scope.reset();
    }
    made
}

/// An exception that a native function throws.
pub(crate) enum Error<'a> {
    /// A DOMException of this name and message.
    Dom(&'a str, &'a str),
    Type(&'a str),
    Range(&'a str),
    /// The runtime's own fault: a plain Error.
    Fault(&'a str),
}

/// Throws; the caller returns at once.
pub(crate) fn throw(scope: &mut Scope<'_, '_>, error: Error<'_>) {
    let exception = new_error(scope, error);
    scope.throw_exception(exception);
}

/// A new exception.
pub(crate) fn new_error<'s>(scope: &mut Scope<'s, '_>, error: Error<'_>) -> v8::Local<'s, v8::Value> {
    let (Error::Dom(_, message) | Error::Type(message) | Error::Range(message) | Error::Fault(message)) =
        &error;
    let message = v8::String::new(scope, message).unwrap_or_else(|| v8::String::empty(scope));
    match error {
        Error::Dom(name, _) => {
            new_dom_exception(scope, name, message).unwrap_or_else(|| v8::Exception::error(scope, message))
        }
        Error::Type(_) => v8::Exception::type_error(scope, message),
        Error::Range(_) => v8::Exception::range_error(scope, message),
        Error::Fault(_) => v8::Exception::error(scope, message),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    ops! { "works" => works, "fails" => fails }

    fn works(_: &mut Scope<'_, '_>, _: Args<'_>, mut ret: Ret<'_>) {
        ret.set_int32(7);
    }

    fn fails(scope: &mut Scope<'_, '_>, args: Args<'_>, _: Ret<'_>) {
        // Handles and scopes are given back on the way.
        v8::scope!(let scope, scope);
        let text = args.get(0).to_rust_string_lossy(scope);
        panic!("on purpose: {text}");
    }

    fn evaluate() -> Option<String> {
        let mut isolate = v8::Isolate::new(v8::CreateParams::default());
        v8::scope!(let scope, &mut isolate);
        let context = v8::Context::new(scope, Default::default());
        let scope = &mut v8::ContextScope::new(scope, context);
        let global = context.global(scope);
        for op in ops() {
            let function = v8::Function::builder_raw(op.callback).build(scope)?;
            let name = v8::String::new(scope, op.name)?;
            global.set(scope, name.into(), function.into())?;
        }
        // Twice, and through functions of V8's own that call back.
        let code = "[1, 2].map((n) => { try { return fails(n); } catch (error) { return `${error} ${works()}`; } }).join()";
        let code = v8::String::new(scope, code)?;
        let value = v8::Script::compile(scope, code, None)?.run(scope)?;
        natives_are_told_apart(scope);
        Some(value.to_rust_string_lossy(scope))
    }

    fn natives_are_told_apart(scope: &mut Scope<'_, '_>) {
        /// Reports its end.
        struct Dropped(std::rc::Rc<Cell<bool>>);
        impl Drop for Dropped {
            fn drop(&mut self) {
                self.0.set(true);
            }
        }
        let gone = std::rc::Rc::new(Cell::new(false));
        {
            v8::scope!(let scope, scope);
            let one: v8::Local<'_, v8::Value> =
                native::new(scope, Dropped(gone.clone()), 1 << 20).expect("memory").into();
            let other: v8::Local<'_, v8::Value> = native::new(scope, 7_u64, 0).expect("memory").into();
            assert_eq!(native::with(scope, other, |number: &mut u64| *number), Some(7));
            assert_eq!(native::with(scope, one, |number: &mut u64| *number), None);
            assert_eq!(native::with(scope, one, |value: &mut Dropped| value.0.get()), Some(false));
            let buffer: v8::Local<'_, v8::Value> = v8::ArrayBuffer::new(scope, 1 << 10).into();
            let object: v8::Local<'_, v8::Value> = v8::Object::new(scope).into();
            for value in [buffer, object, v8::undefined(scope).into()] {
                assert_eq!(native::with(scope, value, |number: &mut u64| *number), None);
            }
        }
        scope.low_memory_notification();
        assert!(gone.get(), "a collection drops the value");
    }

    #[test]
    fn a_panic_in_a_native_function_is_thrown_as_an_error() {
        v8::V8::initialize_platform(v8::new_default_platform(1, false).make_shared());
        v8::V8::initialize();
        // Threads that run JavaScript begin after V8 is initialized.
        let thread = std::thread::Builder::new().stack_size(8 << 20).spawn(evaluate);
        let answer = thread.expect("a thread").join().expect("the panic was contained");
        let error = "Error: a fault of the runtime, in its native function fails 7";
        assert_eq!(answer.as_deref(), Some(format!("{error},{error}").as_str()));
    }
}
