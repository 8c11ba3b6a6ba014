//! One worker thread: its loop, its listener, its connections, its isolates.
//!
//! Everything that happens on the thread begins in [`Worker::turn`] or in a time slice, which is the same from within a
//! running application. Nothing here is borrowed while JavaScript runs.

use crate::admission::{Admission, Waiters};
use crate::config;
use crate::connection::{Conn, Handed};
use crate::date::DateClock;
use crate::exchange::HttpExchange;
use crate::heavy::{self, Partner};
use crate::log::{Field, Level, LogSink, RequestId, RequestIds, RequestRecord};
use crate::metrics::{Block, Metrics};
use crate::overdue::Overdue;
use crate::server::Alive;
use crate::site::{Deployed, Site};
use crate::telemetry::{ServerSpan, Telemetry};
use crate::timeouts;
use crate::tls::{Session, Tls};
use crate::trace;
use mio::net::TcpListener;
use nano_arena::Pool as ArenaPool;
use nano_http::{BufferPool, Connection as Http, Head, Limits as HttpLimits, Refusal};
use nano_loop::{Event, Loop, Mailbox, Moment, Wait};
use nano_runtime::{Console, Counters, Exchange, FailureCause, Instance, RUNTIME_KEYS, Runtime, Weight};
use slab::Slab;
use std::cell::{Cell, RefCell, RefMut};
use std::collections::{HashMap, HashSet, VecDeque};
use std::io;
use std::net::IpAddr;
use std::rc::{Rc, Weak};
use std::sync::{Arc, mpsc};
use std::time::Duration;

/// The loop's keys: what is below is a connection's, by its place in the table.
const KIND_LISTENER: u64 = 1 << 40;
/// A connection's deadline.
pub(crate) const KIND_DEADLINE: u64 = 1 << 41;
/// Commands from the main thread.
pub(crate) const KIND_COMMANDS: u64 = 1 << 42;
/// Accepting goes on after a pause.
const KIND_ACCEPT: u64 = 1 << 43;
/// A step of a connection's handshake was computed.
pub(crate) const KIND_HANDSHAKE: u64 = 1 << 44;
const _: () = assert!(KIND_HANDSHAKE < RUNTIME_KEYS);
/// Some request may be late.
pub(crate) const KIND_OVERDUE: u64 = 1 << 50;
const _: () = assert!(KIND_OVERDUE < RUNTIME_KEYS);

/// Connections accepted in one go; then those that are there have their turn.
const ACCEPTS_PER_TURN: usize = 64;

/// Events handled in a time slice between two looks at the clock.
const EVENTS_PER_LOOK: usize = 4;

/// Responses that wait to be written together, at most.
const DEFERRED_RESPONSES: usize = 64;

/// How long a response waits for others, at most: less than a client on the same machine would notice.
const DEFERRED_FOR: Duration = Duration::from_micros(200);

/// Pairs of buffers that a thread keeps for connections that become active.
const POOLED_BUFFERS: usize = 256;

/// Isolates that each thread keeps ready for applications that were never visited. Two: while one is taken, the other is
/// there for the next, and making one takes less than the time between two first visits that anyone would notice.
const SPARE_ISOLATES: usize = 2;

/// What other threads tell a worker.
pub(crate) enum Command {
    /// Serve this from now on, and say so.
    Site(Arc<Site>, mpsc::Sender<()>),
    /// Let go of it: the loop turns.
    ShowLife(Arc<Alive>),
    /// Panic, as a fault of ours would.
    #[cfg(debug_assertions)]
    Fault,
    /// Say what is there now.
    Measure(mpsc::Sender<Measured>),
    /// Go on with a connection of the other thread of the pair.
    Adopt(Box<Handed>),
    /// The companion is there.
    Companion(nano_loop::Sender<Command>),
    /// The companion has ended: everything that it has sent was before this.
    CompanionEnded,
    /// Stop accepting; finish what is in flight, then end.
    Drain,
    /// End now.
    Stop,
}

/// What is there on a worker's thread at one moment.
#[derive(Clone, Debug, Default)]
pub(crate) struct Measured {
    /// Its place; companions come after the workers.
    pub(crate) worker: usize,
    pub(crate) companion: bool,
    pub(crate) connections: usize,
    /// Isolates of all versions.
    pub(crate) isolates: usize,
    /// The applications that have an isolate.
    pub(crate) apps: Vec<MeasuredApp>,
}

/// An application's isolate on a worker's thread.
#[derive(Clone, Debug)]
pub(crate) struct MeasuredApp {
    pub(crate) name: String,
    pub(crate) heap_bytes: usize,
    pub(crate) external_bytes: usize,
    pub(crate) in_flight: usize,
}

/// A request that is over, until the loop has read the clock.
struct Finished {
    /// `None`: no application has its host.
    slot: Option<Rc<AppSlot>>,
    status: u16,
    started: Moment,
}

/// An application in one version on this thread.
pub(crate) struct AppSlot {
    deployed: Arc<Deployed>,
    pub(crate) max_body_bytes: u64,
    pub(crate) admission: Admission,
    block: Arc<Block>,
    counters: Arc<Counters>,
    instance: RefCell<Option<Rc<Instance>>>,
}

impl AppSlot {
    fn new(deployed: Arc<Deployed>, block: Arc<Block>) -> Rc<Self> {
        let limits = &deployed.config.limits;
        let (max_body_bytes, admission) = (limits.max_body_bytes, Admission::new(limits));
        let counters = Arc::clone(deployed.app.counters());
        Rc::new(Self { deployed, max_body_bytes, admission, block, counters, instance: RefCell::new(None) })
    }

    /// Its instance, if it has one that lives.
    pub(crate) fn live(&self) -> Option<Rc<Instance>> {
        self.instance.borrow().clone().filter(|instance| !instance.is_closed())
    }

    /// The same, and an end for a limit that it has exceeded is noted.
    pub(crate) fn current(&self, now: Moment) -> Option<Rc<Instance>> {
        let instance = self.instance.borrow().clone()?;
        if !instance.is_closed() {
            return Some(instance);
        }
        *self.instance.borrow_mut() = None;
        if instance.ended().is_some() {
            self.admission.failed(now);
        }
        None
    }

    /// The application's name.
    pub(crate) fn name(&self) -> &str {
        &self.deployed.config.name
    }

    /// What was counted for the application.
    pub(crate) fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Whether the application computes for long, on any thread.
    #[inline]
    pub(crate) fn weight(&self) -> &Weight {
        &self.counters.weight
    }
}

/// What this thread serves: a site, and a slot for each of its applications, in the same order.
struct Table {
    site: Arc<Site>,
    slots: Vec<Rc<AppSlot>>,
}

impl Table {
    /// The application of this name.
    fn find(&self, name: &str) -> Option<Rc<AppSlot>> {
        self.slots.iter().find(|slot| slot.deployed.config.name == name).cloned()
    }
}

/// What tenants print goes to the thread's log.
pub(crate) struct LogConsole(pub(crate) Rc<RefCell<LogSink>>);

impl Console for LogConsole {
    fn print(&self, app: &str, level: nano_runtime::Level, text: &str) {
        let level = match level {
            nano_runtime::Level::Debug => Level::Debug,
            nano_runtime::Level::Info => Level::Info,
            nano_runtime::Level::Warn => Level::Warn,
            nano_runtime::Level::Error => Level::Error,
        };
        self.0.borrow_mut().console(app, level, text);
    }
}

/// What a worker is made of.
pub(crate) struct Parts {
    /// Its place among the workers.
    pub(crate) index: usize,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) lp: Rc<Loop>,
    pub(crate) runtime: Rc<Runtime>,
    /// None: connections come from another thread.
    pub(crate) listener: Option<TcpListener>,
    pub(crate) partner: Partner,
    pub(crate) commands: Mailbox<Command>,
    pub(crate) site: Arc<Site>,
    pub(crate) tls: Option<Arc<Tls>>,
    pub(crate) telemetry: Option<Arc<Telemetry>>,
    pub(crate) log: Rc<RefCell<LogSink>>,
    pub(crate) log_requests: bool,
    pub(crate) dev: bool,
    /// How long requests of a version that was replaced may take to finish.
    pub(crate) drain_timeout: Duration,
    /// Isolates that nothing was asked of for so long are closed.
    pub(crate) isolate_idle: Option<Duration>,
}

/// A worker thread's state.
pub(crate) struct Worker {
    me: Weak<Worker>,
    lp: Rc<Loop>,
    runtime: Rc<Runtime>,
    listener: RefCell<Option<(TcpListener, nano_loop::SourceId)>>,
    commands: Mailbox<Command>,
    /// The other thread: a companion, or its worker.
    pub(crate) partner: Partner,
    /// This is a companion: heavy applications are served here, and light ones there.
    pub(crate) serves_heavy: bool,
    table: RefCell<Table>,
    tls: Option<Arc<Tls>>,
    telemetry: Option<Arc<Telemetry>>,
    conns: RefCell<Slab<Rc<Conn>>>,
    pub(crate) overdue: Overdue,
    pub(crate) waiters: Waiters,
    /// Connections that JavaScript has written to, or read from, since they were last driven.
    marked: RefCell<VecDeque<Rc<Conn>>>,
    /// Connections whose response waits to be written: see [`Worker::defer`].
    deferred: RefCell<Vec<Rc<Conn>>>,
    /// Since when the first of them has waited, or earlier.
    deferred_since: Cell<Moment>,
    limits: HttpLimits,
    buffers: RefCell<BufferPool>,
    arenas: ArenaPool,
    head: RefCell<Vec<u8>>,
    scratch: RefCell<Vec<u8>>,
    log: Rc<RefCell<LogSink>>,
    log_requests: bool,
    log_pending: Cell<bool>,
    ids: RefCell<RequestIds>,
    dates: DateClock,
    dev: bool,
    drain_timeout: Duration,
    isolate_idle: Option<Duration>,
    index: usize,
    metrics: Arc<Metrics>,
    unrouted: Arc<Block>,
    /// What [`Worker::count`] has been told since the clock was read.
    finished: RefCell<Vec<Finished>>,
    accept_again: Cell<bool>,
    draining: Cell<bool>,
    stopped: Cell<bool>,
}

impl Worker {
    pub(crate) fn new(parts: Parts) -> io::Result<Rc<Self>> {
        let Parts {
            index,
            metrics,
            lp,
            runtime,
            listener,
            partner,
            commands,
            site,
            tls,
            telemetry,
            log,
            log_requests,
            dev,
            drain_timeout,
            isolate_idle,
        } = parts;
        let watch = |mut listener: TcpListener| {
            let source = lp.register(&mut listener, nano_loop::Interest::READABLE, KIND_LISTENER)?;
            Ok::<_, io::Error>((listener, source))
        };
        let listener = listener.map(watch).transpose()?;
        // A head comes before its application is known; that one's own limit is set then.
        let mut limits = HttpLimits::default();
        limits.body_bytes = config::limits::MAX_BODY_MB.max << 20;
        let slots = site
            .apps
            .iter()
            .map(|app| AppSlot::new(Arc::clone(app), metrics.block(&app.config.name, index)))
            .collect();
        let worker = Rc::new_cyclic(|me| Self {
            me: me.clone(),
            lp,
            runtime,
            listener: RefCell::new(listener),
            commands,
            serves_heavy: partner.serves_heavy(),
            partner,
            table: RefCell::new(Table { site, slots }),
            tls,
            telemetry,
            conns: RefCell::default(),
            overdue: Overdue::default(),
            waiters: Waiters::default(),
            marked: RefCell::default(),
            deferred: RefCell::default(),
            deferred_since: Cell::new(Moment::MAX),
            limits,
            buffers: RefCell::new(BufferPool::new(POOLED_BUFFERS)),
            arenas: ArenaPool::default(),
            head: RefCell::default(),
            scratch: RefCell::default(),
            log,
            log_requests,
            log_pending: Cell::new(false),
            ids: RefCell::new(RequestIds::new()),
            dates: DateClock::new(),
            dev,
            drain_timeout,
            isolate_idle,
            index,
            unrouted: metrics.unrouted_block(index),
            metrics,
            finished: RefCell::default(),
            accept_again: Cell::new(true),
            draining: Cell::new(false),
            stopped: Cell::new(false),
        });
        worker.suit_number();
        let weak = Rc::downgrade(&worker);
        worker.runtime.set_turn(Rc::new(move |time| {
            if let Some(worker) = weak.upgrade() {
                worker.slice(time);
            }
        }));
        Ok(worker)
    }

    // ---- The thread ----

    /// Runs until the worker is told to stop, or has drained.
    pub(crate) fn run(&self) -> io::Result<()> {
        while !self.is_done() {
            self.turn()?;
        }
        self.log.borrow_mut().flush();
        Ok(())
    }

    /// One turn of the loop: waits for events, handles them all.
    fn turn(&self) -> io::Result<()> {
        // Work for idle time is done only when there is nothing else: look without waiting first.
        let more = self.accept_again.get() || self.waiters.go_on() || !self.marked.borrow().is_empty();
        let wait = match (more || self.runtime.has_idle_work(), self.log_pending.get()) {
            (true, _) => Wait::Now,
            (false, true) => Wait::AtMost(LOG_RETRY),
            (false, false) => Wait::UntilNext,
        };
        self.lp.poll(wait)?;
        self.count_finished();
        let mut handled = more;
        self.drive_marked();
        while let Some(event) = self.lp.next() {
            handled = true;
            self.handle(event);
            self.drive_marked();
            self.flush_if_due();
        }
        if self.accept_again.get() {
            handled = true;
            self.accept();
        }
        self.admit();
        self.flush();
        self.log_pending.set(!self.log.borrow_mut().flush());
        if !handled && wait == Wait::Now {
            self.runtime.idle();
        }
        Ok(())
    }

    /// The same from within an application that has run for long: for at most `time`.
    fn slice(&self, time: Duration) {
        self.flush();
        self.turn_within(time);
        self.flush();
    }

    fn turn_within(&self, time: Duration) {
        let until = self.lp.refresh_now() + time;
        loop {
            // An error of the selector comes again in the outer turn, which can return it.
            let polled = self.lp.poll(Wait::Now).is_ok();
            let mut handled = 0;
            while let Some(event) = self.lp.next() {
                self.handle(event);
                self.drive_marked();
                handled += 1;
                if handled % EVENTS_PER_LOOK == 0 && self.lp.refresh_now() >= until {
                    return;
                }
            }
            if self.accept_again.get() {
                handled += 1;
                self.accept();
            }
            self.admit();
            if !polled || handled == 0 || self.lp.refresh_now() >= until {
                return;
            }
        }
    }

    fn is_done(&self) -> bool {
        self.stopped.get()
            || self.draining.get()
                && self.conns.borrow().is_empty()
                && !self.runtime.is_busy()
                && !self.partner.is_expected()
    }

    fn handle(&self, event: Event) {
        if self.runtime.handle(&event) {
            return;
        }
        match event {
            Event::Ready { key: KIND_LISTENER, .. } => self.accept_again.set(true),
            Event::Ready { key, readiness } => {
                let conn = self.conns.borrow().get(key as usize).cloned();
                if let Some(conn) = conn {
                    conn.ready(readiness);
                }
            }
            Event::Timer { key: KIND_ACCEPT, .. } => self.accept_again.set(true),
            Event::Timer { key: KIND_OVERDUE, .. } => self.look_for_overdue(),
            Event::Timer { key, .. } => {
                let conn = self.conns.borrow().get((key & u64::from(u32::MAX)) as usize).cloned();
                if let Some(conn) = conn {
                    conn.timer_due();
                }
            }
            Event::Mail { .. } => {
                let Some(command) = self.commands.take() else { return };
                // One at a time: some have JavaScript run, in a slice of which the next is taken.
                if !self.commands.is_empty() {
                    self.commands.requeue();
                }
                self.obey(command);
            }
            Event::Done { key } if key & KIND_HANDSHAKE != 0 => {
                let conn = self.conns.borrow().get((key & u64::from(u32::MAX)) as usize).cloned();
                if let Some(conn) = conn {
                    conn.handshake_computed();
                }
            }
            Event::Done { .. } | Event::Woken => {}
        }
    }

    /// Drives each marked connection once. One that marks itself again waits for the next event: others come first.
    fn drive_marked(&self) {
        let marked = self.marked.borrow().len();
        for _ in 0..marked {
            let next = self.marked.borrow_mut().pop_front();
            let Some(conn) = next else { return };
            conn.unmark();
            conn.drive();
        }
    }

    /// Does what another thread wants.
    fn obey(&self, command: Command) {
        match command {
            Command::Site(site, taken) => {
                self.take_over(site);
                let _ = taken.send(());
            }
            Command::ShowLife(alive) => drop(alive),
            #[cfg(debug_assertions)]
            Command::Fault => panic!("a fault for a test"),
            Command::Measure(told) => drop(told.send(self.measure())),
            Command::Adopt(handed) => self.adopt(*handed),
            Command::Companion(sender) => self.note_companion(Some(sender)),
            Command::CompanionEnded => self.note_companion(None),
            Command::Drain => self.drain(),
            Command::Stop => self.stopped.set(true),
        }
    }

    // ---- Connections ----

    fn accept(&self) {
        self.accept_again.set(false);
        for _ in 0..ACCEPTS_PER_TURN {
            let accepted = match &*self.listener.borrow() {
                Some((listener, _)) => listener.accept(),
                None => return,
            };
            match accepted {
                Ok((stream, address)) => {
                    self.add(stream, address.ip());
                    self.drive_marked();
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                // The client has given up already, or a signal came.
                Err(error)
                    if matches!(
                        error.kind(),
                        io::ErrorKind::ConnectionAborted | io::ErrorKind::Interrupted
                    ) => {}
                Err(error) => {
                    // Out of file descriptors or memory: the edge will not come again, so try later.
                    let text = error.to_string();
                    self.log_message(
                        Level::Error,
                        "cannot accept connections for now",
                        &[("error", Field::Text(&text))],
                    );
                    self.lp.insert(self.lp.now() + timeouts::ACCEPT_RETRY, KIND_ACCEPT);
                    return;
                }
            }
        }
        self.accept_again.set(true);
    }

    fn add(&self, stream: mio::net::TcpStream, peer: IpAddr) {
        let tls = match self.tls.as_ref().map(|tls| tls.session()).transpose() {
            Ok(tls) => tls,
            Err(_) => return,
        };
        if let Some(conn) = self.insert(stream, peer, Http::new(self.limits.clone()), tls) {
            conn.drive();
        }
    }

    /// One more connection, not driven yet. `None`: the system cannot watch it, and it is closed.
    pub(crate) fn insert(
        &self,
        stream: mio::net::TcpStream,
        peer: IpAddr,
        http: Http,
        tls: Option<Session>,
    ) -> Option<Rc<Conn>> {
        let worker = self.me.upgrade()?;
        let mut conns = self.conns.borrow_mut();
        let entry = conns.vacant_entry();
        let conn = Conn::new(entry.key() as u32, &worker, stream, peer, http, tls);
        conn.register(&worker).ok()?;
        Some(Rc::clone(entry.insert(conn)))
    }

    /// The connection is closed.
    pub(crate) fn forget(&self, key: u32) {
        self.conns.borrow_mut().try_remove(key as usize);
    }

    /// The connection is to be driven before the loop waits.
    pub(crate) fn mark(&self, conn: Rc<Conn>) {
        self.marked.borrow_mut().push_back(conn);
    }

    /// The connection's response is written together with those of the other requests that were read in this turn. A client that is
    /// woken by each response by itself costs this thread a third of the request's time; one that finds several at once reads them
    /// all, and its next requests come together too.
    pub(crate) fn defer(&self, conn: Rc<Conn>) {
        let mut deferred = self.deferred.borrow_mut();
        if deferred.is_empty() {
            self.deferred_since.set(self.lp.now());
            self.runtime.set_waiting(true);
        }
        deferred.push(conn);
    }

    fn flush_if_due(&self) {
        let waiting = self.deferred.borrow().len();
        if waiting >= DEFERRED_RESPONSES
            || waiting > 0 && self.lp.refresh_now() - self.deferred_since.get() >= DEFERRED_FOR
        {
            self.flush();
        }
        if waiting > 0 {
            self.count_finished();
        }
    }

    /// Writes the responses that wait. In a nested turn those of the outer one are written too.
    fn flush(&self) {
        let mut waiting = self.deferred.take();
        if waiting.is_empty() {
            return;
        }
        self.runtime.set_waiting(false);
        for conn in waiting.drain(..) {
            conn.flush();
        }
        // The list's memory is kept, unless a flush has deferred anew.
        let mut deferred = self.deferred.borrow_mut();
        if deferred.is_empty() {
            *deferred = waiting;
        }
    }

    /// Serves what clients have sent before, and nothing that they send from now on.
    fn drain(&self) {
        // Who waits to be accepted would be reset with the listening socket. What was sent meanwhile is driven at once.
        self.accept_all();
        let conns = || self.conns.borrow().iter().map(|(_, conn)| Rc::clone(conn)).collect::<Vec<_>>();
        for conn in conns() {
            conn.look();
        }
        if self.draining.replace(true) {
            return;
        }
        if let Some((mut listener, source)) = self.listener.borrow_mut().take() {
            let _ = self.lp.deregister(&mut listener, source);
        }
        for conn in conns() {
            conn.drain();
        }
        self.partner.drain();
    }

    /// Accepts whoever waits.
    fn accept_all(&self) {
        self.accept_again.set(true);
        while self.accept_again.get() {
            self.accept();
        }
    }

    // ---- Applications ----

    /// The application for a host.
    pub(crate) fn route(&self, host: &[u8]) -> Option<Rc<AppSlot>> {
        let table = self.table.borrow();
        table.site.routes.get(host).map(|index| Rc::clone(&table.slots[*index]))
    }

    /// Gives a request to its application now: in the isolate that is `current`, or in one that is made.
    pub(crate) fn enter(
        &self,
        slot: &AppSlot,
        current: Option<Rc<Instance>>,
        exchange: &Rc<HttpExchange>,
        head: &[u8],
    ) {
        let instance = match current {
            // One that could not be loaded is tried again: what it met may have passed.
            Some(instance) if instance.failure().is_none() => instance,
            stale => {
                if let Some(failed) = stale {
                    self.runtime.close(&failed);
                }
                match self.runtime.create(&slot.deployed.app) {
                    Ok(instance) => {
                        *slot.instance.borrow_mut() = Some(Rc::clone(&instance));
                        self.runtime.load(&instance);
                        instance
                    }
                    Err(error) => return exchange.fail(FailureCause::Memory, &error.to_string()),
                }
            }
        };
        *exchange.instance.borrow_mut() = Some(Rc::clone(&instance));
        match self.runtime.request(&instance, Rc::clone(exchange) as Rc<dyn Exchange>, head) {
            Some(id) => {
                exchange.id.set(Some(id));
                if exchange.forget_later.get() {
                    exchange.forget(self);
                }
            }
            None if instance.is_closed() => {
                let cause = instance.ended().unwrap_or(FailureCause::NotLoaded);
                let reason = instance.failure().map_or_else(String::new, |error| error.to_string());
                exchange.fail(cause, &reason);
            }
            None => exchange.fail(FailureCause::Memory, "the application has too many requests under way"),
        }
    }

    /// Loads an application that is served alone before its first request. An error: it cannot be loaded.
    pub(crate) fn preload_single(&self) -> Option<String> {
        let slot = match &*self.table.borrow().slots {
            [slot] => Rc::clone(slot),
            _ => return None,
        };
        self.preload(&slot).err()
    }

    fn preload(&self, slot: &AppSlot) -> Result<(), String> {
        let instance = self.runtime.create(&slot.deployed.app).map_err(|error| error.to_string())?;
        *slot.instance.borrow_mut() = Some(Rc::clone(&instance));
        self.runtime.load(&instance);
        instance.expects_no_request();
        instance.failure().map_or(Ok(()), |error| Err(error.to_string()))
    }

    /// Serves a site from now on. What it has in the same version goes on; a new version of what was visited on this thread is
    /// loaded before requests go to it, and the old one finishes those that it has.
    fn take_over(&self, site: Arc<Site>) {
        let (slots, warm) = {
            let table = self.table.borrow();
            if site.number <= table.site.number {
                return;
            }
            let old: HashMap<_, _> =
                table.slots.iter().map(|slot| (&*slot.deployed.config.name, slot)).collect();
            let mut warm = Vec::new();
            let slot = |app: &Arc<Deployed>| match old.get(&*app.config.name) {
                Some(old) if Arc::ptr_eq(&old.deployed, app) => Rc::clone(old),
                old => {
                    let block = self.metrics.block(&app.config.name, self.index);
                    let new = AppSlot::new(Arc::clone(app), block);
                    if old.is_some_and(|old| old.live().is_some()) {
                        warm.push(Rc::clone(&new));
                    }
                    new
                }
            };
            (site.apps.iter().map(slot).collect::<Vec<_>>(), warm)
        };
        for slot in warm {
            // JavaScript runs here, and a slice of it may bring the next site. What cannot be loaded is tried again by its first request.
            let _ = self.preload(&slot);
        }
        let replaced = {
            let mut table = self.table.borrow_mut();
            let next = Table { site, slots };
            if next.site.number > table.site.number { std::mem::replace(&mut *table, next) } else { next }
        };
        let table = self.table.borrow();
        let serving: HashSet<_> = table.slots.iter().map(Rc::as_ptr).collect();
        let gone = replaced.slots.iter().filter(|slot| !serving.contains(&Rc::as_ptr(slot)));
        let gone: Vec<_> = gone.map(|old| (Rc::clone(old), table.find(&old.deployed.config.name))).collect();
        drop(table);
        self.suit_number();
        for (old, new) in gone {
            self.pass_on_waiting(&old, new.as_ref());
            if let Some(instance) = old.live() {
                self.runtime.retire(&instance, self.drain_timeout);
            }
        }
    }

    /// One application alone is loaded before anybody asks for it, and stays; among many, there are spare isolates for those that were
    /// never visited, and those that nobody visits lose theirs.
    fn suit_number(&self) {
        if self.serves_heavy {
            // Making an isolate is little of what its request takes.
            let idle = self.isolate_idle.map(|time| time.min(heavy::IDLE));
            return self.runtime.set_idle_limit(idle);
        }
        let alone = self.is_single();
        self.runtime.set_spares(if alone { 0 } else { SPARE_ISOLATES });
        self.runtime.set_idle_limit(if alone { None } else { self.isolate_idle });
    }

    /// Whether one application is served alone.
    pub(crate) fn is_single(&self) -> bool {
        self.table.borrow().slots.len() == 1
    }

    /// The thread ends by a fault: its clients are disconnected.
    pub(crate) fn abandon(&self) {
        self.listener.borrow_mut().take();
        let conns: Vec<_> = self.conns.borrow().iter().map(|(_, conn)| Rc::clone(conn)).collect();
        for conn in conns {
            // The fault may be this connection's.
            let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| conn.close(self)));
        }
        // Its successor has a companion of its own.
        self.partner.drain();
        self.log.borrow_mut().flush();
    }

    // ---- Metrics ----

    /// A request is over. It is counted when the loop reads the clock next, as it does after each event that has made a response and
    /// before each turn's events: a reading of its own would cost every request more than all the counting.
    pub(crate) fn count(&self, slot: Option<Rc<AppSlot>>, status: u16, started: Moment) {
        self.finished.borrow_mut().push(Finished { slot, status, started });
    }

    fn count_finished(&self) {
        if self.finished.borrow().is_empty() {
            return;
        }
        // A slot may end here with its last request: nothing is borrowed then.
        let mut finished = self.finished.take();
        let now = self.lp.now();
        for Finished { slot, status, started } in finished.drain(..) {
            let block = slot.as_ref().map_or(&self.unrouted, |slot| &slot.block);
            block.count(status, now - started);
        }
        *self.finished.borrow_mut() = finished;
    }

    fn measure(&self) -> Measured {
        // Who asks has been answered before, and wants to find that counted.
        self.lp.refresh_now();
        self.count_finished();
        let table = self.table.borrow();
        let apps = table.slots.iter().filter_map(|slot| {
            let instance = slot.live()?;
            Some(MeasuredApp {
                name: slot.deployed.config.name.clone(),
                heap_bytes: instance.heap_bytes(),
                external_bytes: instance.buffer_bytes(),
                in_flight: instance.exchanges(),
            })
        });
        Measured {
            worker: self.index,
            companion: self.serves_heavy,
            connections: self.conns.borrow().len(),
            isolates: self.runtime.instances(),
            apps: apps.collect(),
        }
    }

    // ---- What connections use ----

    /// The requests that connections wait for.
    pub(crate) fn exchanges(&self) -> Vec<Rc<HttpExchange>> {
        self.conns.borrow().iter().filter_map(|(_, conn)| conn.exchange()).collect()
    }

    pub(crate) fn event_loop(&self) -> &Loop {
        &self.lp
    }

    pub(crate) fn loop_handle(&self) -> Rc<Loop> {
        Rc::clone(&self.lp)
    }

    /// Who gathers spans, if they are wanted.
    #[inline]
    pub(crate) fn telemetry(&self) -> Option<&Arc<Telemetry>> {
        self.telemetry.as_ref()
    }

    /// The span of a request that has just come, if it is recorded.
    pub(crate) fn begin_span(
        &self,
        telemetry: &Arc<Telemetry>,
        head: &Head<'_>,
        id: RequestId,
        tls: bool,
    ) -> Option<Box<ServerSpan>> {
        let mut span = telemetry.begin(trace::parent(head.headers()), id, &mut self.ids.borrow_mut())?;
        span.note(head.method(), head.target(), head.authority().unwrap_or_default(), tls);
        Some(span)
    }

    pub(crate) fn runtime(&self) -> &Runtime {
        &self.runtime
    }

    pub(crate) fn now(&self) -> Moment {
        self.lp.now()
    }

    pub(crate) fn refresh_now(&self) -> Moment {
        self.lp.refresh_now()
    }

    pub(crate) fn date(&self) -> [u8; 29] {
        self.dates.at(self.lp.now())
    }

    pub(crate) fn buffers(&self) -> RefMut<'_, BufferPool> {
        self.buffers.borrow_mut()
    }

    pub(crate) fn arenas(&self) -> &ArenaPool {
        &self.arenas
    }

    pub(crate) fn dev(&self) -> bool {
        self.dev
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.draining.get()
    }

    pub(crate) fn next_request_id(&self) -> RequestId {
        self.ids.borrow_mut().next_id()
    }

    /// The buffer for a request's head, empty. In a nested turn it is another one.
    pub(crate) fn take_head(&self) -> Vec<u8> {
        self.head.take()
    }

    pub(crate) fn give_head(&self, head: Vec<u8>) {
        self.head.replace(head);
    }

    /// A buffer for copying, empty.
    pub(crate) fn take_scratch(&self) -> Vec<u8> {
        self.scratch.take()
    }

    pub(crate) fn give_scratch(&self, mut scratch: Vec<u8>) {
        scratch.clear();
        self.scratch.replace(scratch);
    }

    // ---- The log ----

    pub(crate) fn logs_requests(&self) -> bool {
        self.log_requests
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
}

/// When a reader of the log is slow, how soon to try again.
const LOG_RETRY: Duration = Duration::from_millis(100);
