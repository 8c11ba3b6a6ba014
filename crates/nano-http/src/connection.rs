//! One server-side connection: what came in becomes events, responses become bytes. It does no I/O, reads no
//! clock, and allocates nothing for a request once its buffers are warm.
//!
//! `Phase` says which part of the exchange runs; within `Phase::Request` the request's body (`Body`) and the
//! response (`Response`) advance independently of each other, as HTTP allows.

use std::io;

use crate::buffer::{BufferPool, Incoming, Outgoing};
use crate::chunked::chunk_line;
use crate::grammar::is_framing_field;
use crate::head::{self, Attempt, Framing, Head, HeaderRange, Parsed, Version};
use crate::response::{
    BodyLength, ConnectionField, FramingFields, ResponseHead, reason_phrase, write_head, write_status_line,
};
use crate::scan::{Scanner, SectionLimits, field_line};
use crate::{Limits, Misuse, Refusal};

/// What [`Connection::next`] found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// Nothing more without more input: read from the socket.
    NeedMore,
    /// A request begins: see [`Connection::head`].
    Head,
    /// There are body bytes: see [`Connection::body`] and [`Connection::consume`].
    Body,
    /// The request's body is complete (or there was none); reported once. See [`Connection::trailers`].
    BodyEnd,
    /// Nothing can go on until a response is finished or output has been written:
    /// [`Connection::awaiting`] says which.
    Wait,
    /// The input has ended in the middle of a request, which cannot be completed any more.
    Truncated,
    /// There will be no more requests. Write what output is left, then close.
    Closed,
}

/// What becomes of the connection after a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// The next request may come, or is there already: call [`Connection::next`].
    KeepAlive,
    /// The connection ends as [`Connection::closing`] says.
    Close,
}

/// What the driver should do about the end of the connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closing {
    /// The connection goes on.
    Open,
    /// Write the output, then close.
    Flush,
    /// Write the output, shut down the sending side, and go on reading ([`Connection::fill`], then
    /// [`Connection::next`], which discards) until `next` returns [`Input::Closed`] or a time has passed. Closing
    /// at once would reset the connection over unread input, and the client might lose our answer.
    Linger,
    /// Close at once with a reset: the response has no length, so an orderly end would look complete.
    Reset,
}

/// What the connection waits for: the driver picks the timeout that applies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Awaiting {
    /// A request: idle, no byte of it has come.
    Head,
    /// The rest of a head.
    HeadRest,
    /// The client: more of the request's body.
    Body,
    /// The application: a response, or more of it.
    Handler,
    /// The client: that it reads our output.
    Output,
    /// The client: that it closes its side.
    Linger,
    /// Nothing.
    Nothing,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// Between requests, or in the middle of a head.
    Head,
    /// From the head, or a refusal, to the end of the response.
    Request,
    /// The response is finished; the rest of the request's body is read away.
    Discard,
    Closing {
        linger: bool,
        reset: bool,
    },
    /// After an upgrade: the bytes are no longer HTTP/1.
    HandedOver,
}

/// The request's body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Body {
    Ended,
    /// Bytes to come with Content-Length.
    Length(u64),
    ChunkLine,
    /// Bytes to come of this chunk.
    ChunkData(u64),
    ChunkEnd,
    Trailers(ScannerBox),
    Failed(Refusal),
}

/// A scanner inside `Body`, compared by nothing.
#[derive(Clone, Copy, Debug)]
struct ScannerBox(Scanner);

impl PartialEq for ScannerBox {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for ScannerBox {}

enum Step {
    Data,
    NeedMore,
    Ended,
}

/// The response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Response {
    None,
    /// Bytes that are still due.
    Known(u64),
    Chunked,
    UntilClose,
    /// HEAD, 204, 304: what is sent is dropped.
    Bodiless,
}

/// One server-side HTTP/1.1 connection.
///
/// The driver moves bytes: [`fill`](Connection::fill) in, [`output`](Connection::output) and
/// [`wrote`](Connection::wrote) out. In between, [`next`](Connection::next) says what there is to do.
///
/// ```
/// use nano_http::{Connection, Input, Limits, Next, ResponseHead};
///
/// let mut connection = Connection::new(Limits::default());
/// connection.receive(b"GET /hi?x=1 HTTP/1.1\r\nHost: example.com\r\n\r\n");
/// assert_eq!(connection.next(), Ok(Input::Head));
/// assert_eq!(connection.head().path(), b"/hi");
/// let next = connection.respond_with(ResponseHead::new(200, b""), b"hello").unwrap();
/// assert_eq!(next, Next::KeepAlive);
/// assert_eq!(connection.output(), b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello");
/// ```
#[derive(Debug)]
pub struct Connection {
    limits: Limits,
    phase: Phase,
    incoming: Incoming,
    outgoing: Outgoing,

    scanner: Scanner,
    leading_lines: u8,
    parsed: Parsed,
    fields: Vec<HeaderRange>,
    /// Where the pinned head lies in the incoming buffer.
    head_at: usize,

    body: Body,
    body_limit: u64,
    /// Body bytes announced by the chunks so far.
    chunked_bytes: u64,
    extension_bytes: usize,
    end_reported: bool,
    trailers_at: (usize, usize),
    trailer_fields: Vec<HeaderRange>,
    /// Bytes thrown away in `Discard` or `Closing`.
    discarded: u64,

    response: Response,
    /// The client waits for 100, which has not been sent.
    continue_due: bool,
    keep_alive: bool,

    eof: bool,
    draining: bool,
    /// The last `next` wanted more input.
    starved: bool,
    /// The last read filled all the room there was: the next one gets more.
    read_full: bool,
}

/// Room offered to a read while a body streams in.
const LARGE_READ: usize = 64 << 10;

impl Connection {
    /// A connection that has been accepted. It holds no memory until the first [`fill`](Connection::fill).
    pub fn new(limits: Limits) -> Connection {
        Connection {
            phase: Phase::Head,
            incoming: Incoming::default(),
            outgoing: Outgoing::default(),
            scanner: Scanner::default(),
            leading_lines: 0,
            parsed: Parsed::EMPTY,
            fields: Vec::new(),
            head_at: 0,
            body: Body::Ended,
            body_limit: limits.body_bytes,
            chunked_bytes: 0,
            extension_bytes: 0,
            end_reported: false,
            trailers_at: (0, 0),
            trailer_fields: Vec::new(),
            discarded: 0,
            response: Response::None,
            continue_due: false,
            keep_alive: true,
            eof: false,
            draining: false,
            starved: false,
            read_full: false,
            limits,
        }
    }

    /// The limits it was made with.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    // ---- memory ----

    /// Takes buffers from the pool if this connection holds none. Call it before [`fill`](Connection::fill).
    pub fn take_buffers(&mut self, pool: &mut BufferPool) {
        if !self.incoming.has_memory()
            && self.incoming.is_empty()
            && self.outgoing.len() == 0
            && let Some((incoming, outgoing, fields)) = pool.take()
        {
            self.incoming = incoming;
            self.outgoing = outgoing;
            self.fields = fields;
        }
    }

    /// Gives the buffers to the pool if nothing is in them: call it when the driver is done with the connection
    /// for now. In the middle of a request it does nothing.
    pub fn give_buffers(&mut self, pool: &mut BufferPool) {
        let unused = !matches!(self.phase, Phase::Request | Phase::Discard);
        if unused && self.incoming.has_memory() && self.incoming.is_empty() && self.outgoing.len() == 0 {
            self.incoming.unpin();
            pool.give(
                std::mem::take(&mut self.incoming),
                std::mem::take(&mut self.outgoing),
                std::mem::take(&mut self.fields),
            );
            self.trailer_fields = Vec::new();
        }
    }

    // ---- input ----

    /// Offers room to `read`, typically a socket's; its result says how many bytes came. 0 is the end of the
    /// input, as with [`io::Read`]. Bytes go to where they are parsed; there is no copy.
    ///
    /// # Errors
    /// What `read` returns; the connection is as before then.
    pub fn fill(&mut self, read: impl FnOnce(&mut [u8]) -> io::Result<usize>) -> io::Result<usize> {
        if matches!(self.phase, Phase::Closing { .. }) {
            self.discard_all();
        }
        let streaming = matches!(self.phase, Phase::Closing { .. }) || self.body != Body::Ended;
        let least = if streaming && self.read_full { LARGE_READ } else { 2 << 10 };
        let room = self.incoming.spare(least);
        let n = read(room)?;
        self.read_full = n >= room.len();
        self.incoming.filled(n);
        self.starved = false;
        if n == 0 {
            self.received_eof();
        }
        Ok(n)
    }

    /// Copies `bytes` in, as if read: for tests, and for bytes that were read before the connection was made.
    pub fn receive(&mut self, bytes: &[u8]) {
        let mut rest = bytes;
        while !rest.is_empty() {
            let taken = self.fill(|room| {
                let n = room.len().min(rest.len());
                room[..n].copy_from_slice(&rest[..n]);
                Ok(n)
            });
            rest = &rest[taken.unwrap_or(rest.len())..];
        }
    }

    /// The client has ended its side. What was received before is still served.
    pub fn received_eof(&mut self) {
        self.eof = true;
        self.starved = false;
    }

    /// Whether the client has ended its side. While a response is due, it may have hung up, or may wait for
    /// the response with its side shut down: the driver decides.
    pub fn is_eof(&self) -> bool {
        self.eof
    }

    /// Whether the driver should read from the socket: false when enough is buffered, which is how a slow
    /// application slows its client down, and after the end.
    pub fn want_read(&self) -> bool {
        if self.eof {
            return false;
        }
        match self.phase {
            Phase::Head => {
                self.outgoing.len() <= self.limits.output_ahead
                    || self.incoming.len() < self.limits.pipeline_ahead
            }
            Phase::Request => match self.body {
                Body::Ended | Body::Failed(_) => self.incoming.len() < self.limits.pipeline_ahead,
                Body::Length(_) | Body::ChunkData(_) => self.incoming.len() < self.limits.body_ahead,
                // A line or section that is not complete is bounded by its own limit.
                _ => self.starved || self.incoming.len() < self.limits.body_ahead,
            },
            Phase::Discard => true,
            Phase::Closing { linger, .. } => linger,
            Phase::HandedOver => false,
        }
    }

    /// Finds out what the received bytes mean, one event at a time. The same bytes give the same events however
    /// they were split; only how body bytes are portioned differs.
    ///
    /// Nothing of a later, pipelined request is looked at before the current one's response is finished and its
    /// body consumed or given up.
    ///
    /// # Errors
    /// The request is refused: answer with [`respond_error`](Connection::respond_error), or, when a response
    /// has been started, [`abort`](Connection::abort) it. Until then each call returns the same.
    #[allow(clippy::should_implement_trait)]
    pub fn next(&mut self) -> Result<Input, Refusal> {
        let input = loop {
            match self.phase {
                Phase::Head => break self.next_in_head(),
                Phase::Request => break self.next_in_request(),
                Phase::Discard => {
                    if let Some(input) = self.next_in_discard() {
                        break Ok(input);
                    }
                }
                Phase::Closing { linger, .. } => {
                    self.discard_all();
                    let over = !linger || self.eof || self.discarded > self.limits.linger_bytes;
                    if over {
                        self.phase = Phase::Closing { linger: false, reset: self.is_reset() };
                    }
                    break Ok(if over { Input::Closed } else { Input::NeedMore });
                }
                Phase::HandedOver => break Ok(Input::Wait),
            }
        };
        self.starved = input == Ok(Input::NeedMore);
        input
    }

    fn next_in_head(&mut self) -> Result<Input, Refusal> {
        if self.outgoing.len() > self.limits.output_ahead {
            return Ok(Input::Wait);
        }
        if self.scanner.is_fresh() {
            while self.leading_lines < Limits::LEADING_EMPTY_LINES
                && self.incoming.bytes().starts_with(b"\r\n")
            {
                self.incoming.consume(2);
                self.leading_lines += 1;
            }
            if self.incoming.is_empty() {
                if self.eof || self.draining {
                    return Ok(self.close(false));
                }
                return Ok(Input::NeedMore);
            }
            match head::parse(self.incoming.bytes(), &self.limits, &mut self.fields) {
                Attempt::Whole(parsed) => return self.begin_request(parsed),
                Attempt::Refused(refusal) => return self.refuse(refusal),
                Attempt::Unclear => {}
            }
        }
        let limits = SectionLimits {
            bytes: self.limits.head_bytes,
            fields: self.limits.fields.min(Limits::MOST_FIELDS),
            too_large: Refusal::HeadTooLarge,
        };
        match self.scanner.run(self.incoming.bytes(), &limits) {
            Err(refusal) => self.refuse(refusal),
            Ok(None) if self.eof => {
                self.close(false);
                Ok(Input::Truncated)
            }
            Ok(None) => Ok(Input::NeedMore),
            Ok(Some(_)) => match head::parse(self.incoming.bytes(), &self.limits, &mut self.fields) {
                Attempt::Whole(parsed) => self.begin_request(parsed),
                Attempt::Refused(refusal) => self.refuse(refusal),
                Attempt::Unclear => {
                    debug_assert!(false, "the scanner took what httparse refuses");
                    self.refuse(Refusal::RequestLine)
                }
            },
        }
    }

    fn begin_request(&mut self, parsed: Parsed) -> Result<Input, Refusal> {
        self.head_at = self.incoming.pin(parsed.len);
        self.phase = Phase::Request;
        self.response = Response::None;
        self.keep_alive = parsed.keep_alive;
        self.continue_due = parsed.expects_continue;
        self.end_reported = false;
        self.body_limit = self.limits.body_bytes;
        self.body = match parsed.framing {
            Framing::None => Body::Ended,
            Framing::Length(n) => Body::Length(n),
            Framing::Chunked => {
                self.chunked_bytes = 0;
                self.extension_bytes = 0;
                Body::ChunkLine
            }
        };
        self.parsed = parsed;
        if let Body::Length(n) = self.body
            && n > self.body_limit
        {
            return self.fail_body(Refusal::BodyTooLarge);
        }
        Ok(Input::Head)
    }

    /// Refuses a head: there is no request, but a response is due.
    fn refuse(&mut self, refusal: Refusal) -> Result<Input, Refusal> {
        self.parsed = Parsed::EMPTY;
        self.fields.clear();
        self.phase = Phase::Request;
        self.response = Response::None;
        self.continue_due = false;
        self.fail_body(refusal)
    }

    fn fail_body(&mut self, refusal: Refusal) -> Result<Input, Refusal> {
        self.body = Body::Failed(refusal);
        self.keep_alive = false;
        Err(refusal)
    }

    fn next_in_request(&mut self) -> Result<Input, Refusal> {
        match self.advance_body() {
            Ok(Step::Data) => Ok(Input::Body),
            Ok(Step::NeedMore) if self.eof => {
                self.keep_alive = false;
                Ok(Input::Truncated)
            }
            Ok(Step::NeedMore) => Ok(Input::NeedMore),
            Ok(Step::Ended) if self.end_reported => Ok(Input::Wait),
            Ok(Step::Ended) => {
                self.end_reported = true;
                Ok(Input::BodyEnd)
            }
            Err(refusal) => self.fail_body(refusal),
        }
    }

    /// Gets to the next body bytes or to the end of the body.
    fn advance_body(&mut self) -> Result<Step, Refusal> {
        loop {
            let bytes = self.incoming.bytes();
            match &mut self.body {
                Body::Ended => return Ok(Step::Ended),
                Body::Failed(refusal) => return Err(*refusal),
                Body::Length(_) | Body::ChunkData(_) => {
                    return Ok(if bytes.is_empty() { Step::NeedMore } else { Step::Data });
                }
                Body::ChunkLine => {
                    let Some(line) = chunk_line(bytes, &self.limits)? else { return Ok(Step::NeedMore) };
                    self.extension_bytes += line.extensions;
                    if self.extension_bytes > self.limits.chunk_extension_bytes {
                        return Err(Refusal::ChunkLineTooLong);
                    }
                    self.incoming.consume(line.len);
                    if line.size == 0 {
                        self.body = Body::Trailers(ScannerBox(Scanner::trailers()));
                        continue;
                    }
                    self.chunked_bytes =
                        self.chunked_bytes.checked_add(line.size).ok_or(Refusal::BodyTooLarge)?;
                    if self.chunked_bytes > self.body_limit {
                        return Err(Refusal::BodyTooLarge);
                    }
                    self.body = Body::ChunkData(line.size);
                }
                Body::ChunkEnd => match bytes {
                    [] | [b'\r'] => return Ok(Step::NeedMore),
                    [b'\r', b'\n', ..] => {
                        self.incoming.consume(2);
                        self.body = Body::ChunkLine;
                    }
                    _ => return Err(Refusal::ChunkEnd),
                },
                Body::Trailers(scanner) => {
                    let limits = SectionLimits {
                        bytes: self.limits.trailer_bytes,
                        fields: self.limits.fields,
                        too_large: Refusal::TrailersTooLarge,
                    };
                    let Some(len) = scanner.0.run(bytes, &limits)? else { return Ok(Step::NeedMore) };
                    self.end_trailers(len)?;
                }
            }
        }
    }

    /// The trailer section is complete: notes where its fields lie.
    fn end_trailers(&mut self, len: usize) -> Result<(), Refusal> {
        self.trailer_fields.clear();
        let section = &self.incoming.bytes()[..len];
        let mut at = 0;
        for line in section[..len - 2].split_inclusive(|&b| b == b'\n') {
            let text = line.strip_suffix(b"\r\n").unwrap_or(line);
            let (name, value) = field_line(text)?;
            if is_forbidden_trailer(name.of(text)) {
                return Err(Refusal::TrailerForbidden);
            }
            self.trailer_fields.push(HeaderRange { name: name.shift(at), value: value.shift(at) });
            at += line.len();
        }
        self.trailers_at = (self.incoming.pin(len), len);
        self.body = Body::Ended;
        Ok(())
    }

    /// Reads the rest of a body away; `None` when the next request may begin.
    fn next_in_discard(&mut self) -> Option<Input> {
        loop {
            match self.advance_body() {
                Ok(Step::Ended) => {
                    self.begin_next();
                    return None;
                }
                Ok(Step::NeedMore) if self.eof => return Some(self.close(false)),
                Ok(Step::NeedMore) => return Some(Input::NeedMore),
                Ok(Step::Data) => {
                    let n = self.body().len();
                    self.discarded += n as u64;
                    if self.discarded > self.limits.discard_bytes {
                        self.close(true);
                        return None;
                    }
                    self.consume_body(n);
                }
                // The response is out already; there is nothing to say.
                Err(_) => {
                    self.close(true);
                    return None;
                }
            }
        }
    }

    /// The current request's head. It stays until the request's response is finished and its body read.
    pub fn head(&self) -> Head<'_> {
        let bytes = if self.phase == Phase::Request {
            self.incoming.pinned(self.head_at, self.parsed.len)
        } else {
            &[]
        };
        if bytes.is_empty() {
            return Head { bytes, parsed: &EMPTY, fields: &[] };
        }
        Head { bytes, parsed: &self.parsed, fields: &self.fields }
    }

    /// Replaces [`Limits::body_bytes`] for this request: call it after [`Input::Head`], when the application
    /// and its limit are known.
    ///
    /// # Errors
    /// [`Refusal::BodyTooLarge`] when Content-Length, or the chunks so far, exceed it; treat it like one
    /// from [`next`](Connection::next).
    pub fn set_body_limit(&mut self, bytes: u64) -> Result<(), Refusal> {
        self.body_limit = bytes;
        let announced = match self.parsed.framing {
            Framing::None => 0,
            Framing::Length(n) => n,
            Framing::Chunked => self.chunked_bytes,
        };
        if self.phase == Phase::Request && announced > bytes {
            self.fail_body(Refusal::BodyTooLarge)?;
        }
        Ok(())
    }

    /// Body bytes that have arrived and are not consumed; with chunked, those of one chunk.
    pub fn body(&self) -> &[u8] {
        match self.body {
            Body::Length(due) | Body::ChunkData(due) => {
                let bytes = self.incoming.bytes();
                &bytes[..bytes.len().min(usize::try_from(due).unwrap_or(usize::MAX))]
            }
            _ => &[],
        }
    }

    /// The first `n` bytes of [`body`](Connection::body) have been used. Bytes stay until then, and hold the
    /// client back.
    pub fn consume(&mut self, n: usize) {
        if self.phase == Phase::Request {
            let n = n.min(self.body().len());
            self.consume_body(n);
        }
    }

    fn consume_body(&mut self, n: usize) {
        match &mut self.body {
            Body::Length(due) => {
                *due -= n as u64;
                if *due == 0 {
                    self.body = Body::Ended;
                }
            }
            Body::ChunkData(due) => {
                *due -= n as u64;
                if *due == 0 {
                    self.body = Body::ChunkEnd;
                }
            }
            _ => return,
        }
        self.incoming.consume(n);
    }

    /// The trailer fields of a chunked body: from [`Input::BodyEnd`] until the response is finished. Fields that
    /// would change framing, routing or authentication have been refused.
    pub fn trailers(&self) -> impl ExactSizeIterator<Item = (&[u8], &[u8])> {
        let chunked = self.phase == Phase::Request
            && self.parsed.framing == Framing::Chunked
            && self.body == Body::Ended;
        let fields = if chunked { &self.trailer_fields[..] } else { &[] };
        let bytes = self.incoming.pinned(self.trailers_at.0, self.trailers_at.1);
        fields.iter().map(move |f| (f.name.of(bytes), f.value.of(bytes)))
    }

    // ---- output ----

    /// Sends `100 Continue` if the client expects it, and nothing was sent or received after the head: call it
    /// when the application wants the body. Call it before [`respond`](Connection::respond) if the response is
    /// made from the body: afterwards it is too late. Returns whether it was sent.
    pub fn send_continue(&mut self) -> bool {
        let due = self.phase == Phase::Request
            && self.continue_due
            && self.response == Response::None
            && !matches!(self.body, Body::Failed(_));
        if !due {
            return false;
        }
        self.continue_due = false;
        // RFC 9110 10.1.1: not needed when the client did not wait.
        if !self.incoming.is_empty() || !matches!(self.body, Body::Length(_) | Body::ChunkLine) {
            return false;
        }
        write_status_line(&mut self.outgoing.data, 100, None);
        self.outgoing.data.extend_from_slice(b"\r\n");
        true
    }

    /// Starts a response whose body follows with [`send_body`](Connection::send_body) and
    /// [`finish`](Connection::finish). Content-Length, Transfer-Encoding and Connection are added as needed;
    /// HEAD, 204 and 304 carry no body, and what is sent for them is dropped.
    ///
    /// # Errors
    /// [`Misuse`]; nothing has been written then.
    pub fn respond(&mut self, head: ResponseHead<'_>, length: BodyLength) -> Result<(), Misuse> {
        self.start_response(head, length, 0, false)
    }

    /// The response in one go: head, the whole `body`, end.
    ///
    /// # Errors
    /// [`Misuse`]; nothing has been written then.
    pub fn respond_with(&mut self, head: ResponseHead<'_>, body: &[u8]) -> Result<Next, Misuse> {
        let announce_close = !self.rest_is_small();
        self.start_response(head, BodyLength::Known(body.len() as u64), body.len(), announce_close)?;
        if self.response != Response::Bodiless {
            self.outgoing.data.extend_from_slice(body);
        }
        Ok(self.end_response())
    }

    /// A response is due and none has been started.
    fn check_due(&self) -> Result<(), Misuse> {
        if self.phase != Phase::Request {
            return Err(Misuse::NoRequest);
        }
        if self.response != Response::None { Err(Misuse::AlreadyResponded) } else { Ok(()) }
    }

    fn start_response(
        &mut self,
        head: ResponseHead<'_>,
        length: BodyLength,
        room: usize,
        close: bool,
    ) -> Result<(), Misuse> {
        self.check_due()?;
        if !(200..=999).contains(&head.status) {
            return Err(Misuse::Status);
        }
        if !head.header_block.is_empty() && !head.header_block.ends_with(b"\r\n") {
            return Err(Misuse::HeaderBlock);
        }
        // The client may or may not send a body it got no 100 for: there is no telling where a next request
        // would start (RFC 9110 10.1.1).
        if (self.continue_due && self.body != Body::Ended) || self.draining || close {
            self.keep_alive = false;
        }
        let http10 = self.parsed.version == Version::Http10;
        let no_content = matches!(head.status, 204 | 304);
        let (framing, response) = match length {
            _ if no_content => (FramingFields::None, Response::Bodiless),
            BodyLength::Known(n) if self.parsed.is_head => (FramingFields::Length(n), Response::Bodiless),
            _ if self.parsed.is_head => (FramingFields::None, Response::Bodiless),
            BodyLength::Known(n) => (FramingFields::Length(n), Response::Known(n)),
            BodyLength::None => (FramingFields::Length(0), Response::Known(0)),
            BodyLength::Unknown if http10 => {
                self.keep_alive = false;
                (FramingFields::None, Response::UntilClose)
            }
            BodyLength::Unknown => (FramingFields::Chunked, Response::Chunked),
        };
        let connection = match (self.keep_alive, http10) {
            (false, _) => ConnectionField::Close,
            (true, true) => ConnectionField::KeepAlive,
            (true, false) => ConnectionField::None,
        };
        write_head(&mut self.outgoing.data, &head, framing, connection, room);
        self.response = response;
        Ok(())
    }

    /// Appends body bytes, framed as the head announced. Watch [`pending_output`](Connection::pending_output)
    /// to slow the application down.
    ///
    /// # Errors
    /// [`Misuse::BodyTooLong`] when they are more than announced: none of them is sent, and the response is
    /// aborted. [`Misuse::NotResponding`] without a response.
    pub fn send_body(&mut self, bytes: &[u8]) -> Result<(), Misuse> {
        if self.phase != Phase::Request {
            return Err(Misuse::NotResponding);
        }
        let out = &mut self.outgoing.data;
        match &mut self.response {
            Response::None => return Err(Misuse::NotResponding),
            Response::Bodiless => {}
            Response::Known(due) => {
                let Some(rest) = due.checked_sub(bytes.len() as u64) else {
                    self.abort();
                    return Err(Misuse::BodyTooLong);
                };
                *due = rest;
                out.extend_from_slice(bytes);
            }
            Response::UntilClose => out.extend_from_slice(bytes),
            // An empty chunk would end the body.
            Response::Chunked if bytes.is_empty() => {}
            Response::Chunked => {
                out.reserve(bytes.len() + 20);
                write_hex(out, bytes.len());
                out.extend_from_slice(b"\r\n");
                out.extend_from_slice(bytes);
                out.extend_from_slice(b"\r\n");
            }
        }
        Ok(())
    }

    /// Ends the response. `trailers` is a block made with [`push_field`](crate::push_field); it is sent with a
    /// chunked body and dropped otherwise.
    ///
    /// # Errors
    /// [`Misuse::BodyTooShort`] when less was sent than announced: the response is aborted.
    /// [`Misuse::HeaderBlock`] for trailers that do not end in CRLF, [`Misuse::NotResponding`] without a response.
    pub fn finish(&mut self, trailers: Option<&[u8]>) -> Result<Next, Misuse> {
        if self.phase != Phase::Request || self.response == Response::None {
            return Err(Misuse::NotResponding);
        }
        match self.response {
            Response::Known(due) if due > 0 => {
                self.abort();
                return Err(Misuse::BodyTooShort);
            }
            Response::Chunked => {
                let trailers = trailers.unwrap_or(&[]);
                if !trailers.is_empty() && !trailers.ends_with(b"\r\n") {
                    return Err(Misuse::HeaderBlock);
                }
                let out = &mut self.outgoing.data;
                out.extend_from_slice(b"0\r\n");
                out.extend_from_slice(trailers);
                out.extend_from_slice(b"\r\n");
            }
            _ => {}
        }
        Ok(self.end_response())
    }

    /// Whether the rest of the request's body is known to be worth reading away.
    fn rest_is_small(&self) -> bool {
        match self.body {
            Body::Length(due) => due <= self.limits.discard_bytes,
            Body::Failed(_) => false,
            _ => true,
        }
    }

    fn end_response(&mut self) -> Next {
        if !self.keep_alive || self.draining || !self.rest_is_small() {
            // A client that meant to go on may have sent more already.
            let linger = self.parsed.keep_alive || self.body != Body::Ended || !self.incoming.is_empty();
            self.close(linger);
            return Next::Close;
        }
        if self.body == Body::Ended {
            self.begin_next();
        } else {
            self.phase = Phase::Discard;
            self.discarded = 0;
        }
        Next::KeepAlive
    }

    fn begin_next(&mut self) {
        self.phase = Phase::Head;
        self.scanner = Scanner::default();
        self.leading_lines = 0;
        self.response = Response::None;
        self.body = Body::Ended;
        self.incoming.unpin();
    }

    fn close(&mut self, linger: bool) -> Input {
        self.incoming.unpin();
        self.discarded = 0;
        self.phase = Phase::Closing { linger: linger && !self.eof, reset: false };
        Input::Closed
    }

    fn discard_all(&mut self) {
        self.discarded += self.incoming.len() as u64;
        self.incoming.consume(usize::MAX >> 1);
    }

    /// A complete small response with `Connection: close`, for a [`Refusal`], a timeout or a server that has
    /// nothing better: `message` is its body, as plain text. Works between requests and in the middle of a
    /// head too (408, 503).
    ///
    /// # Errors
    /// [`Misuse::AlreadyResponded`] when a response has been started: [`abort`](Connection::abort) it.
    /// [`Misuse::NoRequest`] when the connection is closing.
    pub fn respond_error(
        &mut self,
        status: u16,
        message: &str,
        date: Option<&[u8; 29]>,
    ) -> Result<(), Misuse> {
        if self.phase == Phase::Head {
            let _ = self.refuse(Refusal::RequestLine);
        }
        self.check_due()?;
        self.keep_alive = false;
        let head = ResponseHead {
            status,
            reason: None,
            header_block: b"Content-Type: text/plain; charset=utf-8\r\n",
            date,
        };
        let message = if message.is_empty() { reason_phrase(status) } else { message };
        self.respond_with(head, message.as_bytes()).map(|_| ())
    }

    /// Answers 101 and leaves HTTP/1: `header_block` names the protocol (`Upgrade: websocket CRLF`) and what it
    /// wants besides. Returns the input that has been received beyond the head. What is in
    /// [`output`](Connection::output) must still be written, before any byte of the new protocol.
    ///
    /// # Errors
    /// [`Misuse::Upgrade`] when the client did not ask, or the request's body is not read to its end.
    pub fn upgrade(&mut self, header_block: &[u8], date: Option<&[u8; 29]>) -> Result<Vec<u8>, Misuse> {
        self.check_due()?;
        if self.head().upgrade().is_none() || self.body != Body::Ended {
            return Err(Misuse::Upgrade);
        }
        if !header_block.ends_with(b"\r\n") {
            return Err(Misuse::HeaderBlock);
        }
        let out = &mut self.outgoing.data;
        write_status_line(out, 101, None);
        out.extend_from_slice(b"Connection: Upgrade\r\n");
        if let Some(date) = date {
            out.extend_from_slice(b"Date: ");
            out.extend_from_slice(date);
            out.extend_from_slice(b"\r\n");
        }
        out.extend_from_slice(header_block);
        out.extend_from_slice(b"\r\n");
        let rest = self.incoming.bytes().to_vec();
        self.incoming.consume(rest.len());
        self.phase = Phase::HandedOver;
        Ok(rest)
    }

    /// Bytes for the socket.
    pub fn output(&self) -> &[u8] {
        self.outgoing.bytes()
    }

    /// The first `n` bytes of [`output`](Connection::output) have been written.
    pub fn wrote(&mut self, n: usize) {
        self.outgoing.wrote(n);
    }

    /// Bytes of output that are not written yet.
    pub fn pending_output(&self) -> usize {
        self.outgoing.len()
    }

    // ---- the end ----

    /// The server is shutting down: the response in progress, or the next one, says `Connection: close`, and
    /// an idle connection closes at the next [`next`](Connection::next).
    pub fn drain(&mut self) {
        self.draining = true;
    }

    /// Gives up: a response in the middle is never completed. See [`closing`](Connection::closing).
    pub fn abort(&mut self) {
        let reset = self.phase == Phase::Request && self.response == Response::UntilClose;
        self.close(false);
        self.phase = Phase::Closing { linger: false, reset };
    }

    fn is_reset(&self) -> bool {
        matches!(self.phase, Phase::Closing { reset: true, .. })
    }

    /// How the connection should end, if it should.
    pub fn closing(&self) -> Closing {
        match self.phase {
            Phase::Closing { reset: true, .. } => Closing::Reset,
            Phase::Closing { linger: true, .. } if !self.eof => Closing::Linger,
            Phase::Closing { .. } => Closing::Flush,
            _ => Closing::Open,
        }
    }

    /// Whether the driver should close the socket now.
    pub fn should_close(&self) -> bool {
        match self.closing() {
            Closing::Reset => true,
            Closing::Flush => self.outgoing.len() == 0,
            Closing::Open | Closing::Linger => false,
        }
    }

    /// What it waits for. Call it after [`next`](Connection::next).
    pub fn awaiting(&self) -> Awaiting {
        if self.outgoing.len() > 0 {
            return Awaiting::Output;
        }
        match self.phase {
            Phase::Head if self.incoming.is_empty() => Awaiting::Head,
            Phase::Head => Awaiting::HeadRest,
            Phase::Request if self.starved => Awaiting::Body,
            Phase::Request => Awaiting::Handler,
            Phase::Discard => Awaiting::Body,
            Phase::Closing { .. } if self.closing() == Closing::Linger => Awaiting::Linger,
            Phase::Closing { .. } | Phase::HandedOver => Awaiting::Nothing,
        }
    }
}

static EMPTY: Parsed = Parsed::EMPTY;

/// Trailer fields that would change what the head said: RFC 9110 6.5.1.
fn is_forbidden_trailer(name: &[u8]) -> bool {
    const NAMES: [&[u8]; 13] = [
        b"host",
        b"te",
        b"expect",
        b"max-forwards",
        b"authorization",
        b"proxy-authorization",
        b"cookie",
        b"content-encoding",
        b"content-type",
        b"content-range",
        b"cache-control",
        b"range",
        b"forwarded",
    ];
    is_framing_field(name) || NAMES.iter().any(|n| n.eq_ignore_ascii_case(name))
}

fn write_hex(out: &mut Vec<u8>, n: usize) {
    let digits = (usize::BITS - n.leading_zeros()).div_ceil(4).max(1);
    for i in (0..digits).rev() {
        out.push(b"0123456789abcdef"[n >> (4 * i) & 15]);
    }
}
