//! A bare isolate: V8's heap with the web platform in it, and no application yet. Made from the startup snapshot, ahead of need.
//!
//! Knows nothing of applications and requests; [`Instance`](crate::Instance) puts one into it.

use crate::engine;
use crate::memory::{self, BufferMemory, HeapLimit, Need};
use nano_web::entry::Entries;
use nano_web::{Host, State};
use std::cell::{Cell, UnsafeCell};
use std::rc::Rc;
use std::sync::Arc;

/// The young generation of an application's isolate may grow to this: a handler's garbage dies there, and every isolate pays for it.
pub const YOUNG_BYTES: usize = 6 << 20;

/// That of a script's isolate, which is alone in its process, and whose values live longer than a request's: a third of it, as large as in
/// Node, is what a script makes between two collections.
pub const SCRIPT_YOUNG_BYTES: usize = 48 << 20;

/// JavaScript may use this much of a worker's stack. V8's limit is an address, fixed when an isolate is made: it is counted
/// from the thread's base, so it does not matter how deep the stack was at that moment.
pub(crate) const JAVASCRIPT_STACK_BYTES: usize = 4 << 20;

/// Nobody else runs in a slice of a tenant that has used this much of the stack: what is left must do for those above.
pub(crate) const SLICED_STACK_BYTES: usize = 1 << 20;

/// The stack of a worker thread: V8's part, and as much again for native code above it.
pub const THREAD_STACK_BYTES: usize = 2 * JAVASCRIPT_STACK_BYTES;

const _: () = assert!(SLICED_STACK_BYTES * 2 < JAVASCRIPT_STACK_BYTES);

/// Why an isolate could not be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoIsolate {
    /// The process's heap budget is used up.
    OutOfMemory,
    /// The startup snapshot does not fit this build: a fault of the build.
    Snapshot,
}

impl std::fmt::Display for NoIsolate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::OutOfMemory => "the JavaScript heap of the process is used up: no isolate can be made",
            Self::Snapshot => "the startup snapshot does not fit this build of NANO",
        })
    }
}

impl std::error::Error for NoIsolate {}

thread_local! {
    /// The isolate that is entered on this thread though nothing runs in it, or null.
    static PARKED: Cell<*mut v8::OwnedIsolate> = const { Cell::new(std::ptr::null_mut()) };
    /// How many realms are entered within each other on this thread.
    static DEPTH: Cell<u32> = const { Cell::new(0) };
}

/// An isolate with one context. It is exited or parked; [`Realm::enter`] enters it for a while.
///
/// The fields before `isolate` hold handles into it and so are dropped first; those after it are what V8 calls back into.
pub(crate) struct Realm {
    entries: Entries,
    context: v8::Global<v8::Context>,
    state: Box<State>,
    entered: Cell<bool>,
    isolate: UnsafeCell<v8::OwnedIsolate>,
    pub(crate) heap: Box<HeapLimit>,
    pub(crate) buffers: Arc<BufferMemory>,
}

impl Realm {
    /// Makes an isolate on this thread. `stack_base` is the thread's [`stack_base`]; `young` is what its young generation may grow to.
    pub(crate) fn new(
        host: Rc<dyn Host>,
        stack_base: usize,
        young: usize,
        need: Need,
    ) -> Result<Self, NoIsolate> {
        if !memory::has_room_for_isolate(need) {
            return Err(NoIsolate::OutOfMemory);
        }
        let buffers = BufferMemory::new(memory::HEAP_BASE_BYTES);
        let params = v8::CreateParams::default()
            .snapshot_blob(engine::snapshot())
            .external_references(nano_web::snapshot::external_references())
            .array_buffer_allocator(buffers.allocator())
            .allow_atomics_wait(false)
            .set_max_old_generation_size_in_bytes(memory::HEAP_BASE_BYTES)
            .set_max_young_generation_size_in_bytes(young);
        // SAFETY: the address lies in this thread's stack, whose isolates never leave it.
        let params = unsafe { params.set_stack_limit((stack_base - JAVASCRIPT_STACK_BYTES) as *mut u32) };
        let mut isolate = v8::Isolate::new(params);
        let state = Box::new(State::new(
            host,
            Arc::clone(&buffers) as Arc<dyn nano_web::Accountant>,
            engine::caches(),
        ));
        // SAFETY: the box is dropped with the realm, after which no JavaScript runs in the isolate.
        unsafe { state.attach(&mut isolate) };
        isolate.set_microtasks_policy(v8::MicrotasksPolicy::Explicit);
        isolate.set_promise_reject_callback(nano_web::entry::promise_rejected);
        isolate.set_capture_stack_trace_for_uncaught_exceptions(true, 10);
        isolate.set_wasm_streaming_callback(nano_web::entry::wasm_streaming);
        crate::modules::install(&mut isolate);
        let heap = HeapLimit::install(&mut isolate);
        let made = {
            v8::scope!(let scope, &mut isolate);
            let context = v8::Context::new(scope, Default::default());
            let scope = &mut v8::ContextScope::new(scope, context);
            nano_web::snapshot::entries(scope).map(|entries| (entries, v8::Global::new(scope, context)))
        };
        let Ok((entries, context)) = made else { return Err(NoIsolate::Snapshot) };
        // SAFETY: `Isolate::new` entered it on this thread; nothing was entered since that was not exited.
        unsafe { isolate.exit() };
        Ok(Self {
            entries,
            context,
            state,
            entered: Cell::new(false),
            isolate: UnsafeCell::new(isolate),
            heap,
            buffers,
        })
    }

    /// The isolate's requests and its host.
    pub(crate) fn state(&self) -> &State {
        &self.state
    }

    /// The doors into its JavaScript.
    pub(crate) fn entries(&self) -> &Entries {
        &self.entries
    }

    /// For other threads: to interrupt or terminate.
    pub(crate) fn handle(&self) -> v8::IsolateHandle {
        // SAFETY: only reads the isolate's pointer; no reference to the isolate lives across this.
        unsafe { (*self.isolate.get()).thread_safe_handle() }
    }

    /// The isolate's address: its name towards V8's platform.
    pub(crate) fn address(&self) -> usize {
        // SAFETY: as in `handle`.
        address_of(unsafe { &*self.isolate.get() })
    }

    /// Whether its JavaScript is on the stack: running, or interrupted for a slice.
    pub(crate) fn is_entered(&self) -> bool {
        self.entered.get()
    }

    /// Enters the isolate and its context, and calls `with` there.
    ///
    /// Afterwards V8 still has it as the thread's current isolate, so that the next request for the same application need not
    /// enter it again; entering another one first leaves it ([`PARKED`]).
    ///
    /// # Panics
    ///
    /// If it [is entered](Self::is_entered) already: callers queue instead.
    pub(crate) fn enter<R>(&self, with: impl FnOnce(&mut v8::PinScope<'_, '_>, &Self) -> R) -> R {
        struct Exit<'a>(&'a Realm);
        impl Drop for Exit<'_> {
            fn drop(&mut self) {
                self.0.entered.set(false);
                let depth = DEPTH.get() - 1;
                DEPTH.set(depth);
                if depth == 0 {
                    PARKED.set(self.0.isolate.get());
                } else {
                    // SAFETY: entered below, on this thread; what was entered within has been exited (this type again).
                    unsafe { (*self.0.isolate.get()).exit() };
                }
            }
        }
        assert!(!self.entered.replace(true), "an isolate is entered once at a time");
        // SAFETY: `entered` was false, so no other reference to the isolate exists: this is the only place that makes one that
        // lasts.
        let isolate = unsafe { &mut *self.isolate.get() };
        if !self.unpark() {
            // SAFETY: the isolate belongs to this thread, and is exited by `Exit` or `unpark`.
            unsafe { isolate.enter() };
        }
        DEPTH.set(DEPTH.get() + 1);
        let _exit = Exit(self);
        v8::scope!(let scope, &mut *isolate);
        let context = v8::Local::new(scope, &self.context);
        let scope = &mut v8::ContextScope::new(scope, context);
        with(scope, self)
    }

    /// Nothing is parked on this thread from now on. True: it was this isolate, which stays entered; another is exited.
    fn unpark(&self) -> bool {
        let parked = PARKED.replace(std::ptr::null_mut());
        if parked == self.isolate.get() {
            return true;
        }
        if !parked.is_null() {
            // SAFETY: what is parked is an isolate of this thread that is alive (its realm's `drop` would have unparked it) and
            // the last that was entered and not exited.
            unsafe { (*parked).exit() };
        }
        false
    }

    /// Counts memories of WebAssembly, which have grown unseen; the isolate is terminated if they are beyond its limit.
    pub(crate) fn count_wasm(&self, scope: &mut v8::PinScope<'_, '_>) {
        if self.state.has_wasm() && !self.state.count_wasm(scope) {
            self.heap.terminate();
        }
    }

    /// The same, from an interrupt of the JavaScript that runs in it.
    pub(crate) fn count_wasm_within(&self, isolate: &mut v8::Isolate) {
        v8::scope!(let scope, isolate);
        let context = v8::Local::new(scope, &self.context);
        self.count_wasm(&mut v8::ContextScope::new(scope, context));
    }

    /// From now on `eval` and `new Function` throw an EvalError.
    pub(crate) fn forbid_eval(&self) {
        self.enter(|scope, _| scope.get_current_context().set_allow_generation_from_strings(false));
    }

    /// The request in whose name the JavaScript runs that an interrupt of it has come upon.
    pub(crate) fn owner_within(&self, isolate: &mut v8::Isolate) -> Option<nano_web::ExchangeId> {
        v8::scope!(let scope, isolate);
        let context = v8::Local::new(scope, &self.context);
        nano_web::entry::owner(&v8::ContextScope::new(scope, context))
    }

    /// Asks V8 to give back what it can. Takes about a millisecond.
    pub(crate) fn low_memory(&self) {
        self.enter(|scope, _| scope.low_memory_notification());
    }
}

impl Drop for Realm {
    fn drop(&mut self) {
        if !self.unpark() {
            // SAFETY: V8 wants an isolate entered while its handles and itself are dropped; `OwnedIsolate` exits it.
            unsafe { (*self.isolate.get()).enter() };
        }
    }
}

/// An isolate's address.
pub(crate) fn address_of(isolate: &v8::Isolate) -> usize {
    // SAFETY: only the pointer is taken.
    let pointer = unsafe { isolate.as_raw_isolate_ptr() };
    const { assert!(size_of::<v8::UnsafeRawIsolatePtr>() == size_of::<usize>()) };
    // SAFETY: the type is a transparent wrapper of the isolate's address.
    unsafe { std::mem::transmute::<v8::UnsafeRawIsolatePtr, usize>(pointer) }
}

/// The highest address of this thread's stack, nearly: of a local of the caller's caller.
#[inline(never)]
pub(crate) fn stack_base() -> usize {
    let marker = 0u8;
    std::ptr::from_ref(&marker) as usize
}

/// How much of the stack is in use.
#[inline(never)]
pub(crate) fn stack_used(base: usize) -> usize {
    let marker = 0u8;
    base.saturating_sub(std::ptr::from_ref(&marker) as usize)
}
