//! The calls that JavaScript makes for a request: it reads the body, and writes the response.
//!
//! They change the transport's buffers and wake the connection; no isolate is entered, and only large pieces
//! of a body go to the socket.

use super::HttpExchange;
use super::exchange::{Body, Response};
use crate::log::{Field, Level};
use crate::trace;
use crate::transport::{OUTPUT_HIGH_BYTES, Upgraded, header_block};
use nano_http::{BodyLength as HttpLength, Misuse, Next, ResponseHead as HttpHead};
use nano_runtime::{BodyLength, BodyRead, Exchange, FailureCause, FetchTrace, ResponseHead, Written};
use nano_websocket::NotAnUpgrade;
use std::rc::Rc;
use std::time::Duration;

/// The close code that a WebSocket's client gets when the application is unloaded. RFC 6455, section 7.4.1
const GOING_AWAY: u16 = 1001;

/// The same, when it has failed.
const INTERNAL_ERROR: u16 = 1011;

impl HttpExchange {
    /// Ends the response after what was written.
    pub(super) fn end_response(&self) {
        if !self.may_write() {
            return;
        }
        let mut wire = self.channel.wire();
        if let Some(upgraded) = wire.upgraded() {
            upgraded.finish();
            drop(wire);
            return self.finish_response();
        }
        let ended = wire.http.finish(None);
        drop(wire);
        match ended {
            Ok(_) => self.finish_response(),
            Err(misuse) => self.fail_misuse("the response's body is refused", misuse),
        }
    }

    /// Whether the response's head was sent and its end was not.
    fn may_write(&self) -> bool {
        matches!(self.response.get(), Response::Streaming | Response::Piping) && self.is_attached()
    }

    /// Whether nothing of the response was sent, and something can be.
    fn may_respond(&self) -> bool {
        self.response.get() == Response::Due && self.is_attached()
    }

    fn fail_misuse(&self, what: &str, misuse: Misuse) {
        self.fail(FailureCause::Exception, &format!("{what}: {misuse}"));
    }

    fn send_head(&self, head: &ResponseHead<'_>, length: HttpLength, then: Response) -> bool {
        if !self.may_respond() {
            return false;
        }
        let date = self.context.date();
        let sent = self.channel.wire().http.respond(wire_head(head, &date), length);
        if let Err(misuse) = sent {
            self.fail_misuse("the response cannot be sent", misuse);
            return false;
        }
        self.status.set(head.status);
        self.response.set(then);
        self.channel.wake();
        true
    }

    fn count_sent(&self, bytes: &[u8]) {
        self.sent_bytes.set(self.sent_bytes.get() + bytes.len() as u64);
    }
}

/// The head as it goes onto the wire, with a Date unless the application has set one.
fn wire_head<'a>(head: &ResponseHead<'a>, date: &'a [u8; 29]) -> HttpHead<'a> {
    let has_date = head.headers.starts_with(b"date:")
        || memchr::memchr_iter(b'\n', head.headers).any(|end| head.headers[end + 1..].starts_with(b"date:"));
    HttpHead {
        status: head.status,
        reason: (!head.status_text.is_empty()).then_some(head.status_text.as_bytes()),
        header_block: head.headers,
        date: (!has_date).then_some(date),
    }
}

impl Exchange for HttpExchange {
    /// Reads the request's head when a fetch wants it, so that a request without fetches pays nothing. When
    /// the response is complete the head is gone: what `waitUntil` asks for then belongs to no trace, unless
    /// the request itself is recorded.
    fn trace_fetch(
        &self,
        method: &str,
        url: &str,
        headers: Option<&mut Vec<u8>>,
    ) -> Option<Box<dyn FetchTrace>> {
        let span = self.span.borrow();
        let fetch = span.as_ref().map(|span| {
            let event_loop = Rc::clone(self.context.event_loop());
            span.fetch(event_loop, &self.app_name(), self.context.next_request_id(), (method, url))
        });
        if let Some(into) = headers {
            let wire = self.channel.wire();
            let has_head = self.response.get() != Response::Over && self.is_attached();
            let fields: Vec<_> = if has_head { wire.http.head().headers().collect() } else { Vec::new() };
            match &fetch {
                None => trace::pass_on(fields.into_iter(), into),
                Some(fetch) => {
                    fetch.ids().pass_on(into);
                    // It belongs to what the client has sent; a trace that began here has none.
                    if trace::parent(fields.iter().copied()).is_some() {
                        trace::pass_state_on(fields.into_iter(), into);
                    }
                }
            }
        }
        fetch.map(|fetch| Box::new(fetch) as Box<dyn FetchTrace>)
    }

    fn body_length(&self) -> BodyLength {
        self.request_body_length()
    }

    fn read_body(&self) -> BodyRead {
        self.read()
    }

    fn cancel_body(&self) {
        self.cancel();
    }

    fn respond(&self, head: &ResponseHead<'_>, body: Option<&[u8]>) {
        if !self.may_respond() {
            return;
        }
        if let Some(body) = body.filter(|body| body.len() > OUTPUT_HIGH_BYTES) {
            // It is copied into the output, and stays there for as long as the client takes to read it.
            let account = self.instance().as_ref().and_then(|instance| instance.account());
            let Some(charge) = account.and_then(|account| account.charge(body.len()).ok()) else {
                let reason = "the response is larger than the memory that the application has left";
                return self.fail(FailureCause::Memory, reason);
            };
            self.channel.wire().hold(charge);
        }
        let date = self.context.date();
        let wire_head = wire_head(head, &date);
        let mut wire = self.channel.wire();
        let sent = match (body, head.content_length) {
            // A length without a body means a HEAD request's: the body's size as GET would send it.
            (None, Some(length)) if wire.http.head().method() == b"HEAD" => {
                let started = wire.http.respond(wire_head, HttpLength::Known(length));
                started.and_then(|()| wire.http.finish(None))
            }
            (body, _) => wire.http.respond_with(wire_head, body.unwrap_or_default()),
        };
        drop(wire);
        match sent {
            Ok(Next::KeepAlive | Next::Close) => {
                self.status.set(head.status);
                self.sent_bytes.set(body.map_or(0, <[u8]>::len) as u64);
                self.finish_response();
            }
            Err(misuse) => self.fail_misuse("the response cannot be sent", misuse),
        }
    }

    fn respond_stream(&self, head: &ResponseHead<'_>) -> bool {
        let is_bodiless = matches!(head.status, 204 | 205 | 304)
            || self.is_attached() && self.channel.wire().http.head().method() == b"HEAD";
        let length = head.content_length.map_or(HttpLength::Unknown, HttpLength::Known);
        self.send_head(head, length, Response::Streaming) && !is_bodiless
    }

    fn respond_pipe(&self, head: &ResponseHead<'_>) {
        if self.may_respond() {
            self.channel.wire().http.send_continue();
        }
        let length = head.content_length.map_or(HttpLength::Unknown, HttpLength::Known);
        self.send_head(head, length, Response::Piping);
    }

    fn write(&self, bytes: &[u8]) -> Written {
        if !self.may_write() {
            return Written::Gone;
        }
        let mut wire = self.channel.wire();
        let sent = match wire.upgraded() {
            Some(upgraded) => Ok(upgraded.send(bytes) >= OUTPUT_HIGH_BYTES),
            None => wire.send_body(bytes),
        };
        drop(wire);
        self.channel.wake();
        match sent {
            Err(misuse) => {
                self.fail_misuse("the response's body is refused", misuse);
                Written::Gone
            }
            Ok(is_full) => {
                self.count_sent(bytes);
                if is_full {
                    self.wants_room.set(true);
                    return Written::Full;
                }
                Written::Ready
            }
        }
    }

    fn finish(&self) {
        self.end_response();
    }

    fn fail(&self, cause: FailureCause, reason: &str) {
        if self.response.get() == Response::Over {
            return;
        }
        let app = self.app_name();
        self.context.log_message(
            Level::Error,
            &nano_runtime::cut_text(reason),
            &[("app", Field::Text(&app)), ("id", Field::Id(self.request_id()))],
        );
        if self.response.get() == Response::Due {
            if let Body::Failed(Some(refusal)) = self.body.get() {
                // It is the client's fault that the handler could not read on.
                return self.answer_refusal(refusal);
            }
            let (status, text) = match cause {
                FailureCause::Exception | FailureCause::NotLoaded => (500, "Internal Server Error\n"),
                FailureCause::Memory => (503, "Service Unavailable: memory limit exceeded\n"),
                FailureCause::Cpu => (503, "Service Unavailable: CPU time limit exceeded\n"),
            };
            return if self.context.shows_errors() {
                self.answer(status, &format!("{reason}\n"))
            } else {
                self.answer(status, text)
            };
        }
        // Half a response must not look complete.
        let mut wire = self.channel.wire();
        if let Some(upgraded) = wire.upgraded() {
            let code = if cause == FailureCause::NotLoaded { GOING_AWAY } else { INTERNAL_ERROR };
            // Where the application waits for room, a frame may be cut.
            upgraded.abort(self.is_between_writes().then_some(code));
        } else {
            wire.http.abort();
        }
        drop(wire);
        self.finish_response();
    }

    fn upgrade(&self, head: &ResponseHead<'_>, whole_frames: bool) -> Result<(), String> {
        if !self.may_respond() {
            return Err("the client has disconnected".to_owned());
        }
        let limit = self.tenant().as_ref().map_or(0, |tenant| tenant.deployed.config.limits.max_websockets);
        if self.instance().as_ref().is_none_or(|instance| instance.websockets() >= limit as usize) {
            let reason = "the application has too many WebSockets open (max_websockets)";
            self.refuse(
                "Service Unavailable: the application has too many WebSockets open\n",
                Duration::ZERO,
            );
            return Err(reason.to_owned());
        }
        let date = self.context.date();
        let mut wire = self.channel.wire();
        let accept = {
            let head = wire.http.head();
            nano_websocket::check_request(
                head.method(),
                head.upgrade(),
                head.header(b"sec-websocket-version"),
                head.header(b"sec-websocket-key"),
            )
        };
        let accept = match accept {
            Ok(accept) => accept,
            Err(reason) => {
                drop(wire);
                match reason {
                    NotAnUpgrade::NotAsked => {}
                    // The client is told what it did wrong (RFC 6455, section 4.2.2); it is no fault of the
                    // application.
                    NotAnUpgrade::Version => {
                        let fields =
                            b"Content-Type: text/plain;charset=UTF-8\r\nSec-WebSocket-Version: 13\r\n";
                        self.answer_with(426, fields, &format!("{reason}\n"));
                    }
                    NotAnUpgrade::Key => self.answer(400, &format!("{reason}\n")),
                }
                return Err(reason.to_string());
            }
        };
        let block = header_block(&accept, head.headers);
        let rest = wire.http.upgrade(&block, Some(&date)).map_err(|misuse| misuse.to_string())?;
        wire.upgrade(Upgraded::new(rest, whole_frames));
        drop(wire);
        // The client's bytes are read as the body was.
        self.body.set(Body::Open);
        self.status.set(101);
        self.response.set(Response::Streaming);
        self.channel.wake();
        Ok(())
    }

    fn wait_until(&self, change: i32) {
        self.pending_promises.set(self.pending_promises.get() + change);
    }

    fn is_over(&self) -> bool {
        self.is_finished()
    }
}
