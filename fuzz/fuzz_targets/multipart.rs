//! Fuzzes the parser of multipart/form-data inside a real isolate: any body is refused, or gives entries that
//! are the same when they are written and read again. The parser is JavaScript, whose branches libFuzzer does
//! not see: it goes by the bytes alone.
#![no_main]

use nano_fuzzing::multipart::CHECK;
use nano_web::{Account, CodeCaches, Host, Level, Message, State, entry, snapshot};
use std::rc::Rc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, LazyLock, Mutex};

type Scope<'s, 'i> = v8::PinScope<'s, 'i>;

/// Nothing ever happens in this world but what a body does by itself.
struct Nobody;

impl Host for Nobody {
    fn performance_now(&self) -> f64 {
        0.0
    }
    fn time_origin(&self) -> f64 {
        0.0
    }
    fn timer_start(&self, _: f64, _: bool) -> u32 {
        1
    }
    fn timer_cancel(&self, _: u32) {}
    fn print(&self, _: Level, _: &str) {}
    fn colors(&self) -> bool {
        false
    }
    fn post_task(&self) {}
    fn keep_alive(&self, _: i32) {}
    fn broadcast_join(&self, _: &[u16]) {}
    fn broadcast_leave(&self, _: &[u16]) {}
    fn broadcast_post(&self, _: &[u16], _: &Arc<Message>) {}
}

/// Bytes to be tried, and what was wrong with them.
type Isolate = (Sender<Vec<u8>>, Receiver<Option<String>>);

/// Isolates belong on threads that began after V8 was initialized.
static ISOLATE: LazyLock<Mutex<Isolate>> = LazyLock::new(|| {
    v8::V8::set_flags_from_string(snapshot::V8_FLAGS);
    v8::V8::initialize_platform(v8::new_default_platform(1, false).make_shared());
    v8::V8::initialize();
    let (inputs, theirs) = channel::<Vec<u8>>();
    let (done, ours) = channel();
    let body = move || {
        let made = snapshot::create().unwrap_or_else(|error| panic!("{error}"));
        let made: &'static snapshot::Snapshot = Box::leak(Box::new(made));
        let params = v8::CreateParams::default()
            .snapshot_blob(v8::StartupData::from(&made.blob[..]))
            .external_references(snapshot::external_references());
        let mut isolate = v8::Isolate::new(params);
        isolate.set_microtasks_policy(v8::MicrotasksPolicy::Explicit);
        let state = State::new(Rc::new(Nobody), Account::unlimited(), CodeCaches::new(&made.caches));
        let state: &'static State = Box::leak(Box::new(state));
        // SAFETY: it lives as long as the process.
        unsafe { state.attach(&mut isolate) };
        v8::scope!(let scope, &mut isolate);
        let context = v8::Context::new(scope, Default::default());
        let scope = &mut v8::ContextScope::new(scope, context);
        let entries = snapshot::entries(scope).expect("the snapshot's entry functions");
        let code = v8::String::new(scope, CHECK).expect("a short text");
        let check = v8::Script::compile(scope, code, None).and_then(|script| script.run(scope));
        let check = v8::Local::<v8::Function>::try_from(check.expect("it runs")).expect("a function");
        while let Ok(data) = theirs.recv() {
            if done.send(try_body(scope, &entries, check, data)).is_err() {
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
    let wrong = isolate.1.recv().expect("the isolate's thread lives");
    assert_eq!(wrong, None);
});

fn try_body(
    scope: &mut Scope<'_, '_>,
    entries: &entry::Entries,
    check: v8::Local<'_, v8::Function>,
    data: Vec<u8>,
) -> Option<String> {
    v8::scope!(let scope, scope);
    let length = data.len();
    let store = v8::ArrayBuffer::new_backing_store_from_vec(data).make_shared();
    let buffer = v8::ArrayBuffer::with_backing_store(scope, &store);
    let bytes = v8::Uint8Array::new(scope, buffer, 0, length).expect("a small array");
    let receiver = v8::undefined(scope).into();
    let promise = check.call(scope, receiver, &[bytes.into()]).expect("it gives a promise");
    let promise = v8::Local::<v8::Promise>::try_from(promise).expect("it gives a promise");
    scope.perform_microtask_checkpoint();
    match promise.state() {
        v8::PromiseState::Fulfilled => None,
        v8::PromiseState::Pending => Some("it waits for what never comes".into()),
        v8::PromiseState::Rejected => {
            let reason = promise.result(scope);
            Some(entries.describe(scope, reason).unwrap_or_default())
        }
    }
}
