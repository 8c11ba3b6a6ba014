//! Every source file begins with a comment that says what it is for, is not too long, and has comments that
//! fit a window.

use super::ratchet::{self, Finding};
use crate::util::workspace_root;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// A file of the product or of xtask has at most this many lines.
const LINES_MAX: usize = 600;
/// A line of a comment has at most this many columns, as rustfmt.toml has it for code.
const COMMENT_COLUMNS_MAX: usize = 110;

/// All folders with source files.
const FOLDERS: [&str; 6] =
    ["crates", "xtask/src", "tests/src", "tests/tests", "fuzz/fuzz_targets", "examples"];

#[test]
fn source_files_say_what_they_are_for() {
    let root = workspace_root();
    let mut files = Vec::new();
    for folder in FOLDERS {
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
fn files_are_short_enough_to_read() {
    let root = workspace_root();
    let mut findings = Vec::new();
    let mut files = Vec::new();
    walk(&root.join("crates"), &mut files);
    walk(&root.join("xtask/src"), &mut files);
    files.sort();
    for path in files {
        let place = path.strip_prefix(&root).unwrap().display().to_string();
        let is_source = place.contains("/src/");
        let lines = fs::read_to_string(&path).unwrap().lines().count();
        if is_source && lines > LINES_MAX {
            findings.push(Finding::new("lines", place, lines));
        }
    }
    ratchet::check(&["lines"], &findings);
}

#[test]
fn comments_fit() {
    let root = workspace_root();
    let mut files = Vec::new();
    for folder in FOLDERS {
        walk(&root.join(folder), &mut files);
    }
    let mut wide: BTreeMap<String, usize> = BTreeMap::new();
    for path in files {
        let place = path.strip_prefix(&root).unwrap();
        // One count for each crate: files move.
        let owner =
            place.components().take(2).map(|part| part.as_os_str().to_string_lossy()).collect::<Vec<_>>();
        let lines = wide_comments(&fs::read_to_string(&path).unwrap());
        if lines > 0 {
            *wide.entry(owner.join("/")).or_default() += lines;
        }
    }
    let findings: Vec<Finding> =
        wide.into_iter().map(|(place, count)| Finding::new("columns", place, count)).collect();
    ratchet::check(&["columns"], &findings);
}

/// How many lines that begin as a comment are too wide. One that a link makes so is not counted.
fn wide_comments(text: &str) -> usize {
    let is_comment = |line: &&str| ["//", "/*", "* "].iter().any(|mark| line.trim_start().starts_with(mark));
    let is_wide = |line: &&str| line.chars().count() > COMMENT_COLUMNS_MAX && !line.contains("http");
    text.lines().filter(is_comment).filter(is_wide).count()
}

#[test]
fn wide_comments_are_counted() {
    let long = "x".repeat(COMMENT_COLUMNS_MAX);
    assert_eq!(
        wide_comments(&format!("// {long}\n    /// {long}\nlet {long};\n// https://{long}\n// short\n")),
        2
    );
    assert_eq!(wide_comments(&format!("// {}", "ü".repeat(COMMENT_COLUMNS_MAX - 3))), 0);
}
