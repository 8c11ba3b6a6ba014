#![doc = include_str!("../README.md")]
//!
//! # How it is put together
//!
//! `bridge` is V8's serializer and deserializer. `write` and `read` run them with limits. [`Message`],
//! [`structured_clone`], [`storage`] and [`node`] are the four uses. `scan` checks untrusted bytes before V8
//! reads them.
//!
//! # Features
//!
//! - `pointer-compression` (default): the build of V8 with compressed pointers. All crates of a program that
//!   use V8 must choose the same build.

mod bridge;
mod buffer;
mod error;
mod limits;
mod message;
pub mod node;
mod node_views;
mod options;
mod parts;
mod read;
mod scan;
mod shape;
pub mod storage;
mod write;

pub use error::CloneError;
pub use limits::Limits;
pub use message::{Message, Received, structured_clone};
pub use nano_arena::Account;
pub use options::{Attachment, Attachments, HostObjects, HostWritten, Options};
