//! Places that must say the same: V8's pinned version, Rust's, and the fuzz targets.

use crate::util::workspace_root;
use std::collections::BTreeSet;
use std::fs;

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

/// Union merges keep the entries of both sides, and would keep a heading of both sides too.
#[test]
fn the_changelog_has_each_heading_once() {
    let text = fs::read_to_string(workspace_root().join("CHANGELOG.md")).unwrap();
    let mut titles = 0;
    let mut headings: Vec<&str> = Vec::new();
    for line in text.lines().filter(|line| line.starts_with('#')) {
        if line.starts_with("# ") {
            titles += 1;
        } else if line.starts_with("## ") {
            headings.clear();
        }
        assert!(!headings.contains(&line), "CHANGELOG.md has `{line}` twice in one version: merge them");
        headings.push(line);
    }
    assert_eq!(titles, 1, "CHANGELOG.md has one title");
    assert_eq!(text.matches("\n## [Unreleased]\n").count(), 1, "CHANGELOG.md has one section [Unreleased]");
}

#[test]
fn the_least_rust_that_is_promised_is_the_one_that_tests_run_with() {
    let root = workspace_root();
    let value = |file: &str, key: &str| -> String {
        let text = fs::read_to_string(root.join(file)).unwrap();
        let line = text.lines().find_map(|line| line.strip_prefix(key)?.trim().strip_prefix("= \""));
        line.and_then(|rest| rest.strip_suffix('"'))
            .unwrap_or_else(|| panic!("{file} has no {key}"))
            .to_string()
    };
    let (promised, pinned) = (value("Cargo.toml", "rust-version"), value("rust-toolchain.toml", "channel"));
    assert_eq!(pinned.rsplit_once('.').map(|parts| parts.0), Some(promised.as_str()));
    let version =
        crate::util::capture(std::process::Command::new("rustc").current_dir(&root).arg("--version"));
    let version = version.unwrap();
    assert_eq!(version.split(' ').nth(1), Some(pinned.as_str()), "{version}");
}
