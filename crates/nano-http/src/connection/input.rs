//! The connection's input side: received bytes become heads, bodies and refusals.

use std::io;

use super::{Body, Connection, Input, Phase, Response};
use crate::chunked::chunk_line;
use crate::grammar::is_framing_field;
use crate::head::{self, Attempt, Framing, Head, HeaderRange, Parsed};
use crate::scan::{Scanner, SectionLimits, field_line};
use crate::{Limits, Refusal};

/// Room offered to a read while a body streams in.
const LARGE_READ: usize = 64 << 10;

static EMPTY: Parsed = Parsed::EMPTY;

enum Step {
    Data,
    NeedMore,
    Ended,
}

impl Connection {
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
    pub(super) fn refuse(&mut self, refusal: Refusal) -> Result<Input, Refusal> {
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
                        self.body = Body::Trailers(Scanner::trailers());
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
                    let Some(len) = scanner.run(bytes, &limits)? else { return Ok(Step::NeedMore) };
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
                Ok(Step::Ended) if self.keep_alive => {
                    self.begin_next();
                    return None;
                }
                Ok(Step::Ended) => {
                    // A client that meant to go on may have sent more already.
                    let linger = self.parsed.keep_alive || !self.incoming.is_empty();
                    self.close(linger);
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
}

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
