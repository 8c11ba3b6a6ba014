#![doc = include_str!("../README.md")]
#![forbid(unsafe_code)]

#[macro_use]
mod row;
pub mod table;

pub use row::{Limit, Place, Unit};
pub use table::*;

#[cfg(test)]
mod tests;
