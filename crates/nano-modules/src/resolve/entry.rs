//! Where an application starts.

use std::fs;
use std::path::{Path, PathBuf};

use super::conditions::CONDITIONS;
use super::error::{Reason, ResolveError};
use super::exports::{Fault, Target, package_exports_resolve};
use super::files::{self, Probe};
use super::kind::ModuleKind;
use super::package::{Package, is_absent};

/// Names of an entry in a directory whose package.json names none, in order.
pub const ENTRY_NAMES: [&str; 7] =
    ["index.js", "index.mjs", "index.ts", "worker.js", "worker.mjs", "worker.ts", "_worker.js"];

/// An application's first module.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The application's directory, without symbolic links: that of the file, if a file was given.
    pub root: PathBuf,
    /// The module's file, without symbolic links.
    pub path: PathBuf,
    /// The kind of the module.
    pub kind: ModuleKind,
}

/// Finds the entry of the application at `path`.
///
/// A file is its own entry. For a directory it is what `exports` of its package.json says for `.`, else what
/// `main` says (with an extension or `/index.js` added if need be), else the first of [`ENTRY_NAMES`] that is
/// there. With `confine`, it and package.json lie in the directory, also after symbolic links are followed.
///
/// # Errors
/// If there is none: then the error lists what was looked for; if package.json is malformed, or names a file
/// that is not there.
pub fn find_entry(path: &Path, confine: bool) -> Result<Entry, ResolveError> {
    let specifier = path.display().to_string();
    let fail = |reason: Reason| ResolveError::new(&specifier, reason);
    let path = match fs::canonicalize(path) {
        Ok(path) => path,
        Err(error) if is_absent(&error) => return Err(fail(Reason::NotFound)),
        Err(error) => return Err(fail(Reason::Io { path: path.to_owned(), message: error.to_string() })),
    };
    if !path.is_dir() {
        let kind = ModuleKind::of(&specifier, &path, None)?;
        let root = path.parent().unwrap_or(Path::new("/")).to_owned();
        return Ok(Entry { root, path, kind });
    }
    let root = path;
    let mut tried = Vec::new();
    let check = |path: PathBuf| {
        if confine && !path.starts_with(&root) {
            return Err(fail(Reason::OutsideRoot { path }).in_root(&root));
        }
        Ok(path)
    };
    if let Ok(Probe::File(package_json)) = files::probe(&root.join("package.json")) {
        check(package_json)?;
    }
    let found = match entry_of_package(&root).map_err(|reason| fail(reason).in_root(&root))? {
        Some(found) => found,
        None => {
            let names = ENTRY_NAMES.iter().map(|name| root.join(name));
            match files::first_file(names, &mut tried).map_err(|reason| fail(reason).in_root(&root))? {
                Some(found) => found,
                None => {
                    tried.insert(0, root.join("package.json"));
                    return Err(fail(Reason::NoEntry).in_root(&root).having_tried(tried));
                }
            }
        }
    };
    let found = check(found)?;
    let kind = ModuleKind::of(&specifier, &found, None).map_err(|error| error.in_root(&root))?;
    Ok(Entry { root, path: found, kind })
}

/// The entry that package.json names; `None` if it names none.
fn entry_of_package(root: &Path) -> Result<Option<PathBuf>, Reason> {
    let Some(package) = Package::read(root)? else { return Ok(None) };
    let missing = |field, target: &str| Reason::TargetMissing {
        package_json: package.path(),
        field,
        target: target.to_owned(),
    };
    if let Some(exports) = package.exports() {
        match package_exports_resolve(exports, ".", &CONDITIONS) {
            Ok(Target::File(target) | Target::Package(target)) => {
                let path = files::join(root, &target)?;
                return match files::probe(&path)? {
                    Probe::File(found) => Ok(Some(found)),
                    _ => Err(missing("exports", &target)),
                };
            }
            // Only other subpaths are exported: `main` may still say what the application is.
            Err(Fault::NotDefined | Fault::InvalidMatch) => {}
            Err(Fault::Invalid(message)) => {
                return Err(Reason::PackageJsonInvalid { path: package.path(), message });
            }
        }
    }
    let Some(main) = package.string("main") else { return Ok(None) };
    let path = files::join(root, main)?;
    if !path.starts_with(root) {
        return Err(Reason::OutsideRoot { path });
    }
    match files::first_file(files::main_candidates(&path), &mut Vec::new())? {
        Some(found) => Ok(Some(found)),
        None => Err(missing("main", main)),
    }
}
