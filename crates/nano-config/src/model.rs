//! The configuration as typed values. Knows nothing of files or of their syntax.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use nano_log::Format;
use url::Url;

use crate::address::DEFAULT_HOST;
use crate::limits::{self, AppLimits, ServerLimits};
use crate::routes::{HostPattern, Routes};

/// The environment variable of the administration's token when only the command line configures the
/// administration.
pub const DEFAULT_TOKEN_ENV: &str = "NANO_ADMIN_TOKEN";

/// A complete, valid configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The file that it was read from, to read it again; `None` for a single application.
    pub file: Option<PathBuf>,
    /// The port of the applications; 0 picks a free one.
    pub port: u16,
    /// The address to listen on.
    pub host: IpAddr,
    /// Certificates of the listener, the first for clients that name no host or an unknown one. If there is
    /// none, the listener serves plain HTTP.
    pub certificates: Vec<Certificate>,
    /// Worker threads; `None` for one for each core. See [`Config::worker_threads`].
    pub threads: Option<u16>,
    /// Limits of the server.
    pub limits: ServerLimits,
    /// The administration listener, if there is to be one.
    pub admin: Option<Admin>,
    /// The format of the log; `None` for text on a terminal and JSON otherwise.
    pub log_format: Option<Format>,
    /// Settings of applications that do not have their own.
    pub defaults: Defaults,
    /// How applications reach the network.
    pub network: Network,
    /// The collector that spans of requests are sent to, if they are.
    pub telemetry: Option<Telemetry>,
    /// The privileges that the process gives up after its start.
    pub sandbox: Sandbox,
    /// Whether changes of the configuration file and of the applications take effect when they are saved.
    pub watch: bool,
    /// The settings of the command line, to apply them again to a configuration that is read anew.
    pub overrides: Overrides,
    /// The applications, in the order of the file. Their names and hosts are unique.
    pub apps: Vec<App>,
}

/// How all applications reach the network.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Network {
    /// The HTTP proxy that requests go through: a URL with the scheme `http`.
    pub proxy: Option<String>,
    /// Hosts that are reached without the proxy, in the form of `NO_PROXY`.
    pub no_proxy: Option<String>,
    /// A PEM file of authorities that are trusted beside the system's.
    pub ca_file: Option<PathBuf>,
}

/// A collector of OpenTelemetry spans.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Telemetry {
    /// The URL that spans are posted to.
    pub url: Url,
    /// Percentage of requests that begin a trace, of those that belong to none.
    pub sample_percent: u64,
    /// Header fields of each request to the collector: a key, say.
    pub headers: Vec<(String, String)>,
}

/// The privileges that the process gives up after its start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sandbox {
    /// Whether it gives up any.
    pub enabled: bool,
    /// Paths that it may still read, beside those that the configuration names.
    pub read: Vec<PathBuf>,
}

impl Default for Sandbox {
    fn default() -> Self {
        Sandbox { enabled: true, read: Vec::new() }
    }
}

/// A certificate of the listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// The hosts that it is shown for.
    pub hosts: Vec<HostPattern>,
    /// A PEM file: the certificate, and those between it and an authority.
    pub cert: PathBuf,
    /// A PEM file: its private key.
    pub key: PathBuf,
}

/// The administration listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admin {
    /// The address that it listens on.
    pub listen: SocketAddr,
    /// The environment variable that holds the token. The configuration does not read it.
    pub token_env: Option<String>,
}

/// The settings that `defaults` can have.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Defaults {
    /// Resource limits.
    pub limits: AppLimits,
    /// Outgoing requests.
    pub fetch: FetchPolicy,
    /// Parts of the language that are taken away.
    pub hardening: Hardening,
}

/// One application.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct App {
    /// Its name in logs, metrics and administration: unique, at most [`limits::NAME_BYTES_MAX`] bytes.
    pub name: String,
    /// The hosts that it answers, at least one.
    pub hosts: Vec<HostPattern>,
    /// Its directory or file: absolute, or relative to the working directory if the configuration's path was.
    pub path: PathBuf,
    /// Resource limits.
    pub limits: AppLimits,
    /// The variables in `env`: unique names, in the order of the file.
    pub env: Vec<(String, EnvValue)>,
    /// The services in `env`, in the order of the file. No service has the name of another or of a variable.
    pub services: Vec<(String, Service)>,
    /// Outgoing requests.
    pub fetch: FetchPolicy,
    /// Parts of the language that are taken away.
    pub hardening: Hardening,
}

/// Where an application's `fetch()` may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FetchPolicy {
    /// Whether private, loopback and link-local addresses may be reached.
    pub allow_private: bool,
}

/// Parts of the language that are taken away from an application.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hardening {
    /// Whether `eval` and `new Function` make code of text.
    pub allow_eval: bool,
    /// The step of `performance.now()` and of the clocks that are derived from it.
    pub timer_resolution: Duration,
}

impl Default for Hardening {
    fn default() -> Self {
        Self {
            allow_eval: true,
            timer_resolution: Duration::from_micros(limits::TIMER_RESOLUTION_US.default),
        }
    }
}

/// The server behind a service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Service {
    /// The HTTP server that listens on this socket of the file system.
    Unix(PathBuf),
}

/// The value of a variable in `env`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EnvValue {
    /// A string.
    Text(String),
    /// Any other JSON value, as JSON text without comments: the value is the result of `JSON.parse`.
    Json(String),
}

/// Settings of a command line, which win over those of a file. `None` leaves the file's.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Overrides {
    /// The port of the applications.
    pub port: Option<u16>,
    /// The address to listen on.
    pub host: Option<IpAddr>,
    /// Worker threads.
    pub threads: Option<u16>,
    /// The format of the log.
    pub log_format: Option<Format>,
    /// Changes of files take effect when they are saved; false leaves the file's setting.
    pub watch: bool,
    /// The address of the administration.
    pub admin: Option<SocketAddr>,
    /// The process gives up no privileges; false leaves the file's setting.
    pub no_sandbox: bool,
}

impl Config {
    /// The configuration of one application served alone: it answers every host and may reach private
    /// addresses.
    ///
    /// Its name is that of the directory, or of the file without its extension. Nothing checks that `path`
    /// exists.
    pub fn single(path: &Path, env: Vec<(String, EnvValue)>, overrides: &Overrides) -> Config {
        let app = App {
            name: name_of_path(path),
            hosts: vec![HostPattern::EVERY],
            path: path.to_path_buf(),
            limits: AppLimits::default(),
            env,
            services: Vec::new(),
            fetch: FetchPolicy { allow_private: true },
            hardening: Hardening::default(),
        };
        let mut config = Config { apps: vec![app], watch: false, ..Config::empty() };
        config.apply(overrides);
        config
    }

    /// All defaults and no application.
    pub(crate) fn empty() -> Config {
        Config {
            file: None,
            port: limits::PORT.default as u16,
            host: DEFAULT_HOST,
            certificates: Vec::new(),
            threads: None,
            limits: ServerLimits::default(),
            admin: None,
            log_format: None,
            defaults: Defaults::default(),
            network: Network::default(),
            telemetry: None,
            sandbox: Sandbox::default(),
            watch: true,
            overrides: Overrides::default(),
            apps: Vec::new(),
        }
    }

    /// Replaces the settings that the command line has too.
    pub fn apply(&mut self, overrides: &Overrides) {
        let Overrides { port, host, threads, log_format, watch, admin, no_sandbox } = *overrides;
        self.overrides = overrides.clone();
        self.watch |= watch;
        self.sandbox.enabled &= !no_sandbox;
        self.port = port.unwrap_or(self.port);
        self.host = host.unwrap_or(self.host);
        self.threads = threads.or(self.threads);
        self.log_format = log_format.or(self.log_format);
        if let Some(listen) = admin {
            let token_env = match self.admin.take() {
                Some(admin) => admin.token_env,
                None => Some(DEFAULT_TOKEN_ENV.to_owned()),
            };
            self.admin = Some(Admin { listen, token_env });
        }
    }

    /// The address of the applications' listener.
    pub fn listen_address(&self) -> SocketAddr {
        SocketAddr::new(self.host, self.port)
    }

    /// How many worker threads to run: as many as are configured, else one for each core that this process
    /// may use.
    pub fn worker_threads(&self) -> usize {
        match self.threads {
            Some(threads) => usize::from(threads),
            None => std::thread::available_parallelism()
                .map_or(1, |cores| cores.get().min(limits::THREADS.max as usize)),
        }
    }

    /// The routing table from hosts to indices of [`Config::apps`].
    ///
    /// If the list was changed so that two applications share a host, the first one has it.
    pub fn routes(&self) -> Routes<usize> {
        let mut routes = Routes::new();
        for (index, app) in self.apps.iter().enumerate() {
            for host in &app.hosts {
                let _ = routes.insert(host.clone(), index);
            }
        }
        routes
    }
}

/// A directory's name, or a file's without its extension.
fn name_of_path(path: &Path) -> String {
    // `.` and `..` have names too, once resolved.
    let resolved = path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
    let name = if resolved.is_dir() { resolved.file_name() } else { resolved.file_stem() };
    name.map_or_else(|| "app".to_string(), |name| name.to_string_lossy().into_owned())
}
