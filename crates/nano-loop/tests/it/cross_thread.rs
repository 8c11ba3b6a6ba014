//! Mailboxes, wakers and probes, with real threads.

use crate::support::{drain, next, until};
use nano_loop::mio::net::UnixStream;
use nano_loop::{Capacity, Config, Event, Interest, Loop, Moment, SendError, Wait};
use std::io::Write;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

fn real() -> Loop {
    Loop::new(Config::default()).unwrap()
}

#[test]
fn handles_for_other_threads_are_send_and_sync() {
    fn anywhere<T: Send + Sync + Clone>() {}
    anywhere::<nano_loop::Waker>();
    anywhere::<nano_loop::Probe>();
    anywhere::<nano_loop::Pool>();
    // Messages need not be Sync.
    anywhere::<nano_loop::Sender<std::cell::Cell<u8>>>();
}

#[test]
fn eight_threads_lose_no_message() {
    const THREADS: usize = 8;
    const MESSAGES: usize = 20_000;
    let event_loop = real();
    let (sender, mailbox) = event_loop.mailbox(3, Capacity::Unbounded);
    let threads: Vec<_> = (0..THREADS)
        .map(|thread| {
            let sender = sender.clone();
            thread::spawn(move || {
                for number in 0..MESSAGES {
                    sender.send((thread, number)).unwrap();
                    if number % 64 == 0 {
                        thread::yield_now();
                    }
                }
            })
        })
        .collect();
    let mut seen = [0; THREADS];
    while seen.iter().sum::<usize>() < THREADS * MESSAGES {
        assert_eq!(next(&event_loop), Event::Mail { key: 3 });
        while let Some((thread, number)) = mailbox.take() {
            assert_eq!(seen[thread], number, "out of order");
            seen[thread] += 1;
        }
    }
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    let stats = event_loop.stats();
    assert!(stats.events <= (THREADS * MESSAGES) as u64);
    assert!(stats.wakeups <= stats.waits, "{stats:?}");
    assert!(mailbox.is_empty() && sender.is_empty());
}

/// Each thread sends its next message only after the last one was taken, so each message must wake the loop.
#[test]
fn eight_threads_in_lockstep_lose_no_wake_up() {
    const THREADS: usize = 8;
    const ROUNDS: usize = 2_000;
    let event_loop = real();
    let (sender, mailbox) = event_loop.mailbox(3, Capacity::AtMost(THREADS));
    let mut answers = Vec::new();
    let threads: Vec<_> = (0..THREADS)
        .map(|thread| {
            let sender = sender.clone();
            let (answer, answered) = mpsc::channel();
            answers.push(answer);
            thread::spawn(move || {
                for _ in 0..ROUNDS {
                    sender.send(thread).unwrap();
                    answered.recv().unwrap();
                }
            })
        })
        .collect();
    let mut rounds = 0;
    while rounds < THREADS * ROUNDS {
        assert_eq!(next(&event_loop), Event::Mail { key: 3 });
        while let Some(thread) = mailbox.take() {
            rounds += 1;
            answers[thread].send(()).unwrap();
        }
    }
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    // A message may be taken before its event comes; the event then finds nothing.
    assert!(drain(&event_loop).iter().all(|event| *event == Event::Mail { key: 3 }));
    assert_eq!(mailbox.take(), None);
}

#[test]
fn a_waker_in_lockstep_loses_no_wake_up() {
    let event_loop = real();
    let (answer, answered) = mpsc::channel();
    let waker = event_loop.waker();
    let thread = thread::spawn(move || {
        for _ in 0..5_000 {
            waker.wake().unwrap();
            answered.recv().unwrap();
        }
    });
    for _ in 0..5_000 {
        assert_eq!(next(&event_loop), Event::Woken);
        answer.send(()).unwrap();
    }
    thread.join().unwrap();
    assert_eq!(drain(&event_loop), []);
}

#[test]
fn many_wakes_are_one_event_and_an_awake_loop_is_not_written_to() {
    for event_loop in [real(), Loop::simulated(1).0] {
        let (sender, mailbox) = event_loop.mailbox(1, Capacity::Unbounded);
        let waker = event_loop.waker();
        for number in 0..1000 {
            waker.wake().unwrap();
            sender.send(number).unwrap();
        }
        assert_eq!(drain(&event_loop), [Event::Mail { key: 1 }, Event::Woken]);
        assert!((0..1000).all(|number| mailbox.take() == Some(number)));
        assert_eq!(mailbox.take(), None);
        waker.wake().unwrap();
        event_loop.poll(Wait::UntilNext).unwrap();
        waker.wake().unwrap();
        assert_eq!(drain(&event_loop), [Event::Woken], "one in the queue is enough");
        waker.wake().unwrap();
        assert_eq!(drain(&event_loop), [Event::Woken]);
        assert_eq!(drain(&event_loop), []);
        assert_eq!((event_loop.stats().wakeups, event_loop.stats().readiness), (0, 0));
    }
}

#[test]
fn a_burst_while_the_loop_waits_is_one_write() {
    let (lp_ready, loop_is_ready) = mpsc::channel();
    let (burst_over, over) = mpsc::channel::<()>();
    let thread = thread::spawn(move || {
        let event_loop = real();
        let (sender, mailbox) = event_loop.mailbox(1, Capacity::Unbounded);
        lp_ready.send((sender, event_loop.probe())).unwrap();
        event_loop.poll(Wait::UntilNext).unwrap();
        over.recv().unwrap();
        event_loop.poll(Wait::Now).unwrap();
        let mut count = 0;
        while event_loop.next().is_some() {
            while mailbox.take().is_some() {
                count += 1;
            }
        }
        (count, event_loop.stats())
    });
    let (sender, probe) = loop_is_ready.recv().unwrap();
    until(|| probe.is_waiting());
    for number in 0..1000 {
        sender.send(number).unwrap();
    }
    burst_over.send(()).unwrap();
    let (count, stats) = thread.join().unwrap();
    assert_eq!(count, 1000);
    assert_eq!((stats.polls, stats.wakeups), (2, 1));
}

#[test]
fn a_mailbox_is_full_at_its_capacity_and_gives_the_message_back() {
    let (event_loop, _sim) = Loop::simulated(1);
    let (sender, mailbox) = event_loop.mailbox(1, Capacity::AtMost(2));
    sender.send("a").unwrap();
    sender.send("b").unwrap();
    assert_eq!(sender.send("c"), Err(SendError::Full("c")));
    assert_eq!(mailbox.take(), Some("a"));
    // A message that the receiver has fetched but not taken still counts.
    sender.send("d").unwrap();
    assert_eq!(sender.send("e").unwrap_err().into_message(), "e");
    assert_eq!([mailbox.take(), mailbox.take(), mailbox.take()], [Some("b"), Some("d"), None]);
    let (none, _mailbox) = event_loop.mailbox(2, Capacity::AtMost(0));
    assert_eq!(none.send(1), Err(SendError::Full(1)));
}

#[test]
fn a_dropped_mailbox_is_silent_and_closed() {
    let (event_loop, _sim) = Loop::simulated(1);
    let (sender, mailbox) = event_loop.mailbox(1, Capacity::Unbounded);
    sender.send(1).unwrap();
    event_loop.poll(Wait::Now).unwrap();
    drop(mailbox);
    let (other, _other_mailbox) = event_loop.mailbox(2, Capacity::Unbounded);
    assert_eq!(event_loop.next(), None, "its event was queued");
    assert_eq!(sender.send(2), Err(SendError::Closed(2)));
    other.send(3).unwrap();
    assert_eq!(drain(&event_loop), [Event::Mail { key: 2 }]);
}

#[test]
fn a_mailbox_may_outlive_its_loop() {
    let event_loop = real();
    let (sender, mailbox) = event_loop.mailbox(1, Capacity::Unbounded);
    let (waker, probe) = (event_loop.waker(), event_loop.probe());
    drop(event_loop);
    sender.send(1).unwrap();
    assert_eq!(mailbox.take(), Some(1));
    mailbox.requeue();
    waker.wake().unwrap();
    assert!(!probe.is_waiting());
    drop(mailbox);
    assert_eq!(sender.send(1), Err(SendError::Closed(1)));
}

#[test]
fn a_requeued_mailbox_gets_another_event() {
    let (event_loop, _sim) = Loop::simulated(1);
    let (sender, mailbox) = event_loop.mailbox(1, Capacity::Unbounded);
    sender.send(1).unwrap();
    sender.send(2).unwrap();
    assert_eq!(drain(&event_loop), [Event::Mail { key: 1 }]);
    assert_eq!(mailbox.take(), Some(1));
    assert_eq!(drain(&event_loop), [], "edge-triggered");
    mailbox.requeue();
    mailbox.requeue();
    assert_eq!(event_loop.next(), Some(Event::Mail { key: 1 }));
    assert_eq!(event_loop.next(), None);
    assert_eq!(mailbox.take(), Some(2));
}

/// The destructor of a message uses the loop: nothing may be borrowed while it runs.
#[test]
fn the_loop_is_free_while_messages_are_dropped() {
    struct Turning<'a>(&'a Loop, nano_loop::Sender<u8>);
    impl Drop for Turning<'_> {
        fn drop(&mut self) {
            self.1.send(1).unwrap();
            self.0.poll(Wait::Now).unwrap();
            assert_eq!(self.0.next(), Some(Event::Mail { key: 1 }));
        }
    }
    let (event_loop, _sim) = Loop::simulated(1);
    let (inner, _inner_mailbox) = event_loop.mailbox(1, Capacity::Unbounded);
    let (sender, mailbox) = event_loop.mailbox(2, Capacity::Unbounded);
    for _ in 0..3 {
        assert!(sender.send(Turning(&event_loop, inner.clone())).is_ok());
    }
    while event_loop.next().is_some() {}
    event_loop.poll(Wait::Now).unwrap();
    assert_eq!(event_loop.next(), Some(Event::Mail { key: 2 }));
    drop(mailbox.take());
    drop(mailbox);
}

/// As a watchdog uses it: one thread is busy, and another asks whether the loop has work.
#[test]
fn a_probe_sees_each_kind_of_work_while_the_loop_is_busy() {
    let (to_main, from_loop) = mpsc::channel();
    let (to_loop, from_main) = mpsc::channel::<&str>();
    let (did, done) = mpsc::channel();
    let thread = thread::spawn(move || {
        let event_loop = real();
        let (mut near, far) = UnixStream::pair().unwrap();
        event_loop.register(&mut near, Interest::READABLE, 1).unwrap();
        let (sender, mailbox) = event_loop.mailbox(2, Capacity::Unbounded);
        to_main.send((event_loop.probe(), far, sender, event_loop.waker())).unwrap();
        let mut log = Vec::new();
        // "Computing" until the test sends a message.
        for word in from_main {
            match word {
                "timer" => drop(event_loop.insert(event_loop.refresh_now() + Duration::from_millis(2), 3)),
                "poll" => event_loop.poll(Wait::Now).unwrap(),
                "next" => log.push(event_loop.next()),
                "wait" => event_loop.poll(Wait::UntilNext).unwrap(),
                _ => unreachable!(),
            }
            while mailbox.take().is_some() {}
            did.send(()).unwrap();
        }
        log
    });
    let (probe, mut far, sender, waker) = from_loop.recv().unwrap();
    let say = |word| {
        to_loop.send(word).unwrap();
        done.recv().unwrap();
    };
    // Nothing to do.
    assert!(!probe.has_work() && !probe.is_waiting());
    // The system holds a source ready; the probe does not consume that.
    far.write_all(b"x").unwrap();
    assert!(probe.has_work() && probe.has_work());
    say("poll");
    assert!(probe.has_work(), "now it is in the queue");
    say("next");
    assert!(!probe.has_work());
    // A timer: only once it is due.
    say("timer");
    until(|| probe.has_work());
    say("poll");
    say("next");
    assert!(!probe.has_work());
    // Mail, and a wake.
    sender.send(1).unwrap();
    assert!(probe.has_work());
    say("poll");
    say("next");
    assert!(!probe.has_work());
    waker.wake().unwrap();
    assert!(probe.has_work());
    say("poll");
    say("next");
    assert!(!probe.has_work());
    // Waiting.
    assert!(!probe.is_waiting());
    to_loop.send("wait").unwrap();
    until(|| probe.is_waiting());
    assert!(!probe.has_work());
    waker.wake().unwrap();
    done.recv().unwrap();
    assert!(!probe.is_waiting() && probe.has_work());
    say("next");
    drop(to_loop);
    let log: Vec<_> = thread.join().unwrap().into_iter().map(Option::unwrap).collect();
    assert!(matches!(
        log[..],
        [
            Event::Ready { key: 1, .. },
            Event::Timer { key: 3, .. },
            Event::Mail { key: 2 },
            Event::Woken,
            Event::Woken
        ]
    ));
    // The loop was dropped: its probe still answers.
    probe.has_work();
    assert!(!probe.is_waiting());
}

#[test]
fn a_simulated_loop_has_work_too() {
    let (event_loop, sim) = Loop::simulated(1);
    let probe = event_loop.probe();
    event_loop.insert(Moment::from_nanos(10), 1);
    assert!(!probe.has_work());
    sim.advance(Duration::from_nanos(10));
    assert!(probe.has_work());
    assert_eq!(drain(&event_loop).len(), 1);
    assert!(!probe.has_work());
}
