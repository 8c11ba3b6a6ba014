//! Accounts: how many bytes a process, a tenant or an isolate holds and may hold. Knows nothing of arenas,
//! which are one of several payers.

use std::fmt;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use crate::error::{Exhausted, RefusedBy};

/// How many bytes may be held at a time, shared by everything that charges it.
///
/// A handle: clones are the same account. Accounts form a tree: a charge to a [`child`](Account::child)
/// counts against each account above it too, so an isolate's account lies below its tenant's and the tenant's
/// below the process's.
///
/// Any thread may charge and release. A charge costs one atomic read-modify-write for each level.
///
/// ```
/// # use nano_arena::Account;
/// let tenant = Account::new(10_000);
/// let isolate = tenant.child(6_000);
/// let body = isolate.charge(5_000)?;
/// assert_eq!((isolate.used(), tenant.used()), (5_000, 5_000));
/// assert!(isolate.charge(1_001).is_err());
/// drop(body);
/// assert_eq!((isolate.used(), tenant.used(), isolate.peak()), (0, 0, 5_000));
/// # Ok::<(), nano_arena::Exhausted>(())
/// ```
#[derive(Clone)]
pub struct Account {
    node: Arc<Node>,
}

/// Aligned to a cache line: accounts of different isolates are charged on different cores.
///
/// All counters are `Relaxed`: no other memory is published through them.
#[repr(align(64))]
struct Node {
    used: AtomicUsize,
    limit: AtomicUsize,
    peak: AtomicUsize,
    refused: AtomicU64,
    parent: OnceLock<Account>,
}

impl Account {
    /// An account without a parent that allows `limit` bytes. `usize::MAX` counts without limiting.
    pub fn new(limit: usize) -> Account {
        Account::make(limit, None)
    }

    /// An account that counts and never refuses.
    pub fn unlimited() -> Account {
        Account::new(usize::MAX)
    }

    /// An account of `limit` bytes below this one: a charge to it must fit into both.
    pub fn child(&self, limit: usize) -> Account {
        Account::make(limit, Some(self.clone()))
    }

    fn make(limit: usize, parent: Option<Account>) -> Account {
        Account {
            node: Arc::new(Node {
                used: AtomicUsize::new(0),
                limit: AtomicUsize::new(limit),
                peak: AtomicUsize::new(0),
                refused: AtomicU64::new(0),
                parent: parent.map(OnceLock::from).unwrap_or_default(),
            }),
        }
    }

    /// Charges `bytes` until the returned [`Charge`] is dropped.
    ///
    /// # Errors
    /// If this account or one above it would exceed its limit. Then no account changes.
    pub fn charge(&self, bytes: usize) -> Result<Charge, Exhausted> {
        self.charge_bytes(bytes)?;
        Ok(Charge { account: self.clone(), bytes })
    }

    /// Charges `bytes` even where a limit is exceeded: for memory that exists already and cannot be refused
    /// any more.
    pub fn charge_anyway(&self, bytes: usize) -> Charge {
        for account in self.levels() {
            let before = account.node.used.fetch_add(bytes, Ordering::Relaxed);
            account.node.note_peak(before.saturating_add(bytes));
        }
        Charge { account: self.clone(), bytes }
    }

    /// Charges `bytes` without a [`Charge`] that would release them: for allocators whose `free` is told the
    /// length. The caller calls [`Account::release_bytes`] with as many bytes.
    ///
    /// # Errors
    /// As [`Account::charge`].
    #[inline]
    pub fn charge_bytes(&self, bytes: usize) -> Result<(), Exhausted> {
        self.add(bytes, None).inspect_err(|_| self.count_refusal())
    }

    /// Releases `bytes` that [`Account::charge_bytes`] or [`Charge::into_bytes`] left charged.
    #[inline]
    pub fn release_bytes(&self, bytes: usize) {
        self.subtract(bytes, None);
    }

    /// The charge of `bytes` that are charged already: the opposite of [`Charge::into_bytes`].
    pub fn adopt_bytes(&self, bytes: usize) -> Charge {
        Charge { account: self.clone(), bytes }
    }

    /// Bytes charged now.
    pub fn used(&self) -> usize {
        self.node.used.load(Ordering::Relaxed)
    }

    /// The most bytes that were charged at a time.
    pub fn peak(&self) -> usize {
        self.node.peak.load(Ordering::Relaxed)
    }

    /// The limit in bytes.
    pub fn limit(&self) -> usize {
        self.node.limit.load(Ordering::Relaxed)
    }

    /// Bytes that can still be charged, here and in the accounts above.
    pub fn remaining(&self) -> usize {
        self.levels().map(|account| account.limit().saturating_sub(account.used())).min().unwrap_or(0)
    }

    /// How often a charge to this account was refused, by it or by one above it.
    pub fn refused(&self) -> u64 {
        self.node.refused.load(Ordering::Relaxed)
    }

    /// The account above this one.
    pub fn parent(&self) -> Option<&Account> {
        self.node.parent.get()
    }

    /// Puts this account below `parent`, which is charged with what this one holds already, even beyond its
    /// limit: for an isolate that was made before it was known for which tenant. An account that has a parent
    /// keeps it.
    ///
    /// No other thread may charge or release meanwhile: the parent would count those bytes wrongly for good.
    pub fn attach_to(&self, parent: &Account) {
        let before = self.used();
        if self.node.parent.set(parent.clone()).is_ok() {
            parent.charge_anyway(before).into_bytes();
        }
        debug_assert!(self.used() == before && self.parent().is_some_and(|above| above.is_same(parent)));
    }

    /// Changes the limit. Existing charges stay, even beyond it: then only new charges are refused.
    pub fn set_limit(&self, limit: usize) {
        self.node.limit.store(limit, Ordering::Relaxed);
    }

    /// If both are handles of one account.
    pub fn is_same(&self, other: &Account) -> bool {
        Arc::ptr_eq(&self.node, &other.node)
    }

    /// The handle as a pointer, for callbacks of other languages. [`Account::from_raw`] takes it back.
    pub fn into_raw(self) -> *const () {
        Arc::into_raw(self.node).cast()
    }

    /// The handle that [`Account::into_raw`] made a pointer of.
    ///
    /// # Safety
    /// `raw` is a result of [`Account::into_raw`] that was not taken back before.
    pub unsafe fn from_raw(raw: *const ()) -> Account {
        // SAFETY: `into_raw` made it of an `Arc<Node>`, whose count it still owns by this function's
        // contract.
        Account { node: unsafe { Arc::from_raw(raw.cast()) } }
    }

    pub(crate) fn count_refusal(&self) {
        self.node.refused.fetch_add(1, Ordering::Relaxed);
    }

    /// Charges this account and all above it but `end` and those above that, or none. Does not count
    /// refusals.
    ///
    /// The lowest level comes first: what is refused above was charged below for a moment, so a tenant whose
    /// charges are refused can only make charges of its own fail, never those of another tenant under the
    /// same parent.
    #[inline]
    pub(crate) fn add(&self, bytes: usize, end: Option<&Account>) -> Result<(), Exhausted> {
        if end.is_some_and(|end| self.is_same(end)) {
            return Ok(());
        }
        let node = &*self.node;
        let mut used = node.used.load(Ordering::Relaxed);
        let sum = loop {
            let limit = node.limit.load(Ordering::Relaxed);
            let sum = match used.checked_add(bytes) {
                // A charge of nothing is allowed even where the limit was lowered below what is charged.
                Some(sum) if sum <= limit || bytes == 0 => sum,
                _ => return Err(Exhausted { requested: bytes, used, limit, by: RefusedBy::Account }),
            };
            match node.used.compare_exchange_weak(used, sum, Ordering::Relaxed, Ordering::Relaxed) {
                Ok(_) => break sum,
                Err(now) => used = now,
            }
        };
        if let Some(parent) = node.parent.get()
            && let Err(refusal) = parent.add(bytes, end)
        {
            node.used.fetch_sub(bytes, Ordering::Relaxed);
            return Err(refusal);
        }
        node.note_peak(sum);
        Ok(())
    }

    /// Takes back `bytes` of what [`Account::add`] charged, up to `end`.
    #[inline]
    pub(crate) fn subtract(&self, bytes: usize, end: Option<&Account>) {
        for account in self.levels().take_while(|account| !end.is_some_and(|end| account.is_same(end))) {
            let before = account.node.used.fetch_sub(bytes, Ordering::Relaxed);
            debug_assert!(before >= bytes, "more bytes released than charged");
        }
    }

    /// The lowest account that is this one or above it, and also `other` or above that.
    fn common(&self, other: &Account) -> Option<&Account> {
        self.levels().find(|mine| other.levels().any(|theirs| mine.is_same(theirs)))
    }

    /// This account and all above it, the lowest first.
    fn levels(&self) -> impl Iterator<Item = &Account> {
        std::iter::successors(Some(self), |account| account.parent())
    }
}

impl Node {
    #[inline]
    fn note_peak(&self, sum: usize) {
        // Mostly the peak is past, and a load costs less than a read-modify-write.
        if sum > self.peak.load(Ordering::Relaxed) {
            self.peak.fetch_max(sum, Ordering::Relaxed);
        }
    }
}

impl fmt::Debug for Account {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Account")
            .field("used", &self.used())
            .field("limit", &self.limit())
            .field("peak", &self.peak())
            .field("refused", &self.refused())
            .finish()
    }
}

/// Bytes charged to an [`Account`], released when this is dropped, on whatever thread.
///
/// ```
/// # use nano_arena::Account;
/// let account = Account::new(100);
/// let mut output = account.charge(0)?;
/// output.grow(80)?;
/// let first = output.split(30);
/// std::thread::spawn(move || drop(first)).join().expect("it does not panic");
/// assert_eq!((output.bytes(), account.used()), (50, 50));
/// output.shrink(20);
/// assert!(output.resize(101).is_err());
/// assert_eq!(account.used(), 30);
/// # Ok::<(), nano_arena::Exhausted>(())
/// ```
#[derive(Debug)]
#[must_use = "the bytes are released when the charge is dropped"]
pub struct Charge {
    account: Account,
    bytes: usize,
}

impl Charge {
    /// Bytes charged.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// The account that is charged.
    pub fn account(&self) -> &Account {
        &self.account
    }

    /// Changes the charge to `bytes` in all.
    ///
    /// # Errors
    /// If it grows and the account refuses; then the charge stays as it was.
    pub fn resize(&mut self, bytes: usize) -> Result<(), Exhausted> {
        if bytes > self.bytes {
            self.account.charge_bytes(bytes - self.bytes)?;
        } else {
            self.account.release_bytes(self.bytes - bytes);
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

    /// Releases `less` bytes of it, or all where it has fewer.
    pub fn shrink(&mut self, less: usize) {
        drop(self.split(less));
    }

    /// Splits off a charge of `bytes`, or of all there is if that is less: for a buffer that is divided.
    pub fn split(&mut self, bytes: usize) -> Charge {
        let bytes = bytes.min(self.bytes);
        self.bytes -= bytes;
        Charge { account: self.account.clone(), bytes }
    }

    /// Makes another account pay, such as the one of an isolate that a buffer was transferred to. Accounts
    /// above both are neither charged nor released.
    ///
    /// # Errors
    /// If the other account, or one above it that is not above this one, refuses; then the charge stays as it
    /// was.
    pub fn move_to(&mut self, account: &Account) -> Result<(), Exhausted> {
        let end = account.common(&self.account);
        account.add(self.bytes, end).inspect_err(|_| account.count_refusal())?;
        self.account.subtract(self.bytes, end);
        self.account = account.clone();
        Ok(())
    }

    /// Ends the guard and leaves the bytes charged; [`Account::release_bytes`] releases them.
    pub fn into_bytes(mut self) -> usize {
        std::mem::take(&mut self.bytes)
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        if self.bytes > 0 {
            self.account.release_bytes(self.bytes);
        }
    }
}
