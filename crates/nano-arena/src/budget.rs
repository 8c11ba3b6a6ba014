//! Byte budgets: how much somebody (a tenant, a process) may hold. Knows nothing of arenas; they are one kind of payer.

use std::cell::Cell;
use std::fmt;
use std::rc::Rc;

use crate::error::{Exhausted, RefusedBy};

/// How many bytes may be held at a time, shared by everything that charges it.
///
/// A handle: clones are the same budget. Budgets nest: what is charged to a [`child`](Budget::child) counts against its
/// parents too, so a tenant's budget can sit under a thread's.
///
/// ```
/// # use nano_arena::Budget;
/// let thread = Budget::new(10_000);
/// let tenant = thread.child(6_000);
/// let body = tenant.charge(5_000)?;
/// assert_eq!((tenant.used(), thread.used()), (5_000, 5_000));
/// assert!(tenant.charge(1_001).is_err());
/// drop(body);
/// assert_eq!((tenant.used(), thread.used(), tenant.peak()), (0, 0, 5_000));
/// # Ok::<(), nano_arena::Exhausted>(())
/// ```
#[derive(Clone)]
pub struct Budget {
    inner: Rc<Inner>,
}

struct Inner {
    limit: Cell<usize>,
    used: Cell<usize>,
    peak: Cell<usize>,
    refused: Cell<u64>,
    parent: Option<Budget>,
}

impl Budget {
    /// A budget of `limit` bytes. `usize::MAX` counts without limiting.
    pub fn new(limit: usize) -> Budget {
        Budget::make(limit, None)
    }

    /// A budget that counts and never refuses.
    pub fn unlimited() -> Budget {
        Budget::new(usize::MAX)
    }

    /// A budget of `limit` bytes inside this one: a charge to it must fit into both.
    pub fn child(&self, limit: usize) -> Budget {
        Budget::make(limit, Some(self.clone()))
    }

    fn make(limit: usize, parent: Option<Budget>) -> Budget {
        Budget {
            inner: Rc::new(Inner {
                limit: Cell::new(limit),
                used: Cell::new(0),
                peak: Cell::new(0),
                refused: Cell::new(0),
                parent,
            }),
        }
    }

    /// Charges `bytes`, until the returned [`Charge`] is dropped.
    ///
    /// # Errors
    /// If this budget or one above it would pass its limit; then none of them changes.
    pub fn charge(&self, bytes: usize) -> Result<Charge, Exhausted> {
        self.add(bytes).inspect_err(|_| self.count_refusal())?;
        Ok(Charge { budget: self.clone(), bytes })
    }

    /// Bytes charged now.
    pub fn used(&self) -> usize {
        self.inner.used.get()
    }

    /// The most bytes that were charged at a time.
    pub fn peak(&self) -> usize {
        self.inner.peak.get()
    }

    /// The limit in bytes.
    pub fn limit(&self) -> usize {
        self.inner.limit.get()
    }

    /// Bytes that can still be charged, here and in the budgets above.
    pub fn remaining(&self) -> usize {
        let mut least = usize::MAX;
        let mut at = Some(self);
        while let Some(budget) = at {
            least = least.min(budget.limit().saturating_sub(budget.used()));
            at = budget.inner.parent.as_ref();
        }
        least
    }

    /// How often a charge to this budget was refused, by it or by one above it.
    pub fn refused(&self) -> u64 {
        self.inner.refused.get()
    }

    /// Changes the limit. What is charged stays, even if it is more: then only new charges are refused.
    pub fn set_limit(&self, limit: usize) {
        self.inner.limit.set(limit);
    }

    pub(crate) fn count_refusal(&self) {
        self.inner.refused.set(self.inner.refused.get() + 1);
    }

    /// Charges this budget and all above it, or none. The caller owes a [`Budget::sub`] of the same size.
    #[inline]
    pub(crate) fn add(&self, bytes: usize) -> Result<(), Exhausted> {
        let inner = &*self.inner;
        let used = inner.used.get();
        let sum = match used.checked_add(bytes) {
            // Nothing more is never too much, even when the limit was lowered below what is held.
            Some(sum) if sum <= inner.limit.get() || bytes == 0 => sum,
            _ => {
                let limit = inner.limit.get();
                return Err(Exhausted { requested: bytes, used, limit, by: RefusedBy::Budget });
            }
        };
        // The parents first: a refusal there leaves this level untouched.
        if let Some(parent) = &inner.parent {
            parent.add(bytes)?;
        }
        inner.used.set(sum);
        inner.peak.set(inner.peak.get().max(sum));
        Ok(())
    }

    /// Takes back `bytes` of what [`Budget::add`] charged.
    #[inline]
    pub(crate) fn sub(&self, bytes: usize) {
        let inner = &*self.inner;
        debug_assert!(inner.used.get() >= bytes, "more released than charged");
        inner.used.set(inner.used.get().saturating_sub(bytes));
        if let Some(parent) = &inner.parent {
            parent.sub(bytes);
        }
    }
}

impl fmt::Debug for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Budget")
            .field("used", &self.used())
            .field("limit", &self.limit())
            .field("peak", &self.peak())
            .field("refused", &self.refused())
            .finish()
    }
}

/// Bytes charged to a [`Budget`], released when this is dropped.
#[derive(Debug)]
#[must_use = "the bytes are released when the charge is dropped"]
pub struct Charge {
    budget: Budget,
    bytes: usize,
}

impl Charge {
    /// Bytes charged.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Changes the charge to `bytes` in all.
    ///
    /// # Errors
    /// If it grows and the budget refuses; then the charge stays as it was.
    pub fn resize(&mut self, bytes: usize) -> Result<(), Exhausted> {
        if bytes > self.bytes {
            self.budget.add(bytes - self.bytes).inspect_err(|_| self.budget.count_refusal())?;
        } else {
            self.budget.sub(self.bytes - bytes);
        }
        self.bytes = bytes;
        Ok(())
    }

    /// Charges `more` bytes on top.
    ///
    /// # Errors
    /// As [`Charge::resize`].
    pub fn grow(&mut self, more: usize) -> Result<(), Exhausted> {
        self.resize(self.bytes.saturating_add(more))
    }

    /// Cuts off a charge of `bytes`, or of all there is if that is less: for a buffer that is divided.
    pub fn split(&mut self, bytes: usize) -> Charge {
        let bytes = bytes.min(self.bytes);
        self.bytes -= bytes;
        Charge { budget: self.budget.clone(), bytes }
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.budget.sub(self.bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_is_exact() {
        let budget = Budget::new(100);
        let a = budget.charge(60).unwrap();
        let b = budget.charge(40).unwrap();
        let refusal = budget.charge(1).unwrap_err();
        assert_eq!((refusal.requested(), refusal.used(), refusal.limit()), (1, 100, 100));
        assert_eq!(refusal.by(), RefusedBy::Budget);
        assert_eq!(refusal.to_string(), "1 more bytes do not fit: 100 of the budget of 100 are held");
        drop(a);
        assert_eq!(budget.remaining(), 60);
        drop(b);
        assert_eq!((budget.used(), budget.peak(), budget.refused()), (0, 100, 1));
    }

    #[test]
    fn sizes_do_not_overflow() {
        let budget = Budget::unlimited();
        let _one = budget.charge(1).unwrap();
        assert!(budget.charge(usize::MAX).is_err());
        let mut all = budget.charge(usize::MAX - 1).unwrap();
        assert!(all.grow(usize::MAX).is_err());
        assert_eq!(budget.used(), usize::MAX);
    }

    #[test]
    fn a_refusal_above_changes_nothing_below() {
        let top = Budget::new(10);
        let child = top.child(100);
        assert_eq!(child.remaining(), 10);
        assert!(child.charge(11).is_err());
        assert_eq!((top.used(), child.used(), child.peak()), (0, 0, 0));
        assert_eq!((top.refused(), child.refused()), (0, 1));
        let _charge = child.charge(10).unwrap();
        assert_eq!((top.used(), child.used()), (10, 10));
    }

    #[test]
    fn charges_grow_shrink_and_split() {
        let budget = Budget::new(100);
        let mut charge = budget.charge(50).unwrap();
        charge.grow(50).unwrap();
        assert!(charge.grow(1).is_err());
        charge.resize(30).unwrap();
        let part = charge.split(10);
        let rest = charge.split(1000);
        assert_eq!((charge.bytes(), part.bytes(), rest.bytes(), budget.used()), (0, 10, 20, 30));
        drop(part);
        assert_eq!(budget.used(), 20);
        budget.set_limit(5);
        assert!(budget.charge(1).is_err());
        assert!(budget.charge(0).is_ok());
        drop((charge, rest));
        assert_eq!(budget.used(), 0);
    }
}
