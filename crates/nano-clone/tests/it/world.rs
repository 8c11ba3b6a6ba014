//! Isolates for tests: each on a thread of its own, with an account that is empty again at the end.

use nano_clone::{CloneError, Message, Options, storage};
use std::sync::Once;

pub type Scope<'s, 'i> = v8::PinScope<'s, 'i>;

fn initialize() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        v8::V8::initialize_platform(v8::new_default_platform(1, false).make_shared());
        v8::V8::initialize();
    });
}

/// Calls `with` in a new isolate, on a thread that began after V8 was initialized.
pub fn in_isolate<R: Send>(with: impl FnOnce(&mut Scope<'_, '_>) -> R + Send) -> R {
    initialize();
    std::thread::scope(|threads| {
        let body = || {
            let mut isolate = v8::Isolate::new(v8::CreateParams::default());
            v8::scope!(let scope, &mut isolate);
            let context = v8::Context::new(scope, Default::default());
            let scope = &mut v8::ContextScope::new(scope, context);
            with(scope)
        };
        let thread = std::thread::Builder::new().stack_size(16 << 20).spawn_scoped(threads, body);
        thread.expect("a thread").join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    })
}

/// The value of a script; panics with the exception that it throws.
pub fn evaluate<'s>(scope: &mut Scope<'s, '_>, code: &str) -> v8::Local<'s, v8::Value> {
    v8::tc_scope!(let scope, scope);
    let source = v8::String::new(scope, code).expect("a short text");
    let value = v8::Script::compile(scope, source, None).and_then(|script| script.run(scope));
    value.unwrap_or_else(|| {
        let exception = scope.exception().expect("an exception");
        panic!("{}\n{code}", exception.to_rust_string_lossy(scope))
    })
}

/// Sets a global.
pub fn set(scope: &mut Scope<'_, '_>, name: &str, value: v8::Local<'_, v8::Value>) {
    let key = v8::String::new(scope, name).expect("a short text");
    scope.get_current_context().global(scope).set(scope, key.into(), value);
}

/// Evaluates `check` with `it` and `copy` on the global object: it must be true.
#[track_caller]
pub fn holds(scope: &mut Scope<'_, '_>, check: &str) {
    let result = evaluate(scope, check);
    assert!(result.is_true(), "{check} is {}", result.to_rust_string_lossy(scope));
}

/// Clones a value; the error as text.
pub type Way = fn(&mut Scope<'_, '_>, v8::Local<'_, v8::Value>) -> Result<v8::Global<v8::Value>, String>;

/// The ways to clone, all of which should give the same value.
pub const WAYS: [Way; 3] = [
    |scope, value| {
        let received = nano_clone::structured_clone(scope, value, &[], Options::default(), |_| Ok(()));
        received.map(|received| v8::Global::new(scope, received.value)).map_err(text)
    },
    |scope, value| {
        let message = Message::serialize(scope, value, &[], Options::default()).map_err(text)?;
        let received = message.deserialize(scope, Options::default()).map_err(text)?;
        Ok(v8::Global::new(scope, received.value))
    },
    |scope, value| {
        let bytes = storage::serialize(scope, value, Options::default()).map_err(text)?;
        let value = storage::deserialize(scope, &bytes, Options::default()).map_err(text)?;
        Ok(v8::Global::new(scope, value))
    },
];

fn text(error: CloneError<'_>) -> String {
    error.to_string()
}
