//! The snapshot's build script runs the web platform, so that it and all below it are needed twice: for the
//! build script and for the program. Cargo compiles them once if features and profile are the same for both.

use super::{array, text};
use crate::util::{capture, cargo};
use serde_json::Value;
use std::collections::BTreeMap;

/// The profiles in which nothing is compiled twice. The release profile is not among them: its build script
/// is optimized less.
const PROFILES: [&str; 2] = ["dev", "quick"];

/// Crates that are compiled twice all the same, each with the reason.
const TWICE: [(&str, &str); 1] = [("phf", "oxc's macros take it without the macros that oxc itself takes")];

/// Libraries that a unit graph has more than once in one version: their names with the features of each.
fn twice(graph: &Value) -> BTreeMap<String, Vec<String>> {
    let mut units: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for unit in array(graph, "units") {
        let is_library = array(&unit["target"], "kind").iter().any(|kind| kind == "lib");
        if is_library && text(unit, "mode") == "build" {
            let features: Vec<&str> = array(unit, "features").iter().filter_map(Value::as_str).collect();
            let package = text(unit, "pkg_id").to_string();
            units.entry(package).or_default().push(features.join(" "));
        }
    }
    units.retain(|_, found| found.len() > 1);
    units
}

#[test]
fn what_the_build_script_shares_is_compiled_once() {
    for profile in PROFILES {
        let mut build =
            cargo(&["build", "--package", "nano", "--unit-graph", "-Zunstable-options", "--locked"]);
        // The graph is a nightly feature of cargo; nothing is built.
        build.args(["--profile", profile]).env("RUSTC_BOOTSTRAP", "1");
        let graph: Value = serde_json::from_str(&capture(&mut build).unwrap()).unwrap();
        assert!(array(&graph, "units").len() > 200, "no graph was read");
        let twice: Vec<String> = twice(&graph)
            .into_iter()
            .filter(|(package, _)| !TWICE.iter().any(|(name, _)| package.contains(&format!("{name}@"))))
            .map(|(package, features)| format!("{package}: {}", features.join(" | ")))
            .collect();
        assert!(
            twice.is_empty(),
            "{} crates are compiled twice in profile {profile}. Where two lists of features differ, add what the \
             shorter one lacks to [build-dependencies] of the crate whose build script makes the snapshot:\n{}",
            twice.len(),
            twice.join("\n")
        );
    }
}

#[test]
fn units_of_one_package_are_found() {
    let unit = |id: &str, kind: &str, features: &[&str]| serde_json::json!({ "pkg_id": id, "mode": "build", "features": features, "target": { "kind": [kind] } });
    let graph = serde_json::json!({ "units": [
        unit("x#a@1", "lib", &["std"]), unit("x#a@1", "lib", &[]), unit("x#a@1", "custom-build", &[]),
        unit("x#b@1", "lib", &[]), unit("x#b@2", "lib", &[]),
    ] });
    let found = twice(&graph);
    assert_eq!(found.into_iter().collect::<Vec<_>>(), [("x#a@1".into(), vec!["std".into(), String::new()])]);
}
