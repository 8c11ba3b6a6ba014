//! nano-loop from outside: simulated and real.

mod allocation;
mod cross_thread;
#[cfg(feature = "tracing")]
mod events;
mod nesting;
mod pool;
mod readme;
mod simulation;
mod sources;
mod support;
mod timers;
