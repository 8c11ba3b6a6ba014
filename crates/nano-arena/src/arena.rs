//! Arenas: memory that is given back as a whole. Knows its pool, its limits and how to hand out pieces. Lists
//! that grow are in `list.rs`, text that grows in `buffer.rs`; both add methods to [`Arena`].

use std::alloc::Layout;
use std::cell::{Cell, RefCell};
use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;
use std::ptr::{self, NonNull};
use std::slice;
use std::str::{self, Utf8Error};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::account::Account;
use crate::chunk::{self, Chunk};
use crate::error::{Exhausted, RefusedBy};
use crate::handle::{Bytes, Handle, Slice, Text};
use crate::pool::{Pool, Size};

/// A region of memory for one task, such as a request: allocating is a few instructions, and everything is
/// given back at once.
///
/// What it hands out comes in two forms. References (`alloc_…`) borrow the arena. Handles (`store_…`) do not,
/// so they can be stored beside the arena in one struct; [`Arena::get`] resolves them. Values are `Copy`:
/// nothing in an arena is ever dropped. Nothing has a built-in size limit: what does not fit the current
/// chunk gets another.
///
/// Every chunk counts, as a whole and while the arena holds it, against the arena's own limit and the account
/// it was made for; refusals are errors and leave all as it was. An arena costs nothing before its first
/// allocation.
///
/// ```
/// # use nano_arena::{Arena, Pool, Text};
/// struct Request {
///     path: Text,
///     arena: Arena,
/// }
/// # let pool = Pool::default();
/// let arena = pool.arena();
/// let request = Request { path: arena.store_text("/index.html")?, arena };
/// assert_eq!(request.arena.get(request.path), "/index.html");
/// # Ok::<(), nano_arena::Exhausted>(())
/// ```
pub struct Arena {
    current: RefCell<Option<Chunk>>,
    others: RefCell<Vec<Chunk>>,
    holding: Holding,
    /// In a [`Scope`], the holding of the arena that it is in, which pays for it.
    payer: Option<NonNull<Holding>>,
    /// The class of the next chunk.
    next_class: Cell<u8>,
    id: u64,
    pool: Pool,
}

/// What an arena and its scopes hold, and may hold.
struct Holding {
    held: Cell<usize>,
    limit: Cell<usize>,
    account: RefCell<Option<Account>>,
}

impl Holding {
    fn charge(&self, bytes: usize) -> Result<(), Exhausted> {
        let (used, limit) = (self.held.get(), self.limit.get());
        let held = match used.checked_add(bytes) {
            Some(held) if held <= limit => held,
            _ => return Err(Exhausted { requested: bytes, used, limit, by: RefusedBy::ArenaLimit }),
        };
        if let Some(account) = &*self.account.borrow() {
            account.add(bytes, None)?;
        }
        self.held.set(held);
        Ok(())
    }

    fn release(&self, bytes: usize) {
        self.held.set(self.held.get() - bytes);
        if let Some(account) = &*self.account.borrow() {
            account.release_bytes(bytes);
        }
    }
}

/// How many identities a thread takes at a time, so that threads rarely meet at [`NEXT_IDS`].
const IDS_AT_A_TIME: u64 = 1 << 20;

/// The first identity that no thread has taken yet. 0 is `NO_ARENA`.
static NEXT_IDS: AtomicU64 = AtomicU64::new(1);

thread_local! {
    /// The identities that this thread may still give away: the next one, and how many there are.
    static IDS: Cell<(u64, u64)> = const { Cell::new((0, 0)) };
}

/// An identity that no other arena of the process has or had. There are 2^64: at a billion a second they last
/// 500 years.
#[inline]
fn new_id() -> u64 {
    let (next, left) = match IDS.get() {
        (_, 0) => (NEXT_IDS.fetch_add(IDS_AT_A_TIME, Ordering::Relaxed), IDS_AT_A_TIME),
        some => some,
    };
    IDS.set((next + 1, left - 1));
    next
}

impl Pool {
    /// A new arena that no account limits. It holds no memory before its first allocation.
    #[inline]
    pub fn arena(&self) -> Arena {
        Arena::new(self.clone(), None)
    }

    /// A new arena whose chunks are charged to `account`.
    #[inline]
    pub fn arena_for(&self, account: &Account) -> Arena {
        Arena::new(self.clone(), Some(account.clone()))
    }
}

// SAFETY: an arena owns its chunks, its pool is `Send`, and nothing in it is tied to a thread. References to
// its memory borrow it, so it cannot be sent while there are any. The one pointer, `payer`, is only set
// inside a `Scope`, which is not `Send`: it holds a `&Arena`, and `Arena` is not `Sync`. What the memory
// holds is only reached again through `Slice<T>` and `Draft<T>`, which are `Send` only where `T` is.
unsafe impl Send for Arena {}

impl Arena {
    #[inline]
    fn new(pool: Pool, account: Option<Account>) -> Arena {
        Arena {
            current: RefCell::new(None),
            others: RefCell::new(Vec::new()),
            holding: Holding {
                held: Cell::new(0),
                limit: Cell::new(usize::MAX),
                account: RefCell::new(account),
            },
            payer: None,
            next_class: Cell::new(0),
            id: new_id(),
            pool,
        }
    }

    /// The same arena with a limit of `bytes` on what it and its scopes hold together, beside its account.
    #[must_use]
    pub fn with_limit(self, bytes: usize) -> Arena {
        self.holding.limit.set(bytes);
        self
    }

    /// Bytes of the chunks that the arena and its scopes hold: these bytes are charged to its account.
    pub fn held(&self) -> usize {
        self.holding().held.get()
    }

    /// The arena's own limit in bytes, `usize::MAX` if it has none.
    pub fn limit(&self) -> usize {
        self.holding().limit.get()
    }

    /// Makes `account` pay for what the arena and its scopes hold, from now on: for an arena that is older
    /// than the decision who pays, such as one with a request's head before the request is routed.
    ///
    /// # Errors
    /// If the account refuses what is held already; then everything stays as it was.
    pub fn set_account(&self, account: &Account) -> Result<(), Exhausted> {
        let holding = self.holding();
        let held = holding.held.get();
        account.charge_bytes(held).inspect_err(|_| self.pool.count_refused_by_limit())?;
        if let Some(before) = holding.account.replace(Some(account.clone())) {
            before.release_bytes(held);
        }
        Ok(())
    }

    /// The pool it takes its chunks from.
    pub fn pool(&self) -> &Pool {
        &self.pool
    }

    /// Gives everything back. References cannot be left, for this takes `&mut`; handles made before are
    /// refused from now on.
    pub fn reset(&mut self) {
        self.give_back();
        self.id = new_id();
        self.next_class.set(0);
    }

    /// An arena inside this one: it has memory of its own, given back when it is dropped, and shares limit
    /// and account. This one can be used at the same time.
    ///
    /// ```
    /// # use nano_arena::Pool;
    /// let arena = Pool::default().arena();
    /// let sum = {
    ///     let scope = arena.scope();
    ///     let squares = scope.alloc_slice_with(1000, |n| n * n)?;
    ///     squares.iter().sum::<usize>()
    /// };
    /// assert_eq!((sum, arena.held()), (332_833_500, 0));
    /// # Ok::<(), nano_arena::Exhausted>(())
    /// ```
    pub fn scope(&self) -> Scope<'_> {
        let mut arena = Arena::new(self.pool.clone(), None);
        arena.payer = Some(NonNull::from(self.holding()));
        Scope { arena, parent: PhantomData }
    }

    // --- References -------------------------------------------------------------------------------------------------

    /// Copies a string in.
    ///
    /// # Errors
    /// [`Exhausted`] if a limit or the system refuses, as for all that allocates.
    #[inline]
    pub fn alloc_str(&self, text: &str) -> Result<&str, Exhausted> {
        let bytes = self.alloc_slice(text.as_bytes())?;
        // SAFETY: these are the bytes of a `str`.
        Ok(unsafe { str::from_utf8_unchecked(bytes) })
    }

    /// Moves a value in.
    ///
    /// # Errors
    /// As [`Arena::alloc_str`].
    #[inline]
    #[allow(clippy::mut_from_ref)] // Each call hands out memory of its own.
    pub fn alloc<T: Copy>(&self, value: T) -> Result<&mut T, Exhausted> {
        let at = self.alloc_layout(Layout::new::<T>())?.cast::<T>();
        // SAFETY: `at` has the layout of `T`, nobody else has it, and it lives as long as `&self` is
        // borrowed.
        unsafe {
            at.write(value);
            Ok(&mut *at.as_ptr())
        }
    }

    /// Copies a slice in.
    ///
    /// # Errors
    /// As [`Arena::alloc_str`].
    #[inline]
    #[allow(clippy::mut_from_ref)] // Each call hands out memory of its own.
    pub fn alloc_slice<T: Copy>(&self, source: &[T]) -> Result<&mut [T], Exhausted> {
        let at = self.alloc_layout(Layout::for_value(source))?.cast::<T>();
        // SAFETY: `at` has the layout of `source`, is fresh and so does not overlap it, and lives as long as
        // `&self` is borrowed.
        unsafe {
            ptr::copy_nonoverlapping(source.as_ptr(), at.as_ptr(), source.len());
            Ok(slice::from_raw_parts_mut(at.as_ptr(), source.len()))
        }
    }

    /// Makes a slice of `len` elements, each by calling `make` with its index. `make` may use the arena
    /// itself.
    ///
    /// # Errors
    /// As [`Arena::alloc_str`]; then `make` was not called.
    #[allow(clippy::mut_from_ref)] // Each call hands out memory of its own.
    pub fn alloc_slice_with<T: Copy>(
        &self,
        len: usize,
        mut make: impl FnMut(usize) -> T,
    ) -> Result<&mut [T], Exhausted> {
        let layout = Layout::array::<T>(len).map_err(|_| self.refuse_system(usize::MAX))?;
        let at = self.alloc_layout(layout)?.cast::<T>();
        for index in 0..len {
            // SAFETY: `index` is under `len`, for which there is room. If `make` panics the memory is never
            // looked at.
            unsafe { at.add(index).write(make(index)) };
        }
        // SAFETY: all `len` elements were written; the memory is nobody else's and lives as long as `&self`
        // is borrowed.
        Ok(unsafe { slice::from_raw_parts_mut(at.as_ptr(), len) })
    }

    // --- Handles ----------------------------------------------------------------------------------------------------

    /// Copies a string in and names it.
    ///
    /// # Errors
    /// As [`Arena::alloc_str`].
    #[inline]
    pub fn store_text(&self, text: &str) -> Result<Text, Exhausted> {
        let bytes = self.store_bytes(text.as_bytes())?;
        // SAFETY: these are the bytes of a `str`.
        Ok(unsafe { Text::new(bytes) })
    }

    /// Copies bytes in and names them.
    ///
    /// # Errors
    /// As [`Arena::alloc_str`].
    #[inline]
    pub fn store_bytes(&self, bytes: &[u8]) -> Result<Bytes, Exhausted> {
        self.store_slice(bytes)
    }

    /// Copies a slice in and names it.
    ///
    /// # Errors
    /// As [`Arena::alloc_str`].
    #[inline]
    pub fn store_slice<T: Copy>(&self, source: &[T]) -> Result<Slice<T>, Exhausted> {
        let stored = self.alloc_slice(source)?;
        // SAFETY: the memory was written just now, is this arena's, and nobody else has it who could change
        // it.
        Ok(unsafe { Slice::new(NonNull::from(stored).cast(), source.len(), self.id) })
    }

    /// What `handle` names.
    ///
    /// # Panics
    /// If `handle` is of another arena, or of this one before a [`reset`](Arena::reset): a mistake of the
    /// program, never of its input.
    #[inline]
    #[track_caller]
    pub fn get<'a, H: Handle + 'a>(&'a self, handle: H) -> &'a H::Target {
        match self.try_get(handle) {
            Some(target) => target,
            None => foreign(handle.arena(), self.id),
        }
    }

    /// What `handle` names; `None` if it is not (or no more) this arena's.
    #[inline]
    pub fn try_get<'a, H: Handle + 'a>(&'a self, handle: H) -> Option<&'a H::Target> {
        if handle.arena() != self.id && !handle.is_nothing() {
            return None;
        }
        // SAFETY: the identity is this arena's, which is not dropped or reset while `&self` is borrowed; no
        // two arenas of the process ever have the same.
        Some(unsafe { handle.resolve() })
    }

    /// The bytes as text, without a copy.
    ///
    /// # Errors
    /// If they are not UTF-8.
    ///
    /// # Panics
    /// As [`Arena::get`].
    #[track_caller]
    pub fn text(&self, bytes: Bytes) -> Result<Text, Utf8Error> {
        str::from_utf8(self.get(bytes))?;
        // SAFETY: just checked, and what a handle names does not change.
        Ok(unsafe { Text::new(bytes) })
    }

    // --- Inside -----------------------------------------------------------------------------------------------------

    #[inline]
    pub(crate) fn id(&self) -> u64 {
        self.id
    }

    #[inline]
    fn holding(&self) -> &Holding {
        match self.payer {
            None => &self.holding,
            // SAFETY: only a `Scope` has a payer, which borrows the paying arena (through its parents) as
            // long as it lives.
            Some(payer) => unsafe { payer.as_ref() },
        }
    }

    /// Room in the current chunk.
    pub(crate) fn room(&self) -> usize {
        self.current.borrow().as_ref().map_or(0, Chunk::room)
    }

    /// Memory of `layout` that nobody else has, and that stays until the arena is dropped or reset.
    #[inline]
    pub(crate) fn alloc_layout(&self, layout: Layout) -> Result<NonNull<u8>, Exhausted> {
        match self.cut(layout) {
            Some(at) => Ok(at),
            None => self.alloc_slow(layout).inspect_err(|refusal| self.count(refusal)),
        }
    }

    /// As [`Arena::alloc_layout`], but a refusal does not count: the caller has another wish.
    pub(crate) fn try_alloc_layout(&self, layout: Layout) -> Option<NonNull<u8>> {
        self.cut(layout).or_else(|| self.alloc_slow(layout).ok())
    }

    #[inline]
    fn cut(&self, layout: Layout) -> Option<NonNull<u8>> {
        self.current.borrow().as_ref()?.cut(layout)
    }

    #[cold]
    #[inline(never)]
    fn alloc_slow(&self, layout: Layout) -> Result<NonNull<u8>, Exhausted> {
        let refusal = Exhausted::system(layout.size());
        if layout.size() == 0 {
            return Ok(NonNull::without_provenance(align_of_layout(layout)));
        }
        let need = chunk::need(layout).ok_or(refusal)?;
        let chunk = self.acquire(need, self.next_class.get(), layout.size())?;
        let Some(at) = chunk.cut(layout) else {
            self.put_back(chunk);
            return Err(refusal);
        };
        let mut slot = self.current.borrow_mut();
        if let Some(current) = &mut *slot {
            let mut others = self.others.borrow_mut();
            if others.try_reserve(1).is_err() {
                self.put_back(chunk);
                return Err(refusal);
            }
            // The one with more room goes on being cut: a large value in a chunk of its own leaves the
            // current one in place.
            let aside = if chunk.room() > current.room() { std::mem::replace(current, chunk) } else { chunk };
            others.push(aside);
        } else {
            *slot = Some(chunk);
        }
        self.next_class.set(self.pool.class_after(self.next_class.get()));
        Ok(at)
    }

    /// A block of its own of at least `need` bytes, if possible of `want`, and its length. It goes back to
    /// the pool by [`Arena::release_block`], at the latest with the arena.
    pub(crate) fn alloc_block(
        &self,
        need: usize,
        want: usize,
        align: usize,
    ) -> Result<(NonNull<u8>, usize), Exhausted> {
        self.try_alloc_block(want, align)
            .or_else(|_| self.try_alloc_block(need, align))
            .inspect_err(|refusal| self.count(refusal))
    }

    fn try_alloc_block(&self, len: usize, align: usize) -> Result<(NonNull<u8>, usize), Exhausted> {
        let refusal = Exhausted::system(len);
        let mut others = self.others.borrow_mut();
        others.try_reserve(1).map_err(|_| refusal)?;
        let mut chunk = self.acquire(len.checked_add(align - 1).ok_or(refusal)?, 0, len)?;
        match chunk.cut_all(align) {
            Some(block) => {
                others.push(chunk);
                Ok(block)
            }
            None => {
                self.put_back(chunk);
                Err(refusal)
            }
        }
    }

    /// Gives a block back.
    ///
    /// # Safety
    /// `block` is from this arena's [`Arena::alloc_block`], and nobody looks at it any more.
    pub(crate) unsafe fn release_block(&self, block: NonNull<u8>) {
        let mut others = self.others.borrow_mut();
        // From the end: what grows is mostly the youngest.
        if let Some(index) = others.iter().rposition(|chunk| chunk.is_block(block)) {
            let chunk = others.swap_remove(index);
            self.put_back(chunk);
        }
    }

    /// A chunk with at least `need` usable bytes, charged: of class `class` or more if the limits allow, else
    /// as small as may be.
    fn acquire(&self, need: usize, class: u8, requested: usize) -> Result<Chunk, Exhausted> {
        let roomy = self.pool.size_for(need, class);
        let mut refusal = match roomy {
            Some(size) => match self.acquire_size(size) {
                Ok(chunk) => return Ok(chunk),
                Err(refusal) => refusal,
            },
            None => Exhausted::system(requested),
        };
        let mut least = roomy.map_or(usize::MAX, |size| size.bytes);
        for size in [self.pool.size_for(need, 0), self.pool.exact_size(need)].into_iter().flatten() {
            if size.bytes < least {
                least = size.bytes;
                match self.acquire_size(size) {
                    Ok(chunk) => return Ok(chunk),
                    Err(e) => refusal = e,
                }
            }
        }
        refusal.requested = requested;
        Err(refusal)
    }

    #[inline]
    fn acquire_size(&self, size: Size) -> Result<Chunk, Exhausted> {
        let holding = self.holding();
        holding.charge(size.bytes)?;
        let Some(chunk) = self.pool.take(size) else {
            holding.release(size.bytes);
            return Err(Exhausted::system(size.bytes));
        };
        if chunk.bytes() != size.bytes {
            return self.recharge(chunk, size.bytes);
        }
        Ok(chunk)
    }

    /// Puts right a charge that was not what the chunk turned out to cost.
    #[cold]
    fn recharge(&self, chunk: Chunk, charged: usize) -> Result<Chunk, Exhausted> {
        self.holding().release(charged);
        match self.holding().charge(chunk.bytes()) {
            Ok(()) => Ok(chunk),
            Err(refusal) => {
                self.pool.give(chunk);
                Err(refusal)
            }
        }
    }

    fn put_back(&self, chunk: Chunk) {
        self.holding().release(chunk.bytes());
        self.pool.give(chunk);
    }

    fn count(&self, refusal: &Exhausted) {
        match refusal.by {
            RefusedBy::System => self.pool.count_refused_by_system(),
            RefusedBy::ArenaLimit => self.pool.count_refused_by_limit(),
            RefusedBy::Account => {
                self.pool.count_refused_by_limit();
                if let Some(account) = &*self.holding().account.borrow() {
                    account.count_refusal();
                }
            }
        }
    }

    /// The error for what no system has, counted.
    pub(crate) fn refuse_system(&self, requested: usize) -> Exhausted {
        let refusal = Exhausted::system(requested);
        self.count(&refusal);
        refusal
    }

    #[inline]
    fn give_back(&mut self) {
        if let Some(chunk) = self.current.get_mut().take() {
            self.put_back(chunk);
        }
        while let Some(chunk) = self.others.get_mut().pop() {
            self.put_back(chunk);
        }
    }
}

impl Drop for Arena {
    #[inline]
    fn drop(&mut self) {
        self.give_back();
    }
}

impl fmt::Debug for Arena {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Arena").field("id", &self.id).field("held", &self.held()).finish_non_exhaustive()
    }
}

/// The alignment of `layout`, which is never zero.
fn align_of_layout(layout: Layout) -> std::num::NonZero<usize> {
    std::num::NonZero::new(layout.align()).unwrap_or(std::num::NonZero::<usize>::MIN)
}

#[cold]
#[inline(never)]
#[track_caller]
pub(crate) fn foreign(handle: u64, arena: u64) -> ! {
    panic!("a handle of arena {handle} was used with arena {arena}, or after a reset")
}

/// An [`Arena`] inside another, made by [`Arena::scope`] and used as one. What it holds is given back when it
/// is dropped.
#[derive(Debug)]
pub struct Scope<'parent> {
    arena: Arena,
    /// Holds the paying arena in place: see `Arena::holding`.
    parent: PhantomData<&'parent Arena>,
}

impl Deref for Scope<'_> {
    type Target = Arena;

    #[inline]
    fn deref(&self) -> &Arena {
        &self.arena
    }
}
