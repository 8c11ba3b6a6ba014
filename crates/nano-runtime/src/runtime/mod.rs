//! One thread's isolates: making them, entering them for what arrives, giving way, closing.
//!
//! The driver of the thread (the server, or [`run`](crate::run)) owns the loop and hands over the events that
//! are not its own. No borrow of anything here is held while JavaScript runs: a slice may come in at any
//! time, and turn the loop again.
//!
//! In reading order: this file (the type, its events), `making`, `loading`, `entering`, `charging`,
//! `closing`, `upkeep`. Each of the others adds methods to [`Runtime`] and may use the types beside this
//! folder; this file names none of them.

mod charging;
mod closing;
mod entering;
mod loading;
mod making;
mod upkeep;

use crate::channels::{Content, Delivery};
use crate::foreground::ForegroundTasks;
use crate::host::{Console, LOG_TIMER};
use crate::instance::Instance;
use crate::keys::EventKey;
use crate::lifecycle::Lifecycle;
use crate::network;
use crate::platform::{self, IsolateFactory};
use crate::pools;
use crate::slices::Slices;
use crate::spares::Spares;
use crate::table::InstanceTable;
use crate::task::Task;
use nano_fetch::{Client, ClientOptions, EventKind};
use nano_isolate::{ForegroundTask, Interrupts};
use nano_loop::{Capacity, Event, Loop, Mailbox, Moment, Sender};
use nano_web::{NetworkEvent, Relayed};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::ffi::c_void;
use std::io;
use std::rc::Rc;
use std::time::Duration;

/// How a thread's runtime is made.
pub struct RuntimeOptions {
    /// Isolates kept ready for applications that were never visited. Each costs an idle isolate's memory,
    /// under 1 MB.
    pub spares: usize,
    /// The maximum size of an isolate's young generation, in bytes; see [`YOUNG_BYTES`](crate::YOUNG_BYTES)
    /// and [`SCRIPT_YOUNG_BYTES`](crate::SCRIPT_YOUNG_BYTES).
    pub young_bytes: usize,
    /// Where tenants print.
    pub console: Rc<dyn Console>,
    /// How fetches are made. Its keys are the runtime's to choose.
    pub network: ClientOptions,
}

/// One thread's isolates. Never leaves its thread; JavaScript is on the stack while methods run that enter an
/// isolate.
pub struct Runtime {
    event_loop: Rc<Loop>,
    console: Rc<dyn Console>,
    client: Rc<Client>,
    isolates: IsolateFactory,
    spares: Spares,
    instances: InstanceTable,
    foreground: ForegroundTasks,
    /// Tasks and messages for the isolates of this thread, from themselves and from others.
    messages: Mailbox<Delivery>,
    message_sender: Sender<Delivery>,
    /// Instances whose code caches are to be made when there is time.
    cacheable: RefCell<VecDeque<Rc<Instance>>>,
    lifecycle: Lifecycle,
    slices: Slices,
}

impl Runtime {
    /// The runtime of this thread, on its loop.
    ///
    /// # Errors
    ///
    /// If the watchdog's thread cannot be started.
    pub fn new(event_loop: Rc<Loop>, options: RuntimeOptions) -> io::Result<Rc<Self>> {
        platform::initialize();
        // The queue is bounded by its senders' memory: each message counts for its sender until it is
        // read.
        let (message_sender, messages) = event_loop.mailbox(EventKey::Messages.to_u64(), Capacity::Unbounded);
        let network = ClientOptions { keys: EventKey::NETWORK_KEYS, ..options.network };
        let client = Rc::new(Client::new(Rc::clone(&event_loop), pools::waiting(), network));
        let stack_base = nano_isolate::stack_base();
        // The callbacks get the address at which the runtime will be.
        let mut made: Rc<std::mem::MaybeUninit<Self>> = Rc::new_uninit();
        let interrupts = Interrupts {
            count_memory: count_long_run,
            give_way: interrupted,
            data: Rc::as_ptr(&made) as usize,
        };
        let slices = Slices::new(event_loop.probe(), interrupts)?;
        let runtime = Self {
            console: options.console,
            client,
            isolates: IsolateFactory::new(stack_base, options.young_bytes),
            spares: Spares::new(options.spares),
            instances: InstanceTable::default(),
            foreground: ForegroundTasks::new(&event_loop),
            messages,
            lifecycle: Lifecycle::new(message_sender.clone()),
            message_sender,
            cacheable: RefCell::default(),
            slices,
            event_loop,
        };
        if let Some(place) = Rc::get_mut(&mut made) {
            place.write(runtime);
        }
        // SAFETY: written above: nobody else has this `Rc` yet, so `get_mut` gave its place.
        Ok(unsafe { made.assume_init() })
    }

    /// The thread's loop.
    pub fn event_loop(&self) -> &Rc<Loop> {
        &self.event_loop
    }

    /// Now, as the loop has it.
    pub fn now(&self) -> Moment {
        self.event_loop.now()
    }

    /// Sets the function that turns the driver's loop from within a slice, for at most the time that it is
    /// given. Without one, nobody gives way.
    pub fn set_turn(&self, turn: Rc<dyn Fn(Duration)>) {
        self.slices.set_turn(turn);
    }

    /// Whether the driver has something to do in a turn beside the events of its loop: a tenant that runs for
    /// long gives way for that too. A store.
    pub fn set_waiting(&self, waiting: bool) {
        self.slices.pulse().set_waiting(waiting);
    }

    /// How often a tenant has given way to others.
    pub fn slices(&self) -> u64 {
        self.slices.count()
    }

    /// How many slices are on the stack.
    pub fn slice_depth(&self) -> u32 {
        self.slices.depth()
    }

    /// Whether any request is under way, on its connection or kept by `waitUntil`.
    pub fn is_busy(&self) -> bool {
        self.instances.any(|instance| instance.exchanges() > 0)
    }

    /// Instances that are alive.
    pub fn instances(&self) -> usize {
        self.instances.len()
    }

    /// Whether tasks and messages wait.
    pub(crate) fn has_messages(&self) -> bool {
        !self.messages.is_empty()
    }

    /// Whether V8 has posted tasks that are to run now.
    pub(crate) fn has_foreground_work(&self) -> bool {
        self.foreground.is_waiting()
    }

    /// The instance that has this isolate.
    fn instance_of(&self, isolate: &v8::Isolate) -> Option<Rc<Instance>> {
        self.instances.get(self.instances.key_of_isolate(nano_isolate::address_of(isolate))?)
    }

    /// The instance of this key, which is used now.
    fn instance_for_event(&self, key: u32) -> Option<Rc<Instance>> {
        let instance = self.instances.get(key)?;
        instance.usage.last_used.set(self.event_loop.now());
        Some(instance)
    }

    // ---- Events ----

    /// Takes an event whose key has [`RUNTIME_KEYS`](crate::RUNTIME_KEYS); false: it is the driver's.
    pub fn handle(&self, event: &Event) -> bool {
        let Some(key) = EventKey::of(event) else { return false };
        match key {
            EventKey::Timer { instance, timer } => self.handle_timer(instance, timer),
            EventKey::Work { instance, work } => self.handle_work(instance, work),
            EventKey::Foreground => self.run_posted_foreground(),
            EventKey::DelayedForeground(place) => {
                if let Some((instance, task)) = self.foreground.take_delayed(place) {
                    self.run_foreground(instance, task);
                }
            }
            EventKey::Messages => self.deliver_messages(),
            EventKey::Upkeep => self.do_upkeep(),
            EventKey::Network(_) => {
                self.client.handle_event(event);
                self.deliver_network_events();
            }
        }
        true
    }

    fn handle_timer(&self, instance: u32, timer: u32) {
        if timer == LOG_TIMER {
            if let Some(instance) = self.instances.get(instance) {
                instance.host.report_dropped_lines();
            }
        } else if let Some(instance) = self.instance_for_event(instance) {
            self.post(&instance, Task::Timer(timer));
        }
    }

    fn handle_work(&self, instance: u32, work: u32) {
        let Some(instance) = self.instance_for_event(instance) else { return };
        for (id, result) in instance.host.works().take_ended(instance.key, work) {
            let result = result.map(|(result, ns)| {
                self.charge_work(&instance, id, ns);
                result
            });
            self.post(&instance, Task::Work(id, result));
        }
    }

    /// Tasks and messages that were there when this began, each entering its isolate by itself; those that
    /// they cause come after whatever else the loop has.
    fn deliver_messages(&self) {
        for _ in 0..self.messages.len() {
            let Some(Delivery { instance, content }) = self.messages.take() else { break };
            if matches!(content, Content::MakeRoom) {
                self.make_room();
            } else if let Some(instance) = self.instance_for_event(instance) {
                self.post(&instance, Task::Message(content));
            }
        }
        if !self.messages.is_empty() {
            self.messages.requeue();
        }
    }

    /// Tells the isolates what has happened to their fetches.
    fn deliver_network_events(&self) {
        while let Some(event) = self.client.poll_event() {
            let (key, id) = network::owner_parts(event.owner);
            let Some(instance) = self.instance_for_event(key) else {
                self.client.cancel(event.fetch);
                continue;
            };
            let event = match event.kind {
                EventKind::Head => NetworkEvent::Head,
                EventKind::Body => NetworkEvent::Body,
                EventKind::Room => NetworkEvent::Room,
            };
            let passed = instance
                .realm()
                .is_some_and(|realm| realm.platform().state().pass_network_event(id, event) == Relayed::Done);
            if !passed {
                self.post(&instance, Task::Network(id, event));
            }
        }
    }

    fn run_posted_foreground(&self) {
        while let Some(ForegroundTask { isolate, task, delay_seconds }) = self.foreground.take() {
            let Some(instance) = self.instances.key_of_isolate(isolate) else { continue };
            if delay_seconds > 0.0 {
                self.foreground.delay(instance, task, delay_seconds);
            } else {
                self.run_foreground(instance, task);
            }
        }
    }

    fn run_foreground(&self, instance: u32, task: v8::Task) {
        if let Some(instance) = self.instances.get(instance) {
            self.post(&instance, Task::Platform(task));
        }
    }

    // ---- Slices ----

    /// Turns the driver's loop from within a running tenant, so that its neighbours are served.
    fn give_way(&self) {
        self.slices.give_way(self.isolates.stack_used(), |key| {
            if let Some(instance) = self.instances.get(key) {
                instance.note_slice(self.event_loop.now());
            }
        });
    }
}

/// V8 calls this on the worker's thread, inside the JavaScript that has run for a slice.
unsafe extern "C" fn interrupted(isolate: v8::UnsafeRawIsolatePtr, runtime: *mut c_void) {
    // SAFETY: `runtime` is the address of the thread's `Runtime`, which outlives its isolates and so every
    // interrupt of theirs.
    let runtime = unsafe { &*runtime.cast::<Runtime>().cast_const() };
    if !runtime.slices.pulse().is_due() {
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
unsafe extern "C" fn count_long_run(isolate: v8::UnsafeRawIsolatePtr, runtime: *mut c_void) {
    // SAFETY: as in `interrupted`.
    let runtime = unsafe { &*runtime.cast::<Runtime>().cast_const() };
    let due = runtime.slices.pulse().counted();
    // SAFETY: V8 hands over the isolate that it interrupts, which is alive for this call.
    let mut isolate = unsafe { v8::Isolate::from_raw_isolate_ptr_unchecked(isolate) };
    let realm = runtime.instance_of(&isolate).and_then(|instance| instance.realm());
    if let Some(realm) = realm {
        realm.within(&mut isolate, |scope, realm| platform::count_wasm(realm, scope));
    }
    if due {
        runtime.charge_within(&mut isolate);
    }
}
