//! An application as all threads share it: where its code is, its variables and limits, its modules' sources and code caches.
//!
//! Knows V8's code caches only as bytes. What runs is an [`Instance`](crate::Instance), one a thread.

use crate::channels::Channels;
use crate::counters::Counters;
use crate::log_limit::LogLimits;
use crate::resolve::{self, Entry, ModuleKind, ResolveError, Resolved};
use crate::source_map::{self, Original, SourceMap};
use nano_arena::Account;
use nano_web::WebSocketLimits;
use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock, RwLock};
use std::time::{Duration, SystemTime};

/// What an application may use. Times are another layer's business.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// JavaScript heap of one isolate, in bytes; its ArrayBuffers may take as much again outside of the heap.
    pub memory_bytes: usize,
    /// CPU time that one request may use, on the pool's threads included. `None`: as much as it wants.
    pub cpu: Option<Duration>,
    /// What it may print.
    pub log: LogLimits,
    /// What its fetches may do.
    pub fetch: FetchLimits,
    /// What its WebSockets may hold.
    pub websocket: WebSocketLimits,
    /// Whether `eval` and `new Function` make code of text.
    pub allow_eval: bool,
    /// The steps of `performance.now()` are not smaller than this; 5 microseconds at least.
    pub timer_resolution: std::time::Duration,
}

/// What the fetches of an application may do.
#[derive(Clone, Copy, Debug)]
pub struct FetchLimits {
    /// Whether they may reach private, loopback and link-local addresses.
    pub allow_private: bool,
    /// How many of them one incoming request may make.
    pub max_subrequests: u32,
    /// How many of them an isolate may have at the same time, up to [`MAX_FETCHES`](crate::MAX_FETCHES).
    pub max_concurrent: u32,
    /// Bytes that the body of each may have, and the body of its response after it is decoded.
    pub body_bytes: u64,
}

impl Default for FetchLimits {
    /// As for one tenant among others.
    fn default() -> Self {
        let max_concurrent = crate::MAX_FETCHES;
        Self { allow_private: false, max_subrequests: 50, max_concurrent, body_bytes: 10 << 30 }
    }
}

impl FetchLimits {
    /// For programs that are their owner's own.
    pub const UNLIMITED: Self = Self {
        allow_private: true,
        max_subrequests: u32::MAX,
        max_concurrent: crate::MAX_FETCHES,
        body_bytes: u64::MAX,
    };
}

/// What an application finds in its handler's `env`.
#[derive(Clone, Debug, Default)]
pub struct Bindings {
    /// Variables: a JSON object. `None`: there are none.
    pub variables: Option<String>,
    /// Services by name: objects with a `fetch()` of their own.
    pub services: BTreeMap<String, Service>,
}

/// Where the requests for a service of [`Bindings`] go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Service {
    /// To an HTTP server that listens on this socket of the file system.
    Unix(PathBuf),
}

impl Default for Limits {
    /// 128 MiB: what Workers have, and what libraries are written for. CPU time without a limit: a program of its owner's.
    fn default() -> Self {
        Self {
            memory_bytes: 128 << 20,
            cpu: None,
            log: LogLimits::UNLIMITED,
            fetch: FetchLimits::default(),
            websocket: WebSocketLimits::default(),
            allow_eval: true,
            timer_resolution: std::time::Duration::ZERO,
        }
    }
}

/// An application, shared by all threads.
pub struct Application {
    name: String,
    entry: Entry,
    bindings: Bindings,
    limits: Limits,
    confine: bool,
    /// Some: a script, which needs no handler; its arguments.
    script: Option<Vec<String>>,
    modules: RwLock<Modules>,
    channels: Channels,
    counters: Arc<Counters>,
    /// Those of its isolates on all threads are below it.
    account: Account,
    opened: SystemTime,
    /// Another version is served instead: what this one has not read yet must be as it was.
    replaced: AtomicBool,
}

#[derive(Default)]
struct Modules {
    list: Vec<Arc<Source>>,
    by_path: HashMap<(PathBuf, ModuleKind), usize>,
}

/// Why a module could not be had.
#[derive(Clone, Debug)]
pub struct LoadError {
    /// What happened, and what to do.
    pub message: String,
    /// The file that it is about, as a person knows it.
    pub file: Option<String>,
    /// Line and column in that file, from 1.
    pub position: Option<(u32, u32)>,
}

impl std::fmt::Display for LoadError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (&self.file, self.position) {
            (Some(file), Some((line, column))) => write!(f, "{file}:{line}:{column}: {}", self.message),
            (Some(file), None) => write!(f, "{file}: {}", self.message),
            _ => f.write_str(&self.message),
        }
    }
}

impl std::error::Error for LoadError {}

impl From<ResolveError> for LoadError {
    fn from(error: ResolveError) -> Self {
        Self { message: error.to_string(), file: None, position: None }
    }
}

/// A module's text, in a form that isolates share without copying it.
pub(crate) enum Text {
    /// Characters up to U+00FF, one byte each.
    Latin1(Arc<[u8]>),
    /// UTF-16.
    Wide(Arc<[u16]>),
}

impl Text {
    /// Characters.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Latin1(bytes) => bytes.len(),
            Self::Wide(units) => units.len(),
        }
    }

    fn to_text(&self) -> String {
        match self {
            Self::Latin1(bytes) => bytes.iter().map(|byte| char::from(*byte)).collect(),
            Self::Wide(units) => String::from_utf16_lossy(units),
        }
    }

    fn new(text: &str) -> Self {
        if text.is_ascii() {
            Self::Latin1(text.as_bytes().into())
        } else if text.chars().all(|character| u32::from(character) <= 0xff) {
            Self::Latin1(text.chars().map(|character| character as u8).collect())
        } else {
            Self::Wide(text.encode_utf16().collect())
        }
    }
}

/// What a module is made of.
pub(crate) enum Content {
    /// JavaScript.
    Code(Text),
    /// A JSON document.
    Json(Text),
    /// Text, as it is.
    Text(Text),
    /// Bytes, as they are.
    Bytes(Vec<u8>),
    /// WebAssembly, and what V8 compiled of it.
    Wasm(Vec<u8>, OnceLock<v8::CompiledWasmModule>),
}

/// One import of a module: what it says, and the module that it means.
pub(crate) struct Import {
    pub(crate) specifier: String,
    pub(crate) attribute: Option<String>,
    /// Index into the application's modules.
    pub(crate) target: usize,
}

/// One module's source.
pub(crate) struct Source {
    /// As stack traces have it: relative to the application's root.
    pub(crate) name: String,
    pub(crate) path: PathBuf,
    /// Of the file's bytes, to see whether it has changed.
    digest: u64,
    pub(crate) content: Content,
    /// V8's code cache for it, once some isolate has made it.
    pub(crate) cache: OnceLock<Vec<u8>>,
    /// Its static imports, once some isolate has compiled and resolved them.
    pub(crate) imports: OnceLock<Vec<Import>>,
    /// Whether it names a source map.
    pub(crate) mapped: bool,
    /// Its source map, once a stack trace wanted it; `None` inside: it cannot be read.
    map: OnceLock<Option<SourceMap>>,
}

impl Application {
    /// An application in a directory or a file. Finds its entry; compiles nothing.
    ///
    /// `confine` keeps every module within the directory, also through symbolic links.
    ///
    /// # Errors
    ///
    /// If there is no entry: the error lists what was looked for.
    pub fn open(
        name: &str,
        path: &Path,
        bindings: Bindings,
        limits: Limits,
        confine: bool,
    ) -> Result<Arc<Self>, LoadError> {
        let entry = resolve::find_entry(path, confine)?;
        let (name, modules) = (name.to_owned(), RwLock::default());
        let counters = Counters::of(&name);
        Ok(Arc::new(Self {
            name,
            entry,
            bindings,
            limits,
            confine,
            script: None,
            modules,
            channels: Channels::default(),
            counters,
            account: Account::unlimited(),
            opened: SystemTime::now(),
            replaced: AtomicBool::new(false),
        }))
    }

    /// A script with its arguments: it needs no handler, and may import from anywhere.
    ///
    /// # Errors
    ///
    /// If there is no such file.
    pub fn script(path: &Path, arguments: Vec<String>, limits: Limits) -> Result<Arc<Self>, LoadError> {
        let entry = match std::fs::canonicalize(path) {
            // A classic script is no module, and as one it would be refused. It imports nothing that needs a root.
            Ok(path) if path.extension().is_some_and(|extension| extension == "cjs") && path.is_file() => {
                let root = path.parent().unwrap_or(Path::new("/")).to_owned();
                Entry { root, path, kind: ModuleKind::JavaScript }
            }
            _ => resolve::find_entry(path, false)?,
        };
        let name = path.display().to_string();
        let (script, modules) = (Some(arguments), RwLock::default());
        let counters = Counters::of(&name);
        Ok(Arc::new(Self {
            name,
            entry,
            bindings: Bindings::default(),
            limits,
            confine: false,
            script,
            modules,
            channels: Channels::default(),
            counters,
            account: Account::unlimited(),
            opened: SystemTime::now(),
            replaced: AtomicBool::new(false),
        }))
    }

    /// Code that was given as text: what `nano eval` evaluates.
    pub(crate) fn code(code: &str, limits: Limits) -> Arc<Self> {
        let root = std::env::current_dir().unwrap_or_else(|_| PathBuf::from("/"));
        let source = Source {
            name: "[eval]".into(),
            path: root.join("[eval]"),
            digest: 0,
            content: Content::Code(Text::new(code)),
            cache: OnceLock::new(),
            imports: OnceLock::new(),
            mapped: false,
            map: OnceLock::new(),
        };
        let entry = Entry { path: source.path.clone(), root, kind: ModuleKind::JavaScript };
        let modules = Modules {
            by_path: HashMap::from([((source.path.clone(), entry.kind), 0)]),
            list: vec![Arc::new(source)],
        };
        let (name, script, modules) = ("[eval]".to_owned(), Some(Vec::new()), RwLock::new(modules));
        let counters = Counters::of(&name);
        Arc::new(Self {
            name,
            entry,
            bindings: Bindings::default(),
            limits,
            confine: false,
            script,
            modules,
            channels: Channels::default(),
            counters,
            account: Account::unlimited(),
            opened: SystemTime::now(),
            replaced: AtomicBool::new(false),
        })
    }

    /// Whether its entry is code that was given as text.
    pub(crate) fn is_code(&self) -> bool {
        self.name == "[eval]"
    }

    /// Whether it is a script, which needs no handler.
    pub fn is_script(&self) -> bool {
        self.script.is_some()
    }

    pub(crate) fn script_arguments(&self) -> Option<&[String]> {
        self.script.as_deref()
    }

    /// Whether a script is a classic one, in sloppy mode: `.cjs`.
    pub(crate) fn is_classic(&self, entry: usize) -> bool {
        self.module(entry).path.extension().is_some_and(|extension| extension == "cjs")
    }

    /// Who of its isolates listens to which broadcast channels.
    pub(crate) fn channels(&self) -> &Channels {
        &self.channels
    }

    /// Its name, as logs have it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it has used and was refused so far.
    pub fn counters(&self) -> &Arc<Counters> {
        &self.counters
    }

    /// Whether another version is served instead, while this one finishes its requests. What it imports then, and has never read before, it
    /// gets only if the file is as old as itself: one that has changed belongs to the other version.
    pub fn set_replaced(&self, replaced: bool) {
        self.replaced.store(replaced, Ordering::Relaxed);
    }

    /// Its limits.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// The memory that its isolates hold outside of V8's heaps, on all threads together. `memory_bytes`
    /// limits each isolate's.
    pub fn account(&self) -> &Account {
        &self.account
    }

    /// Its variables, a JSON object.
    pub(crate) fn variables(&self) -> Option<&str> {
        self.bindings.variables.as_deref()
    }

    /// Where the requests for a service go; `None`: there is none of that name.
    pub(crate) fn service(&self, name: &str) -> Option<&Service> {
        self.bindings.services.get(name)
    }

    /// The names of its services, a JSON array; `None`: it has none.
    pub(crate) fn service_names(&self) -> Option<String> {
        let services = &self.bindings.services;
        (!services.is_empty()).then(|| serde_json::json!(services.keys().collect::<Vec<_>>()).to_string())
    }

    /// The directory that holds it.
    pub fn root(&self) -> &Path {
        &self.entry.root
    }

    /// The module that is evaluated first.
    pub(crate) fn entry(&self) -> Result<usize, LoadError> {
        let entry = Resolved { path: self.entry.path.clone(), kind: self.entry.kind };
        self.load(entry)
    }

    /// A module by its index.
    pub(crate) fn module(&self, index: usize) -> Arc<Source> {
        let modules = self.modules.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        Arc::clone(&modules.list[index])
    }

    /// All modules that were loaded so far.
    pub(crate) fn modules(&self) -> Vec<Arc<Source>> {
        self.modules.read().unwrap_or_else(std::sync::PoisonError::into_inner).list.clone()
    }

    /// The module that an import means.
    pub(crate) fn resolve(
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
    pub(crate) fn original(&self, name: &str, line: u32, column: u32) -> Option<Original> {
        let source = {
            let modules = self.modules.read().unwrap_or_else(std::sync::PoisonError::into_inner);
            Arc::clone(modules.list.iter().find(|source| source.mapped && source.name == name)?)
        };
        let map = source.map.get_or_init(|| {
            let Content::Code(text) = &source.content else { return None };
            let confine = self.confine.then_some(&*self.entry.root);
            SourceMap::load(source_map::url(&text.to_text())?, name, &source.path, confine)
        });
        map.as_ref()?.look_up(line, column)
    }

    /// Whether anything of it was read yet.
    pub fn is_loaded(&self) -> bool {
        !self.modules.read().unwrap_or_else(std::sync::PoisonError::into_inner).list.is_empty()
    }

    /// Whether `newer`, which was opened and checked later from the same place, would run the same code: each of its modules is
    /// one of this application's, and what this one has imported beside them is unchanged.
    pub fn is_same_code(&self, newer: &Self) -> bool {
        if self.entry.path != newer.entry.path || self.entry.kind != newer.entry.kind {
            return false;
        }
        let (ours, theirs) = (self.digests(), newer.digests());
        theirs.iter().all(|(key, digest)| ours.get(key) == Some(digest))
            && ours
                .iter()
                .filter(|(key, _)| !theirs.contains_key(key))
                .all(|(key, known)| std::fs::read(&key.0).is_ok_and(|bytes| digest(&bytes) == *known))
    }

    /// The directories that its modules were read from, beside its own.
    pub fn directories(&self) -> Vec<PathBuf> {
        let modules = self.modules.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        let mut directories: Vec<_> =
            modules.list.iter().filter_map(|source| source.path.parent().map(Path::to_owned)).collect();
        directories.sort();
        directories.dedup();
        directories
    }

    fn digests(&self) -> HashMap<(PathBuf, ModuleKind), u64> {
        let modules = self.modules.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        modules.by_path.iter().map(|(key, index)| (key.clone(), modules.list[*index].digest)).collect()
    }

    fn load(&self, resolved: Resolved) -> Result<usize, LoadError> {
        let key = (resolved.path, resolved.kind);
        {
            let modules = self.modules.read().unwrap_or_else(std::sync::PoisonError::into_inner);
            if let Some(index) = modules.by_path.get(&key) {
                return Ok(*index);
            }
        }
        let source = Arc::new(self.read(&key.0, key.1)?);
        let mut modules = self.modules.write().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(index) = modules.by_path.get(&key) {
            return Ok(*index);
        }
        let index = modules.list.len();
        modules.list.push(source);
        modules.by_path.insert(key, index);
        Ok(index)
    }

    /// TypeScript without its types. What is left keeps its place, so that nothing has to be mapped back.
    fn strip_types(&self, name: &str, bytes: Vec<u8>) -> Result<String, LoadError> {
        let fail = |message: String, position| LoadError { message, file: Some(name.to_owned()), position };
        let text = String::from_utf8(bytes).map_err(|error| {
            fail(format!("is not UTF-8 (byte {})", error.utf8_error().valid_up_to()), None)
        })?;
        nano_typescript::strip(text.strip_prefix('\u{feff}').unwrap_or(&text)).map_err(|problems| {
            let first = problems.into_iter().next();
            first.map_or_else(
                || fail("is not TypeScript".into(), None),
                |problem| {
                    fail(format!("SyntaxError: {}", problem.message), Some((problem.line, problem.column)))
                },
            )
        })
    }

    fn read(&self, path: &Path, kind: ModuleKind) -> Result<Source, LoadError> {
        let name = path.strip_prefix(&self.entry.root).unwrap_or(path).display().to_string();
        let fail = |message: String| LoadError { message, file: Some(name.clone()), position: None };
        let failed = |error| fail(format!("cannot be read: {error}"));
        let length = std::fs::metadata(path).map_err(failed)?.len();
        if length > MAX_MODULE_BYTES {
            return Err(fail(format!("is larger than {} MB", MAX_MODULE_BYTES >> 20)));
        }
        let bytes = std::fs::read(path).map_err(failed)?;
        // After the reading, so that a change in between is seen.
        if self.replaced.load(Ordering::Relaxed)
            && std::fs::metadata(path).and_then(|file| file.modified()).map_err(failed)? > self.opened
        {
            let message =
                "has changed since this version of the application was opened, which another has replaced";
            return Err(fail(message.into()));
        }
        let digest = digest(&bytes);
        let mut mapped = false;
        let mut text = |bytes: Vec<u8>| match String::from_utf8(bytes) {
            Ok(text) => {
                mapped = kind == ModuleKind::JavaScript && source_map::url(&text).is_some();
                Ok(Text::new(text.strip_prefix('\u{feff}').unwrap_or(&text)))
            }
            Err(error) => Err(fail(format!("is not UTF-8 (byte {})", error.utf8_error().valid_up_to()))),
        };
        let content = match kind {
            ModuleKind::JavaScript => Content::Code(text(bytes)?),
            ModuleKind::TypeScript => Content::Code(Text::new(&self.strip_types(&name, bytes)?)),
            ModuleKind::Json => Content::Json(text(bytes)?),
            ModuleKind::Text => Content::Text(text(bytes)?),
            ModuleKind::Bytes => Content::Bytes(bytes),
            ModuleKind::Wasm => Content::Wasm(bytes, OnceLock::new()),
        };
        Ok(Source {
            name,
            path: path.to_owned(),
            digest,
            content,
            cache: OnceLock::new(),
            imports: OnceLock::new(),
            mapped,
            map: OnceLock::new(),
        })
    }
}

/// Largest file that is a module.
///
/// Limit (bytes): its text is one string, and V8 makes none of more than half a gigabyte.
const MAX_MODULE_BYTES: u64 = 500 << 20;

const _: () = assert!(MAX_MODULE_BYTES < v8::String::MAX_LENGTH as u64);

/// A file's bytes in short. Who could forge it could write the file.
fn digest(bytes: &[u8]) -> u64 {
    let mut hasher = std::hash::DefaultHasher::new();
    std::hash::Hasher::write(&mut hasher, bytes);
    std::hash::Hasher::finish(&hasher)
}
