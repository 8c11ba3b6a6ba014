//! Single modules: V8's records of them, scripts, and modules that are not JavaScript.

use super::Scope;
use super::map::{Failure, ModuleMap, missing_record, throw};
use super::traces;
use nano_modules::{Content, Source, Text};
use std::sync::Arc;

/// [`nano_modules`] refuses larger files, so that V8 has a string for each text.
const _: () = assert!(nano_modules::MAX_MODULE_BYTES < v8::String::MAX_LENGTH as u64);

/// Smaller sources are compiled faster than a cache of theirs is read, and need no memory for it.
const CACHED_SOURCE_BYTES: usize = 4096;

pub(super) fn compile<'s>(
    scope: &mut Scope<'s, '_>,
    source: &Arc<Source>,
) -> Result<v8::Local<'s, v8::Module>, Failure> {
    match &source.content {
        Content::Code(text) => {
            // V8 gives neither string nor exception for what is longer than its strings may be; the
            // application refuses to load it.
            debug_assert!(text.len() <= v8::String::MAX_LENGTH);
            compile_code(scope, source, text).ok_or(Failure::Exception)
        }
        _ => {
            let name = v8::String::new(scope, &source.name).unwrap_or_else(|| v8::String::empty(scope));
            let export = default_key(scope);
            Ok(v8::Module::create_synthetic_module(scope, name, &[export], evaluate_synthetic))
        }
    }
}

/// The string `default`.
fn default_key<'s>(scope: &mut Scope<'s, '_>) -> v8::Local<'s, v8::String> {
    v8::String::new(scope, "default").unwrap_or_else(|| v8::String::empty(scope))
}

fn origin<'s>(scope: &mut Scope<'s, '_>, name: &str, module: bool) -> Option<v8::ScriptOrigin<'s>> {
    let name = v8::String::new(scope, name)?;
    Some(v8::ScriptOrigin::new(scope, name.into(), 0, 0, false, 0, None, false, false, module, None))
}

fn compile_code<'s>(
    scope: &mut Scope<'s, '_>,
    source: &Source,
    text: &Text,
) -> Option<v8::Local<'s, v8::Module>> {
    use v8::script_compiler::{CachedData, CompileOptions, NoCacheReason, Source as Code, compile_module2};
    if source.has_source_map() {
        traces::install(scope);
    }
    let origin = origin(scope, &source.name, true)?;
    let string = shared_string(scope, text)?;
    let (mut code, options) = match source.compiled.code_cache.get() {
        Some(cache) => (
            Code::new_with_cached_data(string, Some(&origin), CachedData::new(cache)),
            CompileOptions::ConsumeCodeCache,
        ),
        None => (Code::new(string, Some(&origin)), CompileOptions::NoCompileOptions),
    };
    compile_module2(scope, &mut code, options, NoCacheReason::NoReason)
}

/// Runs a classic script. `None`: an exception is pending.
pub fn run_classic<'s>(scope: &mut Scope<'s, '_>, source: &Source) -> Option<v8::Local<'s, v8::Value>> {
    let Content::Code(text) = &source.content else { return None };
    if source.has_source_map() {
        traces::install(scope);
    }
    let code = shared_string(scope, text)?;
    let origin = origin(scope, &source.name, false)?;
    v8::Script::compile(scope, code, Some(&origin))?.run(scope)
}

/// Evaluates code as a person types it: a script, or with `await` the body of an async function. Its value,
/// or the promise of it. `None`: an exception is pending.
pub fn evaluate_code<'s>(scope: &mut Scope<'s, '_>, text: &Text) -> Option<v8::Local<'s, v8::Value>> {
    let code = shared_string(scope, text)?.to_rust_string_lossy(scope);
    // An object literal is an expression here, as in a browser's console.
    let expression = format!("({code}\n)");
    let awaiting = [format!("(async () => ({code}\n))()"), format!("(async () => {{ {code}\n }})()")];
    let mut attempts = vec![code.clone()];
    if code.trim_start().starts_with('{') {
        attempts.insert(0, expression);
    }
    if code.contains("await") {
        attempts.extend(awaiting);
    }
    // A syntax error is reported for the code as it stands.
    let mut script = None;
    for attempt in &attempts {
        v8::tc_scope!(let scope, scope);
        let source = v8::String::new(scope, attempt)?;
        let origin = origin(scope, "[eval]", false)?;
        if let Some(compiled) = v8::Script::compile(scope, source, Some(&origin)) {
            script = Some(v8::Global::new(scope, compiled));
            break;
        }
    }
    let Some(script) = script else {
        let source = v8::String::new(scope, &code)?;
        let origin = origin(scope, "[eval]", false)?;
        v8::Script::compile(scope, source, Some(&origin));
        return None;
    };
    v8::Local::new(scope, script).run(scope)
}

/// A string whose characters stay where they are, shared by all isolates. `None`, without an exception: it is
/// longer than V8's strings may be.
pub fn shared_string<'s>(scope: &mut Scope<'s, '_>, text: &Text) -> Option<v8::Local<'s, v8::String>> {
    unsafe extern "C" fn free_latin1(data: *mut std::ffi::c_char, length: usize) {
        // SAFETY: the pointer and the length of the `Arc` that was forgotten for this string.
        drop(unsafe { Arc::from_raw(std::ptr::slice_from_raw_parts(data.cast::<u8>(), length)) });
    }
    unsafe extern "C" fn free_wide(data: *mut u16, length: usize) {
        // SAFETY: as above.
        drop(unsafe { Arc::from_raw(std::ptr::slice_from_raw_parts(data, length)) });
    }
    match text {
        // Not only slower: V8 would not take over the reference that `into_raw` gives it.
        _ if text.len() > v8::String::MAX_LENGTH => None,
        Text::Latin1(bytes) if bytes.is_empty() => Some(v8::String::empty(scope)),
        Text::Latin1(bytes) => {
            let length = bytes.len();
            let data = Arc::into_raw(Arc::clone(bytes)).cast::<std::ffi::c_char>().cast_mut();
            // SAFETY: the forgotten `Arc` keeps the bytes, which never change, until the destructor runs.
            unsafe { v8::String::new_external_onebyte_raw(scope, data, length, free_latin1) }
        }
        Text::Wide(units) => {
            let length = units.len();
            let data = Arc::into_raw(Arc::clone(units)).cast::<u16>().cast_mut();
            // SAFETY: likewise.
            unsafe { v8::String::new_external_twobyte_raw(scope, data, length, free_wide) }
        }
    }
}

/// Gives a module that is not JavaScript its default export. V8 ends the process if this returns `None` with
/// no exception pending.
fn evaluate_synthetic<'s>(
    context: v8::Local<'s, v8::Context>,
    module: v8::Local<'s, v8::Module>,
) -> Option<v8::Local<'s, v8::Value>> {
    v8::callback_scope!(unsafe scope, context);
    let evaluated = {
        v8::tc_scope!(let scope, scope);
        let evaluated = export_content(scope, module);
        if evaluated.is_none() && scope.has_caught() {
            scope.rethrow();
            return None;
        }
        evaluated
    };
    if evaluated.is_none() {
        throw(scope, &missing_record());
    }
    evaluated
}

/// Makes the default export of a module that is not JavaScript. The promise of its evaluation; `None`:
/// usually an exception is pending.
fn export_content<'s>(
    scope: &mut Scope<'s, '_>,
    module: v8::Local<'s, v8::Module>,
) -> Option<v8::Local<'s, v8::Value>> {
    let map = ModuleMap::of(scope)?;
    // SAFETY: as in `find_import`.
    let map = unsafe { &*std::ptr::from_ref(map) };
    let index = map.index_of(scope, module)?;
    let source = map.sources().module(index);
    let value: v8::Local<'_, v8::Value> = match &source.content {
        Content::Code(_) => return None,
        Content::Json(text) => {
            let string = shared_string(scope, text)?;
            v8::json::parse(scope, string)?
        }
        Content::Text(text) => shared_string(scope, text)?.into(),
        Content::Bytes(bytes) => {
            let store = v8::ArrayBuffer::new_backing_store_from_vec(bytes.clone()).make_shared();
            v8::ArrayBuffer::with_backing_store(scope, &store).into()
        }
        Content::Wasm(bytes) => {
            let slot = &source.compiled.wasm;
            let compiled = slot.get().and_then(|compiled| compiled.downcast_ref::<v8::CompiledWasmModule>());
            let module = match compiled {
                Some(compiled) => v8::WasmModuleObject::from_compiled_module(scope, compiled)?,
                None => {
                    let module = v8::WasmModuleObject::compile(scope, bytes)?;
                    let _ = slot.set(Box::new(module.get_compiled_module()));
                    module
                }
            };
            module.into()
        }
    };
    let export = default_key(scope);
    module.set_synthetic_module_export(scope, export, value)?;
    let resolver = v8::PromiseResolver::new(scope)?;
    let undefined = v8::undefined(scope).into();
    resolver.resolve(scope, undefined)?;
    Some(resolver.get_promise(scope).into())
}

/// Makes V8's code caches of an application's modules, with all functions that were compiled so far. For
/// other isolates: on this thread and others, now and later.
pub fn produce_caches(scope: &mut Scope<'_, '_>, map: &ModuleMap) {
    for index in map.indices() {
        let source = map.sources().module(index);
        let Content::Code(text) = &source.content else { continue };
        if source.compiled.code_cache.get().is_some() || text.len() < CACHED_SOURCE_BYTES {
            continue;
        }
        let Some(module) = map.record(scope, index) else { continue };
        if let Some(cache) = module.get_unbound_module_script(scope).create_code_cache() {
            let _ = source.compiled.code_cache.set(cache.to_vec());
        }
    }
}
