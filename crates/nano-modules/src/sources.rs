//! The modules of one application, shared by all its isolates: each file is read once, and each import is
//! resolved once.

use crate::resolve::{self, Entry, ModuleKind, Resolved};
use crate::source::{self, Source};
use crate::{LoadError, MAX_MODULE_BYTES, Original};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};
use std::time::SystemTime;

/// The name of code that was given as text.
const CODE_NAME: &str = "[eval]";

/// The modules of an application.
pub struct Sources {
    entry: Entry,
    confine: bool,
    loaded: RwLock<Loaded>,
    opened: SystemTime,
    /// Another version is used instead: what this one has not read yet must be as it was.
    replaced: AtomicBool,
}

/// What was read so far.
#[derive(Default)]
struct Loaded {
    list: Vec<Arc<Source>>,
    by_path: HashMap<(PathBuf, ModuleKind), usize>,
}

impl Sources {
    /// The modules of the application in a directory or a file. Finds its entry; reads no module.
    ///
    /// `confine` keeps every module within the directory, also through symbolic links.
    ///
    /// # Errors
    ///
    /// If there is no entry: the error lists what was looked for.
    pub fn open(path: &Path, confine: bool) -> Result<Self, LoadError> {
        Ok(Self::new(resolve::find_entry(path, confine)?, confine, Loaded::default()))
    }

    /// The modules of a script, which may be a classic one (`.cjs`), and may import from anywhere.
    ///
    /// # Errors
    ///
    /// If there is no such file.
    pub fn script(path: &Path) -> Result<Self, LoadError> {
        let entry = match std::fs::canonicalize(path) {
            // A classic script is no module, and as one it would be refused. It imports nothing that needs a
            // root.
            Ok(path) if is_classic(&path) && path.is_file() => {
                let root = path.parent().unwrap_or(Path::new("/")).to_owned();
                Entry { root, path, kind: ModuleKind::JavaScript }
            }
            _ => resolve::find_entry(path, false)?,
        };
        Ok(Self::new(entry, false, Loaded::default()))
    }

    /// Code that was given as text. Its imports are relative to the current directory.
    pub fn code(code: &str) -> Self {
        let root = std::env::current_dir().unwrap_or_else(|_| PathBuf::from("/"));
        let source = Source::from_code(CODE_NAME, root.join(CODE_NAME), code);
        let entry = Entry { path: source.path.clone(), root, kind: ModuleKind::JavaScript };
        let by_path = HashMap::from([((source.path.clone(), entry.kind), 0)]);
        Self::new(entry, false, Loaded { list: vec![Arc::new(source)], by_path })
    }

    fn new(entry: Entry, confine: bool, loaded: Loaded) -> Self {
        let (opened, replaced) = (SystemTime::now(), AtomicBool::new(false));
        Self { entry, confine, loaded: RwLock::new(loaded), opened, replaced }
    }

    /// The directory that holds the application.
    pub fn root(&self) -> &Path {
        &self.entry.root
    }

    /// Whether the entry is a classic script, in sloppy mode: `.cjs`.
    pub fn is_classic(&self) -> bool {
        is_classic(&self.entry.path)
    }

    /// The index of the module that is evaluated first.
    ///
    /// # Errors
    ///
    /// If it cannot be read, or is not what its name says.
    pub fn entry(&self) -> Result<usize, LoadError> {
        self.load(Resolved { path: self.entry.path.clone(), kind: self.entry.kind })
    }

    /// A module by its index.
    ///
    /// # Panics
    ///
    /// If no module has this index: indices come from [`entry`](Self::entry), [`resolve`](Self::resolve) and
    /// [`find`](Self::find).
    pub fn module(&self, index: usize) -> Arc<Source> {
        Arc::clone(&self.loaded().list[index])
    }

    /// The module of this name.
    pub fn find(&self, name: &str) -> Option<Arc<Source>> {
        self.loaded().list.iter().find(|source| source.name == name).cloned()
    }

    /// The index of the module that an import means.
    ///
    /// # Errors
    ///
    /// If there is none, or it cannot be read.
    pub fn resolve(
        &self,
        specifier: &str,
        attribute: Option<&str>,
        referrer: &Source,
    ) -> Result<usize, LoadError> {
        let resolved =
            resolve::resolve(specifier, &referrer.path, &self.entry.root, attribute, self.confine)?;
        self.load(resolved)
    }

    /// Where a place of a module's code, from 1, came from, if the module has a source map that knows.
    pub fn original(&self, name: &str, line: u32, column: u32) -> Option<Original> {
        let source = {
            let loaded = self.loaded();
            let mapped = loaded.list.iter().find(|source| source.has_source_map() && source.name == name);
            Arc::clone(mapped?)
        };
        source.original(line, column, self.confine.then_some(&*self.entry.root))
    }

    /// Whether any module was read yet.
    pub fn is_loaded(&self) -> bool {
        !self.loaded().list.is_empty()
    }

    /// Whether `newer`, which was opened and checked later from the same place, would run the same code: each
    /// of its modules is one of this application's, and what this one has imported beside them is unchanged.
    pub fn is_same_code(&self, newer: &Self) -> bool {
        if self.entry.path != newer.entry.path || self.entry.kind != newer.entry.kind {
            return false;
        }
        let (ours, theirs) = (self.digests(), newer.digests());
        theirs.iter().all(|(key, digest)| ours.get(key) == Some(digest))
            && ours
                .iter()
                .filter(|(key, _)| !theirs.contains_key(key))
                .all(|(key, known)| std::fs::read(&key.0).is_ok_and(|bytes| source::digest(&bytes) == *known))
    }

    /// The directories that modules were read from.
    pub fn directories(&self) -> Vec<PathBuf> {
        let loaded = self.loaded();
        let mut directories: Vec<_> =
            loaded.list.iter().filter_map(|source| source.path.parent().map(Path::to_owned)).collect();
        directories.sort();
        directories.dedup();
        directories
    }

    /// Whether another version is used instead, while this one finishes its requests. What it imports then,
    /// and has never read before, it gets only if the file is as old as itself: one that has changed belongs
    /// to the other version.
    pub fn set_replaced(&self, replaced: bool) {
        self.replaced.store(replaced, Ordering::Relaxed);
    }

    fn loaded(&self) -> RwLockReadGuard<'_, Loaded> {
        self.loaded.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn digests(&self) -> HashMap<(PathBuf, ModuleKind), u64> {
        let loaded = self.loaded();
        loaded.by_path.iter().map(|(key, index)| (key.clone(), loaded.list[*index].digest)).collect()
    }

    fn load(&self, resolved: Resolved) -> Result<usize, LoadError> {
        let key = (resolved.path, resolved.kind);
        if let Some(index) = self.loaded().by_path.get(&key) {
            return Ok(*index);
        }
        let source = Arc::new(self.read(&key.0, key.1)?);
        let mut loaded = self.loaded.write().unwrap_or_else(PoisonError::into_inner);
        // Another thread may have been first.
        if let Some(index) = loaded.by_path.get(&key) {
            return Ok(*index);
        }
        let index = loaded.list.len();
        loaded.list.push(source);
        loaded.by_path.insert(key, index);
        Ok(index)
    }

    fn read(&self, path: &Path, kind: ModuleKind) -> Result<Source, LoadError> {
        let name = path.strip_prefix(&self.entry.root).unwrap_or(path).display().to_string();
        self.read_bytes(path)
            .and_then(|bytes| Source::from_bytes(name.clone(), path, kind, bytes))
            .map_err(|error| LoadError { file: Some(name), ..error })
    }

    fn read_bytes(&self, path: &Path) -> Result<Vec<u8>, LoadError> {
        let failed = |error| LoadError::new(format!("cannot be read: {error}"));
        if std::fs::metadata(path).map_err(failed)?.len() > MAX_MODULE_BYTES {
            return Err(LoadError::new(format!("is larger than {} MB", MAX_MODULE_BYTES >> 20)));
        }
        let bytes = std::fs::read(path).map_err(failed)?;
        // After the reading, so that a change in between is seen.
        if self.replaced.load(Ordering::Relaxed)
            && std::fs::metadata(path).and_then(|file| file.modified()).map_err(failed)? > self.opened
        {
            return Err(LoadError::new(
                "has changed since this version of the application was opened, which another has replaced",
            ));
        }
        Ok(bytes)
    }
}

fn is_classic(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "cjs")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Content, Text};

    fn directory(files: &[(&str, &str)]) -> tempfile::TempDir {
        let directory = tempfile::tempdir().unwrap();
        for (name, content) in files {
            std::fs::write(directory.path().join(name), content).unwrap();
        }
        directory
    }

    #[test]
    fn each_file_is_read_once_for_each_kind() {
        let directory = directory(&[("index.js", ""), ("a.json", "\u{feff}{}")]);
        let sources = Sources::open(directory.path(), true).unwrap();
        assert!(!sources.is_loaded());
        let entry = sources.entry().unwrap();
        let index = sources.module(entry);
        assert!(sources.is_loaded() && sources.entry().unwrap() == entry);
        let json = sources.resolve("./a.json", None, &index).unwrap();
        let text = sources.resolve("./a.json", Some("text"), &index).unwrap();
        assert_eq!(sources.resolve("./a.json", Some("json"), &index).unwrap(), json);
        assert_ne!(json, text);
        let (json, text) = (sources.module(json), sources.module(text));
        assert!(matches!(&json.content, Content::Json(Text::Latin1(bytes)) if **bytes == *b"{}"));
        assert!(matches!(&text.content, Content::Text(_)));
        assert!(sources.find("a.json").is_some() && sources.find("b.json").is_none());
    }

    #[test]
    fn a_file_beyond_the_limit_is_refused_unread() {
        let directory = directory(&[("index.js", "")]);
        let sources = Sources::open(directory.path(), true).unwrap();
        let index = sources.module(sources.entry().unwrap());
        let file = std::fs::File::create(directory.path().join("large.txt")).unwrap();
        file.set_len(MAX_MODULE_BYTES + 1).unwrap();
        let error = sources.resolve("./large.txt", None, &index).unwrap_err();
        assert_eq!(error.to_string(), "large.txt: is larger than 500 MB");
    }

    #[test]
    fn a_changed_file_makes_other_code() {
        let directory = directory(&[("index.js", "import './a.js';"), ("a.js", "1")]);
        let open = || {
            let sources = Sources::open(directory.path(), true).unwrap();
            let index = sources.module(sources.entry().unwrap());
            sources.resolve("./a.js", None, &index).unwrap();
            sources
        };
        let first = open();
        assert!(first.is_same_code(&open()));
        std::fs::write(directory.path().join("a.js"), "2").unwrap();
        assert!(!first.is_same_code(&open()));
    }

    #[test]
    fn a_replaced_version_does_not_read_files_of_the_next() {
        let directory = directory(&[("index.js", ""), ("old.js", "")]);
        let sources = Sources::open(directory.path(), true).unwrap();
        let index = sources.module(sources.entry().unwrap());
        let later = std::fs::File::create(directory.path().join("new.js")).unwrap();
        later.set_modified(SystemTime::now() + std::time::Duration::from_secs(60)).unwrap();
        sources.set_replaced(true);
        sources.resolve("./old.js", None, &index).unwrap();
        let error = sources.resolve("./new.js", None, &index).unwrap_err();
        assert!(error.to_string().starts_with("new.js: has changed since"), "{error}");
    }

    #[test]
    fn a_place_in_an_error_is_that_of_the_file() {
        let directory = directory(&[("index.ts", "let x: = 1;")]);
        let error = Sources::open(directory.path(), true).unwrap().entry().unwrap_err();
        assert!(error.to_string().starts_with("index.ts:1:"), "{error}");
    }
}
