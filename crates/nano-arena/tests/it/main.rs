//! The tests of nano-arena from outside, with an allocator that counts and fails on demand.

mod account;
mod allocator;
mod behaviour;
mod failing;
mod model;
mod recycler;
