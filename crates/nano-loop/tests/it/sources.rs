//! Real sources: echo over TCP, coalescing, and events of forgotten sources.

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
    let event_loop = real();
    let mut listener = TcpListener::bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = listener.local_addr().unwrap();
    event_loop.register(&mut listener, Interest::READABLE, 0).unwrap();
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
        match next(&event_loop) {
            Event::Ready { key: 0, readiness } => {
                assert!(readiness.is_readable());
                while let Ok((mut stream, _)) = listener.accept() {
                    let key = connections.len() as u64;
                    event_loop.register(&mut stream, Interest::READABLE | Interest::WRITABLE, key).unwrap();
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
                    // Dropped without telling the loop: epoll forgets closed descriptors.
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
fn edges_before_the_event_is_taken_are_one_event() {
    let event_loop = real();
    let (mut a, mut b) = UnixStream::pair().unwrap();
    event_loop.register(&mut a, Interest::READABLE | Interest::WRITABLE, 5).unwrap();
    event_loop.poll(Wait::Now).unwrap();
    b.write_all(b"1").unwrap();
    event_loop.poll(Wait::Now).unwrap();
    b.write_all(b"2").unwrap();
    event_loop.poll(Wait::Now).unwrap();
    drop(b);
    event_loop.poll(Wait::UntilNext).unwrap();
    let Some(Event::Ready { key: 5, readiness }) = event_loop.next() else { panic!() };
    assert!(readiness.contains(Readiness::READABLE | Readiness::WRITABLE | Readiness::READ_CLOSED));
    assert_eq!(event_loop.next(), None);
    assert!(event_loop.stats().readiness >= 4, "{:?}", event_loop.stats());
    assert_eq!(event_loop.stats().events, 1);
    // It was an edge: without another one there is no event.
    assert_eq!(drain(&event_loop), []);
}

#[test]
fn a_source_forgotten_in_the_queue_makes_no_event_even_if_its_slot_is_reused() {
    let event_loop = real();
    for forget in [false, true] {
        let (mut a, mut far_a) = UnixStream::pair().unwrap();
        let (mut b, mut far_b) = UnixStream::pair().unwrap();
        let (mut c, _far_c) = UnixStream::pair().unwrap();
        let id_a = event_loop.register(&mut a, Interest::READABLE, 1).unwrap();
        let id_b = event_loop.register(&mut b, Interest::READABLE, 2).unwrap();
        far_a.write_all(b"x").unwrap();
        far_b.write_all(b"x").unwrap();
        event_loop.poll(Wait::UntilNext).unwrap();
        event_loop.poll(Wait::Now).unwrap();
        // Both are in the queue; the first forgets the second, and a third takes its slot.
        let Some(Event::Ready { key, .. }) = event_loop.next() else { panic!() };
        let (other, id, socket) = if key == 1 { (2, id_b, &mut b) } else { (1, id_a, &mut a) };
        if forget {
            assert!(event_loop.forget(id));
        } else {
            event_loop.deregister(socket, id).unwrap();
        }
        let id_c = event_loop.register(&mut c, Interest::READABLE, 3).unwrap();
        assert_ne!(id, id_c);
        assert_eq!(event_loop.next(), None, "an event of {other}");
        assert_eq!(event_loop.deregister(socket, id).unwrap_err().kind(), io::ErrorKind::NotFound);
        let stale = event_loop.reregister(socket, id, Interest::READABLE);
        assert_eq!(stale.unwrap_err().kind(), io::ErrorKind::NotFound);
        // Forgotten, but still open and registered with the system: its events are dropped.
        (if other == 1 { &mut far_a } else { &mut far_b }).write_all(b"y").unwrap();
        assert_eq!(drain(&event_loop), []);
        assert_eq!(event_loop.sources(), 2);
        event_loop.forget(id_a);
        event_loop.forget(id_b);
        event_loop.forget(id_c);
    }
}

#[test]
fn a_failed_registration_leaves_nothing() {
    let event_loop = real();
    let (mut a, _b) = UnixStream::pair().unwrap();
    let id = event_loop.register(&mut a, Interest::READABLE, 1).unwrap();
    assert!(event_loop.register(&mut a, Interest::READABLE, 2).is_err(), "registered twice");
    assert_eq!(event_loop.sources(), 1);
    event_loop.deregister(&mut a, id).unwrap();
    assert_eq!(event_loop.sources(), 0);
}

#[test]
fn a_new_interest_reports_what_is_ready() {
    let event_loop = real();
    let (mut a, _b) = UnixStream::pair().unwrap();
    let id = event_loop.register(&mut a, Interest::READABLE, 1).unwrap();
    assert_eq!(drain(&event_loop), []);
    event_loop.reregister(&mut a, id, Interest::WRITABLE).unwrap();
    assert_eq!(drain(&event_loop), [Event::Ready { key: 1, readiness: Readiness::WRITABLE }]);
}

/// A source whose registration polls the loop: foreign code runs there, so nothing may be borrowed.
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
    let event_loop = Rc::new(real());
    let (a, _b) = UnixStream::pair().unwrap();
    let mut source = Turning(event_loop.clone(), a);
    let id = event_loop.register(&mut source, Interest::READABLE, 1).unwrap();
    event_loop.reregister(&mut source, id, Interest::READABLE).unwrap();
    event_loop.deregister(&mut source, id).unwrap();
}

#[test]
fn a_poll_takes_at_most_events_capacity_events() {
    let event_loop = Loop::new(Config { events_capacity: 4, ..Config::default() }).unwrap();
    let mut pairs: Vec<_> = (0..10).map(|_| UnixStream::pair().unwrap()).collect();
    for (key, (a, _)) in pairs.iter_mut().enumerate() {
        event_loop.register(a, Interest::WRITABLE, key as u64).unwrap();
    }
    let counts: Vec<_> = (0..4).map(|_| drain(&event_loop).len()).collect();
    assert_eq!(counts, [4, 4, 2, 0]);
}

#[test]
fn a_poll_does_not_wait_while_events_are_queued() {
    let event_loop = real();
    let (mut a, _b) = UnixStream::pair().unwrap();
    event_loop.register(&mut a, Interest::WRITABLE, 1).unwrap();
    event_loop.poll(Wait::UntilNext).unwrap();
    // Without a timer and without another edge a wait would never end.
    event_loop.poll(Wait::UntilNext).unwrap();
    event_loop.poll(Wait::AtMost(LOST * 1000)).unwrap();
    assert!(event_loop.next().is_some());
    event_loop.poll(Wait::AtMost(Duration::from_millis(1))).unwrap();
    assert_eq!(event_loop.next(), None);
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
        let event_loop = real();
        // SAFETY: it only names the calling thread.
        here.send((unsafe { libc::pthread_self() }, event_loop.probe())).unwrap();
        event_loop.poll(Wait::UntilNext).unwrap();
        let stats = event_loop.stats();
        ended.send(()).unwrap();
        stats
    });
    let (thread, probe) = there.recv().unwrap();
    // A signal between the announcement and the wait is missed, so signals are sent until the wait is over.
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
