//! The system's allocator fails, at each allocation in turn: everything reports it, and nothing is lost or
//! left behind.

use nano_arena::{Account, Buffer, Exhausted, List, Pool, RefusedBy};

use crate::allocator::{failing_after, live_bytes};

/// A bit of everything that allocates.
fn use_arena(pool: &Pool, account: &Account) -> Result<(), Exhausted> {
    let arena = pool.arena_for(account);
    let first = arena.store_text("first")?;
    for n in 1..40 {
        let bytes = arena.alloc_slice_with(n * 50, |_| n as u8)?;
        assert!(bytes.iter().all(|&byte| byte == n as u8));
    }
    arena.alloc_slice_with(100_000, |_| 1u8)?;
    let mut list = List::new(&arena);
    let mut other = Buffer::new(&arena);
    for n in 0..3000u64 {
        list.push(n)?;
        other.push_bytes(b"bytes")?;
    }
    let other = other.detach();
    {
        let scope = arena.scope();
        scope.alloc_concat(&["in", "side"])?;
        scope.alloc_slice_with(9000, |n| n)?;
    }
    let list = list.freeze();
    assert!(arena.get(list).iter().copied().eq(0..3000));
    assert_eq!(arena.attach(other).len(), 15_000);
    assert_eq!(arena.get(first), "first");
    Ok(())
}

#[test]
fn each_failure_of_the_system_is_an_error() {
    for high_water in [0, 20_000, usize::MAX] {
        let before = live_bytes();
        let pool = Pool::default();
        pool.set_high_water(high_water);
        let account = Account::unlimited();
        let mut failures = 0;
        for count in 0.. {
            pool.trim(0);
            let (outcome, failed) = failing_after(count, || use_arena(&pool, &account));
            assert_eq!((account.used(), pool.stats().live_bytes), (0, 0), "after failing at {count}");
            match outcome {
                // Without memory a smaller chunk may have done, and a chunk given back may just not have been
                // kept.
                Ok(()) if !failed => break,
                Ok(()) => {}
                Err(refusal) => {
                    assert!(failed && refusal.by() == RefusedBy::System, "{refusal} at {count}");
                    failures += 1;
                }
            }
            assert!(use_arena(&pool, &account).is_ok(), "after failing at {count}");
        }
        assert!(failures > 5, "only {failures} failures");
        assert_eq!(pool.stats().refused_by_system, failures);
        drop((pool, account));
        assert_eq!(live_bytes(), before);
    }
}

#[test]
fn a_pool_serves_while_the_system_fails() {
    let pool = Pool::default();
    drop(pool.arena().alloc(1u8));
    let ((), failed) = failing_after(0, || {
        for _ in 0..10 {
            let arena = pool.arena();
            assert_eq!(arena.alloc_str("from the pool").ok(), Some("from the pool"));
        }
    });
    assert!(!failed);
    assert_eq!(pool.stats().allocated, 1);
}
