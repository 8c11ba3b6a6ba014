//! One connection to the administration: reads requests, bodies included, writes responses, and has deadlines. Knows nothing of what is asked.

use crate::timeouts;
use mio::net::TcpStream;
use nano_http::{Awaiting, BufferPool, Closing, Connection, Input, Limits, ResponseHead};
use nano_loop::{Interest, Loop, Readiness, SourceId, TimerId};
use std::io::{self, Read as _, Write as _};
use std::net::Shutdown;

/// A request's body: one application's configuration with its variables.
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

/// A connection.
pub(super) struct Client {
    stream: TcpStream,
    source: SourceId,
    key: usize,
    http: Connection,
    readable: bool,
    writable: bool,
    /// The request whose body is being read.
    reading: Option<Request>,
    /// The request whose answer another thread makes.
    waiting: Option<u64>,
    timer: Option<TimerId>,
    awaiting: Awaiting,
    broken: bool,
    shut: bool,
}

impl Client {
    pub(super) fn new(lp: &Loop, mut stream: TcpStream, key: usize) -> io::Result<Self> {
        let _ = stream.set_nodelay(true);
        let source = lp.register(&mut stream, Interest::READABLE | Interest::WRITABLE, key as u64)?;
        let mut limits = Limits::default();
        limits.body_bytes = BODY_BYTES;
        Ok(Self {
            stream,
            source,
            key,
            http: Connection::new(limits),
            readable: true,
            writable: true,
            reading: None,
            waiting: None,
            timer: None,
            awaiting: Awaiting::Nothing,
            broken: false,
            shut: false,
        })
    }

    pub(super) fn ready(&mut self, readiness: Readiness) {
        self.readable |= readiness.is_readable() || readiness.is_read_closed() || readiness.is_error();
        self.writable |= readiness.is_writable() || readiness.is_write_closed() || readiness.is_error();
    }

    /// Reads and writes as far as it goes; returns the next request that is complete.
    pub(super) fn advance(&mut self, buffers: &mut BufferPool) -> Option<Request> {
        loop {
            if self.broken || self.waiting.is_some() {
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
                    Err(_) => self.broken = true,
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
                    self.reading = Some(request);
                    self.http.send_continue();
                }
                Ok(Input::Body) => {
                    let body = self.http.body();
                    let count = body.len();
                    if let Some(request) = &mut self.reading {
                        request.body.extend_from_slice(body);
                    }
                    self.http.consume(count);
                }
                Ok(Input::BodyEnd) => {
                    if let Some(request) = self.reading.take() {
                        return Some(request);
                    }
                }
                Ok(Input::NeedMore | Input::Wait | Input::Closed | Input::Truncated) => return None,
                Err(refusal) => {
                    let text = format!("{}\n", refusal.message());
                    if self.http.respond_error(refusal.status(), &text, None).is_err() {
                        self.http.abort();
                    }
                    self.reading = None;
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
                    self.broken = true;
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
        // What it waits for next has a deadline of its own, be it the same as before.
        self.awaiting = Awaiting::Nothing;
    }

    pub(super) fn wait_for(&mut self, ticket: u64) {
        self.waiting = Some(ticket);
    }

    /// Whether this is the request that waits; if so, it does no more.
    pub(super) fn take_wait(&mut self, ticket: u64) -> bool {
        let mine = self.waiting == Some(ticket);
        if mine {
            self.waiting = None;
        }
        mine
    }

    /// After everything: sets the deadline for what it waits for. True: it is to be closed.
    pub(super) fn settle(&mut self, lp: &Loop, buffers: &mut BufferPool) -> bool {
        self.write();
        if self.broken || self.http.should_close() {
            return true;
        }
        if self.http.closing() == Closing::Linger && self.http.pending_output() == 0 && !self.shut {
            self.shut = true;
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
                lp.cancel(timer);
            }
            self.timer = timeouts::of(awaiting).map(|time| lp.insert(lp.now() + time, self.key as u64));
        }
        false
    }

    pub(super) fn close(mut self, lp: &Loop) {
        if let Some(timer) = self.timer.take() {
            lp.cancel(timer);
        }
        let _ = lp.deregister(&mut self.stream, self.source);
    }
}
