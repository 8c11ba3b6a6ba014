//! The shape of the source, crate by crate: files need each other without circles, types are small. What is
//! not yet so is in ratchet.txt.

use super::ratchet;
use super::{array, javascript, metadata, rust, text};
use crate::util::workspace_root;
use std::path::PathBuf;

/// The crates' names and root files: libraries and programs, without tests and build scripts.
fn crates() -> Vec<(String, PathBuf)> {
    let metadata = metadata(false);
    let mut crates: Vec<(String, PathBuf)> = array(&metadata, "packages")
        .iter()
        .flat_map(|package| {
            array(package, "targets").iter().map(move |target| (text(package, "name"), target))
        })
        .filter(|(_, target)| array(target, "kind").iter().any(|kind| kind == "lib" || kind == "bin"))
        .map(|(name, target)| (name.to_string(), PathBuf::from(text(target, "src_path"))))
        .collect();
    crates.sort();
    assert!(crates.len() > 10, "too few crates found: {crates:?}");
    crates
}

#[test]
fn files_do_not_need_each_other_in_circles() {
    let mut findings = Vec::new();
    for (name, root) in crates() {
        findings.extend(rust::Crate::read(&root).circles(&name));
    }
    findings.extend(javascript::folder_circles(&javascript::platform()));
    ratchet::check(&["circle"], &findings);
}

#[test]
fn types_are_small() {
    let mut findings = Vec::new();
    for (_, root) in crates() {
        findings.extend(rust::Crate::read(&root).overgrown_types(&workspace_root()));
    }
    ratchet::check(&["fields", "bools"], &findings);
}
