//! The state that the requests of a thread share: the clock, the log, the metrics, memory.

use super::Tenant;
use crate::date::DateClock;
use crate::log::{Field, Level, LogSink, RequestId, RequestIds, RequestRecord};
use crate::metrics::Block;
use crate::telemetry::{ServerSpan, Telemetry};
use crate::trace;
use nano_arena::Pool as ArenaPool;
use nano_http::{Head, Refusal};
use nano_loop::{Loop, Moment};
use std::cell::{Cell, RefCell};
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;

/// A request that is over, until the loop has read the clock.
struct Finished {
    /// `None`: no application has its host.
    tenant: Option<Rc<Tenant>>,
    status: u16,
    started: Moment,
}

/// Whether the loop's time is that of the event that is handled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Clock {
    Stale,
    /// A request has had the clock read since [`Context::recent_time`] was called.
    Read,
}

/// The state that the requests of a thread share.
pub(crate) struct Context {
    event_loop: Rc<Loop>,
    clock: Cell<Clock>,
    dates: DateClock,
    ids: RefCell<RequestIds>,
    arenas: ArenaPool,
    scratch: Cell<Vec<u8>>,
    log: Rc<RefCell<LogSink>>,
    logs_requests: bool,
    /// Errors of applications are shown to clients.
    shows_errors: bool,
    telemetry: Option<Arc<Telemetry>>,
    /// Counts requests that belong to no application.
    unrouted: Arc<Block>,
    /// The requests that were over since the clock was read.
    finished: RefCell<Vec<Finished>>,
}

/// The parts of a [`Context`].
pub(crate) struct ContextOptions {
    pub(crate) event_loop: Rc<Loop>,
    pub(crate) log: Rc<RefCell<LogSink>>,
    pub(crate) logs_requests: bool,
    pub(crate) shows_errors: bool,
    pub(crate) telemetry: Option<Arc<Telemetry>>,
    pub(crate) unrouted: Arc<Block>,
}

impl Context {
    pub(crate) fn new(options: ContextOptions) -> Rc<Self> {
        Rc::new(Self {
            event_loop: options.event_loop,
            clock: Cell::new(Clock::Stale),
            dates: DateClock::new(),
            ids: RefCell::new(RequestIds::new()),
            arenas: ArenaPool::default(),
            scratch: Cell::default(),
            log: options.log,
            logs_requests: options.logs_requests,
            shows_errors: options.shows_errors,
            telemetry: options.telemetry,
            unrouted: options.unrouted,
            finished: RefCell::default(),
        })
    }

    // ---- Time ----

    #[inline]
    pub(crate) fn event_loop(&self) -> &Rc<Loop> {
        &self.event_loop
    }

    /// The time at which the loop has last read the clock.
    #[inline]
    pub(crate) fn now(&self) -> Moment {
        self.event_loop.now()
    }

    /// Reads the clock.
    pub(crate) fn read_clock(&self) -> Moment {
        self.clock.set(Clock::Read);
        self.event_loop.refresh_now()
    }

    /// The reading is old: another event or turn begins.
    pub(crate) fn forget_clock(&self) {
        self.clock.set(Clock::Stale);
    }

    /// The time. Reads the clock, unless a request has had it read since the last call.
    pub(crate) fn recent_time(&self) -> Moment {
        match self.clock.replace(Clock::Stale) {
            Clock::Read => self.now(),
            Clock::Stale => self.event_loop.refresh_now(),
        }
    }

    /// The value of a Date field.
    pub(crate) fn date(&self) -> [u8; 29] {
        self.dates.at(self.event_loop.now())
    }

    // ---- Memory ----

    pub(crate) fn arenas(&self) -> &ArenaPool {
        &self.arenas
    }

    /// Calls `with` with an empty buffer for copying.
    pub(crate) fn with_scratch<R>(&self, with: impl FnOnce(&mut Vec<u8>) -> R) -> R {
        let mut scratch = self.scratch.take();
        let result = with(&mut scratch);
        scratch.clear();
        self.scratch.set(scratch);
        result
    }

    // ---- The log ----

    pub(crate) fn next_request_id(&self) -> RequestId {
        self.ids.borrow_mut().next_id()
    }

    pub(crate) fn logs_requests(&self) -> bool {
        self.logs_requests
    }

    pub(crate) fn shows_errors(&self) -> bool {
        self.shows_errors
    }

    pub(crate) fn log_request(&self, record: &RequestRecord<'_>) {
        self.log.borrow_mut().request(record);
    }

    pub(crate) fn log_message(&self, level: Level, text: &str, fields: &[(&str, Field<'_>)]) {
        self.log.borrow_mut().message(level, text, fields);
    }

    /// A request that broke a rule before anything was known of it.
    pub(crate) fn log_refusal(&self, peer: IpAddr, refusal: Refusal) {
        let peer = peer.to_string();
        self.log_message(
            Level::Warn,
            refusal.message(),
            &[("client", Field::Text(&peer)), ("status", Field::Number(u64::from(refusal.status())))],
        );
    }

    /// Hands the log's lines to its writer. False: the writer takes no more for now.
    pub(crate) fn flush_log(&self) -> bool {
        self.log.borrow_mut().flush()
    }

    // ---- Traces ----

    /// The span of a request that has just come, if it is recorded.
    pub(crate) fn begin_span(&self, head: &Head<'_>, id: RequestId, tls: bool) -> Option<Box<ServerSpan>> {
        let telemetry = self.telemetry.as_ref()?;
        let mut span = telemetry.begin(trace::parent(head.headers()), id, &mut self.ids.borrow_mut())?;
        span.note(head.method(), head.target(), head.authority().unwrap_or_default(), tls);
        Some(span)
    }

    // ---- Metrics ----

    /// A request is over. It is counted when the loop reads the clock next, as it does after each event that
    /// has made a response and before each turn's events: a reading of its own would cost every request more
    /// than all the counting.
    pub(crate) fn count(&self, tenant: Option<Rc<Tenant>>, status: u16, started: Moment) {
        self.finished.borrow_mut().push(Finished { tenant, status, started });
    }

    /// Counts the requests that were over before the loop read the clock.
    pub(crate) fn count_finished(&self) {
        if self.finished.borrow().is_empty() {
            return;
        }
        // A tenant may end here with its last request: nothing is borrowed then.
        let mut finished = self.finished.take();
        let now = self.event_loop.now();
        for Finished { tenant, status, started } in finished.drain(..) {
            let block = tenant.as_ref().map_or(&self.unrouted, |tenant| &tenant.block);
            block.count(status, now - started);
        }
        *self.finished.borrow_mut() = finished;
    }
}
