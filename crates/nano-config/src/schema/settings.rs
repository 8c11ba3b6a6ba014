//! Settings that `defaults` and each application have: limits, `fetch`, `hardening`.

use std::time::Duration;

use jsonc_parser::ast::ObjectProp;

use super::keys;
use crate::limits::{AppLimits, TIMER_RESOLUTION_US};
use crate::model::{Defaults, FetchPolicy, Hardening};
use crate::reader::Reader;

pub(super) fn defaults<'t>(reader: &mut Reader<'t, '_>, property: Option<&ObjectProp<'t>>) -> Defaults {
    let mut defaults = Defaults::default();
    let Some(object) = reader.object(property) else { return defaults };
    let [fetch_policy, hardened, numbers @ ..] = reader.fields(object, keys::DEFAULTS, only_for_apps);
    limits(reader, &mut defaults.limits, numbers);
    fetch(reader, &mut defaults.fetch, fetch_policy);
    hardening(reader, &mut defaults.hardening, hardened);
    defaults
}

/// A hint for a key that belongs in an application but stands in `defaults`.
fn only_for_apps(key: &str) -> Option<String> {
    matches!(key, "name" | "hostname" | "path" | "env" | "services")
        .then(|| "each application has its own".to_string())
}

pub(super) fn limits<'t>(
    reader: &mut Reader<'t, '_>,
    into: &mut AppLimits,
    properties: [Option<&ObjectProp<'t>>; AppLimits::ALL.len()],
) {
    reader.integers(properties, &AppLimits::ALL, |index, number| into.set(index, number));
}

pub(super) fn fetch<'t>(
    reader: &mut Reader<'t, '_>,
    into: &mut FetchPolicy,
    property: Option<&ObjectProp<'t>>,
) {
    let Some(object) = reader.object(property) else { return };
    let [allow_private] = reader.fields(object, ["allow_private"], |_| None);
    if let Some(allow_private) = reader.boolean(allow_private) {
        into.allow_private = allow_private;
    }
}

pub(super) fn hardening<'t>(
    reader: &mut Reader<'t, '_>,
    into: &mut Hardening,
    property: Option<&ObjectProp<'t>>,
) {
    let Some(object) = reader.object(property) else { return };
    let [allow_eval, resolution] = reader.fields(object, keys::HARDENING, |_| None);
    if let Some(allow) = reader.boolean(allow_eval) {
        into.allow_eval = allow;
    }
    if let Some(microseconds) = reader.integer(resolution, &TIMER_RESOLUTION_US) {
        into.timer_resolution = Duration::from_micros(microseconds);
    }
}
