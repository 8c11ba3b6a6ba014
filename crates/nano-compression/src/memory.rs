//! The memory of a decompressor, charged to an account before it is taken. Knows no format.

use crate::Error;
use brotli_decompressor::{Allocator, SliceWrapper, SliceWrapperMut};
use nano_arena::Account;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What one decompressor holds of its account. Dropping the last clone's owner releases all of it.
#[derive(Clone, Default)]
pub(crate) struct Charge {
    inner: Option<Arc<Inner>>,
}

struct Inner {
    account: Account,
    bytes: AtomicUsize,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.account.release_bytes(*self.bytes.get_mut());
    }
}

impl Charge {
    /// Nothing charged yet. Without an account nothing is counted.
    pub(crate) fn new(account: Option<Account>) -> Self {
        Self { inner: account.map(|account| Arc::new(Inner { account, bytes: AtomicUsize::new(0) })) }
    }

    /// Charges `bytes` more.
    pub(crate) fn add(&self, bytes: usize) -> Result<(), Error> {
        let Some(inner) = &self.inner else { return Ok(()) };
        inner.account.charge_bytes(bytes).map_err(|_| Error::NoMemory)?;
        inner.bytes.fetch_add(bytes, Ordering::Relaxed);
        Ok(())
    }

    /// Releases `bytes` that were added.
    fn subtract(&self, bytes: usize) {
        if let Some(inner) = &self.inner {
            inner.bytes.fetch_sub(bytes, Ordering::Relaxed);
            inner.account.release_bytes(bytes);
        }
    }
}

/// Charges a measured size that only grows.
#[derive(Default)]
pub(crate) struct Measured {
    charge: Charge,
    bytes: usize,
}

impl Measured {
    pub(crate) fn new(charge: Charge) -> Self {
        Self { charge, bytes: 0 }
    }

    /// Charges what `bytes` exceeds the size so far by.
    pub(crate) fn raise_to(&mut self, bytes: usize) -> Result<(), Error> {
        if bytes > self.bytes {
            self.charge.add(bytes - self.bytes)?;
            self.bytes = bytes;
        }
        Ok(())
    }
}

/// An allocator for Brotli's decoder that charges each allocation before it makes it. The decoder takes an
/// empty one for a failure.
pub(crate) struct ChargedAllocator {
    charge: Charge,
}

impl ChargedAllocator {
    pub(crate) fn new(charge: &Charge) -> Self {
        Self { charge: charge.clone() }
    }
}

/// Memory from a [`ChargedAllocator`].
#[derive(Default)]
pub(crate) struct Charged<T> {
    items: Vec<T>,
    charge: Charge,
}

impl<T> Drop for Charged<T> {
    fn drop(&mut self) {
        self.charge.subtract(self.items.len() * size_of::<T>());
    }
}

impl<T> SliceWrapper<T> for Charged<T> {
    fn slice(&self) -> &[T] {
        &self.items
    }
}

impl<T> SliceWrapperMut<T> for Charged<T> {
    fn slice_mut(&mut self) -> &mut [T] {
        &mut self.items
    }
}

impl<T: Clone + Default> Allocator<T> for ChargedAllocator {
    type AllocatedMemory = Charged<T>;

    fn alloc_cell(&mut self, len: usize) -> Charged<T> {
        if self.charge.add(len * size_of::<T>()).is_err() {
            return Charged::default();
        }
        Charged { items: vec![T::default(); len], charge: self.charge.clone() }
    }

    fn free_cell(&mut self, memory: Charged<T>) {
        drop(memory);
    }
}
