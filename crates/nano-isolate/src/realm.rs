//! An isolate with one context, and an embedder's platform in it.
//!
//! Knows nothing of applications and requests, nor of what the platform is.

use crate::buffers::buffer_allocator;
use crate::heap::{self, HeapLimit, Need};
use crate::modules;
use crate::stack::{self, IsolateStack, JAVASCRIPT_STACK_BYTES};
use nano_arena::Account;
use std::borrow::Cow;
use std::cell::{Cell, UnsafeCell};
use std::rc::Rc;

/// The young generation of an application's isolate may grow to this: a handler's garbage dies there, and
/// every isolate pays for it.
pub const YOUNG_BYTES: usize = 6 << 20;

/// That of a script's isolate, which is alone in its process, and whose values live longer than a request's:
/// a third of it, as large as in Node, is what a script makes between two collections.
pub const SCRIPT_YOUNG_BYTES: usize = 48 << 20;

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

/// How an isolate is made.
pub struct RealmOptions<'a> {
    /// The startup snapshot; `None`: a bare JavaScript heap.
    pub snapshot: Option<v8::StartupData>,
    /// The addresses that the snapshot refers to.
    pub external_references: Cow<'static, [v8::ExternalReference]>,
    /// The stack of isolates of the thread's runtime.
    pub stack: &'a Rc<IsolateStack>,
    /// The thread's [`stack_base`](crate::stack_base).
    pub stack_base: usize,
    /// The maximum size of the young generation, in bytes.
    pub young_bytes: usize,
    /// For whom the isolate is made.
    pub need: Need,
}

/// An isolate with one context, and the platform `P` in it. It is exited or parked; [`Realm::enter`] enters
/// it for a while.
///
/// A realm is made behind an `Rc`, at the address that it keeps: V8's callbacks and the frames that run in it
/// point into it.
///
/// The fields before `isolate` hold handles into it and so are dropped first; those after it are what V8
/// calls back into.
pub struct Realm<P> {
    platform: P,
    context: v8::Global<v8::Context>,
    stack: Rc<IsolateStack>,
    is_entered: Cell<bool>,
    isolate: UnsafeCell<v8::OwnedIsolate>,
    /// Its part of the process's heap.
    pub heap: Box<HeapLimit>,
    /// The memory of its ArrayBuffers, and of native code that holds some for it.
    pub account: Account,
}

impl<P> Realm<P> {
    /// Makes an isolate on this thread. `prepare` is called with the isolate before it has a context, and
    /// sets the platform's callbacks and data slots; `finish` is called in the context, and makes the
    /// platform of what `prepare` returned.
    ///
    /// # Errors
    ///
    /// If the process's heap is used up, or `finish` finds that the snapshot is not its own.
    pub fn new<Prepared>(
        options: RealmOptions<'_>,
        prepare: impl FnOnce(&mut v8::Isolate, &Account) -> Prepared,
        finish: impl FnOnce(&mut v8::PinScope<'_, '_>, Prepared) -> Option<P>,
    ) -> Result<Rc<Self>, NoIsolate> {
        if !heap::has_room_for_isolate(options.need) {
            return Err(NoIsolate::OutOfMemory);
        }
        let account = Account::new(heap::HEAP_BASE_BYTES);
        let mut params = v8::CreateParams::default();
        if let Some(snapshot) = options.snapshot {
            params = params.snapshot_blob(snapshot);
        }
        let params = params
            .external_references(options.external_references)
            .array_buffer_allocator(buffer_allocator(&account))
            .allow_atomics_wait(false)
            .set_max_old_generation_size_in_bytes(heap::HEAP_BASE_BYTES)
            .set_max_young_generation_size_in_bytes(options.young_bytes);
        let stack_limit = options.stack_base - JAVASCRIPT_STACK_BYTES;
        // SAFETY: the address lies in this thread's stack, whose isolates never leave it.
        let params = unsafe { params.set_stack_limit(stack_limit as *mut u32) };
        let mut isolate = v8::Isolate::new(params);
        isolate.set_microtasks_policy(v8::MicrotasksPolicy::Explicit);
        isolate.set_capture_stack_trace_for_uncaught_exceptions(true, 10);
        modules::install(&mut isolate);
        let heap = HeapLimit::install(&mut isolate);
        let prepared = prepare(&mut isolate, &account);
        let made = {
            v8::scope!(let scope, &mut isolate);
            let context = v8::Context::new(scope, Default::default());
            let scope = &mut v8::ContextScope::new(scope, context);
            finish(scope, prepared).map(|platform| (platform, v8::Global::new(scope, context)))
        };
        let Some((platform, context)) = made else {
            // Before `heap`, which its callbacks use.
            drop(isolate);
            return Err(NoIsolate::Snapshot);
        };
        // SAFETY: `Isolate::new` entered it on this thread; nothing was entered since that was not exited.
        unsafe { isolate.exit() };
        Ok(Rc::new(Self {
            platform,
            context,
            stack: Rc::clone(options.stack),
            is_entered: Cell::new(false),
            isolate: UnsafeCell::new(isolate),
            heap,
            account,
        }))
    }

    /// The platform in it.
    pub fn platform(&self) -> &P {
        &self.platform
    }

    /// For other threads: to interrupt or terminate.
    pub fn handle(&self) -> v8::IsolateHandle {
        // SAFETY: only reads the isolate's pointer; no reference to the isolate lives across this.
        unsafe { (*self.isolate.get()).thread_safe_handle() }
    }

    /// The isolate's address: V8's platform knows it by this.
    pub fn address(&self) -> usize {
        // SAFETY: as in `handle`.
        stack::address_of(unsafe { &*self.isolate.get() })
    }

    /// Whether its JavaScript is on the stack: running, or interrupted for a slice.
    pub fn is_entered(&self) -> bool {
        self.is_entered.get()
    }

    /// Enters the isolate and its context, and calls `with` there.
    ///
    /// Afterwards V8 still has it as the thread's current isolate, so that the next request for the same
    /// application need not enter it again; entering another one exits it first ([`IsolateStack`]).
    ///
    /// # Panics
    ///
    /// If it [is entered](Self::is_entered) already: callers queue instead.
    pub fn enter<R>(&self, with: impl FnOnce(&mut v8::PinScope<'_, '_>, &Self) -> R) -> R {
        struct Leave<'a, P>(&'a Realm<P>);
        impl<P> Drop for Leave<'_, P> {
            fn drop(&mut self) {
                self.0.is_entered.set(false);
                // SAFETY: entered below, on this thread; realms that were entered within this one have been
                // left (this type again).
                unsafe { self.0.stack.leave(&*self.0.isolate.get()) };
            }
        }
        assert!(!self.is_entered.replace(true), "an isolate is entered once at a time");
        // SAFETY: `is_entered` was false, so no other reference to the isolate exists: this is the only place
        // that makes one that lasts.
        let isolate = unsafe { &mut *self.isolate.get() };
        // SAFETY: the isolate is alive as long as `self`, was not entered, and `Leave` leaves it. It belongs
        // to this thread, as `self` does.
        unsafe { self.stack.enter(isolate) };
        let _leave = Leave(self);
        v8::scope!(let scope, &mut *isolate);
        let context = v8::Local::new(scope, &self.context);
        let scope = &mut v8::ContextScope::new(scope, context);
        with(scope, self)
    }

    /// Calls `with` in the context, from an interrupt of the JavaScript that runs in the isolate.
    pub fn within<R>(
        &self,
        isolate: &mut v8::Isolate,
        with: impl FnOnce(&mut v8::PinScope<'_, '_>, &Self) -> R,
    ) -> R {
        v8::scope!(let scope, isolate);
        let context = v8::Local::new(scope, &self.context);
        with(&mut v8::ContextScope::new(scope, context), self)
    }

    /// From now on `eval` and `new Function` throw an EvalError.
    pub fn forbid_eval(&self) {
        self.enter(|scope, _| scope.get_current_context().set_allow_generation_from_strings(false));
    }

    /// Asks V8 to give back what it can. Takes about a millisecond.
    pub fn low_memory(&self) {
        self.enter(|scope, _| scope.low_memory_notification());
    }
}

impl<P> Drop for Realm<P> {
    fn drop(&mut self) {
        let isolate = self.isolate.get_mut();
        if !self.stack.unpark(isolate) {
            // SAFETY: V8 wants an isolate entered while its handles and itself are dropped; `OwnedIsolate`
            // exits it.
            unsafe { isolate.enter() };
        }
    }
}
