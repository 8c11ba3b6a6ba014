//! Timers through the loop: the wheel itself is tested beside it.

use crate::support::{drain, next};
use nano_loop::{Config, Event, Loop, Moment, Wait};
use std::time::Duration;

const MS: Duration = Duration::from_millis(1);

#[test]
fn real_timers_come_in_order_and_never_early() {
    let lp = Loop::new(Config::default()).unwrap();
    let start = lp.refresh_now();
    for key in [3, 1, 2, 0] {
        lp.insert(start + MS * key + Duration::from_micros(300), key as u64);
    }
    for expected in 0..4 {
        let Event::Timer { key, .. } = next(&lp) else { panic!() };
        assert_eq!(key, expected);
        assert!(lp.now() >= start + MS * expected as u32 + Duration::from_micros(300), "early");
    }
    assert_eq!(lp.timers(), 0);
    assert_eq!(lp.next_deadline(), None);
}

#[test]
fn a_deadline_that_has_passed_fires_at_the_next_poll() {
    let (lp, sim) = Loop::simulated(1);
    sim.advance(Duration::from_secs(1));
    lp.poll(Wait::Now).unwrap();
    let now = lp.insert(lp.now(), 1);
    let past = lp.insert(Moment::ZERO, 2);
    assert_eq!(lp.next(), None);
    assert_eq!(drain(&lp), [Event::Timer { key: 2, timer: past }, Event::Timer { key: 1, timer: now }]);
    assert_eq!(sim.now(), Moment::from_nanos(1_000_000_000));
}

#[test]
fn a_timer_cancelled_in_the_queue_is_not_delivered() {
    let (lp, sim) = Loop::simulated(1);
    let first = lp.insert(Moment::ZERO + MS, 1);
    let second = lp.insert(Moment::ZERO + MS, 2);
    sim.advance(MS);
    lp.poll(Wait::Now).unwrap();
    assert_eq!(lp.next(), Some(Event::Timer { key: 1, timer: first }));
    assert!(lp.cancel(second), "in the queue");
    assert!(!lp.cancel(second), "gone");
    assert!(!lp.cancel(first), "delivered");
    assert_eq!(lp.next(), None);
    assert_eq!(lp.next_deadline(), None);
    // The next one has the same slot and another id.
    let third = lp.insert(Moment::ZERO, 3);
    assert_ne!(second, third);
    assert!(!lp.cancel(second));
    assert_eq!(drain(&lp), [Event::Timer { key: 3, timer: third }]);
}

#[test]
fn one_poll_fires_as_many_as_it_may_and_the_next_the_rest() {
    let (lp, sim) = Loop::simulated_with(Config { timers_per_poll: 10, ..Config::default() }, 1);
    for key in 0..25 {
        lp.insert(Moment::ZERO + MS, key);
    }
    sim.advance(MS);
    let mut counts = Vec::new();
    let mut keys = Vec::new();
    for _ in 0..4 {
        let events = drain(&lp);
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
    let (lp, sim) = Loop::simulated(1);
    let year = Duration::from_secs(365 * 86_400);
    for key in 0..500 {
        lp.insert(Moment::ZERO + year * key as u32, key);
    }
    sim.advance(year * 499);
    let events = drain(&lp);
    assert_eq!(events.len(), 500);
    lp.insert(Moment::MAX, 0);
    assert_eq!(lp.poll(Wait::UntilNext).unwrap_err().kind(), std::io::ErrorKind::Deadlock);
    assert_eq!(lp.next(), None);
}

#[test]
fn waiting_passes_far_deadlines_exactly() {
    // Far enough for the coarse clock to be used; the wait is then cut short and ended by a second poll.
    let lp = Loop::new(Config::default()).unwrap();
    let deadline = lp.refresh_now() + MS * 60;
    let timer = lp.insert(deadline, 1);
    assert_eq!(next(&lp), Event::Timer { key: 1, timer });
    assert!(lp.now() >= deadline);
    assert!(lp.stats().polls <= 6, "it does not spin: {:?}", lp.stats());
}

#[test]
fn timer_ids_survive_as_numbers() {
    let (lp, _sim) = Loop::simulated(1);
    let timer = lp.insert(Moment::MAX, 1);
    assert_ne!(timer.to_bits(), 0);
    assert!(!lp.cancel(nano_loop::TimerId::from_bits(timer.to_bits() ^ 1)));
    assert!(!lp.cancel(nano_loop::TimerId::from_bits(u64::MAX)));
    assert!(lp.cancel(nano_loop::TimerId::from_bits(timer.to_bits())));
}
