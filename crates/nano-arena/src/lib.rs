#![doc = include_str!("../README.md")]
//!
//! # The parts
//!
//! | type | what it is |
//! | --- | --- |
//! | [`Pool`] | one thread's store of free chunks, with a high-water mark and counters |
//! | [`Arena`] | a region of memory that is given back as a whole; taken from a pool |
//! | [`Scope`] | an arena inside an arena, given back earlier |
//! | [`Slice`], [`Bytes`], [`Text`] | what an arena holds, named by a handle that can be stored beside the arena |
//! | [`List`], [`Buffer`], [`Draft`] | what still grows |
//! | [`Budget`], [`Charge`] | how many bytes somebody may hold, counted across arenas and other buffers |
//! | [`Exhausted`] | the one error: which limit refused, and its figures |
//!
//! Nothing here is `Send`: a pool, its arenas and the budgets they charge live on one thread and take no lock.

mod arena;
mod budget;
mod buffer;
mod chunk;
mod error;
mod handle;
mod list;
mod pool;

pub use arena::{Arena, Scope};
pub use budget::{Budget, Charge};
pub use buffer::Buffer;
pub use error::{Exhausted, FormatError, RefusedBy};
pub use handle::{Bytes, Handle, Slice, Text};
pub use list::{Draft, List};
pub use pool::{Pool, PoolConfig, PoolStats};
