//! An application as all threads share it: its modules, its variables and limits, its counters.
//!
//! An application runs as an [`Instance`](crate::Instance), one on each thread that has had a request for it.

use crate::channels::Channels;
use crate::counters::Counters;
use crate::log_limit::LogLimits;
use nano_arena::Account;
use nano_modules::{LoadError, Sources};
use nano_web::WebSocketLimits;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// The limits of an application. Deadlines are the server's.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// JavaScript heap of one isolate, in bytes; its ArrayBuffers may take as much again outside of the heap.
    pub memory_bytes: usize,
    /// CPU time that one request may use, on the pool's threads included. `None`: as much as it wants.
    pub cpu: Option<Duration>,
    /// Its console.
    pub log: LogLimits,
    /// Its fetches.
    pub fetch: FetchLimits,
    /// Its WebSockets.
    pub websocket: WebSocketLimits,
    /// Whether `eval` and `new Function` make code of text.
    pub allow_eval: bool,
    /// The steps of `performance.now()` are not smaller than this; 5 microseconds at least.
    pub timer_resolution: std::time::Duration,
}

/// The limits of an application's fetches.
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

/// The `env` of an application's handler.
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
    /// 128 MiB: what Workers have, and what libraries are written for. CPU time without a limit: a program of
    /// its owner's.
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
    kind: Kind,
    sources: Arc<Sources>,
    bindings: Bindings,
    limits: Limits,
    channels: Channels,
    counters: Arc<Counters>,
    /// Those of its isolates on all threads are below it.
    account: Account,
}

/// How an application is run.
pub(crate) enum Kind {
    /// Its default export is called for each request.
    Handler,
    /// A script, with its arguments: it needs no handler.
    Script(Vec<String>),
    /// Code that was given as text, whose value is wanted.
    Code,
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
        Ok(Self::new(name, Kind::Handler, Sources::open(path, confine)?, bindings, limits))
    }

    /// A script with its arguments: it needs no handler, and may import from anywhere.
    ///
    /// # Errors
    ///
    /// If there is no such file.
    pub fn script(path: &Path, arguments: Vec<String>, limits: Limits) -> Result<Arc<Self>, LoadError> {
        let name = path.display().to_string();
        Ok(Self::new(&name, Kind::Script(arguments), Sources::script(path)?, Bindings::default(), limits))
    }

    /// Code that was given as text: what `nano eval` evaluates.
    pub(crate) fn code(code: &str, limits: Limits) -> Arc<Self> {
        Self::new("[eval]", Kind::Code, Sources::code(code), Bindings::default(), limits)
    }

    fn new(name: &str, kind: Kind, sources: Sources, bindings: Bindings, limits: Limits) -> Arc<Self> {
        Arc::new(Self {
            name: name.to_owned(),
            kind,
            sources: Arc::new(sources),
            bindings,
            limits,
            channels: Channels::default(),
            counters: Counters::of(name),
            account: Account::unlimited(),
        })
    }

    pub(crate) fn kind(&self) -> &Kind {
        &self.kind
    }

    /// Its modules.
    pub fn sources(&self) -> &Arc<Sources> {
        &self.sources
    }

    /// Which of its isolates listen to which broadcast channels.
    pub(crate) fn channels(&self) -> &Channels {
        &self.channels
    }

    /// Its name, as logs have it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its counters: how much it has used, and how often it was refused.
    pub fn counters(&self) -> &Arc<Counters> {
        &self.counters
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
}
