//! Handles: names for what an arena holds, which can be stored beside the arena, where references could not.

use std::fmt;
use std::ops::{Bound, RangeBounds};
use std::ptr::NonNull;
use std::str;

/// The identity that fits every arena: of empty slices, for which no memory is looked at.
pub(crate) const NO_ARENA: u64 = 0;

/// Names a slice in an [`Arena`](crate::Arena), which [`Arena::get`](crate::Arena::get) turns into a
/// reference.
///
/// It can be copied, stored anywhere and sent to other threads, and costs three words. It carries the
/// identity of its arena: with another one, or with the same after it was reset, `get` panics and
/// [`Arena::try_get`](crate::Arena::try_get) says `None`.
pub struct Slice<T> {
    at: NonNull<T>,
    len: usize,
    arena: u64,
}

// SAFETY: an address, which is only followed through the slice's arena, for a shared reference to the values.
// `T: Sync` because copies of the handle may be on several threads, `T: Send` because the arena may be sent
// after the handle.
unsafe impl<T: Send + Sync> Send for Slice<T> {}
// SAFETY: as for `Send`; the handle itself is never written to.
unsafe impl<T: Send + Sync> Sync for Slice<T> {}

/// Names bytes in an arena.
pub type Bytes = Slice<u8>;

impl<T> Slice<T> {
    /// A slice of nothing, which every arena knows.
    pub const fn empty() -> Slice<T> {
        Slice { at: NonNull::dangling(), len: 0, arena: NO_ARENA }
    }

    /// # Safety
    /// `len` elements of `T` at `at` are initialized, and stay so and unchanged until the arena `arena` ends
    /// or is reset.
    #[inline]
    pub(crate) unsafe fn new(at: NonNull<T>, len: usize, arena: u64) -> Slice<T> {
        Slice { at, len, arena }
    }

    /// How many elements it has.
    #[inline]
    pub fn len(&self) -> usize {
        self.len
    }

    /// If it has no element.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The part of it in `range`, by index; `None` if that is not inside. Needs no arena.
    pub fn slice(&self, range: impl RangeBounds<usize>) -> Option<Slice<T>> {
        let start = match range.start_bound() {
            Bound::Included(&n) => n,
            Bound::Excluded(&n) => n.checked_add(1)?,
            Bound::Unbounded => 0,
        };
        let end = match range.end_bound() {
            Bound::Included(&n) => n.checked_add(1)?,
            Bound::Excluded(&n) => n,
            Bound::Unbounded => self.len,
        };
        if start > end || end > self.len {
            return None;
        }
        // The arena may be gone, so the address is reckoned without claiming that memory is there.
        // SAFETY: `start` is at most `len`, so the result lies in what was the slice or at its end, and is
        // not null.
        let at = unsafe { NonNull::new_unchecked(self.at.as_ptr().wrapping_add(start)) };
        // SAFETY: a part of what this handle already vouches for.
        Some(unsafe { Slice::new(at, end - start, self.arena) })
    }

    /// The handle for `part`, a reference into this slice (such as a parser returns); `None` if it is not
    /// inside.
    ///
    /// ```
    /// # use nano_arena::Pool;
    /// let arena = Pool::default().arena();
    /// let head = arena.store_bytes(b"Host: a.example")?;
    /// let value = &arena.get(head)[6..];
    /// let handle = head.part(value).expect("value is a part of head");
    /// assert_eq!(arena.get(handle), b"a.example");
    /// # Ok::<(), nano_arena::Exhausted>(())
    /// ```
    pub fn part(&self, part: &[T]) -> Option<Slice<T>> {
        let size = size_of::<T>();
        if size == 0 {
            return self.slice(..part.len());
        }
        let offset = (part.as_ptr() as usize).checked_sub(self.at.as_ptr() as usize)?;
        if offset % size != 0 {
            return None;
        }
        let start = offset / size;
        self.slice(start..start.checked_add(part.len())?)
    }
}

impl<T> Clone for Slice<T> {
    #[inline]
    fn clone(&self) -> Slice<T> {
        *self
    }
}

impl<T> Copy for Slice<T> {}

impl<T> Default for Slice<T> {
    fn default() -> Slice<T> {
        Slice::empty()
    }
}

impl<T> fmt::Debug for Slice<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Slice({} elements in arena {})", self.len, self.arena)
    }
}

/// Names a string in an arena. Otherwise as [`Slice`].
#[derive(Clone, Copy, Default)]
pub struct Text {
    bytes: Bytes,
}

impl Text {
    /// The empty string, which every arena knows.
    pub const fn empty() -> Text {
        Text { bytes: Slice::empty() }
    }

    /// # Safety
    /// `bytes` names valid UTF-8.
    #[inline]
    pub(crate) unsafe fn new(bytes: Bytes) -> Text {
        Text { bytes }
    }

    /// Its length in bytes.
    #[inline]
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// If it is the empty string.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// The same as bytes.
    #[inline]
    pub fn bytes(&self) -> Bytes {
        self.bytes
    }

    /// The handle for `part`, a reference into this string; `None` if it is not inside.
    pub fn part(&self, part: &str) -> Option<Text> {
        // A `str` is valid UTF-8 wherever it was cut.
        self.bytes.part(part.as_bytes()).map(|bytes| Text { bytes })
    }
}

impl fmt::Debug for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Text({} bytes in arena {})", self.bytes.len, self.bytes.arena)
    }
}

/// What [`Arena::get`](crate::Arena::get) takes: [`Slice`] and [`Text`]. No other type can be one.
pub trait Handle: Copy + sealed::Sealed {
    /// What it names.
    type Target: ?Sized;

    /// # Safety
    /// The arena that `Sealed::arena` tells lives and is not reset for `'a`; or the handle is empty.
    #[doc(hidden)]
    unsafe fn resolve<'a>(self) -> &'a Self::Target
    where
        Self: 'a;
}

impl<T> Handle for Slice<T> {
    type Target = [T];

    #[inline]
    unsafe fn resolve<'a>(self) -> &'a [T]
    where
        Self: 'a,
    {
        // SAFETY: whoever made the handle vouched for `len` elements while the arena lives, which the caller
        // holds; an empty one points to no memory and is aligned.
        unsafe { std::slice::from_raw_parts(self.at.as_ptr(), self.len) }
    }
}

impl Handle for Text {
    type Target = str;

    #[inline]
    unsafe fn resolve<'a>(self) -> &'a str {
        // SAFETY: as for the bytes; that they are UTF-8 is vouched for by `Text::new`, and a `part` is one of
        // a `str`.
        unsafe { str::from_utf8_unchecked(self.bytes.resolve()) }
    }
}

pub(crate) mod sealed {
    /// What every handle tells of itself.
    pub trait Sealed {
        /// The identity of the arena that holds it.
        fn arena(&self) -> u64;
        /// If nothing is looked at to resolve it.
        fn is_nothing(&self) -> bool;
    }

    impl<T> Sealed for super::Slice<T> {
        #[inline]
        fn arena(&self) -> u64 {
            self.arena
        }

        #[inline]
        fn is_nothing(&self) -> bool {
            self.len == 0
        }
    }

    impl Sealed for super::Text {
        #[inline]
        fn arena(&self) -> u64 {
            self.bytes.arena
        }

        #[inline]
        fn is_nothing(&self) -> bool {
            self.bytes.len == 0
        }
    }
}
