//! One behaviour a test: limits, recycling, handles, scopes, growing.

use std::fmt;
use std::io::Write as _;

use nano_arena::{
    Account, Arena, Buffer, Bytes, Draft, FormatError, List, Pool, PoolConfig, RefusedBy, Slice, Text,
};

use crate::allocator::live_bytes;

#[test]
fn an_arena_lives_beside_its_handles() {
    struct Request {
        path: Text,
        headers: Slice<(Text, Bytes)>,
        body: Option<Draft<u8>>,
        arena: Arena,
    }
    let pool = Pool::default();
    let arena = pool.arena();
    let path = arena.store_text("/ä").unwrap();
    let host = (arena.store_text("host").unwrap(), arena.store_bytes(b"a.example").unwrap());
    let headers = arena.store_slice(&[host]).unwrap();
    let mut body = Buffer::new(&arena);
    body.push_bytes(&[1; 3000]).unwrap();
    let body = Some(body.detach());
    let mut request = Box::new(Request { path, headers, body, arena });

    let mut body = Buffer::from(request.arena.attach(request.body.take().unwrap()));
    body.push_bytes(&[2; 3000]).unwrap();
    request.body = Some(body.detach());

    let arena = &request.arena;
    assert_eq!(arena.get(request.path), "/ä");
    let [(name, value)] = *arena.get(request.headers) else { panic!("one header") };
    assert_eq!((arena.get(name), arena.get(value)), ("host", &b"a.example"[..]));
    let body = request.body.as_ref().unwrap();
    assert_eq!((body.len(), body.as_slice(arena)[2999], body.as_slice(arena)[3000]), (6000, 1, 2));
}

#[test]
fn foreign_and_stale_handles_are_refused() {
    let pool = Pool::default();
    let (mut one, other) = (pool.arena(), pool.arena());
    let handle = one.store_text("mine").unwrap();
    assert_eq!(other.try_get(handle), None);
    assert_eq!(one.scope().try_get(handle), None);
    assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| other.get(handle).len())).is_err());
    one.reset();
    assert_eq!(one.try_get(handle), None);
    assert_eq!(one.try_get(handle.bytes()), None);
    assert_eq!((one.get(Text::empty()), one.get(Bytes::empty())), ("", &[][..]));
    // An empty one asks for no memory, so that nothing can be wrong with it.
    let nothing = other.store_text("").unwrap();
    assert_eq!(one.get(nothing), "");

    let draft = Buffer::new(&other).detach();
    assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| one.attach(draft).len())).is_err());
}

#[test]
fn parts_of_handles() {
    let pool = Pool::default();
    let arena = pool.arena();
    let head = arena.store_bytes(b"GET /path HTTP/1.1").unwrap();
    assert_eq!(arena.get(head.slice(4..9).unwrap()), b"/path");
    assert_eq!(arena.get(head.slice(..=2).unwrap()), b"GET");
    assert_eq!(arena.get(head.slice(18..).unwrap()), b"");
    for bad in [head.slice(0..19), head.slice(19..), head.slice(..=usize::MAX), head.slice(..=18)] {
        assert!(bad.is_none());
    }
    #[expect(clippy::reversed_empty_ranges)]
    let reversed = head.slice(3..2);
    assert!(reversed.is_none());
    let path = arena.text(head.slice(4..9).unwrap()).unwrap();
    let name = path.part(&arena.get(path)[1..]).unwrap();
    assert_eq!(arena.get(name), "path");
    assert!(head.part(b"elsewhere").is_none());
    assert!(name.part(arena.get(path)).is_none());

    let numbers = arena.store_slice(&[1u32, 2, 3]).unwrap();
    let two = &arena.get(numbers)[1..2];
    assert_eq!(arena.get(numbers.part(two).unwrap()), &[2]);
    let units = arena.store_slice(&[(); 5]).unwrap();
    assert_eq!(arena.get(units.part(&[(); 3]).unwrap()).len(), 3);

    let broken = arena.store_bytes(&[b'a', 0xff]).unwrap();
    assert_eq!(arena.text(broken).unwrap_err().valid_up_to(), 1);
}

#[test]
fn references_of_all_kinds_and_alignments() {
    #[derive(Clone, Copy, PartialEq, Debug)]
    #[repr(align(128))]
    struct Aligned(u8);

    let pool = Pool::default();
    let arena = pool.arena();
    let a = arena.alloc(1u8).unwrap();
    let b = arena.alloc(Aligned(2)).unwrap();
    let c = arena.alloc_slice(&[3u64; 3]).unwrap();
    let d = arena.alloc_slice_with(3, |n| Aligned(n as u8)).unwrap();
    *a += 1;
    b.0 += 1;
    c[1] += 1;
    d[2].0 += 1;
    assert_eq!((*a, b.0, &c[..]), (2, 3, &[3, 4, 3][..]));
    assert_eq!(d, [Aligned(0), Aligned(1), Aligned(3)]);
    assert_eq!((&raw const *b as usize % 128, d.as_ptr() as usize % 128), (0, 0));
    assert_eq!(arena.alloc_concat(&["a", "", "bc"]).unwrap(), "abc");
    assert_eq!(arena.alloc_concat(&[]).unwrap(), "");
    assert_eq!(arena.alloc_slice::<Aligned>(&[]).unwrap(), &[]);
    let mut aligned = List::new(&arena);
    for n in 0..200 {
        aligned.push(Aligned(n)).unwrap();
    }
    assert_eq!(aligned.as_ptr() as usize % 128, 0);
    assert!(aligned.iter().enumerate().all(|(index, value)| usize::from(value.0) == index));
}

#[test]
fn an_arena_can_be_used_while_a_slice_is_made() {
    let pool = Pool::default();
    let arena = pool.arena();
    let names = arena.alloc_slice_with(500, |n| arena.format(format_args!("name {n}")).unwrap()).unwrap();
    assert!(names.iter().enumerate().all(|(n, name)| *name == format!("name {n}")));
}

#[test]
fn chunks_are_recycled_up_to_the_high_water_mark() {
    let pool = Pool::new(PoolConfig { high_water: 3 * 4096, ..PoolConfig::default() });
    let arenas: Vec<_> = (0..5).map(|_| pool.arena()).collect();
    for arena in &arenas {
        arena.alloc(1).unwrap();
    }
    let held: usize = arenas.iter().map(Arena::held).sum();
    assert_eq!((pool.stats().live_bytes, pool.stats().allocated), (held, 5));
    drop(arenas);
    let stats = pool.stats();
    assert_eq!((stats.live_bytes, stats.peak_bytes, stats.pooled_chunks, stats.freed), (0, held, 3, 2));
    assert!(stats.pooled_bytes <= 3 * 4096);
    let again = pool.arena();
    again.alloc(1).unwrap();
    assert_eq!((pool.stats().recycled, pool.stats().pooled_chunks), (1, 2));
    assert_eq!(pool.trim(4096), stats.pooled_bytes / 3);
    assert_eq!(pool.stats().pooled_chunks, 1);
    pool.set_high_water(0);
    drop(again);
    assert_eq!((pool.stats().pooled_bytes, pool.stats().freed), (0, 5));
}

#[test]
fn large_chunks_are_not_kept() {
    let pool = Pool::default();
    let arena = pool.arena();
    let large = arena.alloc_slice(&vec![7u8; 10 << 20]).unwrap();
    assert_eq!(large.len(), 10 << 20);
    assert!(arena.held() < (10 << 20) + 8192, "{}", arena.held());
    // It did not push the current chunk aside.
    arena.alloc(1u8).unwrap();
    let held = arena.held();
    arena.alloc_slice(&vec![7u8; 1 << 20]).unwrap();
    arena.alloc_slice(&[0u8; 3000]).unwrap();
    assert!(arena.held() < held + (1 << 20) + 8192);
    drop(arena);
    assert!(pool.stats().pooled_bytes <= 2 * 65536);
    assert_eq!(pool.stats().live_bytes, 0);
}

#[test]
fn the_limit_of_an_arena_holds_at_and_beyond() {
    let pool = Pool::default();
    // The smallest chunk is 496 bytes, of which some describe it.
    let arena = pool.arena().with_limit(496);
    arena.alloc_slice(&[0u8; 300]).unwrap();
    assert_eq!(arena.held(), 496);
    let refusal = arena.alloc_slice(&[0u8; 300]).unwrap_err();
    assert_eq!((refusal.by(), refusal.requested()), (RefusedBy::ArenaLimit, 300));
    assert_eq!((refusal.used(), refusal.limit(), arena.held()), (496, 496, 496));
    let none = pool.arena().with_limit(495);
    assert!(none.alloc(0u8).is_err());
    assert!(none.alloc(()).is_ok());
    assert_eq!((none.held(), pool.stats().refused_by_limit), (0, 2));
    assert_eq!(refusal.to_string(), "300 more bytes do not fit: 496 of the arena's limit of 496 are held");
}

#[test]
fn an_account_is_shared_and_reports_its_refusal() {
    let pool = Pool::default();
    let thread = Account::new(100_000);
    let tenant = thread.child(20_000);
    let one = pool.arena_for(&tenant);
    let two = pool.arena_for(&tenant).with_limit(1 << 30);
    one.alloc_slice(&[0u8; 10_000]).unwrap();
    let refusal = two.alloc_slice(&[0u8; 10_000]).unwrap_err();
    assert_eq!((refusal.by(), refusal.limit()), (RefusedBy::Account, 20_000));
    assert_eq!((two.held(), tenant.refused(), thread.used()), (0, 1, tenant.used()));
    let charge = tenant.charge(tenant.remaining()).unwrap();
    assert!(two.alloc(1u8).is_err());
    drop(charge);
    two.alloc(1u8).unwrap();
    assert_eq!(tenant.used(), one.held() + two.held());
    drop((one, two));
    assert_eq!((tenant.used(), thread.used()), (0, 0));
}

#[test]
fn sizes_beyond_the_address_space_are_refused_by_the_system() {
    let pool = Pool::default();
    let arena = pool.arena();
    let refusal = arena.alloc_slice_with(usize::MAX / 8, |_| 0u64).unwrap_err();
    assert_eq!(refusal.by(), RefusedBy::System);
    for capacity in [usize::MAX, isize::MAX as usize, isize::MAX as usize - 4096, isize::MAX as usize - 9000]
    {
        assert_eq!(Buffer::with_capacity(&arena, capacity).unwrap_err().by(), RefusedBy::System);
        assert_eq!(List::<[u64; 3]>::with_capacity(&arena, capacity).unwrap_err().by(), RefusedBy::System);
    }
    let mut units = List::new(&arena);
    units.extend_from_slice(&[(); usize::MAX]).unwrap();
    assert!(units.push(()).is_err());
    assert_eq!((units.len(), arena.held()), (usize::MAX, 0));
    assert_eq!(pool.stats().refused_by_system, 10);
}

#[test]
fn a_scope_gives_back_at_its_end_and_shares_the_limits() {
    let pool = Pool::default();
    let account = Account::new(1 << 20);
    let arena = pool.arena_for(&account).with_limit(64 << 10);
    let kept = arena.alloc_str("kept").unwrap();
    let before = arena.held();
    {
        let scope = arena.scope();
        let inner = scope.alloc_slice(&[1u8; 20_000]).unwrap();
        {
            let innermost = scope.scope();
            innermost.alloc_slice(&[2u8; 20_000]).unwrap();
            let refusal = innermost.alloc_slice(&[2u8; 20_000]).unwrap_err();
            assert_eq!((refusal.by(), refusal.limit()), (RefusedBy::ArenaLimit, 64 << 10));
            assert_eq!(innermost.held(), arena.held());
        }
        // The outer one can be used meanwhile.
        arena.alloc_str("too").unwrap();
        scope.alloc_slice(&[2u8; 20_000]).unwrap();
        assert_eq!((inner[19_999], account.used()), (1, arena.held()));
    }
    assert_eq!((kept, arena.held(), account.used()), ("kept", before, before));
}

#[test]
fn growing_leaves_little_behind() {
    let pool = Pool::default();
    let account = Account::unlimited();
    let arena = pool.arena_for(&account);
    let mut buffer = Buffer::new(&arena);
    for n in 0..1_000_000u32 {
        buffer.push_bytes(&n.to_le_bytes()).unwrap();
    }
    let (len, capacity) = (buffer.len(), buffer.capacity());
    let handle = buffer.freeze();
    assert!(arena.held() <= capacity + 2 * 4096, "{} held for {len} of {capacity}", arena.held());
    assert!(capacity <= 2 * len + 4096 && account.peak() <= 3 * len + 3 * 4096);
    let bytes = arena.get(handle);
    assert!(bytes.chunks(4).zip(0u32..).all(|(chunk, n)| chunk == n.to_le_bytes()));

    // One that is dropped leaves nothing, and one that ends small does not keep its large chunk.
    let held = arena.held();
    let mut dropped = Buffer::with_capacity(&arena, 1 << 20).unwrap();
    dropped.push_str("gone").unwrap();
    drop(dropped);
    let mut small = Buffer::with_capacity(&arena, 1 << 20).unwrap();
    small.push_str("small").unwrap();
    let small = small.freeze_text().unwrap();
    assert_eq!((arena.get(small), arena.held()), ("small", held));
}

#[test]
fn a_refused_buffer_is_as_it_was() {
    let pool = Pool::default();
    let arena = pool.arena().with_limit(20_000);
    let mut buffer = Buffer::new(&arena);
    buffer.push_str("start").unwrap();
    assert!(buffer.push_bytes(&[0; 30_000]).is_err());
    assert!(buffer.write_all(&[0; 30_000]).is_err_and(|e| e.kind() == std::io::ErrorKind::OutOfMemory));
    assert!(fmt::Write::write_fmt(&mut buffer, format_args!("{:30000}", 1)).is_err());
    buffer.truncate(5);
    let refusal = buffer.push_fmt(format_args!("{:30000}", 1)).unwrap_err();
    assert!(matches!(refusal, FormatError::Exhausted(e) if e.by() == RefusedBy::ArenaLimit));
    assert_eq!(&buffer[..], b"start");
    // The limit can be used up: doubling gives way to what fits.
    while buffer.push_bytes(&[1; 64]).is_ok() {}
    assert!(buffer.len() > 7000, "{}", buffer.len());
}

#[test]
fn formatting_fails_as_its_arguments_do() {
    struct Fails;
    impl fmt::Display for Fails {
        fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
            Err(fmt::Error)
        }
    }
    struct Swallows;
    impl fmt::Display for Swallows {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            let _ = f.write_str(&"x".repeat(10_000));
            Ok(())
        }
    }
    let pool = Pool::default();
    let arena = pool.arena().with_limit(5_000);
    assert_eq!(arena.format(format_args!("a{Fails}")), Err(FormatError::Display));
    assert!(matches!(arena.format(format_args!("a{Swallows}")), Err(FormatError::Exhausted(_))));
    assert_eq!(arena.format(format_args!("{}-{}", 1, 'ü')).unwrap(), "1-ü");
    assert_eq!(arena.format(format_args!("plain")).unwrap(), "plain");
    let mut buffer = Buffer::new(&arena);
    buffer.push_bytes(&[0xff]).unwrap();
    assert!(buffer.freeze_text().is_err());
}

#[test]
fn what_is_counted_is_what_is_allocated() {
    let before = live_bytes();
    let pool = Pool::default();
    let bare = live_bytes();
    let arena = pool.arena();
    for n in 0..100 {
        arena.alloc_slice(&vec![0u8; n * 100]).unwrap();
    }
    let list_of_chunks = 64 * 8;
    let counted = pool.stats().live_bytes as isize;
    let real = live_bytes() - bare;
    assert!((counted..=counted + list_of_chunks).contains(&real), "{counted} counted, {real} allocated");
    drop(arena);
    pool.trim(0);
    assert_eq!((live_bytes(), pool.stats().pooled_chunks), (bare, 0));
    drop(pool);
    assert_eq!(live_bytes(), before);
}

#[test]
fn a_pool_outlives_its_handle_in_its_arenas() {
    let before = live_bytes();
    let arena = Pool::default().arena();
    let text = arena.store_text("still here").unwrap();
    assert_eq!(arena.get(text), "still here");
    assert_eq!(arena.pool().stats().allocated, 1);
    drop(arena);
    assert_eq!(live_bytes(), before);
}

#[test]
fn odd_configurations_are_brought_into_range() {
    for (first_chunk, largest_chunk) in
        [(0, 0), (5000, 100), (usize::MAX, usize::MAX), (100_000, 1000), (600, 1 << 20)]
    {
        let pool = Pool::new(PoolConfig { first_chunk, largest_chunk, high_water: usize::MAX });
        let arena = pool.arena().with_limit(1 << 20);
        for n in 1..50 {
            assert_eq!(arena.alloc_slice(&vec![1u8; n * 10]).unwrap().len(), n * 10);
        }
        drop(arena);
        assert_eq!(pool.stats().live_bytes, 0);
    }
}
