//! Parts of the platform that are evaluated when an isolate first needs them: which there are, and how they are evaluated.
//!
//! What a small application uses is in the startup snapshot; the rest would cost each isolate memory and time that most never
//! need. A part's globals are lazy data properties of the global object, which scripts cannot tell from others; what it
//! exports to the rest of the platform is behind accessors (`infra/parts.js`). Its text is static and shared by all isolates, and its
//! compiled form is made together with the snapshot ([`Caches`]). Knows nothing of what parts do.

use crate::infra::{Args, Error, Ret, Scope, ops, throw};
use crate::snapshot::describe;
use crate::state::try_state;
use std::cell::RefCell;
use std::collections::{BTreeMap, HashSet};

/// Name and text of a file.
pub(crate) type File = (&'static str, v8::OneByteConst);

/// Something that is evaluated as a whole or not at all.
pub(crate) struct Part {
    /// In the order in which they are evaluated.
    files: &'static [File],
    /// What the rest of the platform finds as `internal.<name>`.
    exports: &'static [&'static str],
    /// What it puts onto the global object: interfaces and namespaces, which are not enumerable.
    globals: &'static [&'static str],
    /// Functions and objects that are.
    enumerable: &'static [&'static str],
    /// A script that uses what most who use the part will: the functions it calls are in the part's compiled form.
    exercise: &'static str,
}

macro_rules! parts {
    ($({ files: [$($path:literal),*], exports: $exports:expr, globals: $globals:expr, enumerable: $enumerable:expr, exercise: $exercise:expr })*) => {
        static PARTS: &[Part] = &[$(Part {
            files: { static FILES: &[File] = crate::files![$($path),*]; FILES },
            exports: &$exports,
            globals: &$globals,
            enumerable: &$enumerable,
            exercise: $exercise,
        }),*];
    };
}

parts! {
    {
        files: ["infra/domexception.js"],
        exports: ["domexception"],
        globals: ["DOMException", "QuotaExceededError"],
        enumerable: [],
        exercise: r#"const e = new DOMException("a", "AbortError"); e.name; e.message;"#
    }
    {
        files: ["events/events.js"],
        exports: ["events"],
        globals: ["CustomEvent", "ErrorEvent", "Event", "EventTarget", "PromiseRejectionEvent"],
        enumerable: ["addEventListener", "dispatchEvent", "removeEventListener", "reportError"],
        exercise: r#"const t = new EventTarget(); t.addEventListener("a", () => {}); t.dispatchEvent(new Event("a"));"#
    }
    {
        files: ["events/abort.js"],
        exports: ["abort"],
        globals: ["AbortController", "AbortSignal"],
        enumerable: [],
        exercise: r#"const c = new AbortController(); c.signal.addEventListener("abort", () => {}); c.signal.aborted; c.abort();"#
    }
    {
        files: [
            "streams/queues.js", "streams/strategies.js", "streams/readable.js", "streams/readable_default_controller.js",
            "streams/readable_byte_controller.js", "streams/readable_byte_classes.js", "streams/readable_tee.js",
            "streams/readable_iteration.js", "streams/native.js", "streams/writable.js", "streams/writable_classes.js",
            "streams/pipe.js", "streams/readable_classes.js", "streams/transform.js", "streams/consume.js",
            "streams/interop.js"
        ],
        exports: ["streams"],
        globals: [
            "ByteLengthQueuingStrategy", "CountQueuingStrategy", "ReadableByteStreamController", "ReadableStream",
            "ReadableStreamBYOBReader", "ReadableStreamBYOBRequest", "ReadableStreamDefaultController",
            "ReadableStreamDefaultReader", "TransformStream", "TransformStreamDefaultController", "WritableStream",
            "WritableStreamDefaultController", "WritableStreamDefaultWriter"
        ],
        enumerable: [],
        exercise: r#"
            const encode = (text) => new Uint8Array(text.length);
            const source = new ReadableStream({ start(c) { c.enqueue(encode("a")); }, pull(c) { c.enqueue(encode("b")); c.close(); } });
            const { readable, writable } = new TransformStream({ transform(chunk, c) { c.enqueue(chunk); } });
            source.pipeTo(writable);
            (async () => { for await (const chunk of readable) chunk.length; })();
            new Response(new ReadableStream({ pull(c) { c.enqueue(encode("b")); c.close(); } })).text();
        "#
    }
    {
        files: ["encoding/streams.js"],
        exports: [],
        globals: ["TextDecoderStream", "TextEncoderStream"],
        enumerable: [],
        exercise: r#"new Response("a").body.pipeThrough(new TextDecoderStream()).getReader().read();"#
    }
    {
        files: ["encoding/base64.js"],
        exports: [],
        globals: [],
        enumerable: ["atob", "btoa"],
        exercise: r#"atob(btoa("a"));"#
    }
    {
        files: ["url/searchparams.js"],
        exports: ["searchParams"],
        globals: ["URLSearchParams"],
        enumerable: [],
        exercise: r#"const p = new URLSearchParams("a=b&c=d"); p.get("a"); p.has("b"); p.set("a", "c"); p.append("d", "e"); [...p]; p.toString();"#
    }
    {
        files: ["url/url.js"],
        exports: ["url"],
        globals: ["URL"],
        enumerable: [],
        exercise: r#"const u = new URL("/b?c=d#e", "http://localhost/"); u.pathname; u.search; u.hostname; u.searchParams.get("c"); u.href;"#
    }
    {
        files: ["file/blob.js", "file/file.js"],
        exports: ["file"],
        globals: ["Blob", "File"],
        enumerable: [],
        exercise: r#"new Blob(["a"], { type: "text/plain" }).text(); new File(["a"], "b").size;"#
    }
    {
        files: ["events/progress.js", "file/reader.js"],
        exports: ["progress"],
        globals: ["FileReader", "FileReaderSync", "ProgressEvent"],
        enumerable: [],
        exercise: r#"const r = new FileReader(); r.onload = () => r.result; r.readAsText(new Blob(["a"]));"#
    }
    {
        files: ["file/formdata.js", "file/multipart.js"],
        exports: ["formData"],
        globals: ["FormData"],
        enumerable: [],
        exercise: r#"const f = new FormData(); f.append("a", "b"); f.append("c", new Blob(["d"])); f.get("a"); new Response(f).formData();"#
    }
    {
        files: ["fetch/mime.js"],
        exports: ["mime"],
        globals: [],
        enumerable: [],
        exercise: r#"new Response("a", { headers: { "content-type": "text/plain;charset=utf-8" } }).blob();"#
    }
    {
        files: ["fetch/client.js"],
        exports: ["fetchClient"],
        globals: [],
        enumerable: ["fetch"],
        exercise: r#"fetch("data:,a").then((response) => response.text()); fetch("http://localhost/").catch(() => {});"#
    }
    {
        files: ["fetch/service.js"],
        exports: ["services"],
        globals: [],
        enumerable: [],
        // Nothing has one while the snapshot is made.
        exercise: ""
    }
    {
        files: ["fetch/dataurl.js"],
        exports: ["dataUrl"],
        globals: [],
        enumerable: [],
        exercise: r#"fetch("data:text/plain;base64,YQ==");"#
    }
    {
        files: ["console/layout.js", "console/inspect.js", "console/platform.js", "console/console.js"],
        exports: ["layout", "console", "platformInspectors"],
        globals: ["console"],
        enumerable: [],
        exercise: r#"console.log("a %s", "b", 1, { a: [1, "b"], c: new Map([[1, 2]]) }); console.error(new Error("a"));"#
    }
    {
        files: ["messaging/messageevent.js", "messaging/ports.js", "messaging/broadcast.js"],
        exports: ["messaging"],
        globals: ["BroadcastChannel", "MessageChannel", "MessageEvent", "MessagePort"],
        enumerable: [],
        exercise: r#"
            const { port1, port2 } = new MessageChannel();
            port2.onmessage = (event) => event.data;
            port1.postMessage({ a: 1 });
            port1.close();
            new MessageEvent("a", { data: 1 }).data;
        "#
    }
    {
        files: ["websocket/closeevent.js", "websocket/websocket.js", "websocket/upgrade.js"],
        exports: ["webSocket"],
        globals: ["CloseEvent", "WebSocket", "WebSocketPair"],
        enumerable: [],
        exercise: r#"
            const { 0: a, 1: b } = new WebSocketPair();
            b.accept();
            b.addEventListener("message", (event) => event.data);
            b.send("a");
            b.close(1000, "b");
            new CloseEvent("close").code;
            new Response(null, { status: 101, webSocket: a });
            // Nothing is connected while the snapshot is made.
            try { new WebSocket("ws://localhost/", ["a"]).onopen = () => {}; } catch {}
        "#
    }
    {
        files: ["eventsource/parser.js", "eventsource/eventsource.js"],
        exports: ["eventStream"],
        globals: ["EventSource"],
        enumerable: [],
        exercise: r#"
            // Nothing is connected while the snapshot is made.
            try { new EventSource("http://localhost/").onmessage = () => {}; } catch {}
        "#
    }
    {
        files: ["messaging/streams.js"],
        exports: ["streamTransfer"],
        globals: [],
        enumerable: [],
        exercise: r#"const s = new ReadableStream(); structuredClone(s, { transfer: [s] });"#
    }
    {
        files: ["clone/clone.js"],
        exports: ["clone", "structuredClone"],
        globals: [],
        enumerable: ["structuredClone"],
        exercise: r#"structuredClone({ a: [1, "b"] }); structuredClone(new Map([[1, 2]])); structuredClone(new Uint8Array(1));"#
    }
    {
        files: ["performance/performance.js", "performance/observer.js"],
        exports: ["performance"],
        globals: [
            "Performance", "PerformanceEntry", "PerformanceMark", "PerformanceMeasure", "PerformanceObserver",
            "PerformanceObserverEntryList"
        ],
        enumerable: ["performance"],
        exercise: r#"performance.now(); performance.mark("a"); performance.measure("b", "a");"#
    }
    {
        files: ["crypto/crypto.js"],
        exports: [],
        globals: ["Crypto", "crypto"],
        enumerable: [],
        exercise: r#"crypto.randomUUID(); crypto.getRandomValues(new Uint8Array(1));"#
    }
    {
        files: ["urlpattern/syntax.js", "urlpattern/canonicalize.js", "urlpattern/urlpattern.js"],
        exports: ["patternSyntax", "patternComponents"],
        globals: ["URLPattern"],
        enumerable: [],
        exercise: r#"
            const p = new URLPattern({ pathname: "/a/:b" }); p.test("http://localhost/a/c"); p.exec("http://localhost/a/c").pathname.groups.b;
            new URLPattern("https://*.example.com/:a#c").test({ hostname: "a.example.com" });
        "#
    }
    {
        files: ["caches/caches.js"],
        exports: [],
        globals: ["Cache", "CacheStorage", "caches"],
        enumerable: [],
        exercise: r#"caches.default.match("http://localhost/").catch(() => {}); caches.default.put("http://localhost/", new Response("a")).catch(() => {});"#
    }
    {
        files: ["navigator/navigator.js"],
        exports: [],
        globals: ["Navigator"],
        enumerable: ["navigator"],
        exercise: r#"navigator.userAgent;"#
    }
    {
        files: ["wasm/wasm.js"],
        exports: ["wasm"],
        globals: [],
        enumerable: [],
        exercise: ""
    }
    {
        files: ["compression/compression.js"],
        exports: [],
        globals: ["CompressionStream", "DecompressionStream"],
        enumerable: [],
        exercise: r#"new Response("a").body.pipeThrough(new CompressionStream("gzip")).pipeThrough(new DecompressionStream("gzip")).getReader().read();"#
    }
    {
        files: ["wasm/memory.js"],
        exports: ["wasmMemory"],
        globals: [WEBASSEMBLY],
        enumerable: [],
        exercise: r#"
            const module = new WebAssembly.Module(new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0]));
            new WebAssembly.Instance(module).exports;
            new WebAssembly.Memory({ initial: 1 }).buffer;
        "#
    }
    {
        files: ["crypto/cryptokey.js", "crypto/normalize.js", "crypto/jwk.js", "crypto/subtle.js"],
        exports: ["cryptoKeys", "cryptoAlgorithms", "cryptoJwk", "subtle"],
        globals: ["CryptoKey", "SubtleCrypto"],
        enumerable: [],
        exercise: r#"
            const s = crypto.subtle;
            const data = new Uint8Array(16);
            (async () => {
                await s.digest("SHA-256", data);
                const hmac = await s.importKey("raw", data, { name: "HMAC", hash: "SHA-256" }, false, ["sign", "verify"]);
                await s.verify("HMAC", hmac, await s.sign("HMAC", hmac, data), data);
                const aes = await s.generateKey({ name: "AES-GCM", length: 128 }, true, ["encrypt", "decrypt"]);
                const gcm = { name: "AES-GCM", iv: data };
                await s.decrypt(gcm, aes, await s.encrypt(gcm, aes, data));
                const jwk = await s.exportKey("jwk", aes);
                await s.importKey("jwk", jwk, "AES-GCM", true, ["encrypt"]);
            })();
        "#
    }
    {
        files: ["crypto/digest_stream.js"],
        exports: ["digestStream"],
        globals: [],
        enumerable: [],
        // Without an isolate's state there are no native digests, and so no keys in the part above.
        exercise: r#"try { new crypto.DigestStream("SHA-256"); } catch {}"#
    }
    {
        files: ["worker/fetchevent.js"],
        exports: ["fetchEvent"],
        globals: ["FetchEvent"],
        enumerable: [],
        exercise: r#"addEventListener("fetch", (event) => event.respondWith(new Response("")));"#
    }
}

/// The global that V8 makes itself, for each context and after it was read from the snapshot: see [`prepare`].
const WEBASSEMBLY: &str = "WebAssembly";

/// The compiled form of all parts, as [`snapshot::create`](crate::snapshot::create) made it, for each isolate's [`State`](crate::State).
///
/// Bytes that do not fit the parts or V8 are no error: such a part is compiled from its text.
#[derive(Clone, Copy, Debug, Default)]
pub struct Caches(&'static [u8]);

impl Caches {
    /// From the bytes that were made with the snapshot in use.
    pub fn new(bytes: &'static [u8]) -> Self {
        Self(bytes)
    }

    /// That of one file, if there is one.
    fn get(self, part: usize, file: usize) -> Option<&'static [u8]> {
        let number = PARTS.get(..part)?.iter().map(|part| part.files.len()).sum::<usize>() + file;
        let mut rest = self.0;
        for _ in 0..number {
            rest = split(rest)?.1;
        }
        split(rest).map(|(cache, _)| cache).filter(|cache| !cache.is_empty())
    }

    /// Appends the next file's to bytes that `new` will be given.
    fn append(bytes: &mut Vec<u8>, cache: &[u8]) {
        // 16 GiB of bytecode are not to be expected of any build.
        bytes.extend_from_slice(&u32::try_from(cache.len()).unwrap_or(0).to_le_bytes());
        bytes.extend_from_slice(cache);
    }
}

/// The first of length-prefixed pieces, and the others.
fn split(bytes: &'static [u8]) -> Option<(&'static [u8], &'static [u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    rest.split_at_checked(u32::from_le_bytes(*length) as usize)
}

ops! {
    "partCount" => part_count,
    "partExports" => part_exports,
    "partsMention" => parts_mention,
    "evaluatePart" => evaluate_part,
}

fn part_count(_: &mut Scope<'_, '_>, _: Args<'_>, mut ret: Ret<'_>) {
    ret.set_uint32(PARTS.len() as u32);
}

/// `partExports(part)`: an array of names.
fn part_exports(scope: &mut Scope<'_, '_>, args: Args<'_>, mut ret: Ret<'_>) {
    let names = part(scope, &args).map_or(&[][..], |(_, part)| part.exports);
    let names: Vec<_> =
        names.iter().filter_map(|name| v8::String::new(scope, name).map(Into::into)).collect();
    let array = v8::Array::new_with_elements(scope, &names);
    ret.set(array.into());
}

/// `partsMention(word)`: whether some part's text has this identifier.
fn parts_mention(scope: &mut Scope<'_, '_>, args: Args<'_>, mut ret: Ret<'_>) {
    thread_local! {
        // Only who makes a snapshot asks.
        static WORDS: HashSet<&'static str> = PARTS
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
    PARTS.get(number).map(|part| (number, part))
}

/// `evaluatePart(part, internal, ops)`: evaluates its files with these arguments. What they throw comes out.
fn evaluate_part(scope: &mut Scope<'_, '_>, args: Args<'_>, _: Ret<'_>) {
    let Some((number, part)) = part(scope, &args) else {
        return throw(scope, Error::Fault("there is no such part of the platform"));
    };
    let caches = try_state(scope).map_or(Caches::default(), |state| state.caches());
    let arguments = [args.get(1), args.get(2)];
    for (index, file) in part.files.iter().enumerate() {
        // Nothing but a pending exception makes this fail; it comes out by itself.
        let Some(function) = evaluate(scope, file, caches.get(number, index), &arguments) else { return };
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
    let number = PARTS.iter().position(|part| part.globals.contains(&WEBASSEMBLY))?;
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

/// Defines the parts' globals in the current context, while a snapshot is made. `load` is `internal.loadPart`.
pub(crate) fn install(scope: &mut Scope<'_, '_>, load: v8::Local<'_, v8::Value>) -> Option<()> {
    let context = scope.get_current_context();
    // Not in the properties' data, which V8 shares between contexts: it would take this one along into every isolate.
    let global = context.global(scope);
    let key = private(scope, LOAD)?;
    global.set_private(scope, key, load)?;
    for (number, part) in PARTS.iter().enumerate() {
        for name in part.globals.iter().filter(|name| **name != WEBASSEMBLY) {
            define(scope, global, name, number, v8::PropertyAttribute::DONT_ENUM)?;
        }
        for name in part.enumerable {
            define(scope, global, name, number, v8::PropertyAttribute::NONE)?;
        }
    }
    Some(())
}

/// What a snapshot refers to because of [`install`].
pub(crate) fn external_reference() -> v8::ExternalReference {
    let getter: v8::AccessorNameGetterCallback = v8::MapFnTo::map_fn_to(get_global);
    v8::ExternalReference { pointer: getter as *mut std::ffi::c_void }
}

/// A global of a part is read for the first time: evaluates the part. V8 makes the result the property's value.
fn get_global<'s>(
    scope: &mut Scope<'s, '_>,
    name: v8::Local<'s, v8::Name>,
    args: v8::PropertyCallbackArguments<'s>,
    mut ret: v8::ReturnValue<'_, v8::Value>,
) {
    crate::infra::guard(scope, "get_global", |scope| {
        // What fails has left an exception.
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

/// Evaluates each part in a new context of an isolate that came out of the snapshot; the compiled forms, for [`Caches::new`].
///
/// # Errors
///
/// Which part's file threw what, or does not keep to what is said of it here.
pub(crate) fn compile(isolate: &mut v8::Isolate) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    for (number, part) in PARTS.iter().enumerate() {
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
            Caches::append(&mut bytes, cache.as_deref().map_or(&[], |cache| cache));
        }
    }
    Ok(bytes)
}

/// Reads a part's globals, and runs its exercise. `Some` of a name: a global that is not there; `None`: an exception is pending.
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
