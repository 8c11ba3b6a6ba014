//! Which crate may depend on which, and what it must not know.

use super::{array, metadata, text};
use std::collections::BTreeSet;

/// Which crates of the workspace each crate may depend on, and what from elsewhere it must not know. docs/architecture.md
/// says why. A new crate is entered here.
const MAY_DEPEND: [(&str, &[&str], &[&str]); 16] = [
    ("nano-arena", &[], &["v8", "mio"]),
    ("nano-loop", &[], &["v8"]),
    ("nano-http", &[], &["v8", "mio"]),
    ("nano-fetch", &["nano-loop"], &["v8"]),
    ("nano-websocket", &[], &["v8", "mio"]),
    ("nano-typescript", &[], &["v8", "mio"]),
    ("nano-compression", &[], &["v8", "mio"]),
    ("nano-cache", &[], &["v8", "mio"]),
    ("nano-clone", &[], &["mio"]),
    (
        "nano-web",
        &["nano-cache", "nano-arena", "nano-clone", "nano-compression", "nano-subtle", "nano-websocket"],
        &["mio"],
    ),
    (
        "nano-runtime",
        &["nano-arena", "nano-cache", "nano-fetch", "nano-loop", "nano-typescript", "nano-web"],
        &[],
    ),
    ("nano-subtle", &[], &["v8", "mio"]),
    (
        "nano-server",
        &["nano-arena", "nano-fetch", "nano-http", "nano-loop", "nano-runtime", "nano-websocket"],
        &["v8"],
    ),
    ("nano", &["nano-runtime", "nano-server"], &["v8", "mio"]),
    ("nano-tests", &[], &["v8"]),
    ("xtask", &["nano-http", "nano-loop"], &["v8"]),
];

#[test]
fn crates_depend_on_each_other_as_the_table_says() {
    let metadata = metadata(false);
    let members: BTreeSet<&str> =
        array(&metadata, "packages").iter().map(|package| text(package, "name")).collect();
    for package in array(&metadata, "packages") {
        let name = text(package, "name");
        let Some((_, ours, forbidden)) = MAY_DEPEND.iter().find(|row| row.0 == name) else {
            panic!("the crate {name} is not in the table of xtask/src/tidy.rs: enter what it may depend on");
        };
        for dependency in array(package, "dependencies") {
            let other = text(dependency, "name");
            // A crate may name itself, to switch on a feature for its tests.
            let allowed = if members.contains(other) { ours.contains(&other) || other == name } else { true };
            assert!(
                allowed,
                "{name} depends on {other}, which the table of xtask/src/tidy.rs does not allow"
            );
            assert!(!forbidden.contains(&other), "{name} depends on {other}, which it must not know");
        }
    }
    for (name, ..) in MAY_DEPEND {
        assert!(members.contains(name), "the table of xtask/src/tidy.rs names {name}, which is not there");
    }
}
