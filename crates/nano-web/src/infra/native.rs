//! Native values that JavaScript holds and passes back: an unfinished compression, a stored body.
//!
//! Such a value is an object with one internal field, which scripts cannot reach: an ArrayBuffer whose memory
//! begins with a [`Block`]. Collecting the object drops the value. The type that is asked for is compared
//! with the block's, so that no value is taken for one of another type, whatever a script passes.

use super::Scope;
use crate::state::try_state;
use std::alloc::{Layout, alloc, dealloc};
use std::any::TypeId;
use std::cell::OnceCell;
use std::ffi::c_void;

/// The begin of an object's memory. Where the value holds more memory elsewhere, the rest is never touched
/// and takes no pages; its length only tells V8 how much a collection would free.
#[repr(C)]
struct Block<T> {
    type_id: TypeId,
    layout: Layout,
    value: T,
}

/// The template of native objects, made for the first of them. No other template has internal fields.
#[derive(Default)]
pub(crate) struct NativeTemplate(OnceCell<v8::Global<v8::ObjectTemplate>>);

unsafe extern "C" fn drop_block<T>(data: *mut c_void, _: usize, _: *mut c_void) {
    let block = data.cast::<Block<T>>();
    // SAFETY: `data` was allocated with this layout and initialized in `new` for the same `T`; V8 calls this
    // once.
    unsafe {
        let layout = (*block).layout;
        std::ptr::drop_in_place(block);
        dealloc(data.cast::<u8>(), layout);
    }
}

/// Makes an object of a value that holds `held_bytes` of memory elsewhere. `None`: there is no memory for it,
/// and the value was dropped.
pub(crate) fn new<'s, T: 'static>(
    scope: &mut Scope<'s, '_>,
    value: T,
    held_bytes: usize,
) -> Option<v8::Local<'s, v8::Object>> {
    let bytes = held_bytes.max(size_of::<Block<T>>());
    let layout = Layout::from_size_align(bytes, align_of::<Block<T>>()).ok()?;
    // SAFETY: the layout's size is not zero.
    let data = unsafe { alloc(layout) };
    if data.is_null() {
        return None;
    }
    // SAFETY: `data` is valid, aligned and large enough for the block, and for `layout.size()` bytes until
    // `drop_block`.
    let store = unsafe {
        data.cast::<Block<T>>().write(Block { type_id: TypeId::of::<T>(), layout, value });
        v8::ArrayBuffer::new_backing_store_from_ptr(
            data.cast::<c_void>(),
            layout.size(),
            drop_block::<T>,
            std::ptr::null_mut(),
        )
    };
    let memory = v8::ArrayBuffer::with_backing_store(scope, &store.make_shared());
    let object = template(scope).new_instance(scope)?;
    object.set_internal_field(0, memory.into());
    Some(object)
}

fn template<'s>(scope: &mut Scope<'s, '_>) -> v8::Local<'s, v8::ObjectTemplate> {
    if let Some(known) = try_state(scope).and_then(|state| state.get::<NativeTemplate>().0.get()) {
        return v8::Local::new(scope, known);
    }
    let made = v8::ObjectTemplate::new(scope);
    made.set_internal_field_count(1);
    let kept = v8::Global::new(scope, made);
    if let Some(state) = try_state(scope) {
        state.get::<NativeTemplate>().0.get_or_init(|| kept);
    }
    made
}

/// Calls `with` with the value of an object. `None`: it is no native object of this type. `with` must not
/// enter JavaScript.
pub(crate) fn with<T: 'static, R>(
    scope: &mut Scope<'_, '_>,
    object: v8::Local<'_, v8::Value>,
    with: impl FnOnce(&mut T) -> R,
) -> Option<R> {
    let object = v8::Local::<v8::Object>::try_from(object).ok()?;
    // Buffers and their views have two.
    if object.internal_field_count() != 1 {
        return None;
    }
    let field = v8::Local::<v8::Value>::try_from(object.get_internal_field(scope, 0)?).ok()?;
    let data = v8::Local::<v8::ArrayBuffer>::try_from(field).ok()?.data()?;
    // SAFETY: only objects of `template` have one internal field, so the memory begins with a `Block` of some
    // type, whose first field is the type's id: `Block` has the layout of C.
    if unsafe { *data.as_ptr().cast::<TypeId>() } != TypeId::of::<T>() {
        return None;
    }
    // SAFETY: the block is one of `T`. `object` keeps it alive, and nothing else runs while it is borrowed.
    Some(with(unsafe { &mut (*data.as_ptr().cast::<Block<T>>()).value }))
}
