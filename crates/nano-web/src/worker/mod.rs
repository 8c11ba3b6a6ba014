//! Native functions of the request path: what the dispatcher (`dispatch.js`) does with a handler's response.

mod head;

use crate::events::rejections;
use crate::fetch::pipe;
use crate::host::{FailureCause, ResponseHead, Written};
use crate::infra::part::{Part, files, parts};
use crate::infra::registry::Standard;
use crate::infra::{
    Args, Fast, Ret, Scope, active_exchange, buffer, guard_fast, latin1_bytes, ops, state, text, with_bytes,
};
use crate::state::{ActiveExchange, ExchangeId, State, try_state};
use crate::worker::head::PassedHead;
use std::borrow::Cow;
use std::ffi::c_void;
use std::rc::Rc;
use v8::fast_api::{
    CFunction, CFunctionInfo, FastApiCallbackOptions, FastApiOneByteString, Int64Representation, Type,
};

pub(crate) static STANDARD: Standard = Standard {
    name: "worker",
    uses: &[
        "abort",
        "console",
        "domexception",
        "events",
        "expose",
        "exposeEnumerable",
        "fetch",
        "hooks",
        "loaded",
        "messaging",
        "primordials",
        "services",
        "streams",
        "timers",
        "wasm",
        "webSocket",
        "webidl",
    ],
    snapshot_exports: &["entry", "forgetApplication", "keepAlive"],
    snapshot_hooks: &["unhandledException"],
    ops: &[ops],
    snapshot_files: files!["worker/dispatch.js", "worker/warm.js"],
    parts: PARTS,
    ..Standard::EMPTY
};

static PARTS: &[Part] = parts! {
    {
        files: ["worker/scheduler.js"],
        exports: [],
        globals: ["scheduler"],
        enumerable: [],
        exercise: r#"scheduler.wait(1);"#
    }
    {
        files: ["worker/fetchevent.js"],
        exports: ["fetchEvent"],
        globals: ["FetchEvent"],
        enumerable: [],
        exercise: r#"addEventListener("fetch", (event) => event.respondWith(new Response("")));"#
    }
};

ops! {
    "drainMicrotasks" => drain_microtasks,
    "respond" => respond,
    "respondText" => respond_text | RESPOND_TEXT,
    "respondStream" => respond_stream,
    "respondPipe" => respond_pipe,
    "respondFetch" => respond_fetch,
    "passFetch" => pass_fetch,
    "responseWrite" => response_write,
    "responseFinish" => response_finish,
    "responseFail" => response_fail,
    "waitUntil" => wait_until,
}

/// A text of more characters is counted for the isolate while its bytes are made.
const LARGE_TEXT: usize = 64 << 10;

/// Why a response of text is not sent.
const NO_ROOM: &str = "the response is larger than the memory that the application has left";

/// Forgets the request if nothing of it is left to do.
fn forget_if_over(scope: &mut Scope<'_, '_>, active: Rc<ActiveExchange>) {
    if let Some(state) = state(scope) {
        remove_if_over(state, active);
    }
}

fn remove_if_over(state: &State, active: Rc<ActiveExchange>) {
    if active.exchange.is_over() {
        state.remove_exchange(active.id());
        state.recycle(active);
    }
}

/// `drainMicrotasks(value)`: drains them; then the value itself or, where it is a promise that is settled,
/// what it is settled with: a reason is thrown. A promise that is pending is returned as it is.
fn drain_microtasks(scope: &mut Scope<'_, '_>, args: Args<'_>, mut ret: Ret<'_>) {
    let value = args.get(0);
    scope.perform_microtask_checkpoint();
    let Ok(promise) = v8::Local::<v8::Promise>::try_from(value) else {
        ret.set(value);
        return;
    };
    match promise.state() {
        v8::PromiseState::Pending => ret.set(value),
        v8::PromiseState::Fulfilled => ret.set(promise.result(scope)),
        v8::PromiseState::Rejected => {
            rejections::handle_rejection(scope, promise);
            let reason = promise.result(scope);
            scope.throw_exception(reason);
        }
    }
}

/// Reads `(id, status, statusText, headerBlock, contentLength)` and calls `with` with the head.
fn with_head(
    scope: &mut Scope<'_, '_>,
    args: &Args<'_>,
    with: impl FnOnce(&mut Scope<'_, '_>, &ResponseHead<'_>),
) {
    let status = args.get(1).uint32_value(scope).unwrap_or(500) as u16;
    let mut reason_stack = buffer::<64>();
    let status_text = if args.get(2).is_undefined() {
        Cow::Borrowed("")
    } else {
        text(scope, args.get(2), &mut reason_stack)
    };
    let length = args.get(4).number_value(scope).filter(|length| *length >= 0.0);
    let mut stack = buffer::<1024>();
    let headers = latin1_bytes(scope, args.get(3), &mut stack);
    let head = ResponseHead {
        status,
        status_text: &status_text,
        headers: &headers,
        content_length: length.map(|l| l as u64),
    };
    with(scope, &head);
}

/// `respond(id, status, statusText, headerBlock, contentLength, body)`: body is null, a string or a
/// Uint8Array.
fn respond(scope: &mut Scope<'_, '_>, args: Args<'_>, _: Ret<'_>) {
    let Some(active) = active_exchange(scope, &args) else { return };
    with_head(scope, &args, |scope, head| {
        let body = args.get(5);
        if let Ok(string) = v8::Local::<v8::String>::try_from(body) {
            send_text(scope, &active, head, string);
        } else if body.is_null_or_undefined() {
            active.exchange.respond(head, None);
        } else {
            with_bytes(body, |bytes| active.exchange.respond(head, Some(bytes)));
        }
    });
    forget_if_over(scope, active);
}

fn send_text(
    scope: &mut Scope<'_, '_>,
    active: &ActiveExchange,
    head: &ResponseHead<'_>,
    text: v8::Local<'_, v8::String>,
) {
    let bytes = if text.length() > LARGE_TEXT { text.utf8_length(scope) } else { 0 };
    let mut charge = None;
    if bytes > 0 {
        charge = state(scope).and_then(|state| state.account().charge(bytes).ok());
        if charge.is_none() {
            return active.exchange.fail(FailureCause::Memory, NO_ROOM);
        }
    }
    let mut stack = buffer::<4096>();
    let text = text.to_rust_cow_lossy(scope, &mut stack);
    // It is charged as output from here on, until the client has it.
    drop(charge);
    active.exchange.respond(head, Some(text.as_bytes()));
}

/// `respondText(id, status, headerBlock, text)`: [`respond`] without status text and Content-Length, as
/// nearly all responses are.
fn respond_text(scope: &mut Scope<'_, '_>, args: Args<'_>, _: Ret<'_>) {
    let Some(active) = active_exchange(scope, &args) else { return };
    let status = args.get(1).uint32_value(scope).unwrap_or(500) as u16;
    let mut stack = buffer::<1024>();
    let headers = latin1_bytes(scope, args.get(2), &mut stack);
    let head = ResponseHead { status, status_text: "", headers: &headers, content_length: None };
    if let Ok(text) = v8::Local::<v8::String>::try_from(args.get(3)) {
        send_text(scope, &active, &head, text);
    }
    forget_if_over(scope, active);
}

/// What optimized code calls for `respondText` where both strings are flat ones of Latin-1: they are read
/// where they are.
static RESPOND_TEXT: Fast = Fast([CFunction::new(
    respond_text_fast as *const c_void,
    &CFunctionInfo::new(
        Type::Void.as_info(),
        &[
            Type::V8Value.as_info(),
            Type::Float64.as_info(),
            Type::Uint32.as_info(),
            Type::SeqOneByteString.as_info(),
            Type::SeqOneByteString.as_info(),
            Type::CallbackOptions.as_info(),
        ],
        Int64Representation::Number,
    ),
)]);

/// V8 calls this with the isolate entered, and keeps the strings where they are: nothing here allocates in
/// its heap.
extern "C" fn respond_text_fast(
    _: v8::Local<'_, v8::Value>,
    id: f64,
    status: u32,
    headers: *const FastApiOneByteString,
    text: *const FastApiOneByteString,
    options: *mut FastApiCallbackOptions<'_>,
) {
    guard_fast(|| {
        // SAFETY: V8 hands over pointers that are valid for this call, to strings that do not move meanwhile.
        let (headers, text, options) = unsafe { (&*headers, &*text, &*options) };
        // SAFETY: the isolate is the one whose JavaScript calls, alive and entered.
        let Some(state) = try_state(unsafe { options.isolate_unchecked() }) else { return };
        let Some(active) = state.active_exchange(ExchangeId::from_f64(id)) else { return };
        let head = ResponseHead {
            status: status as u16,
            status_text: "",
            headers: headers.as_bytes(),
            content_length: None,
        };
        send_latin1(state, &active, &head, text.as_bytes());
        remove_if_over(state, active);
    });
}

fn send_latin1(state: &State, active: &ActiveExchange, head: &ResponseHead<'_>, text: &[u8]) {
    let others = if text.is_ascii() { 0 } else { text.iter().filter(|byte| !byte.is_ascii()).count() };
    if others == 0 {
        return active.exchange.respond(head, Some(text));
    }
    let bytes = text.len() + others;
    let charge = match bytes > LARGE_TEXT {
        true => match state.account().charge(bytes) {
            Ok(charge) => Some(charge),
            Err(_) => return active.exchange.fail(FailureCause::Memory, NO_ROOM),
        },
        false => None,
    };
    let utf8: String = text.iter().map(|byte| char::from(*byte)).collect();
    drop(charge);
    active.exchange.respond(head, Some(utf8.as_bytes()));
}

/// `respondStream(id, status, statusText, headerBlock, contentLength)`: whether a body is wanted.
fn respond_stream(scope: &mut Scope<'_, '_>, args: Args<'_>, mut ret: Ret<'_>) {
    let Some(active) = active_exchange(scope, &args) else { return };
    let mut wanted = false;
    with_head(scope, &args, |_, head| wanted = active.exchange.respond_stream(head));
    ret.set_bool(wanted);
}

/// `respondPipe(id, status, statusText, headerBlock, contentLength)`.
fn respond_pipe(scope: &mut Scope<'_, '_>, args: Args<'_>, _: Ret<'_>) {
    let Some(active) = active_exchange(scope, &args) else { return };
    with_head(scope, &args, |_, head| active.exchange.respond_pipe(head));
}

/// `respondFetch(id, status, statusText, headerBlock, contentLength, fetchId, watched)`: sends the body that
/// a fetch receives. Undefined where that is done, or is not `watched`, else a promise that is resolved when
/// the last of it was passed on or it broke off.
fn respond_fetch(scope: &mut Scope<'_, '_>, args: Args<'_>, mut ret: Ret<'_>) {
    let fetch = args.get(5).number_value(scope).unwrap_or(0.0) as u64;
    let Some(active) = active_exchange(scope, &args) else { return pipe::drop_fetch(scope, fetch) };
    let watched = args.get(6).is_true();
    let mut goes_on = false;
    with_head(scope, &args, |scope, head| goes_on = pipe::respond(scope, &active, head, fetch));
    watch_fetch(scope, &mut ret, fetch, goes_on && watched);
    forget_if_over(scope, active);
}

/// `passFetch(id, head, fetchId, watched)`: the same with the head that the fetch has received, as
/// `fetchHead` gave it.
fn pass_fetch(scope: &mut Scope<'_, '_>, args: Args<'_>, mut ret: Ret<'_>) {
    let fetch = args.get(2).number_value(scope).unwrap_or(0.0) as u64;
    let Some(active) = active_exchange(scope, &args) else { return pipe::drop_fetch(scope, fetch) };
    let watched = args.get(3).is_true();
    let mut stack = buffer::<2048>();
    let received = latin1_bytes(scope, args.get(1), &mut stack);
    let passed = PassedHead::of(&received);
    let goes_on = pipe::respond(scope, &active, &passed.head(), fetch);
    watch_fetch(scope, &mut ret, fetch, goes_on && watched);
    forget_if_over(scope, active);
}

fn watch_fetch(scope: &mut Scope<'_, '_>, ret: &mut Ret<'_>, fetch: u64, watched: bool) {
    if watched && let Some(promise) = pipe::watch(scope, fetch) {
        ret.set(promise.into());
    }
}

/// `responseWrite(id, Uint8Array)`: undefined where there is room for more, false where the client is gone,
/// else a promise that is resolved when there is room, with false if the client has gone meanwhile.
fn response_write(scope: &mut Scope<'_, '_>, args: Args<'_>, mut ret: Ret<'_>) {
    let Some(active) = active_exchange(scope, &args) else {
        ret.set_bool(false);
        return;
    };
    match with_bytes(args.get(1), |bytes| active.exchange.write(bytes)) {
        Written::Ready => {}
        Written::Gone => ret.set_bool(false),
        Written::Full => {
            let Some(resolver) = v8::PromiseResolver::new(scope) else { return };
            ret.set(resolver.get_promise(scope).into());
            *active.writing.borrow_mut() = Some(v8::Global::new(scope, resolver));
        }
    }
}

/// Goes on with a producer that waits for room.
pub(crate) fn resume(scope: &mut Scope<'_, '_>, active: &ActiveExchange, gone: bool) {
    let upgraded = active.upgraded.borrow().clone();
    if let Some(upgraded) = upgraded {
        return upgraded.writable(scope, gone);
    }
    let Some(resolver) = active.writing.borrow_mut().take() else { return };
    let resolver = v8::Local::new(scope, &resolver);
    let value = v8::Boolean::new(scope, !gone).into();
    resolver.resolve(scope, value);
}

fn response_finish(scope: &mut Scope<'_, '_>, args: Args<'_>, _: Ret<'_>) {
    if let Some(active) = active_exchange(scope, &args) {
        active.exchange.finish();
        forget_if_over(scope, active);
    }
}

/// `responseFail(id, reason)`.
fn response_fail(scope: &mut Scope<'_, '_>, args: Args<'_>, _: Ret<'_>) {
    let Some(active) = active_exchange(scope, &args) else { return };
    let mut stack = buffer::<1024>();
    let reason = text(scope, args.get(1), &mut stack);
    active.exchange.fail(FailureCause::Exception, &reason);
    forget_if_over(scope, active);
}

/// `waitUntil(id, change)`: 1 where a promise begins to keep the request alive, -1 where it ends.
fn wait_until(scope: &mut Scope<'_, '_>, args: Args<'_>, _: Ret<'_>) {
    let change = args.get(1).int32_value(scope).unwrap_or(0);
    if let Some(active) = active_exchange(scope, &args) {
        active.exchange.wait_until(change);
        forget_if_over(scope, active);
    }
}
