//! Tests of the repository itself: what no compiler checks and a reviewer should not have to. Which crate may depend on
//! which, that dependencies are licensed as deny.toml says, that source files tell what they are for.
//!
//! They read the tree and `cargo metadata`, and run with `cargo test`.

use crate::util::{capture, cargo, workspace_root};
use serde_json::Value;
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

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

#[test]
fn the_pinned_v8_is_the_one_that_setup_provides() {
    let manifest = fs::read_to_string(workspace_root().join("Cargo.toml")).unwrap();
    let pin = format!("v8 = {{ version = \"={}\"", crate::setup::V8_VERSION);
    assert!(
        manifest.contains(&pin),
        "Cargo.toml does not say `{pin}`: change it and xtask/src/setup/artifact.rs together"
    );
}

#[test]
fn dependencies_are_licensed_as_deny_toml_allows_and_come_from_the_registry() {
    let deny = fs::read_to_string(workspace_root().join("deny.toml")).unwrap();
    let list = deny.split_once("\nallow = [").and_then(|(_, rest)| rest.split_once(']')).unwrap().0;
    let allowed: BTreeSet<&str> = list.split('"').skip(1).step_by(2).collect();
    assert!(allowed.contains("MIT"));
    for package in array(&metadata(true), "packages") {
        let (name, license) = (text(package, "name"), text(package, "license"));
        assert!(
            licensed(license, &allowed),
            "{name} is licensed {license:?}, which deny.toml does not allow"
        );
        let source = text(package, "source");
        assert!(source.is_empty() || source.contains("crates.io-index"), "{name} comes from {source}");
    }
}

/// Whether one may use what is licensed so: an expression of SPDX, with `OR`, `AND` and brackets; `/` is an old `OR`.
fn licensed(expression: &str, allowed: &BTreeSet<&str>) -> bool {
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut at = 0;
    let granted = either(&words, &mut at, allowed);
    granted && at == words.len()
}

fn either(words: &[&str], at: &mut usize, allowed: &BTreeSet<&str>) -> bool {
    let mut granted = both(words, at, allowed);
    while words.get(*at) == Some(&"OR") {
        *at += 1;
        granted |= both(words, at, allowed);
    }
    granted
}

fn both(words: &[&str], at: &mut usize, allowed: &BTreeSet<&str>) -> bool {
    let mut granted = one(words, at, allowed);
    while words.get(*at) == Some(&"AND") {
        *at += 1;
        granted &= one(words, at, allowed);
    }
    granted
}

fn one(words: &[&str], at: &mut usize, allowed: &BTreeSet<&str>) -> bool {
    let Some(word) = words.get(*at) else { return false };
    *at += 1;
    if *word == "(" {
        let granted = either(words, at, allowed);
        let closed = words.get(*at) == Some(&")");
        *at += 1;
        return granted && closed;
    }
    if words.get(*at) == Some(&"WITH") {
        let license = format!("{word} WITH {}", words.get(*at + 1).unwrap_or(&""));
        *at += 2;
        return allowed.contains(license.as_str());
    }
    allowed.contains(word)
}

#[test]
fn license_expressions_are_understood() {
    let allowed = BTreeSet::from(["MIT", "Apache-2.0", "Unicode-3.0", "Apache-2.0 WITH LLVM-exception"]);
    for good in [
        "MIT",
        "GPL-2.0 OR MIT",
        "MIT/GPL-3.0",
        "(MIT OR GPL-2.0) AND Unicode-3.0",
        "Apache-2.0 WITH LLVM-exception",
    ] {
        assert!(licensed(good, &allowed), "{good}");
    }
    for bad in [
        "",
        "GPL-2.0",
        "MIT AND GPL-2.0",
        "(MIT OR GPL-2.0) AND GPL-3.0",
        "GPL-2.0 WITH LLVM-exception",
        "(MIT",
    ] {
        assert!(!licensed(bad, &allowed), "{bad}");
    }
}

#[test]
fn source_files_say_what_they_are_for() {
    let root = workspace_root();
    let mut files = Vec::new();
    for folder in ["crates", "xtask/src", "tests/src", "tests/tests", "fuzz/fuzz_targets", "examples"] {
        walk(&root.join(folder), &mut files);
    }
    assert!(files.len() > 20, "too few files found: {}", files.len());
    let silent: Vec<String> = files
        .iter()
        .filter(|path| !explained(&fs::read_to_string(path).unwrap()))
        .map(|path| path.strip_prefix(&root).unwrap().display().to_string())
        .collect();
    assert!(
        silent.is_empty(),
        "these files do not begin with a comment that says what they are for:\n{}",
        silent.join("\n")
    );
}

/// Whether a file's first words are a comment (or, for a crate, its README).
fn explained(text: &str) -> bool {
    let first = text.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with("#!/"));
    let says = |comment: &str| comment.chars().filter(|c| c.is_alphabetic()).count() >= 10;
    first.is_some_and(|line| {
        let comment = ["//!", "//", "/*"].iter().find_map(|mark| line.strip_prefix(mark));
        // A block may begin on the next line.
        comment.is_some_and(|comment| says(comment) || line.starts_with("/*")) || line.starts_with("#![doc")
    })
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for path in entries.filter_map(|entry| Some(entry.ok()?.path())) {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() {
            // What tests feed in is whatever the test wants it to be.
            if !matches!(name.as_str(), "target" | "node_modules" | "fixtures" | "data") {
                walk(&path, files);
            }
        } else if name.ends_with(".rs") || name.ends_with(".js") {
            files.push(path);
        }
    }
}

#[test]
fn every_fuzz_target_is_in_its_manifest() {
    let folder = workspace_root().join("fuzz");
    let manifest = fs::read_to_string(folder.join("Cargo.toml")).unwrap();
    let named: BTreeSet<String> = manifest
        .lines()
        .filter_map(|line| {
            line.trim().strip_prefix("path = \"fuzz_targets/")?.strip_suffix(".rs\"").map(str::to_string)
        })
        .collect();
    let there: BTreeSet<String> = crate::fuzz::targets().unwrap().into_iter().collect();
    assert_eq!(named, there, "fuzz/Cargo.toml (left) and fuzz/fuzz_targets (right) differ");
}

#[test]
fn the_build_from_source_is_documented() {
    let text = fs::read_to_string(workspace_root().join("docs/decisions/v8-library.md")).unwrap();
    assert!(
        text.contains(crate::setup::V8_VERSION),
        "docs/decisions/v8-library.md speaks of another version of V8"
    );
}
