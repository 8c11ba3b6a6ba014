//! An application in one isolate on one thread: its phase, what waits for it, what it has used.
//!
//! Only data. What moves it is the [`Runtime`](crate::Runtime).

use crate::app::Application;
use crate::cpu;
use crate::host::InstanceHost;
use crate::platform::Realm;
use crate::task::Task;
use nano_arena::Account;
use nano_isolate::modules::ModuleMap;
use nano_loop::Moment;
use nano_modules::LoadError;
use nano_web::{ExchangeId, FailureCause};
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;

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

/// Whether an instance goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// It does.
    None,
    /// It closes, at once or when its JavaScript is off the stack.
    Closing,
    /// It has exceeded a limit: it ends when its JavaScript is off the stack. It may have been closing
    /// already.
    Exceeded { cause: FailureCause, was_closing: bool },
}

/// How an instance is used.
pub(crate) struct Usage {
    pub(crate) last_used: Cell<Moment>,
    /// It was made for a request that it does not have yet: it is not idle.
    pub(crate) expects_request: Cell<bool>,
    /// How often it was entered.
    pub(crate) runs: Cell<u32>,
}

/// How an instance has given way to others.
#[derive(Default)]
struct GaveWay {
    /// When it did, having computed for long.
    at: Cell<Option<Moment>>,
    /// In which run it did last, and how often in that.
    in_run: Cell<(u32, u32)>,
}

/// A tenant that has given way so often in one run computes for long: some 20 milliseconds. One that has met
/// a slice now and then, as each may whose first answer takes three milliseconds, does not.
const LONG_SLICES: u32 = 8;

/// An application in an isolate of this thread. Made by [`Runtime::instance`](crate::Runtime::instance).
pub struct Instance {
    pub(crate) key: u32,
    pub(crate) app: Arc<Application>,
    /// Handles into the isolate come before it, so that they are dropped first.
    pub(crate) phase: RefCell<Phase>,
    pub(crate) modules: Box<ModuleMap>,
    /// The value of the code that was evaluated, where that is all the application is.
    pub(crate) completion: RefCell<Option<v8::Global<v8::Value>>>,
    /// None: closed.
    realm: RefCell<Option<Rc<Realm>>>,
    pub(crate) host: Rc<InstanceHost>,
    pub(crate) queue: RefCell<VecDeque<Task>>,
    end: Cell<End>,
    gave_way: GaveWay,
    /// Its CPU time.
    pub(crate) cpu: cpu::Account,
    pub(crate) usage: Usage,
}

impl Instance {
    /// An application in this isolate, in which nothing was evaluated.
    pub(crate) fn new(
        key: u32,
        app: &Arc<Application>,
        realm: Rc<Realm>,
        host: Rc<InstanceHost>,
        now: Moment,
    ) -> Rc<Self> {
        Rc::new(Self {
            key,
            app: Arc::clone(app),
            phase: RefCell::new(Phase::New),
            modules: ModuleMap::new(Arc::clone(app.sources())),
            completion: RefCell::new(None),
            realm: RefCell::new(Some(realm)),
            host,
            queue: RefCell::default(),
            end: Cell::new(End::None),
            gave_way: GaveWay::default(),
            cpu: cpu::Account::new(app.limits().cpu, now),
            usage: Usage { last_used: Cell::new(now), expects_request: Cell::new(true), runs: Cell::new(0) },
        })
    }

    /// The application that runs here.
    pub fn application(&self) -> &Arc<Application> {
        &self.app
    }

    /// Whether it was closed (evicted, or terminated for a limit): the next request needs another.
    pub fn is_closed(&self) -> bool {
        self.is_closing() || self.realm.borrow().is_none()
    }

    /// The limit that it has exceeded, if that was its end.
    pub fn ended(&self) -> Option<FailureCause> {
        match self.end.get() {
            End::Exceeded { cause, .. } => Some(cause),
            End::None | End::Closing => None,
        }
    }

    /// Whether it closes.
    pub(crate) fn is_closing(&self) -> bool {
        matches!(self.end.get(), End::Closing | End::Exceeded { was_closing: true, .. })
    }

    /// It closes.
    pub(crate) fn set_closing(&self) {
        self.end.set(match self.end.get() {
            End::None | End::Closing => End::Closing,
            End::Exceeded { cause, .. } => End::Exceeded { cause, was_closing: true },
        });
    }

    /// Takes its isolate away: its JavaScript will not run again.
    pub(crate) fn take_realm(&self) -> Option<Rc<Realm>> {
        self.realm.borrow_mut().take()
    }

    /// It gives way to others, in the midst of a run.
    pub(crate) fn note_slice(&self, now: Moment) {
        let run = self.usage.runs.get();
        let (last, times) = self.gave_way.in_run.get();
        let times = if last == run { times.saturating_add(1) } else { 1 };
        self.gave_way.in_run.set((run, times));
        if times >= LONG_SLICES {
            self.gave_way.at.set(Some(now));
        }
    }

    /// It was made ahead of any request: there may be none for long.
    pub fn expects_no_request(&self) {
        self.usage.expects_request.set(false);
    }

    /// How often it was entered, its loading included.
    pub fn runs(&self) -> u32 {
        self.usage.runs.get()
    }

    /// When it has last computed for so long that it gave way to others.
    pub fn last_gave_way(&self) -> Option<Moment> {
        self.gave_way.at.get()
    }

    /// Whether its JavaScript is on the stack.
    pub fn is_running(&self) -> bool {
        self.realm().is_some_and(|realm| realm.is_entered())
    }

    /// It has exceeded a limit. False: it has exceeded one before.
    pub(crate) fn end(&self, cause: FailureCause) -> bool {
        if self.ended().is_some() {
            return false;
        }
        self.end.set(End::Exceeded { cause, was_closing: self.is_closing() });
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
        self.realm().map_or(0, |realm| realm.platform().state().exchanges())
    }

    /// The same without those that have become WebSockets.
    pub fn requests(&self) -> usize {
        self.realm().map_or(0, |realm| realm.platform().state().requests())
    }

    /// Requests under way that have become WebSockets.
    pub fn websockets(&self) -> usize {
        self.realm().map_or(0, |realm| realm.platform().state().websockets())
    }

    /// Their names.
    pub(crate) fn websocket_ids(&self) -> Vec<ExchangeId> {
        self.realm().map_or_else(Vec::new, |realm| realm.platform().state().websocket_ids())
    }

    /// The names under which JavaScript knows the requests under way.
    pub fn exchange_ids(&self) -> Vec<ExchangeId> {
        self.realm().map_or_else(Vec::new, |realm| realm.platform().state().exchange_ids())
    }

    /// The request is over for the embedder: its id names nothing from now on.
    pub fn release(&self, id: ExchangeId) {
        if let Some(realm) = self.realm() {
            realm.platform().state().remove_exchange(id);
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
        self.realm().is_some_and(|realm| realm.platform().state().awaits_network())
    }

    /// Timers that wait.
    pub fn timers(&self) -> usize {
        self.host.timers.len()
    }

    /// Things that may still bring messages: started ports, broadcast channels that somebody listens to.
    pub fn expected(&self) -> usize {
        self.host.expected()
    }

    /// Work on other threads that it waits for.
    pub fn works(&self) -> usize {
        self.host.works().len()
    }

    /// Exceptions and rejections that nobody caught, so far.
    pub fn uncaught(&self) -> u64 {
        self.host.uncaught()
    }

    pub(crate) fn realm(&self) -> Option<Rc<Realm>> {
        self.realm.borrow().clone()
    }
}
