//! Native functions of the request path: what the dispatcher (`dispatch.js`) does with a handler's response.

use crate::fetch::pipe;
use crate::host::{FailureCause, ResponseHead, Written};
use crate::infra::{Args, Ret, Scope, buffer, ops, slot, state, text, with_bytes};
use crate::state::Slot;
use std::mem::MaybeUninit;

ops! {
    "settle" => settle_value,
    "respond" => respond,
    "respondStream" => respond_stream,
    "respondPipe" => respond_pipe,
    "respondFetch" => respond_fetch,
    "responseWrite" => response_write,
    "responseFinish" => response_finish,
    "responseFail" => response_fail,
    "waitUntil" => wait_until,
}

/// A text of more characters is counted for the isolate while its bytes are made.
const LARGE_TEXT: usize = 64 << 10;

/// Forgets the request if nothing of it is left to do.
fn settle(scope: &mut Scope<'_, '_>, slot: &Slot) {
    if slot.exchange.is_over()
        && let Some(state) = state(scope)
    {
        state.remove_exchange(slot.id());
    }
}

/// `settle(value)`: drains microtasks; then the value itself or, where it is a promise that is settled, what it is settled with: a
/// reason is thrown. A promise that is pending is returned as it is.
fn settle_value(scope: &mut Scope<'_, '_>, args: Args<'_>, mut ret: Ret<'_>) {
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
            crate::entry::handle_rejection(scope, promise);
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
        std::borrow::Cow::Borrowed("")
    } else {
        text(scope, args.get(2), &mut reason_stack)
    };
    let length = args.get(4).number_value(scope).filter(|length| *length >= 0.0);
    let mut inline = [MaybeUninit::<u8>::uninit(); 1024];
    let headers_heap;
    let headers: &[u8] = match v8::Local::<v8::String>::try_from(args.get(3)) {
        Err(_) => &[],
        Ok(block) if block.length() <= inline.len() => {
            let length = block.length();
            block.write_one_byte_uninit_v2(scope, 0, &mut inline[..length], v8::WriteFlags::empty());
            // SAFETY: V8 has just written the first `length` bytes.
            unsafe { std::slice::from_raw_parts(inline.as_ptr().cast::<u8>(), length) }
        }
        Ok(block) => {
            let mut bytes = vec![0u8; block.length()];
            block.write_one_byte_v2(scope, 0, &mut bytes, v8::WriteFlags::empty());
            headers_heap = bytes;
            &headers_heap
        }
    };
    let head =
        ResponseHead { status, status_text: &status_text, headers, content_length: length.map(|l| l as u64) };
    with(scope, &head);
}

/// `respond(id, status, statusText, headerBlock, contentLength, body)`: body is null, a string or a Uint8Array.
fn respond(scope: &mut Scope<'_, '_>, args: Args<'_>, _: Ret<'_>) {
    let Some(slot) = slot(scope, &args) else { return };
    with_head(scope, &args, |scope, head| {
        let body = args.get(5);
        if let Ok(string) = v8::Local::<v8::String>::try_from(body) {
            let bytes = if string.length() > LARGE_TEXT { string.utf8_length(scope) } else { 0 };
            if bytes > 0 && !state(scope).is_some_and(|state| state.accountant().take(bytes)) {
                let reason = "the response is larger than the memory that the application has left";
                return slot.exchange.fail(FailureCause::Memory, reason);
            }
            let mut stack = buffer::<4096>();
            let text = string.to_rust_cow_lossy(scope, &mut stack);
            if bytes > 0
                && let Some(state) = state(scope)
            {
                // It counts as output from here on, until the client has it.
                state.accountant().give_back(bytes);
            }
            slot.exchange.respond(head, Some(text.as_bytes()));
        } else if body.is_null_or_undefined() {
            slot.exchange.respond(head, None);
        } else {
            with_bytes(body, |bytes| slot.exchange.respond(head, Some(bytes)));
        }
    });
    settle(scope, &slot);
}

/// `respondStream(id, status, statusText, headerBlock, contentLength)`: whether a body is wanted.
fn respond_stream(scope: &mut Scope<'_, '_>, args: Args<'_>, mut ret: Ret<'_>) {
    let Some(slot) = slot(scope, &args) else { return };
    let mut wanted = false;
    with_head(scope, &args, |_, head| wanted = slot.exchange.respond_stream(head));
    ret.set_bool(wanted);
}

/// `respondPipe(id, status, statusText, headerBlock, contentLength)`.
fn respond_pipe(scope: &mut Scope<'_, '_>, args: Args<'_>, _: Ret<'_>) {
    let Some(slot) = slot(scope, &args) else { return };
    with_head(scope, &args, |_, head| slot.exchange.respond_pipe(head));
}

/// `respondFetch(id, status, statusText, headerBlock, contentLength, fetchId, watched)`: sends the body that a fetch receives. Undefined
/// where that is done, or is not `watched`, else a promise that is resolved when the last of it was passed on or it broke off.
fn respond_fetch(scope: &mut Scope<'_, '_>, args: Args<'_>, mut ret: Ret<'_>) {
    let fetch = args.get(5).number_value(scope).unwrap_or(0.0) as u64;
    let Some(slot) = slot(scope, &args) else { return pipe::drop_fetch(scope, fetch) };
    let watched = args.get(6).is_true();
    let mut goes_on = false;
    with_head(scope, &args, |scope, head| goes_on = pipe::respond(scope, &slot, head, fetch));
    if goes_on
        && watched
        && let Some(promise) = pipe::watch(scope, fetch)
    {
        ret.set(promise.into());
    }
    settle(scope, &slot);
}

/// `responseWrite(id, Uint8Array)`: undefined where there is room for more, false where the client is gone, else a promise
/// that is resolved when there is room, with false if the client has gone meanwhile.
fn response_write(scope: &mut Scope<'_, '_>, args: Args<'_>, mut ret: Ret<'_>) {
    let Some(slot) = slot(scope, &args) else {
        ret.set_bool(false);
        return;
    };
    match with_bytes(args.get(1), |bytes| slot.exchange.write(bytes)) {
        Written::Ready => {}
        Written::Gone => ret.set_bool(false),
        Written::Full => {
            let Some(resolver) = v8::PromiseResolver::new(scope) else { return };
            ret.set(resolver.get_promise(scope).into());
            *slot.writing.borrow_mut() = Some(v8::Global::new(scope, resolver));
        }
    }
}

/// Goes on with a producer that waits for room.
pub(crate) fn resume(scope: &mut Scope<'_, '_>, slot: &Slot, gone: bool) {
    let attached = slot.attached.borrow().clone();
    if let Some(attached) = attached {
        return attached.writable(scope, gone);
    }
    let Some(resolver) = slot.writing.borrow_mut().take() else { return };
    let resolver = v8::Local::new(scope, &resolver);
    let value = v8::Boolean::new(scope, !gone).into();
    resolver.resolve(scope, value);
}

fn response_finish(scope: &mut Scope<'_, '_>, args: Args<'_>, _: Ret<'_>) {
    if let Some(slot) = slot(scope, &args) {
        slot.exchange.finish();
        settle(scope, &slot);
    }
}

/// `responseFail(id, reason)`.
fn response_fail(scope: &mut Scope<'_, '_>, args: Args<'_>, _: Ret<'_>) {
    let Some(slot) = slot(scope, &args) else { return };
    let mut stack = buffer::<1024>();
    let reason = text(scope, args.get(1), &mut stack);
    slot.exchange.fail(FailureCause::Exception, &reason);
    settle(scope, &slot);
}

/// `waitUntil(id, change)`: 1 where a promise begins to keep the request alive, -1 where it ends.
fn wait_until(scope: &mut Scope<'_, '_>, args: Args<'_>, _: Ret<'_>) {
    let change = args.get(1).int32_value(scope).unwrap_or(0);
    if let Some(slot) = slot(scope, &args) {
        slot.exchange.wait_until(change);
        settle(scope, &slot);
    }
}
