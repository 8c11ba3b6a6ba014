#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

mod error;
pub mod resolve;
mod source;
mod source_map;
mod sources;

pub use error::LoadError;
pub use source::{Compiled, Content, Import, MAX_MODULE_BYTES, Source, Text};
pub use source_map::Original;
pub use sources::Sources;
