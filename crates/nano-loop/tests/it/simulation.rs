//! The simulated loop: the same seed gives the same trace; what is real on a real loop is real enough here.

use crate::support::drain;
use nano_loop::{Capacity, Event, Interest, Loop, Moment, Pool, PoolConfig, Readiness, Wait};
use std::io::ErrorKind;
use std::time::Duration;

/// A driver that does everything, with choices from the seed; returns all that happened.
fn trace(seed: u64) -> Vec<(Moment, Event)> {
    let (lp, sim) = Loop::simulated(seed);
    let pool = Pool::new(PoolConfig::default());
    let (sender, mailbox) = lp.mailbox::<u64>(1, Capacity::AtMost(4));
    let waker = lp.waker();
    let mut trace = Vec::new();
    let mut sources = Vec::new();
    let mut timers = Vec::new();
    let mut jobs = Vec::new();
    for step in 100..400 {
        let choice = sim.random() as usize;
        match choice % 8 {
            0 => sources.push(lp.register_simulated(Interest::READABLE, step)),
            1 => timers.push(lp.insert(lp.now() + Duration::from_micros(sim.random() % 20_000), step)),
            2 if !timers.is_empty() => drop(lp.cancel(timers.swap_remove(choice % timers.len()))),
            3 if !sources.is_empty() => {
                for index in 0..choice % 5 {
                    sim.ready(sources[(choice + index) % sources.len()], Readiness::READABLE);
                }
            }
            4 => jobs.push(lp.run_blocking(&pool, step, move || step).unwrap()),
            5 if !jobs.is_empty() => drop(jobs.swap_remove(choice % jobs.len())),
            6 => drop(sender.send(step)),
            7 => waker.wake().unwrap(),
            _ => {}
        }
        let wait = [Wait::Now, Wait::UntilNext, Wait::AtMost(Duration::from_millis(2))][choice / 8 % 3];
        match lp.poll(wait) {
            Err(error) => assert_eq!(error.kind(), ErrorKind::Deadlock),
            Ok(()) => {
                while let Some(event) = lp.next() {
                    if let Event::Mail { .. } = event {
                        while mailbox.take().is_some() {}
                    }
                    trace.push((lp.now(), event));
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
fn the_seed_decides_the_order_of_what_is_ready_together() {
    let order = |seed| {
        let (lp, sim) = Loop::simulated(seed);
        for key in 0..10 {
            sim.ready(lp.register_simulated(Interest::READABLE, key), Readiness::READABLE);
        }
        drain(&lp)
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
fn waiting_moves_the_clock_to_what_comes_next() {
    let (lp, sim) = Loop::simulated(3);
    let timer = lp.insert(Moment::ZERO + Duration::from_secs(3600), 1);
    lp.poll(Wait::AtMost(Duration::from_secs(60))).unwrap();
    assert_eq!((lp.next(), lp.now()), (None, Moment::ZERO + Duration::from_secs(60)));
    lp.poll(Wait::UntilNext).unwrap();
    assert_eq!(lp.now(), Moment::ZERO + Duration::from_secs(3600));
    assert_eq!(lp.next(), Some(Event::Timer { key: 1, timer }));
    // What is ready is found without waiting, also by a poll that may.
    let source = lp.register_simulated(Interest::READABLE, 2);
    lp.insert(Moment::MAX - Duration::from_secs(1), 3);
    assert!(sim.ready(source, Readiness::READABLE));
    lp.poll(Wait::UntilNext).unwrap();
    assert_eq!(lp.now(), Moment::ZERO + Duration::from_secs(3600));
    assert_eq!(lp.next(), Some(Event::Ready { key: 2, readiness: Readiness::READABLE }));
}

#[test]
fn waiting_for_nothing_is_an_error_and_not_for_ever() {
    let (lp, _sim) = Loop::simulated(3);
    assert_eq!(lp.poll(Wait::UntilNext).unwrap_err().kind(), ErrorKind::Deadlock);
    lp.poll(Wait::AtMost(Duration::from_millis(1))).unwrap();
    lp.waker().wake().unwrap();
    lp.poll(Wait::UntilNext).unwrap();
    assert_eq!(lp.next(), Some(Event::Woken));
}

#[test]
fn sources_are_heard_in_the_ways_of_their_interest() {
    let (lp, sim) = Loop::simulated(3);
    let source = lp.register_simulated(Interest::READABLE, 7);
    sim.ready(source, Readiness::WRITABLE);
    assert_eq!(drain(&lp), []);
    sim.ready(source, Readiness::WRITABLE | Readiness::ERROR);
    assert_eq!(drain(&lp), [Event::Ready { key: 7, readiness: Readiness::ERROR }]);
    lp.reregister_simulated(source, Interest::WRITABLE).unwrap();
    sim.ready(source, Readiness::WRITABLE | Readiness::READABLE);
    assert_eq!(drain(&lp), [Event::Ready { key: 7, readiness: Readiness::WRITABLE }]);
    assert!(lp.forget(source));
    assert!(!lp.forget(source));
    assert!(!sim.ready(source, Readiness::WRITABLE));
    assert_eq!(lp.reregister_simulated(source, Interest::WRITABLE).unwrap_err().kind(), ErrorKind::NotFound);
    assert_eq!(lp.sources(), 0);
}

#[test]
fn a_real_source_is_refused() {
    let (lp, _sim) = Loop::simulated(3);
    let (mut socket, _other) = nano_loop::mio::net::UnixStream::pair().unwrap();
    assert_eq!(lp.register(&mut socket, Interest::READABLE, 1).unwrap_err().kind(), ErrorKind::Unsupported);
    assert_eq!(lp.sources(), 0);
}

#[test]
fn a_poll_collects_as_many_sources_as_it_may() {
    let config = nano_loop::Config { events_capacity: 3, ..Default::default() };
    let (lp, sim) = Loop::simulated_with(config, 3);
    for key in 0..7 {
        sim.ready(lp.register_simulated(Interest::READABLE, key), Readiness::READABLE);
    }
    assert_eq!([drain(&lp).len(), drain(&lp).len()], [3, 3]);
    assert!(lp.probe().has_work());
    assert_eq!([drain(&lp).len(), drain(&lp).len()], [1, 0]);
    assert!(!lp.probe().has_work());
}
