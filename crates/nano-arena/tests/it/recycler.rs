//! Recycled `Rc`s: each value is dropped once, and memory is only used again when nobody refers to it.

use std::cell::{Cell, RefCell};
use std::rc::{Rc, Weak};

use nano_arena::Recycler;

use crate::allocator::{failing_after, live_bytes};

/// Counts its drops.
struct Counted<'a>(&'a Cell<usize>, #[allow(dead_code)] [u64; 4]);

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get() + 1);
    }
}

#[test]
fn memory_is_used_again_without_the_allocator() {
    let before = live_bytes();
    let drops = Cell::new(0);
    let recycler = Recycler::new(2);
    let values: Vec<_> = (0..3).map(|_| recycler.make(Counted(&drops, [7; 4]))).collect();
    values.into_iter().for_each(|value| recycler.give_back(value));
    assert_eq!(drops.get(), 3);
    let (_, failed) = failing_after(0, || {
        for _ in 0..100 {
            let (one, two) = (recycler.make(Counted(&drops, [1; 4])), recycler.make(Counted(&drops, [2; 4])));
            recycler.give_back(one);
            recycler.give_back(two);
        }
    });
    assert_eq!((drops.get(), failed), (203, false));
    drop(recycler);
    assert_eq!(live_bytes(), before);
}

#[test]
fn a_value_that_somebody_holds_is_not_recycled() {
    let drops = Cell::new(0);
    let recycler = Recycler::new(8);
    let value = recycler.make(Counted(&drops, [1; 4]));
    let (other, weak) = (Rc::clone(&value), Rc::downgrade(&value));
    recycler.give_back(value);
    assert_eq!(drops.get(), 0);
    // A weak reference keeps the memory too.
    recycler.give_back(other);
    assert!(drops.get() == 1 && weak.upgrade().is_none());
    let fresh = recycler.make(Counted(&drops, [1; 4]));
    assert!(!std::ptr::eq(Rc::as_ptr(&fresh), weak.as_ptr()));
    drop((fresh, weak));
    assert_eq!(drops.get(), 2);
}

#[test]
fn a_value_may_use_the_recycler_as_it_is_dropped() {
    struct Node(Weak<Recycler<Node>>, RefCell<Option<Rc<Node>>>);
    impl Drop for Node {
        fn drop(&mut self) {
            if let (Some(recycler), Some(next)) = (self.0.upgrade(), self.1.take()) {
                recycler.give_back(next);
            }
        }
    }
    let before = live_bytes();
    let recycler = Rc::new(Recycler::new(8));
    let mut list = None;
    for _ in 0..5 {
        list = Some(recycler.make(Node(Rc::downgrade(&recycler), RefCell::new(list))));
    }
    recycler.give_back(list.expect("five nodes"));
    assert!(format!("{recycler:?}").contains("free: 5"));
    drop(recycler);
    assert_eq!(live_bytes(), before);
}
