//! Makes of a test one classic script that runs by itself: surroundings, harness, reporter, the scripts that
//! the test includes, and the test.
//!
//! Knows what the checkout's server would have done: includes, substitutions, and, where there is no server,
//! files that a test fetches.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Component, Path, PathBuf};

use serde_json::json;

use super::suite::Test;

/// What a test finds before its harness.
const PRELUDE: &str = include_str!("prelude.js");
/// What prints each result.
pub const REPORTER: &str = include_str!("reporter.js");

/// What the checkout's server fills in for a file that has `.sub.` in its name, and for included scripts.
const SUBSTITUTIONS: &[(&str, &str)] = &[
    ("{{host}}", "web-platform.test"),
    ("{{domains[]}}", "web-platform.test"),
    ("{{domains[www]}}", "www.web-platform.test"),
    ("{{domains[www1]}}", "www1.web-platform.test"),
    ("{{domains[www2]}}", "www2.web-platform.test"),
    ("{{hosts[alt][]}}", "not-web-platform.test"),
    ("{{hosts[alt][www]}}", "www.not-web-platform.test"),
    ("{{ports[http][0]}}", "8000"),
    ("{{ports[http][1]}}", "8001"),
    ("{{ports[https][0]}}", "8443"),
    ("{{ports[https][1]}}", "8444"),
    ("{{ports[ws][0]}}", "8666"),
    ("{{ports[wss][0]}}", "8667"),
];

/// Addresses under which the checkout's server gives another file.
const ALIASES: [(&str, &str); 1] = [("/resources/WebIDLParser.js", "/resources/webidl2/lib/webidl2.js")];

/// Where the check of interfaces against the standards' IDL gives up: it knows browsers' global objects only,
/// by their classes. NANO has what dedicated workers have.
const UNEXPOSED: &str = "throw new IdlHarnessError(\"Unexpected global object\");";
const EXPOSED: &str = "return globals.has(\"DedicatedWorker\");";

/// Files of these kinds are handed to the tests that name them, and all under this folder.
const DATA: [&str; 3] = ["json", "idl", "txt"];
const MEDIA: &str = "/media/";

/// Makes the scripts of one checkout.
pub struct Maker<'a> {
    root: &'a Path,
    harness: String,
}

impl<'a> Maker<'a> {
    pub fn new(root: &'a Path) -> Result<Self, String> {
        Ok(Self { root, harness: read(&root.join("resources/testharness.js"))? })
    }

    /// The whole script of a test; `served` if there is a server, which has the files that it asks for.
    pub fn make(&self, test: &Test, served: bool) -> Result<String, String> {
        let folder = Path::new(&test.path).parent().unwrap_or(Path::new(""));
        let mut parts = Vec::new();
        for script in &test.meta.scripts {
            let name = script.split('?').next().unwrap_or_default();
            let name = ALIASES.iter().find(|(alias, _)| *alias == name).map_or(name, |(_, file)| file);
            let path = self.resolve(folder, name);
            // One that the checkout does not have (its server makes some) leaves the test to fail by itself.
            if let Ok(text) = read(&path) {
                parts.push(substitute(&text).replace(UNEXPOSED, EXPOSED));
            }
        }
        let source = if test.path.contains(".sub.") { substitute(&test.source) } else { test.source.clone() };
        let includes = parts.len();
        parts.push(source);
        let mut files = BTreeMap::new();
        if !served {
            for part in &parts {
                self.collect(folder, part, &mut files);
            }
        }
        // In the middle of a script its directive means nothing; as a script of its own it does. And one that
        // asks where it is has to be by itself.
        if is_strict(&test.source) || test.source.contains(".filename") {
            let url = format!("http://web-platform.test:8000/{}", test.path);
            parts[includes] =
                format!("(0, eval)({});", js_text(&format!("{}\n//# sourceURL={url}", parts[includes])));
        }
        let origin = if test.path.contains(".https.") {
            "https://web-platform.test:8443"
        } else {
            "http://web-platform.test:8000"
        };
        let address = format!(
            "{origin}/{}{}",
            test.path.replace(".any.js", ".any.worker.html").replace(".window.js", ".window.html"),
            test.variant
        );
        let settings = json!({ "address": address, "files": files, "served": served });
        let timeout = if test.meta.long { 40_000 } else { 10_000 };
        Ok(assemble(&settings.to_string(), &self.harness, timeout, &parts))
    }

    fn resolve(&self, folder: &Path, name: &str) -> PathBuf {
        match name.strip_prefix('/') {
            Some(absolute) => self.root.join(absolute),
            None => self.root.join(folder).join(name),
        }
    }

    /// The data files that a script names in a string, by their path in the checkout. Tests get them by
    /// fetch; there is no server here, so their text goes into the script.
    fn collect(&self, folder: &Path, source: &str, files: &mut BTreeMap<String, String>) {
        let idl = source.contains("idl_test(");
        for text in strings(source) {
            let path = if text.starts_with(MEDIA)
                || DATA.iter().any(|kind| text.ends_with(&format!(".{kind}")))
            {
                self.resolve(folder, text)
            } else if idl && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte)) {
                self.root.join("interfaces").join(format!("{text}.idl"))
            } else {
                continue;
            };
            let path = normal(&path);
            let Ok(name) = path.strip_prefix(self.root) else { continue };
            if let (Some(name), Ok(bytes)) = (name.to_str(), fs::read(&path)) {
                // A character for each byte, whatever it is.
                files.insert(format!("/{name}"), bytes.into_iter().map(char::from).collect());
            }
        }
    }
}

/// Settings (a JSON text), harness and reporter, then the parts one after the other.
pub fn assemble(settings: &str, harness: &str, timeout: u32, parts: &[String]) -> String {
    let mut script = format!(
        "{}\n;{harness}\n;{}",
        PRELUDE.replace("SETTINGS", &js_text(settings)),
        REPORTER.replace("TIMEOUT", &timeout.to_string())
    );
    for part in parts {
        script.push_str("\n;");
        script.push_str(part);
    }
    script
}

/// A text as a JavaScript string literal.
fn js_text(text: &str) -> String {
    json!(text).to_string().replace('\u{2028}', "\\u2028").replace('\u{2029}', "\\u2029")
}

/// Whether a script's first statement is the directive for strict mode.
fn is_strict(source: &str) -> bool {
    let first = source.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with("//"));
    first.is_some_and(|line| line.starts_with("'use strict'") || line.starts_with("\"use strict\""))
}

/// Strings between quotes of one kind on one line: enough to find names of files.
fn strings(source: &str) -> impl Iterator<Item = &str> {
    source.lines().flat_map(|line| {
        ['"', '\'', '`'].into_iter().flat_map(move |quote| line.split(quote).skip(1).step_by(2))
    })
}

fn substitute(text: &str) -> String {
    SUBSTITUTIONS.iter().fold(text.to_string(), |text, (from, to)| text.replace(from, to))
}

/// The path without `.` and `..`.
fn normal(path: &Path) -> PathBuf {
    let mut result = PathBuf::new();
    for component in path.components() {
        match component {
            Component::ParentDir => {
                result.pop();
            }
            Component::CurDir => {}
            other => result.push(other),
        }
    }
    result
}

fn read(path: &Path) -> Result<String, String> {
    let bytes = fs::read(path).map_err(|error| format!("cannot read {}: {error}", path.display()))?;
    String::from_utf8(bytes).map_err(|_| format!("{} is not UTF-8", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_found_in_strings() {
        let found: Vec<&str> = strings("fetch(\"resources/a.json\"); x('b.idl', `c`)").collect();
        for name in ["resources/a.json", "b.idl", "c"] {
            assert!(found.contains(&name), "{name} in {found:?}");
        }
        assert_eq!(normal(Path::new("/root/a/../b/./c.json")), Path::new("/root/b/c.json"));
    }

    #[test]
    fn texts_survive_as_literals() {
        assert_eq!(js_text("a\"\u{2028}\n"), "\"a\\\"\\u2028\\n\"");
        assert_eq!(substitute("{{host}}:{{ports[http][1]}}"), "web-platform.test:8001");
    }

    #[test]
    fn strictness_is_seen_behind_comments() {
        assert!(is_strict("// META: x\n\n'use strict';\n"));
        assert!(!is_strict("// 'use strict'\ncode();\n'use strict';"));
    }
}
