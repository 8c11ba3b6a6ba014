//! Tests of the whole client: the core in a simulated network, the driver with real sockets.

mod ahead;
mod simulation;
#[cfg(feature = "driver")]
mod sockets;
