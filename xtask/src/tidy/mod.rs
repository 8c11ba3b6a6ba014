//! Tests of the repository itself: what no compiler checks and a reviewer should not have to.
//!
//! They read the tree and `cargo metadata`, and run with `cargo test -p xtask`. One file a subject:
//!
//! - `house`: which crate may depend on which
//! - `licenses`: licences and sources of the dependencies
//! - `structure`: no circles of files or folders, no overgrown types
//! - `rust`, `javascript`: the parsers behind it, and the lint for the platform's JavaScript
//! - `graph`: circles of a graph
//! - `files`: opening comments, lengths, widths
//! - `shared`: nothing is compiled twice for the build script and the program
//! - `ratchet`: exceptions from `structure`, `files` and the lint: a list that only shrinks
//! - `claims`: what docs/architecture.md names exists
//! - `agreement`: places that must say the same

mod agreement;
mod claims;
mod files;
mod graph;
mod house;
mod javascript;
mod licenses;
mod ratchet;
mod rust;
mod shared;
mod structure;

use crate::util::{capture, cargo};
use serde_json::Value;

/// What `cargo metadata` says of the workspace and, if wanted, of all it depends on.
fn metadata(dependencies: bool) -> Value {
    let host = crate::setup::host_triple().unwrap();
    let mut command = cargo(&["metadata", "--format-version=1"]);
    if dependencies {
        command.args(["--filter-platform", &host]);
    } else {
        command.arg("--no-deps");
    }
    serde_json::from_str(&capture(&mut command).unwrap()).unwrap()
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

fn array<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value[key].as_array().map_or(&[], Vec::as_slice)
}
