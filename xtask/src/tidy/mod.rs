//! Tests of the repository itself: what no compiler checks and a reviewer should not have to.
//!
//! They read the tree and `cargo metadata`, and run with `cargo test -p xtask`. One file a subject:
//!
//! - `house`: which crate may depend on which
//! - `licenses`: licences and sources of the dependencies
//! - `files`: the opening comment of every source file
//! - `agreement`: places that must say the same

mod agreement;
mod files;
mod house;
mod licenses;

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
