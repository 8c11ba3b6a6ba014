//! Fuzzes the deserializer of nano-clone inside a real isolate: no bytes crash it, keep it busy or make it
//! take more than it may; what it reads is a sound value, which serializes again and is read again.
#![no_main]

use nano_clone::{
    Attachments, CloneError, HostObjects, HostWritten, Limits, Message, Options, node, storage,
};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{LazyLock, Mutex};

type Scope<'s, 'i> = v8::PinScope<'s, 'i>;

/// Small enough that a mistake in the estimates is found before memory is gone.
const LIMITS: Limits = Limits { bytes: 1 << 20, memory: 32 << 20, depth: 500 };

/// Isolates belong on threads that began after V8 was initialized.
static ISOLATE: LazyLock<Mutex<(Sender<Vec<u8>>, Receiver<()>)>> = LazyLock::new(|| {
    v8::V8::initialize_platform(v8::new_default_platform(1, false).make_shared());
    v8::V8::initialize();
    let (inputs, theirs) = channel::<Vec<u8>>();
    let (done, ours) = channel();
    let body = move || {
        let mut isolate = v8::Isolate::new(v8::CreateParams::default());
        v8::scope!(let scope, &mut isolate);
        let context = v8::Context::new(scope, Default::default());
        let scope = &mut v8::ContextScope::new(scope, context);
        let touch = evaluate(scope, TOUCH);
        while let Ok(data) = theirs.recv() {
            v8::scope!(let scope, &mut *scope);
            look(scope, &data, touch);
            if done.send(()).is_err() {
                return;
            }
        }
    };
    std::thread::Builder::new().stack_size(16 << 20).spawn(body).expect("a thread");
    Mutex::new((inputs, ours))
});

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let isolate = ISOLATE.lock().expect("nobody panicked");
    isolate.0.send(data.to_vec()).expect("the isolate's thread lives");
    isolate.1.recv().expect("the isolate's thread lives");
});

/// Reads all of a value, as far as it is small. Nothing is made a text that could be an array of four billion
/// holes.
const TOUCH: &str = r#"
((value) => {
  const seen = new Set();
  let left = 20000;
  const touch = (value) => {
    if (left-- <= 0) return;
    if (typeof value === "string") return value.length + value.charCodeAt(value.length - 1);
    if (Object(value) !== value) return String(value);
    if (seen.has(value)) return;
    seen.add(value);
    if (value instanceof Map) for (const [k, v] of value) { touch(k); touch(v); }
    if (value instanceof Set) for (const v of value) touch(v);
    if (value instanceof Date || value instanceof RegExp) return `${String(value)} ${value instanceof RegExp ? value.test("abc") : +value}`;
    if (value instanceof ArrayBuffer) {
      const bytes = new Uint8Array(value);
      if (value.resizable && value.maxByteLength < 1e6) { value.resize(value.maxByteLength); value.resize(bytes.length >> 1); }
      return bytes.length && bytes[0] + bytes[bytes.length - 1];
    }
    if (ArrayBuffer.isView(value)) {
      touch(value.buffer);
      if (value instanceof DataView) { try { return value.byteLength && value.getUint8(value.byteLength - 1); } catch { return; } }
      return value.length && String(value[0]) + String(value[value.length - 1]);
    }
    if (value instanceof Error) { touch(value.message); touch(value.stack); touch(value.cause); }
    if (Array.isArray(value)) { value.length; value[value.length - 1]; }
    for (const key of Object.keys(value).slice(0, 2000)) touch(value[key]);
    if (Array.isArray(value) && value.length < 100000) { value.push(1); value.sort(() => 0); }
    value.added = 1;
  };
  touch(value);
})
"#;

fn evaluate<'s>(scope: &mut Scope<'s, '_>, code: &str) -> v8::Local<'s, v8::Value> {
    let code = v8::String::new(scope, code).expect("a short text");
    v8::Script::compile(scope, code, None).and_then(|script| script.run(scope)).expect("it runs")
}

/// A host whose objects are arrays around their value.
struct Host;

impl HostObjects for Host {
    fn is_host_object(&self, _: &mut Scope<'_, '_>, _: v8::Local<'_, v8::Object>) -> bool {
        false
    }
    fn write<'s>(
        &self,
        _: &mut Scope<'s, '_>,
        _: v8::Local<'s, v8::Object>,
        _: &mut Attachments,
    ) -> HostWritten<'s> {
        HostWritten::Thrown
    }
    fn read<'s>(
        &self,
        scope: &mut Scope<'s, '_>,
        kind: u32,
        value: v8::Local<'s, v8::Value>,
        attachments: &Attachments,
    ) -> Option<v8::Local<'s, v8::Object>> {
        assert!(attachments.is_empty());
        (kind < 100).then(|| v8::Array::new_with_elements(scope, &[value]).into())
    }
}

fn look(scope: &mut Scope<'_, '_>, data: &[u8], touch: v8::Local<'_, v8::Value>) {
    let host = Host;
    let plain = Options { limits: LIMITS, ..Options::default() };
    let hosted = Options { host: Some(&host), ..plain };
    let stored = [b"NCL\x01".as_slice(), data].concat();
    for options in [plain, hosted] {
        v8::scope!(let scope, scope);
        if let Ok(value) = storage::deserialize(scope, &stored, options) {
            again(scope, value);
            read_all(scope, value, touch);
        }
    }
    v8::scope!(let scope, scope);
    if let Ok(value) = node::deserialize(scope, data, plain) {
        again(scope, value);
        read_all(scope, value, touch);
    }
}

/// What was read can be written and read, or is refused as too large or too deep, since sizes of texts and
/// arrays are estimates.
fn again(scope: &mut Scope<'_, '_>, value: v8::Local<'_, v8::Value>) {
    let generous =
        Options { limits: Limits { bytes: 64 << 20, memory: 256 << 20, depth: 2000 }, ..Options::default() };
    match storage::serialize(scope, value, generous) {
        Ok(bytes) => {
            let again = storage::deserialize(scope, &bytes, generous);
            assert!(again.is_ok(), "{again:?}");
        }
        Err(CloneError::TooMuchMemory { .. } | CloneError::TooLarge { .. } | CloneError::TooDeep { .. }) => {}
        Err(error) => panic!("{error:?}"),
    }
    let message = Message::serialize(scope, value, &[], generous).expect("it was serialized before");
    assert!(message.deserialize(scope, generous).is_ok());
}

fn read_all(scope: &mut Scope<'_, '_>, value: v8::Local<'_, v8::Value>, touch: v8::Local<'_, v8::Value>) {
    v8::tc_scope!(let scope, scope);
    let function = v8::Local::<v8::Function>::try_from(touch).expect("a function");
    let receiver = v8::undefined(scope).into();
    // It may throw (a length of 2^32 - 1, say): only a crash counts.
    let _ = function.call(scope, receiver, &[value]);
}
