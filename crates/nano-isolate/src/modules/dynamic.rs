//! `import()` and `import.meta`: what JavaScript asks of the modules while it runs.

use super::Scope;
use super::graph::{compile_graph, link_and_evaluate, type_attribute};
use super::map::{Failure, ModuleMap, load_exception, missing_record, throw};
use nano_modules::LoadError;
use nano_modules::resolve::{MAX_SPECIFIER_BYTES, ResolveError};

/// Sets the isolate's callbacks that concern modules.
pub fn install(isolate: &mut v8::Isolate) {
    isolate.set_host_initialize_import_meta_object_callback(import_meta);
    isolate.set_host_import_module_dynamically_callback(import_dynamically);
}

/// HTML, "HostGetImportMetaProperties": `url` is relative to the application's root, which tenants need not
/// know.
extern "C" fn import_meta(
    context: v8::Local<'_, v8::Context>,
    module: v8::Local<'_, v8::Module>,
    meta: v8::Local<'_, v8::Object>,
) {
    v8::callback_scope!(unsafe scope, context);
    let Some(map) = ModuleMap::of(scope) else { return };
    // SAFETY: as in `find_import`.
    let map = unsafe { &*std::ptr::from_ref(map) };
    let Some(index) = map.index_of(scope, module) else { return };
    let url = format!("file:///{}", map.sources().module(index).name.trim_start_matches('/'));
    let main = map.sources().entry().is_ok_and(|entry| entry == index);
    if let (Some(key), Some(url)) = (v8::String::new(scope, "url"), v8::String::new(scope, &url)) {
        meta.create_data_property(scope, key.into(), url.into());
    }
    if let Some(key) = v8::String::new(scope, "main") {
        let main = v8::Boolean::new(scope, main).into();
        meta.create_data_property(scope, key.into(), main);
    }
}

/// `import(specifier, { with })`. ECMAScript, "EvaluateImportCall", and "ContinueDynamicImport" from where
/// the graph is loaded.
///
/// `None` only with an exception pending: of V8's own, or the termination of this JavaScript.
fn import_dynamically<'s, 'i>(
    scope: &mut Scope<'s, 'i>,
    _: v8::Local<'s, v8::Data>,
    referrer: v8::Local<'s, v8::Value>,
    specifier: v8::Local<'s, v8::String>,
    attributes: v8::Local<'s, v8::FixedArray>,
) -> Option<v8::Local<'s, v8::Promise>> {
    let loaded = {
        v8::tc_scope!(let scope, scope);
        // Resolving reads what tenants wrote, and V8's frames are above: no panic may unwind through them.
        let loaded = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            load_import(scope, referrer, specifier, attributes)
        }));
        let loaded = loaded
            .unwrap_or_else(|_| Err(Failure::Load(LoadError::new("a fault of the runtime, in import()"))));
        if scope.has_terminated() {
            // The scope's end throws the termination again, since JavaScript is on the stack.
            return None;
        }
        let exception = scope.exception();
        scope.reset();
        match (loaded, exception) {
            (Ok(index), _) => Ok(index),
            (Err(Failure::Load(error)), _) => Err(load_exception(scope, &error)),
            (Err(Failure::Exception), Some(exception)) => Err(exception),
            (Err(Failure::Exception), None) => Err(load_exception(scope, &missing_record())),
        }
    };
    let resolver = v8::PromiseResolver::new(scope)?;
    let promise = resolver.get_promise(scope);
    match loaded {
        Ok(index) => {
            // Linking and evaluation are a job of their own: the importing module may be in the middle of its
            // evaluation, and be part of the graph. V8 ends the process where a module is evaluated that is
            // being evaluated.
            let index = v8::Number::new(scope, index as f64).into();
            resolver.resolve(scope, index)?;
            let job = v8::Function::new(scope, link_and_evaluate_import)?;
            promise.then(scope, job)
        }
        Err(reason) => {
            resolver.reject(scope, reason)?;
            Some(promise)
        }
    }
}

/// Finds and compiles what an `import()` imports. The index of its first module, whose graph is whole.
fn load_import<'s>(
    scope: &mut Scope<'s, '_>,
    referrer: v8::Local<'s, v8::Value>,
    specifier: v8::Local<'s, v8::String>,
    attributes: v8::Local<'s, v8::FixedArray>,
) -> Result<usize, Failure> {
    let none = || LoadError::new("this code cannot import modules");
    let map = ModuleMap::of(scope).ok_or_else(none)?;
    // SAFETY: as in `find_import`.
    let map = unsafe { &*std::ptr::from_ref(map) };
    let from = referrer.to_rust_string_lossy(scope);
    let source = map.sources().find(&from).ok_or_else(none)?;
    if specifier.length() > MAX_SPECIFIER_BYTES {
        // Before it is copied: a tenant makes half a gigabyte of it for nothing.
        return Err(Failure::Load(ResolveError::too_long().into()));
    }
    let specifier = specifier.to_rust_string_lossy(scope);
    let attribute = type_attribute(scope, attributes, 2);
    let target = map.sources().resolve(&specifier, attribute.as_deref(), &source)?;
    compile_graph(scope, map, target)?;
    Ok(target)
}

/// The job that links and evaluates the graph of an `import()`, of which it is given the first module's
/// index. Returns the promise of the module's namespace, which is fulfilled when the graph (which may await
/// at its top level) is evaluated. Throws what linking throws.
fn link_and_evaluate_import(
    scope: &mut Scope<'_, '_>,
    args: v8::FunctionCallbackArguments<'_>,
    mut ret: v8::ReturnValue<'_>,
) {
    let Some(index) = args.get(0).number_value(scope) else { return };
    let Some(map) = ModuleMap::of(scope) else { return };
    // SAFETY: as in `find_import`.
    let map = unsafe { &*std::ptr::from_ref(map) };
    let Some(module) = map.record(scope, index as usize) else {
        return throw(scope, &missing_record());
    };
    // No job runs while a module is being evaluated. Should one, its import fails, and not the process.
    if matches!(module.get_status(), v8::ModuleStatus::Instantiating | v8::ModuleStatus::Evaluating) {
        debug_assert!(false, "a job runs within the evaluation of a module");
        return throw(scope, &missing_record());
    }
    let Some(evaluation) = link_and_evaluate(scope, module) else { return };
    let namespace = module.get_module_namespace();
    let fulfilled = v8::Function::builder(
        |_: &mut Scope<'_, '_>, args: v8::FunctionCallbackArguments<'_>, mut ret: v8::ReturnValue<'_>| {
            ret.set(args.data());
        },
    )
    .data(namespace)
    .build(scope);
    if let Some(imported) = fulfilled.and_then(|fulfilled| evaluation.then(scope, fulfilled)) {
        ret.set(imported.into());
    }
}
