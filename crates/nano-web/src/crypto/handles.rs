//! What JavaScript holds of the cryptography: keys and unfinished digests, under numbers. Their material is
//! never in V8's heap, nor in its snapshots.
//!
//! A number is only known to the object that it was made for (a private field), and is free again when that
//! object is garbage.

use crate::host::Accountant;
use crate::infra::{Scope, state};
use crate::state::try_state;
use nano_subtle::{Digester, Key};
use std::cell::RefCell;
use std::sync::Arc;

/// What a handle counts against its tenant's memory: an RSA key with all that is computed ahead; others are
/// smaller.
const HANDLE_BYTES: usize = 4096;

enum Held {
    Key(Key),
    Digester(Box<Digester>),
}

struct Entry {
    held: Held,
    /// Of the object; dropped with the entry.
    weak: Option<v8::Weak<v8::Object>>,
    accountant: Arc<dyn Accountant>,
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.accountant.give_back(HANDLE_BYTES);
    }
}

/// The table of one isolate.
#[derive(Default)]
pub(crate) struct Handles {
    entries: RefCell<Vec<Option<Entry>>>,
    free: RefCell<Vec<u32>>,
}

impl Handles {
    fn insert(&self, held: Held, accountant: &Arc<dyn Accountant>) -> Option<u32> {
        if !accountant.take(HANDLE_BYTES) {
            return None;
        }
        let entry = Some(Entry { held, weak: None, accountant: Arc::clone(accountant) });
        let mut entries = self.entries.borrow_mut();
        match self.free.borrow_mut().pop() {
            Some(number) => {
                entries[number as usize] = entry;
                Some(number)
            }
            None => {
                entries.push(entry);
                u32::try_from(entries.len() - 1).ok()
            }
        }
    }

    fn remove(&self, number: u32) {
        let entry = self.entries.borrow_mut().get_mut(number as usize).and_then(Option::take);
        if entry.is_some() {
            self.free.borrow_mut().push(number);
        }
        // Dropped without a borrow: its weak handle belongs to V8.
        drop(entry);
    }

    /// The key with this number.
    pub(crate) fn key(&self, number: u32) -> Option<Key> {
        match &self.entries.borrow().get(number as usize)?.as_ref()?.held {
            Held::Key(key) => Some(key.clone()),
            Held::Digester(_) => None,
        }
    }

    /// Calls `with` with the digest of this number.
    pub(crate) fn with_digester<R>(&self, number: u32, with: impl FnOnce(&mut Digester) -> R) -> Option<R> {
        match &mut self.entries.borrow_mut().get_mut(number as usize)?.as_mut()?.held {
            Held::Digester(digester) => Some(with(digester)),
            Held::Key(_) => None,
        }
    }
}

/// Takes a key in; its number, or none if the tenant's memory is used up.
pub(crate) fn add_key(scope: &mut Scope<'_, '_>, key: Key) -> Option<u32> {
    add(scope, Held::Key(key))
}

/// The same for a digest.
pub(crate) fn add_digester(scope: &mut Scope<'_, '_>, digester: Digester) -> Option<u32> {
    add(scope, Held::Digester(Box::new(digester)))
}

fn add(scope: &mut Scope<'_, '_>, held: Held) -> Option<u32> {
    let state = state(scope)?;
    let number = state.get::<Handles>().insert(held, state.accountant())?;
    scope.adjust_amount_of_external_allocated_memory(HANDLE_BYTES as i64);
    Some(number)
}

/// What has this number is let go when `object` is garbage.
pub(crate) fn keep(scope: &mut Scope<'_, '_>, object: v8::Local<'_, v8::Object>, number: u32) {
    let finalizer = move |isolate: &mut v8::Isolate| {
        if let Some(state) = try_state(isolate) {
            state.get::<Handles>().remove(number);
        }
        isolate.adjust_amount_of_external_allocated_memory(-(HANDLE_BYTES as i64));
    };
    let weak = v8::Weak::with_finalizer(scope, object, Box::new(finalizer));
    let Some(state) = state(scope) else { return };
    if let Some(Some(entry)) = state.get::<Handles>().entries.borrow_mut().get_mut(number as usize) {
        entry.weak = Some(weak);
    }
}
