//! The parts of a value that are not bytes: shared memory and modules, moved buffers, the host's attachments.

use crate::options::Attachments;
use nano_arena::{Account, Charge};
use std::collections::HashMap;
use std::ffi::c_void;
use std::sync::{Arc, LazyLock, Mutex, PoisonError, Weak};

/// The parts that can be read any number of times.
#[derive(Default)]
pub(crate) struct Parts {
    shared: Vec<Store>,
    modules: Vec<Module>,
    pub(crate) attachments: Attachments,
}

/// A backing store between two isolates.
#[derive(Clone)]
struct Store(v8::SharedRef<v8::BackingStore>);

// SAFETY: V8 itself shares backing stores between threads, and counts references atomically. This crate does
// not access the bytes.
unsafe impl Send for Store {}
// SAFETY: as above; a shared reference allows only cloning, which copies a `std::shared_ptr`.
unsafe impl Sync for Store {}

/// A compiled module between two isolates.
struct Module(v8::CompiledWasmModule);

// SAFETY: V8 shares compiled modules between isolates on any threads; reading one makes another reference to
// it.
unsafe impl Sync for Module {}

impl Parts {
    pub(crate) fn share_buffer(&mut self, buffer: v8::Local<'_, v8::SharedArrayBuffer>) -> u32 {
        self.shared.push(Store(buffer.get_backing_store()));
        (self.shared.len() - 1) as u32
    }

    pub(crate) fn share_module(&mut self, module: v8::Local<'_, v8::WasmModuleObject>) -> u32 {
        self.modules.push(Module(module.get_compiled_module()));
        (self.modules.len() - 1) as u32
    }

    pub(crate) fn shared_buffer<'s>(
        &self,
        scope: &mut v8::PinScope<'s, '_>,
        id: u32,
    ) -> Option<v8::Local<'s, v8::SharedArrayBuffer>> {
        let store = self.shared.get(id as usize)?;
        Some(v8::SharedArrayBuffer::with_backing_store(scope, &store.0))
    }

    pub(crate) fn module<'s>(
        &self,
        scope: &mut v8::PinScope<'s, '_>,
        id: u32,
    ) -> Option<v8::Local<'s, v8::WasmModuleObject>> {
        v8::WasmModuleObject::from_compiled_module(scope, &self.modules.get(id as usize)?.0)
    }

    /// Whether the value has no parts but its bytes.
    pub(crate) fn is_empty(&self) -> bool {
        self.shared.is_empty() && self.modules.is_empty() && self.attachments.is_empty()
    }
}

/// The memory of a transferred buffer, which is charged to its sender until it is received.
pub(crate) struct Moved {
    store: Store,
    bytes: usize,
    account: Option<Account>,
}

impl Moved {
    /// Detaches the buffer, which must be detachable. A buffer that is detached already moves as an empty
    /// one.
    pub(crate) fn out(buffer: v8::Local<'_, v8::ArrayBuffer>, account: Option<&Account>) -> Option<Self> {
        let store = buffer.get_backing_store();
        let bytes = store.byte_length();
        buffer.detach(None)?;
        Some(Self { store: Store(store), bytes, account: account.cloned() })
    }

    /// The number of bytes that move.
    pub(crate) fn len(&self) -> usize {
        self.bytes
    }

    /// Makes the receiver's buffer on the same memory. `None` if its account refuses; the memory is then
    /// freed.
    pub(crate) fn receive<'s>(
        self,
        scope: &mut v8::PinScope<'s, '_>,
        account: Option<&Account>,
    ) -> Option<v8::Local<'s, v8::ArrayBuffer>> {
        let store = match (self.account, account) {
            (Some(from), Some(to)) if !from.is_same(to) => rebook(self.store, self.bytes, &from, to)?,
            _ => self.store,
        };
        Some(v8::ArrayBuffer::with_backing_store(scope, &store.0))
    }
}

/// Memory that is charged to another account than the one of the isolate that allocated it.
struct Rebooked {
    /// Owned as long as the memory is used.
    _store: Store,
    /// The account of the isolate that allocated the memory. Its allocator releases the bytes there when it
    /// frees them.
    origin: Account,
    charge: Mutex<Charge>,
}

/// All rebooked memory by address, so that memory that moves again changes its charge and is not wrapped
/// again.
static REBOOKED: LazyLock<Mutex<HashMap<usize, Weak<Rebooked>>>> = LazyLock::new(Mutex::default);

fn rebooked() -> std::sync::MutexGuard<'static, HashMap<usize, Weak<Rebooked>>> {
    REBOOKED.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Charges the memory to `to` instead. `None` if `to` refuses: then the memory is dropped and nothing else
/// has changed.
fn rebook(store: Store, bytes: usize, from: &Account, to: &Account) -> Option<Store> {
    // V8 allocates resizable memory itself and charges it to the isolate that has the buffer; empty memory is
    // not charged.
    let (Some(data), false) = (store.0.data(), store.0.is_resizable_by_user_javascript()) else {
        return Some(store);
    };
    let address = data.as_ptr() as usize;
    let known = rebooked().get(&address).and_then(Weak::upgrade);
    if let Some(known) = known {
        let mut charge = known.charge.lock().unwrap_or_else(PoisonError::into_inner);
        charge.move_to(to).ok()?;
        drop(charge);
        return Some(store);
    }
    // The allocator of `from` charged the bytes.
    let mut charge = from.adopt_bytes(bytes);
    if charge.move_to(to).is_err() {
        // They stay with the allocator, which releases them as the store is dropped.
        charge.into_bytes();
        return None;
    }
    let rebooking = Arc::new(Rebooked { _store: store, origin: from.clone(), charge: Mutex::new(charge) });
    rebooked().insert(address, Arc::downgrade(&rebooking));
    // SAFETY: the memory lives as long as the store in `rebooking`, which lives until `release`.
    let wrapped = unsafe {
        v8::ArrayBuffer::new_backing_store_from_ptr(
            data.as_ptr(),
            bytes,
            release,
            Arc::into_raw(rebooking).cast_mut().cast::<c_void>(),
        )
    };
    Some(Store(wrapped.make_shared()))
}

unsafe extern "C" fn release(data: *mut c_void, _: usize, rebooked_memory: *mut c_void) {
    // SAFETY: the pointer is from `Arc::into_raw` in `rebook`, and V8 calls this once, when no reference to
    // the memory is left.
    let memory = unsafe { Arc::from_raw(rebooked_memory.cast::<Rebooked>()) };
    rebooked().remove(&(data as usize));
    let mut charge = memory.charge.lock().unwrap_or_else(PoisonError::into_inner);
    let bytes = charge.split(usize::MAX).bytes();
    // The allocator that frees the memory with the store releases the bytes of its own account.
    memory.origin.charge_anyway(bytes).into_bytes();
    drop(charge);
    drop(memory);
}
