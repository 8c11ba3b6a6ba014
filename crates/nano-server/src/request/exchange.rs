//! One request and its response: what is known of the request, how far the response is, and the answers that
//! need no application.

use super::{Context, Tenant};
use crate::log::{Field, Level, RequestId, RequestRecord};
use crate::telemetry::ServerSpan;
use crate::trace;
use crate::transport::Channel;
use nano_arena::{Arena, Bytes};
use nano_http::{Head, Refusal, ResponseHead as HttpHead, Version};
use nano_loop::Moment;
use nano_runtime::{BodyLength, ExchangeId, Instance};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

/// The service that requests count for in traces which belong to no application.
const UNROUTED: &str = "nano";

/// The fields of a request's head that its log line needs, in an arena.
struct LogFields {
    arena: Arena,
    method: Bytes,
    target: Bytes,
    referer: Option<Bytes>,
    user_agent: Option<Bytes>,
    /// The id of the trace that the request belongs to.
    trace: Option<Bytes>,
}

impl LogFields {
    /// Copies them. `None` if memory is short: then the request is not logged.
    fn copy(context: &Context, head: &Head<'_>) -> Option<Self> {
        let arena = context.arenas().arena();
        let method = arena.store_bytes(head.method()).ok()?;
        let target = arena.store_bytes(head.target()).ok()?;
        let store = |value: Option<&[u8]>| match value {
            Some(value) => arena.store_bytes(value).ok(),
            None => None,
        };
        let (mut referer, mut user_agent, mut trace) = (None, None, false);
        for (name, value) in head.headers() {
            match name.len() {
                7 if name.eq_ignore_ascii_case(b"referer") => referer = Some(value),
                10 if name.eq_ignore_ascii_case(b"user-agent") => user_agent = Some(value),
                11 if name.eq_ignore_ascii_case(b"traceparent") => trace = true,
                _ => {}
            }
        }
        let (referer, user_agent) = (store(referer), store(user_agent));
        let trace =
            store(trace.then(|| trace::parent(head.headers())).flatten().map(trace::TraceParent::trace_id));
        Some(Self { arena, method, target, referer, user_agent, trace })
    }
}

/// The facts of a request that its head tells.
struct Arrival {
    id: RequestId,
    at: Moment,
    http_minor: u8,
    body_length: BodyLength,
    log_fields: Option<LogFields>,
}

/// How far the response is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Response {
    /// Nothing of it was sent.
    Due,
    /// Its head was sent. After a 101 the connection's bytes are its body.
    Streaming,
    /// Its head was sent, and its body is the request's, which never enters JavaScript.
    Piping,
    /// It is complete, or given up.
    Over,
}

/// How far the request's body is. After a 101 it is what the client sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Body {
    /// The application may read it.
    Open,
    /// A read has found nothing and waits.
    Awaited,
    /// The application needs no more of it: it is thrown away.
    Cancelled {
        /// A read waits nevertheless.
        awaited: bool,
    },
    /// The application has read all of it.
    Ended,
    /// It cannot be completed. It may break a rule: that is what to answer if the application has not
    /// answered.
    Failed(Option<Refusal>),
}

/// Where the request is served.
#[derive(Default)]
struct Destination {
    /// The application that the request is counted for, until the response is over.
    tenant: RefCell<Option<Rc<Tenant>>>,
    /// The isolate that has it, and its name there.
    instance: RefCell<Option<Rc<Instance>>>,
    id: Cell<Option<ExchangeId>>,
}

/// The time that a request has.
pub(crate) struct Deadline {
    /// When its response's head is due.
    pub(crate) at: Cell<Moment>,
    /// How long it has for that, and again for `waitUntil` after its response. `None`: no application has it.
    pub(crate) time: Cell<Option<Duration>>,
    /// It has passed before the request's handler returned for the first time.
    missed_in_handler: Cell<bool>,
}

/// One request and its response.
pub(crate) struct HttpExchange {
    pub(super) channel: Rc<Channel>,
    pub(super) context: Rc<Context>,
    arrival: Arrival,
    destination: Destination,
    pub(crate) deadline: Deadline,
    pub(super) span: RefCell<Option<Box<ServerSpan>>>,
    pub(super) body: Cell<Body>,
    pub(super) response: Cell<Response>,
    pub(super) status: Cell<u16>,
    pub(super) sent_bytes: Cell<u64>,
    /// Promises given to `waitUntil` that are pending.
    pub(super) pending_promises: Cell<i32>,
    /// A write has filled the buffer, and its producer waits for room.
    pub(super) wants_room: Cell<bool>,
    /// It is its connection's current exchange, and the transport's bytes are its own.
    attached: Cell<bool>,
}

impl HttpExchange {
    /// The exchange for a head that the transport has just found.
    pub(crate) fn new(channel: &Rc<Channel>, context: &Rc<Context>, head: &Head<'_>, tls: bool) -> Self {
        let body_length = match (head.has_body(), head.content_length()) {
            // `Content-Length: 0` announces a body, an empty one; but a GET with a body could not be made
            // into a new Request (Fetch, section 5.4), so that a client's needless header would break what
            // passes it on.
            (false, Some(0)) if !matches!(head.method(), b"GET" | b"HEAD") => BodyLength::Known(0),
            (false, _) => BodyLength::None,
            (true, Some(length)) => BodyLength::Known(length),
            (true, None) => BodyLength::Unknown,
        };
        let id = context.next_request_id();
        let arrival = Arrival {
            id,
            at: context.now(),
            http_minor: u8::from(head.version() == Version::Http11),
            body_length,
            log_fields: context.logs_requests().then(|| LogFields::copy(context, head)).flatten(),
        };
        Self {
            channel: Rc::clone(channel),
            context: Rc::clone(context),
            arrival,
            destination: Destination::default(),
            deadline: Deadline {
                at: Cell::new(Moment::MAX),
                time: Cell::new(None),
                missed_in_handler: Cell::new(false),
            },
            span: RefCell::new(context.begin_span(head, id, tls)),
            body: Cell::new(Body::Open),
            response: Cell::new(Response::Due),
            status: Cell::new(0),
            sent_bytes: Cell::new(0),
            pending_promises: Cell::new(0),
            wants_room: Cell::new(false),
            attached: Cell::new(true),
        }
    }

    // ---- The request ----

    pub(crate) fn request_id(&self) -> RequestId {
        self.arrival.id
    }

    /// When the request came.
    pub(crate) fn started(&self) -> Moment {
        self.arrival.at
    }

    pub(super) fn request_body_length(&self) -> BodyLength {
        self.arrival.body_length
    }

    // ---- Where it is served ----

    /// The request is for this application. A new version of it may take over requests that wait.
    pub(crate) fn set_tenant(&self, tenant: Rc<Tenant>) {
        self.destination.tenant.replace(Some(tenant));
    }

    pub(super) fn tenant(&self) -> std::cell::Ref<'_, Option<Rc<Tenant>>> {
        self.destination.tenant.borrow()
    }

    /// The isolate has it from now on.
    pub(crate) fn set_instance(&self, instance: Rc<Instance>) {
        self.destination.instance.replace(Some(instance));
    }

    /// Its name in the isolate. Returns whether the isolate is to forget it already, since its deadline has
    /// passed meanwhile.
    pub(crate) fn set_id(&self, id: ExchangeId) -> bool {
        self.destination.id.set(Some(id));
        self.deadline.missed_in_handler.get()
    }

    /// The isolate that has it, and its name there. `None`: its handler has not returned for the first time,
    /// or no isolate has it.
    pub(crate) fn in_isolate(&self) -> Option<(Rc<Instance>, ExchangeId)> {
        let id = self.destination.id.get()?;
        Some((self.destination.instance.borrow().clone()?, id))
    }

    pub(super) fn instance(&self) -> std::cell::Ref<'_, Option<Rc<Instance>>> {
        self.destination.instance.borrow()
    }

    /// The application's name, as logs have it.
    pub(crate) fn app_name(&self) -> String {
        let instance = self.instance();
        instance.as_ref().map_or("-", |instance| instance.application().name()).to_owned()
    }

    /// Whether its isolate does not know it any more.
    pub(crate) fn is_forgotten(&self) -> bool {
        self.is_finished() || self.instance().as_ref().is_none_or(|instance| instance.is_closed())
    }

    // ---- How far it is ----

    #[inline]
    pub(crate) fn response(&self) -> Response {
        self.response.get()
    }

    #[inline]
    pub(super) fn is_attached(&self) -> bool {
        self.attached.get()
    }

    /// The connection is gone, or goes on with its next request.
    pub(crate) fn detach(&self) {
        self.attached.set(false);
    }

    /// Whether promises keep it after its response.
    pub(crate) fn is_kept(&self) -> bool {
        self.pending_promises.get() > 0
    }

    pub(super) fn is_finished(&self) -> bool {
        self.response.get() == Response::Over && !self.is_kept()
    }

    /// Whether a producer of the response waits for room.
    pub(crate) fn wants_room(&self) -> bool {
        self.wants_room.get() || self.response.get() == Response::Piping
    }

    /// The same. The caller tells the producer that there is room.
    pub(crate) fn take_wants_room(&self) -> bool {
        self.wants_room.replace(false)
    }

    /// Whether a frame of the server's may come after what the application has written: no message of its own
    /// is cut.
    pub(crate) fn is_between_writes(&self) -> bool {
        !self.wants_room.get()
    }

    /// The response is complete or given up: the connection may go on.
    pub(super) fn finish_response(&self) {
        self.response.set(Response::Over);
        let tenant = self.destination.tenant.take();
        if let Some(span) = &mut *self.span.borrow_mut() {
            let app = tenant.as_ref().map_or(UNROUTED, |tenant| tenant.name());
            let duration = self.context.read_clock() - self.arrival.at;
            span.end(app, &self.channel.peer().to_string(), self.status.get(), duration);
        }
        self.context.count(tenant, self.status.get(), self.arrival.at);
        self.log();
        self.channel.wake();
    }

    fn log(&self) {
        let Some(fields) = &self.arrival.log_fields else { return };
        let instance = self.instance();
        let bytes = |bytes| fields.arena.get(bytes);
        let record = RequestRecord {
            app: instance.as_ref().map_or("-", |instance| instance.application().name()),
            id: self.arrival.id,
            client: self.channel.peer(),
            method: bytes(fields.method),
            target: bytes(fields.target),
            http_minor: self.arrival.http_minor,
            status: self.status.get(),
            bytes: self.sent_bytes.get(),
            duration: self.context.read_clock() - self.arrival.at,
            referer: fields.referer.map(bytes),
            user_agent: fields.user_agent.map(bytes),
            trace: fields.trace.map(bytes),
        };
        self.context.log_request(&record);
    }

    // ---- Ends that are not the application's ----

    /// The connection has answered in the application's place.
    pub(crate) fn set_refused(&self, status: u16) {
        self.body.set(Body::Failed(None));
        if self.response.get() == Response::Due {
            self.status.set(status);
        }
    }

    /// The client is gone: nothing will be sent any more.
    pub(crate) fn abandon(&self) {
        if self.response.get() != Response::Over {
            self.finish_response();
        }
        self.detach();
    }

    /// The response's head is not there in time: answers in the application's place. The isolate, if one has
    /// the request, is to forget it: see [`forget`](Self::forget).
    pub(crate) fn time_out(&self) -> Option<(Rc<Instance>, ExchangeId)> {
        let Some(instance) = self.instance().clone() else {
            let text = "Service Unavailable: the application has too many requests under way\n";
            self.refuse(text, Duration::ZERO);
            return None;
        };
        instance.application().counters().timed_out.add(1);
        self.context.log_message(
            Level::Error,
            "the response was not there within wall_timeout_ms",
            &[("app", Field::Text(instance.application().name())), ("id", Field::Id(self.arrival.id))],
        );
        self.answer(504, "Gateway Timeout: the application did not answer in time\n");
        self.forget()
    }

    /// The promises given to `waitUntil` take too long after the response.
    pub(crate) fn give_up_promises(&self) -> Option<(Rc<Instance>, ExchangeId)> {
        self.context.log_message(
            Level::Warn,
            "what was given to waitUntil() is given up: it takes longer than wall_timeout_ms after the response",
            &[("app", Field::Text(&self.app_name())), ("id", Field::Id(self.arrival.id))],
        );
        self.forget()
    }

    /// The isolate that is to forget the request and abort its signal, with its name there. `None`: its
    /// handler has not returned for the first time; [`set_id`](Self::set_id) tells its caller then.
    fn forget(&self) -> Option<(Rc<Instance>, ExchangeId)> {
        let known = self.in_isolate();
        self.deadline.missed_in_handler.set(known.is_none());
        known
    }

    // ---- Answers without the application ----

    /// Answers 503: the client may try again after this time.
    pub(crate) fn refuse(&self, text: &str, time: Duration) {
        let seconds = retry_after(time);
        let headers = format!("Content-Type: text/plain;charset=UTF-8\r\nRetry-After: {seconds}\r\n");
        self.answer_with(503, headers.as_bytes(), text);
    }

    /// Answers with a plain text.
    pub(crate) fn answer(&self, status: u16, text: &str) {
        self.answer_with(status, b"Content-Type: text/plain;charset=UTF-8\r\n", text);
    }

    pub(super) fn answer_with(&self, status: u16, headers: &[u8], text: &str) {
        if self.response.get() != Response::Due || !self.attached.get() {
            return;
        }
        let date = self.context.date();
        let head = HttpHead { date: Some(&date), ..HttpHead::new(status, headers) };
        let mut wire = self.channel.wire();
        if wire.http.respond_with(head, text.as_bytes()).is_err() {
            wire.http.abort();
        }
        drop(wire);
        self.status.set(status);
        self.sent_bytes.set(text.len() as u64);
        self.finish_response();
    }

    /// Answers a request whose body breaks a rule; then the connection closes.
    pub(super) fn answer_refusal(&self, refusal: Refusal) {
        let date = self.context.date();
        let text = format!("{}\n", refusal.message());
        let mut wire = self.channel.wire();
        if wire.http.respond_error(refusal.status(), &text, Some(&date)).is_err() {
            wire.http.abort();
        }
        drop(wire);
        self.status.set(refusal.status());
        self.finish_response();
    }
}

/// `Retry-After` in whole seconds, at least one (RFC 9110, section 10.2.3).
fn retry_after(time: Duration) -> u64 {
    time.as_secs() + u64::from(time.subsec_nanos() > 0 || time.is_zero())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn retry_after_is_in_whole_seconds_and_never_too_early() {
        assert_eq!(retry_after(Duration::ZERO), 1);
        assert_eq!(retry_after(Duration::from_millis(1)), 1);
        assert_eq!(retry_after(Duration::from_secs(1)), 1);
        assert_eq!(retry_after(Duration::from_millis(1001)), 2);
    }
}
