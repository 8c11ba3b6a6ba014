//! Stack traces in the coordinates of the sources that a build step compiled: V8's frames, with each place
//! looked up in the module's source map.
//!
//! Only isolates that have compiled a module with a source map pay for it, and only when somebody looks at a
//! stack.

use super::Scope;
use super::map::ModuleMap;
use nano_modules::Sources;

/// From now on the isolate's stack traces are in the coordinates of the original sources.
pub(super) fn install(isolate: &mut v8::Isolate) {
    isolate.set_prepare_stack_trace_callback(prepare_stack_trace);
}

/// V8 calls this when an error's `stack` is first read. `Error.prepareStackTrace` of a tenant goes first, as
/// without us.
fn prepare_stack_trace<'s>(
    scope: &mut Scope<'s, '_>,
    error: v8::Local<'s, v8::Value>,
    sites: v8::Local<'s, v8::Array>,
) -> v8::Local<'s, v8::Value> {
    let formatted = {
        v8::tc_scope!(let scope, scope);
        // Tenants have written the map, and V8's frames are above: no panic may unwind through
        // them.
        let formatted = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            custom(scope, error, sites).or_else(|| {
                let text = format(scope, error, sites)?;
                v8::String::new(scope, &text).map(Into::into)
            })
        }));
        formatted.ok().flatten()
    };
    formatted.unwrap_or_else(|| v8::undefined(scope).into())
}

/// The result of the tenant's own `Error.prepareStackTrace`, if there is one.
fn custom<'s>(
    scope: &mut Scope<'s, '_>,
    error: v8::Local<'s, v8::Value>,
    sites: v8::Local<'s, v8::Array>,
) -> Option<v8::Local<'s, v8::Value>> {
    let global = scope.get_current_context().global(scope);
    let constructor = get(scope, global.into(), "Error")?;
    let prepare = v8::Local::<v8::Function>::try_from(get(scope, constructor, "prepareStackTrace")?).ok()?;
    prepare.call(scope, constructor, &[error, sites.into()])
}

fn format<'s>(
    scope: &mut Scope<'s, '_>,
    error: v8::Local<'s, v8::Value>,
    sites: v8::Local<'s, v8::Array>,
) -> Option<String> {
    let mut text = header(scope, error);
    let map = ModuleMap::of(scope).map(|map| std::sync::Arc::clone(map.sources()));
    for index in 0..sites.length() {
        let Some(site) = sites.get_index(scope, index) else { continue };
        let Some(frame) = call(scope, site, "toString") else { continue };
        let frame = frame.to_rust_string_lossy(scope);
        text.push_str("\n    at ");
        match map.as_deref().and_then(|sources| mapped(scope, sources, site, &frame)) {
            Some(mapped) => text.push_str(&mapped),
            None => text.push_str(&frame),
        }
    }
    Some(text)
}

/// A frame's text with its place replaced, if its module has a map that knows the place.
fn mapped(
    scope: &mut Scope<'_, '_>,
    sources: &Sources,
    site: v8::Local<'_, v8::Value>,
    frame: &str,
) -> Option<String> {
    let name = call(scope, site, "getScriptNameOrSourceURL")?.to_rust_string_lossy(scope);
    let line = call(scope, site, "getLineNumber")?.uint32_value(scope)?;
    let column = call(scope, site, "getColumnNumber")?.uint32_value(scope)?;
    let original = sources.original(&name, line, column)?;
    let place = format!("{name}:{line}:{column}");
    let at = frame.rfind(&place)?;
    let (before, after) = (&frame[..at], &frame[at + place.len()..]);
    Some(format!("{before}{}:{}:{}{after}", original.name, original.line, original.column))
}

/// The first line, as V8 has it: ECMAScript, section 20.5.3.4 "Error.prototype.toString", of what is no Error
/// too.
fn header(scope: &mut Scope<'_, '_>, error: v8::Local<'_, v8::Value>) -> String {
    let mut text = |key: &str, default: &str| match get(scope, error, key) {
        Some(value) if !value.is_undefined() => {
            value.to_string(scope).map_or_else(String::new, |text| text.to_rust_string_lossy(scope))
        }
        _ => default.to_owned(),
    };
    let (name, message) = (text("name", "Error"), text("message", ""));
    match (name.is_empty(), message.is_empty()) {
        (true, _) => message,
        (_, true) => name,
        _ => format!("{name}: {message}"),
    }
}

fn get<'s>(
    scope: &mut Scope<'s, '_>,
    object: v8::Local<'_, v8::Value>,
    key: &str,
) -> Option<v8::Local<'s, v8::Value>> {
    let object = v8::Local::<v8::Object>::try_from(object).ok()?;
    let key = v8::String::new(scope, key)?;
    object.get(scope, key.into())
}

fn call<'s>(
    scope: &mut Scope<'s, '_>,
    object: v8::Local<'_, v8::Value>,
    method: &str,
) -> Option<v8::Local<'s, v8::Value>> {
    let method = v8::Local::<v8::Function>::try_from(get(scope, object, method)?).ok()?;
    method.call(scope, object, &[])
}
