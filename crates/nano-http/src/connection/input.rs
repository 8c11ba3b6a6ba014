//! The connection's input side: received bytes become heads, bodies and refusals.

use std::io;

use super::{
    Afterwards, BodyEnd, Connection, Discarding, Ending, Exchange, Expectation, HeadReading, Input, Phase,
    Response, Trailers,
};
use crate::body::{BodyDecoder, BodyLimits, BodyStep};
use crate::buffer::Incoming;
use crate::fields::FieldClasses;
use crate::framing::{Framing, Strictness};
use crate::head::{self, Attempt, Head, HeaderRange, Parsed, Persistence};
use crate::scan::{SectionLimits, field_line};
use crate::trace_event::trace_event;
use crate::{Limits, Refusal};

/// Room offered to a read while a body streams in.
const LARGE_READ: usize = 64 << 10;

/// Room offered to all other reads.
const SMALL_READ: usize = 2 << 10;

static EMPTY: Parsed = Parsed::EMPTY;

/// What is next of a request's body.
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
        let streaming = match &self.phase {
            Phase::Closing(_) => {
                self.discard_for_closing();
                true
            }
            Phase::Request(exchange) => !exchange.body.is_ended(),
            Phase::Discard(discarding) => !discarding.body.is_ended(),
            Phase::Head(_) | Phase::HandedOver => false,
        };
        let least = if streaming && self.reads.fill_their_room { LARGE_READ } else { SMALL_READ };
        let room = self.incoming.spare(least);
        let n = read(room)?;
        self.reads.fill_their_room = n >= room.len();
        self.incoming.filled(n);
        self.reads.are_awaited = false;
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
        self.is_eof = true;
        self.reads.are_awaited = false;
    }

    /// Whether the client has ended its side. While a response is due, it may have hung up, or may wait for
    /// the response with its side shut down: the driver decides.
    pub fn is_eof(&self) -> bool {
        self.is_eof
    }

    /// Whether the driver should read from the socket: false when enough is buffered, which is how a slow
    /// application slows its client down, and after the end.
    pub fn want_read(&self) -> bool {
        if self.is_eof {
            return false;
        }
        match &self.phase {
            Phase::Head(_) => {
                self.outgoing.len() <= self.limits.output_ahead
                    || self.incoming.len() < self.limits.pipeline_ahead
            }
            Phase::Request(exchange) if exchange.body.is_ended() || exchange.body.is_failed() => {
                self.incoming.len() < self.limits.pipeline_ahead
            }
            Phase::Request(exchange) if exchange.body.is_in_data() => {
                self.incoming.len() < self.limits.body_ahead
            }
            // A line or section that is not complete is bounded by its own limit.
            Phase::Request(_) => self.reads.are_awaited || self.incoming.len() < self.limits.body_ahead,
            Phase::Discard(_) => true,
            Phase::Closing(ending) => matches!(ending, Ending::Linger(_)),
            Phase::HandedOver => false,
        }
    }

    /// Finds out what the received bytes mean, one event at a time. The same bytes give the same events
    /// however they were split; only how body bytes are portioned differs.
    ///
    /// Nothing of a later, pipelined request is looked at before the current one's response is finished and
    /// its body consumed or given up.
    ///
    /// # Errors
    /// The request is refused: answer with [`respond_error`](Connection::respond_error), or, when a response
    /// has been started, [`abort`](Connection::abort) it. Until then each call returns the same.
    #[allow(clippy::should_implement_trait)]
    pub fn next(&mut self) -> Result<Input, Refusal> {
        let input = loop {
            match self.phase {
                Phase::Head(_) => break self.next_in_head(),
                Phase::Request(_) => break self.next_in_request(),
                Phase::Discard(_) => {
                    if let Some(input) = self.next_in_discard() {
                        break Ok(input);
                    }
                }
                Phase::Closing(_) => break Ok(self.next_in_closing()),
                Phase::HandedOver => break Ok(Input::Wait),
            }
        };
        self.reads.are_awaited = input == Ok(Input::NeedMore);
        input
    }

    fn next_in_head(&mut self) -> Result<Input, Refusal> {
        let Phase::Head(HeadReading { scanner, leading_lines }) = &mut self.phase else {
            return Ok(Input::Wait);
        };
        if self.outgoing.len() > self.limits.output_ahead {
            return Ok(Input::Wait);
        }
        if scanner.is_fresh() {
            while *leading_lines < Limits::LEADING_EMPTY_LINES && self.incoming.bytes().starts_with(b"\r\n") {
                self.incoming.consume(2);
                *leading_lines += 1;
            }
            if self.incoming.is_empty() {
                if self.is_eof || self.is_draining {
                    return Ok(self.close(Ending::Flush));
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
        match scanner.run(self.incoming.bytes(), &limits) {
            Err(refusal) => self.refuse(refusal),
            Ok(None) if self.is_eof => {
                self.close(Ending::Flush);
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

    fn begin_request(&mut self, head: Parsed) -> Result<Input, Refusal> {
        let head_at = self.incoming.pin(head.len);
        let framing = head.framing;
        let body_limit = self.limits.body_bytes;
        self.phase = Phase::Request(Exchange {
            head_at,
            body: BodyDecoder::new(framing, Strictness::Strict),
            body_limit,
            body_end: BodyEnd::Due,
            response: Response::None,
            expectation: if head.expects_continue { Expectation::ContinueDue } else { Expectation::None },
            persistence: head.persistence,
            head,
        });
        match framing {
            Framing::Length(bytes) if bytes > body_limit => self.fail_body(Refusal::BodyTooLarge),
            _ => Ok(Input::Head),
        }
    }

    /// Refuses a head: there is no request, but a response is due.
    pub(super) fn refuse(&mut self, refusal: Refusal) -> Result<Input, Refusal> {
        self.fields.clear();
        self.phase = Phase::Request(Exchange {
            head: Parsed::EMPTY,
            head_at: 0,
            body: BodyDecoder::ended(),
            body_limit: 0,
            body_end: BodyEnd::Due,
            response: Response::None,
            expectation: Expectation::None,
            persistence: Persistence::Close,
        });
        self.fail_body(refusal)
    }

    fn fail_body(&mut self, refusal: Refusal) -> Result<Input, Refusal> {
        trace_event!(DEBUG, status = refusal.status(), reason = refusal.message(), "refused");
        if let Phase::Request(exchange) = &mut self.phase {
            exchange.body.fail(refusal);
            exchange.persistence = Persistence::Close;
        }
        Err(refusal)
    }

    fn next_in_request(&mut self) -> Result<Input, Refusal> {
        let Phase::Request(exchange) = &mut self.phase else { return Ok(Input::Wait) };
        let limits = body_limits(&self.limits, exchange.body_limit);
        match advance_body(&mut exchange.body, &mut self.incoming, &mut self.trailers, &limits) {
            Ok(Step::Data) => Ok(Input::Body),
            Ok(Step::NeedMore) if self.is_eof => {
                exchange.persistence = Persistence::Close;
                Ok(Input::Truncated)
            }
            Ok(Step::NeedMore) => Ok(Input::NeedMore),
            Ok(Step::Ended) => match std::mem::replace(&mut exchange.body_end, BodyEnd::Reported) {
                BodyEnd::Due => Ok(Input::BodyEnd),
                BodyEnd::Reported => Ok(Input::Wait),
            },
            Err(refusal) => self.fail_body(refusal),
        }
    }

    /// Reads the rest of a body away; `None` when the next request may begin, or the connection closes.
    fn next_in_discard(&mut self) -> Option<Input> {
        loop {
            let Phase::Discard(Discarding { body, body_limit, discarded, afterwards }) = &mut self.phase
            else {
                return None;
            };
            let limits = body_limits(&self.limits, *body_limit);
            match advance_body(body, &mut self.incoming, &mut self.trailers, &limits) {
                Ok(Step::Ended) => {
                    match *afterwards {
                        Afterwards::NextRequest => self.begin_next(),
                        // A client that meant to go on may have sent more already.
                        Afterwards::Close(client)
                            if client == Persistence::KeepAlive || !self.incoming.is_empty() =>
                        {
                            self.close(Ending::Linger(0));
                        }
                        Afterwards::Close(_) => {
                            self.close(Ending::Flush);
                        }
                    }
                    return None;
                }
                Ok(Step::NeedMore) if self.is_eof => return Some(self.close(Ending::Flush)),
                Ok(Step::NeedMore) => return Some(Input::NeedMore),
                Ok(Step::Data) => {
                    let n = body.available(self.incoming.len());
                    *discarded += n as u64;
                    if *discarded > self.limits.discard_bytes {
                        self.close(Ending::Linger(0));
                        return None;
                    }
                    body.took(n);
                    self.incoming.consume(n);
                }
                // The response is out already; there is nothing to say.
                Err(_) => {
                    self.close(Ending::Linger(0));
                    return None;
                }
            }
        }
    }

    fn next_in_closing(&mut self) -> Input {
        self.discard_for_closing();
        match self.phase {
            Phase::Closing(Ending::Linger(discarded))
                if !self.is_eof && discarded <= self.limits.linger_bytes =>
            {
                Input::NeedMore
            }
            Phase::Closing(Ending::Linger(_)) => {
                self.phase = Phase::Closing(Ending::Flush);
                Input::Closed
            }
            _ => Input::Closed,
        }
    }

    /// Throws away what has come of a connection that closes.
    fn discard_for_closing(&mut self) {
        let bytes = self.discard_all();
        if let Phase::Closing(Ending::Linger(discarded)) = &mut self.phase {
            *discarded += bytes;
        }
    }

    /// The current request's head. It stays until the request's response is finished and its body read.
    pub fn head(&self) -> Head<'_> {
        if let Phase::Request(exchange) = &self.phase {
            let bytes = self.incoming.pinned(exchange.head_at, exchange.head.len);
            if !bytes.is_empty() {
                return Head { bytes, parsed: &exchange.head, fields: &self.fields };
            }
        }
        Head { bytes: &[], parsed: &EMPTY, fields: &[] }
    }

    /// Replaces [`Limits::body_bytes`] for this request: call it after [`Input::Head`], when the application
    /// and its limit are known.
    ///
    /// # Errors
    /// [`Refusal::BodyTooLarge`] when Content-Length, or the chunks so far, exceed it; treat it like one
    /// from [`next`](Connection::next).
    pub fn set_body_limit(&mut self, bytes: u64) -> Result<(), Refusal> {
        let Phase::Request(exchange) = &mut self.phase else { return Ok(()) };
        exchange.body_limit = bytes;
        let announced = match exchange.head.framing {
            Framing::Length(n) => n,
            Framing::Chunked => exchange.body.chunked_bytes(),
            Framing::None | Framing::UntilClose => 0,
        };
        if announced > bytes {
            self.fail_body(Refusal::BodyTooLarge)?;
        }
        Ok(())
    }

    /// Body bytes that have arrived and are not consumed; with chunked, those of one chunk.
    pub fn body(&self) -> &[u8] {
        match &self.phase {
            Phase::Request(exchange) => {
                let bytes = self.incoming.bytes();
                &bytes[..exchange.body.available(bytes.len())]
            }
            _ => &[],
        }
    }

    /// The first `n` bytes of [`body`](Connection::body) have been used. Bytes stay until then, and hold the
    /// client back.
    pub fn consume(&mut self, n: usize) {
        if let Phase::Request(exchange) = &mut self.phase {
            let n = n.min(exchange.body.available(self.incoming.len()));
            exchange.body.took(n);
            self.incoming.consume(n);
        }
    }

    /// The trailer fields of a chunked body: from [`Input::BodyEnd`] until the response is finished. Fields
    /// that would change framing, routing or authentication have been refused.
    pub fn trailers(&self) -> impl ExactSizeIterator<Item = (&[u8], &[u8])> {
        let has_trailers = matches!(&self.phase, Phase::Request(exchange)
            if exchange.head.framing == Framing::Chunked && exchange.body.is_ended());
        let fields = if has_trailers { &self.trailers.fields[..] } else { &[] };
        let bytes = self.incoming.pinned(self.trailers.at, self.trailers.len);
        fields.iter().map(move |f| (f.name.of(bytes), f.value.of(bytes)))
    }
}

fn body_limits(limits: &Limits, body_bytes: u64) -> BodyLimits {
    BodyLimits {
        body_bytes,
        line_bytes: limits.chunk_line_bytes,
        extension_bytes: limits.chunk_extension_bytes,
        trailer_bytes: limits.trailer_bytes,
        trailer_fields: limits.fields,
    }
}

/// Gets to the next body bytes or to the end of the body.
fn advance_body(
    body: &mut BodyDecoder,
    incoming: &mut Incoming,
    trailers: &mut Trailers,
    limits: &BodyLimits,
) -> Result<Step, Refusal> {
    match body.step(incoming.bytes(), limits)? {
        BodyStep::Data { skip, .. } => {
            incoming.consume(skip);
            Ok(Step::Data)
        }
        BodyStep::NeedMore { skip } => {
            incoming.consume(skip);
            Ok(Step::NeedMore)
        }
        BodyStep::End { skip, trailers: len } => {
            incoming.consume(skip);
            if len > 0 {
                end_trailers(incoming, trailers, len).inspect_err(|refusal| body.fail(*refusal))?;
            }
            Ok(Step::Ended)
        }
    }
}

/// The trailer section is complete: notes where its fields lie.
fn end_trailers(incoming: &mut Incoming, trailers: &mut Trailers, len: usize) -> Result<(), Refusal> {
    trailers.fields.clear();
    let section = &incoming.bytes()[..len];
    let mut at = 0;
    for line in section[..len - 2].split_inclusive(|&b| b == b'\n') {
        let text = line.strip_suffix(b"\r\n").unwrap_or(line);
        let (name, value) = field_line(text)?;
        if FieldClasses::of(name.of(text)).is_forbidden_in_trailers() {
            return Err(Refusal::TrailerForbidden);
        }
        trailers.fields.push(HeaderRange { name: name.shift(at), value: value.shift(at) });
        at += line.len();
    }
    (trailers.at, trailers.len) = (incoming.pin(len), len);
    Ok(())
}
