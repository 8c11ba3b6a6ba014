//! The Rust side's state of one isolate: its host and the requests it is answering.
//!
//! Reachable from every native function through the isolate's data slot [`STATE_SLOT`]. Knows nothing of how requests arrive.

use crate::events::rejections::Rejections;
use crate::fetch::client::Fetches;
use crate::host::{Accountant, Exchange, Host};
use crate::parts::Caches;
use crate::sequence::Sequence;
use crate::wasm::memory::Memories;
use crate::websocket::{Attached, Sockets};
use std::cell::{Cell, OnceCell, RefCell};
use std::collections::HashMap;
use std::ffi::c_void;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

/// The isolate's data slot that holds a `*const State`.
pub const STATE_SLOT: u32 = 0;

/// How many requests one isolate may have under way. Each costs a few hundred bytes here, beside what the handler holds for it.
pub const MAX_EXCHANGES: usize = 1 << 16;

/// What a WebSocket may use of a core in the long run without a message from its client, as one part in so many: enough to tell
/// the client now and then what is new.
const SOCKET_SHARE: u128 = 10;

/// Names one request for the lifetime of its isolate; never used twice.
///
/// JavaScript holds it as a number, below 2^53: see `sequence.rs`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ExchangeId(pub(crate) u64);

impl ExchangeId {
    /// The id as JavaScript holds it.
    pub fn as_f64(self) -> f64 {
        self.0 as f64
    }

    pub(crate) fn from_f64(value: f64) -> Self {
        // Anything that is no id (NaN, negative, fractional) becomes one that names no request.
        Self(value as u64)
    }
}

/// A request under way.
pub(crate) struct Slot {
    id: u64,
    pub(crate) exchange: Rc<dyn Exchange>,
    /// `ops.bodyRead` or `ops.bodyReadAll` waits for bytes.
    pub(crate) reading: RefCell<Option<Reading>>,
    /// `ops.responseWrite` waits for room.
    pub(crate) writing: RefCell<Option<v8::Global<v8::PromiseResolver>>>,
    /// Fetches that were made for it, those that are over included.
    pub(crate) fetches: RefCell<Vec<u64>>,
    /// The fetch whose response's body is this response's, without JavaScript: see `fetch/pipe.rs`.
    pub(crate) receives_from: Cell<Option<u64>>,
    /// The fetch whose request's body is this request's, likewise.
    pub(crate) sends_to: Cell<Option<u64>>,
    /// CPU time that it was charged with, in nanoseconds.
    cpu: Cell<u64>,
    /// Who has the bytes of the connection, once the request was answered with 101.
    pub(crate) attached: RefCell<Option<Attached>>,
    /// It has become a WebSocket: when it was charged last.
    charged_at: Cell<Option<Instant>>,
}

impl Slot {
    pub(crate) fn id(&self) -> ExchangeId {
        ExchangeId(self.id)
    }
}

/// Who waits for the body.
pub(crate) struct Reading {
    pub(crate) resolver: v8::Global<v8::PromiseResolver>,
    /// The bytes so far, where the whole body is wanted.
    pub(crate) all: Option<Gathered>,
}

/// A body that is being gathered into one buffer; its bytes count against the isolate's memory meanwhile.
#[derive(Default)]
pub(crate) struct Gathered {
    bytes: Vec<u8>,
    accountant: Option<Arc<dyn Accountant>>,
}

impl Gathered {
    /// Appends; false if there is no room.
    pub(crate) fn push(&mut self, piece: &[u8], accountant: Arc<dyn Accountant>) -> bool {
        if !accountant.take(piece.len()) {
            return false;
        }
        self.accountant = Some(accountant);
        self.bytes.extend_from_slice(piece);
        true
    }

    /// The bytes; they no longer count.
    pub(crate) fn into_bytes(mut self) -> Vec<u8> {
        self.give_back();
        std::mem::take(&mut self.bytes)
    }

    fn give_back(&mut self) {
        if let Some(accountant) = self.accountant.take() {
            accountant.give_back(self.bytes.len());
        }
    }
}

impl Drop for Gathered {
    fn drop(&mut self) {
        self.give_back();
    }
}

/// The state of one isolate; see the module.
pub struct State {
    host: Rc<dyn Host>,
    accountant: Arc<dyn Accountant>,
    caches: Caches,
    slots: RefCell<Sequence<Rc<Slot>>>,
    websockets: Cell<usize>,
    pub(crate) rejections: Rejections,
    pub(crate) wasm: crate::wasm::Streams,
    /// When a collection may be forced again for want of room.
    /// The least that its buffers held since [`collect_ahead`](crate::entry::collect_ahead) last did something.
    pub(crate) buffers_low: Cell<usize>,
    pub(crate) next_collection: Cell<Option<std::time::Instant>>,
    /// What marks the prototypes of interfaces; see `clone`.
    pub(crate) interface_mark: OnceCell<v8::Global<v8::Private>>,
    pub(crate) clone_account: OnceCell<Arc<dyn nano_clone::Account>>,
    memories: Memories,
    pub(crate) messages: RefCell<crate::messaging::Messages>,
    /// Work on other threads, and who waits for it.
    pub(crate) works: crate::work::Works,
    /// Keys and unfinished digests that JavaScript holds.
    pub(crate) crypto: crate::crypto::Handles,
    pub(crate) fetches: Fetches,
    pub(crate) sockets: Sockets,
    /// The request in whose name each timer was started.
    pub(crate) timer_owners: RefCell<HashMap<u32, f64>>,
}

impl State {
    /// A state with no requests. `caches` were made with the isolate's snapshot.
    pub fn new(host: Rc<dyn Host>, accountant: Arc<dyn Accountant>, caches: Caches) -> Self {
        Self {
            host,
            accountant,
            caches,
            slots: RefCell::default(),
            websockets: Cell::new(0),
            rejections: Rejections::default(),
            wasm: crate::wasm::Streams::default(),
            buffers_low: Cell::new(0),
            next_collection: Cell::new(None),
            interface_mark: OnceCell::new(),
            clone_account: OnceCell::new(),
            memories: Memories::default(),
            messages: RefCell::default(),
            works: crate::work::Works::default(),
            crypto: crate::crypto::Handles::default(),
            fetches: Fetches::default(),
            sockets: Sockets::default(),
            timer_owners: RefCell::default(),
        }
    }

    /// The embedder.
    pub fn host(&self) -> &dyn Host {
        &*self.host
    }

    pub(crate) fn accountant(&self) -> &Arc<dyn Accountant> {
        &self.accountant
    }

    pub(crate) fn memories(&self) -> &Memories {
        &self.memories
    }

    /// Whether the isolate has memories of WebAssembly, which [`count_wasm`](Self::count_wasm) is to look at after each run.
    pub fn has_wasm(&self) -> bool {
        !self.memories.is_empty()
    }

    /// Counts the isolate's memories of WebAssembly, which grow without asking. False: they have grown beyond what the
    /// isolate's [`Accountant`] allows.
    pub fn count_wasm(&self, scope: &mut v8::PinScope<'_, '_>) -> bool {
        self.memories.count(scope, &self.accountant)
    }

    pub(crate) fn caches(&self) -> Caches {
        self.caches
    }

    /// Takes a request in. `None` if [`MAX_EXCHANGES`] are under way.
    pub fn add_exchange(&self, exchange: Rc<dyn Exchange>) -> Option<ExchangeId> {
        let mut slots = self.slots.borrow_mut();
        if slots.len() >= MAX_EXCHANGES {
            return None;
        }
        let id = slots.insert_with(|id| {
            Rc::new(Slot {
                id,
                exchange,
                reading: RefCell::new(None),
                writing: RefCell::new(None),
                fetches: RefCell::default(),
                receives_from: Cell::new(None),
                sends_to: Cell::new(None),
                cpu: Cell::new(0),
                attached: RefCell::default(),
                charged_at: Cell::new(None),
            })
        });
        Some(ExchangeId(id))
    }

    /// Forgets a request: its id names nothing from now on. Unknown ids are ignored.
    pub fn remove_exchange(&self, id: ExchangeId) -> Option<Rc<dyn Exchange>> {
        let removed = self.slots.borrow_mut().remove(id.0);
        removed.map(|slot| {
            // What a request has begun ends with it, and what its bodies come from or go to.
            for id in slot.fetches.take() {
                self.cancel_fetch(id);
            }
            for id in [slot.receives_from.take(), slot.sends_to.take()].into_iter().flatten() {
                self.cancel_fetch(id);
            }
            if slot.charged_at.get().is_some() {
                self.websockets.set(self.websockets.get() - 1);
            }
            if let Some(attached) = slot.attached.take() {
                attached.abandon(&self.sockets);
            }
            Rc::clone(&slot.exchange)
        })
    }

    /// Charges a request with `ns` nanoseconds of CPU time: what it has used with them. `None`: it is not under way.
    ///
    /// A WebSocket is there for long: each message begins anew, and in the time between them what was used is forgiven by
    /// `SOCKET_SHARE`.
    pub fn charge(&self, id: ExchangeId, ns: u64) -> Option<u64> {
        let slot = self.slot(id)?;
        let mut used = slot.cpu.get();
        if let Some(at) = slot.charged_at.get() {
            let now = Instant::now();
            let forgiven = (now - at).as_nanos() / SOCKET_SHARE;
            used = used.saturating_sub(u64::try_from(forgiven).unwrap_or(u64::MAX));
            slot.charged_at.set(Some(now));
        }
        used = used.saturating_add(ns);
        slot.cpu.set(used);
        Some(used)
    }

    /// A message has come for the WebSocket that a request has become.
    pub(crate) fn message_came(&self, id: ExchangeId) {
        if let Some(slot) = self.slot(id)
            && slot.charged_at.get().is_some()
        {
            slot.cpu.set(0);
        }
    }

    /// The request has become a WebSocket.
    pub(crate) fn attach_exchange(&self, slot: &Slot, to: Attached) {
        *slot.attached.borrow_mut() = Some(to);
        if slot.charged_at.replace(Some(Instant::now())).is_none() {
            self.websockets.set(self.websockets.get() + 1);
        }
    }

    /// The same for any request that is under way.
    pub fn charge_any(&self, ns: u64) -> Option<u64> {
        let id = self.slots.borrow().iter().next()?.id();
        self.charge(id, ns)
    }

    /// Whether the request is under way.
    pub fn is_under_way(&self, id: ExchangeId) -> bool {
        self.slot(id).is_some()
    }

    /// The request in whose name a timer was started.
    pub fn timer_owner(&self, timer: u32) -> Option<ExchangeId> {
        self.timer_owners.borrow().get(&timer).copied().map(ExchangeId::from_f64)
    }

    /// The request in whose name work on another thread was begun.
    pub fn work_owner(&self, work: u32) -> Option<ExchangeId> {
        self.works.owner(work).map(ExchangeId::from_f64)
    }

    /// Whether a script waits for the network.
    pub fn awaits_network(&self) -> bool {
        self.fetches.is_awaited()
    }

    /// How many requests are under way.
    pub fn exchanges(&self) -> usize {
        self.slots.borrow().len()
    }

    /// How many of them have become WebSockets.
    pub fn websockets(&self) -> usize {
        self.websockets.get()
    }

    /// How many have not.
    pub fn requests(&self) -> usize {
        self.exchanges() - self.websockets.get()
    }

    /// The requests under way that have become WebSockets.
    pub fn websocket_ids(&self) -> Vec<ExchangeId> {
        let slots = self.slots.borrow();
        slots.iter().filter(|slot| slot.charged_at.get().is_some()).map(|slot| slot.id()).collect()
    }

    /// The ids of all requests under way.
    pub fn exchange_ids(&self) -> Vec<ExchangeId> {
        self.slots.borrow().iter().map(|slot| slot.id()).collect()
    }

    pub(crate) fn slot(&self, id: ExchangeId) -> Option<Rc<Slot>> {
        self.slots.borrow().get(id.0).cloned()
    }

    /// The request with this id, if it is under way.
    pub fn exchange(&self, id: ExchangeId) -> Option<Rc<dyn Exchange>> {
        self.slot(id).map(|slot| Rc::clone(&slot.exchange))
    }

    /// Makes the state known to an isolate's native functions.
    ///
    /// # Safety
    ///
    /// `self` must stay where it is and alive for as long as JavaScript runs in the isolate.
    pub unsafe fn attach(&self, isolate: &mut v8::Isolate) {
        isolate.set_data(STATE_SLOT, std::ptr::from_ref(self).cast_mut().cast::<c_void>());
    }
}

impl Drop for State {
    fn drop(&mut self) {
        self.memories.release(&self.accountant);
    }
}

/// The state of the isolate that runs. `None` while the startup snapshot is made: there is none then.
pub(crate) fn try_state(isolate: &v8::Isolate) -> Option<&State> {
    let pointer = isolate.get_data(STATE_SLOT).cast::<State>().cast_const();
    // SAFETY: the slot is written by `State::attach` alone, whose caller keeps the state alive while JavaScript runs in the
    // isolate; native functions run only then.
    unsafe { pointer.as_ref() }
}
