//! A warm loop does not allocate.

use crate::support::drain;
use nano_loop::mio::net::UnixStream;
use nano_loop::{Capacity, Config, Interest, Loop, Wait};
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::io::{Read, Write};
use std::time::Duration;

struct Counting;

std::thread_local!(static ALLOCATIONS: Cell<u64> = const { Cell::new(0) });

#[global_allocator]
static ALLOCATOR: Counting = Counting;

// SAFETY: every call goes to the system's allocator unchanged; the count is a thread-local without a
// destructor.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: the caller's obligations are those of the system's allocator.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[test]
fn a_warm_loop_does_not_allocate() {
    let event_loop = Loop::new(Config::default()).unwrap();
    let mut pairs: Vec<_> = (0..64).map(|_| UnixStream::pair().unwrap()).collect();
    for (key, (near, _)) in pairs.iter_mut().enumerate() {
        event_loop.register(near, Interest::READABLE, key as u64).unwrap();
    }
    let (sender, mailbox) = event_loop.mailbox(64, Capacity::Unbounded);
    let waker = event_loop.waker();
    let mut round = || {
        let mut events = 0;
        for (_, far) in &mut pairs {
            far.write_all(b"x").unwrap();
        }
        for key in 0..1000 {
            let timer = event_loop.insert(event_loop.now() + Duration::from_micros(key * 997), 65);
            if key % 2 == 0 {
                event_loop.cancel(timer);
            }
        }
        sender.send(1).unwrap();
        waker.wake().unwrap();
        event_loop.poll(Wait::UntilNext).unwrap();
        while event_loop.next().is_some() {
            events += 1;
        }
        assert_eq!(mailbox.take(), Some(1));
        for (near, _) in &mut pairs {
            assert_eq!(near.read(&mut [0; 8]).unwrap(), 1);
        }
        assert!(events >= 66, "{events}");
    };
    for _ in 0..20 {
        round();
    }
    // Each round leaves timers, and the clock decides how many come due at once. Everything that grows with
    // them has grown once before the count starts.
    for _ in 0..25_000 {
        event_loop.insert(nano_loop::Moment::ZERO, 0);
    }
    event_loop.poll(Wait::Now).unwrap();
    event_loop.poll(Wait::Now).unwrap();
    while event_loop.timers() > 0 && event_loop.next_deadline().is_some_and(|next| next <= event_loop.now()) {
        drain(&event_loop);
    }
    let before = ALLOCATIONS.get();
    for _ in 0..20 {
        round();
    }
    assert_eq!(ALLOCATIONS.get() - before, 0);
    drain(&event_loop);
}
