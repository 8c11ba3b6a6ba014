//! Isolates that stand ready for applications that were never visited.

use crate::host::InstanceHost;
use crate::platform::Realm;
use std::cell::{Cell, RefCell};
use std::rc::Rc;

/// An isolate that has no application yet, with the host that it was made with.
pub(crate) struct Spare {
    pub(crate) realm: Rc<Realm>,
    pub(crate) host: Rc<InstanceHost>,
}

/// The spare isolates of one thread, and how many it is to keep.
pub(crate) struct Spares {
    target: Cell<usize>,
    ready: RefCell<Vec<Spare>>,
}

impl Spares {
    pub(crate) fn new(target: usize) -> Self {
        Self { target: Cell::new(target), ready: RefCell::default() }
    }

    /// Keeps so many from now on; those that are ready stay.
    pub(crate) fn set_target(&self, target: usize) {
        self.target.set(target);
    }

    /// Whether fewer are ready than are to be.
    pub(crate) fn are_short(&self) -> bool {
        self.len() < self.target.get()
    }

    pub(crate) fn len(&self) -> usize {
        self.ready.borrow().len()
    }

    pub(crate) fn add(&self, spare: Spare) {
        self.ready.borrow_mut().push(spare);
    }

    pub(crate) fn take(&self) -> Option<Spare> {
        self.ready.borrow_mut().pop()
    }
}
