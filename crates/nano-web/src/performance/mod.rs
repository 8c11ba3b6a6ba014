//! Native functions of High Resolution Time.

use crate::infra::{Args, Ret, Scope, ops, state};

ops! { "performanceNow" => performance_now, "timeOrigin" => time_origin }

/// Steps of the clock in a millisecond. High Resolution Time, section 7.1, "coarsen time": five microseconds are the finest
/// that it allows, since a finer clock tells a tenant of what the caches hold of others.
const STEPS_PER_MS: f64 = 200.0;

fn performance_now(scope: &mut Scope<'_, '_>, _: Args<'_>, mut ret: Ret<'_>) {
    ret.set_double(
        state(scope)
            .map_or(0.0, |state| (state.host().performance_now() * STEPS_PER_MS).floor() / STEPS_PER_MS),
    );
}

fn time_origin(scope: &mut Scope<'_, '_>, _: Args<'_>, mut ret: Ret<'_>) {
    ret.set_double(state(scope).map_or(0.0, |state| state.host().time_origin()));
}
