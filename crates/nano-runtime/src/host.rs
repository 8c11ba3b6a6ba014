//! The world as the platform in one isolate sees it: clock, timers, console, other threads, the network.

use crate::app::Application;
use crate::channels::{Address, Content, Delivery};
use crate::keys::EventKey;
use crate::log_limit::{self, Allowance, LogLimits};
use crate::network::InstanceNetwork;
use crate::timers::Timers;
use crate::works::Works;
use nano_arena::Account;
use nano_fetch::Client;
use nano_loop::{Loop, Moment, Sender};
use nano_web::{Host, Level, Message, Network, Offloaded, WebSocketLimits, Work};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// Takes the output of tenants' consoles.
pub trait Console {
    /// A line (or several) of an application's console. Must not enter an isolate.
    fn print(&self, app: &str, level: Level, text: &str);
    /// Whether it is a terminal that shows colours.
    fn colors(&self) -> bool {
        false
    }
}

/// The timer that reports dropped lines: no timer of JavaScript's has this number.
pub(crate) const LOG_TIMER: u32 = 0;

/// The platform's host for one isolate. Made with the isolate, before it has an application.
pub(crate) struct InstanceHost {
    event_loop: Rc<Loop>,
    console: Rc<dyn Console>,
    log: Allowance,
    /// The instance's key; 0 while the isolate is a spare.
    key: Cell<u32>,
    app: RefCell<Option<Arc<Application>>>,
    pub(crate) timers: Timers,
    works: Works,
    clock: Clock,
    uncaught: Cell<u64>,
    /// See [`Instance::expected`](crate::Instance::expected).
    expected: Cell<i64>,
    /// The way to this thread; none where there is no runtime, and nothing runs.
    messages: Option<Sender<Delivery>>,
    /// The isolate's own, once it has an application.
    address: RefCell<Option<Address>>,
    network: InstanceNetwork,
}

/// The isolate's time.
struct Clock {
    began: Cell<Moment>,
    /// In nanoseconds; 0: as fine as the clock.
    resolution_ns: Cell<u64>,
    origin_ms: Cell<f64>,
}

impl Clock {
    fn new(now: Moment) -> Self {
        Self { began: Cell::new(now), resolution_ns: Cell::new(0), origin_ms: Cell::new(0.0) }
    }

    /// Time begins now, in steps of at least `resolution_ns`.
    fn start(&self, now: Moment, resolution_ns: u64) {
        self.resolution_ns.set(resolution_ns);
        self.began.set(now);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        self.origin_ms.set(now.as_secs_f64() * 1000.0);
    }

    /// Milliseconds since it began.
    fn elapsed_ms(&self, now: Moment) -> f64 {
        let time = now - self.began.get();
        match self.resolution_ns.get() {
            0 => time.as_secs_f64() * 1000.0,
            step => (time.as_nanos() as u64 / step * step) as f64 / 1e6,
        }
    }
}

impl InstanceHost {
    pub(crate) fn new(
        event_loop: Rc<Loop>,
        console: Rc<dyn Console>,
        messages: Option<Sender<Delivery>>,
        client: Rc<Client>,
    ) -> Rc<Self> {
        Rc::new(Self {
            console,
            log: Allowance::default(),
            key: Cell::new(0),
            app: RefCell::new(None),
            timers: Timers::new(Rc::clone(&event_loop)),
            works: Works::new(Rc::clone(&event_loop)),
            clock: Clock::new(event_loop.now()),
            uncaught: Cell::new(0),
            expected: Cell::new(0),
            messages,
            address: RefCell::new(None),
            network: InstanceNetwork::new(client),
            event_loop,
        })
    }

    /// The isolate is an application's from now on; its time origin is now.
    pub(crate) fn adopt(&self, key: u32, app: &Arc<Application>, account: &Account) {
        self.key.set(key);
        self.network.adopt(key, app, account);
        *self.app.borrow_mut() = Some(Arc::clone(app));
        *self.address.borrow_mut() = self.messages.clone().map(|sender| Address::new(key, sender));
        let resolution_ns = u64::try_from(app.limits().timer_resolution.as_nanos()).unwrap_or(u64::MAX);
        self.clock.start(self.event_loop.refresh_now(), resolution_ns);
    }

    /// The work that the isolate waits for.
    pub(crate) fn works(&self) -> &Works {
        &self.works
    }

    /// Exceptions and rejections that no JavaScript caught, so far.
    pub(crate) fn uncaught(&self) -> u64 {
        self.uncaught.get()
    }

    /// See [`Instance::expected`](crate::Instance::expected).
    pub(crate) fn expected(&self) -> usize {
        usize::try_from(self.expected.get()).unwrap_or(0)
    }

    /// Prints how many lines of the console were dropped since this was printed last.
    pub(crate) fn report_dropped_lines(&self) {
        let app = self.app.borrow();
        let lines = self.log.take_dropped();
        if let (Some(app), true) = (&*app, lines > 0) {
            let text =
                format!("{lines} lines of the console were dropped: the application prints more than it may");
            self.console.print(app.name(), Level::Warn, &text);
        }
    }

    /// Stops all timers, fetches and messages from other isolates, and waits for no work.
    pub(crate) fn clear(&self) {
        self.report_dropped_lines();
        self.works.clear();
        self.with_address(|app, address| app.channels().leave_all(address));
        self.network.clear();
        self.timers.cancel_all();
    }

    /// Calls `with` if the isolate has an application.
    fn with_address(&self, with: impl FnOnce(&Application, &Address)) {
        if let (Some(app), Some(address)) = (&*self.app.borrow(), &*self.address.borrow()) {
            with(app, address);
        }
    }
}

/// The process's HTTP cache: an application finds there what it has stored on any thread.
fn cache_store() -> &'static nano_cache::Store {
    static STORE: std::sync::OnceLock<nano_cache::Store> = std::sync::OnceLock::new();
    STORE.get_or_init(|| nano_cache::Store::new(nano_cache::Limits::default()))
}

impl Host for InstanceHost {
    fn websocket_limits(&self) -> WebSocketLimits {
        self.app.borrow().as_ref().map_or_else(WebSocketLimits::default, |app| app.limits().websocket)
    }

    fn caches(&self) -> Option<nano_cache::Tenant> {
        let app = self.app.borrow();
        app.as_ref().map(|app| cache_store().tenant(app.name()))
    }

    fn performance_now(&self) -> f64 {
        self.clock.elapsed_ms(self.event_loop.refresh_now())
    }

    fn time_origin(&self) -> f64 {
        self.clock.origin_ms.get()
    }

    fn timer_start(&self, delay_ms: f64, repeat: bool) -> u32 {
        self.timers.start(self.key.get(), delay_ms, repeat)
    }

    fn timer_cancel(&self, id: u32) {
        self.timers.cancel(id);
    }

    fn print(&self, level: Level, text: &str) {
        let app = self.app.borrow();
        let Some(app) = &*app else { return self.console.print("", level, text) };
        if app.limits().log == LogLimits::UNLIMITED {
            return self.console.print(app.name(), level, text);
        }
        let text = log_limit::cut(text);
        let is_report_due = self.log.has_dropped();
        // The loop's own time first: it costs nothing, and is late only in what runs for long.
        if self.log.take(app.limits().log, text.len(), self.event_loop.now()) {
            return self.console.print(app.name(), level, &text);
        }
        app.counters().log_lines_dropped.add(1);
        if !is_report_due {
            let key = EventKey::Timer { instance: self.key.get(), timer: LOG_TIMER }.to_u64();
            self.event_loop.insert(self.event_loop.now() + log_limit::REPORT_AFTER, key);
        }
    }

    fn colors(&self) -> bool {
        self.console.colors()
    }

    fn uncaught(&self) {
        self.uncaught.set(self.uncaught.get() + 1);
    }

    fn post_task(&self) {
        self.with_address(|_, address| address.send(Content::Task));
    }

    fn keep_alive(&self, change: i32) {
        self.expected.set(self.expected.get() + i64::from(change));
    }

    fn broadcast_join(&self, name: &[u16]) {
        self.with_address(|app, address| app.channels().join(name, address));
    }

    fn broadcast_leave(&self, name: &[u16]) {
        self.with_address(|app, address| app.channels().leave(name, address));
    }

    fn broadcast_post(&self, name: &[u16], message: &Arc<Message>) {
        self.with_address(|app, address| app.channels().post(name, address, message));
    }

    fn offload(&self, id: u32, work: Work) -> Offloaded {
        self.works.offload(self.key.get(), id, work)
    }

    fn network(&self) -> Option<&dyn Network> {
        Some(&self.network)
    }
}
