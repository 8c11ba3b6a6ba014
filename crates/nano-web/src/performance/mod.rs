//! Native functions of High Resolution Time.

use crate::infra::part::{Part, parts};
use crate::infra::registry::Standard;
use crate::infra::{Args, Fast, Ret, Scope, ops, state};
use crate::state::try_state;
use std::ffi::c_void;
use v8::fast_api::{CFunction, CFunctionInfo, FastApiCallbackOptions, Int64Representation, Type};

pub(crate) static STANDARD: Standard = Standard {
    name: "performance",
    uses: &[
        "domexception",
        "events",
        "expose",
        "exposeEnumerable",
        "primordials",
        "structuredClone",
        "timers",
        "webidl",
    ],
    ops: &[ops],
    parts: PARTS,
    ..Standard::EMPTY
};

static PARTS: &[Part] = parts! {
    {
        files: ["performance/performance.js", "performance/observer.js"],
        exports: ["performance"],
        globals: [
            "Performance", "PerformanceEntry", "PerformanceMark", "PerformanceMeasure", "PerformanceObserver",
            "PerformanceObserverEntryList"
        ],
        enumerable: ["performance"],
        exercise: r#"performance.now(); performance.mark("a"); performance.measure("b", "a");"#
    }
};

ops! { "performanceNow" => performance_now | PERFORMANCE_NOW_FAST, "timeOrigin" => time_origin }

static PERFORMANCE_NOW_FAST: Fast = Fast([CFunction::new(
    performance_now_fast as *const c_void,
    &CFunctionInfo::new(
        Type::Float64.as_info(),
        &[Type::V8Value.as_info(), Type::CallbackOptions.as_info()],
        Int64Representation::Number,
    ),
)]);

/// Steps of the clock in a millisecond. High Resolution Time, section 7.1, "coarsen time": five microseconds
/// are the finest that it allows, since a finer clock tells a tenant of what the caches hold of others.
const STEPS_PER_MS: f64 = 200.0;

fn performance_now(scope: &mut Scope<'_, '_>, _: Args<'_>, mut ret: Ret<'_>) {
    ret.set_double(now(scope));
}

unsafe extern "C" fn performance_now_fast(
    _: v8::Local<'_, v8::Value>,
    options: *mut FastApiCallbackOptions<'_>,
) -> f64 {
    // SAFETY: V8 passes the options of this call, whose isolate is the one that calls.
    now(unsafe { (*options).isolate_unchecked() })
}

fn now(isolate: &v8::Isolate) -> f64 {
    try_state(isolate)
        .map_or(0.0, |state| (state.host().performance_now() * STEPS_PER_MS).floor() / STEPS_PER_MS)
}

fn time_origin(scope: &mut Scope<'_, '_>, _: Args<'_>, mut ret: Ret<'_>) {
    ret.set_double(state(scope).map_or(0.0, |state| state.host().time_origin()));
}
