//! The connection's output side: responses become bytes, framed as the request allows.

use super::{
    Afterwards, Connection, Discarding, Ending, Exchange, Expectation, HeadReading, Next, Phase, Response,
};
use crate::body::BodyDecoder;
use crate::chunked::{LAST_CHUNK, push_chunk_line};
use crate::head::{Persistence, Version};
use crate::response::{
    ConnectionField, FramingFields, ResponseHead, reason_phrase, write_head, write_status_line,
};
use crate::transfer::BodyLength;
use crate::{Misuse, Refusal};

impl Connection {
    /// Sends `100 Continue` if the client expects it, and nothing was sent or received after the head: call
    /// it when the application wants the body. Call it before [`respond`](Connection::respond) if the
    /// response is made from the body: afterwards it is too late. Returns whether it was sent.
    pub fn send_continue(&mut self) -> bool {
        let Phase::Request(exchange) = &mut self.phase else { return false };
        let due = exchange.expectation == Expectation::ContinueDue
            && exchange.response == Response::None
            && !exchange.body.is_failed();
        if !due {
            return false;
        }
        exchange.expectation = Expectation::None;
        // RFC 9110 10.1.1: not needed when the client did not wait.
        if !self.incoming.is_empty() || !exchange.body.is_fresh() {
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
        self.start_response(head, length, 0)
    }

    /// The response in one go: head, the whole `body`, end.
    ///
    /// # Errors
    /// [`Misuse`]; nothing has been written then.
    pub fn respond_with(&mut self, head: ResponseHead<'_>, body: &[u8]) -> Result<Next, Misuse> {
        let exchange = due_response(&mut self.phase)?;
        if !rest_is_small(&exchange.body, self.limits.discard_bytes) {
            exchange.persistence = Persistence::Close;
        }
        self.start_response(head, BodyLength::Known(body.len() as u64), body.len())?;
        if !self.is_bodiless() {
            self.outgoing.data.extend_from_slice(body);
        }
        Ok(self.end_response())
    }

    fn is_bodiless(&self) -> bool {
        matches!(&self.phase, Phase::Request(exchange) if exchange.response == Response::Bodiless)
    }

    fn start_response(
        &mut self,
        head: ResponseHead<'_>,
        length: BodyLength,
        room: usize,
    ) -> Result<(), Misuse> {
        let exchange = due_response(&mut self.phase)?;
        if !(200..=999).contains(&head.status) {
            return Err(Misuse::Status);
        }
        if !head.header_block.is_empty() && !head.header_block.ends_with(b"\r\n") {
            return Err(Misuse::HeaderBlock);
        }
        // The client may or may not send a body it got no 100 for: there is no telling where a next request
        // would start (RFC 9110 10.1.1).
        let body_is_uncertain = exchange.expectation == Expectation::ContinueDue && !exchange.body.is_ended();
        if body_is_uncertain || self.is_draining {
            exchange.persistence = Persistence::Close;
        }
        let http10 = exchange.head.version == Version::Http10;
        let no_content = matches!(head.status, 204 | 304);
        let (framing, response) = match length {
            _ if no_content => (FramingFields::None, Response::Bodiless),
            BodyLength::Known(n) if exchange.head.is_head => (FramingFields::Length(n), Response::Bodiless),
            _ if exchange.head.is_head => (FramingFields::None, Response::Bodiless),
            BodyLength::Known(n) => (FramingFields::Length(n), Response::Known(n)),
            BodyLength::None => (FramingFields::Length(0), Response::Known(0)),
            BodyLength::Unknown if http10 => {
                exchange.persistence = Persistence::Close;
                (FramingFields::None, Response::UntilClose)
            }
            BodyLength::Unknown => (FramingFields::Chunked, Response::Chunked),
        };
        let connection = match (exchange.persistence, http10) {
            (Persistence::Close, _) => ConnectionField::Close,
            (Persistence::KeepAlive, true) => ConnectionField::KeepAlive,
            (Persistence::KeepAlive, false) => ConnectionField::None,
        };
        exchange.response = response;
        write_head(&mut self.outgoing.data, &head, framing, connection, room);
        Ok(())
    }

    /// Appends body bytes, framed as the head announced. Watch [`pending_output`](Connection::pending_output)
    /// to slow the application down.
    ///
    /// # Errors
    /// [`Misuse::BodyTooLong`] when they are more than announced: none of them is sent, and the response is
    /// aborted. [`Misuse::NotResponding`] without a response.
    pub fn send_body(&mut self, bytes: &[u8]) -> Result<(), Misuse> {
        let Phase::Request(exchange) = &mut self.phase else { return Err(Misuse::NotResponding) };
        let out = &mut self.outgoing.data;
        match &mut exchange.response {
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
                push_chunk_line(out, bytes.len());
                out.extend_from_slice(bytes);
                out.extend_from_slice(b"\r\n");
            }
        }
        Ok(())
    }

    /// The same, with the chance to send without a copy: `write` gets what waits for the socket and the bytes
    /// that come after it, and says how many of both together it has sent. What it has not sent is kept.
    /// Returns whether all of `bytes` was sent; of a chunk's framing something may wait nevertheless.
    ///
    /// # Errors
    /// As [`send_body`](Connection::send_body); `write` is not called then.
    pub fn send_body_through(
        &mut self,
        bytes: &[u8],
        write: impl FnOnce(&[u8], &[u8]) -> usize,
    ) -> Result<bool, Misuse> {
        // The framing and the checks, without a byte of the body.
        let Phase::Request(exchange) = &mut self.phase else { return Err(Misuse::NotResponding) };
        let chunked = match &mut exchange.response {
            Response::Known(due) if *due >= bytes.len() as u64 => {
                *due -= bytes.len() as u64;
                false
            }
            Response::UntilClose => false,
            Response::Chunked if !bytes.is_empty() => {
                push_chunk_line(&mut self.outgoing.data, bytes.len());
                true
            }
            // Nothing to be sent, or an error.
            _ => return self.send_body(bytes).map(|()| true),
        };
        let before = self.pending_output();
        let sent = write(self.output(), bytes);
        self.wrote(sent.min(before));
        let rest = &bytes[sent.saturating_sub(before).min(bytes.len())..];
        let out = &mut self.outgoing.data;
        out.extend_from_slice(rest);
        if chunked {
            out.extend_from_slice(b"\r\n");
        }
        Ok(rest.is_empty())
    }

    /// Ends the response. `trailers` is a block made with [`push_field`](crate::push_field); it is sent with
    /// a chunked body and dropped otherwise.
    ///
    /// # Errors
    /// [`Misuse::BodyTooShort`] when less was sent than announced: the response is aborted.
    /// [`Misuse::HeaderBlock`] for trailers that do not end in CRLF, [`Misuse::NotResponding`] without a
    /// response.
    pub fn finish(&mut self, trailers: Option<&[u8]>) -> Result<Next, Misuse> {
        let Phase::Request(exchange) = &self.phase else { return Err(Misuse::NotResponding) };
        match exchange.response {
            Response::None => return Err(Misuse::NotResponding),
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
                let (last, end) = LAST_CHUNK.split_at(LAST_CHUNK.len() - 2);
                out.extend_from_slice(last);
                out.extend_from_slice(trailers);
                out.extend_from_slice(end);
            }
            _ => {}
        }
        Ok(self.end_response())
    }

    fn end_response(&mut self) -> Next {
        let Phase::Request(exchange) = &mut self.phase else { return Next::Close };
        let rest_is_small = rest_is_small(&exchange.body, self.limits.discard_bytes);
        if self.is_draining || !rest_is_small {
            exchange.persistence = Persistence::Close;
        }
        let (persistence, client) = (exchange.persistence, exchange.head.persistence);
        // The end of the connection is the response's end, or the client may wait for a 100 that never comes:
        // neither waits for the request's body.
        let closes_now =
            exchange.response == Response::UntilClose || exchange.expectation == Expectation::ContinueDue;
        let body_is_ended = exchange.body.is_ended();
        if !body_is_ended && rest_is_small && !closes_now {
            // A client that still writes must not find the connection closed: it would not read the response.
            let body = std::mem::replace(&mut exchange.body, BodyDecoder::ended());
            let body_limit = exchange.body_limit;
            let afterwards = match persistence {
                Persistence::KeepAlive => Afterwards::NextRequest,
                Persistence::Close => Afterwards::Close(client),
            };
            self.phase = Phase::Discard(Discarding { body, body_limit, discarded: 0, afterwards });
        } else if persistence == Persistence::KeepAlive {
            self.begin_next();
        } else {
            // A client that meant to go on may have sent more already.
            let linger = client == Persistence::KeepAlive || !body_is_ended || !self.incoming.is_empty();
            self.close(if linger { Ending::Linger(0) } else { Ending::Flush });
        }
        match persistence {
            Persistence::KeepAlive => Next::KeepAlive,
            Persistence::Close => Next::Close,
        }
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
        if let Phase::Head(HeadReading { .. }) = self.phase {
            let _ = self.refuse(Refusal::RequestLine);
        }
        due_response(&mut self.phase)?.persistence = Persistence::Close;
        let head = ResponseHead {
            status,
            reason: None,
            header_block: b"Content-Type: text/plain; charset=utf-8\r\n",
            date,
        };
        let message = if message.is_empty() { reason_phrase(status) } else { message };
        self.respond_with(head, message.as_bytes()).map(|_| ())
    }

    /// Answers 101 and leaves HTTP/1: `header_block` names the protocol (`Upgrade: websocket CRLF`) and what
    /// it wants besides. Returns the input that has been received beyond the head. What is in
    /// [`output`](Connection::output) must still be written, before any byte of the new protocol.
    ///
    /// # Errors
    /// [`Misuse::Upgrade`] when the client did not ask, or the request's body is not read to its end.
    pub fn upgrade(&mut self, header_block: &[u8], date: Option<&[u8; 29]>) -> Result<Vec<u8>, Misuse> {
        let body_is_read = due_response(&mut self.phase)?.body.is_ended();
        if self.head().upgrade().is_none() || !body_is_read {
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
}

/// The exchange, if a response is due and none has been started.
fn due_response(phase: &mut Phase) -> Result<&mut Exchange, Misuse> {
    match phase {
        Phase::Request(exchange) if exchange.response == Response::None => Ok(exchange),
        Phase::Request(_) => Err(Misuse::AlreadyResponded),
        _ => Err(Misuse::NoRequest),
    }
}

/// Whether the rest of the request's body may be within `most` bytes.
fn rest_is_small(body: &BodyDecoder, most: u64) -> bool {
    !body.is_failed() && body.length_left().is_none_or(|left| left <= most)
}
