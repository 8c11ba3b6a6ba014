//! Prints what a request pays for its memory: taking an arena, one small allocation or a typical handful,
//! giving back. Run it with `--release`; the figures are the best of several rounds.

use std::hint::black_box;
use std::time::Instant;

use nano_arena::{Account, Buffer, Pool};

const ROUNDS: usize = 20;
const TIMES: u32 = 200_000;

fn measure(what: &str, mut body: impl FnMut()) {
    let mut best = f64::INFINITY;
    for _ in 0..ROUNDS {
        let start = Instant::now();
        for _ in 0..TIMES {
            body();
        }
        best = best.min(start.elapsed().as_nanos() as f64 / f64::from(TIMES));
    }
    println!("{best:7.1} ns  {what}");
}

fn main() {
    let pool = Pool::default();
    let account = Account::new(64 << 20).child(8 << 20);
    let head = [b'h'; 200];
    measure("an arena that nothing is put into", || {
        black_box(pool.arena_for(&account));
    });
    measure("an arena, 200 bytes stored, given back", || {
        let arena = pool.arena_for(&account).with_limit(1 << 20);
        black_box(arena.store_bytes(black_box(&head)).ok());
    });
    measure("the same without a account", || {
        let arena = pool.arena();
        black_box(arena.store_bytes(black_box(&head)).ok());
    });
    measure("an arena, a head of 200 bytes, 12 handles got, a buffer of 150 bytes built", || {
        let arena = pool.arena_for(&account);
        let Ok(stored) = arena.store_bytes(black_box(&head)) else { return };
        for n in 0..12 {
            black_box(stored.slice(n * 10..n * 10 + 8).map(|part| arena.get(part).len()));
        }
        let Ok(mut buffer) = Buffer::with_capacity(&arena, 256) else { return };
        for _ in 0..10 {
            let _ = buffer.push_str(black_box("fifteen letters"));
        }
        black_box(buffer.freeze());
    });
    let arena = pool.arena();
    measure("a scope with 200 bytes", || {
        let scope = arena.scope();
        black_box(scope.store_bytes(black_box(&head)).ok());
    });
    measure("malloc and free of 200 bytes, to compare", || {
        black_box(black_box(&head).to_vec());
    });
    measure("a bumpalo::Bump made for 200 bytes, to compare", || {
        let bump = bumpalo::Bump::with_capacity(4000);
        black_box(bump.alloc_slice_copy(black_box(&head)));
    });
}
