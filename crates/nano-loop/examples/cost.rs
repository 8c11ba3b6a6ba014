//! Prints what the loop's operations cost on this machine: `cargo run --release --example cost`.
//! Each figure is the best of several runs, or a median, so that other work of the machine does not count.

use nano_loop::mio::net::UnixStream;
use nano_loop::mio::{Events, Poll, Token};
use nano_loop::{Capacity, Config, Event, Interest, Loop, Moment, Readiness, Wait};
use std::hint::black_box;
use std::io::{Read, Write};
use std::time::{Duration, Instant};

const RUNS: usize = 9;

/// The best of several runs, in nanoseconds for each of `count`.
fn best(count: usize, mut run: impl FnMut() -> Duration) -> f64 {
    (0..RUNS).map(|_| run().as_nanos() as f64 / count as f64).fold(f64::INFINITY, f64::min)
}

fn line(what: &str, nanos: f64) {
    println!("{what:<66} {nanos:>9.1} ns");
}

fn main() -> std::io::Result<()> {
    readiness(64)?;
    readiness(1)?;
    polls()?;
    queue();
    timers();
    mail()?;
    Ok(())
}

type Pairs = Vec<(UnixStream, UnixStream)>;

/// Bare mio and the loop in turns, so that both run under the same conditions; the median of the rounds. Only
/// the poll and taking the events are timed.
fn readiness(sockets: usize) -> std::io::Result<()> {
    const ROUNDS: usize = 20_000;
    let pairs = || (0..sockets).map(|_| UnixStream::pair()).collect::<Result<Pairs, _>>();
    let timed = |pairs: &mut Pairs, times: &mut Vec<u128>, run: &mut dyn FnMut() -> usize| {
        pairs.iter_mut().for_each(|(_, far)| far.write_all(b"x").unwrap());
        let start = Instant::now();
        let count = run();
        times.push(start.elapsed().as_nanos());
        assert_eq!(count, sockets);
        pairs.iter_mut().for_each(|(near, _)| assert_eq!(near.read(&mut [0; 8]).unwrap(), 1));
    };
    let median = |mut times: Vec<u128>| {
        times.sort_unstable();
        times[times.len() / 2] as f64
    };
    let mut poll = Poll::new()?;
    let mut events = Events::with_capacity(1024);
    let mut bare_pairs = pairs()?;
    for (key, (near, _)) in bare_pairs.iter_mut().enumerate() {
        poll.registry().register(near, Token(key), Interest::READABLE)?;
    }
    let event_loop = Loop::new(Config::default())?;
    let mut loop_pairs = pairs()?;
    for (key, (near, _)) in loop_pairs.iter_mut().enumerate() {
        event_loop.register(near, Interest::READABLE, key as u64)?;
    }
    let (mut bare, mut without, mut with) = (Vec::new(), Vec::new(), Vec::new());
    let mut poll_bare = || {
        poll.poll(&mut events, None).unwrap();
        let mut count = 0;
        for event in &events {
            black_box((event.token(), event.is_readable(), event.is_read_closed()));
            count += 1;
        }
        count
    };
    let mut poll_loop = || {
        event_loop.poll(Wait::UntilNext).unwrap();
        let mut count = 0;
        while let Some(event) = event_loop.next() {
            black_box(event);
            count += 1;
        }
        count
    };
    for _ in 0..ROUNDS {
        timed(&mut bare_pairs, &mut bare, &mut poll_bare);
        timed(&mut loop_pairs, &mut without, &mut poll_loop);
        let timer = event_loop.insert(event_loop.now() + Duration::from_secs(3600), 0);
        timed(&mut loop_pairs, &mut with, &mut poll_loop);
        event_loop.cancel(timer);
    }
    let (bare, without, with) = (median(bare), median(without), median(with));
    println!("{sockets} ready sources:");
    line("  bare mio: poll and look at each event", bare);
    line("  nano-loop: poll and next", without);
    line("  nano-loop, with a timer an hour off (the system sets its own)", with);
    line(
        "  so nano-loop adds, for each event (with its part of the poll)",
        (without - bare) / sockets as f64,
    );
    Ok(())
}

fn polls() -> std::io::Result<()> {
    const COUNT: usize = 100_000;
    let mut poll = Poll::new()?;
    let mut events = Events::with_capacity(1024);
    println!("nothing ready:");
    line(
        "  bare mio: poll",
        best(COUNT, || {
            let start = Instant::now();
            (0..COUNT).for_each(|_| poll.poll(&mut events, Some(Duration::ZERO)).unwrap());
            start.elapsed()
        }),
    );
    let event_loop = Loop::new(Config::default())?;
    line(
        "  nano-loop: poll",
        best(COUNT, || {
            let start = Instant::now();
            (0..COUNT).for_each(|_| event_loop.poll(Wait::Now).unwrap());
            start.elapsed()
        }),
    );
    let probe = event_loop.probe();
    line(
        "  probe.has_work() (from this thread)",
        best(COUNT, || {
            let start = Instant::now();
            (0..COUNT).for_each(|_| assert!(!black_box(&probe).has_work()));
            start.elapsed()
        }),
    );
    Ok(())
}

/// The loop's own part without any system call: a simulated loop, minus the cost of the simulation.
fn queue() {
    const SOURCES: usize = 64;
    const ROUNDS: usize = 20_000;
    let (event_loop, sim) = Loop::simulated(1);
    let ids: Vec<_> =
        (0..SOURCES as u64).map(|key| event_loop.register_simulated(Interest::READABLE, key)).collect();
    let next = best(ROUNDS * SOURCES, || {
        let mut spent = Duration::ZERO;
        for _ in 0..ROUNDS {
            ids.iter().for_each(|&id| assert!(sim.ready(id, Readiness::READABLE)));
            event_loop.poll(Wait::Now).unwrap();
            let start = Instant::now();
            while let Some(event) = event_loop.next() {
                black_box(event);
            }
            spent += start.elapsed();
        }
        spent
    });
    line("next, for each event (simulated, 64 at a time)", next);
}

fn timers() {
    const COUNT: usize = 1_000_000;
    println!("timers, a million at once, over a minute:");
    let mut random = 1u64;
    let mut deadline = move || {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        Moment::from_nanos(random % 60_000_000_000)
    };
    let (event_loop, sim) = Loop::simulated(1);
    let mut ids = Vec::with_capacity(COUNT);
    let start = Instant::now();
    ids.extend((0..COUNT).map(|key| event_loop.insert(deadline(), key as u64)));
    line("  insert, cold", start.elapsed().as_nanos() as f64 / COUNT as f64);
    let start = Instant::now();
    ids.drain(..).for_each(|id| assert!(event_loop.cancel(id)));
    line("  cancel", start.elapsed().as_nanos() as f64 / COUNT as f64);
    let start = Instant::now();
    ids.extend((0..COUNT).map(|key| event_loop.insert(deadline(), key as u64)));
    line("  insert, warm", start.elapsed().as_nanos() as f64 / COUNT as f64);
    let start = Instant::now();
    let mut fired = 0;
    while fired < COUNT {
        sim.advance(Duration::from_millis(1));
        event_loop.poll(Wait::Now).unwrap();
        while let Some(event) = event_loop.next() {
            black_box(event);
            fired += 1;
        }
    }
    line("  fire and deliver, polled every millisecond", start.elapsed().as_nanos() as f64 / COUNT as f64);
    println!("timers, one at a time (a connection's time limit):");
    let mut last = event_loop.insert(event_loop.now() + Duration::from_secs(60), 0);
    line(
        "  cancel and insert",
        best(COUNT, || {
            let start = Instant::now();
            for _ in 0..COUNT {
                event_loop.cancel(last);
                last = event_loop.insert(event_loop.now() + Duration::from_secs(60), 0);
            }
            start.elapsed()
        }),
    );
}

fn mail() -> std::io::Result<()> {
    const COUNT: usize = 100_000;
    let event_loop = Loop::new(Config::default())?;
    let (sender, mailbox) = event_loop.mailbox(1, Capacity::Unbounded);
    println!("mail, on one thread:");
    line(
        "  send and take, a hundred at a time, with the poll",
        best(COUNT, || {
            let start = Instant::now();
            for _ in 0..COUNT / 100 {
                (0..100).for_each(|number| sender.send(number).unwrap());
                event_loop.poll(Wait::UntilNext).unwrap();
                while let Some(event) = event_loop.next() {
                    assert_eq!(event, Event::Mail { key: 1 });
                    while mailbox.take().is_some() {}
                }
            }
            start.elapsed()
        }),
    );
    println!("mail, between threads, one message under way (two wake-ups of the system in each):");
    const TURNS: usize = 20_000;
    let (back, answers) = std::sync::mpsc::channel();
    let answered = std::thread::spawn(move || {
        for _ in 0..TURNS {
            if sender.send(1).is_err() || answers.recv().is_err() {
                return;
            }
        }
    });
    let start = Instant::now();
    let mut turns = 0;
    while turns < TURNS {
        event_loop.poll(Wait::UntilNext)?;
        while event_loop.next().is_some() {
            while mailbox.take().is_some() {
                turns += 1;
                let _ = back.send(());
            }
        }
    }
    line("  there and back", start.elapsed().as_nanos() as f64 / TURNS as f64);
    let _ = answered.join();
    Ok(())
}
