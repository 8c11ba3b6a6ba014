//! An application in one isolate on one thread: its phase, what waits for it, its timers.
//!
//! Only data, and what the platform's [`Host`] needs. What moves it is the [`Runtime`](crate::Runtime).

use crate::app::{Application, LoadError};
use crate::channels::{Address, Delivery, Parcel};
use crate::cpu;
use crate::log_limit::{self, Allowance, LogLimits};
use crate::modules::ModuleMap;
use crate::network::InstanceNetwork;
use crate::realm::Realm;
use nano_arena::Account;
use nano_fetch::Client;
use nano_loop::{Job, Loop, Moment, Sender, TimerId};
use nano_web::{
    ExchangeId, FailureCause, Host, Level, Message, Network, NetworkEvent, Offloaded, WebSocketLimits, Work,
    WorkResult,
};
use std::cell::{Cell, RefCell};
use std::collections::{HashMap, VecDeque};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Where what tenants print goes.
pub trait Console {
    /// A line (or several) of an application's console. Must not enter an isolate.
    fn print(&self, app: &str, level: Level, text: &str);
    /// Whether it is a terminal that shows colours.
    fn colors(&self) -> bool {
        false
    }
}

/// Timers that wait in one isolate; a further one is dropped.
///
/// Limit (timers): each takes about 100 bytes outside of the heap, so a loop that makes timers must end
/// before it costs its neighbours memory.
pub const MAX_TIMERS: usize = 100_000;

/// Jobs of one isolate that run on the pool's threads at a time.
///
/// Limit (jobs): a tenant that generates keys without end leaves threads to its neighbours.
pub const MAX_RUNNING_WORK: usize = 2;

/// Jobs of one isolate that wait for a thread of the pool; further ones are refused.
///
/// Limit (jobs): a burst of digests fits; more would only wait.
pub const MAX_WAITING_WORK: usize = 1024;

/// What who waits for work is told then.
const POOL_FULL: &str = "too much work waits for a thread";

/// The timer that tells of dropped lines: no timer of JavaScript's has this number.
pub(crate) const LOG_TIMER: u32 = 0;

/// Longest delay of a timer.
///
/// Limit (ms): 2^31 - 1, as everywhere on the web.
const MAX_DELAY_MS: f64 = 2_147_483_647.0;

/// What an isolate is entered for. While its JavaScript is on the stack (running, or interrupted for a slice) it waits.
pub(crate) enum Task {
    /// Call the handler: the request's head, in Latin-1.
    Request(ExchangeId, Box<[u8]>),
    /// A timer is due.
    Timer(u32),
    /// Something arrived for who reads the body.
    BodyReady(ExchangeId),
    /// Room for who writes the response.
    Writable(ExchangeId),
    /// The client closed its side.
    HungUp(ExchangeId),
    /// The server ends; a WebSocket's client is told.
    GoAway(ExchangeId),
    /// The client is gone.
    Gone(ExchangeId),
    /// The response's head was not there in time, or what `waitUntil` was given has not come to an end.
    Late(ExchangeId),
    /// Work on another thread has ended.
    Work(u32, Result<WorkResult, String>),
    /// News of a fetch.
    Network(u64, NetworkEvent),
    /// V8's own.
    Platform(v8::Task),
    /// What the isolate asked for, or a message from another.
    Delivery(Parcel),
}

/// How far an application has come.
pub(crate) enum Phase {
    /// Nothing of it was evaluated yet.
    New,
    /// Its modules are being evaluated: the promise of that.
    Loading(v8::Global<v8::Promise>, v8::Global<v8::Module>),
    /// Its handler can be called.
    Ready,
    /// It cannot be loaded.
    Failed(LoadError),
}

/// An application in an isolate of this thread. Made by [`Runtime::instance`](crate::Runtime::instance).
pub struct Instance {
    pub(crate) key: u32,
    pub(crate) app: Arc<Application>,
    /// Handles into the isolate come before it, so that they are dropped first.
    pub(crate) phase: RefCell<Phase>,
    pub(crate) modules: Box<ModuleMap>,
    /// None: closed.
    pub(crate) realm: RefCell<Option<Rc<Realm>>>,
    pub(crate) host: Rc<InstanceHost>,
    pub(crate) queue: RefCell<VecDeque<Task>>,
    pub(crate) closing: Cell<bool>,
    /// The limit that it has exceeded: it ends when its JavaScript is off the stack.
    pub(crate) ended: Cell<Option<FailureCause>>,
    /// When it has last given way to others.
    pub(crate) gave_way: Cell<Option<Moment>>,
    /// In which run it has given way last, and how often in that.
    pub(crate) slices: Cell<(u32, u32)>,
    /// Its CPU time.
    pub(crate) cpu: cpu::Account,
    pub(crate) last_used: Cell<Moment>,
    /// It was made for a request that it does not have yet: it is not idle.
    pub(crate) expects_request: Cell<bool>,
    /// How often it was entered.
    pub(crate) runs: Cell<u32>,
    /// The value of the code that was evaluated, where that is all the application is.
    pub(crate) completion: RefCell<Option<v8::Global<v8::Value>>>,
}

impl Instance {
    /// The application that runs here.
    pub fn application(&self) -> &Arc<Application> {
        &self.app
    }

    /// Whether it was closed (evicted, or terminated for a limit): the next request needs another.
    pub fn is_closed(&self) -> bool {
        self.closing.get() || self.realm.borrow().is_none()
    }

    /// The limit that it has exceeded, if that was its end.
    pub fn ended(&self) -> Option<FailureCause> {
        self.ended.get()
    }

    /// It was made ahead of any request: there may be none for long.
    pub fn expects_no_request(&self) {
        self.expects_request.set(false);
    }

    /// How often it was entered, its loading included.
    pub fn runs(&self) -> u32 {
        self.runs.get()
    }

    /// When it has last computed for so long that it gave way to others.
    pub fn last_gave_way(&self) -> Option<Moment> {
        self.gave_way.get()
    }

    /// Whether its JavaScript is on the stack.
    pub fn is_running(&self) -> bool {
        self.realm().is_some_and(|realm| realm.is_entered())
    }

    /// It has exceeded a limit. False: it has exceeded one before.
    pub(crate) fn end(&self, cause: FailureCause) -> bool {
        if self.ended.get().is_some() {
            return false;
        }
        self.ended.set(Some(cause));
        true
    }

    /// The error that kept the application from loading.
    pub fn failure(&self) -> Option<LoadError> {
        match &*self.phase.borrow() {
            Phase::Failed(error) => Some(error.clone()),
            _ => None,
        }
    }

    /// Whether V8 works for it on threads of its own.
    pub(crate) fn has_background_work(&self) -> bool {
        self.realm().is_some_and(|realm| {
            !realm.is_entered() && realm.enter(|scope, _| scope.has_pending_background_tasks())
        })
    }

    pub(crate) fn has_failed(&self) -> bool {
        matches!(*self.phase.borrow(), Phase::Failed(_))
    }

    pub(crate) fn is_loading(&self) -> bool {
        matches!(*self.phase.borrow(), Phase::Loading(..))
    }

    /// Whether its handler can be called.
    pub fn is_ready(&self) -> bool {
        matches!(*self.phase.borrow(), Phase::Ready)
    }

    /// Requests under way: until the response is complete and everything given to `waitUntil` is settled.
    pub fn exchanges(&self) -> usize {
        self.realm().map_or(0, |realm| realm.state().exchanges())
    }

    /// The same without those that have become WebSockets.
    pub fn requests(&self) -> usize {
        self.realm().map_or(0, |realm| realm.state().requests())
    }

    /// Requests under way that have become WebSockets.
    pub fn websockets(&self) -> usize {
        self.realm().map_or(0, |realm| realm.state().websockets())
    }

    /// Their names.
    pub(crate) fn websocket_ids(&self) -> Vec<ExchangeId> {
        self.realm().map_or_else(Vec::new, |realm| realm.state().websocket_ids())
    }

    /// The names under which JavaScript knows the requests under way.
    pub fn exchange_ids(&self) -> Vec<ExchangeId> {
        self.realm().map_or_else(Vec::new, |realm| realm.state().exchange_ids())
    }

    /// The request is over for the embedder: its id names nothing from now on.
    pub fn release(&self, id: ExchangeId) {
        if let Some(realm) = self.realm() {
            realm.state().remove_exchange(id);
        }
    }

    /// JavaScript heap in use, in bytes, as of the latest garbage collection.
    pub fn heap_bytes(&self) -> usize {
        self.realm().map_or(0, |realm| realm.heap.charged())
    }

    /// Whether closing it would make room that matters.
    pub(crate) fn is_large(&self) -> bool {
        self.realm().is_some_and(|realm| realm.heap.is_large())
    }

    /// Bytes in the isolate's ArrayBuffers.
    pub fn buffer_bytes(&self) -> usize {
        self.realm().map_or(0, |realm| realm.account.used())
    }

    /// The account of the isolate, below its application's; `None` once the isolate has ended.
    pub fn account(&self) -> Option<Account> {
        Some(self.realm()?.account.clone())
    }

    /// Whether a script waits for the network.
    pub fn awaits_network(&self) -> bool {
        self.realm().is_some_and(|realm| realm.state().awaits_network())
    }

    /// Timers that wait.
    pub fn timers(&self) -> usize {
        self.host.timers.borrow().len()
    }

    /// Things that may still bring messages: started ports, broadcast channels that somebody listens to.
    pub fn expected(&self) -> usize {
        usize::try_from(self.host.expected.get()).unwrap_or(0)
    }

    /// Work on other threads that it waits for.
    pub fn works(&self) -> usize {
        self.host.works.borrow().len() + self.host.waiting.borrow().len()
    }

    /// Exceptions and rejections that nobody caught, so far.
    pub fn uncaught(&self) -> u64 {
        self.host.uncaught.get()
    }

    pub(crate) fn realm(&self) -> Option<Rc<Realm>> {
        self.realm.borrow().clone()
    }
}

/// What work has made, and its CPU time in nanoseconds.
type Measured = (WorkResult, u64);

/// A timer of JavaScript's.
pub(crate) struct Timer {
    pub(crate) id: TimerId,
    /// For `setInterval`.
    pub(crate) every: Option<Duration>,
}

/// The platform's host for one isolate: clock, timers, console. Made with the isolate, before it has an application.
pub(crate) struct InstanceHost {
    lp: Rc<Loop>,
    console: Rc<dyn Console>,
    log: Allowance,
    /// The instance's key; 0 while the isolate is a spare.
    pub(crate) key: Cell<u32>,
    app: RefCell<Option<Arc<Application>>>,
    pub(crate) timers: RefCell<HashMap<u32, Timer>>,
    next_timer: Cell<u32>,
    /// Work on the pool's threads.
    works: RefCell<HashMap<u32, Job<Measured>>>,
    /// Work that comes after it.
    waiting: RefCell<VecDeque<(u32, Work)>>,
    pub(crate) uncaught: Cell<u64>,
    /// See [`Instance::expected`].
    expected: Cell<i64>,
    /// The way to this thread; none where there is no runtime, and nothing runs.
    messages: Option<Sender<Delivery>>,
    /// The isolate's own, once it has an application.
    address: RefCell<Option<Address>>,
    began: Cell<Moment>,
    /// In nanoseconds; 0: as fine as the clock.
    timer_resolution: Cell<u64>,
    origin_ms: Cell<f64>,
    pub(crate) network: InstanceNetwork,
}

impl InstanceHost {
    pub(crate) fn new(
        lp: Rc<Loop>,
        console: Rc<dyn Console>,
        messages: Option<Sender<Delivery>>,
        client: Rc<Client>,
    ) -> Rc<Self> {
        let began = lp.now();
        Rc::new(Self {
            lp,
            console,
            log: Allowance::default(),
            key: Cell::new(0),
            app: RefCell::new(None),
            timers: RefCell::default(),
            next_timer: Cell::new(1),
            works: RefCell::default(),
            waiting: RefCell::default(),
            uncaught: Cell::new(0),
            expected: Cell::new(0),
            messages,
            address: RefCell::new(None),
            began: Cell::new(began),
            timer_resolution: Cell::new(0),
            origin_ms: Cell::new(0.0),
            network: InstanceNetwork::new(client),
        })
    }

    /// The isolate is an application's from now on; its time origin is now.
    pub(crate) fn adopt(&self, key: u32, app: &Arc<Application>, account: &nano_arena::Account) {
        self.key.set(key);
        self.network.adopt(key, app, account);
        *self.app.borrow_mut() = Some(Arc::clone(app));
        *self.address.borrow_mut() = self.messages.clone().map(|sender| Address::new(key, sender));
        self.timer_resolution
            .set(u64::try_from(app.limits().timer_resolution.as_nanos()).unwrap_or(u64::MAX));
        self.began.set(self.lp.refresh_now());
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        self.origin_ms.set(now.as_secs_f64() * 1000.0);
    }

    /// Starts a repeating timer's next round.
    pub(crate) fn rearm(&self, id: u32) {
        let mut timers = self.timers.borrow_mut();
        if let Some(timer) = timers.get_mut(&id)
            && let Some(every) = timer.every
        {
            timer.id = self.lp.insert(self.lp.now() + every, crate::runtime::timer_key(self.key.get(), id));
        }
    }

    /// Gives work to the pool. False: it takes no more.
    fn start_work(&self, id: u32, work: Work) -> bool {
        let key = crate::runtime::work_key(self.key.get(), id);
        let measured = move || {
            let begun = cpu::thread_ns();
            let result = work();
            (result, cpu::thread_ns().saturating_sub(begun))
        };
        let started = self.lp.run_blocking(crate::engine::pool(), key, measured);
        started.map(|job| self.works.borrow_mut().insert(id, job)).is_ok()
    }

    /// What became of work that has ended, if it is known; and of work that waited for it and cannot begin, because the pool is
    /// full of others'. With each, the CPU time that it has taken, in nanoseconds.
    pub(crate) fn take_work(&self, id: u32) -> Vec<(u32, Result<Measured, String>)> {
        let job = self.works.borrow_mut().remove(&id);
        let result = job.and_then(|job| job.take());
        let mut ended = Vec::from_iter(result.map(|result| (id, result.map_err(|panic| panic.to_string()))));
        loop {
            let next = self.waiting.borrow_mut().pop_front();
            let Some((id, work)) = next else { return ended };
            if self.start_work(id, work) {
                return ended;
            }
            ended.push((id, Err(POOL_FULL.to_owned())));
        }
    }

    /// Says how many lines of the console were dropped since this was said last.
    pub(crate) fn tell_dropped(&self) {
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
        self.tell_dropped();
        self.waiting.borrow_mut().clear();
        self.works.borrow_mut().clear();
        self.with_address(|app, address| app.channels().leave_all(address));
        self.network.clear();
        for (_, timer) in self.timers.borrow_mut().drain() {
            self.lp.cancel(timer.id);
        }
    }
}

impl InstanceHost {
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
        let time = self.lp.refresh_now() - self.began.get();
        match self.timer_resolution.get() {
            0 => time.as_secs_f64() * 1000.0,
            step => (time.as_nanos() as u64 / step * step) as f64 / 1e6,
        }
    }

    fn time_origin(&self) -> f64 {
        self.origin_ms.get()
    }

    fn timer_start(&self, delay_ms: f64, repeat: bool) -> u32 {
        let mut timers = self.timers.borrow_mut();
        let mut id = self.next_timer.get();
        while timers.contains_key(&id) {
            id = if id >= i32::MAX as u32 { 1 } else { id + 1 };
        }
        self.next_timer.set(if id >= i32::MAX as u32 { 1 } else { id + 1 });
        if timers.len() >= MAX_TIMERS {
            return id;
        }
        let delay_ms = if delay_ms > MAX_DELAY_MS { 0.0 } else { delay_ms };
        let delay = Duration::from_nanos((delay_ms * 1e6) as u64);
        let timer =
            self.lp.insert(self.lp.refresh_now() + delay, crate::runtime::timer_key(self.key.get(), id));
        // A repeating timer of no delay must not keep the loop from everything else.
        let every = repeat.then(|| delay.max(Duration::from_millis(1)));
        timers.insert(id, Timer { id: timer, every });
        id
    }

    fn timer_cancel(&self, id: u32) {
        if let Some(timer) = self.timers.borrow_mut().remove(&id) {
            self.lp.cancel(timer.id);
        }
    }

    fn print(&self, level: Level, text: &str) {
        let app = self.app.borrow();
        let Some(app) = &*app else { return self.console.print("", level, text) };
        if app.limits().log == LogLimits::UNLIMITED {
            return self.console.print(app.name(), level, text);
        }
        let text = log_limit::cut(text);
        let told = self.log.has_dropped();
        // The loop's own time first: it costs nothing, and is late only in what runs for long.
        if self.log.take(app.limits().log, text.len(), self.lp.now()) {
            return self.console.print(app.name(), level, &text);
        }
        app.counters().log_lines_dropped.add(1);
        if !told {
            self.lp.insert(
                self.lp.now() + log_limit::TELL_AFTER,
                crate::runtime::timer_key(self.key.get(), LOG_TIMER),
            );
        }
    }

    fn colors(&self) -> bool {
        self.console.colors()
    }

    fn uncaught(&self) {
        self.uncaught.set(self.uncaught.get() + 1);
    }

    fn post_task(&self) {
        self.with_address(|_, address| address.send(Parcel::Task));
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
        if self.works.borrow().len() >= MAX_RUNNING_WORK {
            let mut waiting = self.waiting.borrow_mut();
            if waiting.len() >= MAX_WAITING_WORK {
                return Offloaded::Refused;
            }
            waiting.push_back((id, work));
            return Offloaded::Started;
        }
        if self.start_work(id, work) { Offloaded::Started } else { Offloaded::Refused }
    }

    fn network(&self) -> Option<&dyn Network> {
        Some(&self.network)
    }
}
