//! What the black-box tests share: starting the binary, raw HTTP clients, applications in temporary
//! directories.
//!
//! Knows the binary from outside only: its command line, its sockets, what it prints, what the system says of
//! its process. Nothing here sleeps to wait for something: it waits for the thing, and fails loudly after
//! [`PATIENCE`].

mod app;
mod binary;
mod client;
pub mod frames;
mod nginx;
mod process;
mod random;
mod server;

pub use app::Dir;
pub use binary::{Output, nano, run, run_with};
pub use client::{Client, Response, get, request};
pub use nginx::Nginx;
pub use process::{Usage, raise_file_limit};
pub use random::{Pattern, Random};
pub use server::{Lines, Nano, Options};

use std::time::Duration;

/// After this, what a test waits for is taken not to come. Far beyond what anything here takes on a loaded
/// machine.
pub const PATIENCE: Duration = Duration::from_secs(90);
