//! Dependencies are licensed as deny.toml allows and come from the registry.

use super::{array, metadata, text};
use crate::util::workspace_root;
use std::collections::BTreeSet;
use std::fs;

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

/// Whether one may use what is licensed so: an expression of SPDX, with `OR`, `AND` and brackets; `/` is an
/// old `OR`.
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
