//! What JavaScript holds of the cryptography: keys and unfinished digests, under numbers. Their material is
//! never in V8's heap, nor in its snapshots.
//!
//! A number is only known to the object that it was made for (a private field), and is free again when that
//! object is garbage.

use crate::infra::{Scope, state};
use crate::state::try_state;
use nano_arena::{Account, Charge};
use nano_subtle::{Digester, Key};
use std::cell::RefCell;

/// What a handle counts against its tenant's memory: an RSA key with all that is computed ahead; others are
/// smaller.
const HANDLE_BYTES: usize = 4096;

enum Material {
    Key(Key),
    Digester(Box<Digester>),
}

struct Entry {
    material: Material,
    /// Of the object; dropped with the entry.
    weak: Option<v8::Weak<v8::Object>>,
    _charge: Charge,
}

/// The table of one isolate.
#[derive(Default)]
pub(crate) struct Handles {
    entries: RefCell<Vec<Option<Entry>>>,
    free: RefCell<Vec<u32>>,
}

impl Handles {
    fn insert(&self, material: Material, account: &Account) -> Option<u32> {
        let entry = Some(Entry { material, weak: None, _charge: account.charge(HANDLE_BYTES).ok()? });
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
        match &self.entries.borrow().get(number as usize)?.as_ref()?.material {
            Material::Key(key) => Some(key.clone()),
            Material::Digester(_) => None,
        }
    }

    /// Calls `with` with the digest of this number.
    pub(crate) fn with_digester<R>(&self, number: u32, with: impl FnOnce(&mut Digester) -> R) -> Option<R> {
        match &mut self.entries.borrow_mut().get_mut(number as usize)?.as_mut()?.material {
            Material::Digester(digester) => Some(with(digester)),
            Material::Key(_) => None,
        }
    }
}

/// Takes a key in; its number, or none if the tenant's memory is used up.
pub(crate) fn add_key(scope: &mut Scope<'_, '_>, key: Key) -> Option<u32> {
    add(scope, Material::Key(key))
}

/// The same for a digest.
pub(crate) fn add_digester(scope: &mut Scope<'_, '_>, digester: Digester) -> Option<u32> {
    add(scope, Material::Digester(Box::new(digester)))
}

fn add(scope: &mut Scope<'_, '_>, material: Material) -> Option<u32> {
    let state = state(scope)?;
    let number = state.get::<Handles>().insert(material, state.account())?;
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
