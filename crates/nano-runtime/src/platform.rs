//! The web platform in an isolate: its snapshot, its state and the functions by which it is entered.

use nano_isolate::{IsolateStack, Need, NoIsolate, RealmOptions};
use nano_web::entry::Entries;
use nano_web::{Host, State};
use std::rc::Rc;

/// An isolate with the web platform in it.
pub(crate) type Realm = nano_isolate::Realm<Platform>;

/// The web platform's part of one isolate: handles into it, and the state that its callbacks point to.
pub(crate) struct Platform {
    entries: Entries,
    state: Box<State>,
}

impl Platform {
    /// The isolate's requests and its host.
    pub(crate) fn state(&self) -> &State {
        &self.state
    }

    /// The functions by which its JavaScript is entered.
    pub(crate) fn entries(&self) -> &Entries {
        &self.entries
    }
}

/// The modules of an isolate have a data slot beside the platform's.
const _: () = assert!(nano_web::STATE_SLOT != nano_isolate::modules::MODULES_SLOT);

/// Makes the isolates of one thread.
pub(crate) struct IsolateFactory {
    stack: Rc<IsolateStack>,
    stack_base: usize,
    young_bytes: usize,
}

impl IsolateFactory {
    /// Makes isolates on this thread. `stack_base` is the thread's [`nano_isolate::stack_base`]; the young
    /// generation of each may grow to `young_bytes`.
    pub(crate) fn new(stack_base: usize, young_bytes: usize) -> Self {
        Self { stack: Rc::default(), stack_base, young_bytes }
    }

    /// How much of the thread's stack is in use, in bytes.
    pub(crate) fn stack_used(&self) -> usize {
        nano_isolate::stack_used(self.stack_base)
    }

    /// Makes an isolate with the platform in it, which reaches the world through `host`.
    pub(crate) fn make(&self, host: Rc<dyn Host>, need: Need) -> Result<Rc<Realm>, NoIsolate> {
        let options = RealmOptions {
            snapshot: Some(snapshot()),
            external_references: nano_web::snapshot::external_references(),
            stack: &self.stack,
            stack_base: self.stack_base,
            young_bytes: self.young_bytes,
            need,
        };
        Realm::new(
            options,
            |isolate, account| {
                let state = Box::new(State::new(host, account.clone(), nano_web::CodeCaches::new(CACHES)));
                // SAFETY: the box is dropped with the realm, after which no JavaScript runs in the isolate.
                unsafe { state.attach(isolate) };
                isolate.set_promise_reject_callback(nano_web::entry::promise_rejected);
                isolate.set_wasm_streaming_callback(nano_web::entry::wasm_streaming);
                state
            },
            |scope, state| nano_web::snapshot::entries(scope).ok().map(|entries| Platform { entries, state }),
        )
    }
}

/// Counts memories of WebAssembly, which have grown unseen; the isolate is terminated if they are beyond its
/// limit.
pub(crate) fn count_wasm(realm: &Realm, scope: &mut v8::PinScope<'_, '_>) {
    let state = realm.platform().state();
    if state.has_wasm() && !state.count_wasm(scope) {
        realm.heap.terminate();
    }
}

/// Initializes V8 for the web platform; once for a process, however often it is called.
///
/// Threads that run JavaScript must be started after the first call (V8 protects its code with memory
/// protection keys, which threads inherit).
pub fn initialize() {
    nano_isolate::initialize(nano_web::snapshot::V8_FLAGS);
}

#[repr(align(16))]
struct Aligned<T: ?Sized>(T);

/// The startup snapshot that `build.rs` made.
static SNAPSHOT: &Aligned<[u8]> = &Aligned(*include_bytes!(concat!(env!("OUT_DIR"), "/snapshot.bin")));

/// The compiled form of the platform's parts, made with it.
static CACHES: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/caches.bin"));

/// The snapshot, as V8 takes it.
fn snapshot() -> v8::StartupData {
    v8::StartupData::from(&SNAPSHOT.0)
}
