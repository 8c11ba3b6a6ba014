//! The connection seen from outside. `common` drives one; each module has one kind of claim.

mod common;
mod exchange;
mod limits;
mod simulation;
mod smuggling;
mod splits;
