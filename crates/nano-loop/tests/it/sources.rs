//! Real sources: echo over TCP, coalescing, and events of what was forgotten.

use crate::support::{LOST, drain, next};
use nano_loop::mio::net::{TcpListener, TcpStream, UnixStream};
use nano_loop::{Config, Event, Interest, Loop, Readiness, Wait};
use std::io::{self, Read, Write};
use std::rc::Rc;
use std::time::Duration;

fn real() -> Loop {
    Loop::new(Config::default()).unwrap()
}

#[test]
fn echo_over_tcp() {
    let lp = real();
    let mut listener = TcpListener::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = listener.local_addr().unwrap();
    lp.register(&mut listener, Interest::READABLE, 0).unwrap();
    const CLIENTS: u64 = 8;
    let clients: Vec<_> = (0..CLIENTS)
        .map(|client| {
            std::thread::spawn(move || {
                let mut stream = std::net::TcpStream::connect(address).unwrap();
                let message: Vec<u8> = (0..300_000).map(|i| (i * 31 + client) as u8).collect();
                let mut writer = stream.try_clone().unwrap();
                let sent = message.clone();
                let writing = std::thread::spawn(move || {
                    writer.write_all(&sent).unwrap();
                    writer.shutdown(std::net::Shutdown::Write).unwrap();
                });
                let mut echoed = Vec::new();
                stream.read_to_end(&mut echoed).unwrap();
                writing.join().unwrap();
                assert!(echoed == message, "client {client}: {} bytes came back", echoed.len());
            })
        })
        .collect();
    let mut connections: Vec<Option<(TcpStream, Vec<u8>, bool)>> = vec![None];
    let mut ended = 0;
    while ended < CLIENTS {
        match next(&lp) {
            Event::Ready { key: 0, readiness } => {
                assert!(readiness.is_readable());
                while let Ok((mut stream, _)) = listener.accept() {
                    let key = connections.len() as u64;
                    lp.register(&mut stream, Interest::READABLE | Interest::WRITABLE, key).unwrap();
                    connections.push(Some((stream, Vec::new(), false)));
                }
            }
            Event::Ready { key, .. } => {
                let connection = &mut connections[key as usize];
                let Some((stream, unsent, last)) = connection else { panic!("an event after the end") };
                let over = loop {
                    if !unsent.is_empty() {
                        match stream.write(unsent) {
                            Ok(count) => drop(unsent.drain(..count)),
                            Err(error) if error.kind() == io::ErrorKind::WouldBlock => break false,
                            Err(error) => panic!("{error}"),
                        }
                    } else if *last {
                        break true;
                    } else {
                        let mut buffer = [0; 4096];
                        match stream.read(&mut buffer) {
                            Ok(0) => *last = true,
                            Ok(count) => unsent.extend_from_slice(&buffer[..count]),
                            Err(error) if error.kind() == io::ErrorKind::WouldBlock => break false,
                            Err(error) => panic!("{error}"),
                        }
                    }
                };
                if over {
                    // Dropped, and the loop told only by its silence: epoll forgets closed descriptors.
                    *connection = None;
                    ended += 1;
                }
            }
            other => panic!("{other:?}"),
        }
    }
    clients.into_iter().for_each(|client| client.join().unwrap());
}

#[test]
fn edges_before_the_event_is_seen_are_one_event() {
    let lp = real();
    let (mut a, mut b) = UnixStream::pair().unwrap();
    lp.register(&mut a, Interest::READABLE | Interest::WRITABLE, 5).unwrap();
    lp.poll(Wait::Now).unwrap();
    b.write_all(b"1").unwrap();
    lp.poll(Wait::Now).unwrap();
    b.write_all(b"2").unwrap();
    lp.poll(Wait::Now).unwrap();
    drop(b);
    lp.poll(Wait::UntilNext).unwrap();
    let Some(Event::Ready { key: 5, readiness }) = lp.next() else { panic!() };
    assert!(readiness.contains(Readiness::READABLE | Readiness::WRITABLE | Readiness::READ_CLOSED));
    assert_eq!(lp.next(), None);
    assert!(lp.stats().readiness >= 4, "{:?}", lp.stats());
    assert_eq!(lp.stats().events, 1);
    // And it was an edge: without another there is silence.
    assert_eq!(drain(&lp), []);
}

#[test]
fn a_source_forgotten_in_the_queue_is_silent_also_when_its_place_is_taken() {
    let lp = real();
    for forget in [false, true] {
        let (mut a, mut far_a) = UnixStream::pair().unwrap();
        let (mut b, mut far_b) = UnixStream::pair().unwrap();
        let (mut c, _far_c) = UnixStream::pair().unwrap();
        let id_a = lp.register(&mut a, Interest::READABLE, 1).unwrap();
        let id_b = lp.register(&mut b, Interest::READABLE, 2).unwrap();
        far_a.write_all(b"x").unwrap();
        far_b.write_all(b"x").unwrap();
        lp.poll(Wait::UntilNext).unwrap();
        lp.poll(Wait::Now).unwrap();
        // Both are in the queue; the one forgets the other, and a third takes its slot.
        let Some(Event::Ready { key, .. }) = lp.next() else { panic!() };
        let (other, id, socket) = if key == 1 { (2, id_b, &mut b) } else { (1, id_a, &mut a) };
        if forget {
            assert!(lp.forget(id));
        } else {
            lp.deregister(socket, id).unwrap();
        }
        let id_c = lp.register(&mut c, Interest::READABLE, 3).unwrap();
        assert_ne!(id, id_c);
        assert_eq!(lp.next(), None, "an event of {other}");
        assert_eq!(lp.deregister(socket, id).unwrap_err().kind(), io::ErrorKind::NotFound);
        let stale = lp.reregister(socket, id, Interest::READABLE);
        assert_eq!(stale.unwrap_err().kind(), io::ErrorKind::NotFound);
        // Forgotten, but still open and registered with the system: what comes for it is dropped.
        (if other == 1 { &mut far_a } else { &mut far_b }).write_all(b"y").unwrap();
        assert_eq!(drain(&lp), []);
        assert_eq!(lp.sources(), 2);
        lp.forget(id_a);
        lp.forget(id_b);
        lp.forget(id_c);
    }
}

#[test]
fn a_failed_registration_leaves_nothing() {
    let lp = real();
    let (mut a, _b) = UnixStream::pair().unwrap();
    let id = lp.register(&mut a, Interest::READABLE, 1).unwrap();
    assert!(lp.register(&mut a, Interest::READABLE, 2).is_err(), "registered twice");
    assert_eq!(lp.sources(), 1);
    lp.deregister(&mut a, id).unwrap();
    assert_eq!(lp.sources(), 0);
}

#[test]
fn a_new_interest_reports_what_is_ready() {
    let lp = real();
    let (mut a, _b) = UnixStream::pair().unwrap();
    let id = lp.register(&mut a, Interest::READABLE, 1).unwrap();
    assert_eq!(drain(&lp), []);
    lp.reregister(&mut a, id, Interest::WRITABLE).unwrap();
    assert_eq!(drain(&lp), [Event::Ready { key: 1, readiness: Readiness::WRITABLE }]);
}

/// A source whose registration turns the loop: foreign code runs there, so nothing may be borrowed.
#[test]
fn the_loop_is_free_while_a_source_registers() {
    struct Turning(Rc<Loop>, UnixStream);
    use nano_loop::mio::{Registry, Token, event::Source};
    impl Turning {
        fn turn(&self) {
            self.0.insert(self.0.now(), 9);
            self.0.poll(Wait::Now).unwrap();
            assert!(matches!(self.0.next(), Some(Event::Timer { key: 9, .. })));
        }
    }
    impl Source for Turning {
        fn register(&mut self, registry: &Registry, token: Token, interest: Interest) -> io::Result<()> {
            self.turn();
            self.1.register(registry, token, interest)
        }
        fn reregister(&mut self, registry: &Registry, token: Token, interest: Interest) -> io::Result<()> {
            self.turn();
            self.1.reregister(registry, token, interest)
        }
        fn deregister(&mut self, registry: &Registry) -> io::Result<()> {
            self.turn();
            self.1.deregister(registry)
        }
    }
    let lp = Rc::new(real());
    let (a, _b) = UnixStream::pair().unwrap();
    let mut source = Turning(lp.clone(), a);
    let id = lp.register(&mut source, Interest::READABLE, 1).unwrap();
    lp.reregister(&mut source, id, Interest::READABLE).unwrap();
    lp.deregister(&mut source, id).unwrap();
}

#[test]
fn a_poll_takes_as_many_events_as_it_may() {
    let lp = Loop::new(Config { events_capacity: 4, ..Config::default() }).unwrap();
    let mut pairs: Vec<_> = (0..10).map(|_| UnixStream::pair().unwrap()).collect();
    for (key, (a, _)) in pairs.iter_mut().enumerate() {
        lp.register(a, Interest::WRITABLE, key as u64).unwrap();
    }
    let counts: Vec<_> = (0..4).map(|_| drain(&lp).len()).collect();
    assert_eq!(counts, [4, 4, 2, 0]);
}

#[test]
fn a_poll_does_not_wait_while_events_are_queued() {
    let lp = real();
    let (mut a, _b) = UnixStream::pair().unwrap();
    lp.register(&mut a, Interest::WRITABLE, 1).unwrap();
    lp.poll(Wait::UntilNext).unwrap();
    // Without a timer and without another edge this would wait for ever.
    lp.poll(Wait::UntilNext).unwrap();
    lp.poll(Wait::AtMost(LOST * 1000)).unwrap();
    assert!(lp.next().is_some());
    lp.poll(Wait::AtMost(Duration::from_millis(1))).unwrap();
    assert_eq!(lp.next(), None);
}

#[test]
fn a_signal_ends_the_wait_and_is_no_error() {
    extern "C" fn nothing(_: libc::c_int) {}
    // SAFETY: a zeroed sigaction is a valid one; the handler does nothing, which is safe in a signal.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = nothing as extern "C" fn(libc::c_int) as usize;
        assert_eq!(libc::sigaction(libc::SIGUSR1, &action, std::ptr::null_mut()), 0);
    }
    let (here, there) = std::sync::mpsc::channel();
    let (ended, end) = std::sync::mpsc::channel();
    let waiting = std::thread::spawn(move || {
        let lp = real();
        // SAFETY: it only names the calling thread.
        here.send((unsafe { libc::pthread_self() }, lp.probe())).unwrap();
        lp.poll(Wait::UntilNext).unwrap();
        let stats = lp.stats();
        ended.send(()).unwrap();
        stats
    });
    let (thread, probe) = there.recv().unwrap();
    // A signal between the announcement and the wait is missed: so again until the wait is over.
    while end.try_recv().is_err() {
        if probe.is_waiting() {
            // SAFETY: the thread is not joined yet, so its id is valid; the handler above is in place.
            unsafe { libc::pthread_kill(thread, libc::SIGUSR1) };
        }
        std::thread::yield_now();
    }
    let stats = waiting.join().unwrap();
    assert_eq!((stats.interrupted, stats.polls, stats.events), (1, 1, 0));
}
