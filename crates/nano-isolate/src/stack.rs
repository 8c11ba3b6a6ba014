//! Which isolates a thread has entered, and how much of its stack they may use.

use std::cell::Cell;

/// JavaScript may use this much of a worker's stack. V8's limit is an address, fixed when an isolate is made:
/// it is counted from the thread's base, so it does not matter how deep the stack was at that moment.
pub const JAVASCRIPT_STACK_BYTES: usize = 4 << 20;

/// The stack of a worker thread: V8's part, and as much again for native code above it.
pub const THREAD_STACK_BYTES: usize = 2 * JAVASCRIPT_STACK_BYTES;

/// Which isolates V8 has entered for the realms of one runtime.
///
/// V8 keeps a stack of entered isolates for each thread, and its top is the thread's current isolate. This
/// value records what of that stack is ours. The runtime owns it, and each of its realms shares it, so that
/// it moves to another thread together with them; it holds V8's own addresses of isolates and never one of a
/// Rust value, which may move.
#[derive(Default)]
pub struct IsolateStack {
    /// The isolate that stays entered although nothing runs in it: the one that ran last. Entering it again
    /// costs nothing.
    parked: Cell<Option<v8::UnsafeRawIsolatePtr>>,
    /// How many realms are entered within each other.
    depth: Cell<u32>,
}

impl IsolateStack {
    /// Makes the isolate the thread's current one.
    ///
    /// # Safety
    ///
    /// The isolate is alive, is not entered by a caller of this, and is entered on this thread only until
    /// [`leave`](Self::leave) or [`exit_parked`](Self::exit_parked) has exited it.
    #[inline]
    pub(crate) unsafe fn enter(&self, isolate: &v8::OwnedIsolate) {
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
    #[inline]
    pub(crate) unsafe fn leave(&self, isolate: &v8::OwnedIsolate) {
        let depth = self.depth.get() - 1;
        self.depth.set(depth);
        if depth == 0 {
            self.parked.set(Some(raw(isolate)));
        } else {
            // SAFETY: it was entered last, by `enter`.
            unsafe { isolate.exit() };
        }
    }

    /// Parks nothing from now on. True: `isolate` was parked and is still entered; another isolate was
    /// exited.
    #[inline]
    pub(crate) fn unpark(&self, isolate: &v8::OwnedIsolate) -> bool {
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

    /// Exits the parked isolate, so that V8 has none of the runtime's isolates entered while none runs:
    /// before the runtime's state goes to another thread, and before its isolates are dropped.
    pub fn exit_parked(&self) {
        if let Some(parked) = self.parked.take() {
            // SAFETY: a parked isolate is alive, since a realm that is dropped is unparked first
            // (`Realm::drop`), and it is the top of V8's stack, since `enter` takes it off before it enters
            // another.
            unsafe { v8::Isolate::from_raw_isolate_ptr_unchecked(parked).exit() };
        }
    }
}

fn raw(isolate: &v8::OwnedIsolate) -> v8::UnsafeRawIsolatePtr {
    // SAFETY: only the pointer is taken.
    unsafe { isolate.as_raw_isolate_ptr() }
}

/// An isolate's address.
pub fn address_of(isolate: &v8::Isolate) -> usize {
    // SAFETY: only the pointer is taken.
    address(unsafe { isolate.as_raw_isolate_ptr() })
}

fn address(isolate: v8::UnsafeRawIsolatePtr) -> usize {
    const { assert!(size_of::<v8::UnsafeRawIsolatePtr>() == size_of::<usize>()) };
    // SAFETY: the type is a transparent wrapper of the isolate's address.
    unsafe { std::mem::transmute::<v8::UnsafeRawIsolatePtr, usize>(isolate) }
}

/// The highest address of this thread's stack, nearly: where the caller is now.
#[inline(never)]
pub fn stack_base() -> usize {
    stack_pointer()
}

/// How much of the stack is in use, in bytes.
#[inline(never)]
pub fn stack_used(base: usize) -> usize {
    base.saturating_sub(stack_pointer())
}

/// The address of a local would not do: AddressSanitizer keeps locals elsewhere.
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
#[inline(always)]
fn stack_pointer() -> usize {
    let pointer: usize;
    // SAFETY: a register is read, and nothing else is touched.
    unsafe {
        #[cfg(target_arch = "x86_64")]
        std::arch::asm!("mov {}, rsp", out(reg) pointer, options(nomem, nostack, preserves_flags));
        #[cfg(target_arch = "aarch64")]
        std::arch::asm!("mov {}, sp", out(reg) pointer, options(nomem, nostack, preserves_flags));
    }
    pointer
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
#[inline(always)]
fn stack_pointer() -> usize {
    let marker = 0u8;
    std::ptr::from_ref(&marker) as usize
}
