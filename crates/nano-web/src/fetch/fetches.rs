//! The isolate's fetches, and what waits for each: its head, its body, room for its request's body.
//!
//! Shared by `client.rs`, which has the native functions behind `fetch()`, and `pipe.rs`, which moves bodies
//! without JavaScript.

use crate::host::{Exchange, FailureCause, Host, NetworkError};
use crate::infra::{Args, Error, Scope, new_error, state};
use crate::sequence::Sequence;
use crate::state::{ActiveExchange, ExchangeId, PendingRead, State, Upgraded};
use nano_arena::Charge;
use std::cell::{Cell, RefCell};
use std::rc::Rc;

/// The isolate's fetches.
#[derive(Default)]
pub(crate) struct Fetches {
    pub(super) live: RefCell<Sequence<Rc<Fetch>>>,
    /// The function of `worker/dispatch.js` that calls a [`HeadReceiver::Object`], once the context has it.
    pub(crate) deliver_head: RefCell<Option<v8::Global<v8::Function>>>,
}

/// How a response's head is delivered to JavaScript.
pub(super) enum HeadReceiver {
    /// It resolves a promise.
    Promise(v8::Global<v8::PromiseResolver>),
    /// It is passed to a method of an object, in the name of a request. Every request that an application
    /// passes on has one: a promise and its reactions would cost each half a microsecond.
    Object(v8::Global<v8::Object>, Option<f64>),
}

/// The parties that wait for something of a fetch.
#[derive(Default)]
pub(super) struct Fetch {
    /// For a request's body that is held whole until its fetch is over: it may have to be sent again. That a
    /// socket which takes nothing holds it once more is not charged, so all of them take at most twice what
    /// they may.
    pub(super) _body: Option<Charge>,
    pub(super) head: RefCell<Option<HeadReceiver>>,
    pub(super) reading: RefCell<Option<PendingRead>>,
    pub(super) room: RefCell<Option<v8::Global<v8::PromiseResolver>>>,
    /// [`NetworkEvent::Room`] came before anybody waited.
    pub(super) has_room: Cell<bool>,
    pub(super) relay: Relay,
    /// Owns the bytes, once it was answered with 101.
    pub(super) upgraded: RefCell<Option<Rc<dyn Upgraded>>>,
}

impl Fetches {
    /// Ends a fetch; promises for it stay pending.
    pub(super) fn cancel(&self, host: &dyn Host, id: u64) -> Option<Rc<Fetch>> {
        let removed = self.live.borrow_mut().remove(id)?;
        if let Some(network) = host.network() {
            network.cancel(id);
        }
        Some(removed)
    }

    /// A fetch that is over is forgotten.
    pub(super) fn remove(&self, id: u64) {
        self.live.borrow_mut().remove(id);
    }

    /// Gives the bytes of a fetch that was answered with 101 to `to`. False: the fetch is over.
    pub(crate) fn upgrade(&self, id: u64, to: Rc<dyn Upgraded>) -> bool {
        let Some(fetch) = self.get(id) else { return false };
        *fetch.upgraded.borrow_mut() = Some(to);
        true
    }

    /// Whether a script waits for one of them.
    pub(crate) fn is_awaited(&self) -> bool {
        self.live.borrow().iter().any(|fetch| {
            fetch.head.borrow().is_some()
                || fetch.reading.borrow().is_some()
                || fetch.room.borrow().is_some()
                || fetch.upgraded.borrow().as_ref().is_some_and(|upgraded| upgraded.is_open())
        })
    }

    pub(super) fn get(&self, id: u64) -> Option<Rc<Fetch>> {
        self.live.borrow().get(id).cloned()
    }
}

/// The bodies of a fetch that move without JavaScript.
#[derive(Default)]
pub(super) struct Relay {
    /// The exchange whose response's body is the fetch's.
    pub(super) response_to: Cell<Option<ExchangeId>>,
    /// The exchange whose request's body is the fetch's.
    pub(super) upload_from: Cell<Option<ExchangeId>>,
    /// A script waits for the end of what goes to `response_to`.
    pub(super) watched: RefCell<Option<v8::Global<v8::PromiseResolver>>>,
    /// The response has ended.
    pub(super) ended: Cell<bool>,
    /// Why the request's body broke off, until JavaScript is told.
    pub(super) upload_failure: RefCell<Option<String>>,
}

impl Relay {
    /// Whether JavaScript is to be told of the bodies' end.
    pub(super) fn must_notify(&self) -> bool {
        self.ended.get() || self.upload_failure.borrow().is_some()
    }
}

impl State {
    /// Whether a script waits for the network.
    pub fn awaits_network(&self) -> bool {
        self.get::<Fetches>().is_awaited()
    }

    /// Ends a fetch that nobody in the isolate waits for.
    pub(crate) fn cancel_fetch(&self, id: u64) {
        if let Some(fetch) = self.get::<Fetches>().cancel(self.host(), id) {
            self.unlink(&fetch);
        }
    }

    /// A fetch is over: its bodies no longer move.
    pub(super) fn unlink(&self, fetch: &Fetch) {
        if let Some(upgraded) = fetch.upgraded.take() {
            upgraded.abandon(self);
        }
        self.unlink_upload(fetch, true);
        let Some(to) = fetch.relay.response_to.take() else { return };
        let Some(active) = self.active_exchange(to) else { return };
        active.receives_from.set(None);
        if !fetch.relay.ended.get() {
            break_off(&*active.exchange, "it was cancelled before its body was complete");
        }
        if active.exchange.is_over() {
            self.remove_exchange(to);
        }
    }

    pub(super) fn unlink_upload(&self, fetch: &Fetch, cancel: bool) {
        let Some(active) = fetch.relay.upload_from.take().and_then(|from| self.active_exchange(from)) else {
            return;
        };
        active.sends_to.set(None);
        if cancel {
            active.exchange.cancel_body();
        }
    }
}

/// Cancels the fetches that an exchange has started, and those that its bodies come from or go to.
pub(super) fn exchange_removed(state: &State, active: &ActiveExchange) {
    for id in active.fetches.take() {
        state.cancel_fetch(id);
    }
    for id in [active.receives_from.take(), active.sends_to.take()].into_iter().flatten() {
        state.cancel_fetch(id);
    }
}

/// The fetch is over: a writer of its request's body gets false, and the response that its body went to
/// breaks off.
pub(super) fn forget(scope: &mut Scope<'_, '_>, id: u64, cancel: bool) {
    let Some(state) = state(scope) else { return };
    let removed = state.get::<Fetches>().live.borrow_mut().remove(id);
    if cancel && let Some(network) = state.host().network() {
        network.cancel(id);
    }
    let Some(fetch) = removed else { return };
    state.unlink(&fetch);
    let (room, watched) = (fetch.room.borrow_mut().take(), fetch.relay.watched.borrow_mut().take());
    for resolver in [room, watched].into_iter().flatten() {
        let resolver = v8::Local::new(scope, &resolver);
        let value = v8::Boolean::new(scope, false).into();
        resolver.resolve(scope, value);
    }
}

/// The fetch has failed in the platform: the promises for its head and its body are rejected with a
/// TypeError.
pub(super) fn fail(scope: &mut Scope<'_, '_>, id: u64, error: &NetworkError) {
    let Some(fetch) = state(scope).and_then(|state| state.get::<Fetches>().get(id)) else { return };
    forget(scope, id, true);
    let reason = failure(scope, error);
    let head = fetch.head.borrow_mut().take();
    match head {
        Some(head) => deliver(scope, head, Err(reason)),
        None => reject(scope, &fetch, reason),
    }
}

/// Delivers a head, or why there is none.
pub(super) fn deliver<'s>(
    scope: &mut Scope<'s, '_>,
    receiver: HeadReceiver,
    outcome: Result<v8::Local<'s, v8::String>, v8::Local<'s, v8::Value>>,
) {
    match receiver {
        HeadReceiver::Promise(resolver) => {
            let resolver = v8::Local::new(scope, &resolver);
            match outcome {
                Ok(head) => resolver.resolve(scope, head.into()),
                Err(reason) => resolver.reject(scope, reason),
            };
        }
        HeadReceiver::Object(receiver, owner) => {
            let function =
                state(scope).and_then(|state| state.get::<Fetches>().deliver_head.borrow().clone());
            let Some(function) = function else { return };
            let (function, receiver) = (v8::Local::new(scope, &function), v8::Local::new(scope, &receiver));
            let undefined: v8::Local<'_, v8::Value> = v8::undefined(scope).into();
            let owner = owner.map_or(undefined, |owner| v8::Number::new(scope, owner).into());
            let (head, error) = match outcome {
                Ok(head) => (head.into(), undefined),
                Err(reason) => (undefined, reason),
            };
            // It goes on in the name of the request that it belongs to, as a promise's reaction would.
            let before = scope.get_continuation_preserved_embedder_data();
            scope.set_continuation_preserved_embedder_data(owner);
            function.call(scope, undefined, &[receiver.into(), head, error]);
            scope.set_continuation_preserved_embedder_data(before);
        }
    }
}

/// Rejects the promises for the fetch's head and its body with `reason`.
pub(super) fn reject(scope: &mut Scope<'_, '_>, fetch: &Fetch, reason: v8::Local<'_, v8::Value>) {
    let head = match fetch.head.borrow_mut().take() {
        Some(HeadReceiver::Promise(resolver)) => Some(resolver),
        _ => None,
    };
    let reading = fetch.reading.borrow_mut().take().map(|reading| reading.resolver);
    for resolver in [head, reading].into_iter().flatten() {
        let resolver = v8::Local::new(scope, &resolver);
        resolver.reject(scope, reason);
    }
}

/// TypeError whose `cause` is an Error with a `code`.
pub(super) fn failure<'s>(scope: &mut Scope<'s, '_>, error: &NetworkError) -> v8::Local<'s, v8::Value> {
    let outer = new_error(scope, Error::Type(&format!("fetch failed: {}", error.message)));
    let cause = new_error(scope, Error::Fault(&error.message));
    define(scope, cause, "code", |scope| v8::String::new(scope, error.code).map(Into::into));
    define(scope, outer, "cause", |_| Some(cause));
    outer
}

/// Defines a property that is not enumerable, whatever a tenant has done to prototypes.
fn define<'s, 'i>(
    scope: &mut Scope<'s, 'i>,
    object: v8::Local<'s, v8::Value>,
    name: &str,
    value: impl FnOnce(&mut Scope<'s, 'i>) -> Option<v8::Local<'s, v8::Value>>,
) {
    if let Ok(object) = v8::Local::<v8::Object>::try_from(object)
        && let (Some(name), Some(value)) = (v8::String::new(scope, name), value(scope))
    {
        object.define_own_property(scope, name.into(), value, v8::PropertyAttribute::DONT_ENUM);
    }
}

/// A response that is incomplete must not look complete.
pub(super) fn break_off(exchange: &dyn Exchange, reason: &str) {
    exchange.fail(FailureCause::Exception, &format!("TypeError: fetch failed: {reason}"));
}

/// The fetch's id, the first argument.
pub(super) fn id(scope: &mut Scope<'_, '_>, args: &Args<'_>) -> u64 {
    // A value that is no id (NaN, say) becomes 0, which names none.
    args.get(0).number_value(scope).unwrap_or(0.0) as u64
}
