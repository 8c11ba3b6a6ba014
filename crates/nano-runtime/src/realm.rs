//! A bare isolate: V8's heap with the web platform in it, and no application yet. Made from the startup snapshot, ahead of need.
//!
//! Knows nothing of applications and requests; [`Instance`](crate::Instance) puts one into it.

use crate::engine;
use crate::memory::{self, HeapLimit, Need};
use nano_arena::Account;
use nano_web::entry::Entries;
use nano_web::{Host, State};
use std::cell::{Cell, UnsafeCell};
use std::rc::Rc;

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

/// Which isolates V8 has entered for the realms of one runtime.
///
/// V8 keeps a stack of entered isolates for each thread, and its top is the thread's current isolate. This value records what of that stack
/// is ours. The runtime owns it, and each of its realms shares it, so that it moves to another thread together with them; it holds V8's own
/// addresses of isolates and never one of a Rust value, which may move.
#[derive(Default)]
pub(crate) struct IsolateStack {
    /// The isolate that stays entered although nothing runs in it: the one that ran last. Entering it again costs nothing.
    parked: Cell<Option<v8::UnsafeRawIsolatePtr>>,
    /// How many realms are entered within each other.
    depth: Cell<u32>,
}

impl IsolateStack {
    /// Makes the isolate the thread's current one.
    ///
    /// # Safety
    ///
    /// The isolate is alive, is not entered by a caller of this, and is entered on this thread only until [`leave`](Self::leave) or
    /// [`exit_parked`](Self::exit_parked) has exited it.
    unsafe fn enter(&self, isolate: &v8::OwnedIsolate) {
        if !self.unpark(isolate) {
            // SAFETY: the caller's promise.
            unsafe { isolate.enter() };
        }
        self.depth.set(self.depth.get() + 1);
    }

    /// Undoes [`enter`](Self::enter): exits the isolate, or parks it where no other is entered below it.
    ///
    /// # Safety
    ///
    /// The isolate is the one that was entered last, on this thread.
    unsafe fn leave(&self, isolate: &v8::OwnedIsolate) {
        let depth = self.depth.get() - 1;
        self.depth.set(depth);
        if depth == 0 {
            self.parked.set(Some(raw(isolate)));
        } else {
            // SAFETY: it was entered last, by `enter`.
            unsafe { isolate.exit() };
        }
    }

    /// Parks nothing from now on. True: `isolate` was parked and is still entered; another isolate was exited.
    fn unpark(&self, isolate: &v8::OwnedIsolate) -> bool {
        match self.parked.get() {
            Some(parked) if address(parked) == address(raw(isolate)) => {
                self.parked.set(None);
                true
            }
            _ => {
                self.exit_parked();
                false
            }
        }
    }

    /// Exits the parked isolate, so that V8 has none of the runtime's isolates entered while none runs: before the runtime's state goes to
    /// another thread, and before its isolates are dropped.
    pub(crate) fn exit_parked(&self) {
        if let Some(parked) = self.parked.take() {
            // SAFETY: a parked isolate is alive, since a realm that is dropped is unparked first (`Realm::drop`), and it is the top of V8's
            // stack, since `enter` takes it off before it enters another.
            unsafe { v8::Isolate::from_raw_isolate_ptr_unchecked(parked).exit() };
        }
    }
}

/// An isolate with one context. It is exited or parked; [`Realm::enter`] enters it for a while.
///
/// A realm is made behind an `Rc`, at the address that it keeps: V8's callbacks and the frames that run in it point into it.
///
/// The fields before `isolate` hold handles into it and so are dropped first; those after it are what V8 calls back into.
pub(crate) struct Realm {
    entries: Entries,
    context: v8::Global<v8::Context>,
    state: Box<State>,
    stack: Rc<IsolateStack>,
    is_entered: Cell<bool>,
    isolate: UnsafeCell<v8::OwnedIsolate>,
    pub(crate) heap: Box<HeapLimit>,
    /// Buffers and native memory of the isolate. `Runtime::create` puts it below its tenant's.
    pub(crate) account: Account,
}

impl Realm {
    /// Makes an isolate on this thread. `stack` is the thread's runtime's; `stack_base` is the thread's [`stack_base`]; `young` is what its young
    /// generation may grow to, in bytes.
    pub(crate) fn new(
        host: Rc<dyn Host>,
        stack: &Rc<IsolateStack>,
        stack_base: usize,
        young: usize,
        need: Need,
    ) -> Result<Rc<Self>, NoIsolate> {
        if !memory::has_room_for_isolate(need) {
            return Err(NoIsolate::OutOfMemory);
        }
        let account = Account::new(memory::HEAP_BASE_BYTES);
        let params = v8::CreateParams::default()
            .snapshot_blob(engine::snapshot())
            .external_references(nano_web::snapshot::external_references())
            .array_buffer_allocator(memory::buffer_allocator(&account))
            .allow_atomics_wait(false)
            .set_max_old_generation_size_in_bytes(memory::HEAP_BASE_BYTES)
            .set_max_young_generation_size_in_bytes(young);
        // SAFETY: the address lies in this thread's stack, whose isolates never leave it.
        let params = unsafe { params.set_stack_limit((stack_base - JAVASCRIPT_STACK_BYTES) as *mut u32) };
        let mut isolate = v8::Isolate::new(params);
        let state = Box::new(State::new(host, account.clone(), engine::caches()));
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
        Ok(Rc::new(Self {
            entries,
            context,
            state,
            stack: Rc::clone(stack),
            is_entered: Cell::new(false),
            isolate: UnsafeCell::new(isolate),
            heap,
            account,
        }))
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
        self.is_entered.get()
    }

    /// Enters the isolate and its context, and calls `with` there.
    ///
    /// Afterwards V8 still has it as the thread's current isolate, so that the next request for the same application need not
    /// enter it again; entering another one exits it first ([`IsolateStack`]).
    ///
    /// # Panics
    ///
    /// If it [is entered](Self::is_entered) already: callers queue instead.
    pub(crate) fn enter<R>(&self, with: impl FnOnce(&mut v8::PinScope<'_, '_>, &Self) -> R) -> R {
        struct Leave<'a>(&'a Realm);
        impl Drop for Leave<'_> {
            fn drop(&mut self) {
                self.0.is_entered.set(false);
                // SAFETY: entered below, on this thread; realms that were entered within this one have been left (this type again).
                unsafe { self.0.stack.leave(&*self.0.isolate.get()) };
            }
        }
        assert!(!self.is_entered.replace(true), "an isolate is entered once at a time");
        // SAFETY: `is_entered` was false, so no other reference to the isolate exists: this is the only place that makes one that
        // lasts.
        let isolate = unsafe { &mut *self.isolate.get() };
        // SAFETY: the isolate is alive as long as `self`, was not entered, and `Leave` leaves it. It belongs to this thread, as `self` does.
        unsafe { self.stack.enter(isolate) };
        let _leave = Leave(self);
        v8::scope!(let scope, &mut *isolate);
        let context = v8::Local::new(scope, &self.context);
        let scope = &mut v8::ContextScope::new(scope, context);
        with(scope, self)
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
        let isolate = self.isolate.get_mut();
        if !self.stack.unpark(isolate) {
            // SAFETY: V8 wants an isolate entered while its handles and itself are dropped; `OwnedIsolate` exits it.
            unsafe { isolate.enter() };
        }
    }
}

fn raw(isolate: &v8::OwnedIsolate) -> v8::UnsafeRawIsolatePtr {
    // SAFETY: only the pointer is taken.
    unsafe { isolate.as_raw_isolate_ptr() }
}

/// An isolate's address.
pub(crate) fn address_of(isolate: &v8::Isolate) -> usize {
    // SAFETY: only the pointer is taken.
    address(unsafe { isolate.as_raw_isolate_ptr() })
}

fn address(isolate: v8::UnsafeRawIsolatePtr) -> usize {
    const { assert!(size_of::<v8::UnsafeRawIsolatePtr>() == size_of::<usize>()) };
    // SAFETY: the type is a transparent wrapper of the isolate's address.
    unsafe { std::mem::transmute::<v8::UnsafeRawIsolatePtr, usize>(isolate) }
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
