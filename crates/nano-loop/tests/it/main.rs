//! nano-loop from outside: simulated and real.

mod allocation;
mod cross_thread;
mod nesting;
mod pool;
mod readme;
mod simulation;
mod sources;
mod support;
mod timers;
