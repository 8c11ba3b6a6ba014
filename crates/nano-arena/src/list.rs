//! What grows in an arena. Small lists grow inside the arena's chunks; larger ones have a chunk of their own,
//! which goes back to the pool each time they outgrow it, so that growing leaves little behind.

use std::alloc::Layout;
use std::fmt;
use std::mem::ManuallyDrop;
use std::ops::{Deref, DerefMut};
use std::ptr::{self, NonNull};
use std::slice;

use crate::arena::{Arena, foreign};
use crate::error::Exhausted;
use crate::handle::Slice;

/// Up to so many bytes a list lives in the arena's chunks. What it leaves behind there when it grows is less
/// than this.
const SMALL_BYTES: usize = 1024;

/// The first capacity in bytes.
const FIRST_BYTES: usize = 64;

/// A frozen list of up to so many bytes is moved into the arena's current chunk if it fits there.
const MOVED_BYTES: usize = 4096;

/// A growing list of values in an arena: a `Vec` whose growth can be refused.
///
/// At the end it becomes a [`Slice`] ([`freeze`](List::freeze)) or a reference
/// ([`into_slice`](List::into_slice)). [`detach`](List::detach) takes it out of the arena's borrow, to be
/// stored and gone on with later.
///
/// ```
/// # use nano_arena::{List, Pool};
/// let arena = Pool::default().arena();
/// let mut primes = List::new(&arena);
/// for n in 2..100 {
///     if primes.iter().all(|p| n % p != 0) {
///         primes.push(n)?;
///     }
/// }
/// let handle = primes.freeze();
/// assert_eq!(arena.get(handle).len(), 25);
/// # Ok::<(), nano_arena::Exhausted>(())
/// ```
pub struct List<'a, T: Copy> {
    arena: &'a Arena,
    raw: Raw<T>,
}

struct Raw<T> {
    at: NonNull<T>,
    len: usize,
    capacity: usize,
    /// If `at` is a block from `Arena::alloc_block`.
    own: bool,
}

impl<'a, T: Copy> List<'a, T> {
    /// An empty list, without memory yet.
    pub fn new(arena: &'a Arena) -> List<'a, T> {
        let capacity = if size_of::<T>() == 0 { usize::MAX } else { 0 };
        List { arena, raw: Raw { at: NonNull::dangling(), len: 0, capacity, own: false } }
    }

    /// An empty list with room for `capacity` values.
    ///
    /// # Errors
    /// [`Exhausted`] if a limit or the system refuses.
    pub fn with_capacity(arena: &'a Arena, capacity: usize) -> Result<List<'a, T>, Exhausted> {
        let mut list = List::new(arena);
        list.reserve(capacity)?;
        Ok(list)
    }

    #[track_caller]
    pub(crate) fn attach(arena: &'a Arena, draft: Draft<T>) -> List<'a, T> {
        let Draft { raw, arena: id } = draft;
        if id != arena.id() {
            foreign(id, arena.id());
        }
        List { arena, raw }
    }

    /// Appends a value.
    ///
    /// # Errors
    /// As [`List::with_capacity`]; then the list is as it was.
    #[inline]
    pub fn push(&mut self, value: T) -> Result<(), Exhausted> {
        if self.raw.len == self.raw.capacity {
            self.grow(1)?;
        }
        // SAFETY: `len` is under `capacity`.
        unsafe { self.raw.at.add(self.raw.len).write(value) };
        self.raw.len += 1;
        Ok(())
    }

    /// Appends values, all or none.
    ///
    /// # Errors
    /// As [`List::with_capacity`]; then the list is as it was.
    #[inline]
    pub fn extend_from_slice(&mut self, values: &[T]) -> Result<(), Exhausted> {
        self.reserve(values.len())?;
        // SAFETY: there is room for them behind `len`; nobody else can have a reference to there, so they do
        // not overlap.
        unsafe {
            ptr::copy_nonoverlapping(values.as_ptr(), self.raw.at.add(self.raw.len).as_ptr(), values.len());
        }
        self.raw.len += values.len();
        Ok(())
    }

    /// Makes room for `more` values beyond those that are there.
    ///
    /// # Errors
    /// As [`List::with_capacity`]; then the list is as it was.
    #[inline]
    pub fn reserve(&mut self, more: usize) -> Result<(), Exhausted> {
        if more > self.raw.capacity - self.raw.len {
            self.grow(more)?;
        }
        Ok(())
    }

    /// How many values fit without growing.
    pub fn capacity(&self) -> usize {
        self.raw.capacity
    }

    /// Forgets the values from `len` on. The room stays.
    pub fn truncate(&mut self, len: usize) {
        self.raw.len = self.raw.len.min(len);
    }

    /// Forgets all values. The room stays.
    pub fn clear(&mut self) {
        self.raw.len = 0;
    }

    /// Ends the list; the handle names its values.
    pub fn freeze(self) -> Slice<T> {
        let (arena, raw) = self.finish();
        // SAFETY: `len` values are there, in memory that stays until the arena's end, and nobody has it who
        // could change it.
        unsafe { Slice::new(raw.at, raw.len, arena.id()) }
    }

    /// Ends the list; the reference is to its values.
    pub fn into_slice(self) -> &'a mut [T] {
        let (_, raw) = self.finish();
        // SAFETY: as in `freeze`; the arena is borrowed for `'a`.
        unsafe { slice::from_raw_parts_mut(raw.at.as_ptr(), raw.len) }
    }

    /// Takes the list out of the arena's borrow, to be stored beside it. [`Arena::attach`] goes on with it.
    pub fn detach(self) -> Draft<T> {
        let (arena, raw) = self.into_parts();
        Draft { raw, arena: arena.id() }
    }

    fn into_parts(self) -> (&'a Arena, Raw<T>) {
        let this = ManuallyDrop::new(self);
        // SAFETY: `this` is not used or dropped after this, so `raw` has one owner still.
        (this.arena, unsafe { ptr::read(&this.raw) })
    }

    /// The final memory: a list that takes a small part of a chunk of its own moves, so that the chunk can
    /// go.
    fn finish(self) -> (&'a Arena, Raw<T>) {
        let (arena, mut raw) = self.into_parts();
        if !raw.own {
            return (arena, raw);
        }
        let bytes = raw.len * size_of::<T>();
        let worth_it = bytes <= MOVED_BYTES || raw.len <= raw.capacity / 2;
        if raw.len == 0 || (worth_it && bytes.saturating_add(align_of::<T>()) <= arena.room()) {
            // SAFETY: `len` values are at `at`, so it is the layout of a slice that exists.
            let values = unsafe { slice::from_raw_parts(raw.at.as_ptr(), raw.len) };
            if let Ok(at) = arena.alloc_layout(Layout::for_value(values)) {
                let at = at.cast::<T>();
                // SAFETY: `at` is fresh memory for `len` values. The old block came from this arena's
                // `alloc_block`, as `own` says, and `values` was the last look at it.
                unsafe {
                    ptr::copy_nonoverlapping(raw.at.as_ptr(), at.as_ptr(), raw.len);
                    arena.release_block(raw.at.cast());
                }
                raw = Raw { at, len: raw.len, capacity: raw.len, own: false };
            }
        }
        (arena, raw)
    }

    #[cold]
    #[inline(never)]
    fn grow(&mut self, more: usize) -> Result<(), Exhausted> {
        let size = size_of::<T>();
        let too_much = || self.arena.refuse_system(usize::MAX);
        let needed = self.raw.len.checked_add(more).ok_or_else(too_much)?;
        if size == 0 {
            // Room for all that can be counted was there from the start.
            return Err(too_much());
        }
        let need = Layout::array::<T>(needed).map_err(|_| too_much())?;
        let doubled = self.raw.capacity.saturating_mul(2).max(needed).max(FIRST_BYTES / size);
        let want = Layout::array::<T>(doubled).unwrap_or(need);
        let (at, bytes, own) = if want.size() <= SMALL_BYTES {
            match self.arena.try_alloc_layout(want) {
                Some(at) => (at, want.size(), false),
                None => (self.arena.alloc_layout(need)?, need.size(), false),
            }
        } else {
            let (at, bytes) = self.arena.alloc_block(need.size(), want.size(), need.align())?;
            (at, bytes, true)
        };
        let at = at.cast::<T>();
        let new = Raw { at, len: self.raw.len, capacity: bytes / size, own };
        let old = std::mem::replace(&mut self.raw, new);
        // SAFETY: `at` is fresh memory for at least `needed` values, which is more than `len`. The old block
        // came from this arena's `alloc_block`, as `own` says; no reference to it is left, for references
        // borrow the list.
        unsafe {
            ptr::copy_nonoverlapping(old.at.as_ptr(), at.as_ptr(), old.len);
            if old.own {
                self.arena.release_block(old.at.cast());
            }
        }
        Ok(())
    }
}

impl Arena {
    /// Goes on with a list that was [detached](List::detach).
    ///
    /// # Panics
    /// As [`Arena::get`].
    #[track_caller]
    pub fn attach<T: Copy>(&self, draft: Draft<T>) -> List<'_, T> {
        List::attach(self, draft)
    }
}

impl<T: Copy> Drop for List<'_, T> {
    fn drop(&mut self) {
        if self.raw.own {
            // SAFETY: `own` says that it came from this arena's `alloc_block`; references to it borrow the
            // list, which ends.
            unsafe { self.arena.release_block(self.raw.at.cast()) };
        }
    }
}

impl<T: Copy> Deref for List<'_, T> {
    type Target = [T];

    #[inline]
    fn deref(&self) -> &[T] {
        // SAFETY: `len` values are there, and only `&mut self` changes or moves them.
        unsafe { slice::from_raw_parts(self.raw.at.as_ptr(), self.raw.len) }
    }
}

impl<T: Copy> DerefMut for List<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut [T] {
        // SAFETY: as for `deref`, and `&mut self` excludes everybody else.
        unsafe { slice::from_raw_parts_mut(self.raw.at.as_ptr(), self.raw.len) }
    }
}

impl<T: Copy + fmt::Debug> fmt::Debug for List<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// A [`List`] or [`Buffer`](crate::Buffer) that was detached from its arena's borrow, so that it can be
/// stored beside it.
///
/// If it is dropped, its memory stays with the arena until that ends.
#[must_use = "the memory of a forgotten draft stays with the arena until that ends"]
pub struct Draft<T: Copy> {
    raw: Raw<T>,
    arena: u64,
}

// SAFETY: an address, which is only followed through the draft's arena, and that gives out the values
// themselves.
unsafe impl<T: Copy + Send> Send for Draft<T> {}

impl<T: Copy> Draft<T> {
    /// How many values it has.
    pub fn len(&self) -> usize {
        self.raw.len
    }

    /// If it has no value.
    pub fn is_empty(&self) -> bool {
        self.raw.len == 0
    }

    /// Its values. `arena` is the one it is of.
    ///
    /// # Panics
    /// As [`Arena::get`].
    #[track_caller]
    pub fn as_slice<'a>(&'a self, arena: &'a Arena) -> &'a [T] {
        if self.arena != arena.id() {
            foreign(self.arena, arena.id());
        }
        // SAFETY: `len` values are there, the arena lives for `'a`, and whoever changes them needs the draft
        // by value.
        unsafe { slice::from_raw_parts(self.raw.at.as_ptr(), self.raw.len) }
    }
}

impl<T: Copy> fmt::Debug for Draft<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Draft({} values in arena {})", self.raw.len, self.arena)
    }
}
