//! One connection to the administration: reads requests, bodies included, writes responses, and has
//! deadlines. Must not know what requests are for.

use crate::timeouts;
use mio::net::TcpStream;
use nano_http::{Awaiting, BufferPool, Closing, Connection, Input, Limits, ResponseHead};
use nano_loop::{Interest, Loop, Readiness, SourceId, TimerId};
use std::io::{self, Read as _, Write as _};
use std::net::Shutdown;

/// Body of a request to the administration.
///
/// Limit (bytes): the configuration of one application with its variables.
const BODY_BYTES: u64 = 1 << 20;

/// A whole request.
pub(super) struct Request {
    pub(super) method: Vec<u8>,
    pub(super) path: Vec<u8>,
    pub(super) authorization: Option<Vec<u8>>,
    pub(super) body: Vec<u8>,
}

/// A whole response.
pub(super) struct Response {
    pub(super) status: u16,
    /// Lines `name: value CRLF`.
    pub(super) headers: String,
    pub(super) body: Vec<u8>,
}

/// How far a connection's request is.
enum State {
    /// A request's head is awaited.
    Head,
    /// The rest of a request's body is awaited.
    Body(Request),
    /// Another thread makes the response to the request with this number.
    Response(u64),
    /// Our sending side is shut down: the client's end is awaited.
    End,
    /// The socket has failed.
    Broken,
}

/// A connection.
pub(super) struct Client {
    stream: TcpStream,
    source: SourceId,
    key: usize,
    http: Connection,
    /// The socket's readiness, as far as its events have said.
    readable: bool,
    writable: bool,
    state: State,
    timer: Option<TimerId>,
    awaiting: Awaiting,
}

impl Client {
    pub(super) fn new(event_loop: &Loop, mut stream: TcpStream, key: usize) -> io::Result<Self> {
        let _ = stream.set_nodelay(true);
        let source = event_loop.register(&mut stream, Interest::READABLE | Interest::WRITABLE, key as u64)?;
        let mut limits = Limits::default();
        limits.body_bytes = BODY_BYTES;
        Ok(Self {
            stream,
            source,
            key,
            http: Connection::new(limits),
            readable: true,
            writable: true,
            state: State::Head,
            timer: None,
            awaiting: Awaiting::Nothing,
        })
    }

    pub(super) fn ready(&mut self, readiness: Readiness) {
        self.readable |= readiness.is_readable() || readiness.is_read_closed() || readiness.is_error();
        self.writable |= readiness.is_writable() || readiness.is_write_closed() || readiness.is_error();
    }

    /// Reads and writes as far as it goes; returns the next request that is complete.
    pub(super) fn advance(&mut self, buffers: &mut BufferPool) -> Option<Request> {
        loop {
            if matches!(self.state, State::Broken | State::Response(_)) {
                return None;
            }
            if let Some(request) = self.act() {
                return Some(request);
            }
            let mut moved = self.write();
            if self.readable && self.http.want_read() {
                self.http.take_buffers(buffers);
                let stream = &mut self.stream;
                match self.http.fill(|room| stream.read(room)) {
                    Ok(_) => moved = true,
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.readable = false,
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => moved = true,
                    Err(_) => self.state = State::Broken,
                }
            }
            if !moved {
                return None;
            }
        }
    }

    fn act(&mut self) -> Option<Request> {
        loop {
            match self.http.next() {
                Ok(Input::Head) => {
                    let head = self.http.head();
                    let request = Request {
                        method: head.method().to_vec(),
                        path: head.path().to_vec(),
                        authorization: head.header(b"authorization").map(<[u8]>::to_vec),
                        body: Vec::new(),
                    };
                    if !head.has_body() {
                        return Some(request);
                    }
                    self.state = State::Body(request);
                    self.http.send_continue();
                }
                Ok(Input::Body) => {
                    let body = self.http.body();
                    let count = body.len();
                    if let State::Body(request) = &mut self.state {
                        request.body.extend_from_slice(body);
                    }
                    self.http.consume(count);
                }
                Ok(Input::BodyEnd) => {
                    if let State::Body(_) = self.state
                        && let State::Body(request) = std::mem::replace(&mut self.state, State::Head)
                    {
                        return Some(request);
                    }
                }
                Ok(Input::NeedMore | Input::Wait | Input::Closed | Input::Truncated) => return None,
                Err(refusal) => {
                    let text = format!("{}\n", refusal.message());
                    if self.http.respond_error(refusal.status(), &text, None).is_err() {
                        self.http.abort();
                    }
                    self.state = State::Head;
                }
            }
        }
    }

    /// Writes what waits; whether anything was written.
    fn write(&mut self) -> bool {
        let mut wrote = false;
        while self.writable && self.http.pending_output() > 0 {
            match self.stream.write(self.http.output()) {
                Ok(count) => {
                    self.http.wrote(count);
                    wrote = true;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.writable = false,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => {
                    self.state = State::Broken;
                    return false;
                }
            }
        }
        wrote
    }

    pub(super) fn respond(&mut self, response: &Response) {
        let head = ResponseHead::new(response.status, response.headers.as_bytes());
        if self.http.respond_with(head, &response.body).is_err() {
            self.http.abort();
        }
        // The next wait has a deadline of its own, be it for the same as before.
        self.awaiting = Awaiting::Nothing;
    }

    /// Another thread makes the response.
    pub(super) fn wait_for(&mut self, ticket: u64) {
        self.state = State::Response(ticket);
    }

    /// Whether the request with this number waits for its response. If so, it does not any more.
    pub(super) fn take_wait(&mut self, ticket: u64) -> bool {
        let waits = matches!(self.state, State::Response(number) if number == ticket);
        if waits {
            self.state = State::Head;
        }
        waits
    }

    /// After everything: sets the deadline for what it waits for. True: it is to be closed.
    pub(super) fn settle(&mut self, event_loop: &Loop, buffers: &mut BufferPool) -> bool {
        self.write();
        if matches!(self.state, State::Broken) || self.http.should_close() {
            return true;
        }
        let lingers = self.http.closing() == Closing::Linger && self.http.pending_output() == 0;
        if lingers && !matches!(self.state, State::End) {
            self.state = State::End;
            if self.stream.shutdown(Shutdown::Write).is_err() {
                return true;
            }
        }
        self.http.give_buffers(buffers);
        // Each wait has one deadline, however much comes a byte at a time.
        let awaiting = self.http.awaiting();
        if awaiting != self.awaiting {
            self.awaiting = awaiting;
            if let Some(timer) = self.timer.take() {
                event_loop.cancel(timer);
            }
            self.timer = timeouts::of(awaiting)
                .map(|time| event_loop.insert(event_loop.now() + time, self.key as u64));
        }
        false
    }

    pub(super) fn close(mut self, event_loop: &Loop) {
        if let Some(timer) = self.timer.take() {
            event_loop.cancel(timer);
        }
        let _ = event_loop.deregister(&mut self.stream, self.source);
    }
}
