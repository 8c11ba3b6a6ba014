#![doc = include_str!("../README.md")]
//!
//! # The parts
//!
//! | type | what it is |
//! | --- | --- |
//! | [`Pool`] | a store of free chunks, with a high-water mark and counters |
//! | [`Arena`] | a region of memory that is given back as a whole; taken from a pool |
//! | [`Scope`] | an arena inside an arena, given back earlier |
//! | [`Slice`], [`Bytes`], [`Text`] | what an arena holds, named by a handle that can be stored beside the arena |
//! | [`List`], [`Buffer`], [`Draft`] | what still grows |
//! | [`Account`], [`Charge`] | how many bytes a process, tenant or isolate holds and may hold, counted across arenas and other buffers |
//! | [`Recycler`] | memory for values behind an `Rc`, used again and again |
//! | [`Exhausted`] | the one error: which limit refused, and its figures |
//!
//! [`Account`], [`Charge`] and [`Pool`] are `Send` and `Sync`: any thread may use them. An [`Arena`] is
//! `Send` and not `Sync`: one thread at a time uses it, without a lock. Handles go wherever their arena goes.

mod account;
mod arena;
pub mod blocks;
mod buffer;
mod chunk;
mod error;
mod handle;
mod list;
mod pool;
mod recycler;

pub use account::{Account, Charge};
pub use arena::{Arena, Scope};
pub use buffer::Buffer;
pub use error::{Exhausted, FormatError, RefusedBy};
pub use handle::{Bytes, Handle, Slice, Text};
pub use list::{Draft, List};
pub use pool::{Pool, PoolConfig, PoolStats};
pub use recycler::Recycler;
