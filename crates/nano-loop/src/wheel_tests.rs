//! The wheel against a model (a sorted map), from seeds; and at size.

use std::collections::BTreeMap;

use super::*;

struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        // xorshift64*
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    /// A span of any magnitude: from none to centuries.
    fn span(&mut self, most_bits: u64) -> u64 {
        let bits = self.below(most_bits + 1);
        if bits == 0 { 0 } else { self.next() >> (64 - bits) }
    }
}

fn agree_with_the_model(seed: u64, steps: usize, most_bits: u64) {
    let mut random = Random(seed.wrapping_mul(2).wrapping_add(1));
    let mut wheel = Wheel::new();
    // By deadline and insertion: the order in which they must fire.
    let mut model = BTreeMap::<(u64, u64), Handle>::new();
    let mut fired = Vec::<(u64, Handle)>::new();
    let mut gone = Vec::<Handle>::new();
    let (mut now, mut inserted) = (0u64, 0u64);
    for step in 0..steps {
        let at = || format!("seed {seed}, step {step}, now {now}");
        match random.below(10) {
            0..=4 => {
                let deadline = match random.below(8) {
                    0 => now.saturating_sub(random.span(40)),
                    1 => (now - now % TICK_NS).saturating_add(random.below(3) * TICK_NS),
                    _ => now.saturating_add(random.span(most_bits)),
                };
                let handle = wheel.insert(deadline, inserted);
                assert!(model.values().all(|other| other.slot != handle.slot), "{}", at());
                model.insert((deadline, inserted), handle);
                inserted += 1;
            }
            5..=6 => {
                let choice = random.next() as usize;
                match random.below(4) {
                    0 if !gone.is_empty() => {
                        assert!(!wheel.cancel(gone[choice % gone.len()]), "a stale id; {}", at())
                    }
                    1 if !fired.is_empty() => {
                        let (_, handle) = fired.swap_remove(choice % fired.len());
                        assert!(wheel.cancel(handle), "fired, not delivered; {}", at());
                        assert_eq!(wheel.deliver(handle), None, "{}", at());
                        gone.push(handle);
                    }
                    _ if !model.is_empty() => {
                        let (&which, &handle) = model.iter().nth(choice % model.len()).unwrap();
                        assert!(wheel.cancel(handle), "{}", at());
                        model.remove(&which);
                        gone.push(handle);
                    }
                    _ => {}
                }
            }
            _ => {
                now = match random.below(4) {
                    // Exactly to a deadline, and to just before it.
                    0 if !model.is_empty() => model.keys().next().unwrap().0.max(now),
                    1 if !model.is_empty() => model.keys().next().unwrap().0.saturating_sub(1).max(now),
                    _ => now.saturating_add(random.span(most_bits)),
                };
                let budget = if random.below(3) == 0 { random.below(5) as usize } else { usize::MAX };
                let mut expected = Vec::new();
                while expected.len() < budget
                    && let Some(entry) = model.first_entry()
                    && entry.key().0 <= now
                {
                    expected.push((entry.key().1, entry.remove()));
                }
                let mut came = Vec::new();
                assert_eq!(wheel.expire(now, budget, |handle| came.push(handle)), expected.len());
                let wanted: Vec<_> = expected.iter().map(|&(_, handle)| handle).collect();
                assert_eq!(came, wanted, "seed {seed}, step {step}, now {now}");
                fired.extend(expected);
            }
        }
        if random.below(2) == 0
            && let Some((key, handle)) = fired.pop()
        {
            assert_eq!(wheel.deliver(handle), Some(key), "seed {seed}, step {step}");
            assert_eq!(wheel.deliver(handle), None, "seed {seed}, step {step}");
            gone.push(handle);
        }
        let earliest = model.keys().next().map_or(u64::MAX, |&(deadline, _)| deadline);
        assert!(
            wheel.bound() <= earliest,
            "bound {} after {earliest}; seed {seed}, step {step}",
            wheel.bound()
        );
        assert_eq!(wheel.len(), model.len() + fired.len(), "seed {seed}, step {step}");
    }
    // To the end of time: every timer fires, whatever the bound was on the way.
    let mut last = Vec::new();
    while !model.is_empty() {
        let bound = wheel.bound();
        now = now.max(bound);
        wheel.expire(now, usize::MAX, |handle| last.push(handle));
        for handle in last.drain(..) {
            let ((deadline, _), expected) = model.pop_first().unwrap();
            assert_eq!(handle, expected, "seed {seed}");
            assert!(deadline <= now, "early; seed {seed}");
        }
    }
}

#[test]
fn it_agrees_with_a_sorted_map() {
    for seed in 0..200 {
        agree_with_the_model(seed, 1_500, 24);
        agree_with_the_model(seed, 1_500, 36);
        agree_with_the_model(seed, 600, 64);
    }
}

#[test]
fn the_bound_reaches_every_timer_in_few_steps() {
    // As a waiting loop does: sleep until the bound, expire, sleep again. It must need few steps.
    for seed in 0..200 {
        let mut random = Random(seed * 2 + 1);
        let mut wheel = Wheel::new();
        let handles: Vec<_> = (0..100).map(|key| wheel.insert(random.span(60), key)).collect();
        let cancelled = handles.iter().filter(|_| random.below(2) == 0).copied().collect::<Vec<_>>();
        for &handle in &cancelled {
            assert!(wheel.cancel(handle));
        }
        let (mut steps, mut fired) = (0, 0);
        while wheel.bound() != u64::MAX {
            let now = wheel.bound();
            fired += wheel.expire(now, usize::MAX, |_| {});
            steps += 1;
            assert!(wheel.bound() > now, "seed {seed}");
        }
        assert_eq!(fired, 100 - cancelled.len(), "seed {seed}");
        assert!(steps <= fired + cancelled.len(), "{steps} steps; seed {seed}");
    }
}

#[test]
fn a_million_timers() {
    let mut random = Random(7);
    let mut wheel = Wheel::new();
    let day = 86_400_000_000_000;
    let mut handles = Vec::new();
    for key in 0..1_000_000 {
        handles.push((wheel.insert(random.below(day), key), key));
    }
    assert_eq!(wheel.len(), 1_000_000);
    let chunks = wheel.chunks.len();
    // Cancelled and inserted again a million times: nothing grows.
    for _ in 0..1_000_000 {
        let which = random.below(1_000_000) as usize;
        let (handle, key) = handles[which];
        assert!(wheel.cancel(handle));
        handles[which].0 = wheel.insert(random.below(day), key);
    }
    assert_eq!(wheel.chunks.len(), chunks);
    let (mut fired, mut now, mut last) = (0, 0, 0);
    while wheel.len() > 0 {
        now += day / 1000;
        let mut came = Vec::new();
        fired += wheel.expire(now, 1000, |handle| came.push(handle));
        for handle in came {
            let deadline = wheel.timer(handle.slot).deadline;
            assert!(last <= deadline && deadline <= now);
            last = deadline;
            assert!(wheel.deliver(handle).is_some());
        }
    }
    assert_eq!(fired, 1_000_000);
}

#[test]
fn insert_and_cancel_in_the_current_millisecond_do_not_pile_up() {
    let mut wheel = Wheel::new();
    wheel.expire(5 * TICK_NS, 1, |_| {});
    let kept = wheel.insert(5 * TICK_NS + 1, 1);
    for key in 0..100_000 {
        let handle = wheel.insert(5 * TICK_NS, key);
        assert!(wheel.cancel(handle));
    }
    assert!(wheel.near.len() <= 130, "{} entries", wheel.near.len());
    let mut came = Vec::new();
    wheel.expire(6 * TICK_NS, 10, |handle| came.push(handle));
    assert_eq!(came, [kept]);
    assert_eq!((wheel.stale, wheel.near.len()), (0, 0));
}

#[test]
fn a_timer_at_the_maximum_never_fires() {
    let mut wheel = Wheel::new();
    let never = wheel.insert(u64::MAX, 1);
    assert_eq!(wheel.expire(u64::MAX - 1, 10, |_| {}), 0);
    assert_eq!(wheel.bound(), u64::MAX);
    assert!(wheel.cancel(never));
}

#[test]
fn a_slot_out_of_generations_is_not_reused() {
    let mut wheel = Wheel::new();
    let first = wheel.insert(1, 1);
    wheel.timer_mut(0).generation = u32::MAX;
    assert!(!wheel.cancel(first));
    assert!(wheel.cancel(Handle { slot: 0, generation: u32::MAX }));
    assert_eq!(wheel.insert(1, 2), Handle { slot: 1, generation: 1 });
}
