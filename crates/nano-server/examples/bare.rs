//! A server that answers every request with the same text and runs no JavaScript: nano-loop and nano-http
//! driven as the real server drives them, on one thread, with one read and one write a request. `cargo xtask
//! bench` measures it as the ceiling: what it costs is what every answer costs before the engine does
//! anything.
//!
//! `cargo run --release -p nano-server --example bare -- --port 3000`

use std::error::Error;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown};

use nano_http::{BufferPool, Closing, Connection, Input, Limits, ResponseHead, push_field};
use nano_loop::mio::net::{TcpListener, TcpStream};
use nano_loop::{Config, Event, Interest, Loop, SourceId, Wait};
use slab::Slab;

const LISTENER: u64 = u64::MAX;

/// The real server formats it once a second, which costs a request nothing; here it stands still.
const DATE: &[u8; 29] = b"Thu, 01 Jan 1970 00:00:00 GMT";

struct Client {
    stream: TcpStream,
    source: SourceId,
    http: Connection,
    /// The sending side has been shut down: only the client's end is awaited.
    lingering: bool,
}

fn main() -> Result<(), Box<dyn Error>> {
    let port = port().ok_or("usage: bare --port PORT")?;
    let lp = Loop::new(Config::default())?;
    let mut listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port).into())?;
    lp.register(&mut listener, Interest::READABLE, LISTENER)?;
    println!("http://{}", listener.local_addr()?);

    let mut fields = Vec::new();
    push_field(&mut fields, b"content-type", b"text/plain;charset=UTF-8").map_err(|_| "not a field")?;
    let mut pool = BufferPool::default();
    let mut clients: Slab<Client> = Slab::new();
    loop {
        lp.poll(Wait::UntilNext)?;
        while let Some(event) = lp.next() {
            let Event::Ready { key, .. } = event else { continue };
            if key == LISTENER {
                while let Ok((mut stream, _)) = listener.accept() {
                    stream.set_nodelay(true)?;
                    let slot = clients.vacant_entry();
                    let interest = Interest::READABLE | Interest::WRITABLE;
                    let source = lp.register(&mut stream, interest, slot.key() as u64)?;
                    slot.insert(Client {
                        stream,
                        source,
                        http: Connection::new(Limits::default()),
                        lingering: false,
                    });
                }
                continue;
            }
            let Some(client) = clients.get_mut(key as usize) else { continue };
            if !matches!(serve(client, &mut pool, &fields), Ok(true)) {
                lp.forget(client.source);
                clients.remove(key as usize);
            }
        }
    }
}

fn port() -> Option<u16> {
    let mut args = std::env::args().skip(1);
    args.find(|arg| arg == "--port")?;
    args.next()?.parse().ok()
}

/// Goes on until the socket would block. False when the connection is over.
fn serve(client: &mut Client, pool: &mut BufferPool, fields: &[u8]) -> io::Result<bool> {
    let Client { stream, http, .. } = client;
    http.take_buffers(pool);
    loop {
        // What could not be written before goes first; for a new request there is nothing.
        if !flush(stream, http)? {
            return Ok(true);
        }
        let mut filled = false;
        match http.fill(|room| {
            let count = stream.read(room)?;
            filled = count == room.len();
            Ok(count)
        }) {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(error) => return Err(error),
        }
        loop {
            let input = answer(http, fields);
            if !flush(stream, http)? {
                return Ok(true);
            }
            match input {
                Input::Closed | Input::Truncated => return Ok(false),
                Input::NeedMore => break,
                _ => {}
            }
        }
        if http.should_close() {
            return Ok(false);
        }
        if http.closing() == Closing::Linger && !client.lingering {
            client.lingering = true;
            stream.shutdown(Shutdown::Write)?;
        }
        // A read that did not fill its buffer has emptied the socket: the next edge will tell.
        if !filled && !http.is_eof() {
            break;
        }
    }
    http.give_buffers(pool);
    Ok(true)
}

/// Answers what requests there are, until input or room for output is missing, or the end.
fn answer(http: &mut Connection, fields: &[u8]) -> Input {
    loop {
        match http.next() {
            Ok(Input::Head) => {
                let head = ResponseHead { date: Some(DATE), ..ResponseHead::new(200, fields) };
                if http.respond_with(head, b"Hello World").is_err() {
                    http.abort();
                }
            }
            Ok(Input::Body) => http.consume(http.body().len()),
            Ok(Input::BodyEnd) => {}
            Ok(input) => return input,
            Err(refusal) => {
                if http.respond_error(refusal.status(), refusal.message(), Some(DATE)).is_err() {
                    http.abort();
                }
            }
        }
    }
}

/// Writes what is pending. False when the socket takes no more for now.
fn flush(stream: &mut TcpStream, http: &mut Connection) -> io::Result<bool> {
    while http.pending_output() > 0 {
        match stream.write(http.output()) {
            Ok(count) => http.wrote(count),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(true)
}
