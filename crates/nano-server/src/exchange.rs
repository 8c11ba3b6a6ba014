//! One request and its response, between a connection and an application's isolate.
//!
//! JavaScript calls the [`Exchange`] methods; they move bytes into and out of the connection's buffers and mark the connection
//! so that the worker looks after it when JavaScript has returned. They enter no isolate, and do no I/O but for large pieces of a body,
//! which are sent at once if the socket takes them, so that they need not be copied.

use crate::connection::Conn;
use crate::log::{Field, Level, RequestId, RequestRecord};
use crate::telemetry::ServerSpan;
use crate::trace;
use crate::upgraded::{self, Upgraded};
use crate::worker::{AppSlot, Worker};
use nano_arena::{Arena, Bytes};
use nano_http::{BodyLength as HttpLength, Input, Next, Refusal, ResponseHead as HttpHead};
use nano_loop::Moment;
use nano_runtime::{
    BodyLength, BodyRead, Exchange, ExchangeId, FailureCause, FetchTrace, Instance, ResponseHead, Written,
};
use nano_websocket::NotAnUpgrade;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

/// Output that waits for the client before a producer is told to wait. Enough to fill a socket's buffer at once.
pub(crate) const OUTPUT_HIGH_BYTES: usize = 256 << 10;

/// Output below which a waiting producer goes on.
pub(crate) const OUTPUT_LOW_BYTES: usize = 64 << 10;

/// Pieces of a response's body that are worth a system call of their own: they go to the socket from where they are.
const DIRECT_BYTES: usize = 16 << 10;

/// One piece of a request's body, as JavaScript gets it, at most.
const BODY_PIECE_BYTES: usize = 64 << 10;

/// What a WebSocket's client is told when the application is unloaded, and when it has failed. RFC 6455, section 7.4.1
const GOING_AWAY: u16 = 1001;
const INTERNAL_ERROR: u16 = 1011;

/// The service that requests count for in traces which belong to no application.
const UNROUTED: &str = "nano";

/// What stays of a request's head for the log, in its arena.
pub(crate) struct Noted {
    pub(crate) arena: Arena,
    pub(crate) method: Bytes,
    pub(crate) target: Bytes,
    pub(crate) referer: Option<Bytes>,
    pub(crate) user_agent: Option<Bytes>,
    /// The id of the trace that the request belongs to.
    pub(crate) trace: Option<Bytes>,
}

/// How far the response is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Response {
    /// Nothing of it was sent.
    Due,
    /// Its head was sent.
    Streaming,
    /// It is complete, or given up.
    Over,
}

/// One request and its response.
pub(crate) struct HttpExchange {
    /// The connection; while `attached`, this is its current exchange.
    conn: Rc<Conn>,
    attached: Cell<bool>,
    pub(crate) instance: RefCell<Option<Rc<Instance>>>,
    /// The application it counts for.
    pub(crate) slot: RefCell<Option<Rc<AppSlot>>>,
    pub(crate) id: Cell<Option<ExchangeId>>,
    pub(crate) request_id: RequestId,
    started: Moment,
    /// When its response's head is due.
    pub(crate) due: Cell<Moment>,
    /// What it was given for that, and has for `waitUntil` after its response. `None`: no application has it.
    pub(crate) wall: Cell<Option<Duration>>,
    noted: Option<Noted>,
    /// If the request is recorded.
    pub(crate) span: RefCell<Option<Box<ServerSpan>>>,
    http_minor: u8,
    body_length: BodyLength,
    pub(crate) response: Cell<Response>,
    status: Cell<u16>,
    sent: Cell<u64>,
    waits: Cell<i32>,
    /// A read found nothing and waits.
    pub(crate) wants_body: Cell<bool>,
    /// A write filled the buffer and its producer waits.
    pub(crate) wants_room: Cell<bool>,
    /// The application needs no more of the body.
    pub(crate) discards_body: Cell<bool>,
    /// The request's body is the response's.
    pub(crate) pipes: Cell<bool>,
    body_ended: Cell<bool>,
    body_failed: Cell<bool>,
    /// The body breaks a rule: what to answer if the application has not.
    body_refusal: Cell<Option<Refusal>>,
    /// The application was told that the client has hung up.
    pub(crate) told_hangup: Cell<bool>,
    /// It was late before its handler had returned once.
    pub(crate) forget_later: Cell<bool>,
    /// It was answered with 101: the connection's bytes are a WebSocket's.
    upgraded: Cell<bool>,
}

impl HttpExchange {
    /// The exchange for the head that the connection has just found.
    pub(crate) fn new(
        conn: &Rc<Conn>,
        request_id: RequestId,
        started: Moment,
        noted: Option<Noted>,
        http_minor: u8,
        body_length: BodyLength,
    ) -> Rc<Self> {
        Rc::new(Self {
            conn: Rc::clone(conn),
            attached: Cell::new(true),
            instance: RefCell::new(None),
            slot: RefCell::new(None),
            id: Cell::new(None),
            request_id,
            started,
            due: Cell::new(Moment::MAX),
            wall: Cell::new(None),
            noted,
            span: RefCell::new(None),
            http_minor,
            body_length,
            response: Cell::new(Response::Due),
            status: Cell::new(0),
            sent: Cell::new(0),
            waits: Cell::new(0),
            wants_body: Cell::new(false),
            wants_room: Cell::new(false),
            discards_body: Cell::new(false),
            pipes: Cell::new(false),
            body_ended: Cell::new(false),
            body_failed: Cell::new(false),
            body_refusal: Cell::new(None),
            told_hangup: Cell::new(false),
            forget_later: Cell::new(false),
            upgraded: Cell::new(false),
        })
    }

    /// The connection is gone, or goes on with its next request.
    pub(crate) fn detach(&self) {
        self.attached.set(false);
    }

    /// Whether the whole request, its body included, has been taken.
    pub(crate) fn body_ended(&self) -> bool {
        self.body_ended.get()
    }

    /// The end of the request's body was found.
    pub(crate) fn note_body_end(&self) {
        self.body_ended.set(true);
    }

    /// The connection has answered in the application's place.
    pub(crate) fn refused(&self, status: u16) {
        self.body_failed.set(true);
        if self.response.get() == Response::Due {
            self.status.set(status);
        }
    }

    /// The client is gone: nothing will be sent any more.
    pub(crate) fn lost(&self) {
        if self.response.get() != Response::Over {
            self.over();
        }
        self.detach();
    }

    /// Passes on what has arrived of a body that is piped, as far as there is room.
    pub(crate) fn pump(&self) {
        let mut http = self.conn.http();
        while http.pending_output() < OUTPUT_HIGH_BYTES {
            let ok = match http.next() {
                Ok(Input::Body) => {
                    let mut piece = self.conn.worker().take_scratch();
                    piece.extend_from_slice(http.body());
                    http.consume(piece.len());
                    self.sent.set(self.sent.get() + piece.len() as u64);
                    let sent = http.send_body(&piece).is_ok();
                    self.conn.worker().give_scratch(piece);
                    sent
                }
                Ok(Input::BodyEnd) => {
                    self.body_ended.set(true);
                    drop(http);
                    return self.finish();
                }
                Ok(Input::Truncated | Input::Closed) | Err(_) => false,
                Ok(Input::NeedMore | Input::Wait | Input::Head) => return,
            };
            if !ok {
                http.abort();
                drop(http);
                return self.over();
            }
        }
    }

    /// The response is complete or given up: the connection may go on.
    fn over(&self) {
        self.response.set(Response::Over);
        self.pipes.set(false);
        let slot = self.slot.take();
        if let Some(span) = &mut *self.span.borrow_mut() {
            let app = slot.as_ref().map_or(UNROUTED, |slot| slot.name());
            let duration = self.conn.worker().refresh_now() - self.started;
            span.end(app, &self.conn.peer().to_string(), self.status.get(), duration);
        }
        self.conn.worker().count(slot, self.status.get(), self.started);
        self.log();
        self.conn.mark();
    }

    fn log(&self) {
        let Some(noted) = &self.noted else { return };
        let instance = self.instance.borrow();
        let record = RequestRecord {
            app: instance.as_ref().map_or("-", |instance| instance.application().name()),
            id: self.request_id,
            client: self.conn.peer(),
            method: noted.arena.get(noted.method),
            target: noted.arena.get(noted.target),
            http_minor: self.http_minor,
            status: self.status.get(),
            bytes: self.sent.get(),
            duration: self.conn.worker().refresh_now() - self.started,
            referer: noted.referer.map(|bytes| noted.arena.get(bytes)),
            user_agent: noted.user_agent.map(|bytes| noted.arena.get(bytes)),
            trace: noted.trace.map(|bytes| noted.arena.get(bytes)),
        };
        self.conn.worker().log_request(&record);
    }

    /// Whether promises keep it after its response.
    pub(crate) fn is_kept(&self) -> bool {
        self.waits.get() > 0
    }

    /// When it came.
    pub(crate) fn started(&self) -> Moment {
        self.started
    }

    /// The application's name, as logs have it.
    pub(crate) fn app_name(&self) -> String {
        let instance = self.instance.borrow();
        instance.as_ref().map_or("-", |instance| instance.application().name()).to_owned()
    }

    /// Whether its isolate knows it no longer.
    pub(crate) fn is_forgotten(&self) -> bool {
        self.is_over() || self.instance.borrow().as_ref().is_none_or(|instance| instance.is_closed())
    }

    /// The response's head is not there in time.
    pub(crate) fn late(&self, worker: &Worker) {
        let Some(instance) = self.instance.borrow().clone() else {
            let text = "Service Unavailable: the application has too many requests under way\n";
            return self.refuse(text, Duration::ZERO);
        };
        instance.application().counters().timed_out.add(1);
        worker.log_message(
            Level::Error,
            "the response was not there within wall_timeout_ms",
            &[("app", Field::Text(instance.application().name())), ("id", Field::Id(self.request_id))],
        );
        self.answer(504, "Gateway Timeout: the application did not answer in time\n");
        self.forget(worker);
    }

    /// Its isolate forgets it, and aborts its signal.
    pub(crate) fn forget(&self, worker: &Worker) {
        let instance = self.instance.borrow().clone();
        match (instance, self.id.get()) {
            (Some(instance), Some(id)) => worker.runtime().late(&instance, id),
            // Its handler has not returned: who called it looks.
            _ => self.forget_later.set(true),
        }
    }

    /// Answers 503: the client may try again after this time.
    pub(crate) fn refuse(&self, text: &str, time: Duration) {
        let seconds = crate::admission::retry_after(time);
        let headers = format!("Content-Type: text/plain;charset=UTF-8\r\nRetry-After: {seconds}\r\n");
        self.answer_with(503, headers.as_bytes(), text);
    }

    /// Answers without the application.
    pub(crate) fn answer(&self, status: u16, text: &str) {
        self.answer_with(status, b"Content-Type: text/plain;charset=UTF-8\r\n", text);
    }

    fn answer_with(&self, status: u16, headers: &[u8], text: &str) {
        if self.response.get() != Response::Due || !self.attached.get() {
            return;
        }
        let date = self.conn.worker().date();
        let head = HttpHead { date: Some(&date), ..HttpHead::new(status, headers) };
        let answered = self.conn.http().respond_with(head, text.as_bytes());
        self.status.set(status);
        self.sent.set(text.len() as u64);
        if answered.is_err() {
            self.conn.http().abort();
        }
        self.over();
    }

    /// Answers a request whose body breaks a rule; then the connection closes.
    fn answer_refusal(&self, refusal: Refusal) {
        let date = self.conn.worker().date();
        let text = format!("{}\n", refusal.message());
        if self.conn.http().respond_error(refusal.status(), &text, Some(&date)).is_err() {
            self.conn.http().abort();
        }
        self.status.set(refusal.status());
        self.over();
    }

    /// What has come of another protocol.
    fn read_upgraded(&self) -> BodyRead {
        if !self.attached.get() {
            return BodyRead::Failed("the client went away".into());
        }
        match self.conn.read_upgraded() {
            Some(bytes) => BodyRead::Bytes(bytes),
            None if self.conn.is_upgraded_at_end() => BodyRead::End,
            None => {
                self.wants_body.set(true);
                BodyRead::Pending
            }
        }
    }

    fn write_upgraded(&self, bytes: &[u8]) -> Written {
        let waiting = self.conn.write_upgraded(bytes);
        self.sent.set(self.sent.get() + bytes.len() as u64);
        if waiting < OUTPUT_HIGH_BYTES {
            return Written::Ready;
        }
        self.wants_room.set(true);
        Written::Full
    }

    fn send_head(&self, head: &ResponseHead<'_>, length: HttpLength) -> bool {
        if self.response.get() != Response::Due || !self.attached.get() {
            return false;
        }
        let date = self.conn.worker().date();
        let wire = wire_head(head, &date);
        if let Err(misuse) = self.conn.http().respond(wire, length) {
            self.fail(FailureCause::Exception, &format!("the response cannot be sent: {misuse}"));
            return false;
        }
        self.status.set(head.status);
        self.response.set(Response::Streaming);
        self.conn.mark();
        true
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
    /// Read from the request's head when it is wanted, so that who asks for nothing elsewhere pays nothing. When the response is complete
    /// the head is gone: what `waitUntil` asks for then belongs to no trace, unless the request itself is recorded.
    fn trace_fetch(
        &self,
        method: &str,
        url: &str,
        headers: Option<&mut Vec<u8>>,
    ) -> Option<Box<dyn FetchTrace>> {
        let span = self.span.borrow();
        let fetch = span.as_ref().map(|span| {
            let worker = self.conn.worker();
            span.fetch(worker.loop_handle(), &self.app_name(), worker.next_request_id(), (method, url))
        });
        if let Some(into) = headers {
            let http = self.conn.http();
            let has_head = self.response.get() != Response::Over && self.attached.get();
            let fields: Vec<_> = if has_head { http.head().headers().collect() } else { Vec::new() };
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
        self.body_length
    }

    fn read_body(&self) -> BodyRead {
        if self.upgraded.get() {
            return self.read_upgraded();
        }
        if self.body_ended.get() {
            return BodyRead::End;
        }
        if self.body_failed.get() || !self.attached.get() {
            return BodyRead::Failed("the client went away before the request's body was complete".into());
        }
        let mut http = self.conn.http();
        if http.send_continue() {
            self.conn.mark();
        }
        match http.next() {
            Ok(Input::Body) => {
                let body = http.body();
                let piece = body[..body.len().min(BODY_PIECE_BYTES)].to_vec();
                http.consume(piece.len());
                BodyRead::Bytes(piece)
            }
            Ok(Input::BodyEnd) => {
                self.body_ended.set(true);
                BodyRead::End
            }
            Ok(Input::NeedMore | Input::Wait | Input::Head) => {
                drop(http);
                self.wants_body.set(true);
                self.conn.mark();
                BodyRead::Pending
            }
            Ok(Input::Truncated | Input::Closed) => {
                self.body_failed.set(true);
                BodyRead::Failed("the client went away before the request's body was complete".into())
            }
            Err(refusal) => {
                drop(http);
                self.body_failed.set(true);
                self.body_refusal.set(Some(refusal));
                self.conn.mark();
                BodyRead::Failed(format!("the request's body is refused: {}", refusal.message()))
            }
        }
    }

    fn cancel_body(&self) {
        self.discards_body.set(true);
        self.conn.mark();
    }

    fn respond(&self, head: &ResponseHead<'_>, body: Option<&[u8]>) {
        if self.response.get() != Response::Due || !self.attached.get() {
            return;
        }
        if let Some(body) = body.filter(|body| body.len() > OUTPUT_HIGH_BYTES) {
            // It is copied into the output, and stays there for as long as the client takes to read it.
            let held = self.instance.borrow().as_ref().and_then(|instance| instance.hold(body.len()));
            let Some(held) = held else {
                let reason = "the response is larger than the memory that the application has left";
                return self.fail(FailureCause::Memory, reason);
            };
            self.conn.hold(held);
        }
        let date = self.conn.worker().date();
        let wire = wire_head(head, &date);
        let mut http = self.conn.http();
        let sent = match (body, head.content_length) {
            // A length without a body means a HEAD request's: the body's size as GET would send it.
            (None, Some(length)) if http.head().method() == b"HEAD" => {
                http.respond(wire, HttpLength::Known(length)).and_then(|()| http.finish(None))
            }
            (body, _) => http.respond_with(wire, body.unwrap_or_default()),
        };
        drop(http);
        match sent {
            Ok(Next::KeepAlive | Next::Close) => {
                self.status.set(head.status);
                self.sent.set(body.map_or(0, <[u8]>::len) as u64);
                self.over();
            }
            Err(misuse) => {
                self.fail(FailureCause::Exception, &format!("the response cannot be sent: {misuse}"))
            }
        }
    }

    fn respond_stream(&self, head: &ResponseHead<'_>) -> bool {
        let bodiless = matches!(head.status, 204 | 205 | 304)
            || self.attached.get() && self.conn.http().head().method() == b"HEAD";
        self.send_head(head, head.content_length.map_or(HttpLength::Unknown, HttpLength::Known)) && !bodiless
    }

    fn respond_pipe(&self, head: &ResponseHead<'_>) {
        if self.response.get() == Response::Due && self.attached.get() {
            self.conn.http().send_continue();
        }
        let length = match (head.content_length, self.body_length) {
            (Some(length), _) => HttpLength::Known(length),
            _ => HttpLength::Unknown,
        };
        if self.send_head(head, length) {
            self.pipes.set(true);
        }
    }

    fn write(&self, bytes: &[u8]) -> Written {
        if self.response.get() != Response::Streaming || !self.attached.get() {
            return Written::Gone;
        }
        if self.upgraded.get() {
            return self.write_upgraded(bytes);
        }
        let mut http = self.conn.http();
        let sent = if bytes.len() >= DIRECT_BYTES && self.conn.sends_directly() {
            // A socket that has not taken all has enough for now.
            http.send_body_through(bytes, |before, bytes| self.conn.send_now(before, bytes)).map(|all| !all)
        } else {
            http.send_body(bytes).map(|()| http.pending_output() >= OUTPUT_HIGH_BYTES)
        };
        drop(http);
        self.conn.mark();
        match sent {
            Err(misuse) => {
                self.fail(FailureCause::Exception, &format!("the response's body is refused: {misuse}"));
                Written::Gone
            }
            Ok(full) => {
                self.sent.set(self.sent.get() + bytes.len() as u64);
                if full {
                    self.wants_room.set(true);
                    return Written::Full;
                }
                Written::Ready
            }
        }
    }

    fn finish(&self) {
        if self.response.get() != Response::Streaming || !self.attached.get() {
            return;
        }
        if self.upgraded.get() {
            self.conn.finish_upgraded();
            return self.over();
        }
        let finished = self.conn.http().finish(None);
        match finished {
            Ok(_) => self.over(),
            Err(misuse) => {
                self.fail(FailureCause::Exception, &format!("the response's body is refused: {misuse}"));
            }
        }
    }

    fn fail(&self, cause: FailureCause, reason: &str) {
        if self.response.get() == Response::Over {
            return;
        }
        let app = self.app_name();
        self.conn.worker().log_message(
            Level::Error,
            &nano_runtime::cut_text(reason),
            &[("app", Field::Text(&app)), ("id", Field::Id(self.request_id))],
        );
        if self.response.get() == Response::Due
            && let Some(refusal) = self.body_refusal.get()
        {
            // It is the client's fault that the handler could not read on.
            return self.answer_refusal(refusal);
        }
        if self.response.get() == Response::Due {
            let (status, text) = match cause {
                FailureCause::Exception | FailureCause::NotLoaded => (500, "Internal Server Error\n"),
                FailureCause::Memory => (503, "Service Unavailable: memory limit exceeded\n"),
                FailureCause::Cpu => (503, "Service Unavailable: CPU time limit exceeded\n"),
            };
            if self.conn.worker().dev() {
                self.answer(status, &format!("{reason}\n"));
            } else {
                self.answer(status, text);
            }
            return;
        }
        // Half a response must not look complete.
        if self.upgraded.get() {
            let code = if cause == FailureCause::NotLoaded { GOING_AWAY } else { INTERNAL_ERROR };
            self.conn.abort_upgraded(code);
        } else {
            self.conn.http().abort();
        }
        self.over();
    }

    fn upgrade(&self, head: &ResponseHead<'_>, whole_frames: bool) -> Result<(), String> {
        if self.response.get() != Response::Due || !self.attached.get() {
            return Err("the client has disconnected".to_owned());
        }
        let limit = self.slot.borrow().as_ref().map_or(0, |slot| slot.admission.limits.websockets);
        if self.instance.borrow().as_ref().is_none_or(|instance| instance.websockets() >= limit) {
            let reason = "the application has too many WebSockets open (max_websockets)";
            self.refuse(
                "Service Unavailable: the application has too many WebSockets open\n",
                Duration::ZERO,
            );
            return Err(reason.to_owned());
        }
        let date = self.conn.worker().date();
        let mut http = self.conn.http();
        let accept = {
            let head = http.head();
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
                drop(http);
                match reason {
                    NotAnUpgrade::NotAsked => {}
                    // The client is told what it did wrong (RFC 6455, section 4.2.2); it is no fault of the application.
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
        let block = upgraded::header_block(&accept, head.headers);
        let rest = http.upgrade(&block, Some(&date)).map_err(|misuse| misuse.to_string())?;
        drop(http);
        self.upgraded.set(true);
        self.status.set(101);
        self.response.set(Response::Streaming);
        self.conn.upgrade(Upgraded::new(rest, whole_frames));
        self.conn.mark();
        Ok(())
    }

    fn wait_until(&self, change: i32) {
        self.waits.set(self.waits.get() + change);
    }

    fn is_over(&self) -> bool {
        self.response.get() == Response::Over && self.waits.get() <= 0
    }
}
