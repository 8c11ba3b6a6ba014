//! A TCP echo server on 127.0.0.1:7007: the README's example, kept the same by a test.

use nano_loop::mio::net::{TcpListener, TcpStream};
use nano_loop::{Config, Event, Interest, Loop, Wait};
use std::collections::HashMap;
use std::io::{self, Read, Write};

const LISTENER: u64 = 0;

fn main() -> io::Result<()> {
    let lp = Loop::new(Config::default())?;
    let mut listener = TcpListener::bind("127.0.0.1:7007".parse().unwrap())?;
    lp.register(&mut listener, Interest::READABLE, LISTENER)?;
    let mut connections = HashMap::new();
    let mut next_key = LISTENER + 1;
    loop {
        lp.poll(Wait::UntilNext)?;
        while let Some(event) = lp.next() {
            match event {
                Event::Ready { key: LISTENER, .. } => {
                    // Edge-triggered: accept until there is nobody left.
                    while let Ok((mut stream, _)) = listener.accept() {
                        let interest = Interest::READABLE | Interest::WRITABLE;
                        let id = lp.register(&mut stream, interest, next_key)?;
                        connections.insert(next_key, (stream, id, Vec::new()));
                        next_key += 1;
                    }
                }
                Event::Ready { key, .. } => {
                    let Some((stream, id, unsent)) = connections.get_mut(&key) else { continue };
                    if !echo(stream, unsent) {
                        // Closed by the drop: no need to tell the system as well.
                        lp.forget(*id);
                        connections.remove(&key);
                    }
                }
                _ => {}
            }
        }
    }
}

/// Sends back what came, until either direction would block. False when the connection is over.
fn echo(stream: &mut TcpStream, unsent: &mut Vec<u8>) -> bool {
    let mut buffer = [0; 16384];
    loop {
        while !unsent.is_empty() {
            match stream.write(unsent) {
                Ok(sent) => drop(unsent.drain(..sent)),
                // Not read while the peer does not: the next writable edge goes on here.
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
