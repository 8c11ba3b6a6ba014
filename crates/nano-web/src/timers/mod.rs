//! Native functions of timers and microtasks: HTML, section 8.6 "Timers", and `queueMicrotask`.

use crate::infra::part::files;
use crate::infra::registry::Standard;
use crate::infra::{Args, Ret, Scope, ops, owner, state};
use crate::state::{ExchangeId, State};
use std::cell::RefCell;
use std::collections::HashMap;

pub(crate) static STANDARD: Standard = Standard {
    name: "timers",
    uses: &["exposeEnumerable", "primordials", "webidl"],
    snapshot_exports: &["timers"],
    ops: &[ops],
    snapshot_files: files!["timers/timers.js"],
    ..Standard::EMPTY
};

ops! { "timerStart" => timer_start, "timerCancel" => timer_cancel, "queueMicrotask" => queue_microtask }

/// The request in whose name each timer was started.
#[derive(Default)]
pub(crate) struct TimerOwners(pub(crate) RefCell<HashMap<u32, f64>>);

impl State {
    /// The request in whose name a timer was started.
    pub fn timer_owner(&self, timer: u32) -> Option<ExchangeId> {
        self.get::<TimerOwners>().0.borrow().get(&timer).copied().map(ExchangeId::from_f64)
    }
}

fn timer_start(scope: &mut Scope<'_, '_>, args: Args<'_>, mut ret: Ret<'_>) {
    let delay = args.get(0).number_value(scope).unwrap_or(0.0);
    let repeat = args.get(1).is_true();
    if let Some(state) = state(scope) {
        let id = state.host().timer_start(if delay.is_finite() { delay.max(0.0) } else { 0.0 }, repeat);
        // The callback runs in the name of the request that started the timer.
        if let Some(owner) = owner(scope) {
            state.get::<TimerOwners>().0.borrow_mut().insert(id, owner);
        }
        ret.set_uint32(id);
    }
}

fn timer_cancel(scope: &mut Scope<'_, '_>, args: Args<'_>, _: Ret<'_>) {
    let id = args.get(0).uint32_value(scope).unwrap_or(0);
    if let Some(state) = state(scope) {
        state.get::<TimerOwners>().0.borrow_mut().remove(&id);
        state.host().timer_cancel(id);
    }
}

fn queue_microtask(scope: &mut Scope<'_, '_>, args: Args<'_>, _: Ret<'_>) {
    if let Ok(function) = v8::Local::<v8::Function>::try_from(args.get(0)) {
        scope.enqueue_microtask(function);
    }
}
