//! What is expected of a suite: the file tests/wpt/SUITE.json, read, compared with results, and written anew.
//!
//! Knows the file's form (tests/wpt/README.md) and the outcomes; nothing of how they came about.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;

use serde_json::{Map, Value, json};

use super::run::{Outcome, Status};
use crate::util;

/// The reason under which an update puts new failures: a person replaces it.
pub const UNSORTED: &str = "not looked at yet";

/// What one suite's file holds.
#[derive(Debug, Default)]
pub struct Expectations {
    pub suite: String,
    /// The checkout's date that the counts are of.
    pub checkout: String,
    pub counts: Counts,
    /// Files that are run though their name does not say that they are for workers.
    pub also: Vec<String>,
    /// Files (or folders, with a slash at the end) that are not run, and why.
    pub left_out: Vec<LeftOut>,
    pub failing: Vec<Group>,
}

/// How many there were at the last update.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Counts {
    pub files: u64,
    pub subtests: u64,
    pub passing: u64,
}

#[derive(Debug)]
pub struct LeftOut {
    pub reason: String,
    pub files: Vec<String>,
}

/// What failing says of NANO.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Scope {
    /// NANO lacks something, or does it otherwise.
    #[default]
    Gap,
    /// The test is about what only a browser has: it does not apply to a server.
    Browser,
    /// The test contradicts the standard as it is now.
    Contradicts,
}

impl Scope {
    fn parse(text: Option<&str>) -> Result<Self, String> {
        match text {
            None => Ok(Self::Gap),
            Some("browser") => Ok(Self::Browser),
            Some("contradicts") => Ok(Self::Contradicts),
            Some(other) => Err(format!("`scope` is browser or contradicts, not `{other}`")),
        }
    }

    /// The word in the file; nothing for a gap.
    fn key(self) -> Option<&'static str> {
        match self {
            Self::Gap => None,
            Self::Browser => Some("browser"),
            Self::Contradicts => Some("contradicts"),
        }
    }

    /// What people read.
    pub fn about(self) -> &'static str {
        match self {
            Self::Gap => "",
            Self::Browser => "browsers only",
            Self::Contradicts => "contradicts the standard",
        }
    }
}

/// Failing subtests with one reason, by file.
#[derive(Debug)]
pub struct Group {
    pub reason: String,
    pub scope: Scope,
    pub tests: BTreeMap<String, BTreeSet<String>>,
}

impl Group {
    /// How many subtests it lists.
    pub fn len(&self) -> u64 {
        self.tests.values().map(|names| u64::try_from(names.len()).unwrap_or(u64::MAX)).sum()
    }
}

/// Results beside expectations; each line has the file and the subtest.
#[derive(Debug, Default, PartialEq)]
pub struct Comparison {
    /// Failed and not listed.
    pub regressions: Vec<String>,
    /// Failed and listed.
    pub known: Vec<String>,
    /// Listed and passed.
    pub passes: Vec<String>,
    /// Listed and not seen.
    pub gone: Vec<String>,
}

/// The folder of the expectations.
pub fn folder() -> PathBuf {
    util::workspace_root().join("tests/wpt")
}

fn path(suite: &str) -> PathBuf {
    folder().join(format!("{}.json", suite.replace('/', "-")))
}

impl Expectations {
    /// Those of a suite. A suite without a file is expected to pass.
    pub fn read(suite: &str) -> Result<Self, String> {
        let path = path(suite);
        let Ok(text) = fs::read_to_string(&path) else {
            return Ok(Self { suite: suite.into(), ..Self::default() });
        };
        Self::parse(suite, &text).map_err(|error| format!("{}: {error}", path.display()))
    }

    fn parse(suite: &str, text: &str) -> Result<Self, String> {
        let file: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let object = file.as_object().ok_or("is not an object")?;
        let known = ["checkout", "counts", "also", "left_out", "failing"];
        if let Some(key) = object.keys().find(|key| !known.contains(&key.as_str())) {
            return Err(format!("does not know `{key}`"));
        }
        let count = |name: &str| file["counts"][name].as_u64().unwrap_or_default();
        let mut left_out = Vec::new();
        for entry in list(&file["left_out"]) {
            left_out.push(LeftOut { reason: reason(entry)?, files: texts(&entry["files"])? });
        }
        let mut failing = Vec::new();
        for entry in list(&file["failing"]) {
            let tests = entry["tests"].as_object().ok_or("a group under `failing` wants `tests`")?;
            let tests =
                tests.iter().map(|(file, names)| Ok((file.clone(), texts(names)?.into_iter().collect())));
            let scope = Scope::parse(entry["scope"].as_str())?;
            failing.push(Group {
                reason: reason(entry)?,
                scope,
                tests: tests.collect::<Result<_, String>>()?,
            });
        }
        Ok(Self {
            suite: suite.into(),
            checkout: file["checkout"].as_str().unwrap_or_default().into(),
            counts: Counts { files: count("files"), subtests: count("subtests"), passing: count("passing") },
            also: texts(&file["also"])?,
            left_out,
            failing,
        })
    }

    /// Whether a file is left out on purpose.
    pub fn leaves_out(&self, path: &str) -> bool {
        self.left_out
            .iter()
            .flat_map(|entry| &entry.files)
            .any(|name| if name.ends_with('/') { path.starts_with(name.as_str()) } else { path == name })
    }

    fn lists(&self, file: &str, name: &str) -> bool {
        self.reason(file, name).is_some()
    }

    /// How many subtests apply to a server: all but those that are about what only a browser has, and those
    /// that contradict the standard.
    pub fn applicable(&self) -> u64 {
        let others = self.failing.iter().filter(|group| group.scope != Scope::Gap);
        self.counts.subtests.saturating_sub(others.map(Group::len).sum())
    }

    /// Why a subtest is expected to fail.
    pub fn reason(&self, file: &str, name: &str) -> Option<&str> {
        let lists = |group: &&Group| group.tests.get(file).is_some_and(|names| names.contains(name));
        self.failing.iter().find(lists).map(|group| group.reason.as_str())
    }

    /// Compares. `whole` tells that all of the suite ran, so that what is not there is gone.
    pub fn compare(&self, outcomes: &[(String, Outcome)], whole: bool) -> Comparison {
        let mut comparison = Comparison::default();
        let mut seen = BTreeSet::new();
        for (file, outcome) in outcomes {
            for (name, status) in &outcome.subtests {
                seen.insert((file.as_str(), name.as_str()));
                let listed = self.lists(file, name);
                match status {
                    Status::Fail(message) if listed => {
                        comparison.known.push(format!("{file}: {name}: {message}"));
                    }
                    Status::Fail(message) => {
                        comparison.regressions.push(format!("{file}: {name}: {message}"));
                    }
                    Status::Pass if listed => comparison.passes.push(format!("{file}: {name}")),
                    _ => {}
                }
            }
        }
        for (file, names) in self.failing.iter().flat_map(|group| &group.tests) {
            let ran = outcomes.iter().any(|(other, _)| other == file);
            for name in names.iter().filter(|name| !seen.contains(&(file.as_str(), name.as_str()))) {
                if whole || ran {
                    comparison.gone.push(format!("{file}: {name}"));
                }
            }
        }
        comparison
    }

    /// Whether fewer subtests ran than are recorded for the same checkout: tests that vanish are no success.
    pub fn fewer(&self, outcomes: &[(String, Outcome)], checkout: &str) -> bool {
        self.checkout == checkout && count(outcomes).subtests < self.counts.subtests
    }

    /// Takes over the results: what passes now or is gone leaves its group, what fails anew comes under
    /// [`UNSORTED`].
    pub fn update(&mut self, outcomes: &[(String, Outcome)], checkout: &str) {
        let failing: BTreeSet<(&str, &str)> = outcomes
            .iter()
            .flat_map(|(file, outcome)| {
                let failed = outcome.subtests.iter().filter(|(_, status)| matches!(status, Status::Fail(_)));
                failed.map(move |(name, _)| (file.as_str(), name.as_str()))
            })
            .collect();
        for group in &mut self.failing {
            for (file, names) in &mut group.tests {
                names.retain(|name| failing.contains(&(file.as_str(), name.as_str())));
            }
            group.tests.retain(|_, names| !names.is_empty());
        }
        let mut fresh: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for (file, name) in failing.iter().filter(|(file, name)| !self.lists(file, name)) {
            fresh.entry((*file).into()).or_default().insert((*name).into());
        }
        if !fresh.is_empty() {
            match self.failing.iter_mut().find(|group| group.reason == UNSORTED) {
                None => self.failing.push(Group { reason: UNSORTED.into(), scope: Scope::Gap, tests: fresh }),
                Some(group) => {
                    for (file, names) in fresh {
                        group.tests.entry(file).or_default().extend(names);
                    }
                }
            }
        }
        self.failing.retain(|group| !group.tests.is_empty());
        self.checkout = checkout.into();
        self.counts = count(outcomes);
    }

    /// Writes the suite's file.
    pub fn write(&self) -> Result<(), String> {
        let mut text = serde_json::to_string_pretty(&self.to_json()).map_err(|error| error.to_string())?;
        text.push('\n');
        util::write_whole(&path(&self.suite), &mut text.as_bytes())
    }

    fn to_json(&self) -> Value {
        let mut file = Map::new();
        file.insert("checkout".into(), json!(self.checkout));
        let Counts { files, subtests, passing } = self.counts;
        file.insert("counts".into(), json!({ "files": files, "subtests": subtests, "passing": passing }));
        if !self.also.is_empty() {
            file.insert("also".into(), json!(self.also));
        }
        if !self.left_out.is_empty() {
            let entries = self.left_out.iter();
            let entries = entries.map(|entry| json!({ "reason": entry.reason, "files": entry.files }));
            file.insert("left_out".into(), entries.collect());
        }
        let groups = self.failing.iter();
        let groups = groups.map(|group| {
            let mut entry = json!({ "reason": group.reason, "tests": group.tests });
            if let Some(scope) = group.scope.key() {
                entry["scope"] = json!(scope);
            }
            entry
        });
        file.insert("failing".into(), groups.collect());
        Value::Object(file)
    }
}

/// How many there are now. What is optional and not there does not count.
pub fn count(outcomes: &[(String, Outcome)]) -> Counts {
    let all = || outcomes.iter().flat_map(|(_, outcome)| &outcome.subtests);
    let number = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
    Counts {
        files: number(outcomes.len()),
        subtests: number(all().filter(|(_, status)| *status != Status::Optional).count()),
        passing: number(all().filter(|(_, status)| *status == Status::Pass).count()),
    }
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn reason(entry: &Value) -> Result<String, String> {
    let reason = entry["reason"].as_str().filter(|reason| !reason.trim().is_empty());
    reason.map(str::to_string).ok_or_else(|| "each group wants a `reason`".into())
}

fn texts(value: &Value) -> Result<Vec<String>, String> {
    let all = list(value).iter().map(|text| text.as_str().map(str::to_string));
    all.collect::<Option<_>>().ok_or_else(|| "a list of names has something else in it".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(subtests: &[(&str, bool)]) -> Vec<(String, Outcome)> {
        let status = |pass: bool| if pass { Status::Pass } else { Status::Fail("why".into()) };
        let subtests = subtests.iter().map(|(name, pass)| ((*name).to_string(), status(*pass))).collect();
        vec![("f.any.js".into(), Outcome { subtests })]
    }

    const FILE: &str = r#"{ "checkout": "2022-12-03", "counts": { "files": 1, "subtests": 3, "passing": 1 },
        "left_out": [{ "reason": "pages", "files": ["x/pages/", "x/y.any.js"] }],
        "failing": [{ "reason": "because", "tests": { "f.any.js": ["a", "b"] } }] }"#;

    #[test]
    fn each_kind_of_difference_is_told() {
        let expectations = Expectations::parse("x", FILE).unwrap();
        let comparison = expectations.compare(&outcome(&[("a", false), ("c", false), ("b", true)]), true);
        assert_eq!(comparison.known, ["f.any.js: a: why"]);
        assert_eq!(comparison.regressions, ["f.any.js: c: why"]);
        assert_eq!(comparison.passes, ["f.any.js: b"]);
        assert_eq!(expectations.compare(&outcome(&[("a", false)]), true).gone, ["f.any.js: b"]);
        assert!(expectations.compare(&[], false).gone.is_empty(), "what did not run is not gone");
    }

    #[test]
    fn subtests_that_vanish_are_noticed() {
        let expectations = Expectations::parse("x", FILE).unwrap();
        assert!(expectations.fewer(&outcome(&[("a", false), ("b", false)]), "2022-12-03"));
        assert!(!expectations.fewer(&outcome(&[("a", false), ("b", false), ("c", true)]), "2022-12-03"));
        assert!(!expectations.fewer(&[], "2026-01-01"), "another checkout has another number");
    }

    #[test]
    fn an_update_keeps_reasons_and_gathers_what_is_new() {
        let mut expectations = Expectations::parse("x", FILE).unwrap();
        expectations.update(&outcome(&[("a", false), ("b", true), ("c", false)]), "2026-01-01");
        assert_eq!(expectations.counts, Counts { files: 1, subtests: 3, passing: 1 });
        let again = Expectations::parse("x", &expectations.to_json().to_string()).unwrap();
        let reasons: Vec<_> = again.failing.iter().map(|group| group.reason.as_str()).collect();
        assert_eq!(reasons, ["because", UNSORTED]);
        let difference = again.compare(&outcome(&[("a", false), ("b", true), ("c", false)]), true);
        assert_eq!(difference.known.len(), 2);
        assert!(difference.regressions.is_empty() && difference.passes.is_empty());
    }

    #[test]
    fn what_does_not_apply_is_told_apart() {
        let text = r#"{ "counts": { "files": 1, "subtests": 5, "passing": 2 }, "failing": [
            { "reason": "is missing", "tests": { "f.any.js": ["a"] } },
            { "reason": "a page", "scope": "browser", "tests": { "f.any.js": ["b"] } },
            { "reason": "is older", "scope": "contradicts", "tests": { "f.any.js": ["c"] } }] }"#;
        let expectations = Expectations::parse("x", text).unwrap();
        assert_eq!(expectations.applicable(), 3);
        let again = Expectations::parse("x", &expectations.to_json().to_string()).unwrap();
        assert_eq!(again.failing[1].scope, Scope::Browser);
        assert_eq!(again.applicable(), 3);
        assert!(
            Expectations::parse("x", r#"{ "failing": [{ "reason": "r", "scope": "y", "tests": {} }] }"#)
                .is_err()
        );
    }

    #[test]
    fn folders_and_files_are_left_out() {
        let expectations = Expectations::parse("x", FILE).unwrap();
        assert!(expectations.leaves_out("x/pages/z.any.js") && expectations.leaves_out("x/y.any.js"));
        assert!(!expectations.leaves_out("x/z.any.js"));
        assert!(
            Expectations::parse("x", r#"{ "failing": [{ "tests": {} }] }"#).is_err(),
            "a reason is a must"
        );
    }
}
