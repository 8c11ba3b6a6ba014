//! Polling the loop inside the handling of an event: no event is lost or delivered twice.

use crate::support::LOST;
use nano_loop::mio::net::UnixStream;
use nano_loop::{
    Capacity, Config, Event, Interest, Loop, Mailbox, Pool, PoolConfig, Readiness, Sender, Simulation,
    SourceId, Wait,
};
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::io::{Read, Write};
use std::time::{Duration, Instant};

const DEPTH: usize = 5;
const MAIL: u64 = u64::MAX;

/// Counts by key how often each event was caused and how often it was delivered.
#[derive(Default)]
struct Ledger {
    open: RefCell<HashMap<u64, i32>>,
    next: Cell<u64>,
    deepest: Cell<usize>,
}

impl Ledger {
    fn cause(&self) -> u64 {
        let key = self.next.get();
        self.next.set(key + 1);
        self.open.borrow_mut().insert(key, 1);
        key
    }

    fn came(&self, key: u64, seed: u64) {
        assert_eq!(self.open.borrow_mut().remove(&key), Some(1), "{key} came twice or uncalled; seed {seed}");
    }
}

struct Simulated {
    event_loop: Loop,
    sim: Simulation,
    pool: Pool,
    sender: Sender<u64>,
    mailbox: Mailbox<u64>,
    sources: RefCell<HashMap<u64, SourceId>>,
    jobs: RefCell<HashMap<u64, nano_loop::Job<u64>>>,
    ledger: Ledger,
    seed: u64,
}

impl Simulated {
    fn cause_something(&self) {
        let key = self.ledger.cause();
        match self.sim.random() % 4 {
            0 => {
                let source = self.event_loop.register_simulated(Interest::READABLE, key);
                self.sources.borrow_mut().insert(key, source);
                self.sim.ready(source, Readiness::READABLE);
                // A second edge before the event is taken changes nothing.
                self.sim.ready(source, Readiness::READABLE);
            }
            1 => drop(
                self.event_loop
                    .insert(self.event_loop.now() + Duration::from_micros(self.sim.random() % 3000), key),
            ),
            2 => self.sender.send(key).unwrap(),
            _ => {
                let job = self.event_loop.run_blocking(&self.pool, key, move || key).unwrap();
                self.jobs.borrow_mut().insert(key, job);
            }
        }
    }

    fn handle(&self, event: Event, depth: usize) {
        self.ledger.deepest.set(self.ledger.deepest.get().max(depth));
        let mut keys = Vec::new();
        match event {
            Event::Ready { key, .. } => {
                self.event_loop.forget(self.sources.borrow_mut().remove(&key).unwrap());
                keys.push(key);
            }
            Event::Timer { key, timer } => {
                assert!(!self.event_loop.cancel(timer));
                keys.push(key);
            }
            Event::Mail { key } => {
                assert_eq!(key, MAIL);
                while let Some(key) = self.mailbox.take() {
                    keys.push(key);
                    // Polls while messages are left: the nested turn may take them first.
                    self.turn(depth);
                }
            }
            Event::Done { key } => {
                let job = self.jobs.borrow_mut().remove(&key).unwrap();
                assert_eq!(job.take(), Some(Ok(key)));
                keys.push(key);
            }
            Event::Woken => panic!("nobody woke it"),
        }
        for key in keys {
            self.ledger.came(key, self.seed);
        }
        self.turn(depth);
    }

    /// As user code would during its work: causes events, then lets others run.
    fn turn(&self, depth: usize) {
        if self.ledger.next.get() < 2_000 {
            for _ in 0..self.sim.random() % 3 {
                self.cause_something();
            }
        }
        if depth == DEPTH {
            return;
        }
        self.event_loop.poll(Wait::Now).unwrap();
        for _ in 0..self.sim.random() % 4 {
            let Some(event) = self.event_loop.next() else { break };
            self.handle(event, depth + 1);
        }
    }
}

#[test]
fn five_deep_in_simulation() {
    for seed in 0..40 {
        let (event_loop, sim) = Loop::simulated(seed);
        let (sender, mailbox) = event_loop.mailbox(MAIL, Capacity::Unbounded);
        let world = Simulated {
            event_loop,
            sim,
            pool: Pool::new(PoolConfig { queue_limit: usize::MAX, ..PoolConfig::default() }),
            sender,
            mailbox,
            sources: RefCell::default(),
            jobs: RefCell::default(),
            ledger: Ledger::default(),
            seed,
        };
        // Until no event can come any more; then no event may be missing.
        while world.ledger.next.get() < 2_000 || !world.ledger.open.borrow().is_empty() {
            if world.ledger.next.get() < 2_000 {
                world.cause_something();
            }
            world.event_loop.poll(Wait::UntilNext).unwrap_or_else(|error| {
                panic!("{error}; seed {seed}; missing {:?}", world.ledger.open.borrow());
            });
            while let Some(event) = world.event_loop.next() {
                world.handle(event, 1);
            }
        }
        assert_eq!(world.ledger.deepest.get(), DEPTH, "seed {seed}");
        assert_eq!((world.event_loop.sources(), world.event_loop.timers()), (0, 0), "seed {seed}");
        assert!(!world.event_loop.probe().has_work(), "seed {seed}");
    }
}

/// Real sockets: the handler of each event reads one byte, writes to another socket, and polls the loop.
#[test]
fn five_deep_with_sockets() {
    let event_loop = Loop::new(Config::default()).unwrap();
    let mut near = Vec::new();
    let mut far = Vec::new();
    for key in 0..16 {
        let (mut a, b) = UnixStream::pair().unwrap();
        event_loop.register(&mut a, Interest::READABLE, key).unwrap();
        near.push(RefCell::new(a));
        far.push(b);
    }
    let sent = Cell::new(0u64);
    let received = Cell::new(0u64);
    let deepest = Cell::new(0);
    let send = |to: u64| {
        // Few enough in flight to fit any socket's buffer.
        if sent.get() - received.get() > 100 {
            return;
        }
        (&far[to as usize % 16]).write_all(b"x").unwrap();
        sent.set(sent.get() + 1);
    };
    fn handle(
        event_loop: &Loop,
        event: Event,
        depth: usize,
        near: &[RefCell<UnixStream>],
        send: &dyn Fn(u64),
        received: &Cell<u64>,
        deepest: &Cell<usize>,
    ) {
        let Event::Ready { key, .. } = event else { panic!("{event:?}") };
        deepest.set(deepest.get().max(depth));
        let mut buffer = [0; 64];
        loop {
            // Borrowed only for the read: a nested turn may read from the same socket.
            let count = near[key as usize].borrow_mut().read(&mut buffer);
            let Ok(count) = count else { break };
            for byte in 0..count as u64 {
                received.set(received.get() + 1);
                if received.get() < 20_000 {
                    send(key * 7 + received.get() + byte);
                    send(key + 1);
                }
                if depth < DEPTH {
                    event_loop.poll(Wait::Now).unwrap();
                    if let Some(event) = event_loop.next() {
                        handle(event_loop, event, depth + 1, near, send, received, deepest);
                    }
                }
            }
        }
    }
    (0..16).for_each(send);
    let start = Instant::now();
    while received.get() < sent.get() {
        assert!(start.elapsed() < LOST, "{} of {} came", received.get(), sent.get());
        event_loop.poll(Wait::AtMost(LOST)).unwrap();
        while let Some(event) = event_loop.next() {
            handle(&event_loop, event, 1, &near, &send, &received, &deepest);
        }
    }
    assert_eq!(received.get(), sent.get());
    assert_eq!(deepest.get(), DEPTH);
}
