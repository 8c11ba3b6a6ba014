//! Why a module was not found, told so that its author can act: what was imported, by whom, and what was
//! looked at.

use std::fmt;
use std::path::{Path, PathBuf};

/// A module or an entry was not resolved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResolveError {
    details: Box<Details>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Details {
    specifier: String,
    referrer: Option<PathBuf>,
    root: Option<PathBuf>,
    reason: Reason,
    tried: Vec<PathBuf>,
}

/// What was wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Reason {
    /// No file is there; [`ResolveError::tried`] tells where it was looked for.
    NotFound,
    /// A directory has nothing that an application starts with.
    NoEntry,
    /// No `node_modules` has the package.
    PackageNotFound {
        /// Its name.
        package: String,
    },
    /// The name is that of one of Node's own modules, and no package has it.
    NodeModule,
    /// The specifier has a scheme that is not resolved (`https:`, `npm:`…).
    UnsupportedScheme {
        /// The scheme, without the colon.
        scheme: String,
    },
    /// The specifier is not one.
    InvalidSpecifier {
        /// What is wrong with it.
        why: &'static str,
    },
    /// The file lies outside the application's root, itself or through a symbolic link.
    OutsideRoot {
        /// The file.
        path: PathBuf,
    },
    /// The package has `exports`, and none of them is this for the web platform.
    NotExported {
        /// The package.json.
        package_json: PathBuf,
        /// The subpath, such as `.` or `./sub`.
        subpath: String,
    },
    /// The package.json around the importing file has no such `imports`, or there is no package.json.
    ImportNotDefined {
        /// The package.json, if there is one.
        package_json: Option<PathBuf>,
    },
    /// A field of a package.json names a file that is not there.
    TargetMissing {
        /// The package.json.
        package_json: PathBuf,
        /// The field: `main`, `module`, `exports` or `imports`.
        field: &'static str,
        /// What the field says.
        target: String,
    },
    /// The package has CommonJS only, which is not run.
    CommonJs {
        /// The file that is CommonJS.
        path: PathBuf,
    },
    /// A package.json is not valid JSON.
    PackageJsonSyntax {
        /// The package.json.
        path: PathBuf,
        /// The line, from 1.
        line: usize,
        /// The column in bytes, from 1.
        column: usize,
        /// What is wrong there.
        message: String,
    },
    /// A package.json is valid JSON, but not a valid package.json.
    PackageJsonInvalid {
        /// The package.json.
        path: PathBuf,
        /// What is wrong.
        message: String,
    },
    /// A file could not be read.
    Io {
        /// The file.
        path: PathBuf,
        /// The system's message.
        message: String,
    },
    /// The file's extension, or its import attributes, name no kind of module.
    Kind {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        message: String,
    },
}

impl ResolveError {
    pub(super) fn new(specifier: &str, reason: Reason) -> ResolveError {
        let details = Details {
            specifier: specifier.to_owned(),
            referrer: None,
            root: None,
            reason,
            tried: Vec::new(),
        };
        ResolveError { details: Box::new(details) }
    }

    /// The specifier has more than [`MAX_SPECIFIER_BYTES`](super::MAX_SPECIFIER_BYTES); the error does not
    /// quote it.
    pub fn too_long() -> ResolveError {
        ResolveError::new("…", Reason::InvalidSpecifier { why: "it is longer than 16384 bytes" })
    }

    pub(super) fn imported_by(mut self, referrer: &Path, root: &Path) -> ResolveError {
        self.details.referrer = Some(referrer.to_owned());
        self.in_root(root)
    }

    pub(super) fn in_root(mut self, root: &Path) -> ResolveError {
        self.details.root = Some(root.to_owned());
        self
    }

    pub(super) fn having_tried(mut self, tried: Vec<PathBuf>) -> ResolveError {
        self.details.tried = tried;
        self
    }

    /// What was imported, as written; for an entry, the path that was given.
    pub fn specifier(&self) -> &str {
        &self.details.specifier
    }

    /// The file with the import; `None` for an entry.
    pub fn referrer(&self) -> Option<&Path> {
        self.details.referrer.as_deref()
    }

    /// What was wrong.
    pub fn reason(&self) -> &Reason {
        &self.details.reason
    }

    /// The files and directories that were looked for and not found, in order.
    pub fn tried(&self) -> &[PathBuf] {
        &self.details.tried
    }

    /// A path as a reader of the message knows it: inside the root, relative to it.
    fn show<'a>(&'a self, path: &'a Path) -> std::path::Display<'a> {
        let inside = self.details.root.as_deref().and_then(|root| path.strip_prefix(root).ok());
        inside.filter(|path| !path.as_os_str().is_empty()).unwrap_or(path).display()
    }
}

impl fmt::Display for ResolveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Details { specifier, referrer, reason, tried, .. } = &*self.details;
        match referrer {
            Some(referrer) => {
                write!(f, "cannot import {specifier:?} from {}: ", self.show(referrer))?;
            }
            None => write!(f, "{specifier}: ")?,
        }
        match reason {
            Reason::NotFound => f.write_str("there is no such file")?,
            Reason::NoEntry => f.write_str("the directory has no entry module")?,
            Reason::PackageNotFound { package } => {
                write!(f, "the package {package:?} is not installed (a file of the application starts with ./ or ../)")?;
            }
            Reason::NodeModule => f.write_str(
                "this is a module of Node's own; NANO runs the web platform (fetch, streams, crypto.subtle, URL), not Node's modules",
            )?,
            Reason::UnsupportedScheme { scheme } => {
                write!(f, "modules are not loaded from {scheme}: URLs; import a file, or a package in node_modules")?;
            }
            Reason::InvalidSpecifier { why } => write!(f, "this is not a valid specifier: {why}")?,
            Reason::OutsideRoot { path } => {
                write!(f, "{} is outside the application's directory", path.display())?;
            }
            Reason::NotExported { package_json, subpath } => write!(
                f,
                "\"exports\" of {} has no {subpath:?} for the conditions {}",
                self.show(package_json),
                super::conditions::CONDITIONS.join(", ")
            )?,
            Reason::ImportNotDefined { package_json: Some(path) } => {
                write!(f, "\"imports\" of {} does not define it", self.show(path))?;
            }
            Reason::ImportNotDefined { package_json: None } => {
                f.write_str("specifiers with # are defined by \"imports\" of a package.json, and there is none")?;
            }
            Reason::TargetMissing { package_json, field, target } => {
                write!(f, "{field:?} of {} says {target:?}, and that file is not there", self.show(package_json))?;
            }
            Reason::CommonJs { path } => write!(
                f,
                "{} is a CommonJS module, which NANO does not run; use a version of the package with ES modules, or bundle the application (for example with esbuild --bundle --format=esm)",
                self.show(path)
            )?,
            Reason::PackageJsonSyntax { path, line, column, message } => {
                write!(f, "{}:{line}:{column}: {message}", self.show(path))?;
            }
            Reason::PackageJsonInvalid { path, message } => write!(f, "{}: {message}", self.show(path))?,
            Reason::Io { path, message } => write!(f, "{} cannot be read: {message}", self.show(path))?,
            Reason::Kind { path, message } => write!(f, "{}: {message}", self.show(path))?,
        }
        if !tried.is_empty() {
            f.write_str("; tried ")?;
            for (index, path) in tried.iter().enumerate() {
                let comma = if index == 0 { "" } else { ", " };
                write!(f, "{comma}{}", self.show(path))?;
            }
        }
        Ok(())
    }
}

impl std::error::Error for ResolveError {}
