//! Accounts and charges: limits are exact, levels agree, and threads charge at the same time.

use std::sync::Barrier;
use std::thread;

use nano_arena::{Account, Arena, Bytes, Charge, Draft, Pool, RefusedBy, Text};
use proptest::prelude::*;
use proptest::sample::Index;

#[test]
fn the_limit_is_exact() {
    let account = Account::new(100);
    let a = account.charge(60).unwrap();
    let b = account.charge(40).unwrap();
    let refusal = account.charge(1).unwrap_err();
    assert_eq!((refusal.requested(), refusal.used(), refusal.limit()), (1, 100, 100));
    assert_eq!(refusal.by(), RefusedBy::Account);
    assert_eq!(refusal.to_string(), "1 more bytes do not fit: 100 of the account's limit of 100 are charged");
    drop(a);
    assert_eq!(account.remaining(), 60);
    drop(b);
    assert_eq!((account.used(), account.peak(), account.refused()), (0, 100, 1));
}

#[test]
fn sizes_do_not_overflow() {
    let account = Account::unlimited();
    let _one = account.charge(1).unwrap();
    assert!(account.charge(usize::MAX).is_err());
    let mut all = account.charge(usize::MAX - 1).unwrap();
    assert!(all.grow(usize::MAX).is_err());
    assert_eq!(account.used(), usize::MAX);
}

#[test]
fn a_refusal_above_changes_nothing_below() {
    let top = Account::new(10);
    let child = top.child(100);
    assert_eq!(child.remaining(), 10);
    assert!(child.charge(11).is_err());
    assert_eq!((top.used(), child.used(), child.peak()), (0, 0, 0));
    assert_eq!((top.refused(), child.refused()), (0, 1));
    let _charge = child.charge(10).unwrap();
    assert_eq!((top.used(), child.used()), (10, 10));
}

#[test]
fn charges_grow_shrink_and_split() {
    let account = Account::new(100);
    let mut charge = account.charge(50).unwrap();
    charge.grow(50).unwrap();
    assert!(charge.grow(1).is_err());
    charge.resize(30).unwrap();
    let part = charge.split(10);
    let rest = charge.split(1000);
    assert_eq!((charge.bytes(), part.bytes(), rest.bytes(), account.used()), (0, 10, 20, 30));
    drop(part);
    assert_eq!(account.used(), 20);
    account.set_limit(5);
    assert!(account.charge(1).is_err());
    assert!(account.charge(0).is_ok());
    drop((charge, rest));
    assert_eq!(account.used(), 0);
}

#[test]
fn memory_that_exists_is_charged_beyond_the_limit() {
    let top = Account::new(10);
    let child = top.child(5);
    let charge = child.charge_anyway(20);
    assert_eq!((child.used(), top.used(), child.remaining()), (20, 20, 0));
    assert!(child.charge(1).is_err());
    drop(charge);
    assert_eq!((child.used(), top.used(), top.peak()), (0, 0, 20));
}

#[test]
fn a_charge_moves_without_a_charge_above() {
    let tenant = Account::new(100);
    let (from, to, other) = (tenant.child(100), tenant.child(70), Account::new(1000));
    let mut charge = from.charge(60).unwrap();
    // The tenant has no room for 60 more, and needs none.
    charge.move_to(&to).unwrap();
    assert_eq!((from.used(), to.used(), tenant.used(), tenant.peak()), (0, 60, 60, 60));
    to.set_limit(10);
    charge.move_to(&from).unwrap();
    assert!(charge.move_to(&to).is_err());
    assert_eq!((from.used(), to.used(), tenant.used()), (60, 0, 60));
    charge.move_to(&other).unwrap();
    assert_eq!((from.used(), tenant.used(), other.used()), (0, 0, 60));
    charge.move_to(&tenant).unwrap();
    charge.move_to(&from).unwrap();
    charge.move_to(&from).unwrap();
    assert_eq!((from.used(), tenant.used(), other.used()), (60, 60, 0));
}

#[test]
fn an_account_is_attached_with_what_it_holds() {
    let (isolate, tenant) = (Account::new(100), Account::new(10));
    let charge = isolate.charge(40).unwrap();
    isolate.attach_to(&tenant);
    assert_eq!((isolate.used(), tenant.used()), (40, 40));
    assert!(isolate.charge(1).is_err());
    drop(charge);
    let _charge = isolate.charge(10).unwrap();
    assert_eq!((isolate.used(), tenant.used(), isolate.refused()), (10, 10, 1));
}

#[test]
fn bytes_without_a_charge_are_released_by_number() {
    let account = Account::new(100);
    account.charge_bytes(40).unwrap();
    assert!(account.charge_bytes(61).is_err());
    let bytes = account.charge(60).unwrap().into_bytes();
    assert_eq!((account.used(), account.refused()), (100, 1));
    account.release_bytes(40);
    drop(account.adopt_bytes(bytes));
    let raw = account.clone().into_raw();
    // SAFETY: made by `into_raw` in the line above, and taken back once.
    let again = unsafe { Account::from_raw(raw) };
    assert!(again.is_same(&account) && account.used() == 0);
}

/// Threads charge random amounts under limits that are too small for all of them. No level is ever beyond its
/// limit, a tenant's sum is its isolates', and in the end everything is released.
#[test]
fn threads_charge_at_the_same_time() {
    let rounds = if cfg!(miri) { 50 } else { 20_000 };
    let process = Account::new(5_000);
    let tenants = [process.child(3_000), process.child(3_000)];
    let isolates: Vec<Account> = (0..4).map(|n| tenants[n % 2].child(2_000)).collect();
    let start = Barrier::new(isolates.len());
    let refused: u64 = thread::scope(|scope| {
        let threads: Vec<_> = (0..isolates.len())
            .map(|n| {
                let (isolates, process, start, tenants) = (&isolates, &process, &start, &tenants);
                scope.spawn(move || {
                    let mut seed = n as u64 + 1;
                    let mut random = move |below: usize| {
                        seed ^= seed << 13;
                        seed ^= seed >> 7;
                        seed ^= seed << 17;
                        (seed % below as u64) as usize
                    };
                    let mut charges: Vec<Charge> = Vec::new();
                    let mut refused = 0;
                    start.wait();
                    for _ in 0..rounds {
                        match (random(4), charges.last_mut()) {
                            (0, Some(charge)) => refused += u64::from(charge.grow(random(300)).is_err()),
                            (1, Some(charge)) => drop(charge.split(random(300))),
                            (2, Some(_)) => drop(charges.pop()),
                            (3, Some(charge)) => {
                                refused += u64::from(charge.move_to(&isolates[random(4)]).is_err());
                            }
                            _ => match isolates[random(4)].charge(random(900)) {
                                Ok(charge) => charges.push(charge),
                                Err(_) => refused += 1,
                            },
                        }
                        assert!(process.used() <= 5_000 && tenants[n % 2].used() <= 3_000);
                    }
                    refused
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().expect("no assertion fails")).sum()
    });
    assert_eq!(isolates.iter().map(Account::refused).sum::<u64>(), refused);
    for account in isolates.iter().chain(&tenants).chain([&process]) {
        assert_eq!(account.used(), 0);
        assert!(account.peak() <= account.limit());
    }
}

/// What a request keeps may be made on one thread and used on another, and identities of arenas differ over
/// threads.
#[test]
fn an_arena_and_its_handles_go_to_another_thread() {
    struct Request {
        arena: Arena,
        head: Bytes,
        target: Text,
        body: Draft<u8>,
    }
    let pool = Pool::default();
    let account = Account::new(1 << 20);
    let make = || {
        let arena = pool.arena_for(&account);
        let head = arena.store_bytes(b"GET /a HTTP/1.1").unwrap();
        let target = arena.text(head.slice(4..6).unwrap()).unwrap();
        let mut body = nano_arena::Buffer::new(&arena);
        body.push_bytes(&[7; 5_000]).unwrap();
        let body = body.detach();
        Request { arena, head, target, body }
    };
    let mine = make();
    let theirs = thread::scope(|scope| scope.spawn(make).join().unwrap());
    assert_eq!(theirs.arena.get(theirs.target), "/a");
    assert_eq!(theirs.arena.get(theirs.head).len(), 15);
    let mut body = theirs.arena.attach(theirs.body);
    body.extend_from_slice(&[8; 5_000]).unwrap();
    assert_eq!(body.len(), 10_000);
    drop(body);
    // Each is the first arena of its thread, and still they are told apart.
    assert!(theirs.arena.try_get(mine.head).is_none() && mine.arena.try_get(theirs.head).is_none());
    thread::spawn(move || {
        assert_eq!(mine.arena.get(mine.target), "/a");
        drop(mine.arena.attach(mine.body));
    })
    .join()
    .unwrap();
    drop(theirs.arena);
    assert_eq!((account.used(), pool.stats().live_bytes), (0, 0));
}

#[test]
fn an_arena_gets_its_account_when_it_is_known_who_pays() {
    let pool = Pool::default();
    let (small, large, other) = (Account::new(1_000), Account::new(10_000), Account::new(10_000));
    let arena = pool.arena();
    let head = arena.store_text("GET / HTTP/1.1").unwrap();
    let refusal = arena.set_account(&small).unwrap_err();
    assert_eq!((refusal.by(), small.used(), small.refused()), (RefusedBy::Account, 0, 1));
    arena.set_account(&large).unwrap();
    assert_eq!(large.used(), arena.held());
    arena.set_account(&other).unwrap();
    let scope = arena.scope();
    scope.store_bytes(&[1; 3_000]).unwrap();
    assert_eq!((large.used(), other.used()), (0, arena.held()));
    drop(scope);
    assert!(arena.store_bytes(&[1; 10_000]).is_err());
    assert_eq!(arena.get(head), "GET / HTTP/1.1");
    drop(arena);
    assert_eq!((other.used(), pool.stats().live_bytes), (0, 0));
}

#[derive(Debug, Clone)]
enum Op {
    Charge(usize, usize),
    Anyway(usize, usize),
    Resize(Index, usize),
    Split(Index, usize),
    Move(Index, usize),
    Drop(Index),
    Limit(usize, usize),
}

fn op() -> impl Strategy<Value = Op> {
    let (at, bytes, index) = (|| 0usize..6, || 0usize..3_000, any::<Index>);
    prop_oneof![
        4 => (at(), bytes()).prop_map(|(a, n)| Op::Charge(a, n)),
        1 => (at(), bytes()).prop_map(|(a, n)| Op::Anyway(a, n)),
        3 => (index(), bytes()).prop_map(|(i, n)| Op::Resize(i, n)),
        1 => (index(), bytes()).prop_map(|(i, n)| Op::Split(i, n)),
        3 => (index(), at()).prop_map(|(i, a)| Op::Move(i, a)),
        2 => index().prop_map(Op::Drop),
        1 => (at(), bytes()).prop_map(|(a, n)| Op::Limit(a, n)),
    ]
}

/// The accounts of the model: the process, two tenants, an isolate of the first and two of the second.
const PARENTS: [Option<usize>; 6] = [None, Some(0), Some(0), Some(1), Some(2), Some(2)];

/// `at` and all above it.
fn levels(at: usize) -> Vec<usize> {
    std::iter::successors(Some(at), |&at| PARENTS[at]).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Random operations on a tree against plain sums: a charge is refused exactly when a level has no room
    /// for it.
    #[test]
    fn accounts_agree_with_a_model(
        ops in prop::collection::vec(op(), 1..120),
        mut limits in prop::array::uniform6(prop_oneof![Just(usize::MAX), 0usize..8_000]),
    ) {
        let mut accounts: Vec<Account> = Vec::new();
        for (at, limit) in limits.into_iter().enumerate() {
            accounts.push(match PARENTS[at] {
                None => Account::new(limit),
                Some(parent) => accounts[parent].child(limit),
            });
        }
        let mut charges: Vec<(usize, Charge)> = Vec::new();
        for op in ops {
            let mut used = [0; 6];
            for (at, charge) in &charges {
                levels(*at).into_iter().for_each(|level| used[level] += charge.bytes());
            }
            let fits = |levels: &[usize], more: usize| {
                more == 0 || levels.iter().all(|&level| limits[level].saturating_sub(used[level]) >= more)
            };
            match op {
                Op::Charge(at, bytes) => {
                    let charge = accounts[at].charge(bytes);
                    prop_assert_eq!(charge.is_ok(), fits(&levels(at), bytes));
                    charges.extend(charge.map(|charge| (at, charge)));
                }
                Op::Anyway(at, bytes) => charges.push((at, accounts[at].charge_anyway(bytes))),
                Op::Limit(at, bytes) => {
                    limits[at] = bytes;
                    accounts[at].set_limit(bytes);
                }
                _ if charges.is_empty() => {}
                Op::Resize(index, bytes) => {
                    let index = index.index(charges.len());
                    let (at, charge) = &mut charges[index];
                    let more = bytes.saturating_sub(charge.bytes());
                    let expected = if fits(&levels(*at), more) { bytes } else { charge.bytes() };
                    prop_assert_eq!(charge.resize(bytes).is_ok(), fits(&levels(*at), more));
                    prop_assert_eq!(charge.bytes(), expected);
                }
                Op::Split(index, bytes) => {
                    let index = index.index(charges.len());
                    let (at, charge) = &mut charges[index];
                    let (at, part) = (*at, charge.split(bytes));
                    charges.push((at, part));
                }
                Op::Move(index, to) => {
                    let index = index.index(charges.len());
                    let (at, charge) = &mut charges[index];
                    let shared = levels(*at);
                    let new: Vec<usize> = levels(to).into_iter().filter(|l| !shared.contains(l)).collect();
                    prop_assert_eq!(charge.move_to(&accounts[to]).is_ok(), fits(&new, charge.bytes()));
                    if charge.account().is_same(&accounts[to]) {
                        *at = to;
                    }
                }
                Op::Drop(index) => drop(charges.swap_remove(index.index(charges.len()))),
            }
            let mut used = [0; 6];
            for (at, charge) in &charges {
                levels(*at).into_iter().for_each(|level| used[level] += charge.bytes());
            }
            for (account, used) in accounts.iter().zip(used) {
                prop_assert_eq!(account.used(), used);
                prop_assert!(account.peak() >= used);
            }
        }
        charges.clear();
        prop_assert!(accounts.iter().all(|account| account.used() == 0));
    }
}
