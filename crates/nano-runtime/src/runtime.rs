//! One thread's isolates: making them, entering them for what arrives, keeping spares, giving way, closing.
//!
//! The driver of the thread (the server, or [`run`](crate::run)) owns the loop and hands over the events that are not its own.
//! No borrow of anything here is held while JavaScript runs: a slice may come in at any time, and turn the loop again.

use crate::app::{Application, Content, LoadError};
use crate::channels::{Delivery, Parcel};
use crate::cpu::{self, Account, At, Meter, Owner};
use crate::engine::{self, ForegroundTask};
use crate::instance::{Console, Instance, InstanceHost, LOG_TIMER, Phase, Task};
use crate::lifecycle::{self, Ending, Lifecycle};
use crate::memory::{self, Need};
use crate::modules::{self, Failure, ModuleMap};
use crate::network;
use crate::realm::{self, IsolateStack, NoIsolate, Realm};
use crate::slice::{self, Pulse, Watched};
use crate::source_map::Original;
use crate::weight::HEAVY;
use nano_fetch::{Client, ClientOptions, EventKind};
use nano_loop::{Capacity, Event, Loop, Mailbox, Moment, Sender};
use nano_web::{Exchange, ExchangeId, FailureCause, NetworkEvent, Relayed, entry};
use slab::Slab;
use std::cell::{Cell, RefCell};
use std::collections::{HashMap, VecDeque};
use std::ffi::c_void;
use std::io;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

/// Keys of the loop's events whose top bit is set belong to the runtime; the driver has all others.
pub const RUNTIME_KEYS: u64 = 1 << 63;

const KIND_TIMER: u64 = RUNTIME_KEYS;
const KIND_FOREGROUND: u64 = RUNTIME_KEYS | 1 << 61;
/// The next look after the instances. Timers have an event of their own, so that this may have the bits of mail.
pub(crate) const KIND_LOOK: u64 = KIND_FOREGROUND;
const KIND_DELAYED: u64 = RUNTIME_KEYS | 1 << 62;
const KIND_MESSAGES: u64 = RUNTIME_KEYS | 0b11 << 61;
/// Jobs end with an event of their own, so that this may have the bits of mail.
const KIND_WORK: u64 = KIND_MESSAGES;
/// The client's own: it uses the lower bits.
const KIND_NETWORK: u64 = KIND_MESSAGES | 1 << 60;
const NETWORK_MASK: u64 = KIND_MASK | 1 << 60;
const KIND_MASK: u64 = 0b111 << 61;

/// Keys of instances have this many bits; one that is in use is passed over when they wrap.
const KEY_BITS: u32 = 28;

/// Depth to which slices nest on one thread. Limit (slices): each takes stack from those below.
const MAX_SLICE_DEPTH: u32 = 4;

/// A tenant that has given way so often in one run computes for long: some 20 milliseconds. One that has met a slice now and then, as each may
/// whose first answer takes three milliseconds, does not.
const LONG_SLICES: u32 = 8;

/// An isolate's heap is counted after each of its first runs, in which it grows to what it needs.
const COUNTED_RUNS: u32 = 4;

/// Later it is counted after one run in so many, and after each that was long. Counting takes about two microseconds.
const COUNT_EVERY: u32 = 64;

/// Tasks of V8 that wait for one thread. Limit (tasks): V8 posts a handful at a time for each isolate.
const FOREGROUND_CAPACITY: usize = 1 << 16;

/// The loop's key for a JavaScript timer.
pub(crate) fn timer_key(instance: u32, timer: u32) -> u64 {
    KIND_TIMER | u64::from(instance) << 32 | u64::from(timer)
}

/// The loop's key for work on another thread.
pub(crate) fn work_key(instance: u32, work: u32) -> u64 {
    KIND_WORK | u64::from(instance) << 32 | u64::from(work)
}

/// How a thread's runtime is made.
pub struct RuntimeOptions {
    /// Isolates kept ready for applications that were never visited. Each costs an idle isolate's memory, under 1 MB.
    pub spares: usize,
    /// What an isolate's young generation may grow to, in bytes; see [`YOUNG_BYTES`](crate::YOUNG_BYTES) and
    /// [`SCRIPT_YOUNG_BYTES`](crate::SCRIPT_YOUNG_BYTES).
    pub young_bytes: usize,
    /// Where tenants print.
    pub console: Rc<dyn Console>,
    /// How fetches are made. Its keys are the runtime's to choose.
    pub network: ClientOptions,
}

/// What turns the driver's loop, for at most the time given.
type Turn = Rc<dyn Fn(Duration)>;

/// One thread's isolates. Never leaves its thread; JavaScript is on the stack while methods run that enter an isolate.
pub struct Runtime {
    lp: Rc<Loop>,
    console: Rc<dyn Console>,
    client: Rc<Client>,
    spare_target: Cell<usize>,
    spares: RefCell<Vec<(Rc<Realm>, Rc<InstanceHost>)>>,
    isolate_stack: Rc<IsolateStack>,
    instances: RefCell<HashMap<u32, Rc<Instance>>>,
    by_isolate: RefCell<HashMap<usize, u32>>,
    next_key: Cell<u32>,
    foreground: Mailbox<ForegroundTask>,
    foreground_sender: Sender<ForegroundTask>,
    delayed: RefCell<Slab<(u32, v8::Task)>>,
    /// Tasks and messages for the isolates of this thread, from themselves and from others.
    messages: Mailbox<Delivery>,
    message_sender: Sender<Delivery>,
    /// Instances whose code caches are to be made when there is time.
    cacheable: RefCell<VecDeque<Rc<Instance>>>,
    pub(crate) lifecycle: Lifecycle,
    pub(crate) pulse: Arc<Pulse>,
    pub(crate) meter: Meter,
    _watched: Watched,
    turn: RefCell<Option<Turn>>,
    depth: Cell<u32>,
    stack_base: usize,
    young_bytes: usize,
    slices: Cell<u64>,
}

impl Runtime {
    /// The runtime of this thread, on its loop.
    ///
    /// # Errors
    ///
    /// If the watchdog's thread cannot be started.
    pub fn new(lp: Rc<Loop>, options: RuntimeOptions) -> io::Result<Rc<Self>> {
        engine::initialize();
        let pulse = Arc::new(Pulse::default());
        let (foreground_sender, foreground) =
            lp.mailbox(KIND_FOREGROUND, Capacity::AtMost(FOREGROUND_CAPACITY));
        // What waits here is bounded by its senders' memory: each message counts for its sender until it is read.
        let (message_sender, messages) = lp.mailbox(KIND_MESSAGES, Capacity::Unbounded);
        let network = ClientOptions { keys: KIND_NETWORK, ..options.network };
        let client = Rc::new(Client::new(Rc::clone(&lp), engine::waiting_pool(), network));
        let mut watching = Ok(());
        let runtime = Rc::new_cyclic(|me: &std::rc::Weak<Self>| {
            // The address at which the runtime will be, for the interrupt callback.
            let address = me.as_ptr().cast::<c_void>();
            let watched = slice::watch(Arc::clone(&pulse), lp.probe(), address).unwrap_or_else(|error| {
                watching = Err(error);
                Watched::none()
            });
            Self {
                lp,
                console: options.console,
                client,
                spare_target: Cell::new(options.spares),
                spares: RefCell::default(),
                isolate_stack: Rc::default(),
                instances: RefCell::default(),
                by_isolate: RefCell::default(),
                next_key: Cell::new(1),
                foreground,
                foreground_sender,
                delayed: RefCell::default(),
                messages,
                lifecycle: Lifecycle::new(message_sender.clone()),
                message_sender,
                cacheable: RefCell::default(),
                pulse,
                meter: Meter::default(),
                _watched: watched,
                turn: RefCell::default(),
                depth: Cell::new(0),
                stack_base: realm::stack_base(),
                young_bytes: options.young_bytes,
                slices: Cell::new(0),
            }
        });
        watching.map(|()| runtime)
    }

    /// The thread's loop.
    pub fn event_loop(&self) -> &Rc<Loop> {
        &self.lp
    }

    /// What turns the driver's loop from within a slice, for at most the time that it is given. Without one, nobody gives way.
    pub fn set_turn(&self, turn: Rc<dyn Fn(Duration)>) {
        *self.turn.borrow_mut() = Some(turn);
    }

    /// Whether the driver has something to do in a turn beside the events of its loop: a tenant that runs for long gives way for that
    /// too. A store.
    pub fn set_waiting(&self, waiting: bool) {
        self.pulse.set_waiting(waiting);
    }

    /// How often a tenant has given way to others.
    pub fn slices(&self) -> u64 {
        self.slices.get()
    }

    // ---- Making instances ----

    /// Puts an application into an isolate (a spare one if there is one) and begins to load it. Requests may be given to the
    /// instance at once; they wait until it is ready.
    ///
    /// # Errors
    ///
    /// If the process's heap budget has no room, even after idle instances of this thread were closed.
    pub fn instance(&self, app: &Arc<Application>) -> Result<Rc<Instance>, NoIsolate> {
        let instance = self.create(app)?;
        self.load(&instance);
        Ok(instance)
    }

    /// The first half of [`instance`](Self::instance): the application has an isolate, in which nothing was evaluated. Whoever
    /// keeps instances by application remembers it now: while it loads, a time slice may bring the next request for it. It is not closed to
    /// make room until it has had a request, or is told that there is none ([`Instance::expects_no_request`]).
    ///
    /// # Errors
    ///
    /// As for [`instance`](Self::instance).
    pub fn create(&self, app: &Arc<Application>) -> Result<Rc<Instance>, NoIsolate> {
        self.keep_to_budget(memory::ISOLATE_ESTIMATE_BYTES);
        let spare = self.spares.borrow_mut().pop();
        let (realm, host) = match spare {
            Some(spare) => spare,
            None => {
                self.find_room();
                self.make_realm(Need::Request)?
            }
        };
        if !app.limits().allow_eval {
            realm.forbid_eval();
        }
        let key = self.unused_key();
        host.adopt(key, app, &realm.account);
        realm.heap.set_limit(app.limits().memory_bytes);
        realm.account.set_limit(app.limits().memory_bytes);
        realm.account.attach_to(app.account());
        self.pulse.add(key, realm.handle());
        self.by_isolate.borrow_mut().insert(realm.address(), key);
        let instance = Rc::new(Instance {
            key,
            app: Arc::clone(app),
            phase: RefCell::new(Phase::New),
            modules: ModuleMap::new(Arc::clone(app)),
            realm: RefCell::new(Some(realm)),
            host,
            queue: RefCell::default(),
            closing: Cell::new(false),
            ended: Cell::new(None),
            gave_way: Cell::new(None),
            slices: Cell::new((0, 0)),
            cpu: Account::new(app.limits().cpu, self.lp.now()),
            last_used: Cell::new(self.lp.now()),
            expects_request: Cell::new(true),
            runs: Cell::new(0),
            completion: RefCell::new(None),
        });
        self.instances.borrow_mut().insert(key, Rc::clone(&instance));
        app.counters().isolates_made.add(1);
        self.look_later();
        Ok(instance)
    }

    fn make_realm(&self, need: Need) -> Result<(Rc<Realm>, Rc<InstanceHost>), NoIsolate> {
        let host = InstanceHost::new(
            Rc::clone(&self.lp),
            Rc::clone(&self.console),
            Some(self.message_sender.clone()),
            Rc::clone(&self.client),
        );
        let their = Rc::clone(&host) as Rc<dyn nano_web::Host>;
        let realm = Realm::new(their, &self.isolate_stack, self.stack_base, self.young_bytes, need)?;
        engine::register(realm.address(), self.foreground_sender.clone());
        Ok((realm, host))
    }

    fn unused_key(&self) -> u32 {
        let instances = self.instances.borrow();
        loop {
            let key = self.next_key.get();
            self.next_key.set((key + 1) % (1 << KEY_BITS));
            if key != 0 && !instances.contains_key(&key) {
                return key;
            }
        }
    }

    /// The second half of [`instance`](Self::instance): compiles, links and evaluates the application's modules.
    pub fn load(&self, instance: &Rc<Instance>) {
        self.enter(instance, |scope, realm| {
            // SAFETY: the map is the instance's, which is alive while its realm is: closing drops the realm first.
            unsafe { instance.modules.attach(scope) };
            let phase = match Self::evaluate(scope, realm, instance) {
                Ok(phase) => phase,
                Err(error) => Phase::Failed(error),
            };
            *instance.phase.borrow_mut() = phase;
        });
        self.settle_failed(instance);
    }

    fn evaluate(
        scope: &mut v8::PinScope<'_, '_>,
        realm: &Realm,
        instance: &Instance,
    ) -> Result<Phase, LoadError> {
        let entry = instance.app.entry()?;
        v8::tc_scope!(let scope, scope);
        if let Some(arguments) = instance.app.script_arguments() {
            expose_arguments(scope, arguments);
            if instance.app.is_code() {
                let source = instance.app.module(entry);
                let Content::Code(text) = &source.content else { return Ok(Phase::Ready) };
                let Some(value) = modules::evaluate_code(scope, text) else {
                    return Err(pending_error(scope, realm));
                };
                *instance.completion.borrow_mut() = Some(v8::Global::new(scope, value));
                return Ok(Phase::Ready);
            }
            if instance.app.is_classic(entry) {
                return match modules::run_classic(scope, &instance.app.module(entry)) {
                    Some(_) => Ok(Phase::Ready),
                    None => Err(pending_error(scope, realm)),
                };
            }
        }
        let module = match modules::compile_graph(scope, &instance.modules, entry) {
            Ok(module) => module,
            Err(Failure::Load(error)) => return Err(error),
            Err(Failure::Exception) => return Err(pending_error(scope, realm)),
        };
        let Some(promise) = modules::link_and_evaluate(scope, module) else {
            return Err(pending_error(scope, realm));
        };
        scope.perform_microtask_checkpoint();
        if promise.state() == v8::PromiseState::Pending {
            return Ok(Phase::Loading(v8::Global::new(scope, promise), v8::Global::new(scope, module)));
        }
        start(scope, realm, instance, promise, module).map(|()| Phase::Ready)
    }

    /// An application whose top level awaited: goes on when its promise is settled.
    fn continue_loading(&self, scope: &mut v8::PinScope<'_, '_>, realm: &Realm, instance: &Instance) {
        let settled = {
            let phase = instance.phase.borrow();
            let Phase::Loading(promise, module) = &*phase else { return };
            let promise = v8::Local::new(scope, promise);
            if promise.state() == v8::PromiseState::Pending {
                return;
            }
            (promise, v8::Local::new(scope, module))
        };
        v8::tc_scope!(let scope, scope);
        let phase = match start(scope, realm, instance, settled.0, settled.1) {
            Ok(()) => Phase::Ready,
            Err(error) => Phase::Failed(error),
        };
        *instance.phase.borrow_mut() = phase;
    }

    /// Requests that waited for an application that cannot be loaded fail.
    fn settle_failed(&self, instance: &Instance) {
        let Some(error) = instance.failure() else { return };
        let Some(realm) = instance.realm() else { return };
        let reason = error.to_string();
        for id in realm.state().exchange_ids() {
            if let Some(exchange) = realm.state().remove_exchange(id) {
                exchange.fail(FailureCause::NotLoaded, &reason);
            }
        }
    }

    // ---- Entering ----

    /// Gives a request to an application: at once if it can be entered, else when it can. The id names the request towards the
    /// other methods, until the exchange is over; `None` if the isolate has too many requests under way.
    ///
    /// `head` is the request's head, in Latin-1: see `fetch/incoming.js` in nano-web.
    pub fn request(
        &self,
        instance: &Rc<Instance>,
        exchange: Rc<dyn Exchange>,
        head: &[u8],
    ) -> Option<ExchangeId> {
        let realm = instance.realm()?;
        instance.expects_request.set(false);
        let id = realm.state().add_exchange(exchange)?;
        instance.last_used.set(self.lp.now());
        if realm.is_entered() || !instance.is_ready() {
            if instance.failure().is_some() {
                self.settle_failed(instance);
            } else {
                instance.queue.borrow_mut().push_back(Task::Request(id, head.into()));
            }
            return Some(id);
        }
        instance.cpu.owner.set(Owner::Request(id));
        self.enter(instance, |scope, realm| handle_request(scope, realm, id, head));
        Some(id)
    }

    /// Bytes of a request's body, its end or its failure have arrived.
    pub fn body_ready(&self, instance: &Rc<Instance>, id: ExchangeId) {
        if instance.realm().is_some_and(|realm| realm.state().pass_request_body(id) == Relayed::Done) {
            return;
        }
        self.post(instance, Task::BodyReady(id));
    }

    /// There is room for more of a response.
    pub fn writable(&self, instance: &Rc<Instance>, id: ExchangeId) {
        if instance.realm().is_some_and(|realm| realm.state().pass_writable(id) == Relayed::Done) {
            return;
        }
        self.post(instance, Task::Writable(id));
    }

    /// The client has closed its side; it may still read. The request's signal is aborted.
    pub fn hung_up(&self, instance: &Rc<Instance>, id: ExchangeId) {
        self.post(instance, Task::HungUp(id));
    }

    /// The server ends: the client of a request that was answered with 101 is told so.
    pub fn go_away(&self, instance: &Rc<Instance>, id: ExchangeId) {
        self.post(instance, Task::GoAway(id));
    }

    /// The client is gone: the request's signal is aborted, who waits for its body or for room is told, and the request is
    /// forgotten unless `waitUntil` keeps it.
    pub fn gone(&self, instance: &Rc<Instance>, id: ExchangeId) {
        self.post(instance, Task::Gone(id));
    }

    /// The response's head was not there in time, or what `waitUntil` was given has not come to an end: the request's signal is aborted,
    /// and the request is forgotten.
    pub fn late(&self, instance: &Rc<Instance>, id: ExchangeId) {
        self.post(instance, Task::Late(id));
    }

    /// Runs a task now, or when the isolate can be entered.
    fn post(&self, instance: &Rc<Instance>, task: Task) {
        let Some(realm) = instance.realm() else { return };
        if realm.is_entered() {
            instance.queue.borrow_mut().push_back(task);
        } else {
            self.enter(instance, |scope, realm| perform(scope, realm, instance, task));
        }
    }

    /// Enters the isolate for `work`, drains microtasks, reports what nobody caught, and does what waited meanwhile.
    fn enter(
        &self,
        instance: &Rc<Instance>,
        work: impl FnOnce(&mut PinTryCatch<'_, '_, '_, '_>, &Realm),
    ) -> bool {
        let Some(realm) = instance.realm() else { return false };
        let before = self.pulse.begin(instance.key);
        let was_ready = instance.is_ready();
        realm.enter(|scope, realm| {
            self.within(scope, realm, instance, work);
            // What came while JavaScript was on the stack.
            loop {
                realm.heap.settle(scope);
                realm.count_wasm(scope);
                if realm.heap.is_terminated() || instance.ended.get().is_some() {
                    break;
                }
                let next = if instance.is_ready() {
                    instance.queue.borrow_mut().pop_front()
                } else {
                    self.continue_loading(scope, realm, instance);
                    pop_ready(instance)
                };
                let Some(task) = next else { break };
                self.within(scope, realm, instance, |scope, realm| perform(scope, realm, instance, task));
            }
        });
        let news = self.pulse.take_news();
        if !news.is_none() {
            self.charge(instance, &realm, news, At::End, was_ready);
        }
        self.pulse.end(before);
        if !was_ready && instance.is_ready() {
            self.cacheable.borrow_mut().push_back(Rc::clone(instance));
        } else if instance.has_failed() && instance.ended.get().is_none() {
            self.settle_failed(instance);
        }
        self.count_heap(instance, &realm, news.is_long());
        if realm.heap.is_terminated() {
            instance.end(FailureCause::Memory);
        }
        if let Some(cause) = instance.ended.get() {
            self.terminate(instance, cause);
        } else if instance.closing.get() {
            self.close(instance);
        }
        true
    }

    /// Counts what the isolate holds after it has run, where it may have grown unseen: V8 tells of collections only. In most
    /// runs nothing is counted. Beyond the process's limit, those of this thread end that fill the heap: idle ones first, then this one, then
    /// others. Small ones stay, since their end would hardly help, and their next requests would need isolates again.
    fn count_heap(&self, instance: &Rc<Instance>, realm: &Realm, long: bool) {
        let runs = instance.runs.get().wrapping_add(1);
        instance.runs.set(runs);
        if !long && runs > COUNTED_RUNS && !runs.is_multiple_of(COUNT_EVERY) {
            return;
        }
        if !realm.is_entered() {
            realm.enter(|scope, realm| realm.heap.count(scope));
        }
        realm.heap.charge_buffers(realm.account.used());
        self.keep_to_budget(0);
        while memory::is_over_limit() {
            // Its own memory is free when this run is over.
            let own = || realm.heap.is_large() && (self.evict(instance) || realm.heap.give_up());
            if !self.evict_large(instance) && (own() || self.end_largest() != Ending::Over) {
                return;
            }
        }
    }

    fn within(
        &self,
        scope: &mut v8::PinScope<'_, '_>,
        realm: &Realm,
        instance: &Instance,
        work: impl FnOnce(&mut PinTryCatch<'_, '_, '_, '_>, &Realm),
    ) {
        v8::tc_scope!(let scope, scope);
        work(scope, realm);
        if instance.ended.get().is_some() {
            return;
        }
        if let Some(exception) = scope.exception().filter(|_| !scope.has_terminated()) {
            // Whatever came out of an entry function is nobody's: HTML, "report an exception".
            scope.reset();
            realm.entries().report(scope, exception);
        }
        scope.perform_microtask_checkpoint();
        nano_web::entry::collect_ahead(scope);
        realm.entries().notify_about_rejections(scope);
        if instance.is_loading() {
            self.continue_loading(scope, realm, instance);
        }
    }

    // ---- Events ----

    /// Takes an event whose key has [`RUNTIME_KEYS`]; false: it is the driver's.
    pub fn handle(&self, event: &Event) -> bool {
        match *event {
            Event::Timer { key, .. } if key & KIND_MASK == KIND_TIMER => self.timer_due(key),
            Event::Timer { key: KIND_LOOK, .. } => self.look_after_instances(),
            Event::Timer { key, .. } if key & KIND_MASK == KIND_DELAYED => {
                let task = self.delayed.borrow_mut().try_remove((key & u64::from(u32::MAX)) as usize);
                if let Some((instance, task)) = task {
                    self.run_foreground(instance, task);
                }
            }
            Event::Mail { key } if key == KIND_FOREGROUND => self.take_foreground(),
            Event::Mail { key } if key == KIND_MESSAGES => self.deliver(),
            Event::Ready { key, .. } | Event::Timer { key, .. } | Event::Done { key }
                if key & NETWORK_MASK == KIND_NETWORK =>
            {
                self.client.handle_event(event);
                self.take_news();
            }
            Event::Done { key } if key & KIND_MASK == KIND_WORK => self.work_done(key),
            Event::Ready { key, .. }
            | Event::Timer { key, .. }
            | Event::Mail { key }
            | Event::Done { key } => {
                return key & RUNTIME_KEYS != 0;
            }
            Event::Woken => return false,
        }
        true
    }

    fn timer_due(&self, key: u64) {
        let instance = (key >> 32) as u32 & ((1 << KEY_BITS) - 1);
        let timer = key as u32;
        let instance = self.instances.borrow().get(&instance).cloned();
        if let Some(instance) = instance {
            if timer == LOG_TIMER {
                return instance.host.tell_dropped();
            }
            instance.last_used.set(self.lp.now());
            self.post(&instance, Task::Timer(timer));
        }
    }

    /// Tasks and messages that were there when this began, each entering its isolate by itself; those that they cause come after
    /// whatever else the loop has.
    fn deliver(&self) {
        for _ in 0..self.messages.len() {
            let Some(Delivery { instance, what }) = self.messages.take() else { break };
            if matches!(what, Parcel::MakeRoom) {
                self.make_room();
                continue;
            }
            let instance = self.instances.borrow().get(&instance).cloned();
            if let Some(instance) = instance {
                instance.last_used.set(self.lp.now());
                self.post(&instance, Task::Delivery(what));
            }
        }
        if !self.messages.is_empty() {
            self.messages.requeue();
        }
    }

    fn work_done(&self, key: u64) {
        let instance = (key >> 32) as u32 & ((1 << KEY_BITS) - 1);
        let instance = self.instances.borrow().get(&instance).cloned();
        if let Some(instance) = instance {
            instance.last_used.set(self.lp.now());
            for (id, result) in instance.host.take_work(key as u32) {
                let result = result.map(|(result, ns)| {
                    self.charge_work(&instance, id, ns);
                    result
                });
                self.post(&instance, Task::Work(id, result));
            }
        }
    }

    /// Tells the isolates what has happened to their fetches.
    fn take_news(&self) {
        while let Some(news) = self.client.poll_event() {
            let (key, id) = network::owner_parts(news.owner);
            let instance = self.instances.borrow().get(&key).cloned();
            let event = match news.kind {
                EventKind::Head => NetworkEvent::Head,
                EventKind::Body => NetworkEvent::Body,
                EventKind::Room => NetworkEvent::Room,
            };
            match instance {
                Some(instance) => {
                    instance.last_used.set(self.lp.now());
                    let passed = instance
                        .realm()
                        .is_some_and(|realm| realm.state().pass_network_event(id, event) == Relayed::Done);
                    if !passed {
                        self.post(&instance, Task::Network(id, event));
                    }
                }
                None => self.client.cancel(news.fetch),
            }
        }
    }

    fn take_foreground(&self) {
        while let Some(ForegroundTask { isolate, task, delay_seconds }) = self.foreground.take() {
            let Some(instance) = self.by_isolate.borrow().get(&isolate).copied() else { continue };
            if delay_seconds > 0.0 {
                let index = self.delayed.borrow_mut().insert((instance, task));
                let delay = Duration::try_from_secs_f64(delay_seconds).unwrap_or_default();
                self.lp.insert(self.lp.now() + delay, KIND_DELAYED | index as u64);
            } else {
                self.run_foreground(instance, task);
            }
        }
    }

    fn run_foreground(&self, instance: u32, task: v8::Task) {
        let instance = self.instances.borrow().get(&instance).cloned();
        if let Some(instance) = instance {
            self.post(&instance, Task::Platform(task));
        }
    }

    /// The instance that has this isolate.
    pub(crate) fn instance_of(&self, isolate: &v8::Isolate) -> Option<Rc<Instance>> {
        let key = self.by_isolate.borrow().get(&realm::address_of(isolate)).copied()?;
        self.instances.borrow().get(&key).cloned()
    }

    // ---- Idle time ----

    /// Does one piece of work that can wait: a spare isolate, or an application's code caches. False: there is none. Takes one to
    /// two milliseconds; the driver looks for events in between.
    pub fn idle(&self) -> bool {
        if self.wants_spare() {
            if let Ok(spare) = self.make_realm(Need::Spare) {
                self.spares.borrow_mut().push(spare);
                return true;
            }
            // It will not go better the next time.
            self.spare_target.set(0);
        }
        let next = self.cacheable.borrow_mut().pop_front();
        if let Some(instance) = next
            && let Some(realm) = instance.realm()
            && !realm.is_entered()
        {
            realm.enter(|scope, _| modules::produce_caches(scope, &instance.modules));
            return true;
        }
        false
    }

    fn wants_spare(&self) -> bool {
        self.spares.borrow().len() < self.spare_target.get() && memory::has_room_for_isolate(Need::Spare)
    }

    /// Whether [`idle`](Self::idle) has something to do.
    pub fn has_idle_work(&self) -> bool {
        self.wants_spare() || !self.cacheable.borrow().is_empty()
    }

    /// Whether any request is under way, on its connection or kept by `waitUntil`.
    pub fn is_busy(&self) -> bool {
        self.instances.borrow().values().any(|instance| instance.exchanges() > 0)
    }

    /// Keeps so many isolates ready from now on; those that are ready stay.
    pub fn set_spares(&self, count: usize) {
        self.spare_target.set(count);
    }

    /// Isolates that are ready for applications that were never visited.
    pub fn spares(&self) -> usize {
        self.spares.borrow().len()
    }

    /// Instances that are alive.
    pub fn instances(&self) -> usize {
        self.instances.borrow().len()
    }

    /// Whether tasks and messages wait.
    pub(crate) fn has_messages(&self) -> bool {
        !self.messages.is_empty()
    }

    /// Whether V8 has posted tasks that are to run now.
    pub(crate) fn has_foreground_work(&self) -> bool {
        !self.foreground.is_empty()
    }

    /// The value of the code that the instance has evaluated, as the console prints it. `None` while it is a pending promise.
    pub(crate) fn completion(&self, instance: &Rc<Instance>) -> Option<String> {
        let value = instance.completion.borrow_mut().take()?;
        let mut text = None;
        self.enter(instance, |scope, realm| {
            let mut value = v8::Local::new(scope, value);
            if let Ok(promise) = v8::Local::<v8::Promise>::try_from(value) {
                if promise.state() == v8::PromiseState::Pending {
                    return;
                }
                value = promise.result(scope);
            }
            text = realm.entries().describe(scope, value);
        });
        text
    }

    // ---- Closing ----

    /// Ends an instance: at once, or when its JavaScript is off the stack. Its requests fail, its timers are gone.
    pub fn close(&self, instance: &Rc<Instance>) {
        self.close_for(instance, FailureCause::NotLoaded, "the application was unloaded");
    }

    /// The same for a reason that its requests are told.
    pub(crate) fn close_for(&self, instance: &Rc<Instance>, cause: FailureCause, reason: &str) {
        let Some(realm) = instance.realm() else { return };
        if realm.is_entered() {
            instance.closing.set(true);
            return;
        }
        self.bury(instance, cause, reason);
    }

    /// The instances that no request is under way in, and that fulfil a condition.
    pub(crate) fn idle_instances(&self, wanted: impl Fn(&Instance) -> bool) -> Vec<Rc<Instance>> {
        let instances = self.instances.borrow();
        instances
            .values()
            .filter(|instance| lifecycle::is_idle(instance) && wanted(instance))
            .cloned()
            .collect()
    }

    /// The instance that holds most, unless all are small.
    pub(crate) fn largest(&self) -> Option<Rc<Instance>> {
        let instances = self.instances.borrow();
        let large =
            instances.values().filter(|instance| instance.is_large() && instance.ended.get().is_none());
        large.max_by_key(|instance| instance.heap_bytes()).cloned()
    }

    /// The instance has exceeded a limit: it ends with all its requests, and the next one gets another.
    pub(crate) fn terminate(&self, instance: &Rc<Instance>, cause: FailureCause) {
        let counters = instance.app.counters();
        let reason = match cause {
            FailureCause::Cpu => {
                counters.ended_for_cpu.add(1);
                cpu::EXCEEDED
            }
            _ => {
                counters.ended_for_memory.add(1);
                "the application has exceeded its memory limit"
            }
        };
        // Whatever it was that it did, its thread was held up by it.
        counters.weight.add(HEAVY);
        self.console.print(instance.app.name(), nano_web::Level::Error, reason);
        self.bury(instance, cause, reason);
    }

    /// The instance's JavaScript is off the stack, and will not run again.
    fn bury(&self, instance: &Rc<Instance>, cause: FailureCause, reason: &str) {
        instance.closing.set(true);
        instance.host.clear();
        instance.queue.borrow_mut().clear();
        self.pulse.remove(instance.key);
        self.instances.borrow_mut().remove(&instance.key);
        self.delayed.borrow_mut().retain(|_, (key, _)| *key != instance.key);
        let Some(realm) = instance.realm.borrow_mut().take() else { return };
        self.by_isolate.borrow_mut().remove(&realm.address());
        engine::unregister(realm.address());
        for id in realm.state().exchange_ids() {
            if let Some(exchange) = realm.state().remove_exchange(id) {
                exchange.fail(cause, reason);
            }
        }
        // Handles go before the isolate that they point into.
        *instance.phase.borrow_mut() =
            Phase::Failed(LoadError { message: reason.to_owned(), file: None, position: None });
        instance.modules.clear();
        drop(realm);
    }

    /// Waits for when V8 wants memory back: collects the garbage of all idle isolates.
    pub fn collect_garbage(&self) {
        let instances: Vec<_> = self.instances.borrow().values().cloned().collect();
        for instance in instances {
            if let Some(realm) = instance.realm()
                && !realm.is_entered()
            {
                realm.low_memory();
            }
        }
    }

    // ---- Slices ----

    /// Turns the driver's loop from within a running tenant, so that its neighbours are served.
    fn give_way(&self) {
        let Some(turn) = self.turn.borrow().clone() else { return };
        if self.depth.get() >= MAX_SLICE_DEPTH {
            return;
        }
        let hog = self.pulse.pause();
        if realm::stack_used(self.stack_base) <= realm::SLICED_STACK_BYTES {
            let below = self.instances.borrow().get(&hog.wrapping_sub(1)).cloned();
            if let Some(below) = below {
                let run = below.runs.get();
                let (last, times) = below.slices.get();
                let times = if last == run { times.saturating_add(1) } else { 1 };
                below.slices.set((run, times));
                if times >= LONG_SLICES {
                    below.gave_way.set(Some(self.lp.now()));
                }
            }
            self.depth.set(self.depth.get() + 1);
            self.slices.set(self.slices.get() + 1);
            // A fault in what is served meanwhile ends here; nothing may unwind through V8's frames.
            if std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| turn(slice::SLICE))).is_err() {
                eprintln!("nano: a fault while serving others in a time slice; it was contained");
            }
            self.depth.set(self.depth.get() - 1);
        }
        self.pulse.resume(hog);
        self.meter.restart(self.pulse.run());
    }

    /// How many slices are on the stack.
    pub fn slice_depth(&self) -> u32 {
        self.depth.get()
    }

    /// Now, as the loop has it.
    pub fn now(&self) -> Moment {
        self.lp.now()
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        let instances: Vec<_> = self.instances.borrow().values().cloned().collect();
        for instance in instances {
            self.bury(&instance, FailureCause::NotLoaded, "the runtime ends");
        }
        for (realm, _) in self.spares.borrow_mut().drain(..) {
            engine::unregister(realm.address());
        }
    }
}

/// V8 calls this on the worker's thread, inside the JavaScript that has run for a slice.
pub(crate) unsafe extern "C" fn interrupted(isolate: v8::UnsafeRawIsolatePtr, runtime: *mut c_void) {
    // SAFETY: `runtime` is the address of the thread's `Runtime`, which outlives its isolates and so every interrupt of theirs.
    let runtime = unsafe { &*runtime.cast::<Runtime>().cast_const() };
    if !runtime.pulse.is_due() {
        return;
    }
    // SAFETY: V8 hands over the isolate that it interrupts, which is alive for this call.
    let mut isolate = unsafe { v8::Isolate::from_raw_isolate_ptr_unchecked(isolate) };
    // The tenant's clock stops here, and goes on when the others have run.
    if runtime.charge_within(&mut isolate) {
        runtime.give_way();
    }
}

/// The same, to count the memory of what has run for some time.
pub(crate) unsafe extern "C" fn count_long_run(isolate: v8::UnsafeRawIsolatePtr, runtime: *mut c_void) {
    // SAFETY: as in `interrupted`.
    let runtime = unsafe { &*runtime.cast::<Runtime>().cast_const() };
    let due = runtime.pulse.counted();
    // SAFETY: V8 hands over the isolate that it interrupts, which is alive for this call.
    let mut isolate = unsafe { v8::Isolate::from_raw_isolate_ptr_unchecked(isolate) };
    let realm = runtime.instance_of(&isolate).and_then(|instance| instance.realm());
    if let Some(realm) = realm {
        realm.count_wasm_within(&mut isolate);
    }
    if due {
        runtime.charge_within(&mut isolate);
    }
}

/// The next task that does not need the application's handler.
fn pop_ready(instance: &Instance) -> Option<Task> {
    let mut queue = instance.queue.borrow_mut();
    if instance.is_ready() {
        return queue.pop_front();
    }
    let index = queue.iter().position(|task| !matches!(task, Task::Request(..)))?;
    queue.remove(index)
}

fn perform(scope: &mut PinTryCatch<'_, '_, '_, '_>, realm: &Realm, instance: &Instance, task: Task) {
    instance.cpu.owner.set(cpu::owner_of(&task, realm, instance));
    match task {
        Task::Request(id, head) => handle_request(scope, realm, id, &head),
        Task::Timer(timer) => {
            let known = instance.host.timers.borrow().get(&timer).map(|timer| timer.every.is_some());
            match known {
                // Cancelled meanwhile.
                None => return,
                Some(true) => instance.host.rearm(timer),
                Some(false) => drop(instance.host.timers.borrow_mut().remove(&timer)),
            }
            realm.entries().fire_timer(scope, timer);
            if known == Some(false) {
                realm.entries().forget_timer(scope, timer);
            }
        }
        Task::BodyReady(id) => entry::body_ready(scope, id),
        Task::Writable(id) => entry::writable(scope, id, false),
        Task::GoAway(id) => entry::go_away(scope, id),
        Task::HungUp(id) => realm.entries().abort(scope, id, false),
        Task::Late(id) => {
            realm.entries().abort(scope, id, true);
            realm.state().remove_exchange(id);
        }
        Task::Gone(id) => {
            realm.entries().abort(scope, id, false);
            entry::writable(scope, id, true);
            entry::body_ready(scope, id);
            if realm.state().exchange(id).is_some_and(|exchange| exchange.is_over()) {
                realm.state().remove_exchange(id);
            }
        }
        Task::Work(id, result) => entry::work_done(scope, id, result),
        Task::Network(id, event) => entry::network_event(scope, id, event),
        Task::Platform(task) => task.run(),
        Task::Delivery(Parcel::Task) => realm.entries().run_task(scope),
        // The thread's own business: see `deliver`.
        Task::Delivery(Parcel::MakeRoom) => {}
        Task::Delivery(Parcel::Broadcast(name, message)) => {
            realm.entries().receive_broadcast(scope, &name, message);
        }
    }
}

/// Calls the handler; what it throws fails the request.
fn handle_request(scope: &mut PinTryCatch<'_, '_, '_, '_>, realm: &Realm, id: ExchangeId, head: &[u8]) {
    let entries = realm.entries();
    let Some(head) = v8::String::new_from_one_byte(scope, head, v8::NewStringType::Normal) else { return };
    if entries.dispatch(scope, head, id).is_none()
        && let Some(exception) = scope.exception().filter(|_| !scope.has_terminated())
    {
        scope.reset();
        entries.fail(scope, id, exception);
    }
}

/// The application's modules are evaluated, or have failed: hands its handler over.
fn start(
    scope: &mut v8::PinScope<'_, '_>,
    realm: &Realm,
    instance: &Instance,
    promise: v8::Local<'_, v8::Promise>,
    module: v8::Local<'_, v8::Module>,
) -> Result<(), LoadError> {
    v8::tc_scope!(let scope, scope);
    if promise.state() == v8::PromiseState::Rejected {
        entry::handle_rejection(scope, promise);
        let reason = promise.result(scope);
        return Err(exception_error(scope, realm, reason, None));
    }
    if instance.app.is_script() {
        return Ok(());
    }
    let namespace = v8::Local::<v8::Object>::try_from(module.get_module_namespace()).ok();
    let default = v8::String::new(scope, "default").map(Into::into);
    let export = match (namespace, default) {
        (Some(namespace), Some(default)) => namespace.get(scope, default),
        _ => None,
    };
    let export = export.unwrap_or_else(|| v8::undefined(scope).into());
    let variables = instance.app.variables().and_then(|variables| v8::String::new(scope, variables));
    let services = instance.app.service_names().and_then(|names| v8::String::new(scope, &names));
    match realm.entries().start(scope, export, variables, services) {
        Some(()) => Ok(()),
        None => Err(pending_error(scope, realm)),
    }
}

/// Scripts find their arguments in the global `scriptArgs`.
fn expose_arguments(scope: &mut v8::PinScope<'_, '_>, arguments: &[String]) {
    let mut values: Vec<v8::Local<'_, v8::Value>> = Vec::with_capacity(arguments.len());
    for argument in arguments {
        let Some(value) = v8::String::new(scope, argument) else { return };
        values.push(value.into());
    }
    let array = v8::Array::new_with_elements(scope, &values);
    let global = scope.get_current_context().global(scope);
    if let Some(key) = v8::String::new(scope, "scriptArgs") {
        global.set(scope, key.into(), array.into());
    }
}

/// The pending exception as an error, with its place in the source.
fn pending_error(scope: &mut PinTryCatch<'_, '_, '_, '_>, realm: &Realm) -> LoadError {
    let exception = scope.exception();
    let message = scope.message();
    scope.reset();
    match exception {
        Some(exception) => exception_error(scope, realm, exception, message),
        None => LoadError { message: "execution was terminated".into(), file: None, position: None },
    }
}

type PinTryCatch<'a, 'b, 's, 'i> = v8::PinnedRef<'a, v8::TryCatch<'b, 's, v8::HandleScope<'i>>>;

pub(crate) fn exception_error(
    scope: &mut v8::PinScope<'_, '_>,
    realm: &Realm,
    exception: v8::Local<'_, v8::Value>,
    message: Option<v8::Local<'_, v8::Message>>,
) -> LoadError {
    let message = message.unwrap_or_else(|| v8::Exception::create_message(scope, exception));
    let file = message.get_script_resource_name(scope).map(|name| name.to_rust_string_lossy(scope));
    let line = message.get_line_number(scope).unwrap_or(0) as u32;
    // Without a place in a script (WebAssembly has none) V8 says -1.
    let column =
        u32::try_from(message.get_start_column() as i64).map_or(1, |column| column.saturating_add(1));
    let text = realm.entries().describe(scope, exception).unwrap_or_else(|| "an exception".into());
    let original = file.as_deref().and_then(|file| {
        let app = ModuleMap::of(scope)?.application();
        app.original(file, line, column)
    });
    if let Some(Original { name, line, column }) = original {
        return LoadError { message: text, file: Some(name), position: Some((line, column)) };
    }
    LoadError {
        message: text,
        file: file.filter(|file| !file.is_empty() && file != "undefined"),
        position: (line > 0).then_some((line, column)),
    }
}
