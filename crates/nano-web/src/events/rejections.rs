//! Promises that are rejected and have no handler: HTML, section 8.1.4.7 "Unhandled promise rejections".
//!
//! V8 reports each such promise, and each one that gets a handler later, through [`promise_rejected`]. The
//! embedder calls [`Entries::notify_about_rejections`](crate::entry::Entries::notify_about_rejections) after
//! each microtask checkpoint. Knows nothing of how an event is fired: that is `worker/dispatch.js`.

use crate::infra::Scope;
use crate::state::try_state;
use std::cell::{Cell, OnceCell, RefCell};
use std::collections::VecDeque;

/// A task that fires events at the global object, on HTML's "DOM manipulation task source".
pub(crate) enum RejectionTask {
    /// Fires `unhandledrejection` for each promise of one microtask checkpoint that still has no handler.
    Unhandled(Vec<v8::Global<v8::Promise>>),
    /// Fires `rejectionhandled`: a promise for which `unhandledrejection` was fired has got a handler.
    Handled(v8::Global<v8::Promise>),
}

/// The rejected promises of one isolate.
#[derive(Default)]
pub(crate) struct Rejections {
    /// HTML's "about-to-be-notified rejected promises list".
    about_to_be_notified: RefCell<Vec<v8::Global<v8::Promise>>>,
    tasks: RefCell<VecDeque<RejectionTask>>,
    /// The name of the property that marks the members of HTML's "outstanding rejected promises weak set".
    /// The mark is on the promise, where scripts cannot see it, so that it lives exactly as long as the
    /// promise.
    outstanding: OnceCell<v8::Global<v8::Private>>,
    /// Whether the host was asked for a task that goes on with `tasks`.
    is_posted: Cell<bool>,
}

impl Rejections {
    /// HTML, "notify about rejected promises": queues a task for the promises that were rejected since the
    /// last call.
    fn queue_notification(&self) {
        let rejected = self.about_to_be_notified.take();
        if !rejected.is_empty() {
            self.tasks.borrow_mut().push_back(RejectionTask::Unhandled(rejected));
        }
    }

    fn forget(&self, promise: v8::Local<'_, v8::Promise>) -> bool {
        let mut list = self.about_to_be_notified.borrow_mut();
        let found = list.iter().rposition(|rejected| *rejected == promise);
        found.map(|index| list.remove(index)).is_some()
    }

    /// Whether the task that the host runs now is the one that [`run_tasks`] asked for.
    pub(crate) fn take_posted(&self) -> bool {
        self.is_posted.replace(false)
    }
}

/// Fires one of the two events for a promise and its reason.
type Fire<'f> = &'f dyn Fn(&mut Scope<'_, '_>, v8::Local<'_, v8::Promise>, v8::Local<'_, v8::Value>);

/// Runs the tasks that are queued now; `unhandled` and `handled` fire their events. A microtask checkpoint
/// follows each event, as it follows each callback in HTML ("clean up after running script").
///
/// Tasks that these events lead to (a listener that itself rejects a promise) are left to a task of the host,
/// so that an application whose listeners reject without end still gets its other events.
pub(crate) fn run_tasks(scope: &mut Scope<'_, '_>, unhandled: Fire<'_>, handled: Fire<'_>) {
    let Some(count) = rejections(scope).map(|rejections| {
        rejections.queue_notification();
        rejections.tasks.borrow().len()
    }) else {
        return;
    };
    for _ in 0..count {
        let Some(task) = rejections(scope).and_then(|rejections| rejections.tasks.borrow_mut().pop_front())
        else {
            return;
        };
        if !run_task(scope, task, unhandled, handled) {
            return;
        }
        if let Some(rejections) = rejections(scope) {
            rejections.queue_notification();
        }
    }
    let Some(state) = try_state(scope) else { return };
    let rejections = state.get::<Rejections>();
    if !rejections.tasks.borrow().is_empty() && !rejections.is_posted.replace(true) {
        // The script has not come to its end before these events are fired.
        state.host().keep_alive(1);
        state.host().post_task();
    }
}

/// Runs one task. False: V8 terminated it; the isolate ends, and no more of its code may begin.
fn run_task(scope: &mut Scope<'_, '_>, task: RejectionTask, unhandled: Fire<'_>, handled: Fire<'_>) -> bool {
    let promises = match task {
        RejectionTask::Handled(promise) => {
            v8::tc_scope!(let scope, scope);
            let promise = v8::Local::new(scope, &promise);
            let reason = promise.result(scope);
            handled(scope, promise, reason);
            scope.perform_microtask_checkpoint();
            return !scope.has_terminated();
        }
        RejectionTask::Unhandled(promises) => promises,
    };
    for promise in promises {
        v8::scope!(let scope, scope);
        v8::tc_scope!(let scope, scope);
        let promise = v8::Local::new(scope, &promise);
        if promise.has_handler() {
            continue;
        }
        let reason = promise.result(scope);
        unhandled(scope, promise, reason);
        scope.perform_microtask_checkpoint();
        if scope.has_terminated() {
            return false;
        }
        if !promise.has_handler()
            && let Some(mark) = outstanding_mark(scope)
        {
            let yes = v8::Boolean::new(scope, true).into();
            promise.set_private(scope, mark, yes);
        }
    }
    true
}

fn rejections<'a>(scope: &'a Scope<'_, '_>) -> Option<&'a Rejections> {
    try_state(scope).map(|state| state.get())
}

/// The name of the property that marks an outstanding rejected promise.
fn outstanding_mark<'s>(scope: &mut Scope<'s, '_>) -> Option<v8::Local<'s, v8::Private>> {
    if let Some(mark) = rejections(scope)?.outstanding.get() {
        return Some(v8::Local::new(scope, mark));
    }
    let mark = v8::Private::new(scope, None);
    let kept = v8::Global::new(scope, mark);
    rejections(scope)?.outstanding.get_or_init(|| kept);
    Some(mark)
}

/// The embedder handles this rejection itself: no event is fired for it.
pub fn handle_rejection(scope: &mut Scope<'_, '_>, promise: v8::Local<'_, v8::Promise>) {
    promise.mark_as_handled();
    if let Some(rejections) = rejections(scope) {
        rejections.forget(promise);
    }
}

/// V8's promise-rejection callback; the embedder sets it on each isolate. HTML, section 8.1.6.2
/// "HostPromiseRejectionTracker".
pub extern "C" fn promise_rejected(message: v8::PromiseRejectMessage<'_>) {
    v8::callback_scope!(unsafe scope, &message);
    let promise = message.get_promise();
    match message.get_event() {
        v8::PromiseRejectEvent::PromiseRejectWithNoHandler => {
            let promise = v8::Global::new(scope, promise);
            if let Some(rejections) = rejections(scope) {
                rejections.about_to_be_notified.borrow_mut().push(promise);
            }
        }
        v8::PromiseRejectEvent::PromiseHandlerAddedAfterReject => {
            // Until the first event was fired, no promise is outstanding.
            if rejections(scope).is_none_or(|list| list.forget(promise) || list.outstanding.get().is_none()) {
                return;
            }
            let Some(mark) = outstanding_mark(scope) else { return };
            if promise.has_private(scope, mark) == Some(true) {
                promise.delete_private(scope, mark);
                let promise = v8::Global::new(scope, promise);
                if let Some(rejections) = rejections(scope) {
                    rejections.tasks.borrow_mut().push_back(RejectionTask::Handled(promise));
                }
            }
        }
        // The standards do not mention what happens to a promise that is settled already.
        _ => {}
    }
}
