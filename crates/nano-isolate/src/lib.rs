#![doc = include_str!("../README.md")]

mod buffers;
mod cpu;
mod engine;
mod heap;
pub mod modules;
mod realm;
mod stack;
mod watchdog;

pub use cpu::{CpuAllowance, CpuClock, Meter, thread_ns};
pub use engine::{ForegroundTask, initialize, register_isolate, unregister_isolate, v8_version};
pub use heap::{
    HeapLimit, ISOLATE_ESTIMATE_BYTES, Need, has_room_for_isolate, is_over_budget, is_over_limit,
    isolate_budget, process_limit, process_used, set_isolate_budget, set_process_limit,
};
pub use realm::{NoIsolate, Realm, RealmOptions, SCRIPT_YOUNG_BYTES, YOUNG_BYTES};
pub use stack::{
    IsolateStack, JAVASCRIPT_STACK_BYTES, THREAD_STACK_BYTES, address_of, stack_base, stack_used,
};
pub use watchdog::{InterruptCallback, Interrupts, Observation, Pulse, SLICE, Watched, watch};
