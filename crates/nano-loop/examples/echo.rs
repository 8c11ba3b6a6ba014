//! A TCP echo server on 127.0.0.1:7007: the README's example, kept the same by a test.

use nano_loop::mio::net::{TcpListener, TcpStream};
use nano_loop::{Config, Event, Interest, Loop, Wait};
use std::collections::HashMap;
use std::io::{self, Read, Write};

const LISTENER: u64 = 0;

fn main() -> io::Result<()> {
    let event_loop = Loop::new(Config::default())?;
    let mut listener = TcpListener::bind("127.0.0.1:7007".parse().unwrap())?;
    event_loop.register(&mut listener, Interest::READABLE, LISTENER)?;
    let mut connections = HashMap::new();
    let mut next_key = LISTENER + 1;
    loop {
        event_loop.poll(Wait::UntilNext)?;
        while let Some(event) = event_loop.next() {
            match event {
                Event::Ready { key: LISTENER, .. } => {
                    // Edge-triggered: accept until there is no connection left.
                    while let Ok((mut stream, _)) = listener.accept() {
                        let interest = Interest::READABLE | Interest::WRITABLE;
                        let id = event_loop.register(&mut stream, interest, next_key)?;
                        connections.insert(next_key, (stream, id, Vec::new()));
                        next_key += 1;
                    }
                }
                Event::Ready { key, .. } => {
                    let Some((stream, id, unsent)) = connections.get_mut(&key) else { continue };
                    if !echo(stream, unsent) {
                        // The drop closes the stream, and the system forgets a closed descriptor.
                        event_loop.forget(*id);
                        connections.remove(&key);
                    }
                }
                _ => {}
            }
        }
    }
}

/// Echoes bytes until either direction would block. False when the connection is over.
fn echo(stream: &mut TcpStream, unsent: &mut Vec<u8>) -> bool {
    let mut buffer = [0; 16384];
    loop {
        while !unsent.is_empty() {
            match stream.write(unsent) {
                Ok(sent) => drop(unsent.drain(..sent)),
                // Does not read while the peer does not: the next writable edge continues here.
                Err(error) => return error.kind() == io::ErrorKind::WouldBlock,
            }
        }
        match stream.read(&mut buffer) {
            Ok(0) => return false,
            Ok(count) => unsent.extend_from_slice(&buffer[..count]),
            Err(error) => return error.kind() == io::ErrorKind::WouldBlock,
        }
    }
}
