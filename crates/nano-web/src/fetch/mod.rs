//! Native functions behind a server's request: reading its body. Fetch, section 2.2.4 "Bodies".

pub(crate) mod client;
pub(crate) mod fetches;
pub(crate) mod integrity;
pub(crate) mod pipe;

use crate::host::{BodyLength, BodyRead};
use crate::infra::part::{Part, files, parts};
use crate::infra::registry::Standard;
use crate::infra::{
    Args, Error, Fast, NO_ROOM, Ret, Scope, active_exchange, new_error, ops, state, try_uint8_array,
};
use crate::state::{ActiveExchange, Gathered, PendingRead};
use std::ffi::c_void;
use v8::fast_api::{CFunction, CFunctionInfo, Int64Representation, Type};

pub(crate) static STANDARD: Standard = Standard {
    name: "fetch",
    uses: &[
        "abort",
        "encoding",
        "expose",
        "exposeEnumerable",
        "file",
        "formData",
        "hooks",
        "isToken",
        "loaded",
        "mime",
        "primordials",
        "searchParams",
        "streams",
        "url",
        "webidl",
    ],
    hooks: &["webSocketUpgrade"],
    snapshot_exports: &["body", "fetch", "incoming"],
    ops: &[ops, client::ops, pipe::ops, integrity::ops],
    snapshot_files: files![
        "fetch/incoming.js",
        "fetch/headers.js",
        "fetch/body.js",
        "fetch/request.js",
        "fetch/response.js"
    ],
    parts: PARTS,
    exchange_removed: Some(fetches::exchange_removed),
    ..Standard::EMPTY
};

static PARTS: &[Part] = parts! {
    {
        files: ["fetch/client.js"],
        exports: ["fetchClient"],
        globals: [],
        enumerable: ["fetch"],
        exercise: r#"fetch("data:,a").then((response) => response.text()); fetch("http://localhost/").catch(() => {});"#
    }
    {
        files: ["fetch/service.js"],
        exports: ["services"],
        globals: [],
        enumerable: [],
        // Nothing has one while the snapshot is made.
        exercise: ""
    }
    {
        files: ["fetch/dataurl.js"],
        exports: ["dataUrl"],
        globals: [],
        enumerable: [],
        exercise: r#"fetch("data:text/plain;base64,YQ==");"#
    }
};

ops! {
    "requestBodyLength" => request_body_length,
    "writersFields" => writers_fields,
    "bodyRead" => body_read,
    "bodyReadAll" => body_read_all,
    "bodyCancel" => body_cancel,
    "isProxy" => is_proxy | IS_PROXY_FAST,
}

static IS_PROXY_FAST: Fast = Fast([CFunction::new(
    is_proxy_fast as *const c_void,
    &CFunctionInfo::new(
        Type::Bool.as_info(),
        &[Type::V8Value.as_info(), Type::V8Value.as_info()],
        Int64Representation::Number,
    ),
)]);

/// `isProxy(value)`: reading an object that is none runs no code but its getters'.
fn is_proxy(_: &mut Scope<'_, '_>, args: Args<'_>, mut ret: Ret<'_>) {
    ret.set_bool(args.get(0).is_proxy());
}

extern "C" fn is_proxy_fast(_: v8::Local<'_, v8::Value>, value: v8::Local<'_, v8::Value>) -> bool {
    value.is_proxy()
}

/// `writersFields()`: at each index an array of the header fields with a name of this length that the writer of a
/// message sets, or undefined. Called while the snapshot is made.
fn writers_fields(scope: &mut Scope<'_, '_>, _: Args<'_>, mut ret: Ret<'_>) {
    let longest = nano_http::writers_fields().map(str::len).max().unwrap_or(0);
    let by_length = v8::Array::new(scope, 0);
    for length in 0..=longest {
        let names = nano_http::writers_fields().filter(|name| name.len() == length);
        let names = names.map(|name| Some(v8::String::new(scope, name)?.into()));
        let Some(names) = names.collect::<Option<Vec<v8::Local<'_, v8::Value>>>>() else { return };
        let value = match &names[..] {
            [] => v8::undefined(scope).into(),
            names => v8::Array::new_with_elements(scope, names).into(),
        };
        by_length.set_index(scope, length as u32, value);
    }
    ret.set(by_length.into());
}

/// -1: no body; -2: its length is not known; else bytes.
fn request_body_length(scope: &mut Scope<'_, '_>, args: Args<'_>, mut ret: Ret<'_>) {
    let length =
        active_exchange(scope, &args).map_or(BodyLength::None, |active| active.exchange.body_length());
    ret.set_double(match length {
        BodyLength::None => -1.0,
        BodyLength::Unknown => -2.0,
        BodyLength::Known(bytes) => bytes as f64,
    });
}

/// `bodyRead(id)`: a Uint8Array, null at the end, or a promise of either.
fn body_read(scope: &mut Scope<'_, '_>, args: Args<'_>, ret: Ret<'_>) {
    read(scope, &args, ret, None);
}

/// `bodyReadAll(id)`: what is left of the body as one Uint8Array, or a promise of it.
fn body_read_all(scope: &mut Scope<'_, '_>, args: Args<'_>, ret: Ret<'_>) {
    read(scope, &args, ret, Some(Gathered::default()));
}

fn read(scope: &mut Scope<'_, '_>, args: &Args<'_>, mut ret: Ret<'_>, mut all: Option<Gathered>) {
    let Some(active) = active_exchange(scope, args) else {
        return crate::infra::throw(
            scope,
            Error::Type("the request is over: its body can no longer be read"),
        );
    };
    match step(scope, &active, &mut all) {
        Step::Value(value) => ret.set(value),
        Step::Failed(error) => {
            scope.throw_exception(error);
        }
        Step::Wait => {
            let Some(resolver) = v8::PromiseResolver::new(scope) else { return };
            ret.set(resolver.get_promise(scope).into());
            let resolver = v8::Global::new(scope, resolver);
            *active.reading.borrow_mut() = Some(PendingRead { resolver, all });
        }
    }
}

enum Step<'s> {
    Value(v8::Local<'s, v8::Value>),
    Failed(v8::Local<'s, v8::Value>),
    Wait,
}

/// Reads as far as bytes have arrived: one piece, or everything into `all`.
fn step<'s>(scope: &mut Scope<'s, '_>, active: &ActiveExchange, all: &mut Option<Gathered>) -> Step<'s> {
    loop {
        let bytes = match (active.exchange.read_body(), &mut *all) {
            (BodyRead::Bytes(bytes), Some(all)) => {
                if !state(scope).is_some_and(|state| all.push(bytes, state.account())) {
                    return Step::Failed(new_error(scope, Error::Range(NO_ROOM)));
                }
                continue;
            }
            (BodyRead::Bytes(bytes), None) => bytes,
            (BodyRead::End, Some(all)) => std::mem::take(all).into_bytes(),
            (BodyRead::End, None) => return Step::Value(v8::null(scope).into()),
            (BodyRead::Pending, _) => return Step::Wait,
            (BodyRead::Failed(reason), _) => return Step::Failed(new_error(scope, Error::Type(&reason))),
        };
        return match try_uint8_array(scope, bytes) {
            Some(array) => Step::Value(array.into()),
            None => Step::Failed(new_error(scope, Error::Range(NO_ROOM))),
        };
    }
}

/// Goes on with a read that waits; called when bytes, the end or a failure have arrived.
pub(crate) fn resume(scope: &mut Scope<'_, '_>, active: &ActiveExchange) {
    let upgraded = active.upgraded.borrow().clone();
    if let Some(upgraded) = upgraded {
        return upgraded.readable(scope);
    }
    let Some(mut reading) = active.reading.borrow_mut().take() else { return };
    match step(scope, active, &mut reading.all) {
        Step::Value(value) => {
            let resolver = v8::Local::new(scope, &reading.resolver);
            resolver.resolve(scope, value);
        }
        Step::Failed(error) => {
            let resolver = v8::Local::new(scope, &reading.resolver);
            resolver.reject(scope, error);
        }
        Step::Wait => *active.reading.borrow_mut() = Some(reading),
    }
}

fn body_cancel(scope: &mut Scope<'_, '_>, args: Args<'_>, _: Ret<'_>) {
    if let Some(active) = active_exchange(scope, &args) {
        active.exchange.cancel_body();
    }
}
