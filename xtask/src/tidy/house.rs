//! docs/architecture.md says which crate may depend on which: its table row by row, its diagram floor by
//! floor. These tests compare both with `cargo metadata`, so that the page cannot be wrong and no second list
//! exists.

use super::{array, metadata, text};
use crate::util::workspace_root;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;

const PAGE: &str = "docs/architecture.md";

/// Crates from elsewhere that a row forbids by naming them in its third column, as the page spells them.
const FORBIDDEN: [(&str, &str); 2] = [("V8", "v8"), ("mio", "mio")];

/// The highest floor whose crates are built and tested without V8.
const LAST_FLOOR_WITHOUT_V8: u8 = 3;

/// The floor whose crates know no mio.
const FLOOR_WITHOUT_MIO: u8 = 1;

/// The crate table and the diagram of docs/architecture.md.
struct House {
    /// Rows by crate name.
    rows: BTreeMap<String, Row>,
    /// The floor of each crate; `None` for those beside the house.
    floors: BTreeMap<String, Option<u8>>,
}

/// One row of the table.
#[derive(Debug, PartialEq, Eq)]
struct Row {
    /// Names from `FORBIDDEN`'s second column.
    must_not_know: BTreeSet<&'static str>,
    uses: BTreeSet<String>,
}

impl House {
    /// Reads the table and the diagram. Errors: each line that cannot be read.
    fn read(page: &str) -> Result<House, Vec<String>> {
        let section = page.split_once("\n## The crates\n").map_or("", |(_, rest)| rest);
        let section = section.split_once("\n## ").map_or(section, |(section, _)| section);
        let mut house = House { rows: BTreeMap::new(), floors: BTreeMap::new() };
        let mut errors = Vec::new();
        let diagram = section.split("```").nth(1).unwrap_or_default();
        let mut floor = None;
        for line in diagram.lines() {
            if let Some(number) = line.strip_prefix("floor ").and_then(|rest| rest.split(' ').next()) {
                floor = number.parse().ok();
            } else if line.starts_with("beside") {
                floor = None;
            }
            for name in line.split_whitespace().filter(|word| is_crate_name(word)) {
                if house.floors.insert(name.into(), floor).is_some() {
                    errors.push(format!("the diagram of {PAGE} has {name} twice"));
                }
            }
        }
        for line in section.lines().filter(|line| line.starts_with('|')).skip(2) {
            let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
            let [name, what, must_not_know, uses] = cells[..] else {
                errors.push(format!(
                    "a row of the table in {PAGE} has {} cells instead of 4: {line}",
                    cells.len()
                ));
                continue;
            };
            let name = name.split(' ').next().unwrap_or_default();
            if what.is_empty() || must_not_know.is_empty() {
                errors.push(format!("the row of {name} in {PAGE} has an empty cell"));
            }
            let words: Vec<&str> = must_not_know.split(|c: char| !c.is_alphanumeric()).collect();
            let row = Row {
                must_not_know: FORBIDDEN
                    .iter()
                    .filter(|(word, _)| words.contains(word))
                    .map(|(_, name)| *name)
                    .collect(),
                uses: uses
                    .split(',')
                    .map(|cell| cell.trim().to_string())
                    .filter(|name| !name.is_empty() && name != "none")
                    .collect(),
            };
            if house.rows.insert(name.into(), row).is_some() {
                errors.push(format!("the table of {PAGE} has {name} twice"));
            }
        }
        if errors.is_empty() { Ok(house) } else { Err(errors) }
    }

    /// What the page says wrongly of the workspace's crates: each with the edit that mends it.
    fn compare(&self, metadata: &Value) -> Vec<String> {
        let packages = array(metadata, "packages");
        let members: BTreeSet<&str> = packages.iter().map(|package| text(package, "name")).collect();
        let mut errors = Vec::new();
        for package in packages {
            let name = text(package, "name");
            let names: BTreeSet<&str> =
                array(package, "dependencies").iter().map(|other| text(other, "name")).collect();
            // A crate may name itself, to switch on a feature for its tests. Tests use crates beside the
            // house.
            let only_for_tests = |other: &str| {
                let mut kinds =
                    array(package, "dependencies").iter().filter(|one| text(one, "name") == other);
                kinds.all(|one| text(one, "kind") == "dev") && self.floors.get(other) == Some(&None)
            };
            let uses: BTreeSet<String> = names
                .iter()
                .filter(|other| members.contains(*other) && **other != name && !only_for_tests(other))
                .map(|n| n.to_string())
                .collect();
            let Some(row) = self.rows.get(name) else {
                let list = if uses.is_empty() { "none".into() } else { join(&uses) };
                errors.push(format!(
                    "{name} is not in the table of {PAGE}, section \"The crates\": add\n    \
                     | {name} | WHAT IT IS | MUST NOT KNOW (V8, mio, …) | {list} |\n  \
                     and its name to the diagram above the table, at its floor"
                ));
                continue;
            };
            for other in uses.difference(&row.uses) {
                errors.push(format!(
                    "{name} depends on {other}, which {PAGE} does not allow: remove the dependency, or add \
                     `{other}` to the last cell of the row `{name}`"
                ));
            }
            for other in row.uses.difference(&uses) {
                errors.push(format!(
                    "{name} does not depend on {other}: delete `{other}` from the last cell of the row `{name}` in {PAGE}"
                ));
            }
            for forbidden in row.must_not_know.iter().filter(|forbidden| names.contains(*forbidden)) {
                errors
                    .push(format!("{name} depends on {forbidden}, which {PAGE} says that it must not know"));
            }
        }
        for name in self.rows.keys().chain(self.floors.keys()).filter(|name| !members.contains(name.as_str()))
        {
            errors.push(format!("{PAGE} names {name}, which is no crate of the workspace: delete it there"));
        }
        errors
    }

    /// Where the table contradicts the diagram.
    fn check_floors(&self) -> Vec<String> {
        let mut errors = Vec::new();
        for (name, row) in &self.rows {
            let Some(floor) = self.floors.get(name) else {
                errors.push(format!("{name} is not in the diagram of {PAGE}: add its name at its floor"));
                continue;
            };
            for other in &row.uses {
                // On one floor the table's row is the permission; cargo refuses circles.
                match (floor, self.floors.get(other).copied().flatten()) {
                    (Some(floor), Some(below)) if below > *floor => errors.push(format!(
                        "{name} is on floor {floor} of {PAGE} and may use {other} on floor {below}: dependencies \
                         point downwards"
                    )),
                    (Some(_), None) => errors.push(format!("{name} may not use {other}, which is beside the house")),
                    _ => {}
                }
            }
        }
        errors
    }
}

fn is_crate_name(word: &str) -> bool {
    word == "nano" || word.starts_with("nano-") || word == "xtask"
}

fn join(names: &BTreeSet<String>) -> String {
    names.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
}

/// All crates that `name` is built from, itself included: names by `cargo metadata`'s graph.
fn closure(metadata: &Value, name: &str) -> BTreeSet<String> {
    let names: BTreeMap<&str, &str> = array(metadata, "packages")
        .iter()
        .map(|package| (text(package, "id"), text(package, "name")))
        .collect();
    let nodes: BTreeMap<&str, &Value> =
        array(&metadata["resolve"], "nodes").iter().map(|node| (text(node, "id"), node)).collect();
    let mut open: Vec<&str> = names.iter().filter(|(_, other)| **other == name).map(|(id, _)| *id).collect();
    let mut seen: BTreeSet<&str> = open.iter().copied().collect();
    while let Some(id) = open.pop() {
        for dependency in nodes.get(id).map_or(&[][..], |node| array(node, "deps")) {
            let other = text(dependency, "pkg");
            if seen.insert(other) {
                open.push(other);
            }
        }
    }
    seen.iter().filter_map(|id| names.get(id)).map(ToString::to_string).collect()
}

fn house() -> House {
    let page = fs::read_to_string(workspace_root().join(PAGE)).unwrap();
    House::read(&page).unwrap_or_else(|errors| panic!("{}", list(&errors)))
}

fn list(errors: &[String]) -> String {
    format!("{} to mend:\n- {}", errors.len(), errors.join("\n- "))
}

#[test]
fn table_and_diagram_agree_with_cargo_metadata() {
    let house = house();
    let mut errors = house.compare(&metadata(false));
    errors.extend(house.check_floors());
    assert!(errors.is_empty(), "{}", list(&errors));
}

#[test]
fn lower_floors_are_built_without_v8_and_the_lowest_without_mio() {
    let house = house();
    let metadata = metadata(true);
    let mut checked = 0;
    for (name, floor) in &house.floors {
        let Some(floor) = floor.filter(|floor| *floor <= LAST_FLOOR_WITHOUT_V8) else { continue };
        let built_from = closure(&metadata, name);
        assert!(built_from.len() > 1 || array(&metadata, "packages").len() > 50, "no graph was read");
        assert!(!built_from.contains("v8"), "{name} is on floor {floor} and is built from v8");
        assert!(
            floor != FLOOR_WITHOUT_MIO || !built_from.contains("mio"),
            "{name} is on floor {floor} and is built from mio"
        );
        checked += 1;
    }
    assert!(checked >= 8, "the diagram of {PAGE} has only {checked} crates on the lower floors");
    assert!(closure(&metadata, "nano-clone").contains("v8"), "the graph is not the workspace's");
}

#[test]
fn mistakes_of_the_page_are_named() {
    let page = "# A\n\n## The crates\n\n```\nfloor 2   nano-b   knows nano things\nfloor 1   nano-a   nano-c\nbeside    xtask nano-x\n```\n\n\
        | crate | what it is | must not know | uses |\n| --- | --- | --- | --- |\n\
        | nano-a | a | V8, mio | none |\n| nano-b | b | sockets | nano-a, nano-d |\n| nano-c (`c/`) | c | V8: it is c | nano-b |\n| nano-x | x | V8 | none |\n\n\
        ## Next\n| nano-z | z | z | z |\n";
    // The word `nano` in a description would be read as the crate.
    assert!(House::read(page).unwrap().floors.contains_key("nano"));
    let house = House::read(&page.replace(" knows nano things", "")).unwrap();
    assert_eq!(house.floors.len(), 5);
    assert_eq!(house.rows["nano-a"].must_not_know, BTreeSet::from(["v8", "mio"]));
    assert_eq!(house.rows["nano-c"].must_not_know, BTreeSet::from(["v8"]));
    let member = |name: &str, uses: &[&str]| {
        let uses: Vec<Value> = uses.iter().map(|name| serde_json::json!({ "name": name })).collect();
        serde_json::json!({ "name": name, "dependencies": uses })
    };
    let metadata = serde_json::json!({ "packages": [
        // The tests of nano-a may use a crate beside the house; nano-b itself may not.
        serde_json::json!({ "name": "nano-a", "dependencies": [
            { "name": "mio" }, { "name": "nano-a" }, { "name": "nano-x", "kind": "dev" },
        ] }),
        member("nano-b", &["nano-a", "nano-c", "nano-x"]),
        member("nano-c", &["nano-b", "mio"]),
        member("nano-e", &["nano-a"]),
        member("nano-x", &[]),
    ] });
    let errors = house.compare(&metadata);
    let expected = [
        "nano-a depends on mio, which",
        "nano-b depends on nano-c, which",
        "nano-b depends on nano-x, which",
        "nano-b does not depend on nano-d: delete",
        "nano-e is not in the table",
        "names xtask, which is no crate",
    ];
    for expected in expected {
        assert_eq!(
            errors.iter().filter(|error| error.contains(expected)).count(),
            1,
            "{expected}: {errors:?}"
        );
    }
    assert_eq!(errors.len(), expected.len(), "{errors:?}");
    assert!(
        errors[4].contains("| nano-e | WHAT IT IS | MUST NOT KNOW (V8, mio, …) | nano-a |"),
        "{errors:?}"
    );
    let floors = house.check_floors();
    assert_eq!(floors.len(), 2, "{floors:?}");
    assert!(floors[0].contains("nano-b may not use nano-d"), "{floors:?}");
    assert!(
        floors[1].contains("nano-c is on floor 1") && floors[1].contains("nano-b on floor 2"),
        "{floors:?}"
    );
    let broken = House::read("\n## The crates\n| a |\n| - |\n| nano-a | a | b |\n| nano-b | b |  | none |\n");
    assert_eq!(broken.err().map_or(0, |errors| errors.len()), 2);
}
