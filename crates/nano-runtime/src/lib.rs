#![doc = include_str!("../README.md")]

mod app;
mod channels;
mod counters;
mod cpu;
mod errors;
mod foreground;
mod host;
mod instance;
mod keys;
mod lifecycle;
mod log_limit;
mod network;
mod platform;
mod pools;
mod run;
mod runtime;
mod slices;
mod spares;
mod table;
mod task;
mod timers;
mod weight;
mod works;

pub use app::{Application, Bindings, FetchLimits, Limits, Service};
pub use counters::{Counter, Counters, Gauge};
pub use host::Console;
pub use instance::Instance;
pub use keys::RUNTIME_KEYS;
pub use log_limit::{LogLimits, MAX_TEXT_BYTES, cut as cut_text};
pub use nano_arena::blocks;
pub use nano_isolate::{
    NoIsolate, SCRIPT_YOUNG_BYTES, SLICE, THREAD_STACK_BYTES, YOUNG_BYTES, isolate_budget, process_limit,
    process_used, set_isolate_budget, set_process_limit, v8_version,
};
pub use nano_modules::{LoadError, Sources};
pub use nano_web::{
    BodyLength, BodyRead, Exchange, ExchangeId, FailureCause, FetchTrace, Level, ResponseHead,
    WebSocketLimits, Written, is_serialized_ipv4, is_wiping,
};
pub use network::MAX_FETCHES;
pub use platform::initialize;
pub use run::{RunError, check, evaluate, rehearse, run};
pub use runtime::{Runtime, RuntimeOptions};
pub use timers::MAX_TIMERS;
pub use weight::Weight;

/// How fetches are made: limits, times, proxies, whom to trust.
pub use nano_fetch::{ClientOptions, Exceptions, Proxies, Proxy};
