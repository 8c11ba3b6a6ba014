//! Black-box tests of the `nano` binary: over its sockets and its command line.

mod admin;
mod answers;
mod bodies;
mod commands;
mod crypto;
mod event_sources;
mod faults;
mod fetching;
mod hardening;
mod hostile;
mod hostile_tenants;
mod hostile_websockets;
mod isolation;
mod lifecycle;
mod memory;
mod messages;
mod modules;
mod passing;
mod slices;
mod systemd;
mod tls;
mod types;
mod typescript;
mod websockets;
