//! Native functions behind `fetch()`: from JavaScript to the embedder's [`Network`] and back. Fetch, section
//! 4 "Fetching".
//!
//! Knows ids, promises and buffers; what a request is made of is decided in `client.js`.

use super::fetches::{Fetch, Fetches, HeadReceiver, deliver, failure, forget, id, reject};
use crate::host::{
    NetworkError, NetworkEvent, NetworkRead, OutgoingBody, OutgoingRequest, Redirect, Written,
};
use crate::infra::{
    Args, Error, NO_ROOM, Ret, Scope, buffer, charge, latin1, latin1_bytes, new_error, ops, owner, state,
    text, throw, try_uint8_array, with_bytes,
};
use crate::state::{ExchangeId, Gathered, PendingRead, State};
use nano_http::ResponseText;
use std::cell::RefCell;
use std::rc::Rc;

ops! {
    "fetchStart" => fetch_start,
    "fetchHead" => fetch_head,
    "fetchRead" => fetch_read,
    "fetchReadAll" => fetch_read_all,
    "fetchRoom" => fetch_room,
    "fetchWrite" => fetch_write,
    "fetchFinish" => fetch_finish,
    "fetchCancel" => fetch_cancel,
}

/// `fetchStart(method, url, headerBlock, redirect, body, upgrade, service, waiter)`: the fetch's id; throws
/// if it cannot begin. `redirect` is 0 (follow), 1 (error) or 2 (manual); `body` null, a string, a
/// Uint8Array, or for a stream its length, -1 if that is unknown. `waiter` is undefined, or an object of
/// which `receive(head)` or `refuse(error)` is called once, unless the fetch is cancelled before: instead of
/// [`fetch_head`].
fn fetch_start(scope: &mut Scope<'_, '_>, args: Args<'_>, mut ret: Ret<'_>) {
    let (mut method_stack, mut url_stack) = (buffer::<32>(), buffer::<1024>());
    let method = text(scope, args.get(0), &mut method_stack);
    let url = text(scope, args.get(1), &mut url_stack);
    let mut headers = latin1_bytes(scope, args.get(2), &mut buffer::<1024>()).into_owned();
    let redirect = match args.get(3).uint32_value(scope) {
        Some(1) => Redirect::Error,
        Some(2) => Redirect::Manual,
        _ => Redirect::Follow,
    };
    let given = args.get(4);
    let body = if given.is_null_or_undefined() {
        OutgoingBody::None
    } else if let Ok(string) = v8::Local::<v8::String>::try_from(given) {
        OutgoingBody::Bytes(string.to_rust_string_lossy(scope).into_bytes())
    } else if let Ok(length) = v8::Local::<v8::Number>::try_from(given) {
        OutgoingBody::Stream((length.value() >= 0.0).then_some(length.value() as u64))
    } else {
        OutgoingBody::Bytes(with_bytes(given, <[u8]>::to_vec))
    };
    let (mut upgrade_stack, mut service_stack) = (buffer::<32>(), buffer::<64>());
    let upgrade = (!args.get(5).is_undefined()).then(|| text(scope, args.get(5), &mut upgrade_stack));
    let service = (!args.get(6).is_undefined()).then(|| text(scope, args.get(6), &mut service_stack));
    let owner = owner(scope);
    let mut trace = None;
    if let Some(owner) = owner
        && let Some(state) = state(scope)
        && let Some(exchange) = state.exchange(ExchangeId::from_f64(owner))
    {
        let own = has_trace_context(&headers);
        trace = exchange.trace_fetch(&method, &url, (!own).then_some(&mut headers));
    }
    let charge = match &body {
        OutgoingBody::Bytes(bytes) if !bytes.is_empty() => match charge(scope, bytes.len()) {
            Ok(charge) => charge,
            Err(_) => {
                let error = NetworkError { code: "ENOMEM", message: NO_ROOM.to_owned() };
                let error = failure(scope, &error);
                scope.throw_exception(error);
                return;
            }
        },
        _ => None,
    };
    let request = OutgoingRequest {
        method: &method,
        url: &url,
        headers: &headers,
        body,
        redirect,
        upgrade: upgrade.as_deref(),
        trace,
        service: service.as_deref(),
    };
    let waiter = v8::Local::<v8::Object>::try_from(args.get(7)).ok();
    let waiter = waiter.map(|object| HeadReceiver::Object(v8::Global::new(scope, object), owner));
    let fetch = Fetch { _body: charge, head: RefCell::new(waiter), ..Fetch::default() };
    let started = match state(scope) {
        Some(state) => start(state, owner, request, fetch),
        None => return,
    };
    match started {
        Ok(id) => ret.set_double(id as f64),
        Err(error) => {
            let error = failure(scope, &error);
            scope.throw_exception(error);
        }
    }
}

/// Whether a header block has a `traceparent` of the application's own.
fn has_trace_context(block: &[u8]) -> bool {
    const NAME: &[u8] = b"traceparent:";
    block
        .split(|byte| *byte == b'\n')
        .any(|line| line.get(..NAME.len()).is_some_and(|name| name.eq_ignore_ascii_case(NAME)))
}

fn start(
    state: &State,
    owner: Option<f64>,
    request: OutgoingRequest<'_>,
    fetch: Fetch,
) -> Result<u64, NetworkError> {
    let fail = |code, message: &str| Err(NetworkError { code, message: message.to_owned() });
    let Some(network) = state.host().network() else {
        return fail("ERR_NO_NETWORK", "there is no network here");
    };
    let slot = match owner.map(|owner| state.active_exchange(ExchangeId::from_f64(owner))) {
        Some(None) => {
            return fail(
                "ERR_REQUEST_OVER",
                "the request that it is made for is over; ctx.waitUntil() keeps one alive after its response",
            );
        }
        Some(slot) => slot,
        None => None,
    };
    if let Some(slot) = &slot
        && slot.fetches.borrow().len() >= network.max_subrequests() as usize
    {
        let message =
            format!("more than {} requests were made for one (max_subrequests)", network.max_subrequests());
        return fail("ERR_TOO_MANY_SUBREQUESTS", &message);
    }
    let id = state.get::<Fetches>().live.borrow_mut().insert_with(|_| Rc::new(fetch));
    if let Err(error) = network.start(id, request) {
        state.get::<Fetches>().remove(id);
        return Err(error);
    }
    if let Some(slot) = slot {
        slot.fetches.borrow_mut().push(id);
    }
    Ok(id)
}

/// A new promise that is kept in `place`.
fn wait<'s>(
    scope: &mut Scope<'s, '_>,
    place: impl FnOnce(v8::Global<v8::PromiseResolver>),
) -> Option<v8::Local<'s, v8::Promise>> {
    let resolver = v8::PromiseResolver::new(scope)?;
    place(v8::Global::new(scope, resolver));
    Some(resolver.get_promise(scope))
}

/// `fetchHead(id)`: a promise of the response's head, to be asked for once, in the form of [`ResponseText`].
fn fetch_head(scope: &mut Scope<'_, '_>, args: Args<'_>, mut ret: Ret<'_>) {
    let id = id(scope, &args);
    let Some(fetch) = state(scope).and_then(|state| state.get::<Fetches>().get(id)) else { return };
    if let Some(promise) =
        wait(scope, |resolver| *fetch.head.borrow_mut() = Some(HeadReceiver::Promise(resolver)))
    {
        ret.set(promise.into());
    }
}

/// `fetchRead(id)`: a Uint8Array, null at the end, or a promise of either.
fn fetch_read(scope: &mut Scope<'_, '_>, args: Args<'_>, ret: Ret<'_>) {
    read(scope, &args, ret, None);
}

/// `fetchReadAll(id)`: what is left of the body as one Uint8Array, or a promise of it.
fn fetch_read_all(scope: &mut Scope<'_, '_>, args: Args<'_>, ret: Ret<'_>) {
    read(scope, &args, ret, Some(Gathered::default()));
}

fn read(scope: &mut Scope<'_, '_>, args: &Args<'_>, mut ret: Ret<'_>, mut all: Option<Gathered>) {
    let id = id(scope, args);
    let Some(fetch) = state(scope).and_then(|state| state.get::<Fetches>().get(id)) else {
        return throw(scope, Error::Type("the fetch is over: its body can no longer be read"));
    };
    match step(scope, id, &mut all) {
        Step::Value(value) => ret.set(value),
        Step::Failed(error) => {
            scope.throw_exception(error);
        }
        Step::Wait => {
            let place = |resolver| *fetch.reading.borrow_mut() = Some(PendingRead { resolver, all });
            if let Some(promise) = wait(scope, place) {
                ret.set(promise.into());
            }
        }
    }
}

enum Step<'s> {
    Value(v8::Local<'s, v8::Value>),
    Failed(v8::Local<'s, v8::Value>),
    Wait,
}

/// Reads as far as bytes have arrived: one piece, or everything into `all`.
fn step<'s>(scope: &mut Scope<'s, '_>, id: u64, all: &mut Option<Gathered>) -> Step<'s> {
    loop {
        let read = match state(scope).and_then(|state| state.host().network()) {
            Some(network) => network.read(id),
            None => NetworkRead::End,
        };
        let bytes = match (read, &mut *all) {
            (NetworkRead::Bytes(bytes), Some(all)) => {
                if !state(scope).is_some_and(|state| all.push(bytes, state.account())) {
                    forget(scope, id, true);
                    return Step::Failed(new_error(scope, Error::Range(NO_ROOM)));
                }
                continue;
            }
            (NetworkRead::Bytes(bytes), None) => bytes,
            (NetworkRead::End, Some(all)) => {
                forget(scope, id, false);
                std::mem::take(all).into_bytes()
            }
            (NetworkRead::End, None) => {
                forget(scope, id, false);
                return Step::Value(v8::null(scope).into());
            }
            (NetworkRead::Pending, _) => return Step::Wait,
            (NetworkRead::Failed(error), _) => {
                forget(scope, id, false);
                return Step::Failed(failure(scope, &error));
            }
        };
        return match try_uint8_array(scope, bytes) {
            Some(array) => Step::Value(array.into()),
            None => {
                forget(scope, id, true);
                Step::Failed(new_error(scope, Error::Range(NO_ROOM)))
            }
        };
    }
}

/// `fetchRoom(id)`: a promise that is resolved when the body may be written; with false if nobody wants it.
fn fetch_room(scope: &mut Scope<'_, '_>, args: Args<'_>, mut ret: Ret<'_>) {
    let id = id(scope, &args);
    let Some(fetch) = state(scope).and_then(|state| state.get::<Fetches>().get(id)) else {
        ret.set_bool(false);
        return;
    };
    if fetch.has_room.take() {
        ret.set_bool(true);
    } else if let Some(promise) = wait(scope, |resolver| *fetch.room.borrow_mut() = Some(resolver)) {
        ret.set(promise.into());
    }
}

/// `fetchWrite(id, Uint8Array)`: undefined where there is room for more, false where nobody wants it, else a
/// promise that is resolved when there is room, with false if nobody wants it any more.
fn fetch_write(scope: &mut Scope<'_, '_>, args: Args<'_>, mut ret: Ret<'_>) {
    let id = id(scope, &args);
    let Some(fetch) = state(scope).and_then(|state| state.get::<Fetches>().get(id)) else {
        ret.set_bool(false);
        return;
    };
    let Some(network) = state(scope).and_then(|state| state.host().network()) else { return };
    fetch.has_room.set(false);
    match with_bytes(args.get(1), |bytes| network.write(id, bytes)) {
        Written::Ready => {}
        Written::Gone => ret.set_bool(false),
        Written::Full => {
            if let Some(promise) = wait(scope, |resolver| *fetch.room.borrow_mut() = Some(resolver)) {
                ret.set(promise.into());
            }
        }
    }
}

fn fetch_finish(scope: &mut Scope<'_, '_>, args: Args<'_>, _: Ret<'_>) {
    let id = id(scope, &args);
    if let Some(network) = state(scope).and_then(|state| state.host().network()) {
        network.finish(id);
    }
}

/// `fetchCancel(id, reason)`: ends a fetch. Who waits for its head or its body gets `reason`, if there is
/// one.
fn fetch_cancel(scope: &mut Scope<'_, '_>, args: Args<'_>, _: Ret<'_>) {
    let id = id(scope, &args);
    let Some(fetch) = state(scope).and_then(|state| state.get::<Fetches>().get(id)) else { return };
    forget(scope, id, true);
    reject(scope, &fetch, args.get(1));
}

/// Goes on with who waits for what has happened.
pub(crate) fn resume(scope: &mut Scope<'_, '_>, id: u64, event: NetworkEvent) {
    let Some(fetch) = state(scope).and_then(|state| state.get::<Fetches>().get(id)) else { return };
    let upgraded = fetch.upgraded.borrow().clone();
    match (event, upgraded) {
        (NetworkEvent::Body, Some(upgraded)) => return upgraded.readable(scope),
        (NetworkEvent::Room, Some(upgraded)) => return upgraded.writable(scope, false),
        _ => {}
    }
    match event {
        NetworkEvent::Head => {
            let response = state(scope).and_then(|state| state.host().network()?.response(id));
            let Some(response) = response else { return };
            let waiting = fetch.head.borrow_mut().take();
            match response {
                Ok(response) => {
                    let mut head = Vec::new();
                    let text = ResponseText {
                        status: response.status,
                        is_redirected: response.redirected,
                        is_empty: response.is_empty,
                        reason: &response.status_text,
                        url: response.url.as_bytes(),
                        fields: &response.headers,
                    };
                    text.push(&mut head);
                    if response.is_empty {
                        forget(scope, id, true);
                    }
                    if let (Some(waiting), Some(head)) = (waiting, latin1(scope, &head)) {
                        deliver(scope, waiting, Ok(head));
                    }
                }
                Err(error) => {
                    forget(scope, id, false);
                    let Some(waiting) = waiting else { return };
                    let error = failure(scope, &error);
                    deliver(scope, waiting, Err(error));
                }
            }
        }
        NetworkEvent::Body => {
            let Some(mut reading) = fetch.reading.borrow_mut().take() else { return };
            match step(scope, id, &mut reading.all) {
                Step::Value(value) => {
                    let resolver = v8::Local::new(scope, &reading.resolver);
                    resolver.resolve(scope, value);
                }
                Step::Failed(error) => {
                    let resolver = v8::Local::new(scope, &reading.resolver);
                    resolver.reject(scope, error);
                }
                Step::Wait => *fetch.reading.borrow_mut() = Some(reading),
            }
        }
        NetworkEvent::Room => {
            let resolver = fetch.room.borrow_mut().take();
            match resolver {
                Some(resolver) => {
                    let resolver = v8::Local::new(scope, &resolver);
                    let value = v8::Boolean::new(scope, true).into();
                    resolver.resolve(scope, value);
                }
                None => fetch.has_room.set(true),
            }
        }
    }
}
