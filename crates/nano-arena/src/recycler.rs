//! Memory of shared values that is used again: for what each request makes one of. Knows nothing of arenas.

use std::cell::RefCell;
use std::fmt;
use std::mem::MaybeUninit;
use std::ptr;
use std::rc::Rc;

/// Gives out `Rc`s without a call of the allocator, in memory of `Rc`s that were given back.
///
/// ```
/// # use nano_arena::Recycler;
/// let exchanges = Recycler::new(64);
/// let first = exchanges.make(String::from("GET /a"));
/// let address = std::rc::Rc::as_ptr(&first);
/// exchanges.give_back(first);
/// let second = exchanges.make(String::from("GET /b"));
/// assert_eq!((&**second, std::rc::Rc::as_ptr(&second)), ("GET /b", address));
/// ```
pub struct Recycler<T> {
    free: RefCell<Vec<Rc<MaybeUninit<T>>>>,
    most: usize,
}

impl<T> Recycler<T> {
    /// A recycler that keeps the memory of at most `most` values.
    pub fn new(most: usize) -> Recycler<T> {
        Recycler { free: RefCell::new(Vec::new()), most }
    }

    /// Shares a value.
    pub fn make(&self, value: T) -> Rc<T> {
        let Some(mut memory) = self.free.borrow_mut().pop() else { return Rc::new(value) };
        match Rc::get_mut(&mut memory) {
            Some(place) => {
                place.write(value);
                // SAFETY: the value was written in the line above.
                unsafe { memory.assume_init() }
            }
            // Not reached: `give_back` keeps no memory that somebody else refers to.
            None => Rc::new(value),
        }
    }

    /// Drops the value and keeps its memory, if this is the last reference to it; else drops the reference.
    pub fn give_back(&self, mut shared: Rc<T>) {
        if Rc::get_mut(&mut shared).is_none() {
            return;
        }
        let at = Rc::into_raw(shared).cast_mut();
        // SAFETY: `get_mut` says that there is no other reference, weak ones included, so nobody sees the
        // value any more, and it is dropped once: from here on its memory is a `MaybeUninit`.
        unsafe { ptr::drop_in_place(at) };
        // SAFETY: `at` is from `Rc::into_raw`, and a `MaybeUninit<T>` has the size and alignment of `T`.
        let memory = unsafe { Rc::from_raw(at.cast::<MaybeUninit<T>>()) };
        let mut free = self.free.borrow_mut();
        if free.len() < self.most {
            free.push(memory);
        }
    }
}

impl<T> fmt::Debug for Recycler<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recycler").field("free", &self.free.borrow().len()).field("most", &self.most).finish()
    }
}
