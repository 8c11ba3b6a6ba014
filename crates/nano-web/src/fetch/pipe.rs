//! Bodies that move between a fetch and an exchange without JavaScript: what a fetch receives becomes a
//! response's body, and an incoming request's body becomes a fetch's.
//!
//! Only bodies that the application never touched come here. The embedder asks the isolate's [`State`] first,
//! which moves what there is as far as the other side has room, and enters the isolate only where JavaScript
//! is to be told something.

use super::fetches::{Fetch, Fetches, break_off, fail, forget, id};
use crate::host::{BodyRead, NetworkError, NetworkEvent, NetworkPassed, ResponseHead, Written};
use crate::infra::{Args, Ret, Scope, ops, state};
use crate::state::{ActiveExchange, ExchangeId, State};
use std::rc::Rc;

ops! { "fetchUpload" => fetch_upload }

/// A body that is there whole, up to so many bytes, is sent together with its head, with its length.
const WHOLE_BYTES: usize = 64 << 10;

/// How an event was handled that may concern a body which moves without JavaScript.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relayed {
    /// It concerns no such body: the isolate is to be entered for it.
    Unrelated,
    /// Nothing is left to do.
    Done,
    /// A script waits for it: the isolate is to be entered.
    Notify,
}

impl State {
    /// News of a fetch. May be called whether or not the isolate is entered.
    pub fn pass_network_event(&self, id: u64, event: NetworkEvent) -> Relayed {
        // No script waits for an unknown fetch.
        let Some(fetch) = self.get::<Fetches>().get(id) else { return Relayed::Done };
        match event {
            _ if fetch.relay.must_notify() => Relayed::Notify,
            NetworkEvent::Body => match fetch.relay.response_to.get() {
                Some(to) => self.move_response(id, &fetch, to),
                None => Relayed::Unrelated,
            },
            NetworkEvent::Room => match fetch.relay.upload_from.get() {
                Some(from) => {
                    fetch.has_room.set(true);
                    self.move_upload(id, &fetch, from)
                }
                None => Relayed::Unrelated,
            },
            NetworkEvent::Head => Relayed::Unrelated,
        }
    }

    /// There is room for more of a response. May be called whether or not the isolate is entered.
    pub fn pass_writable(&self, id: ExchangeId) -> Relayed {
        let Some(fetch_id) = self.active_exchange(id).and_then(|active| active.receives_from.get()) else {
            return Relayed::Unrelated;
        };
        match self.get::<Fetches>().get(fetch_id) {
            Some(fetch) if fetch.relay.ended.get() => Relayed::Notify,
            Some(fetch) => self.move_response(fetch_id, &fetch, id),
            None => Relayed::Unrelated,
        }
    }

    /// Bytes of a request's body, its end or its failure have arrived. May be called whether or not the
    /// isolate is entered.
    pub fn pass_request_body(&self, id: ExchangeId) -> Relayed {
        let Some(fetch_id) = self.active_exchange(id).and_then(|active| active.sends_to.get()) else {
            return Relayed::Unrelated;
        };
        match self.get::<Fetches>().get(fetch_id) {
            Some(fetch) if fetch.relay.upload_failure.borrow().is_some() => Relayed::Notify,
            Some(fetch) => self.move_upload(fetch_id, &fetch, id),
            None => Relayed::Unrelated,
        }
    }

    /// Moves what a fetch has received into a response, as far as its client has room.
    fn move_response(&self, id: u64, fetch: &Fetch, to: ExchangeId) -> Relayed {
        let (Some(active), Some(network)) = (self.active_exchange(to), self.host().network()) else {
            return Relayed::Unrelated;
        };
        loop {
            match network.pass(id, &mut |bytes| active.exchange.write(bytes)) {
                NetworkPassed::Bytes(Written::Ready) => {}
                NetworkPassed::Bytes(Written::Full) | NetworkPassed::Pending => return Relayed::Done,
                NetworkPassed::Bytes(Written::Gone) => {
                    network.cancel(id);
                    break;
                }
                NetworkPassed::End => {
                    active.exchange.finish();
                    break;
                }
                NetworkPassed::Failed(error) => {
                    break_off(&*active.exchange, &error.message);
                    break;
                }
            }
        }
        fetch.relay.ended.set(true);
        if fetch.relay.watched.borrow().is_some() {
            // It is told, and forgotten, in the isolate.
            return Relayed::Notify;
        }
        self.get::<Fetches>().remove(id);
        self.unlink(fetch);
        Relayed::Done
    }

    /// Moves what has come of a request's body to the network, as far as that has room.
    fn move_upload(&self, id: u64, fetch: &Fetch, from: ExchangeId) -> Relayed {
        let (Some(active), Some(network)) = (self.active_exchange(from), self.host().network()) else {
            return Relayed::Unrelated;
        };
        while fetch.has_room.get() {
            match active.exchange.read_body() {
                BodyRead::Bytes(bytes) => match network.write(id, &bytes) {
                    Written::Ready => {}
                    Written::Full => fetch.has_room.set(false),
                    Written::Gone => {
                        self.unlink_upload(fetch, true);
                        return Relayed::Done;
                    }
                },
                BodyRead::Pending => return Relayed::Done,
                BodyRead::End => {
                    self.unlink_upload(fetch, false);
                    network.finish(id);
                    return Relayed::Done;
                }
                BodyRead::Failed(reason) => {
                    *fetch.relay.upload_failure.borrow_mut() = Some(reason);
                    return Relayed::Notify;
                }
            }
        }
        Relayed::Done
    }
}

/// Answers with what a fetch receives. Whether there is more to come.
pub(crate) fn respond(
    scope: &mut Scope<'_, '_>,
    active: &Rc<ActiveExchange>,
    head: &ResponseHead<'_>,
    id: u64,
) -> bool {
    let found =
        state(scope).and_then(|state| Some((state.get::<Fetches>().get(id)?, state.host().network()?)));
    let Some((fetch, network)) = found else {
        break_off(&*active.exchange, "it is over, and its body can no longer be read");
        return false;
    };
    if let Some(whole) = network.take_whole(id, WHOLE_BYTES) {
        match whole {
            Ok(body) => active.exchange.respond(head, Some(&body)),
            // Nothing of it was sent: the client gets an error, which is better than a part.
            Err(error) => break_off(&*active.exchange, &error.message),
        }
        forget(scope, id, false);
        return false;
    }
    if !active.exchange.respond_stream(head) {
        // A HEAD request: nobody reads what would come.
        forget(scope, id, true);
        active.exchange.finish();
        return false;
    }
    fetch.relay.response_to.set(Some(active.id()));
    active.receives_from.set(Some(id));
    if let Some(state) = state(scope) {
        state.move_response(id, &fetch, active.id());
    }
    fetch.relay.response_to.get().is_some()
}

/// A promise of the end of what goes from a fetch to a response.
pub(crate) fn watch<'s>(scope: &mut Scope<'s, '_>, id: u64) -> Option<v8::Local<'s, v8::Promise>> {
    let fetch = state(scope)?.get::<Fetches>().get(id)?;
    let resolver = v8::PromiseResolver::new(scope)?;
    *fetch.relay.watched.borrow_mut() = Some(v8::Global::new(scope, resolver));
    Some(resolver.get_promise(scope))
}

/// The request that a fetch's body was to answer is over: nobody wants it.
pub(crate) fn drop_fetch(scope: &mut Scope<'_, '_>, id: u64) {
    forget(scope, id, true);
}

/// An incoming request's body becomes a fetch's.
fn upload(scope: &mut Scope<'_, '_>, id: u64, from: ExchangeId) {
    let Some(state) = state(scope) else { return };
    let Some(fetch) = state.get::<Fetches>().get(id) else { return };
    match state.active_exchange(from) {
        Some(active) => {
            active.sends_to.set(Some(id));
            fetch.relay.upload_from.set(Some(from));
        }
        None => {
            let reason = "the request is over: its body can no longer be read";
            *fetch.relay.upload_failure.borrow_mut() = Some(reason.into());
        }
    }
    if fetch.relay.must_notify() || state.move_upload(id, &fetch, from) == Relayed::Notify {
        notify(scope, id);
    }
}

/// Tells JavaScript what has become of a fetch's bodies.
pub(crate) fn notify(scope: &mut Scope<'_, '_>, id: u64) {
    let Some(fetch) = state(scope).and_then(|state| state.get::<Fetches>().get(id)) else { return };
    let failure = fetch.relay.upload_failure.borrow_mut().take();
    if let Some(reason) = failure {
        let error =
            NetworkError { code: "ERR_BODY", message: format!("the request's body failed: {reason}") };
        return fail(scope, id, &error);
    }
    if fetch.relay.ended.get() {
        forget(scope, id, false);
    }
}

/// The same for the fetch that a response's body comes from.
pub(crate) fn notify_response(scope: &mut Scope<'_, '_>, id: ExchangeId) {
    let fetch = state(scope).and_then(|state| state.active_exchange(id)?.receives_from.get());
    if let Some(fetch) = fetch {
        notify(scope, fetch);
    }
}

/// The same for the fetch that a request's body goes to.
pub(crate) fn notify_upload(scope: &mut Scope<'_, '_>, id: ExchangeId) {
    let fetch = state(scope).and_then(|state| state.active_exchange(id)?.sends_to.get());
    if let Some(fetch) = fetch {
        notify(scope, fetch);
    }
}

/// `fetchUpload(id, requestId)`: the body of the request of this id is the fetch's, and moves without
/// JavaScript.
fn fetch_upload(scope: &mut Scope<'_, '_>, args: Args<'_>, _: Ret<'_>) {
    let id = id(scope, &args);
    let from = ExchangeId::from_f64(args.get(1).number_value(scope).unwrap_or(-1.0));
    upload(scope, id, from);
}
