//! The connection seen from outside. `common` drives it; each module has one kind of claim.

use nano_fuzzing::http as common;

mod exchange;
mod limits;
mod simulation;
mod smuggling;
mod splits;
