//! Work that would hold the thread up: handed to the embedder's threads, its result brought back into the
//! isolate.
//!
//! Any standard may use it ([`promise`]). The promise's reactions have the async context of whoever made
//! them, as with every promise. Knows nothing of pools; see [`Host::offload`](crate::Host::offload).

use super::{Error, Scope, new_error, owner, state};
use crate::host::{Offloaded, WorkResult};
use crate::state::{ExchangeId, State, try_state};
use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Makes a value of a result, in the isolate. `None`: an exception is pending, with which the promise is
/// rejected.
type Finish = Box<dyn for<'s, 'i> FnOnce(&mut Scope<'s, 'i>, WorkResult) -> Option<v8::Local<'s, v8::Value>>>;

struct Waiting {
    resolver: v8::Global<v8::PromiseResolver>,
    finish: Finish,
    /// The request in whose name it was begun.
    owner: Option<f64>,
    _cancel: CancelOnDrop,
}

/// The work of one isolate that is under way.
#[derive(Default)]
pub(crate) struct Works {
    waiting: RefCell<HashMap<u32, Waiting>>,
    last: Cell<u32>,
}

impl Works {
    fn owner(&self, id: u32) -> Option<f64> {
        self.waiting.borrow().get(&id).and_then(|waiting| waiting.owner)
    }
}

impl State {
    /// The request in whose name work on another thread was begun.
    pub fn work_owner(&self, work: u32) -> Option<ExchangeId> {
        self.get::<Works>().owner(work).map(ExchangeId::from_f64)
    }
}

/// Tells the work that nobody waits for it any more.
struct CancelOnDrop(Arc<AtomicBool>);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Has `work` done elsewhere: a promise for what `finish` makes of its result. `work` may look at the flag it
/// is given, which is raised when the isolate ends. `None`: an exception is pending.
pub(crate) fn promise<'s, T: Send + 'static>(
    scope: &mut Scope<'s, '_>,
    work: impl FnOnce(&AtomicBool) -> T + Send + 'static,
    finish: impl for<'a, 'i> FnOnce(&mut Scope<'a, 'i>, T) -> Option<v8::Local<'a, v8::Value>> + 'static,
) -> Option<v8::Local<'s, v8::Promise>> {
    let resolver = v8::PromiseResolver::new(scope)?;
    let promise = resolver.get_promise(scope);
    let global = v8::Global::new(scope, resolver);
    let cancelled = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&cancelled);
    let finish: Finish = Box::new(move |scope, result| match result.downcast::<T>() {
        Ok(result) => finish(scope, *result),
        Err(_) => fault(scope, "work brought back what it was not asked for"),
    });
    let owner = owner(scope);
    let state = state(scope)?;
    let id = {
        let mut waiting = state.get::<Works>().waiting.borrow_mut();
        let mut id = state.get::<Works>().last.get().wrapping_add(1);
        while waiting.contains_key(&id) {
            id = id.wrapping_add(1);
        }
        state.get::<Works>().last.set(id);
        waiting.insert(id, Waiting { resolver: global, finish, owner, _cancel: CancelOnDrop(cancelled) });
        id
    };
    let done = match state.host().offload(id, Box::new(move || Box::new(work(&flag)) as WorkResult)) {
        Offloaded::Started => return Some(promise),
        Offloaded::Refused => Err("too much work waits for a thread".to_owned()),
        Offloaded::Here(work) => Ok(work()),
    };
    complete(scope, id, done);
    Some(promise)
}

fn fault<'s>(scope: &mut Scope<'s, '_>, message: &str) -> Option<v8::Local<'s, v8::Value>> {
    let exception = new_error(scope, Error::Fault(message));
    scope.throw_exception(exception);
    None
}

/// The work with this id is over: settles its promise. An `Err` says how it failed.
pub(crate) fn complete(scope: &mut Scope<'_, '_>, id: u32, result: Result<WorkResult, String>) {
    let Some(waiting) =
        try_state(scope).and_then(|state| state.get::<Works>().waiting.borrow_mut().remove(&id))
    else {
        return;
    };
    v8::tc_scope!(let scope, scope);
    let resolver = v8::Local::new(scope, &waiting.resolver);
    let value = match result {
        Ok(result) => (waiting.finish)(scope, result),
        Err(message) => fault(scope, &message),
    };
    match (value, scope.exception()) {
        (Some(value), _) => {
            resolver.resolve(scope, value);
        }
        (None, Some(exception)) if !scope.has_terminated() => {
            scope.reset();
            resolver.reject(scope, exception);
        }
        _ => {}
    }
}
