//! The keys of the file's objects, for reading them and for hints about a key that stands in the wrong
//! object.

use crate::limits::{AppLimits, Limit, PORT, SAMPLE_PERCENT, ServerLimits, THREADS, TIMER_RESOLUTION_US};

const SERVER_LIMITS: [&str; ServerLimits::ALL.len()] = keys_of(ServerLimits::ALL);
const APP_LIMITS: [&str; AppLimits::ALL.len()] = keys_of(AppLimits::ALL);

/// The top of the file.
pub(super) const TOP: [&str; SERVER_LIMITS.len() + 12] = join([
    &[PORT.key, "host", THREADS.key],
    &SERVER_LIMITS,
    &["watch", "tls", "sandbox", "log", "defaults", "admin", "network", "telemetry", "apps"],
]);

/// `defaults`.
pub(super) const DEFAULTS: [&str; APP_LIMITS.len() + 2] = join([&["fetch", "hardening"], &APP_LIMITS, &[]]);

/// An application.
pub(super) const APP: [&str; APP_LIMITS.len() + 7] =
    join([&["name", "hostname", "path", "env", "services"], &["fetch", "hardening"], &APP_LIMITS]);

/// `hardening`.
pub(super) const HARDENING: [&str; 2] = ["allow_eval", TIMER_RESOLUTION_US.key];

/// `telemetry`.
pub(super) const TELEMETRY: [&str; 3] = ["endpoint", SAMPLE_PERCENT.key, "headers"];

const fn keys_of<const N: usize>(limits: [Limit; N]) -> [&'static str; N] {
    let mut keys = [""; N];
    let mut index = 0;
    while index < N {
        keys[index] = limits[index].key;
        index += 1;
    }
    keys
}

const fn join<const N: usize>(parts: [&[&'static str]; 3]) -> [&'static str; N] {
    let mut all = [""; N];
    let (mut filled, mut part) = (0, 0);
    while part < parts.len() {
        let mut index = 0;
        while index < parts[part].len() {
            all[filled] = parts[part][index];
            filled += 1;
            index += 1;
        }
        part += 1;
    }
    assert!(filled == N);
    all
}
