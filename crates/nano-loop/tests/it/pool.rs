//! The pool for blocking work.

use crate::support::{drain, next, until};
use nano_loop::{Config, Event, Loop, Pool, PoolConfig, PoolFull, Wait};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

fn real() -> Loop {
    Loop::new(Config::default()).unwrap()
}

fn small(max_threads: usize, queue_limit: usize) -> Pool {
    Pool::new(PoolConfig { max_threads, queue_limit, ..PoolConfig::default() })
}

/// Counts its drops, to check that closures and results are dropped.
struct Counted(Arc<AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

#[test]
fn a_job_gives_its_result_once() {
    let event_loop = real();
    let pool = small(2, 10);
    assert_eq!(pool.threads(), 0, "none before there is work");
    let here = std::thread::current().id();
    let job = event_loop.run_blocking(&pool, 5, move || std::thread::current().id() != here).unwrap();
    assert_eq!(next(&event_loop), Event::Done { key: 5 });
    assert_eq!(job.take(), Some(Ok(true)));
    assert_eq!(job.take(), None);
    assert_eq!(pool.threads(), 1);
}

#[test]
fn many_jobs_of_two_loops_on_one_pool() {
    let pool = small(3, 1000);
    let loops: Vec<_> = (0..2)
        .map(|_| {
            let pool = pool.clone();
            std::thread::spawn(move || {
                let event_loop = real();
                let jobs: Vec<_> = (0..300)
                    .map(|key| event_loop.run_blocking(&pool, key, move || key * 2).unwrap())
                    .collect();
                for _ in 0..300 {
                    let Event::Done { key } = next(&event_loop) else { panic!() };
                    assert_eq!(jobs[key as usize].take(), Some(Ok(key * 2)));
                }
                assert_eq!(drain(&event_loop), []);
            })
        })
        .collect();
    loops.into_iter().for_each(|thread| thread.join().unwrap());
    assert!(pool.threads() <= 3);
    assert_eq!(pool.queued(), 0);
}

#[test]
fn two_jobs_get_two_threads_even_if_one_is_idle() {
    let event_loop = real();
    for _ in 0..100 {
        let pool = small(2, 10);
        let first = event_loop.run_blocking(&pool, 0, || ()).unwrap();
        assert_eq!(next(&event_loop), Event::Done { key: 0 });
        // Each job waits for the other: one after the other on one thread, they would never end.
        let meeting = Arc::new(std::sync::Barrier::new(2));
        let jobs = [1, 2].map(|key| {
            let meeting = meeting.clone();
            event_loop
                .run_blocking(&pool, key, move || {
                    meeting.wait();
                })
                .unwrap()
        });
        next(&event_loop);
        next(&event_loop);
        assert!(jobs.iter().all(|job| job.take() == Some(Ok(()))));
        drop(first);
    }
}

#[test]
fn a_full_pool_refuses_and_a_cancelled_job_makes_room() {
    let event_loop = real();
    let pool = small(1, 2);
    let (open, gate) = mpsc::channel::<()>();
    let running = event_loop.run_blocking(&pool, 1, move || gate.recv().unwrap()).unwrap();
    let dropped = Arc::new(AtomicUsize::new(0));
    let counted = Counted(dropped.clone());
    let second = event_loop.run_blocking(&pool, 2, move || drop(counted)).unwrap();
    let third = event_loop.run_blocking(&pool, 3, || 3).unwrap();
    assert_eq!(pool.queued(), 2);
    assert!(matches!(event_loop.run_blocking(&pool, 4, || ()), Err(PoolFull::Queue { limit: 2 })));
    drop(second);
    assert_eq!(dropped.load(Ordering::SeqCst), 1, "its closure is dropped with it, unrun");
    assert_eq!(pool.queued(), 1);
    let fifth = event_loop.run_blocking(&pool, 5, || 5).unwrap();
    open.send(()).unwrap();
    let events = [next(&event_loop), next(&event_loop), next(&event_loop)];
    assert_eq!(events, [1, 3, 5].map(|key| Event::Done { key }));
    assert_eq!(running.take(), Some(Ok(())));
    assert_eq!((third.take(), fifth.take()), (Some(Ok(3)), Some(Ok(5))));
    assert_eq!(drain(&event_loop), []);
}

#[test]
fn a_pool_of_no_threads_refuses() {
    for event_loop in [real(), Loop::simulated(1).0] {
        assert!(matches!(event_loop.run_blocking(&small(0, 5), 1, || ()), Err(PoolFull::NoThread(_))));
    }
}

#[test]
fn a_job_dropped_while_it_runs_makes_no_event() {
    let event_loop = real();
    let pool = small(1, 5);
    let dropped = Arc::new(AtomicUsize::new(0));
    let (open, gate) = mpsc::channel::<()>();
    let (started, start) = mpsc::channel();
    let counted = Counted(dropped.clone());
    let job = event_loop
        .run_blocking(&pool, 1, move || {
            started.send(()).unwrap();
            gate.recv().unwrap();
            counted
        })
        .unwrap();
    start.recv().unwrap();
    drop(job);
    assert_eq!(dropped.load(Ordering::SeqCst), 0);
    open.send(()).unwrap();
    until(|| dropped.load(Ordering::SeqCst) == 1);
    let last = event_loop.run_blocking(&pool, 2, || ()).unwrap();
    assert_eq!(next(&event_loop), Event::Done { key: 2 });
    assert_eq!(drain(&event_loop), []);
    drop(last);
}

#[test]
fn a_job_dropped_after_its_event_was_queued_makes_no_event() {
    let event_loop = real();
    let pool = small(1, 5);
    let job = event_loop.run_blocking(&pool, 1, || 1).unwrap();
    event_loop.poll(Wait::UntilNext).unwrap();
    assert!(event_loop.probe().has_work());
    drop(job);
    assert_eq!(event_loop.next(), None);
}

#[test]
fn a_panic_is_contained_and_reported() {
    struct Bomb;
    impl Drop for Bomb {
        fn drop(&mut self) {
            std::panic::resume_unwind(Box::new("from a destructor"));
        }
    }
    let event_loop = real();
    let pool = small(1, 5);
    // resume_unwind: a panic without the message on stderr.
    let text = event_loop
        .run_blocking(&pool, 1, || -> u8 { std::panic::resume_unwind(Box::new("it broke")) })
        .unwrap();
    let odd = event_loop.run_blocking(&pool, 2, || -> u8 { std::panic::resume_unwind(Box::new(5)) }).unwrap();
    let bomb =
        event_loop.run_blocking(&pool, 3, || -> u8 { std::panic::resume_unwind(Box::new(Bomb)) }).unwrap();
    let after = event_loop.run_blocking(&pool, 4, || 7).unwrap();
    for key in 1..=4 {
        assert_eq!(next(&event_loop), Event::Done { key });
    }
    assert_eq!(text.take().unwrap().unwrap_err().message, "it broke");
    assert!(odd.take().unwrap().is_err());
    assert!(bomb.take().unwrap().is_err());
    assert_eq!(after.take(), Some(Ok(7)));
    assert_eq!(pool.threads(), 1, "the same thread throughout");
}

#[test]
fn idle_threads_end_and_come_back() {
    let event_loop = real();
    let pool = Pool::new(PoolConfig { idle_timeout: Duration::from_millis(1), ..PoolConfig::default() });
    for round in 0..3 {
        let job = event_loop.run_blocking(&pool, round, move || round).unwrap();
        assert_eq!(next(&event_loop), Event::Done { key: round });
        assert_eq!(job.take(), Some(Ok(round)));
        until(|| pool.threads() == 0);
    }
}

#[test]
fn the_last_handle_ends_the_pool() {
    let event_loop = real();
    let pool = Pool::new(PoolConfig { idle_timeout: Duration::MAX, ..PoolConfig::default() });
    let dropped = Arc::new(AtomicUsize::new(0));
    std::thread_local!(static ON_THREAD: std::cell::RefCell<Option<Counted>> = const { std::cell::RefCell::new(None) });
    let counted = Counted(dropped.clone());
    let job = event_loop.run_blocking(&pool, 1, move || ON_THREAD.set(Some(counted))).unwrap();
    assert_eq!(next(&event_loop), Event::Done { key: 1 });
    drop(pool);
    assert_eq!(dropped.load(Ordering::SeqCst), 0, "the job holds the pool");
    drop(job);
    until(|| dropped.load(Ordering::SeqCst) == 1);
}

#[test]
fn jobs_in_simulation() {
    let (event_loop, _sim) = Loop::simulated(9);
    let pool = small(1, 2);
    let dropped = Arc::new(AtomicUsize::new(0));
    let counted = Counted(dropped.clone());
    let cancelled = event_loop.run_blocking(&pool, 1, move || drop(counted)).unwrap();
    let fine = event_loop.run_blocking(&pool, 2, || 2).unwrap();
    let panics =
        event_loop.run_blocking(&pool, 3, || -> u8 { std::panic::resume_unwind(Box::new("no")) }).unwrap();
    assert!(matches!(event_loop.run_blocking(&pool, 4, || ()), Err(PoolFull::Queue { .. })));
    drop(cancelled);
    assert_eq!(dropped.load(Ordering::SeqCst), 1);
    assert_eq!(fine.take(), None);
    let mut events = vec![next(&event_loop), next(&event_loop)];
    events.sort_by_key(|event| if let Event::Done { key } = event { *key } else { 0 });
    assert_eq!(events, [Event::Done { key: 2 }, Event::Done { key: 3 }]);
    assert_eq!(fine.take(), Some(Ok(2)));
    assert_eq!(panics.take().unwrap().unwrap_err().message, "no");
    assert_eq!(event_loop.poll(Wait::UntilNext).unwrap_err().kind(), std::io::ErrorKind::Deadlock);
    assert_eq!(pool.threads(), 0);
}
