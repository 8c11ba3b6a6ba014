//! Bodies that move between a fetch and an exchange without JavaScript: what a fetch receives becomes a response's body, and an
//! incoming request's body becomes a fetch's.
//!
//! Only bodies that the application never touched come here. The embedder asks the isolate's [`State`] first, which moves what there
//! is as far as the other side has room, and enters the isolate only where JavaScript is to be told something.

use super::client;
use crate::host::{
    BodyRead, Exchange, FailureCause, NetworkError, NetworkEvent, NetworkPassed, ResponseHead, Written,
};
use crate::infra::{Scope, state};
use crate::state::{ExchangeId, Slot, State};
use std::cell::{Cell, RefCell};
use std::rc::Rc;

/// A body that is there whole, up to so many bytes, is sent together with its head, with its length.
const WHOLE_BYTES: usize = 64 << 10;

/// What became of news that may concern a body which moves without JavaScript.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Passed {
    /// It does not: the isolate is to be told.
    No,
    /// All was done.
    Done,
    /// All was done, and somebody in the isolate waits for it: the isolate is to be told.
    Tell,
}

/// What moves of a fetch without JavaScript.
#[derive(Default)]
pub(super) struct Pipe {
    /// The exchange whose response's body is the fetch's.
    response_to: Cell<Option<ExchangeId>>,
    /// The exchange whose request's body is the fetch's.
    upload_from: Cell<Option<ExchangeId>>,
    /// Who waits for the end of what goes to `response_to`.
    pub(super) passed: RefCell<Option<v8::Global<v8::PromiseResolver>>>,
    /// That end was there.
    ended: Cell<bool>,
    /// Why the request's body broke off; who waits for the response is to be told.
    upload_failure: RefCell<Option<String>>,
}

impl State {
    /// News of a fetch. May be called whether or not the isolate is entered.
    pub fn pass_network_event(&self, id: u64, event: NetworkEvent) -> Passed {
        // What nobody knows, nobody waits for.
        let Some(fetch) = self.fetches.get(id) else { return Passed::Done };
        match event {
            _ if fetch.pipe.is_to_tell() => Passed::Tell,
            NetworkEvent::Body => match fetch.pipe.response_to.get() {
                Some(to) => self.move_response(id, &fetch, to),
                None => Passed::No,
            },
            NetworkEvent::Room => match fetch.pipe.upload_from.get() {
                Some(from) => {
                    fetch.has_room.set(true);
                    self.move_upload(id, &fetch, from)
                }
                None => Passed::No,
            },
            NetworkEvent::Head => Passed::No,
        }
    }

    /// There is room for more of a response. May be called whether or not the isolate is entered.
    pub fn pass_writable(&self, id: ExchangeId) -> Passed {
        let Some(fetch_id) = self.slot(id).and_then(|slot| slot.receives_from.get()) else {
            return Passed::No;
        };
        match self.fetches.get(fetch_id) {
            Some(fetch) if fetch.pipe.ended.get() => Passed::Tell,
            Some(fetch) => self.move_response(fetch_id, &fetch, id),
            None => Passed::No,
        }
    }

    /// Bytes of a request's body, its end or its failure have arrived. May be called whether or not the isolate is entered.
    pub fn pass_request_body(&self, id: ExchangeId) -> Passed {
        let Some(fetch_id) = self.slot(id).and_then(|slot| slot.sends_to.get()) else { return Passed::No };
        match self.fetches.get(fetch_id) {
            Some(fetch) if fetch.pipe.upload_failure.borrow().is_some() => Passed::Tell,
            Some(fetch) => self.move_upload(fetch_id, &fetch, id),
            None => Passed::No,
        }
    }

    /// Moves what a fetch has received into a response, as far as its client has room.
    fn move_response(&self, id: u64, fetch: &client::Fetch, to: ExchangeId) -> Passed {
        let (Some(slot), Some(network)) = (self.slot(to), self.host().network()) else { return Passed::No };
        loop {
            match network.pass(id, &mut |bytes| slot.exchange.write(bytes)) {
                NetworkPassed::Bytes(Written::Ready) => {}
                NetworkPassed::Bytes(Written::Full) | NetworkPassed::Pending => return Passed::Done,
                NetworkPassed::Bytes(Written::Gone) => {
                    network.cancel(id);
                    break;
                }
                NetworkPassed::End => {
                    slot.exchange.finish();
                    break;
                }
                NetworkPassed::Failed(error) => {
                    break_off(&*slot.exchange, &error.message);
                    break;
                }
            }
        }
        fetch.pipe.ended.set(true);
        if fetch.pipe.passed.borrow().is_some() {
            // It is told, and forgotten, in the isolate.
            return Passed::Tell;
        }
        self.fetches.remove(id);
        self.unlink(fetch);
        Passed::Done
    }

    /// Moves what has come of a request's body to the network, as far as that has room.
    fn move_upload(&self, id: u64, fetch: &client::Fetch, from: ExchangeId) -> Passed {
        let (Some(slot), Some(network)) = (self.slot(from), self.host().network()) else { return Passed::No };
        while fetch.has_room.get() {
            match slot.exchange.read_body() {
                BodyRead::Bytes(bytes) => match network.write(id, &bytes) {
                    Written::Ready => {}
                    Written::Full => fetch.has_room.set(false),
                    Written::Gone => {
                        self.unlink_upload(fetch, true);
                        return Passed::Done;
                    }
                },
                BodyRead::Pending => return Passed::Done,
                BodyRead::End => {
                    self.unlink_upload(fetch, false);
                    network.finish(id);
                    return Passed::Done;
                }
                BodyRead::Failed(reason) => {
                    *fetch.pipe.upload_failure.borrow_mut() = Some(reason);
                    return Passed::Tell;
                }
            }
        }
        Passed::Done
    }

    /// Ends a fetch that nobody in the isolate waits for.
    pub(crate) fn cancel_fetch(&self, id: u64) {
        if let Some(fetch) = self.fetches.cancel(self.host(), id) {
            self.unlink(&fetch);
        }
    }

    /// A fetch is over: what of its bodies still moved is told so.
    pub(super) fn unlink(&self, fetch: &client::Fetch) {
        if let Some(attached) = fetch.attached.take() {
            attached.abandon(&self.sockets);
        }
        self.unlink_upload(fetch, true);
        let Some(to) = fetch.pipe.response_to.take() else { return };
        let Some(slot) = self.slot(to) else { return };
        slot.receives_from.set(None);
        if !fetch.pipe.ended.get() {
            break_off(&*slot.exchange, "it was cancelled before its body was complete");
        }
        if slot.exchange.is_over() {
            self.remove_exchange(to);
        }
    }

    fn unlink_upload(&self, fetch: &client::Fetch, cancel: bool) {
        let Some(slot) = fetch.pipe.upload_from.take().and_then(|from| self.slot(from)) else { return };
        slot.sends_to.set(None);
        if cancel {
            slot.exchange.cancel_body();
        }
    }
}

impl Pipe {
    fn is_to_tell(&self) -> bool {
        self.ended.get() || self.upload_failure.borrow().is_some()
    }
}

/// A response that is incomplete must not look complete.
fn break_off(exchange: &dyn Exchange, reason: &str) {
    exchange.fail(FailureCause::Exception, &format!("TypeError: fetch failed: {reason}"));
}

/// Answers with what a fetch receives. Whether there is more to come.
pub(crate) fn respond(scope: &mut Scope<'_, '_>, slot: &Rc<Slot>, head: &ResponseHead<'_>, id: u64) -> bool {
    let found = state(scope).and_then(|state| Some((state.fetches.get(id)?, state.host().network()?)));
    let Some((fetch, network)) = found else {
        break_off(&*slot.exchange, "it is over, and its body can no longer be read");
        return false;
    };
    if let Some(whole) = network.take_whole(id, WHOLE_BYTES) {
        match whole {
            Ok(body) => slot.exchange.respond(head, Some(&body)),
            // Nothing of it was sent: the client gets an error, which is better than a part.
            Err(error) => break_off(&*slot.exchange, &error.message),
        }
        client::forget(scope, id, false);
        return false;
    }
    if !slot.exchange.respond_stream(head) {
        // A HEAD request: nobody reads what would come.
        client::forget(scope, id, true);
        slot.exchange.finish();
        return false;
    }
    fetch.pipe.response_to.set(Some(slot.id()));
    slot.receives_from.set(Some(id));
    if let Some(state) = state(scope) {
        state.move_response(id, &fetch, slot.id());
    }
    fetch.pipe.response_to.get().is_some()
}

/// A promise of the end of what goes from a fetch to a response.
pub(crate) fn watch<'s>(scope: &mut Scope<'s, '_>, id: u64) -> Option<v8::Local<'s, v8::Promise>> {
    let fetch = state(scope)?.fetches.get(id)?;
    let resolver = v8::PromiseResolver::new(scope)?;
    *fetch.pipe.passed.borrow_mut() = Some(v8::Global::new(scope, resolver));
    Some(resolver.get_promise(scope))
}

/// The request that a fetch's body was to answer is over: nobody wants it.
pub(crate) fn drop_fetch(scope: &mut Scope<'_, '_>, id: u64) {
    client::forget(scope, id, true);
}

/// An incoming request's body becomes a fetch's.
pub(super) fn upload(scope: &mut Scope<'_, '_>, id: u64, from: ExchangeId) {
    let Some(state) = state(scope) else { return };
    let Some(fetch) = state.fetches.get(id) else { return };
    match state.slot(from) {
        Some(slot) => {
            slot.sends_to.set(Some(id));
            fetch.pipe.upload_from.set(Some(from));
        }
        None => {
            let reason = "the request is over: its body can no longer be read";
            *fetch.pipe.upload_failure.borrow_mut() = Some(reason.into());
        }
    }
    if fetch.pipe.is_to_tell() || state.move_upload(id, &fetch, from) == Passed::Tell {
        tell(scope, id);
    }
}

/// Tells JavaScript what has become of a fetch's bodies.
pub(crate) fn tell(scope: &mut Scope<'_, '_>, id: u64) {
    let Some(fetch) = state(scope).and_then(|state| state.fetches.get(id)) else { return };
    let failure = fetch.pipe.upload_failure.borrow_mut().take();
    if let Some(reason) = failure {
        let error =
            NetworkError { code: "ERR_BODY", message: format!("the request's body failed: {reason}") };
        return client::fail(scope, id, &error);
    }
    if fetch.pipe.ended.get() {
        client::forget(scope, id, false);
    }
}

/// The same for the fetch that a response's body comes from.
pub(crate) fn tell_of_response(scope: &mut Scope<'_, '_>, id: ExchangeId) {
    let fetch = state(scope).and_then(|state| state.slot(id)?.receives_from.get());
    if let Some(fetch) = fetch {
        tell(scope, fetch);
    }
}

/// The same for the fetch that a request's body goes to.
pub(crate) fn tell_of_upload(scope: &mut Scope<'_, '_>, id: ExchangeId) {
    let fetch = state(scope).and_then(|state| state.slot(id)?.sends_to.get());
    if let Some(fetch) = fetch {
        tell(scope, fetch);
    }
}
