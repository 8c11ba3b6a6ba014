//! Timers through the loop. The wheel has tests of its own in src/wheel_tests.rs.

use crate::support::{drain, next};
use nano_loop::{Config, Event, Loop, Moment, Wait};
use std::time::Duration;

const MS: Duration = Duration::from_millis(1);

#[test]
fn real_timers_come_in_order_and_never_early() {
    let event_loop = Loop::new(Config::default()).unwrap();
    let start = event_loop.refresh_now();
    for key in [3, 1, 2, 0] {
        event_loop.insert(start + MS * key + Duration::from_micros(300), key as u64);
    }
    for expected in 0..4 {
        let Event::Timer { key, .. } = next(&event_loop) else { panic!() };
        assert_eq!(key, expected);
        assert!(event_loop.now() >= start + MS * expected as u32 + Duration::from_micros(300), "early");
    }
    assert_eq!(event_loop.timers(), 0);
    assert_eq!(event_loop.next_deadline(), None);
}

#[test]
fn a_deadline_that_has_passed_fires_at_the_next_poll() {
    let (event_loop, sim) = Loop::simulated(1);
    sim.advance(Duration::from_secs(1));
    event_loop.poll(Wait::Now).unwrap();
    let now = event_loop.insert(event_loop.now(), 1);
    let past = event_loop.insert(Moment::ZERO, 2);
    assert_eq!(event_loop.next(), None);
    assert_eq!(
        drain(&event_loop),
        [Event::Timer { key: 2, timer: past }, Event::Timer { key: 1, timer: now }]
    );
    assert_eq!(sim.now(), Moment::from_nanos(1_000_000_000));
}

#[test]
fn a_timer_cancelled_in_the_queue_is_not_delivered() {
    let (event_loop, sim) = Loop::simulated(1);
    let first = event_loop.insert(Moment::ZERO + MS, 1);
    let second = event_loop.insert(Moment::ZERO + MS, 2);
    sim.advance(MS);
    event_loop.poll(Wait::Now).unwrap();
    assert_eq!(event_loop.next(), Some(Event::Timer { key: 1, timer: first }));
    assert!(event_loop.cancel(second), "in the queue");
    assert!(!event_loop.cancel(second), "gone");
    assert!(!event_loop.cancel(first), "delivered");
    assert_eq!(event_loop.next(), None);
    assert_eq!(event_loop.next_deadline(), None);
    // The next timer has the same slot and another id.
    let third = event_loop.insert(Moment::ZERO, 3);
    assert_ne!(second, third);
    assert!(!event_loop.cancel(second));
    assert_eq!(drain(&event_loop), [Event::Timer { key: 3, timer: third }]);
}

#[test]
fn one_poll_fires_timers_per_poll_and_the_next_the_rest() {
    let (event_loop, sim) = Loop::simulated_with(Config { timers_per_poll: 10, ..Config::default() }, 1);
    for key in 0..25 {
        event_loop.insert(Moment::ZERO + MS, key);
    }
    sim.advance(MS);
    let mut counts = Vec::new();
    let mut keys = Vec::new();
    for _ in 0..4 {
        let events = drain(&event_loop);
        counts.push(events.len());
        keys.extend(events.iter().map(|event| match event {
            Event::Timer { key, .. } => *key,
            other => panic!("{other:?}"),
        }));
    }
    assert_eq!(counts, [10, 10, 5, 0]);
    assert!(keys.iter().copied().eq(0..25));
}

#[test]
fn a_jump_over_years_is_one_step() {
    let (event_loop, sim) = Loop::simulated(1);
    let year = Duration::from_secs(365 * 86_400);
    for key in 0..500 {
        event_loop.insert(Moment::ZERO + year * key as u32, key);
    }
    sim.advance(year * 499);
    let events = drain(&event_loop);
    assert_eq!(events.len(), 500);
    event_loop.insert(Moment::MAX, 0);
    assert_eq!(event_loop.poll(Wait::UntilNext).unwrap_err().kind(), std::io::ErrorKind::Deadlock);
    assert_eq!(event_loop.next(), None);
}

#[test]
fn waiting_passes_far_deadlines_exactly() {
    // Far enough for the coarse clock to be used; the wait is then cut short and ended by a second poll.
    let event_loop = Loop::new(Config::default()).unwrap();
    let deadline = event_loop.refresh_now() + MS * 60;
    let timer = event_loop.insert(deadline, 1);
    assert_eq!(next(&event_loop), Event::Timer { key: 1, timer });
    assert!(event_loop.now() >= deadline);
    assert!(event_loop.stats().polls <= 6, "it does not spin: {:?}", event_loop.stats());
}

#[test]
fn timer_ids_survive_as_numbers() {
    let (event_loop, _sim) = Loop::simulated(1);
    let timer = event_loop.insert(Moment::MAX, 1);
    assert_ne!(timer.to_bits(), 0);
    assert!(!event_loop.cancel(nano_loop::TimerId::from_bits(timer.to_bits() ^ 1)));
    assert!(!event_loop.cancel(nano_loop::TimerId::from_bits(u64::MAX)));
    assert!(event_loop.cancel(nano_loop::TimerId::from_bits(timer.to_bits())));
}
