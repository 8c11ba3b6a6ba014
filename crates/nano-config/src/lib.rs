//! The configuration: what one server serves and how, as typed values. Read from a file (JSON with comments)
//! in which every problem is found and placed, or made for a single application. Knows nothing of threads,
//! sockets or JavaScript; reads no environment variable. The file's format for people:
//! `docs/configuration.md`.

mod env;
pub mod env_file;
mod error;
pub mod limits;
mod reader;
pub mod routes;
mod schema;
mod suggest;
mod syntax;

use std::fs::File;
use std::io::Read as _;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;
use url::Url;

pub use self::env::is_variable_name;
pub use self::error::{ConfigError, ConfigErrors};
use nano_log::Format;

use crate::routes::{HostPattern, Routes};

/// The address that is listened on when nothing else is said: this machine only.
pub const DEFAULT_HOST: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// Where the token of an administration listener is that only the command line speaks of.
pub const DEFAULT_TOKEN_ENV: &str = "NANO_ADMIN_TOKEN";

/// An address and port to listen on, as `admin.listen` and `--admin` take it.
///
/// # Errors
///
/// A sentence for the user if it is neither.
pub fn parse_admin_address(text: &str) -> Result<SocketAddr, String> {
    schema::parse_socket_address(text)
        .ok_or_else(|| format!("{text:?} is not an IP address and a port, such as 127.0.0.1:9090"))
}

/// A complete, valid configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// The file it was read from, to read it again; `None` for a single application.
    pub file: Option<PathBuf>,
    /// The applications' port; 0 picks a free one.
    pub port: u16,
    /// The address to listen on.
    pub host: IpAddr,
    /// Worker threads; `None` for one for each core. See [`Config::worker_threads`].
    pub threads: Option<u16>,
    /// The administration listener, if there is to be one.
    pub admin: Option<Admin>,
    /// How long requests in flight may take to finish after a signal to stop.
    pub drain_timeout: Duration,
    /// The form of the logs; `None` for text on a terminal and JSON otherwise.
    pub log_format: Option<Format>,
    /// What an application has that does not say otherwise.
    pub defaults: Defaults,
    /// How applications reach the network.
    pub network: Network,
    /// Where spans of requests are sent, if they are.
    pub telemetry: Option<Telemetry>,
    /// Whether the process gives up, after its start, what it needs no more.
    pub sandbox: bool,
    /// What it may read then beside what the configuration names.
    pub sandbox_read: Vec<PathBuf>,
    /// What the listener speaks TLS with; empty: it speaks plain HTTP. The first is for whoever names no
    /// host, or another.
    pub certificates: Vec<Certificate>,
    /// JavaScript heap and buffers of all isolates together, in bytes, beyond which idle ones are closed.
    pub isolate_memory_bytes: u64,
    /// Isolates that nothing was asked of for so long are closed; `None`: never.
    pub isolate_idle: Option<Duration>,
    /// Whether changes of the configuration's file and of the applications take effect when they are saved.
    pub watch: bool,
    /// What the command line has set, to set it again over what is read anew.
    pub overrides: Overrides,
    /// The applications, in the order of the file. Their names and hosts are unique.
    pub apps: Vec<App>,
}

/// How all applications reach the network.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Network {
    /// The HTTP proxy that requests go through: a URL with the scheme `http`.
    pub proxy: Option<String>,
    /// Hosts that are reached without it, in the form of `NO_PROXY`.
    pub no_proxy: Option<String>,
    /// A PEM file of authorities that are trusted beside the system's.
    pub ca_file: Option<PathBuf>,
}

/// A collector of OpenTelemetry's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Telemetry {
    /// Where spans are posted to.
    pub url: Url,
    /// How many of a hundred requests that belong to no trace begin one.
    pub sample_percent: u64,
    /// Fields of each request to it: a key, say.
    pub headers: Vec<(String, String)>,
}

/// A certificate of the listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// The hosts for which it is shown.
    pub hosts: Vec<HostPattern>,
    /// A PEM file: the certificate and those between it and an authority.
    pub cert: PathBuf,
    /// A PEM file: its private key.
    pub key: PathBuf,
}

/// The administration listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admin {
    /// Where it listens.
    pub listen: SocketAddr,
    /// The environment variable that holds the token. The configuration does not look it up.
    pub token_env: Option<String>,
}

/// What `defaults` can set.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Defaults {
    /// Resource limits.
    pub limits: AppLimits,
    /// Outgoing requests.
    pub fetch: FetchPolicy,
    /// What is taken from the language.
    pub hardening: Hardening,
}

/// One application.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct App {
    /// Its name in logs, metrics and administration: unique, at most [`limits::NAME_BYTES_MAX`] bytes.
    pub name: String,
    /// The hosts it answers, at least one.
    pub hosts: Vec<HostPattern>,
    /// Its directory or file: absolute, or relative to the working directory if the configuration's path was.
    pub path: PathBuf,
    /// Resource limits.
    pub limits: AppLimits,
    /// The variables in `env`: unique names, in the order of the file.
    pub env: Vec<(String, EnvValue)>,
    /// The services in `env`, in the order of the file: their names are unique, among the variables' too.
    pub services: Vec<(String, Service)>,
    /// Outgoing requests.
    pub fetch: FetchPolicy,
    /// What is taken from the language.
    pub hardening: Hardening,
}

/// The resource limits of one application. Ranges and reasons: [`limits`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AppLimits {
    /// CPU time one request may use.
    pub timeout: Duration,
    /// Time until the response's head is due.
    pub wall_timeout: Duration,
    /// JavaScript heap and buffers of one isolate, in bytes.
    pub memory_bytes: u64,
    /// Size of a request's body, in bytes.
    pub max_body_bytes: u64,
    /// Outgoing requests that one request may start.
    pub max_subrequests: u32,
    /// Outgoing requests that an isolate has under way at a time.
    pub max_concurrent_subrequests: u32,
    /// Size of the body of an outgoing request, and of the response to it, in bytes.
    pub max_subrequest_bytes: u64,
    /// Requests that an isolate has under way at a time.
    pub max_concurrent_requests: u32,
    /// Requests that wait for their turn, on each thread.
    pub max_queued_requests: u32,
    /// WebSockets that clients may have open to an isolate.
    pub max_websockets: u32,
    /// Size of a message that a WebSocket receives, in bytes.
    pub max_websocket_message_bytes: u64,
    /// What a WebSocket has sent and its peer has not taken, in bytes.
    pub max_websocket_queue_bytes: u64,
    /// Lines that an isolate may print in a second.
    pub log_lines_per_second: u32,
    /// Bytes of text that an isolate may print in a second.
    pub log_bytes_per_second: u64,
}

impl Default for AppLimits {
    fn default() -> Self {
        AppLimits {
            timeout: Duration::from_millis(limits::TIMEOUT_MS.default),
            wall_timeout: Duration::from_millis(limits::WALL_TIMEOUT_MS.default),
            memory_bytes: limits::MEMORY_MB.default << 20,
            max_body_bytes: limits::MAX_BODY_MB.default << 20,
            max_subrequests: limits::MAX_SUBREQUESTS.default as u32,
            max_concurrent_subrequests: limits::MAX_CONCURRENT_SUBREQUESTS.default as u32,
            max_subrequest_bytes: limits::MAX_SUBREQUEST_MB.default << 20,
            max_concurrent_requests: limits::MAX_CONCURRENT_REQUESTS.default as u32,
            max_queued_requests: limits::MAX_QUEUED_REQUESTS.default as u32,
            max_websockets: limits::MAX_WEBSOCKETS.default as u32,
            max_websocket_message_bytes: limits::MAX_WEBSOCKET_MESSAGE_MB.default << 20,
            max_websocket_queue_bytes: limits::MAX_WEBSOCKET_QUEUE_MB.default << 20,
            log_lines_per_second: limits::LOG_LINES_PER_SECOND.default as u32,
            log_bytes_per_second: limits::LOG_KB_PER_SECOND.default << 10,
        }
    }
}

/// Where an application's `fetch()` may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FetchPolicy {
    /// Whether private, loopback and link-local addresses may be reached.
    pub allow_private: bool,
}

/// What is taken from the language that an application could do without.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hardening {
    /// Whether `eval` and `new Function` make code of text.
    pub allow_eval: bool,
    /// The steps of `performance.now()` and of what counts with it.
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

/// Where the requests for a service go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Service {
    /// To the HTTP server that listens on this socket of the file system.
    Unix(PathBuf),
}

/// The value of a variable in `env`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EnvValue {
    /// A string.
    Text(String),
    /// Anything else that JSON can say, as JSON text without comments: what `JSON.parse` makes of it is the
    /// value.
    Json(String),
}

/// What a command line sets over a configuration. `None` leaves what is there.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Overrides {
    /// The applications' port.
    pub port: Option<u16>,
    /// The address to listen on.
    pub host: Option<IpAddr>,
    /// Worker threads.
    pub threads: Option<u16>,
    /// The form of the logs.
    pub log_format: Option<Format>,
    /// Changes of files take effect when they are saved; false leaves it to the configuration.
    pub watch: bool,
    /// Where the administration listens.
    pub admin: Option<SocketAddr>,
    /// Nothing is given up; false leaves it to the configuration.
    pub no_sandbox: bool,
}

impl Config {
    /// Reads a configuration file and checks it whole, also that the applications' paths exist.
    ///
    /// ```no_run
    /// # use nano_config::Config;
    /// match Config::from_file("nano.jsonc".as_ref()) {
    ///     Ok(config) => println!("{} applications", config.apps.len()),
    ///     Err(errors) => eprintln!("{errors}"),
    /// }
    /// ```
    ///
    /// # Errors
    ///
    /// Every problem of the file; a single one if it cannot be read or is not JSON.
    pub fn from_file(path: &Path) -> Result<Config, ConfigErrors> {
        let text = read_text(path)?;
        let base = path.parent().unwrap_or(Path::new(""));
        let mut config = schema::read(&text, path, base, |app| app.try_exists().unwrap_or(false))?;
        config.file = Some(path.to_path_buf());
        Ok(config)
    }

    /// Reads the text of a configuration without touching the file system.
    ///
    /// `file` is what problems are reported under; relative paths of applications are joined to `base`.
    ///
    /// ```
    /// # use nano_config::Config;
    /// let text = r#"{ "apps": [{ "name": "api.example.com", "path": "api" }] } // one application"#;
    /// let config = Config::parse(text, "nano.jsonc".as_ref(), "/srv".as_ref())?;
    /// assert_eq!(config.apps[0].path, std::path::Path::new("/srv/api"));
    /// assert_eq!(config.routes().get(b"API.example.com:3000"), Some(&0));
    ///
    /// let errors = Config::parse("{ \"prot\": 80 }", "nano.jsonc".as_ref(), "".as_ref()).unwrap_err();
    /// assert!(errors.to_string().contains("nano.jsonc:1:3: unknown key \"prot\" (did you mean \"port\"?)"));
    /// # Ok::<(), nano_config::ConfigErrors>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Every problem of the text; a single one if it is not JSON.
    pub fn parse(text: &str, file: &Path, base: &Path) -> Result<Config, ConfigErrors> {
        schema::read(text, file, base, |_| true)
    }

    /// Reads one application as it would be written in `apps`, and checks that its path exists.
    ///
    /// Problems are reported under the file `request`; a relative path is joined to the directory of this
    /// configuration's file.
    ///
    /// # Errors
    ///
    /// Every problem of the text; a single one if it is not JSON.
    pub fn parse_app(&self, text: &str) -> Result<App, ConfigErrors> {
        let base = self.file.as_deref().and_then(Path::parent).unwrap_or(Path::new(""));
        let exists = |app: &Path| app.try_exists().unwrap_or(false);
        schema::read_app(text, Path::new("request"), base, &self.defaults, exists)
    }

    /// The configuration of one application served alone: it answers every host and may reach private
    /// addresses.
    ///
    /// Its name is that of the directory, or of the file without its extension. That `path` exists is not
    /// checked.
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
    fn empty() -> Config {
        Config {
            file: None,
            port: limits::PORT.default as u16,
            host: DEFAULT_HOST,
            threads: None,
            admin: None,
            drain_timeout: Duration::from_millis(limits::DRAIN_TIMEOUT_MS.default),
            log_format: None,
            defaults: Defaults::default(),
            network: Network::default(),
            telemetry: None,
            sandbox: true,
            sandbox_read: Vec::new(),
            certificates: Vec::new(),
            isolate_memory_bytes: limits::ISOLATE_MEMORY_MB.default << 20,
            isolate_idle: Some(Duration::from_millis(limits::ISOLATE_IDLE_MS.default)),
            watch: true,
            overrides: Overrides::default(),
            apps: Vec::new(),
        }
    }

    /// Sets what the command line says over what the file says.
    pub fn apply(&mut self, overrides: &Overrides) {
        let Overrides { port, host, threads, log_format, watch, admin, no_sandbox } = *overrides;
        self.overrides = overrides.clone();
        self.watch |= watch;
        self.sandbox &= !no_sandbox;
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

    /// Where the applications' listener binds.
    pub fn listen_address(&self) -> SocketAddr {
        SocketAddr::new(self.host, self.port)
    }

    /// How many worker threads to run: what is configured, else the cores this process may use.
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

/// An address to listen on, as `host` and `--host` take it: an IP address, with or without brackets, or
/// `localhost`.
///
/// # Errors
///
/// A sentence for the user if it is neither.
pub fn parse_listen_host(text: &str) -> Result<IpAddr, String> {
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    if text.eq_ignore_ascii_case("localhost") {
        return Ok(DEFAULT_HOST);
    }
    bare.parse().map_err(|_| {
        format!(
            "{text:?} is not an IP address (127.0.0.1 for this machine only, 0.0.0.0 or :: for every network)"
        )
    })
}

/// A directory's name, or a file's without its extension.
fn name_of_path(path: &Path) -> String {
    // `.` and `..` have names too, once resolved.
    let resolved = path.canonicalize().unwrap_or_else(|_| path.to_path_buf());
    let name = if resolved.is_dir() { resolved.file_name() } else { resolved.file_stem() };
    name.map_or_else(|| "app".to_string(), |name| name.to_string_lossy().into_owned())
}

fn read_text(path: &Path) -> Result<String, ConfigErrors> {
    let failed = |error: std::io::Error| {
        ConfigErrors::from(ConfigError::of_file(path, format!("the configuration cannot be read: {error}")))
    };
    let mut bytes = Vec::new();
    // One byte more than is allowed tells a file at the limit from one beyond.
    File::open(path)
        .and_then(|file| file.take(limits::FILE_BYTES_MAX + 1).read_to_end(&mut bytes))
        .map_err(failed)?;
    if bytes.len() as u64 > limits::FILE_BYTES_MAX {
        let message = format!("a configuration file has at most {} MB", limits::FILE_BYTES_MAX >> 20);
        return Err(ConfigError::of_file(path, message).into());
    }
    String::from_utf8(bytes).map_err(|error| {
        let valid = error.utf8_error().valid_up_to();
        let text = String::from_utf8_lossy(error.as_bytes());
        // The valid part is the same in both, so the offset holds.
        let source = error::Source::new(path, &text);
        let shift = if text.starts_with('\u{feff}') { 3 } else { 0 };
        source.error(valid - shift, valid + 3 - shift, "the file is not UTF-8 from here on").into()
    })
}

#[cfg(test)]
mod tests;
