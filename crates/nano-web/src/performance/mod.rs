//! Native functions of High Resolution Time.

use crate::infra::{Args, Ret, Scope, ops, state};

ops! { "performanceNow" => performance_now, "timeOrigin" => time_origin }

fn performance_now(scope: &mut Scope<'_, '_>, _: Args<'_>, mut ret: Ret<'_>) {
    ret.set_double(state(scope).map_or(0.0, |state| state.host().performance_now()));
}

fn time_origin(scope: &mut Scope<'_, '_>, _: Args<'_>, mut ret: Ret<'_>) {
    ret.set_double(state(scope).map_or(0.0, |state| state.host().time_origin()));
}
