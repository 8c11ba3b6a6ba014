//! Parts of the platform that are evaluated when an isolate first needs them, and how they are evaluated.
//!
//! The startup snapshot has what a small application uses; the rest would cost each isolate memory and time
//! that most never need. A part's globals are lazy data properties of the global object, which scripts cannot
//! tell from others; its exports to later folders are behind accessors (`infra/parts.js`). Its text is static
//! and shared by all isolates, and its compiled form is made together with the snapshot ([`CodeCaches`]).
//! Knows no part.

use super::part::{File, Part, WEBASSEMBLY};
use super::{Args, Error, Ret, Scope, ops, registry, throw};
use crate::code_cache::CodeCaches;
use crate::state::try_state;
use std::cell::RefCell;
use std::collections::{BTreeMap, HashSet};

/// The code cache of one file, if there is one.
fn code_cache(caches: CodeCaches, part: usize, file: usize) -> Option<&'static [u8]> {
    let before: usize = all_parts().get(..part)?.iter().map(|part| part.files.len()).sum();
    caches.get(before + file)
}

/// The parts of all standards, in the order of the list in `standards.rs`. A part's number is its place.
fn all_parts() -> &'static [&'static Part] {
    registry::get().parts.as_slice()
}

ops! {
    "partNames" => part_names,
    "partsMention" => parts_mention,
    "evaluatePart" => evaluate_part,
}

/// `partNames(part)`: an array of two, the names that the part exports and those of its hooks; undefined if
/// there is no such part.
fn part_names(scope: &mut Scope<'_, '_>, args: Args<'_>, mut ret: Ret<'_>) {
    let Some((_, part)) = part(scope, &args) else { return };
    let [exports, hooks] = [part.exports, part.hooks].map(|names| {
        let names: Vec<_> =
            names.iter().filter_map(|name| v8::String::new(scope, name).map(Into::into)).collect();
        v8::Array::new_with_elements(scope, &names).into()
    });
    ret.set(v8::Array::new_with_elements(scope, &[exports, hooks]).into());
}

/// `partsMention(word)`: whether some part's text has this identifier.
fn parts_mention(scope: &mut Scope<'_, '_>, args: Args<'_>, mut ret: Ret<'_>) {
    thread_local! {
        // Only who makes a snapshot asks.
        static WORDS: HashSet<&'static str> = all_parts()
            .iter()
            .flat_map(|part| part.files)
            .flat_map(|(_, text)| {
                text.as_str().split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
            })
            .collect();
    }
    let word = args.get(0).to_rust_string_lossy(scope);
    ret.set_bool(WORDS.with(|words| words.contains(word.as_str())));
}

fn part(scope: &mut Scope<'_, '_>, args: &Args<'_>) -> Option<(usize, &'static Part)> {
    let number = args.get(0).uint32_value(scope)? as usize;
    all_parts().get(number).map(|part| (number, *part))
}

/// `evaluatePart(part, internal, ops)`: evaluates its files with these arguments. An exception of theirs
/// stays pending.
fn evaluate_part(scope: &mut Scope<'_, '_>, args: Args<'_>, _: Ret<'_>) {
    let Some((number, part)) = part(scope, &args) else {
        return throw(scope, Error::Fault("there is no such part of the platform"));
    };
    let caches = try_state(scope).map_or(CodeCaches::default(), |state| state.code_caches());
    let arguments = [args.get(1), args.get(2)];
    for (index, file) in part.files.iter().enumerate() {
        // Nothing but a pending exception makes this fail; it comes out by itself.
        let Some(function) = evaluate(scope, file, code_cache(caches, number, index), &arguments) else {
            return;
        };
        RECORD.with_borrow_mut(|record| {
            if let Some(record) = record {
                record.insert((number, index), v8::Global::new(scope, function));
            }
        });
    }
}

/// Calls a file's text as the function that it is the body of; the function.
pub(crate) fn evaluate<'s>(
    scope: &mut Scope<'s, '_>,
    (name, text): &'static File,
    cache: Option<&'static [u8]>,
    arguments: &[v8::Local<'_, v8::Value>; 2],
) -> Option<v8::Local<'s, v8::Function>> {
    use v8::script_compiler::{CachedData, CompileOptions, NoCacheReason, Source, compile_function};
    let resource = v8::String::new(scope, &format!("nano:{name}"))?;
    let text = v8::String::new_from_onebyte_const(scope, text)?;
    let origin =
        v8::ScriptOrigin::new(scope, resource.into(), 0, 0, false, 0, None, false, false, false, None);
    let parameters = [v8::String::new(scope, "internal")?, v8::String::new(scope, "ops")?];
    let (mut source, options) = match cache {
        Some(cache) => {
            let cache = CachedData::new(cache);
            (Source::new_with_cached_data(text, Some(&origin), cache), CompileOptions::ConsumeCodeCache)
        }
        None => (Source::new(text, Some(&origin)), CompileOptions::NoCompileOptions),
    };
    let reason = NoCacheReason::NoReason;
    let function = compile_function(scope, &mut source, &parameters, &[], options, reason)?;
    debug_assert!(
        !source.get_cached_data().is_some_and(CachedData::rejected),
        "the compiled form of {name} was made by another V8, or with other flags"
    );
    let receiver = v8::undefined(scope).into();
    function.call(scope, receiver, arguments)?;
    Some(function)
}

/// A property of the global object that scripts do not see.
fn private<'s>(scope: &mut Scope<'s, '_>, name: &str) -> Option<v8::Local<'s, v8::Private>> {
    let name = v8::String::new(scope, name)?;
    Some(v8::Private::for_api(scope, Some(name)))
}

/// Where `internal.loadPart` is.
const LOAD: &str = "nano.loadPart";

/// Where V8's own WebAssembly is.
const ORIGINAL: &str = "nano.WebAssembly";

/// Makes a new context ready: the global that V8 has made becomes one of the parts'.
pub(crate) fn prepare(scope: &mut Scope<'_, '_>) -> Option<()> {
    let global = scope.get_current_context().global(scope);
    let name: v8::Local<'_, v8::Name> = v8::String::new(scope, WEBASSEMBLY)?.into();
    let original = global.get(scope, name.into())?;
    let key = private(scope, ORIGINAL)?;
    global.set_private(scope, key, original)?;
    let number = all_parts().iter().position(|part| part.globals.contains(&WEBASSEMBLY))?;
    define(scope, global, WEBASSEMBLY, number, v8::PropertyAttribute::DONT_ENUM)
}

pub(crate) fn original_webassembly<'s>(scope: &mut Scope<'s, '_>) -> Option<v8::Local<'s, v8::Value>> {
    let global = scope.get_current_context().global(scope);
    let key = private(scope, ORIGINAL)?;
    global.get_private(scope, key)
}

/// Defines a global of a part.
fn define(
    scope: &mut Scope<'_, '_>,
    global: v8::Local<'_, v8::Object>,
    name: &str,
    part: usize,
    attributes: v8::PropertyAttribute,
) -> Option<()> {
    let name = v8::String::new(scope, name)?.into();
    let data = v8::Integer::new_from_unsigned(scope, part as u32).into();
    global
        .set_lazy_data_property_with_data(
            scope,
            name,
            get_global,
            data,
            attributes,
            v8::SideEffectType::HasSideEffect,
            v8::SideEffectType::HasSideEffect,
        )
        .map(drop)
}

/// Defines the parts' globals in the current context, while a snapshot is made. `load` is
/// `internal.loadPart`.
pub(crate) fn install(scope: &mut Scope<'_, '_>, load: v8::Local<'_, v8::Value>) -> Option<()> {
    let context = scope.get_current_context();
    // Not in the properties' data, which V8 shares between contexts: it would take this one along into every
    // isolate.
    let global = context.global(scope);
    let key = private(scope, LOAD)?;
    global.set_private(scope, key, load)?;
    for (number, part) in all_parts().iter().enumerate() {
        for name in part.globals.iter().filter(|name| **name != WEBASSEMBLY) {
            define(scope, global, name, number, v8::PropertyAttribute::DONT_ENUM)?;
        }
        for name in part.enumerable {
            define(scope, global, name, number, v8::PropertyAttribute::NONE)?;
        }
    }
    Some(())
}

/// The reference that [`install`] puts into a snapshot.
pub(crate) fn external_reference() -> v8::ExternalReference {
    let getter: v8::AccessorNameGetterCallback = v8::MapFnTo::map_fn_to(get_global);
    v8::ExternalReference { pointer: getter as *mut std::ffi::c_void }
}

/// A global of a part is read for the first time: evaluates the part. V8 makes the result the property's
/// value.
fn get_global<'s>(
    scope: &mut Scope<'s, '_>,
    name: v8::Local<'s, v8::Name>,
    args: v8::PropertyCallbackArguments<'s>,
    mut ret: v8::ReturnValue<'_, v8::Value>,
) {
    super::guard(scope, "get_global", |scope| {
        // On failure an exception is pending.
        if let Some(value) = load_global(scope, name, args.data()) {
            ret.set(value);
        }
    });
}

fn load_global<'s>(
    scope: &mut Scope<'s, '_>,
    name: v8::Local<'_, v8::Name>,
    number: v8::Local<'_, v8::Value>,
) -> Option<v8::Local<'s, v8::Value>> {
    let global = scope.get_current_context().global(scope);
    let key = private(scope, LOAD)?;
    let load = v8::Local::<v8::Function>::try_from(global.get_private(scope, key)?).ok()?;
    let receiver = v8::undefined(scope).into();
    let globals = v8::Local::<v8::Object>::try_from(load.call(scope, receiver, &[number])?).ok()?;
    globals.get(scope, name.into())
}

/// The function that each file became, by part and file.
type Record = BTreeMap<(usize, usize), v8::Global<v8::Function>>;

thread_local! {
    /// While [`compile`] runs.
    static RECORD: RefCell<Option<Record>> = const { RefCell::new(None) };
}

/// Evaluates each part in a new context of an isolate that came out of the snapshot; the compiled forms, for
/// [`CodeCaches::new`].
///
/// # Errors
///
/// Which part's file threw what, or does not keep to what is said of it here.
pub(crate) fn compile(isolate: &mut v8::Isolate) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    for (number, part) in all_parts().iter().enumerate() {
        RECORD.set(Some(BTreeMap::new()));
        v8::scope!(let scope, &mut *isolate);
        let context = v8::Context::new(scope, Default::default());
        let scope = &mut v8::ContextScope::new(scope, context);
        v8::tc_scope!(let scope, scope);
        let run = prepare(scope).and_then(|()| exercise(scope, part));
        let recorded = RECORD.take().unwrap_or_default();
        match run {
            Some(None) => {}
            Some(Some(name)) => return Err(format!("the part that should expose {name} does not")),
            None => return Err(describe(scope)),
        }
        for index in 0..part.files.len() {
            let function = recorded.get(&(number, index)).map(|function| v8::Local::new(scope, function));
            let cache = function.and_then(|function| function.create_code_cache());
            CodeCaches::append(&mut bytes, cache.as_deref().map_or(&[], |cache| cache));
        }
    }
    Ok(bytes)
}

/// Reads a part's globals, and runs its exercise. `Some` of a name: a global that is not there; `None`: an
/// exception is pending.
fn exercise(scope: &mut Scope<'_, '_>, part: &Part) -> Option<Option<&'static str>> {
    let global = scope.get_current_context().global(scope);
    for name in part.globals.iter().chain(part.enumerable) {
        let key = v8::String::new(scope, name)?;
        if global.get(scope, key.into())?.is_undefined() {
            return Some(Some(name));
        }
    }
    let text = v8::String::new(scope, &format!("{{ {} }}", part.exercise))?;
    v8::Script::compile(scope, text, None)?.run(scope)?;
    scope.perform_microtask_checkpoint();
    Some(None)
}

/// The exception that a scope has caught, and where it was thrown.
pub(crate) fn describe(scope: &mut v8::PinnedRef<'_, v8::TryCatch<'_, '_, v8::HandleScope<'_>>>) -> String {
    let stack = scope.stack_trace().or_else(|| scope.exception());
    let text = stack.map(|stack| stack.to_rust_string_lossy(scope));
    let at = scope.message().map(|message| {
        let file = message.get_script_resource_name(scope).map(|name| name.to_rust_string_lossy(scope));
        format!("{}:{}", file.unwrap_or_default(), message.get_line_number(scope).unwrap_or(0))
    });
    format!("{}: {}", at.unwrap_or_default(), text.unwrap_or_default())
}
