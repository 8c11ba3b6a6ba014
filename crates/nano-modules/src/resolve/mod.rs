//! Module resolution: which file an application starts with, and which file an import means. Knows files and
//! package.json, and nothing of V8 or of what runs.
//!
//! It is Node's algorithm for ES modules ("ESM resolver" in its documentation), for the web platform:
//!
//! - **`./x`, `../x`** are files. Node wants the whole name; here, as with bundlers, `./x` may also be
//!   `x.js`, `x.mjs`, `x.ts` or the `index.js`, `index.mjs`, `index.ts` in the directory `x`, in this order,
//!   and in a TypeScript file `./x.js` may be `x.ts`. A query or fragment (`./x.wasm?module`) is not part of
//!   the name, and does not make another module.
//! - **`name`, `name/sub`** are packages in `node_modules`, looked for upwards from the importing file.
//!   `exports` decides, under the conditions `workerd`, `worker`, `import` and `default`, in the order of the
//!   package's object. Without `exports` it is `module`, else `main`, else `index.js`. A package may import
//!   itself by its name.
//! - **`#x`** is by `imports` of the package.json around the importing file.
//! - **`/x` and `file:` URLs** are files, within the root only. Other URLs are refused, `node:` among them.
//!
//! What is found is the file without symbolic links, so that a module has one identity. When confined, it
//! lies in the application's root: neither `..` nor a link leads out, and nothing outside is read.
//!
//! CommonJS is not run. Where a package offers nothing else, the error says so.

mod commonjs;
mod conditions;
mod entry;
mod error;
mod exports;
mod files;
mod kind;
mod package;
mod specifier;
#[cfg(test)]
mod tests;

pub use entry::{ENTRY_NAMES, Entry, find_entry};
pub use error::{Reason, ResolveError};
pub use kind::ModuleKind;

use std::path::{Path, PathBuf};

use conditions::{COMMONJS_CONDITIONS, CONDITIONS};
use exports::{Fault, Target};
use files::Probe;
use package::Package;
use specifier::{PackageSpecifier, Specifier, UrlPath};

/// Longest module specifier.
///
/// Limit (bytes): four times the longest path that Linux takes, since a specifier may be percent-encoded;
/// error messages, which quote it and the paths that were tried, stay far below the longest string of V8
/// (half a gigabyte).
pub const MAX_SPECIFIER_BYTES: usize = 16_384;

/// What an import means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resolved {
    /// The file, without symbolic links.
    pub path: PathBuf,
    /// What is made of it. The same file imported as another kind is another module.
    pub kind: ModuleKind,
}

/// Finds the module that `specifier` means in the file `referrer`.
///
/// `referrer` is an absolute path without symbolic links, such as [`Resolved::path`] and [`Entry::path`];
/// `root` the application's directory, [`Entry::root`]. `attribute` is the value of the import attribute
/// `type`, if there is one. With `confine`, nothing outside `root` is used; without, packages may be anywhere
/// upwards and links may lead anywhere, as in a workspace.
///
/// It reads the file system each time: whoever calls it remembers what came out.
///
/// # Errors
/// If there is no such module, or it may not or cannot be used: [`ResolveError`] tells why, names what was
/// tried, and has file, line and column for a malformed package.json.
pub fn resolve(
    specifier: &str,
    referrer: &Path,
    root: &Path,
    attribute: Option<&str>,
    confine: bool,
) -> Result<Resolved, ResolveError> {
    if specifier.len() > MAX_SPECIFIER_BYTES {
        return Err(ResolveError::too_long().imported_by(referrer, root));
    }
    let mut search = Search { referrer, root, confine, tried: Vec::new() };
    let path = search.module_resolve(specifier).map_err(|reason| {
        let tried = std::mem::take(&mut search.tried);
        ResolveError::new(specifier, reason).imported_by(referrer, root).having_tried(tried)
    })?;
    let kind =
        ModuleKind::of(specifier, &path, attribute).map_err(|error| error.imported_by(referrer, root))?;
    Ok(Resolved { path, kind })
}

/// One resolution.
struct Search<'a> {
    referrer: &'a Path,
    root: &'a Path,
    confine: bool,
    /// What was looked for and not found.
    tried: Vec<PathBuf>,
}

impl Search<'_> {
    /// ESM_RESOLVE, as far as the file.
    fn module_resolve(&mut self, specifier: &str) -> Result<PathBuf, Reason> {
        match Specifier::parse(specifier)? {
            Specifier::Relative(url) => {
                let directory = self.referrer.parent().unwrap_or(Path::new("/")).to_owned();
                self.file(&directory, &url)
            }
            Specifier::Absolute(url) => self.file(Path::new("/"), &url),
            Specifier::Import(key) => self.package_imports_resolve(key),
            Specifier::Package(package) => {
                let directory = self.referrer.parent().unwrap_or(Path::new("/")).to_owned();
                self.package_resolve(&package, &directory)
            }
        }
    }

    /// A file that the application's author named by its path.
    fn file(&mut self, base: &Path, url: &UrlPath<'_>) -> Result<PathBuf, Reason> {
        let path = files::join(base, url.path)?;
        self.check_path(&path)?;
        let trailing_slash = url.path.ends_with(['/', '\\'])
            || matches!(url.path.rsplit(['/', '\\']).next(), Some("." | ".."));
        let candidates = files::import_candidates(&path, trailing_slash, self.referrer);
        match self.first_file(candidates)? {
            Some(found) => Ok(found),
            None => Err(Reason::NotFound),
        }
    }

    /// PACKAGE_RESOLVE, with `directory` in place of the parent URL.
    fn package_resolve(
        &mut self,
        wanted: &PackageSpecifier<'_>,
        directory: &Path,
    ) -> Result<PathBuf, Reason> {
        let subpath = format!(".{}", wanted.rest);
        // PACKAGE_SELF_RESOLVE
        if let Some(package) = self.lookup_package_scope(directory)?
            && package.name() == Some(wanted.name)
            && package.exports().is_some()
        {
            return self.package_exports_resolve(&package, &subpath);
        }
        for ancestor in self.ancestors(directory) {
            if ancestor.file_name().is_some_and(|name| name == "node_modules") {
                continue;
            }
            let folder = ancestor.join("node_modules").join(wanted.name);
            // What may not be looked at further up is as good as not there.
            if !matches!(files::probe(&folder), Ok(Probe::Directory)) {
                self.tried.push(folder);
                continue;
            }
            self.tried.clear();
            // Through a link the package may be outside, and its package.json is not to be read then.
            let folder = match std::fs::canonicalize(&folder) {
                Ok(folder) => folder,
                Err(error) => return Err(Reason::Io { path: folder, message: error.to_string() }),
            };
            self.check_path(&folder)?;
            return match self.read_package(&folder)? {
                Some(package) if package.exports().is_some() => {
                    self.package_exports_resolve(&package, &subpath)
                }
                package => self.legacy_resolve(package, &folder, wanted.rest),
            };
        }
        if wanted.is_node_module() {
            self.tried.clear();
            return Err(Reason::NodeModule);
        }
        Err(Reason::PackageNotFound { package: wanted.name.to_owned() })
    }

    fn package_exports_resolve(&mut self, package: &Package, subpath: &str) -> Result<PathBuf, Reason> {
        let Some(exports) = package.exports() else { return Err(Reason::NotFound) };
        match exports::package_exports_resolve(exports, subpath, &CONDITIONS) {
            Ok(Target::File(target) | Target::Package(target)) => {
                self.package_file(package, "exports", &target)
            }
            Err(Fault::NotDefined) => {
                // Would Node's `require` find it? Then that is what the author needs to know.
                let commonjs = exports::package_exports_resolve(exports, subpath, &COMMONJS_CONDITIONS);
                if let Ok(Target::File(target)) = commonjs
                    && let Err(reason @ Reason::CommonJs { .. }) =
                        self.package_file(package, "exports", &target)
                {
                    return Err(reason);
                }
                self.tried.clear();
                Err(Reason::NotExported { package_json: package.path(), subpath: subpath.to_owned() })
            }
            Err(fault) => Err(self.fault(package, fault)),
        }
    }

    /// PACKAGE_IMPORTS_RESOLVE.
    fn package_imports_resolve(&mut self, key: &str) -> Result<PathBuf, Reason> {
        let directory = self.referrer.parent().unwrap_or(Path::new("/")).to_owned();
        let Some(package) = self.lookup_package_scope(&directory)? else {
            return Err(Reason::ImportNotDefined { package_json: None });
        };
        let undefined = || Reason::ImportNotDefined { package_json: Some(package.path()) };
        let imports = package.imports().ok_or_else(undefined)?;
        match exports::package_imports_resolve(imports, key, &CONDITIONS) {
            Ok(Target::File(target)) => self.package_file(&package, "imports", &target),
            Ok(Target::Package(target)) => {
                let wanted = PackageSpecifier::parse(&target)?;
                self.package_resolve(&wanted, &package.directory)
            }
            Err(Fault::NotDefined) => Err(undefined()),
            Err(fault) => Err(self.fault(&package, fault)),
        }
    }

    /// A file that a package.json names: it must be there by exactly this name.
    fn package_file(
        &mut self,
        package: &Package,
        field: &'static str,
        target: &str,
    ) -> Result<PathBuf, Reason> {
        let path = files::join(&package.directory, target)?;
        self.check_path(&path)?;
        match self.first_file([path])? {
            Some(found) => self.check_module(Some(package), found),
            None => {
                self.tried.clear();
                Err(Reason::TargetMissing { package_json: package.path(), field, target: target.to_owned() })
            }
        }
    }

    /// A package without `exports`: Node's rules for `main`, with `module` before it, as bundlers do.
    fn legacy_resolve(
        &mut self,
        package: Option<Package>,
        folder: &Path,
        rest: &str,
    ) -> Result<PathBuf, Reason> {
        if !rest.is_empty() {
            return self.legacy_subpath(package, folder, rest);
        }
        if let Some(package) = &package {
            for field in ["module", "main"] {
                let Some(target) = package.string(field) else { continue };
                let path = files::join(folder, target)?;
                self.check_path(&path)?;
                if let Some(found) = self.first_file(files::main_candidates(&path))? {
                    return self.check_module(Some(package), found);
                }
            }
        }
        match self.first_file(files::INDEX_NAMES.map(|name| folder.join(name)))? {
            Some(found) => self.check_module(package.as_ref(), found),
            None => Err(Reason::NotFound),
        }
    }

    fn legacy_subpath(
        &mut self,
        package: Option<Package>,
        folder: &Path,
        rest: &str,
    ) -> Result<PathBuf, Reason> {
        let url = UrlPath::split(rest);
        let path = files::join(folder, url.path)?;
        if !path.starts_with(folder) {
            return Err(Reason::InvalidSpecifier { why: "it leads out of the package" });
        }
        // A directory of a package may have a package.json of its own, to say which of its files is the ES
        // module.
        if matches!(files::probe(&path)?, Probe::Directory)
            && let Some(inner) = self.read_package(&path)?
            && (inner.string("module").is_some() || inner.string("main").is_some())
        {
            return self.legacy_resolve(Some(inner), &path, "");
        }
        match self.first_file(files::main_candidates(&path))? {
            Some(found) => self.check_module(package.as_ref(), found),
            None => Err(Reason::NotFound),
        }
    }

    /// LOOKUP_PACKAGE_SCOPE: the package.json around a directory.
    fn lookup_package_scope(&self, directory: &Path) -> Result<Option<Package>, Reason> {
        for ancestor in self.ancestors(directory) {
            if ancestor.file_name().is_some_and(|name| name == "node_modules") {
                return Ok(None);
            }
            if let Some(package) = self.read_package(ancestor)? {
                return Ok(Some(package));
            }
        }
        Ok(None)
    }

    /// The directory and those around it, as far as the application may look.
    fn ancestors<'p>(&self, directory: &'p Path) -> impl Iterator<Item = &'p Path> + use<'p> {
        let root = self.confine.then(|| self.root.to_owned());
        directory.ancestors().take_while(move |path| root.as_ref().is_none_or(|root| path.starts_with(root)))
    }

    /// READ_PACKAGE_JSON. A package.json that is itself a link counts as what it leads to.
    fn read_package(&self, directory: &Path) -> Result<Option<Package>, Reason> {
        if self.confine
            && let Probe::File(path) = files::probe(&directory.join("package.json"))?
        {
            self.check_path(&path)?;
        }
        Package::read(directory)
    }

    fn first_file(
        &mut self,
        candidates: impl IntoIterator<Item = PathBuf>,
    ) -> Result<Option<PathBuf>, Reason> {
        let found = files::first_file(candidates, &mut self.tried)?;
        if let Some(path) = &found {
            self.tried.clear();
            self.check_path(path)?;
        }
        Ok(found)
    }

    /// That the application may use the path: called before anything is looked at there, and for what a link
    /// led to.
    fn check_path(&self, path: &Path) -> Result<(), Reason> {
        if self.confine && !path.starts_with(self.root) {
            return Err(Reason::OutsideRoot { path: path.to_owned() });
        }
        Ok(())
    }

    /// That a package's file is no CommonJS, as far as can be told without running it.
    fn check_module(&self, package: Option<&Package>, path: PathBuf) -> Result<PathBuf, Reason> {
        let commonjs = match path.extension().and_then(|it| it.to_str()) {
            Some("cjs" | "cts") => true,
            Some("js") if !package.is_some_and(Package::is_module) => {
                let source = std::fs::read(&path)
                    .map_err(|error| Reason::Io { path: path.clone(), message: error.to_string() })?;
                commonjs::looks_like_commonjs(&String::from_utf8_lossy(&source))
            }
            _ => false,
        };
        if commonjs { Err(Reason::CommonJs { path }) } else { Ok(path) }
    }

    fn fault(&self, package: &Package, fault: Fault) -> Reason {
        match fault {
            Fault::Invalid(message) => Reason::PackageJsonInvalid { path: package.path(), message },
            Fault::NotDefined => Reason::NotFound,
            Fault::InvalidMatch => Reason::InvalidSpecifier { why: "it leads out of the package" },
        }
    }
}
