#![doc = include_str!("../README.md")]

pub mod config;
mod connection;
mod date;
mod exchange;
mod head;
pub mod log;
pub mod routes;
mod server;
pub mod timeouts;
mod worker;

pub use server::{ServeError, ServeOptions, open_application, serve};
