//! Every source file begins with a comment that says what it is for.

use crate::util::workspace_root;
use std::fs;
use std::path::{Path, PathBuf};

#[test]
fn source_files_say_what_they_are_for() {
    let root = workspace_root();
    let mut files = Vec::new();
    for folder in ["crates", "xtask/src", "tests/src", "tests/tests", "fuzz/fuzz_targets", "examples"] {
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
