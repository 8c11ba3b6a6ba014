#![doc = include_str!("../README.md")]

mod app;
mod channels;
mod counters;
mod cpu;
mod engine;
mod instance;
mod lifecycle;
mod log_limit;
mod memory;
mod modules;
mod network;
mod realm;
pub mod resolve;
mod run;
mod runtime;
mod slice;
mod source_map;
mod traces;
mod weight;

pub use app::{Application, Bindings, FetchLimits, Limits, LoadError, Service};
pub use counters::{Counter, Counters, Gauge};
pub use engine::{initialize, v8_version};
pub use instance::{Console, Instance, MAX_TIMERS};
pub use log_limit::{LogLimits, MAX_TEXT_BYTES, cut as cut_text};
pub use memory::{isolate_budget, process_limit, process_used, set_isolate_budget, set_process_limit};
pub use nano_web::{
    BodyLength, BodyRead, Exchange, ExchangeId, FailureCause, FetchTrace, Level, ResponseHead,
    WebSocketLimits, Written, blocks, is_serialized_ipv4, is_wiping,
};
pub use network::MAX_FETCHES;
pub use realm::{NoIsolate, SCRIPT_YOUNG_BYTES, THREAD_STACK_BYTES, YOUNG_BYTES};
pub use run::{RunError, check, evaluate, rehearse, run};
pub use runtime::{RUNTIME_KEYS, Runtime, RuntimeOptions};
pub use slice::SLICE;
pub use weight::Weight;

/// How fetches are made: limits, times, proxies, whom to trust.
pub use nano_fetch::{ClientOptions, Exceptions, Proxies, Proxy};
