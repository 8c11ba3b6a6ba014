//! The instances of one thread, by their key and by their isolate.

use crate::instance::Instance;
use crate::keys::INSTANCE_KEY_BITS;
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::rc::Rc;

/// The instances that are alive.
#[derive(Default)]
pub(crate) struct InstanceTable {
    by_key: RefCell<HashMap<u32, Rc<Instance>>>,
    /// Keys by the address of the isolate.
    by_isolate: RefCell<HashMap<usize, u32>>,
    next_key: Cell<u32>,
}

impl InstanceTable {
    /// A key that no instance has; never 0.
    pub(crate) fn unused_key(&self) -> u32 {
        let instances = self.by_key.borrow();
        loop {
            let key = self.next_key.get();
            self.next_key.set((key + 1) % (1 << INSTANCE_KEY_BITS));
            if key != 0 && !instances.contains_key(&key) {
                return key;
            }
        }
    }

    pub(crate) fn insert(&self, instance: &Rc<Instance>, isolate: usize) {
        self.by_isolate.borrow_mut().insert(isolate, instance.key);
        self.by_key.borrow_mut().insert(instance.key, Rc::clone(instance));
    }

    /// No event finds the instance, in the isolate at this address, any more.
    pub(crate) fn remove(&self, key: u32, isolate: usize) {
        self.by_key.borrow_mut().remove(&key);
        self.by_isolate.borrow_mut().remove(&isolate);
    }

    pub(crate) fn get(&self, key: u32) -> Option<Rc<Instance>> {
        self.by_key.borrow().get(&key).cloned()
    }

    /// The key of the instance in the isolate at this address.
    pub(crate) fn key_of_isolate(&self, isolate: usize) -> Option<u32> {
        self.by_isolate.borrow().get(&isolate).copied()
    }

    pub(crate) fn len(&self) -> usize {
        self.by_key.borrow().len()
    }

    pub(crate) fn any(&self, wanted: impl FnMut(&Rc<Instance>) -> bool) -> bool {
        self.by_key.borrow().values().any(wanted)
    }

    /// Those that fulfil a condition, as they are now.
    pub(crate) fn filter(&self, mut wanted: impl FnMut(&Instance) -> bool) -> Vec<Rc<Instance>> {
        self.by_key.borrow().values().filter(|instance| wanted(instance)).cloned().collect()
    }
}
