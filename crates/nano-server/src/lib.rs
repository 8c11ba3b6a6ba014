//! Being written.

pub mod config;
pub mod log;
pub mod routes;
