//! Streaming compilation of WebAssembly: V8's callback, and native functions that feed bytes to a
//! compilation. WebAssembly Web API, section 3. Memories are looked after in [`memory`].

pub(crate) mod memory;

use crate::infra::part::{Part, parts};
use crate::infra::registry::Standard;
use crate::infra::{Args, Ret, Scope, buffer, ops, text, with_bytes};
use crate::state::try_state;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;

pub(crate) static STANDARD: Standard = Standard {
    name: "wasm",
    uses: &["expose", "fetch", "look", "primordials", "streams", "webidl"],
    ops: &[ops, memory::ops],
    parts: PARTS,
    ..Standard::EMPTY
};

static PARTS: &[Part] = parts! {
    {
        files: ["wasm/wasm.js"],
        exports: ["wasm"],
        globals: [],
        enumerable: [],
        exercise: ""
    }
    {
        files: ["wasm/memory.js"],
        exports: ["wasmMemory"],
        globals: [crate::infra::part::WEBASSEMBLY],
        enumerable: [],
        exercise: r#"
            const module = new WebAssembly.Module(new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0]));
            new WebAssembly.Instance(module).exports;
            new WebAssembly.Memory({ initial: 1 }).buffer;
        "#
    }
};

ops! {
    "wasmBytes" => wasm_bytes,
    "wasmUrl" => wasm_url,
    "wasmFinish" => wasm_finish,
    "wasmAbort" => wasm_abort,
}

/// The compilations of an isolate that wait for bytes.
#[derive(Default)]
pub(crate) struct Streams {
    /// What is given the source of a compilation, and its number: `wasm/wasm.js`.
    pub(crate) source: RefCell<Option<v8::Global<v8::Function>>>,
    waiting: RefCell<HashMap<u32, v8::WasmStreaming<false>>>,
    last: Cell<u32>,
}

/// V8's callback for `WebAssembly.compileStreaming(source)` and `instantiateStreaming(source)`, when the
/// source is there. The embedder sets it on each isolate.
pub fn streaming<'s>(
    scope: &mut Scope<'s, '_>,
    source: v8::Local<'s, v8::Value>,
    streaming: v8::WasmStreaming<false>,
) {
    let (function, id) = {
        let Some(state) = try_state(scope) else { return };
        let streams = state.get::<Streams>();
        let Some(function) = streams.source.borrow().clone() else { return };
        let id = streams.last.get().wrapping_add(1);
        streams.last.set(id);
        streams.waiting.borrow_mut().insert(id, streaming);
        (function, id)
    };
    let function = v8::Local::new(scope, function);
    let id = v8::Integer::new_from_unsigned(scope, id).into();
    let receiver = v8::undefined(scope).into();
    // What it could throw (the stack overflows) V8 finds pending.
    function.call(scope, receiver, &[source, id]);
}

/// Takes a compilation out.
fn take(scope: &mut Scope<'_, '_>, args: &Args<'_>) -> Option<v8::WasmStreaming<false>> {
    let id = args.get(0).uint32_value(scope)?;
    try_state(scope)?.get::<Streams>().waiting.borrow_mut().remove(&id)
}

/// Puts it back.
fn keep(scope: &mut Scope<'_, '_>, args: &Args<'_>, streaming: v8::WasmStreaming<false>) {
    if let Some(id) = args.get(0).uint32_value(scope)
        && let Some(state) = try_state(scope)
    {
        state.get::<Streams>().waiting.borrow_mut().insert(id, streaming);
    }
}

/// `wasmBytes(id, bytes)`.
fn wasm_bytes(scope: &mut Scope<'_, '_>, args: Args<'_>, _: Ret<'_>) {
    let Some(mut streaming) = take(scope, &args) else { return };
    // A copy: V8 may allocate in its heap while it takes them (for an error), which the buffer's bytes must
    // not see.
    let bytes = with_bytes(args.get(1), <[u8]>::to_vec);
    if !bytes.is_empty() {
        streaming.on_bytes_received(&bytes);
    }
    keep(scope, &args, streaming);
}

/// `wasmUrl(id, url)`: where the bytes come from, for stack traces.
fn wasm_url(scope: &mut Scope<'_, '_>, args: Args<'_>, _: Ret<'_>) {
    let Some(mut streaming) = take(scope, &args) else { return };
    let mut stack = buffer::<512>();
    let url = text(scope, args.get(1), &mut stack);
    if !url.is_empty() && !url.contains('\0') {
        streaming.set_url(&url);
    }
    keep(scope, &args, streaming);
}

/// `wasmFinish(id)`: that was all.
fn wasm_finish(scope: &mut Scope<'_, '_>, args: Args<'_>, _: Ret<'_>) {
    if let Some(streaming) = take(scope, &args) {
        streaming.finish();
    }
}

/// `wasmAbort(id, reason)`: the compilation's promise is rejected with the reason.
fn wasm_abort(scope: &mut Scope<'_, '_>, args: Args<'_>, _: Ret<'_>) {
    if let Some(streaming) = take(scope, &args) {
        streaming.abort(Some(args.get(1)));
    }
}
