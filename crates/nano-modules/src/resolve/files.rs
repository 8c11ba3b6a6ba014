//! What resolution asks of the file system.

use std::fs;
use std::path::{Component, Path, PathBuf};

use super::error::Reason;
use super::package::is_absent;
use super::specifier::UrlPath;

/// What is at a path.
#[derive(Debug)]
pub(super) enum Probe {
    /// A file: its path without symbolic links.
    File(PathBuf),
    Directory,
    Nothing,
}

/// Looks at what is at `path`.
pub(super) fn probe(path: &Path) -> Result<Probe, Reason> {
    let unreadable = |error: std::io::Error| Reason::Io { path: path.to_owned(), message: error.to_string() };
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_file() => fs::canonicalize(path).map(Probe::File).map_err(unreadable),
        Ok(metadata) if metadata.is_dir() => Ok(Probe::Directory),
        // A socket or a device is no module: reading it might never end.
        Ok(_) => Ok(Probe::Nothing),
        Err(error) if is_absent(&error) => Ok(Probe::Nothing),
        Err(error) => Err(unreadable(error)),
    }
}

/// The first that is a file; what is not goes to `tried`.
pub(super) fn first_file(
    candidates: impl IntoIterator<Item = PathBuf>,
    tried: &mut Vec<PathBuf>,
) -> Result<Option<PathBuf>, Reason> {
    for candidate in candidates {
        match probe(&candidate)? {
            Probe::File(found) => return Ok(Some(found)),
            _ => tried.push(candidate),
        }
    }
    Ok(None)
}

/// The URL path `target` in `base`, without `.` and `..` segments. Like a URL it does not climb above the
/// file system's root, but it may climb out of `base`.
pub(super) fn join(base: &Path, target: &str) -> Result<PathBuf, Reason> {
    let mut path = base.to_owned();
    for segment in UrlPath::split(target).segments()? {
        match segment.as_str() {
            "" | "." => {}
            ".." => {
                path.pop();
            }
            segment => path.push(segment),
        }
    }
    debug_assert!(path.components().all(|part| matches!(part, Component::RootDir | Component::Normal(_))));
    Ok(path)
}

/// The path with something put behind its last segment.
pub(super) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut text = path.as_os_str().to_owned();
    text.push(suffix);
    PathBuf::from(text)
}

/// What an import without an extension may mean, after the path itself.
pub(super) const EXTENSIONS: [&str; 3] = [".js", ".mjs", ".ts"];

/// Extensions of a name that is surely whole, so that nothing is put behind it.
const WHOLE_NAMES: [&str; 11] =
    ["js", "mjs", "cjs", "ts", "mts", "json", "txt", "html", "sql", "bin", "wasm"];

/// What a directory's import may mean.
pub(super) const INDEX_NAMES: [&str; 3] = ["index.js", "index.mjs", "index.ts"];

/// The path itself, with each extension, and the index in it: for `main`, `module` and imports in the style
/// of bundlers.
pub(super) fn main_candidates(path: &Path) -> Vec<PathBuf> {
    let mut candidates = vec![path.to_owned()];
    candidates.extend(EXTENSIONS.iter().map(|extension| with_suffix(path, extension)));
    candidates.extend(INDEX_NAMES.iter().map(|name| path.join(name)));
    candidates
}

/// As [`main_candidates`]; and TypeScript's habit of naming the file that the compiler would write, if a
/// TypeScript file imports.
pub(super) fn import_candidates(path: &Path, trailing_slash: bool, referrer: &Path) -> Vec<PathBuf> {
    if trailing_slash {
        return INDEX_NAMES.iter().map(|name| path.join(name)).collect();
    }
    let extension = |path: &Path| path.extension().and_then(|it| it.to_str()).unwrap_or_default().to_owned();
    let mut candidates = if WHOLE_NAMES.contains(&extension(path).as_str()) {
        vec![path.to_owned()]
    } else {
        main_candidates(path)
    };
    if matches!(extension(referrer).as_str(), "ts" | "mts") {
        match extension(path).as_str() {
            "js" => candidates.insert(1, path.with_extension("ts")),
            "mjs" => candidates.insert(1, path.with_extension("mts")),
            _ => {}
        }
    }
    candidates
}
