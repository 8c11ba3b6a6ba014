//! Exceptions of JavaScript as errors of loading, with their place in the original source.

use crate::platform::Realm;
use nano_isolate::modules::ModuleMap;
use nano_modules::{LoadError, Original};

/// A scope in which exceptions are caught.
pub(crate) type PinTryCatch<'a, 'b, 's, 'i> = v8::PinnedRef<'a, v8::TryCatch<'b, 's, v8::HandleScope<'i>>>;

/// The pending exception as an error, with its place in the source.
pub(crate) fn pending_error(scope: &mut PinTryCatch<'_, '_, '_, '_>, realm: &Realm) -> LoadError {
    let exception = scope.exception();
    let message = scope.message();
    scope.reset();
    match exception {
        Some(exception) => exception_error(scope, realm, exception, message),
        None => LoadError::new("execution was terminated"),
    }
}

/// An exception as an error, with its place in the source; `message` is V8's about it.
pub(crate) fn exception_error(
    scope: &mut v8::PinScope<'_, '_>,
    realm: &Realm,
    exception: v8::Local<'_, v8::Value>,
    message: Option<v8::Local<'_, v8::Message>>,
) -> LoadError {
    let message = message.unwrap_or_else(|| v8::Exception::create_message(scope, exception));
    let file = message.get_script_resource_name(scope).map(|name| name.to_rust_string_lossy(scope));
    let line = message.get_line_number(scope).unwrap_or(0) as u32;
    // Without a place in a script (WebAssembly has none) V8 says -1.
    let column =
        u32::try_from(message.get_start_column() as i64).map_or(1, |column| column.saturating_add(1));
    let text = realm.platform().entries().describe(scope, exception).unwrap_or_else(|| "an exception".into());
    let original =
        file.as_deref().and_then(|file| ModuleMap::of(scope)?.sources().original(file, line, column));
    if let Some(Original { name, line, column }) = original {
        return LoadError { message: text, file: Some(name), position: Some((line, column)) };
    }
    LoadError {
        message: text,
        file: file.filter(|file| !file.is_empty() && file != "undefined"),
        position: (line > 0).then_some((line, column)),
    }
}
