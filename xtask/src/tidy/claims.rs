//! Claims of pages about code name the item in code spans. Each item must exist: a file, a type with its
//! method, a constant, a test, or a word of the platform's JavaScript.

use crate::util::workspace_root;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

const PAGES: [&str; 4] = ["docs/architecture.md", "docs/security.md", "docs/debugging.md", "CONTRIBUTING.md"];

/// Words of the sources: for each, the files that have it.
struct Words {
    /// Paths from the workspace's root.
    files: Vec<String>,
    of_word: BTreeMap<String, BTreeSet<usize>>,
    /// Names that a file declares: after `fn`, `struct` and the like, fields, variants, methods of
    /// JavaScript.
    declared: BTreeMap<String, BTreeSet<usize>>,
}

impl Words {
    fn read() -> Words {
        let root = workspace_root();
        let mut words = Words { files: Vec::new(), of_word: BTreeMap::new(), declared: BTreeMap::new() };
        for folder in ["crates", "tests", "xtask", "fuzz", "types", "docs", "examples"] {
            words.folder(&root, &root.join(folder));
        }
        let beside = fs::read_dir(&root).into_iter().flatten().flatten();
        words.files.extend(beside.map(|entry| entry.file_name().to_string_lossy().into_owned()));
        words
    }

    fn folder(&mut self, root: &Path, folder: &Path) {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            let name = entry.file_name().to_string_lossy().into_owned();
            if path.is_dir() {
                if !matches!(
                    name.as_str(),
                    "target" | "node_modules" | "corpus" | "artifacts" | "seeds" | "data"
                ) {
                    self.folder(root, &path);
                }
                continue;
            }
            let place = path.strip_prefix(root).unwrap().display().to_string();
            let index = self.files.len();
            self.files.push(place.clone());
            let is_source = [".rs", ".js", ".mjs", ".toml", ".ts"].iter().any(|end| name.ends_with(end));
            // The pages cannot prove themselves.
            if is_source && let Ok(text) = fs::read_to_string(&path) {
                self.text(index, &text);
            }
        }
    }

    fn text(&mut self, file: usize, text: &str) {
        let mut before = "";
        let mut rest = text;
        while let Some(start) = rest.find(is_word_character) {
            let tail = &rest[start..];
            let end = tail.find(|c| !is_word_character(c)).unwrap_or(tail.len());
            let (word, after) = (&tail[..end], tail[end..].trim_start());
            self.of_word.entry(word.into()).or_default().insert(file);
            let keywords = [
                "fn",
                "struct",
                "enum",
                "trait",
                "const",
                "static",
                "type",
                "mod",
                "macro_rules",
                "class",
                "function",
            ];
            // A field, a variant, a method.
            let begins_declaration = after.starts_with([':', ',', '(', '{', '}', '=']);
            if keywords.contains(&before) || begins_declaration {
                self.declared.entry(word.into()).or_default().insert(file);
            }
            before = word;
            rest = &tail[end..];
        }
    }

    /// Why a code span names nothing, or `None` if it does or is no claim about an item.
    fn refute(&self, span: &str) -> Option<String> {
        let span = span.trim_end_matches("()");
        if let Some(place) = span.strip_suffix('/').or_else(|| has_source_suffix(span).then_some(span)) {
            let found = self.files.iter().any(|file| {
                file == place
                    || file.ends_with(&format!("/{place}"))
                    || file.starts_with(&format!("{place}/"))
                    || file.contains(&format!("/{place}/"))
            });
            return (!found).then(|| "no such file".into());
        }
        if !span.chars().all(|c| is_word_character(c) || ":.".contains(c)) || span.starts_with('.') {
            return None;
        }
        let parts: Vec<&str> = span.split(['.', ':']).filter(|part| !part.is_empty()).collect();
        if let Some(missing) = parts.iter().find(|part| !self.of_word.contains_key(**part)) {
            return Some(format!("no source has the word {missing}"));
        }
        let (owner, item) = span.rsplit_once("::")?;
        let owner = owner.rsplit("::").next().unwrap_or(owner);
        // A module or a crate is in its path.
        let module = [owner.to_string(), owner.replace('_', "-")];
        let is_of = |file: &usize| {
            self.of_word.get(owner).is_some_and(|owners| owners.contains(file))
                || self.files[*file].split(['/', '.']).any(|part| module.iter().any(|name| name == part))
        };
        let together = self.declared.get(item).is_some_and(|items| items.iter().any(is_of));
        (!together).then(|| format!("no file has {owner} and declares {item}"))
    }
}

fn is_word_character(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

fn has_source_suffix(span: &str) -> bool {
    [".rs", ".js", ".mjs", ".ts", ".toml", ".txt", ".yaml", ".md"].iter().any(|end| span.ends_with(end))
        && span.chars().all(|c| is_word_character(c) || "./-".contains(c))
}

/// Code spans of a page with their lines; fenced blocks are left out.
fn spans(page: &str) -> Vec<(usize, &str)> {
    let mut fenced = false;
    let mut found = Vec::new();
    for (number, line) in page.lines().enumerate() {
        if line.starts_with("```") {
            fenced = !fenced;
        } else if !fenced {
            found.extend(line.split('`').skip(1).step_by(2).map(|span| (number + 1, span)));
        }
    }
    found
}

#[test]
fn what_pages_name_exists() {
    let words = Words::read();
    assert!(words.files.len() > 300, "too few files found: {}", words.files.len());
    let mut wrong = Vec::new();
    for page in PAGES {
        let text = fs::read_to_string(workspace_root().join(page)).unwrap();
        wrong.extend(
            spans(&text)
                .into_iter()
                .filter_map(|(line, span)| Some(format!("{page}:{line}: `{span}`: {}", words.refute(span)?))),
        );
    }
    assert!(wrong.is_empty(), "{} claims name nothing:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn claims_that_name_nothing_are_found() {
    let mut words = Words {
        files: vec!["crates/a/src/b/mod.rs".into(), "crates/a/src/c.rs".into()],
        of_word: BTreeMap::new(),
        declared: BTreeMap::new(),
    };
    words.text(0, "struct Conn { idle: bool } impl Conn { pub fn drive(&self) {} } const MAX: u8 = 1;");
    words.text(1, "enum Other { Idle } // drive it");
    for good in [
        "b/mod.rs",
        "c.rs",
        "crates/a/",
        "Conn",
        "Conn::drive()",
        "Conn::idle",
        "Other::Idle",
        "MAX",
        "a <b>",
        "$x",
    ] {
        assert_eq!(words.refute(good), None, "{good}");
    }
    for bad in ["d.rs", "b/c.rs", "x/", "Con", "Conn::stop", "Other::drive", "MIN"] {
        assert!(words.refute(bad).is_some(), "{bad}");
    }
    assert_eq!(spans("a `b` c `d`\n```\n`x`\n```\n`e`"), [(1, "b"), (1, "d"), (5, "e")]);
}
