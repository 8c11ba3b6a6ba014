//! The `ops` object: native functions by name, each made when it is first used, since an isolate uses few of
//! them.
//!
//! Knows no native function.

use super::{Error, Op, Scope, guard, registry, throw};

/// Defines all native functions on `ops`, as lazy data properties whose data is their place in the list.
pub(crate) fn install(scope: &mut Scope<'_, '_>, ops: v8::Local<'_, v8::Object>) -> Option<()> {
    for (index, op) in registry::get().ops.iter().enumerate() {
        let name = v8::String::new(scope, op.name)?.into();
        let data = v8::Integer::new_from_unsigned(scope, index as u32).into();
        ops.set_lazy_data_property_with_data(
            scope,
            name,
            get_op,
            data,
            v8::PropertyAttribute::NONE,
            v8::SideEffectType::HasSideEffect,
            v8::SideEffectType::HasSideEffect,
        )?;
    }
    Some(())
}

/// The reference that [`install`] puts into a snapshot.
pub(crate) fn external_reference() -> v8::ExternalReference {
    let getter: v8::AccessorNameGetterCallback = v8::MapFnTo::map_fn_to(get_op);
    v8::ExternalReference { pointer: getter as *mut std::ffi::c_void }
}

/// A native function is used for the first time: makes it. V8 makes the result the property's value.
fn get_op<'s>(
    scope: &mut Scope<'s, '_>,
    _: v8::Local<'s, v8::Name>,
    args: v8::PropertyCallbackArguments<'s>,
    mut ret: v8::ReturnValue<'_, v8::Value>,
) {
    guard(scope, "get_op", |scope| {
        let index = args.data().uint32_value(scope).map_or(usize::MAX, |index| index as usize);
        let Some(op) = registry::get().ops.get(index) else {
            return throw(scope, Error::Fault("there is no such native function"));
        };
        // On failure an exception is pending.
        if let Some(function) = make(scope, op) {
            ret.set(function.into());
        }
    });
}

fn make<'s>(scope: &mut Scope<'s, '_>, op: &Op) -> Option<v8::Local<'s, v8::Function>> {
    let function = v8::FunctionTemplate::builder_raw(op.callback)
        .constructor_behavior(v8::ConstructorBehavior::Throw)
        .build_fast(scope, op.fast.map_or(&[], |fast| &fast.0))
        .get_function(scope)?;
    function.set_name(v8::String::new(scope, op.name)?);
    Some(function)
}
