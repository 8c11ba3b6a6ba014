//! Random sequences of operations against a model that keeps plain copies.

use std::fmt::Debug;
use std::ops::Range;

use nano_arena::{
    Account, Arena, Buffer, Bytes, Charge, Draft, List, Pool, PoolConfig, RefusedBy, Slice, Text,
};
use proptest::prelude::*;
use proptest::sample::Index;

#[derive(Debug, Clone)]
enum Op {
    StoreBytes(usize),
    StoreText(usize),
    StoreNumbers(usize),
    Reference(usize),
    Start,
    Push(Index, usize),
    Append(Index, usize),
    Truncate(Index, usize),
    Freeze(Index),
    Abandon(Index),
    Forget(Index),
    Enter,
    Leave,
    Charge(usize),
    Uncharge(Index),
    Trim(usize),
    Reset,
}

fn size() -> impl Strategy<Value = usize> {
    prop_oneof![4 => 0usize..100, 3 => 100usize..5000, 1 => 5000usize..100_000]
}

fn op() -> impl Strategy<Value = Op> {
    let index = any::<Index>;
    prop_oneof![
        4 => size().prop_map(Op::StoreBytes),
        2 => size().prop_map(Op::StoreText),
        2 => size().prop_map(Op::StoreNumbers),
        2 => size().prop_map(Op::Reference),
        2 => Just(Op::Start),
        6 => (index(), size()).prop_map(|(i, n)| Op::Push(i, n)),
        2 => (index(), size()).prop_map(|(i, n)| Op::Append(i, n)),
        1 => (index(), size()).prop_map(|(i, n)| Op::Truncate(i, n)),
        2 => index().prop_map(Op::Freeze),
        1 => index().prop_map(Op::Abandon),
        1 => index().prop_map(Op::Forget),
        2 => Just(Op::Enter),
        2 => Just(Op::Leave),
        1 => size().prop_map(Op::Charge),
        1 => index().prop_map(Op::Uncharge),
        1 => size().prop_map(Op::Trim),
        1 => Just(Op::Reset),
    ]
}

fn limit() -> impl Strategy<Value = usize> {
    prop_oneof![Just(usize::MAX), 0usize..20_000, 20_000usize..300_000]
}

/// What is outside the arena that the operations are carried out on.
struct World {
    pool: Pool,
    high_water: usize,
    account: Account,
    charges: Vec<Charge>,
    /// The memory of what the outer arenas hold.
    outer: Vec<Range<usize>>,
    next: u8,
}

/// What one arena holds, and copies of it.
#[derive(Default)]
struct Held<'a> {
    bytes: Vec<(Bytes, Vec<u8>)>,
    texts: Vec<(Text, String)>,
    numbers: Vec<(Slice<u64>, Vec<u64>)>,
    references: Vec<(&'a mut [u8], Vec<u8>)>,
    drafts: Vec<(Draft<u8>, Vec<u8>)>,
}

fn range<T>(slice: &[T]) -> Range<usize> {
    let range = slice.as_ptr_range();
    range.start as usize..range.end as usize
}

impl World {
    fn pattern(&mut self, len: usize) -> Vec<u8> {
        self.next = self.next.wrapping_add(37);
        let first = self.next;
        (0..len).map(|n| first.wrapping_add(n as u8)).collect()
    }

    /// Checks that a refusal had a reason: that not even the tightest chunk would have fitted.
    fn check_refusal<T: Debug>(
        &self,
        arena: &Arena,
        bytes: usize,
        result: &Result<T, nano_arena::Exhausted>,
    ) {
        if let Err(refusal) = result {
            let room = arena.limit().saturating_sub(arena.held()).min(self.account.remaining());
            let tightest = if bytes < 3900 { (bytes + 200).next_power_of_two() } else { bytes + 2 * 4096 };
            assert!(room < tightest.max(512), "{bytes} refused with room for {room}: {refusal}");
            assert_ne!(refusal.by(), RefusedBy::System);
        }
    }

    fn check(&self, arena: &Arena, held: &Held<'_>) {
        let mut memory = self.outer.clone();
        for (handle, copy) in &held.bytes {
            assert_eq!(arena.get(*handle), copy);
            memory.push(range(arena.get(*handle)));
        }
        for (handle, copy) in &held.texts {
            assert_eq!(arena.get(*handle), copy);
            memory.push(range(arena.get(*handle).as_bytes()));
        }
        for (handle, copy) in &held.numbers {
            assert_eq!(arena.get(*handle), copy);
            assert_eq!(arena.get(*handle).as_ptr() as usize % align_of::<u64>(), 0);
            memory.push(range(arena.get(*handle)));
        }
        for (reference, copy) in &held.references {
            assert_eq!(reference, copy);
            memory.push(range(reference));
        }
        for (draft, copy) in &held.drafts {
            assert_eq!(draft.as_slice(arena), copy);
            memory.push(range(draft.as_slice(arena)));
        }
        memory.retain(|range| !range.is_empty());
        memory.sort_by_key(|range| range.start);
        assert!(memory.windows(2).all(|pair| pair[0].end <= pair[1].start), "memory handed out twice");

        let charged: usize = self.charges.iter().map(Charge::bytes).sum();
        let used: usize = memory.iter().map(|range| range.len()).sum();
        let stats = self.pool.stats();
        assert!(used <= arena.held(), "{used} used of {} held", arena.held());
        assert_eq!(self.account.used(), arena.held() + charged);
        assert!(self.account.used() <= self.account.limit() && arena.held() <= arena.limit());
        assert!(self.account.peak() >= self.account.used());
        assert_eq!(stats.live_bytes, arena.held());
        assert!(stats.pooled_bytes <= self.high_water);
        assert!(stats.peak_bytes >= stats.live_bytes);
        assert_eq!(stats.pooled_chunks == 0, stats.pooled_bytes == 0);
    }

    /// Carries out operations until the one that leaves this arena; tells whether it was a reset.
    fn run(&mut self, arena: &Arena, depth: usize, ops: &mut dyn Iterator<Item = Op>) -> bool {
        let mut held = Held::default();
        while let Some(op) = ops.next() {
            match op {
                Op::StoreBytes(len) => {
                    let copy = self.pattern(len);
                    let result = arena.store_bytes(&copy);
                    self.check_refusal(arena, len, &result);
                    held.bytes.extend(result.map(|handle| (handle, copy)));
                }
                Op::StoreText(len) => {
                    let copy: String = self.pattern(len).into_iter().map(char::from).collect();
                    let result = arena.store_text(&copy);
                    self.check_refusal(arena, copy.len(), &result);
                    held.texts.extend(result.map(|handle| (handle, copy)));
                }
                Op::StoreNumbers(len) => {
                    let copy: Vec<u64> = (0..len as u64).collect();
                    let result = arena.store_slice(&copy);
                    self.check_refusal(arena, len * 8 + 8, &result);
                    held.numbers.extend(result.map(|handle| (handle, copy)));
                }
                Op::Reference(len) => {
                    let copy = self.pattern(len);
                    let result = arena.alloc_slice_with(len, |n| copy[n]);
                    self.check_refusal(arena, len, &result);
                    held.references.extend(result.map(|reference| (reference, copy)));
                }
                Op::Start => held.drafts.push((Buffer::new(arena).detach(), Vec::new())),
                Op::Push(index, len) => {
                    let pushed = self.pattern(len);
                    self.edit(arena, &mut held, index, |list, copy| {
                        let result = list.extend_from_slice(&pushed);
                        if result.is_ok() {
                            copy.extend(&pushed);
                        }
                        (copy.len() + len, result)
                    });
                }
                Op::Append(index, count) => {
                    self.edit(arena, &mut held, index, |list, copy| {
                        for n in 0..count.min(2000) {
                            if let Err(refusal) = list.push(n as u8) {
                                return (copy.len() + 1, Err(refusal));
                            }
                            copy.push(n as u8);
                        }
                        (0, Ok(()))
                    });
                }
                Op::Truncate(index, len) => {
                    self.edit(arena, &mut held, index, |list, copy| {
                        list.truncate(len);
                        copy.truncate(len);
                        (0, Ok(()))
                    });
                }
                Op::Freeze(index) if !held.drafts.is_empty() => {
                    let (draft, copy) = held.drafts.swap_remove(index.index(held.drafts.len()));
                    let before = arena.held();
                    if copy.len() % 2 == 0 {
                        held.bytes.push((arena.attach(draft).freeze(), copy));
                    } else {
                        held.references.push((arena.attach(draft).into_slice(), copy));
                    }
                    assert!(arena.held() <= before);
                }
                Op::Abandon(index) if !held.drafts.is_empty() => {
                    let (draft, _) = held.drafts.swap_remove(index.index(held.drafts.len()));
                    let before = arena.held();
                    let list = arena.attach(draft);
                    let surely_own_chunk = list.capacity() > 1024;
                    drop(list);
                    assert!(arena.held() < before + usize::from(!surely_own_chunk));
                }
                Op::Forget(index) if !held.drafts.is_empty() => {
                    drop(held.drafts.swap_remove(index.index(held.drafts.len())));
                }
                Op::Freeze(_) | Op::Abandon(_) | Op::Forget(_) => {}
                Op::Enter if depth < 3 => {
                    let before = (arena.held(), self.outer.len());
                    let mut memory: Vec<_> =
                        held.bytes.iter().map(|(handle, _)| range(arena.get(*handle))).collect();
                    memory.extend(held.drafts.iter().map(|(draft, _)| range(draft.as_slice(arena))));
                    memory.extend(held.references.iter().map(|(reference, _)| range(reference)));
                    self.outer.extend(memory);
                    self.run(&arena.scope(), depth + 1, ops);
                    self.outer.truncate(before.1);
                    assert_eq!(arena.held(), before.0, "a scope left something behind");
                }
                Op::Enter => {}
                Op::Leave if depth > 0 => return false,
                Op::Reset if depth == 0 => return true,
                Op::Leave | Op::Reset => {}
                Op::Charge(bytes) => {
                    let remaining = self.account.remaining();
                    let charge = self.account.charge(bytes);
                    assert_eq!(charge.is_ok(), bytes <= remaining);
                    self.charges.extend(charge);
                }
                Op::Uncharge(index) if !self.charges.is_empty() => {
                    drop(self.charges.swap_remove(index.index(self.charges.len())));
                }
                Op::Uncharge(_) => {}
                Op::Trim(to) => {
                    let before = self.pool.stats().pooled_bytes;
                    let freed = self.pool.trim(to);
                    assert_eq!(self.pool.stats().pooled_bytes, before - freed);
                    assert!(before - freed <= to);
                }
            }
            self.check(arena, &held);
        }
        false
    }

    fn edit(
        &self,
        arena: &Arena,
        held: &mut Held<'_>,
        index: Index,
        edit: impl FnOnce(&mut List<'_, u8>, &mut Vec<u8>) -> (usize, Result<(), nano_arena::Exhausted>),
    ) {
        if held.drafts.is_empty() {
            return;
        }
        let at = index.index(held.drafts.len());
        let (draft, mut copy) = held.drafts.swap_remove(at);
        let mut list = arena.attach(draft);
        let (wanted, result) = edit(&mut list, &mut copy);
        self.check_refusal(arena, wanted, &result);
        held.drafts.push((list.detach(), copy));
    }
}

/// Fewer cases where each step is checked by a tool that makes it slow: set by the `PROPTEST_CASES` of the
/// environment.
fn config() -> ProptestConfig {
    ProptestConfig { failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn arenas_keep_what_they_hold_and_count_it(
        ops in prop::collection::vec(op(), 1..80),
        account in limit(),
        arena_limit in limit(),
        high_water in prop_oneof![Just(0usize), 0usize..40_000, Just(usize::MAX)],
        first_chunk in prop_oneof![Just(512usize), Just(4096)],
    ) {
        let pool = Pool::new(PoolConfig { first_chunk, high_water, ..PoolConfig::default() });
        let whole = Account::new(account);
        let mut world = World {
            pool: pool.clone(),
            high_water,
            account: whole.child(usize::MAX),
            charges: Vec::new(),
            outer: Vec::new(),
            next: 0,
        };
        let mut arena = pool.arena_for(&world.account).with_limit(arena_limit);
        let mut ops = ops.into_iter();
        while world.run(&arena, 0, &mut ops) {
            arena.reset();
            prop_assert_eq!(arena.held(), 0);
        }
        prop_assert_eq!(whole.used(), world.account.used());
        drop(arena);
        world.charges.clear();
        prop_assert_eq!((whole.used(), pool.stats().live_bytes), (0, 0));
        let stats = pool.stats();
        prop_assert_eq!(stats.allocated, stats.freed + stats.pooled_chunks as u64);
    }
}
