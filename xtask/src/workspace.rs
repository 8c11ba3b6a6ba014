//! The workspace's crates as `cargo metadata --no-deps` has them, and what building them needs. Downloads
//! nothing.

use crate::util::{capture, cargo};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// The crate that starts the program and other servers, and runs the applications with packages from npm.
const BLACK_BOX_TESTS: &str = "nano-tests";

/// The workspace's crates by name.
pub struct Workspace {
    crates: BTreeMap<String, Crate>,
}

struct Crate {
    /// Every crate that its Cargo.toml names.
    dependencies: BTreeSet<String>,
    /// Those of them that only its own tests and examples use.
    development: BTreeSet<String>,
    published: bool,
}

/// What must be there before crates can be tested.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    /// Nothing but cargo.
    Nothing,
    /// V8's library.
    V8,
    /// V8's library, programs and npm packages.
    Everything,
}

impl Workspace {
    /// Asks cargo.
    pub fn read() -> Result<Workspace, String> {
        let text = capture(&mut cargo(&["metadata", "--format-version=1", "--no-deps"]))?;
        let metadata = serde_json::from_str(&text).map_err(|error| format!("cargo metadata: {error}"))?;
        Ok(Workspace::of(&metadata))
    }

    fn of(metadata: &Value) -> Workspace {
        let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
        let name = |value: &Value| value["name"].as_str().unwrap_or_default().to_string();
        let one = |package: &Value| {
            let dependencies = list(&package["dependencies"]);
            let is_development = |dependency: &&Value| dependency["kind"] == "dev";
            let development: BTreeSet<String> =
                dependencies.iter().filter(is_development).map(name).collect();
            let needed: BTreeSet<String> =
                dependencies.iter().filter(|dependency| !is_development(dependency)).map(name).collect();
            Crate {
                development: development.difference(&needed).cloned().collect(),
                dependencies: needed.union(&development).cloned().collect(),
                // `publish = false` is an empty list of registries.
                published: package["publish"].is_null(),
            }
        };
        let packages = list(&metadata["packages"]);
        Workspace { crates: packages.iter().map(|package| (name(package), one(package))).collect() }
    }

    /// Whether building a crate, or its tests, links V8.
    fn links_v8(&self, name: &str, with_tests: bool) -> bool {
        let Some(found) = self.crates.get(name) else { return name == "v8" };
        found.dependencies.iter().any(|other| {
            (with_tests || !found.development.contains(other)) && other != name && self.links_v8(other, false)
        })
    }

    /// What testing these crates needs. A name that is not of the workspace is cargo's to refuse.
    pub fn needs(&self, names: &[String]) -> Needs {
        if names.iter().any(|name| name == BLACK_BOX_TESTS) {
            Needs::Everything
        } else if names.iter().any(|name| self.links_v8(name, true)) {
            Needs::V8
        } else {
            Needs::Nothing
        }
    }

    /// The crates that are published, those that link V8 after those that do not.
    pub fn published(&self) -> (Vec<&str>, Vec<&str>) {
        let names = self.crates.iter().filter(|(_, found)| found.published).map(|(name, _)| name.as_str());
        names.partition(|name| !self.links_v8(name, false))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn needs_follow_dependencies() {
        let package = |name: &str, dependencies: &[(&str, Option<&str>)]| {
            let dependencies: Vec<Value> = dependencies
                .iter()
                .map(|(name, kind)| serde_json::json!({ "name": name, "kind": kind }))
                .collect();
            serde_json::json!({ "name": name, "dependencies": dependencies })
        };
        let workspace = Workspace::of(&serde_json::json!({ "packages": [
            package("a", &[("serde", None), ("a", Some("dev"))]),
            package("b", &[("v8", None), ("a", None)]),
            package("c", &[("a", None), ("b", Some("dev"))]),
            package("d", &[("c", None)]),
            package("e", &[("b", Some("build"))]),
        ] }));
        let needs =
            |names: &[&str]| workspace.needs(&names.iter().map(ToString::to_string).collect::<Vec<_>>());
        assert_eq!(needs(&["a"]), Needs::Nothing);
        assert_eq!(needs(&["b"]), Needs::V8);
        // Its tests link V8; what depends on it does not.
        assert_eq!(needs(&["c"]), Needs::V8);
        assert_eq!(needs(&["d"]), Needs::Nothing);
        assert_eq!(needs(&["e"]), Needs::V8);
        assert_eq!(needs(&["a", "nano-tests"]), Needs::Everything);
        assert_eq!(workspace.published(), (vec!["a", "c", "d"], vec!["b", "e"]));
    }

    #[test]
    fn the_workspaces_lower_floors_need_nothing() {
        let workspace = Workspace::read().unwrap();
        for (name, needs) in [
            ("nano-http", Needs::Nothing),
            ("nano-fetch", Needs::Nothing),
            ("nano-subtle", Needs::Nothing),
            ("xtask", Needs::Nothing),
            ("nano-web", Needs::V8),
            ("nano", Needs::V8),
            ("nano-tests", Needs::Everything),
        ] {
            assert_eq!(workspace.needs(&[name.into()]), needs, "{name}");
        }
        let (without_v8, with_v8) = workspace.published();
        assert!(without_v8.contains(&"nano-http") && with_v8.contains(&"nano-server"));
        assert!(!without_v8.contains(&"xtask") && !without_v8.contains(&"nano-tests"));
    }
}
