//! Memory that held a private key and that only the program's allocator can overwrite, since other crates own it. Knows nothing of keys.

use std::cell::Cell;

thread_local! {
    static WIPING: Cell<bool> = const { Cell::new(false) };
}

/// Whether memory that this thread frees now held a private key and is to be overwritten before: numbers of the rsa crate's, whose parts
/// only the program's allocator can reach. An allocator may ask this in `dealloc`; where none does, such memory is freed as it is.
#[inline]
pub fn is_wiping() -> bool {
    WIPING.get()
}

/// Runs `run`; what it frees is overwritten, see [`is_wiping`].
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
    fn what_frees_a_key_is_told_to_overwrite() {
        assert!(!is_wiping());
        wiping(|| {
            assert!(is_wiping());
            wiping(|| assert!(is_wiping()));
            assert!(is_wiping());
        });
        assert!(!is_wiping());
    }
}
