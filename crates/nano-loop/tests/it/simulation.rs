//! The simulated loop: the same seed gives the same trace, and it behaves like a real loop.

use crate::support::drain;
use nano_loop::{Capacity, Event, Interest, Loop, Moment, Pool, PoolConfig, Readiness, Wait};
use std::io::ErrorKind;
use std::time::Duration;

/// A driver that uses every part of the loop, with choices from the seed; returns all events.
fn trace(seed: u64) -> Vec<(Moment, Event)> {
    let (event_loop, sim) = Loop::simulated(seed);
    let pool = Pool::new(PoolConfig::default());
    let (sender, mailbox) = event_loop.mailbox::<u64>(1, Capacity::AtMost(4));
    let waker = event_loop.waker();
    let mut trace = Vec::new();
    let mut sources = Vec::new();
    let mut timers = Vec::new();
    let mut jobs = Vec::new();
    for step in 100..400 {
        let choice = sim.random() as usize;
        match choice % 8 {
            0 => sources.push(event_loop.register_simulated(Interest::READABLE, step)),
            1 => timers.push(
                event_loop.insert(event_loop.now() + Duration::from_micros(sim.random() % 20_000), step),
            ),
            2 if !timers.is_empty() => drop(event_loop.cancel(timers.swap_remove(choice % timers.len()))),
            3 if !sources.is_empty() => {
                for index in 0..choice % 5 {
                    sim.ready(sources[(choice + index) % sources.len()], Readiness::READABLE);
                }
            }
            4 => jobs.push(event_loop.run_blocking(&pool, step, move || step).unwrap()),
            5 if !jobs.is_empty() => drop(jobs.swap_remove(choice % jobs.len())),
            6 => drop(sender.send(step)),
            7 => waker.wake().unwrap(),
            _ => {}
        }
        let wait = [Wait::Now, Wait::UntilNext, Wait::AtMost(Duration::from_millis(2))][choice / 8 % 3];
        match event_loop.poll(wait) {
            Err(error) => assert_eq!(error.kind(), ErrorKind::Deadlock),
            Ok(()) => {
                while let Some(event) = event_loop.next() {
                    if let Event::Mail { .. } = event {
                        while mailbox.take().is_some() {}
                    }
                    trace.push((event_loop.now(), event));
                }
            }
        }
    }
    trace
}

#[test]
fn the_same_seed_gives_the_same_trace() {
    let mut different = 0;
    for seed in 0..50 {
        let first = trace(seed);
        assert!(first.len() > 50, "seed {seed}: {} events", first.len());
        assert_eq!(first, trace(seed), "seed {seed}");
        different += (first != trace(seed + 1)) as usize;
    }
    assert_eq!(different, 50);
}

#[test]
fn the_seed_decides_the_order_of_sources_ready_together() {
    let order = |seed| {
        let (event_loop, sim) = Loop::simulated(seed);
        for key in 0..10 {
            sim.ready(event_loop.register_simulated(Interest::READABLE, key), Readiness::READABLE);
        }
        drain(&event_loop)
            .into_iter()
            .map(|e| if let Event::Ready { key, .. } = e { key } else { panic!() })
            .collect()
    };
    let orders: Vec<Vec<u64>> = (0..20).map(order).collect();
    assert!(orders.iter().any(|order| *order != orders[0]));
    for mut order in orders {
        order.sort();
        assert!(order.into_iter().eq(0..10));
    }
}

#[test]
fn waiting_moves_the_clock_to_the_next_event() {
    let (event_loop, sim) = Loop::simulated(3);
    let timer = event_loop.insert(Moment::ZERO + Duration::from_secs(3600), 1);
    event_loop.poll(Wait::AtMost(Duration::from_secs(60))).unwrap();
    assert_eq!((event_loop.next(), event_loop.now()), (None, Moment::ZERO + Duration::from_secs(60)));
    event_loop.poll(Wait::UntilNext).unwrap();
    assert_eq!(event_loop.now(), Moment::ZERO + Duration::from_secs(3600));
    assert_eq!(event_loop.next(), Some(Event::Timer { key: 1, timer }));
    // A ready source is found without waiting, even by a poll that may wait.
    let source = event_loop.register_simulated(Interest::READABLE, 2);
    event_loop.insert(Moment::MAX - Duration::from_secs(1), 3);
    assert!(sim.ready(source, Readiness::READABLE));
    event_loop.poll(Wait::UntilNext).unwrap();
    assert_eq!(event_loop.now(), Moment::ZERO + Duration::from_secs(3600));
    assert_eq!(event_loop.next(), Some(Event::Ready { key: 2, readiness: Readiness::READABLE }));
}

#[test]
fn waiting_for_nothing_is_an_error() {
    let (event_loop, _sim) = Loop::simulated(3);
    assert_eq!(event_loop.poll(Wait::UntilNext).unwrap_err().kind(), ErrorKind::Deadlock);
    event_loop.poll(Wait::AtMost(Duration::from_millis(1))).unwrap();
    event_loop.waker().wake().unwrap();
    event_loop.poll(Wait::UntilNext).unwrap();
    assert_eq!(event_loop.next(), Some(Event::Woken));
}

#[test]
fn readiness_outside_the_interest_is_dropped() {
    let (event_loop, sim) = Loop::simulated(3);
    let source = event_loop.register_simulated(Interest::READABLE, 7);
    sim.ready(source, Readiness::WRITABLE);
    assert_eq!(drain(&event_loop), []);
    sim.ready(source, Readiness::WRITABLE | Readiness::ERROR);
    assert_eq!(drain(&event_loop), [Event::Ready { key: 7, readiness: Readiness::ERROR }]);
    event_loop.reregister_simulated(source, Interest::WRITABLE).unwrap();
    sim.ready(source, Readiness::WRITABLE | Readiness::READABLE);
    assert_eq!(drain(&event_loop), [Event::Ready { key: 7, readiness: Readiness::WRITABLE }]);
    assert!(event_loop.forget(source));
    assert!(!event_loop.forget(source));
    assert!(!sim.ready(source, Readiness::WRITABLE));
    assert_eq!(
        event_loop.reregister_simulated(source, Interest::WRITABLE).unwrap_err().kind(),
        ErrorKind::NotFound
    );
    assert_eq!(event_loop.sources(), 0);
}

#[test]
fn a_real_source_is_refused() {
    let (event_loop, _sim) = Loop::simulated(3);
    let (mut socket, _other) = nano_loop::mio::net::UnixStream::pair().unwrap();
    assert_eq!(
        event_loop.register(&mut socket, Interest::READABLE, 1).unwrap_err().kind(),
        ErrorKind::Unsupported
    );
    assert_eq!(event_loop.sources(), 0);
}

#[test]
fn a_poll_collects_at_most_events_capacity_sources() {
    let config = nano_loop::Config { events_capacity: 3, ..Default::default() };
    let (event_loop, sim) = Loop::simulated_with(config, 3);
    for key in 0..7 {
        sim.ready(event_loop.register_simulated(Interest::READABLE, key), Readiness::READABLE);
    }
    assert_eq!([drain(&event_loop).len(), drain(&event_loop).len()], [3, 3]);
    assert!(event_loop.probe().has_work());
    assert_eq!([drain(&event_loop).len(), drain(&event_loop).len()], [1, 0]);
    assert!(!event_loop.probe().has_work());
}
