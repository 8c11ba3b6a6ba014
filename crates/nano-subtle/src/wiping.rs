//! Marks the time in which freed memory may hold a private key that only the program's allocator can
//! overwrite, since other crates own it.

use std::cell::Cell;

thread_local! {
    static WIPING: Cell<bool> = const { Cell::new(false) };
}

/// Whether memory that this thread frees now may hold a private key, so that the allocator should overwrite
/// it.
///
/// These are numbers of the rsa crate, which no other code can reach. A global allocator may ask this in
/// `dealloc`; with an allocator that does not, such memory is freed without being overwritten.
#[inline]
pub fn is_wiping() -> bool {
    WIPING.get()
}

/// Runs `run`; the allocator overwrites the memory that it frees, see [`is_wiping`].
pub(crate) fn wiping<R>(run: impl FnOnce() -> R) -> R {
    struct Done(bool);
    impl Drop for Done {
        fn drop(&mut self) {
            WIPING.set(self.0);
        }
    }
    let _done = Done(WIPING.replace(true));
    run()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mark_lasts_for_the_whole_call_and_nests() {
        assert!(!is_wiping());
        wiping(|| {
            assert!(is_wiping());
            wiping(|| assert!(is_wiping()));
            assert!(is_wiping());
        });
        assert!(!is_wiping());
    }
}
