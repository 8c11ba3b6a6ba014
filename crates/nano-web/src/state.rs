//! The native side's state of one isolate: its host, its account, the exchanges under way, and a slot for
//! each standard.
//!
//! Native functions reach it through the isolate's data slot [`STATE_SLOT`]. It knows no standard and not how
//! requests arrive: a standard has a type of its own that implements [`Slot`], and `standards.rs` lists them.

use crate::code_cache::CodeCaches;
use crate::host::{Exchange, Host};
use crate::sequence::Sequence;
use nano_arena::{Account, Charge, Recycler};
use std::any::Any;
use std::cell::{Cell, RefCell};
use std::ffi::c_void;
use std::rc::Rc;
use std::time::Instant;

/// The isolate's data slot that holds a `*const State`.
pub const STATE_SLOT: u32 = 0;

/// Requests that one isolate has under way, WebSockets included.
///
/// Limit (requests): each costs a few hundred bytes here, beside those that the handler holds for it.
pub const MAX_EXCHANGES: usize = 1 << 16;

/// Exchanges whose memory is kept for later ones, about 200 bytes each.
const SPARE_EXCHANGES: usize = 128;

/// A WebSocket may use one part in so many of a core in the long run without a message from its client:
/// enough to send the client an update now and then.
const SOCKET_SHARE: u128 = 10;

/// The state that a standard keeps for each isolate.
pub(crate) trait Slot: 'static {
    /// Its place in the list of `standards.rs`.
    const INDEX: usize;
}

/// One value of each [`Slot`] type, at its index.
pub(crate) type Slots = Box<[Box<dyn Any>]>;

/// Called with each exchange that is removed, so that a standard ends what it began for it.
pub(crate) type ExchangeRemoved = fn(&State, &ActiveExchange);

/// The state of one isolate; see the module.
pub struct State {
    host: Rc<dyn Host>,
    account: Account,
    code_caches: CodeCaches,
    exchanges: RefCell<Sequence<Rc<ActiveExchange>>>,
    exchange_memory: Recycler<ActiveExchange>,
    /// Exchanges that have become WebSockets.
    websockets: Cell<usize>,
    slots: Slots,
    exchange_removed: &'static [ExchangeRemoved],
}

impl State {
    /// `slots` and `exchange_removed` are those of all standards.
    pub(crate) fn with_slots(
        host: Rc<dyn Host>,
        account: Account,
        code_caches: CodeCaches,
        slots: Slots,
        exchange_removed: &'static [ExchangeRemoved],
    ) -> Self {
        Self {
            host,
            account,
            code_caches,
            exchanges: RefCell::default(),
            exchange_memory: Recycler::new(SPARE_EXCHANGES),
            websockets: Cell::new(0),
            slots,
            exchange_removed,
        }
    }

    /// The embedder.
    pub fn host(&self) -> &dyn Host {
        &*self.host
    }

    /// Native memory of the isolate is charged to it.
    pub(crate) fn account(&self) -> &Account {
        &self.account
    }

    pub(crate) fn code_caches(&self) -> CodeCaches {
        self.code_caches
    }

    /// The state of one standard.
    #[inline]
    pub(crate) fn get<T: Slot>(&self) -> &T {
        let slot = self.slots.get(T::INDEX).and_then(|slot| slot.downcast_ref());
        slot.expect("the list in standards.rs gives each type its index and makes a value of it there")
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

/// The state of the isolate that runs. `None` while the startup snapshot is made: there is none then.
pub(crate) fn try_state(isolate: &v8::Isolate) -> Option<&State> {
    let pointer = isolate.get_data(STATE_SLOT).cast::<State>().cast_const();
    // SAFETY: the slot is written by `State::attach` alone, whose caller keeps the state alive while
    // JavaScript runs in the isolate; native functions run only then.
    unsafe { pointer.as_ref() }
}

// ---- Exchanges ----

/// Names one exchange for the lifetime of its isolate; never used twice.
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
        // Anything that is no id (NaN, negative, fractional) becomes one that names no exchange.
        Self(value as u64)
    }
}

/// An exchange under way.
pub(crate) struct ActiveExchange {
    id: ExchangeId,
    pub(crate) exchange: Rc<dyn Exchange>,
    /// `ops.bodyRead` or `ops.bodyReadAll` waits for bytes.
    pub(crate) reading: RefCell<Option<PendingRead>>,
    /// `ops.responseWrite` waits for room.
    pub(crate) writing: RefCell<Option<v8::Global<v8::PromiseResolver>>>,
    /// Fetches that were made for it, finished ones included.
    pub(crate) fetches: RefCell<Vec<u64>>,
    /// The fetch whose response's body is this response's, without JavaScript: see `fetch/pipe.rs`.
    pub(crate) receives_from: Cell<Option<u64>>,
    /// The fetch whose request's body is this request's, likewise.
    pub(crate) sends_to: Cell<Option<u64>>,
    /// CPU time that it was charged with, in nanoseconds.
    cpu_ns: Cell<u64>,
    /// Owns the bytes of the connection, once the request was answered with 101.
    pub(crate) upgraded: RefCell<Option<Rc<dyn Upgraded>>>,
    /// It has become a WebSocket: when it was charged last.
    charged_at: Cell<Option<Instant>>,
}

impl ActiveExchange {
    pub(crate) fn id(&self) -> ExchangeId {
        self.id
    }
}

/// The owner of a connection's bytes after the answer 101.
pub(crate) trait Upgraded {
    /// There may be something to read.
    fn readable(self: Rc<Self>, scope: &mut v8::PinScope<'_, '_>);
    /// There is room for more; or, if `closed`, nobody will ever read it.
    fn writable(self: Rc<Self>, scope: &mut v8::PinScope<'_, '_>, closed: bool);
    /// The server ends: the client is told so.
    fn shut_down(self: Rc<Self>, scope: &mut v8::PinScope<'_, '_>);
    /// The exchange or the fetch that it was opened for is over; JavaScript is not told.
    fn abandon(&self, state: &State);
    /// Whether it may still bring something to JavaScript.
    fn is_open(&self) -> bool;
}

/// A read of a body that waits for bytes.
pub(crate) struct PendingRead {
    pub(crate) resolver: v8::Global<v8::PromiseResolver>,
    /// The bytes so far, where the whole body is wanted.
    pub(crate) all: Option<Gathered>,
}

/// A body that is being gathered into one buffer; its bytes are charged to the isolate's account meanwhile.
#[derive(Default)]
pub(crate) struct Gathered {
    bytes: Vec<u8>,
    charge: Option<Charge>,
}

impl Gathered {
    /// Appends; false if there is no room. The first piece stays where it is.
    pub(crate) fn push(&mut self, piece: Vec<u8>, account: &Account) -> bool {
        let charged = match &mut self.charge {
            Some(charge) => charge.grow(piece.len()).is_ok(),
            None => {
                self.charge = account.charge(piece.len()).ok();
                self.charge.is_some()
            }
        };
        match (charged, self.bytes.is_empty()) {
            (false, _) => {}
            (true, true) => self.bytes = piece,
            (true, false) => self.bytes.extend_from_slice(&piece),
        }
        charged
    }

    /// The bytes; they are no longer charged.
    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

impl State {
    /// Takes a request in. `None` if [`MAX_EXCHANGES`] are under way.
    pub fn add_exchange(&self, exchange: Rc<dyn Exchange>) -> Option<ExchangeId> {
        let mut exchanges = self.exchanges.borrow_mut();
        if exchanges.len() >= MAX_EXCHANGES {
            return None;
        }
        let id = exchanges.insert_with(|id| {
            self.exchange_memory.make(ActiveExchange {
                id: ExchangeId(id),
                exchange,
                reading: RefCell::new(None),
                writing: RefCell::new(None),
                fetches: RefCell::default(),
                receives_from: Cell::new(None),
                sends_to: Cell::new(None),
                cpu_ns: Cell::new(0),
                upgraded: RefCell::default(),
                charged_at: Cell::new(None),
            })
        });
        Some(ExchangeId(id))
    }

    /// Forgets an exchange: its id names nothing from now on, and what it has begun ends. Unknown ids are
    /// ignored.
    pub fn remove_exchange(&self, id: ExchangeId) -> Option<Rc<dyn Exchange>> {
        let removed = self.exchanges.borrow_mut().remove(id.0)?;
        for end in self.exchange_removed {
            end(self, &removed);
        }
        if removed.charged_at.get().is_some() {
            self.websockets.set(self.websockets.get() - 1);
        }
        if let Some(upgraded) = removed.upgraded.take() {
            upgraded.abandon(self);
        }
        let exchange = Rc::clone(&removed.exchange);
        self.recycle(removed);
        Some(exchange)
    }

    /// Drops a reference to an exchange that was removed. The last one leaves its memory to a later exchange.
    pub(crate) fn recycle(&self, removed: Rc<ActiveExchange>) {
        self.exchange_memory.give_back(removed);
    }

    /// Charges an exchange with `ns` nanoseconds of CPU time. The result is what it has used with them;
    /// `None`: it is not under way.
    ///
    /// A WebSocket lives for long: each message begins anew, and in the time between them what was used is
    /// forgiven by `SOCKET_SHARE`.
    pub fn charge(&self, id: ExchangeId, ns: u64) -> Option<u64> {
        let active = self.active_exchange(id)?;
        let mut used = active.cpu_ns.get();
        if let Some(at) = active.charged_at.get() {
            let now = Instant::now();
            let forgiven = (now - at).as_nanos() / SOCKET_SHARE;
            used = used.saturating_sub(u64::try_from(forgiven).unwrap_or(u64::MAX));
            active.charged_at.set(Some(now));
        }
        used = used.saturating_add(ns);
        active.cpu_ns.set(used);
        Some(used)
    }

    /// A message has come for the WebSocket that a request has become.
    pub(crate) fn restart_charge(&self, id: ExchangeId) {
        if let Some(active) = self.active_exchange(id)
            && active.charged_at.get().is_some()
        {
            active.cpu_ns.set(0);
        }
    }

    /// The request has become a WebSocket.
    pub(crate) fn upgrade_exchange(&self, active: &ActiveExchange, to: Rc<dyn Upgraded>) {
        *active.upgraded.borrow_mut() = Some(to);
        if active.charged_at.replace(Some(Instant::now())).is_none() {
            self.websockets.set(self.websockets.get() + 1);
        }
    }

    /// Charges any exchange that is under way.
    pub fn charge_any(&self, ns: u64) -> Option<u64> {
        let id = self.exchanges.borrow().iter().next()?.id();
        self.charge(id, ns)
    }

    /// Whether the exchange is under way.
    pub fn is_under_way(&self, id: ExchangeId) -> bool {
        self.active_exchange(id).is_some()
    }

    /// How many exchanges are under way.
    pub fn exchanges(&self) -> usize {
        self.exchanges.borrow().len()
    }

    /// How many of them have become WebSockets.
    pub fn websockets(&self) -> usize {
        self.websockets.get()
    }

    /// How many have not.
    pub fn requests(&self) -> usize {
        self.exchanges() - self.websockets.get()
    }

    /// The exchanges under way that have become WebSockets.
    pub fn websocket_ids(&self) -> Vec<ExchangeId> {
        let exchanges = self.exchanges.borrow();
        exchanges
            .iter()
            .filter(|active| active.charged_at.get().is_some())
            .map(|active| active.id())
            .collect()
    }

    /// The ids of all exchanges under way.
    pub fn exchange_ids(&self) -> Vec<ExchangeId> {
        self.exchanges.borrow().iter().map(|active| active.id()).collect()
    }

    pub(crate) fn active_exchange(&self, id: ExchangeId) -> Option<Rc<ActiveExchange>> {
        self.exchanges.borrow().get(id.0).cloned()
    }

    /// The exchange with this id, if it is under way.
    pub fn exchange(&self, id: ExchangeId) -> Option<Rc<dyn Exchange>> {
        self.active_exchange(id).map(|active| Rc::clone(&active.exchange))
    }
}
