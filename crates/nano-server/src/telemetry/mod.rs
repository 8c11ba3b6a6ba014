//! Spans of requests and of what they fetch, for a collector that speaks OpenTelemetry's protocol. Off unless
//! it is configured.
//!
//! A request's span begins with its head and ends with its response. Spans that are over go into a bounded
//! queue, from which a thread of their own takes them (`export.rs`): whoever serves requests never waits for
//! a collector, and what finds the queue full is dropped and counted. Of time, a span has the wall clock's
//! when it began, and a duration of the monotonic clock.

mod export;
mod otlp;

use crate::config;
use crate::log::{RequestId, RequestIds};
use crate::trace::{TraceIds, TraceParent};
use nano_loop::{Loop, Moment};
use nano_runtime::{ClientOptions, FetchTrace};
use std::borrow::Cow;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, SyncSender, TrySendError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Spans that wait for the exporter; further ones are dropped and counted.
///
/// Limit (spans): some megabytes, and a second of a busy server.
const QUEUED_SPANS: usize = 8192;

/// A text in a span.
///
/// Limit (bytes): paths and URLs of any length come from clients.
const TEXT_BYTES: usize = 1024;

/// Who did what: the side of the exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// A request that was served.
    Server,
    /// A request that was made.
    Client,
}

/// Something about a span, by OpenTelemetry's names.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Value {
    Text(String),
    Number(i64),
}

/// One span that is over.
#[derive(Clone, Debug)]
struct Span {
    app: String,
    kind: Kind,
    ids: TraceIds,
    parent: Option<[u8; 16]>,
    /// The request's method: with the host and the path it would be another name for every request.
    name: String,
    /// Nanoseconds since 1970.
    begun: u64,
    duration: Duration,
    failed: bool,
    attributes: Vec<(&'static str, Value)>,
}

impl Span {
    fn text(&mut self, key: &'static str, text: &str) {
        self.attributes.push((key, Value::Text(cut(text).to_owned())));
    }

    fn number(&mut self, key: &'static str, number: i64) {
        self.attributes.push((key, Value::Number(number)));
    }
}

/// The first [`TEXT_BYTES`].
fn cut(text: &str) -> &str {
    let mut end = text.len().min(TEXT_BYTES);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

enum Message {
    Span(Box<Span>),
    /// Nothing more will come: say when all of it is sent.
    End(mpsc::Sender<()>),
}

/// What became of the spans.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    pub(crate) exported: AtomicU64,
    /// The queue was full.
    pub(crate) dropped: AtomicU64,
    /// The collector did not take them.
    pub(crate) failed: AtomicU64,
}

/// The way of spans to the collector, from any thread.
pub(crate) struct Telemetry {
    queue: SyncSender<Message>,
    counts: Arc<Counts>,
    sample_percent: u64,
}

impl Telemetry {
    /// Starts the exporter.
    pub(crate) fn start(config: &config::Telemetry, network: ClientOptions) -> std::io::Result<Arc<Self>> {
        let (queue, received) = mpsc::sync_channel(QUEUED_SPANS);
        let counts = Arc::new(Counts::default());
        let sample_percent = config.sample_percent;
        export::start(config.clone(), network, received, Arc::clone(&counts))?;
        Ok(Arc::new(Self { queue, counts, sample_percent }))
    }

    pub(crate) fn counts(&self) -> &Counts {
        &self.counts
    }

    /// A request begins, of which a client's `traceparent` may say that it belongs to a trace. `None`: it is
    /// not recorded.
    pub(crate) fn begin(
        self: &Arc<Self>,
        parent: Option<TraceParent<'_>>,
        id: RequestId,
        ids: &mut RequestIds,
    ) -> Option<Box<ServerSpan>> {
        let trace = match parent {
            // Who began the trace has decided for all of it.
            Some(parent) => parent.is_sampled().then(|| parent.trace_id().try_into().ok()).flatten()?,
            None => {
                let (high, low) = (ids.next_id().to_hex(), ids.next_id().to_hex());
                let random = u64::from_str_radix(std::str::from_utf8(&low).ok()?, 16).ok()?;
                if random % 100 >= self.sample_percent {
                    return None;
                }
                let mut trace = [0; 32];
                trace[..16].copy_from_slice(&high);
                trace[16..].copy_from_slice(&low);
                trace
            }
        };
        let ids = TraceIds { trace, span: id.to_hex() };
        let span = Span {
            app: String::new(),
            kind: Kind::Server,
            ids,
            parent: parent.and_then(|parent| parent.span_id().try_into().ok()),
            name: String::new(),
            begun: unix_nanos(),
            duration: Duration::ZERO,
            failed: false,
            attributes: Vec::with_capacity(8),
        };
        Some(Box::new(ServerSpan { telemetry: Arc::clone(self), ids, span: Some(Box::new(span)) }))
    }

    fn send(&self, span: Box<Span>) {
        if let Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) =
            self.queue.try_send(Message::Span(span))
        {
            self.counts.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// The server ends: what waits is sent, if that takes no longer than this.
    pub(crate) fn close(&self, patience: Duration) {
        let (told, done) = mpsc::channel();
        let until = Instant::now() + patience;
        let mut message = Message::End(told);
        // Where the queue is full the collector is slow, and there is little hope.
        while let Err(TrySendError::Full(back)) = self.queue.try_send(message) {
            if Instant::now() >= until {
                return;
            }
            message = back;
            std::thread::sleep(Duration::from_millis(1));
        }
        let _ = done.recv_timeout(until.saturating_duration_since(Instant::now()));
    }
}

/// What a client has sent, as text.
fn text(bytes: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(bytes)
}

/// The wall clock.
fn unix_nanos() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_nanos()).unwrap_or(u64::MAX)
}

/// The span of a request.
pub(crate) struct ServerSpan {
    telemetry: Arc<Telemetry>,
    ids: TraceIds,
    /// None: it is over. What `waitUntil` does then still belongs to it.
    span: Option<Box<Span>>,
}

impl ServerSpan {
    /// What the head says.
    pub(crate) fn note(&mut self, method: &[u8], target: &[u8], authority: &[u8], tls: bool) {
        let Some(span) = &mut self.span else { return };
        span.name = cut(&text(method)).to_owned();
        span.text("http.request.method", &text(method));
        let (path, query) = match target.iter().position(|byte| *byte == b'?') {
            Some(at) => (&target[..at], Some(&target[at + 1..])),
            None => (target, None),
        };
        span.text("url.path", &text(path));
        if let Some(query) = query {
            span.text("url.query", &text(query));
        }
        span.text("url.scheme", if tls { "https" } else { "http" });
        span.text("server.address", &text(authority));
    }

    #[cfg(test)]
    fn ids(&self) -> TraceIds {
        self.ids
    }

    /// A fetch begins in its name.
    pub(crate) fn fetch(&self, lp: Rc<Loop>, app: &str, id: RequestId, request: (&str, &str)) -> ClientSpan {
        ClientSpan::begin(&self.telemetry, lp, app, self.ids, id, request)
    }

    /// The response is over.
    pub(crate) fn end(&mut self, app: &str, client: &str, status: u16, duration: Duration) {
        let Some(mut span) = self.span.take() else { return };
        span.app = app.to_owned();
        span.duration = duration;
        span.failed = status >= 500 || status == 0;
        span.text("client.address", client);
        match status {
            0 => span.text("error.type", "disconnected"),
            status => span.number("http.response.status_code", i64::from(status)),
        }
        if status >= 500 {
            span.text("error.type", &status.to_string());
        }
        self.telemetry.send(span);
    }
}

/// The span of a fetch; it ends when this is dropped.
pub(crate) struct ClientSpan {
    telemetry: Arc<Telemetry>,
    lp: Rc<Loop>,
    since: Moment,
    span: Span,
}

impl ClientSpan {
    /// A fetch begins for a request whose span is, or was, `parent`.
    fn begin(
        telemetry: &Arc<Telemetry>,
        lp: Rc<Loop>,
        app: &str,
        parent: TraceIds,
        id: RequestId,
        request: (&str, &str),
    ) -> Self {
        let (method, url) = request;
        let mut span = Span {
            app: app.to_owned(),
            kind: Kind::Client,
            ids: TraceIds { trace: parent.trace, span: id.to_hex() },
            parent: Some(parent.span),
            name: cut(method).to_owned(),
            begun: unix_nanos(),
            duration: Duration::ZERO,
            failed: false,
            attributes: Vec::with_capacity(5),
        };
        span.text("http.request.method", method);
        if let Ok(mut url) = url::Url::parse(url) {
            // Whoever may read traces need not know the passwords in URLs.
            let _ = (url.set_username(""), url.set_password(None));
            span.text("url.full", url.as_str());
            span.text("server.address", url.host_str().unwrap_or_default());
            span.number("server.port", i64::from(url.port_or_known_default().unwrap_or(0)));
        }
        Self { telemetry: Arc::clone(telemetry), since: lp.refresh_now(), lp, span }
    }

    /// What its server is told.
    pub(crate) fn ids(&self) -> TraceIds {
        self.span.ids
    }
}

impl FetchTrace for ClientSpan {
    fn answered(&mut self, status: u16) {
        self.span.number("http.response.status_code", i64::from(status));
        if status >= 400 {
            self.span.failed = true;
            self.span.text("error.type", &status.to_string());
        }
    }

    fn failed(&mut self, code: &str) {
        self.span.failed = true;
        self.span.text("error.type", code);
    }
}

impl Drop for ClientSpan {
    fn drop(&mut self) {
        self.span.duration = self.lp.refresh_now() - self.since;
        self.telemetry.send(Box::new(self.span.clone()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn telemetry(capacity: usize, sample_percent: u64) -> (Arc<Telemetry>, mpsc::Receiver<Message>) {
        let (queue, received) = mpsc::sync_channel(capacity);
        (Arc::new(Telemetry { queue, counts: Arc::default(), sample_percent }), received)
    }

    #[test]
    fn what_finds_the_queue_full_is_dropped_and_counted() {
        let (telemetry, received) = telemetry(2, 100);
        let mut ids = RequestIds::from_seed(1);
        for _ in 0..5 {
            let id = ids.next_id();
            let mut span = telemetry.begin(None, id, &mut ids).unwrap();
            span.end("app", "127.0.0.1", 200, Duration::from_millis(1));
        }
        assert_eq!(received.try_iter().count(), 2);
        assert_eq!(telemetry.counts().dropped.load(Ordering::Relaxed), 3);
    }

    #[test]
    fn who_began_a_trace_decides_and_else_the_part_that_is_configured() {
        let (telemetry, _received) = telemetry(1, 25);
        let mut ids = RequestIds::from_seed(7);
        let taken = |ids: &mut RequestIds, parent: Option<&str>| {
            let parent = parent.and_then(|text| TraceParent::parse(text.as_bytes()));
            let id = ids.next_id();
            telemetry.begin(parent, id, ids).map(|span| span.ids())
        };
        let recorded = (0..4000).filter(|_| taken(&mut ids, None).is_some()).count();
        assert!((900..1100).contains(&recorded), "{recorded}");
        let parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let ids_of = taken(&mut ids, Some(parent)).unwrap();
        assert_eq!(&ids_of.trace, b"4bf92f3577b34da6a3ce929d0e0e4736");
        assert_ne!(&ids_of.span, b"00f067aa0ba902b7");
        let unsampled = parent.replace("-01", "-00");
        assert!((0..100).all(|_| taken(&mut ids, Some(&unsampled)).is_none()));
    }

    #[test]
    fn long_texts_are_cut_between_characters() {
        let text = "é".repeat(TEXT_BYTES);
        assert_eq!(cut(&text).len(), TEXT_BYTES);
        assert_eq!(cut(&format!("x{text}")).len(), TEXT_BYTES - 1);
        assert_eq!(cut("short"), "short");
    }
}
