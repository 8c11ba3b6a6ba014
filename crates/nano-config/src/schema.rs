//! The keys of a configuration file: which there are, where, of which type, and what they become.

use std::collections::{HashMap, HashSet};
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use jsonc_parser::ast::{Object, ObjectProp, StringLit, Value};
use jsonc_parser::common::{Range, Ranged};
use url::Url;

use super::error::Source;
use super::reader::{Reader, describe};
use super::{
    Admin, App, AppLimits, Certificate, Config, ConfigErrors, Defaults, EnvValue, FetchPolicy, Hardening,
    Network, Service, Telemetry,
};
use super::{env, limits, parse_listen_host, suggest, syntax};
use crate::routes::HostPattern;
use nano_log::Format;

const TOP_KEYS: [&str; 15] = [
    "port",
    "host",
    "threads",
    "drain_timeout_ms",
    "isolate_memory_mb",
    "isolate_idle_ms",
    "watch",
    "tls",
    "sandbox",
    "log",
    "defaults",
    "admin",
    "network",
    "telemetry",
    "apps",
];
/// How many limits an application has.
const LIMITS: usize = 14;
const LIMIT_KEYS: [&str; LIMITS] = [
    limits::TIMEOUT_MS.key,
    limits::WALL_TIMEOUT_MS.key,
    limits::MEMORY_MB.key,
    limits::MAX_BODY_MB.key,
    limits::MAX_SUBREQUESTS.key,
    limits::MAX_CONCURRENT_SUBREQUESTS.key,
    limits::MAX_SUBREQUEST_MB.key,
    limits::MAX_CONCURRENT_REQUESTS.key,
    limits::MAX_QUEUED_REQUESTS.key,
    limits::MAX_WEBSOCKETS.key,
    limits::MAX_WEBSOCKET_MESSAGE_MB.key,
    limits::MAX_WEBSOCKET_QUEUE_MB.key,
    limits::LOG_LINES_PER_SECOND.key,
    limits::LOG_KB_PER_SECOND.key,
];
const DEFAULTS_KEYS: [&str; LIMITS + 2] = with_limits(["fetch", "hardening"]);
const APP_KEYS: [&str; LIMITS + 7] =
    with_limits(["name", "hostname", "path", "env", "services", "fetch", "hardening"]);
/// How the address of a service on a socket of the file system begins; its path follows.
const UNIX: &str = "unix:";

/// These keys, and the limits after them.
const fn with_limits<const OTHERS: usize, const ALL: usize>(
    others: [&'static str; OTHERS],
) -> [&'static str; ALL] {
    assert!(ALL == OTHERS + LIMITS);
    let mut all = [""; ALL];
    let mut index = 0;
    while index < ALL {
        all[index] = if index < OTHERS { others[index] } else { LIMIT_KEYS[index - OTHERS] };
        index += 1;
    }
    all
}

/// Reads a whole configuration. `exists` is asked for every application's path.
pub(super) fn read(
    text: &str,
    file: &Path,
    base: &Path,
    exists: impl Fn(&Path) -> bool,
) -> Result<Config, ConfigErrors> {
    let source = Source::new(file, text);
    let root = syntax::parse(&source)?;
    let reader = Reader { source, errors: Vec::new() };
    let mut schema = Schema { reader, base, exists: &exists, names: HashMap::new(), hosts: HashMap::new() };
    let config = schema.config(&root);
    if schema.reader.errors.is_empty() { Ok(config) } else { Err(ConfigErrors::new(schema.reader.errors)) }
}

/// Reads one entry of `apps` by itself. That its name and hosts are free is for others to see.
pub(super) fn read_app(
    text: &str,
    file: &Path,
    base: &Path,
    defaults: &Defaults,
    exists: impl Fn(&Path) -> bool,
) -> Result<App, ConfigErrors> {
    let source = Source::new(file, text);
    let root = syntax::parse(&source)?;
    let reader = Reader { source, errors: Vec::new() };
    let mut schema = Schema { reader, base, exists: &exists, names: HashMap::new(), hosts: HashMap::new() };
    let app = match &root {
        Value::Object(object) => Some(schema.app(object, defaults)),
        other => {
            let message = format!("an application is an object in {{ }}, not {}", describe(other));
            schema.reader.error(other.range(), message);
            None
        }
    };
    match app {
        Some(app) if schema.reader.errors.is_empty() => Ok(app),
        _ => Err(ConfigErrors::new(schema.reader.errors)),
    }
}

/// Each method reads one kind of object. Where something is wrong it records that and goes on with a default,
/// which nobody sees: a configuration with problems is not returned.
struct Schema<'t, 'b> {
    reader: Reader<'t>,
    base: &'b Path,
    exists: &'b dyn Fn(&Path) -> bool,
    /// The names so far, each with its line.
    names: HashMap<String, usize>,
    /// The hosts so far, each with its application and line.
    hosts: HashMap<HostPattern, (String, usize)>,
}

impl<'t> Schema<'t, '_> {
    fn config(&mut self, root: &Value<'t>) -> Config {
        let mut config = Config::empty();
        let Value::Object(root) = root else {
            let message = format!("a configuration is an object in {{ }}, not {}", describe(root));
            self.reader.error(root.range(), message);
            return config;
        };
        let [
            port,
            host,
            threads,
            drain_timeout,
            memory,
            idle,
            watch,
            tls,
            sandbox,
            log,
            defaults,
            admin,
            network,
            telemetry,
            apps,
        ] = self.reader.fields(root, TOP_KEYS, |key| {
            let known =
                suggest::nearest(key, &APP_KEYS).filter(|_| suggest::nearest(key, &TOP_KEYS).is_none());
            known.map(|known| match DEFAULTS_KEYS.contains(&known) {
                true => format!("\"{known}\" belongs in \"defaults\" or in an application"),
                false => format!("\"{known}\" belongs in an application, an entry of \"apps\""),
            })
        });
        if let Some(port) = self.reader.integer(port, &limits::PORT) {
            config.port = port as u16;
        }
        if let Some(host) = self.host(host) {
            config.host = host;
        }
        config.threads = self.reader.integer(threads, &limits::THREADS).map(|threads| threads as u16);
        if let Some(milliseconds) = self.reader.integer(drain_timeout, &limits::DRAIN_TIMEOUT_MS) {
            config.drain_timeout = Duration::from_millis(milliseconds);
        }
        if let Some(megabytes) = self.reader.integer(memory, &limits::ISOLATE_MEMORY_MB) {
            config.isolate_memory_bytes = megabytes << 20;
        }
        if let Some(milliseconds) = self.reader.integer(idle, &limits::ISOLATE_IDLE_MS) {
            config.isolate_idle = (milliseconds > 0).then(|| Duration::from_millis(milliseconds));
        }
        if let Some(watch) = self.reader.boolean(watch) {
            config.watch = watch;
        }
        config.certificates = self.tls(tls);
        self.sandbox(&mut config, sandbox);
        config.log_format = self.log(log);
        config.defaults = self.defaults(defaults);
        config.admin = self.admin(admin);
        self.network(&mut config.network, network);
        config.telemetry = self.telemetry(telemetry);
        match apps {
            Some(_) => config.apps = self.apps(apps, &config.defaults, admin.is_some()),
            None => self.reader.missing(root, "apps", "the list of applications to serve"),
        }
        config
    }

    fn host(&mut self, property: Option<&ObjectProp<'t>>) -> Option<IpAddr> {
        let literal = self.reader.string(property)?;
        let host = parse_listen_host(&literal.value);
        host.map_err(|message| self.reader.error(literal.range, format!("\"host\": {message}"))).ok()
    }

    fn log(&mut self, property: Option<&ObjectProp<'t>>) -> Option<Format> {
        let object = self.reader.object(property)?;
        let [format] = self.reader.fields(object, ["format"], |_| None);
        let literal = self.reader.string(format)?;
        let format = Format::from_name(&literal.value);
        if format.is_none() {
            let message =
                format!("\"format\" must be \"text\", \"json\" or \"apache\", not {:?}", literal.value);
            self.reader.error(literal.range, message);
        }
        format
    }

    fn defaults(&mut self, property: Option<&ObjectProp<'t>>) -> Defaults {
        let mut defaults = Defaults::default();
        let Some(object) = self.reader.object(property) else { return defaults };
        let [fetch, hardening, limits @ ..] = self.reader.fields(object, DEFAULTS_KEYS, only_for_apps);
        self.limits(&mut defaults.limits, limits);
        self.fetch(&mut defaults.fetch, fetch);
        self.hardening(&mut defaults.hardening, hardening);
        defaults
    }

    fn limits(&mut self, into: &mut AppLimits, properties: [Option<&ObjectProp<'t>>; LIMITS]) {
        let [
            timeout,
            wall_timeout,
            memory,
            max_body,
            max_subrequests,
            max_concurrent_subrequests,
            max_subrequest,
            max_concurrent,
            max_queued,
            max_websockets,
            max_message,
            max_queue,
            log_lines,
            log_kilobytes,
        ] = properties;
        if let Some(milliseconds) = self.reader.integer(timeout, &limits::TIMEOUT_MS) {
            into.timeout = Duration::from_millis(milliseconds);
        }
        if let Some(milliseconds) = self.reader.integer(wall_timeout, &limits::WALL_TIMEOUT_MS) {
            into.wall_timeout = Duration::from_millis(milliseconds);
        }
        if let Some(megabytes) = self.reader.integer(memory, &limits::MEMORY_MB) {
            into.memory_bytes = megabytes << 20;
        }
        if let Some(megabytes) = self.reader.integer(max_body, &limits::MAX_BODY_MB) {
            into.max_body_bytes = megabytes << 20;
        }
        if let Some(count) = self.reader.integer(max_subrequests, &limits::MAX_SUBREQUESTS) {
            into.max_subrequests = count as u32;
        }
        if let Some(count) =
            self.reader.integer(max_concurrent_subrequests, &limits::MAX_CONCURRENT_SUBREQUESTS)
        {
            into.max_concurrent_subrequests = count as u32;
        }
        if let Some(megabytes) = self.reader.integer(max_subrequest, &limits::MAX_SUBREQUEST_MB) {
            into.max_subrequest_bytes = megabytes << 20;
        }
        if let Some(count) = self.reader.integer(max_concurrent, &limits::MAX_CONCURRENT_REQUESTS) {
            into.max_concurrent_requests = count as u32;
        }
        if let Some(count) = self.reader.integer(max_queued, &limits::MAX_QUEUED_REQUESTS) {
            into.max_queued_requests = count as u32;
        }
        if let Some(count) = self.reader.integer(max_websockets, &limits::MAX_WEBSOCKETS) {
            into.max_websockets = count as u32;
        }
        if let Some(megabytes) = self.reader.integer(max_message, &limits::MAX_WEBSOCKET_MESSAGE_MB) {
            into.max_websocket_message_bytes = megabytes << 20;
        }
        if let Some(megabytes) = self.reader.integer(max_queue, &limits::MAX_WEBSOCKET_QUEUE_MB) {
            into.max_websocket_queue_bytes = megabytes << 20;
        }
        if let Some(count) = self.reader.integer(log_lines, &limits::LOG_LINES_PER_SECOND) {
            into.log_lines_per_second = count as u32;
        }
        if let Some(kilobytes) = self.reader.integer(log_kilobytes, &limits::LOG_KB_PER_SECOND) {
            into.log_bytes_per_second = kilobytes << 10;
        }
    }

    fn fetch(&mut self, into: &mut FetchPolicy, property: Option<&ObjectProp<'t>>) {
        let Some(object) = self.reader.object(property) else { return };
        let [allow_private] = self.reader.fields(object, ["allow_private"], |_| None);
        if let Some(allow_private) = self.reader.boolean(allow_private) {
            into.allow_private = allow_private;
        }
    }

    fn network(&mut self, into: &mut Network, property: Option<&ObjectProp<'t>>) {
        let Some(object) = self.reader.object(property) else { return };
        let [proxy, no_proxy, ca_file] =
            self.reader.fields(object, ["proxy", "no_proxy", "ca_file"], |key| {
                matches!(key, "http_proxy" | "https_proxy")
                    .then(|| "\"proxy\" is for http and https URLs alike".to_string())
            });
        if let Some(literal) = self.reader.string(proxy) {
            let is_proxy = url::Url::parse(&literal.value).is_ok_and(|url| {
                url.scheme() == "http" && url.host_str().is_some_and(|host| !host.is_empty())
            });
            if is_proxy {
                into.proxy = Some(literal.value.to_string());
            } else {
                let message = "\"proxy\" must be the URL of an HTTP proxy, such as \"http://10.0.0.1:3128\"";
                self.reader.error(literal.range, message);
            }
        }
        into.no_proxy = self.reader.string(no_proxy).map(|literal| literal.value.to_string());
        if let Some(literal) = self.reader.string(ca_file) {
            into.ca_file = Some(self.base.join(&*literal.value));
        }
    }

    fn telemetry(&mut self, property: Option<&ObjectProp<'t>>) -> Option<Telemetry> {
        let object = self.reader.object(property)?;
        let [endpoint, sample, headers] =
            self.reader.fields(object, ["endpoint", limits::SAMPLE_PERCENT.key, "headers"], |key| {
                matches!(key, "url" | "collector").then(|| "\"endpoint\" is the collector's URL".to_string())
            });
        if endpoint.is_none() {
            self.reader.missing(object, "endpoint", "the collector's URL, such as \"http://127.0.0.1:4318\"");
        }
        let sample_percent =
            self.reader.integer(sample, &limits::SAMPLE_PERCENT).unwrap_or(limits::SAMPLE_PERCENT.default);
        let headers = self.telemetry_headers(headers);
        let literal = self.reader.string(endpoint)?;
        // As OTEL_EXPORTER_OTLP_ENDPOINT has it: the signals' paths are below.
        let url = Url::parse(&format!("{}/v1/traces", literal.value.trim_end_matches('/')));
        match url {
            Ok(url) if matches!(url.scheme(), "http" | "https") && url.host_str().is_some() => {
                Some(Telemetry { url, sample_percent, headers })
            }
            _ => {
                let message = "\"endpoint\" must be the URL of a collector, such as \"http://127.0.0.1:4318\"; it speaks OTLP by HTTP";
                self.reader.error(literal.range, message);
                None
            }
        }
    }

    fn telemetry_headers(&mut self, property: Option<&ObjectProp<'t>>) -> Vec<(String, String)> {
        let Some(object) = self.reader.object(property) else { return Vec::new() };
        let mut headers = Vec::with_capacity(object.properties.len());
        for property in &object.properties {
            let name = property.name.as_str();
            let Some(literal) = self.reader.string(Some(property)) else { continue };
            let mut line = Vec::new();
            if nano_http::push_field(&mut line, name.as_bytes(), literal.value.as_bytes()).is_err() {
                self.reader.error(property.range, "this cannot be a field of a request's head");
                continue;
            }
            headers.push((name.to_string(), literal.value.to_string()));
        }
        headers
    }

    fn sandbox(&mut self, config: &mut Config, property: Option<&ObjectProp<'t>>) {
        let Some(object) = self.reader.object(property) else { return };
        let [enabled, read] = self.reader.fields(object, ["enabled", "read"], |_| None);
        if let Some(enabled) = self.reader.boolean(enabled) {
            config.sandbox = enabled;
        }
        let Some(array) = self.reader.array(read) else { return };
        for element in &array.elements {
            match element {
                Value::StringLit(literal) => config.sandbox_read.push(self.base.join(&*literal.value)),
                other => {
                    let _: Option<()> = self.reader.wrong_type(other, "read", "a list of paths");
                }
            }
        }
    }

    fn hardening(&mut self, into: &mut Hardening, property: Option<&ObjectProp<'t>>) {
        let Some(object) = self.reader.object(property) else { return };
        let [allow_eval, resolution] =
            self.reader.fields(object, ["allow_eval", limits::TIMER_RESOLUTION_US.key], |_| None);
        if let Some(allow) = self.reader.boolean(allow_eval) {
            into.allow_eval = allow;
        }
        if let Some(microseconds) = self.reader.integer(resolution, &limits::TIMER_RESOLUTION_US) {
            into.timer_resolution = Duration::from_micros(microseconds);
        }
    }

    fn tls(&mut self, property: Option<&ObjectProp<'t>>) -> Vec<Certificate> {
        let Some(object) = self.reader.object(property) else { return Vec::new() };
        let [certificates] = self.reader.fields(object, ["certificates"], |key| {
            let guess = matches!(key, "cert" | "key" | "hostname");
            guess.then(|| "it belongs in an entry of \"certificates\"".to_string())
        });
        if certificates.is_none() {
            self.reader.missing(object, "certificates", "what the listener speaks TLS with");
        }
        let Some(array) = self.reader.array(certificates) else { return Vec::new() };
        if array.elements.is_empty() {
            self.reader.error(array.range, "\"certificates\" is empty: leave \"tls\" out for plain HTTP");
        }
        let mut taken = HashSet::new();
        let mut all = Vec::with_capacity(array.elements.len());
        for element in &array.elements {
            match element {
                Value::Object(object) => all.extend(self.certificate(object, &mut taken)),
                other => {
                    let message = format!("a certificate is an object in {{ }}, not {}", describe(other));
                    self.reader.error(other.range(), message);
                }
            }
        }
        all
    }

    fn certificate(&mut self, object: &Object<'t>, taken: &mut HashSet<HostPattern>) -> Option<Certificate> {
        let [hostname, cert, key] = self.reader.fields(object, ["hostname", "cert", "key"], |_| None);
        if cert.is_none() {
            self.reader.missing(object, "cert", "the PEM file of the certificate and its chain");
        }
        if key.is_none() {
            self.reader.missing(object, "key", "the PEM file of its private key");
        }
        let mut hosts = Vec::new();
        let names: Vec<&Value<'t>> = match hostname.map(|property| &property.value) {
            None => Vec::new(),
            Some(Value::Array(array)) => array.elements.iter().collect(),
            Some(value) => vec![value],
        };
        for name in names {
            let Value::StringLit(literal) = name else {
                let _: Option<()> = self.reader.wrong_type(name, "hostname", "a string or a list of strings");
                continue;
            };
            match HostPattern::parse(&literal.value) {
                Ok(host) if taken.insert(host.clone()) => hosts.push(host),
                Ok(host) => {
                    self.reader.error(literal.range, format!("another certificate has the host \"{host}\""))
                }
                Err(error) => self.reader.error(literal.range, format!("{:?}: {error}", literal.value)),
            }
        }
        let (cert, key) = (self.reader.string(cert)?, self.reader.string(key)?);
        Some(Certificate { hosts, cert: self.base.join(&*cert.value), key: self.base.join(&*key.value) })
    }

    fn admin(&mut self, property: Option<&ObjectProp<'t>>) -> Option<Admin> {
        let object = self.reader.object(property)?;
        let [listen, token_env] = self.reader.fields(object, ["listen", "token_env"], |key| {
            let guess = matches!(key, "token" | "secret" | "password");
            guess.then(|| "\"token_env\" names the environment variable that holds the token".to_string())
        });
        let token_env = self.reader.string(token_env).and_then(|literal| {
            if env::is_variable_name(&literal.value) {
                return Some(literal.value.to_string());
            }
            let message = "\"token_env\" must be the name of an environment variable (letters, digits and _)";
            self.reader.error(literal.range, message);
            None
        });
        if listen.is_none() {
            self.reader.missing(
                object,
                "listen",
                "the address of the administration, such as \"127.0.0.1:9090\"",
            );
        }
        let literal = self.reader.string(listen)?;
        match parse_socket_address(&literal.value) {
            Some(listen) => Some(Admin { listen, token_env }),
            None => {
                let message = format!(
                    "\"listen\" must be an IP address and a port, such as \"127.0.0.1:9090\", not {:?}",
                    literal.value
                );
                self.reader.error(literal.range, message);
                None
            }
        }
    }

    fn apps(&mut self, property: Option<&ObjectProp<'t>>, defaults: &Defaults, has_admin: bool) -> Vec<App> {
        let Some(array) = self.reader.array(property) else { return Vec::new() };
        if array.elements.is_empty() && !has_admin {
            self.reader.error(array.range, "\"apps\" is empty: there is nothing to serve");
        }
        let mut apps = Vec::with_capacity(array.elements.len());
        for element in &array.elements {
            match element {
                Value::Object(object) => apps.push(self.app(object, defaults)),
                other => {
                    let message = format!("an application is an object in {{ }}, not {}", describe(other));
                    self.reader.error(other.range(), message);
                }
            }
        }
        apps
    }

    fn app(&mut self, object: &Object<'t>, defaults: &Defaults) -> App {
        let [name, hostname, path, env, services, fetch, hardening, limits @ ..] =
            self.reader.fields(object, APP_KEYS, |key| {
                let top =
                    suggest::nearest(key, &TOP_KEYS).filter(|_| suggest::nearest(key, &APP_KEYS).is_none());
                match key {
                    "host" | "hosts" | "hostnames" | "domain" | "domains" => {
                        Some("did you mean \"hostname\"?".to_string())
                    }
                    "main" | "entry" | "script" | "dir" | "file" => {
                        Some("did you mean \"path\"?".to_string())
                    }
                    "vars" | "environment" => Some("did you mean \"env\"?".to_string()),
                    "bindings" | "service" => Some("did you mean \"services\"?".to_string()),
                    "allow_private" => Some("it belongs in \"fetch\"".to_string()),
                    _ => top.map(|top| {
                        format!("\"{top}\" belongs at the top of the file, not in an application")
                    }),
                }
            });

        let mut app = App {
            name: String::new(),
            hosts: Vec::new(),
            path: PathBuf::new(),
            limits: defaults.limits,
            env: Vec::new(),
            services: Vec::new(),
            fetch: defaults.fetch,
            hardening: defaults.hardening,
        };
        if name.is_none() {
            self.reader.missing(object, "name", "what logs and metrics call the application");
        }
        if path.is_none() {
            self.reader.missing(object, "path", "the directory or file of the application");
        }
        let name_literal = self.name(name);
        if let Some(literal) = name_literal {
            app.name = literal.value.to_string();
        }
        app.hosts = match hostname {
            Some(hostname) => self.hostnames(&hostname.value, &app.name),
            None => name_literal.and_then(|literal| self.name_as_host(literal)).into_iter().collect(),
        };
        if let Some(path) = self.path(path) {
            app.path = path;
        }
        self.limits(&mut app.limits, limits);
        self.fetch(&mut app.fetch, fetch);
        self.hardening(&mut app.hardening, hardening);
        if let Some(object) = self.reader.object(env) {
            app.env = self.env(object);
        }
        if let Some(object) = self.reader.object(services) {
            app.services = self.services(object, &app.env);
        }
        app
    }

    /// The name, if it is one, checked to be the only one.
    fn name<'v>(&mut self, property: Option<&'v ObjectProp<'t>>) -> Option<&'v StringLit<'t>> {
        let literal = self.reader.string(property)?;
        let name: &str = &literal.value;
        let is_name = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
        if name.is_empty() || name.len() > limits::NAME_BYTES_MAX || !name.chars().all(is_name) {
            let message = format!(
                "\"name\" must be 1 to {} letters, digits, \"-\", \"_\" and \".\"",
                limits::NAME_BYTES_MAX
            );
            self.reader.error(literal.range, message);
            return None;
        }
        if let Some(&line) = self.names.get(name) {
            let message = format!("duplicate name {name:?}: the application on line {line} has it already");
            self.reader.error(literal.range, message);
            return None;
        }
        self.names.insert(name.to_string(), self.reader.source.line(literal.range.start));
        Some(literal)
    }

    /// The name as the host, for an application without `hostname`.
    fn name_as_host(&mut self, literal: &StringLit<'t>) -> Option<HostPattern> {
        match HostPattern::parse(&literal.value) {
            Ok(pattern) => self.claim(pattern, &literal.value, literal.range),
            Err(error) => {
                let message = format!("the name cannot serve as host name ({error}); add \"hostname\"");
                self.reader.error(literal.range, message);
                None
            }
        }
    }

    fn hostnames(&mut self, value: &Value<'t>, app: &str) -> Vec<HostPattern> {
        match value {
            Value::StringLit(literal) => self.hostname(literal, app).into_iter().collect(),
            Value::Array(array) => {
                if array.elements.is_empty() {
                    let message = "\"hostname\" is an empty list: leave it out to answer the name as host";
                    self.reader.error(array.range, message);
                }
                let mut hosts = Vec::with_capacity(array.elements.len());
                for element in &array.elements {
                    match element {
                        Value::StringLit(literal) => hosts.extend(self.hostname(literal, app)),
                        other => {
                            let message = format!("a host name must be a string, not {}", describe(other));
                            self.reader.error(other.range(), message);
                        }
                    }
                }
                hosts
            }
            other => {
                let _: Option<()> =
                    self.reader.wrong_type(other, "hostname", "a string or a list of strings");
                Vec::new()
            }
        }
    }

    fn hostname(&mut self, literal: &StringLit<'t>, app: &str) -> Option<HostPattern> {
        match HostPattern::parse(&literal.value) {
            Ok(pattern) => self.claim(pattern, app, literal.range),
            Err(error) => {
                self.reader.error(literal.range, format!("{:?}: {error}", literal.value));
                None
            }
        }
    }

    /// Takes a host for an application, unless one has it.
    fn claim(&mut self, pattern: HostPattern, app: &str, range: Range) -> Option<HostPattern> {
        let line = self.reader.source.line(range.start);
        if let Some((owner, line)) = self.hosts.get(&pattern) {
            let message = format!("duplicate host \"{pattern}\": {owner:?} on line {line} has it already");
            self.reader.error(range, message);
            return None;
        }
        self.hosts.insert(pattern.clone(), (app.to_string(), line));
        Some(pattern)
    }

    fn path(&mut self, property: Option<&ObjectProp<'t>>) -> Option<PathBuf> {
        let literal = self.reader.string(property)?;
        if literal.value.is_empty() || literal.value.contains('\0') {
            self.reader.error(literal.range, "\"path\" must be the path of a directory or file");
            return None;
        }
        let path = self.base.join(&*literal.value);
        if !(self.exists)(&path) {
            let message = format!("there is no {:?} (paths are relative to the configuration file)", path);
            self.reader.error(literal.range, message);
            return None;
        }
        Some(path)
    }

    /// Whether the key of a variable or service can be one, and `lines`, those before it, do not have it.
    fn env_name<'v>(
        &mut self,
        property: &'v ObjectProp<'t>,
        what: &str,
        lines: &mut HashMap<&'v str, usize>,
    ) -> Option<&'v str> {
        let name = property.name.as_str();
        let range = property.name.range();
        if name.is_empty() || name.len() > limits::ENV_NAME_BYTES_MAX || name.chars().any(char::is_control) {
            let message = format!(
                "the name of a {what} has 1 to {} bytes and no control characters",
                limits::ENV_NAME_BYTES_MAX
            );
            self.reader.error(range, message);
            return None;
        }
        if let Some(line) = lines.insert(name, self.reader.source.line(range.start)) {
            self.reader.error(range, format!("duplicate key {name:?}: it is set on line {line} already"));
            return None;
        }
        Some(name)
    }

    fn services(&mut self, object: &Object<'t>, env: &[(String, EnvValue)]) -> Vec<(String, Service)> {
        let mut lines = HashMap::new();
        let mut services = Vec::with_capacity(object.properties.len());
        for property in &object.properties {
            let Some(name) = self.env_name(property, "service", &mut lines) else { continue };
            if env.iter().any(|(other, _)| other == name) {
                let message = format!("{name:?} is a variable in \"env\" already");
                self.reader.error(property.name.range(), message);
                continue;
            }
            let Some(literal) = self.reader.string(Some(property)) else { continue };
            let path = literal.value.strip_prefix(UNIX).map(|path| self.base.join(path));
            let is_path = |path: &PathBuf| {
                literal.value.len() > UNIX.len()
                    && !literal.value.contains('\0')
                    && path.as_os_str().len() <= limits::SOCKET_PATH_BYTES_MAX
            };
            match path.filter(is_path) {
                Some(path) => services.push((name.to_string(), Service::Unix(path))),
                None => {
                    let message = format!(
                        "a service is \"{UNIX}\" and the path of a socket, of at most {} bytes, not {:?}",
                        limits::SOCKET_PATH_BYTES_MAX,
                        literal.value
                    );
                    self.reader.error(literal.range, message);
                }
            }
        }
        services
    }

    fn env(&mut self, object: &Object<'t>) -> Vec<(String, EnvValue)> {
        let mut lines = HashMap::new();
        let mut variables = Vec::with_capacity(object.properties.len());
        for property in &object.properties {
            let Some(name) = self.env_name(property, "variable", &mut lines) else { continue };
            let value = match &property.value {
                Value::StringLit(literal) => EnvValue::Text(literal.value.to_string()),
                other => {
                    let mut text = String::new();
                    env::write_json(&mut self.reader, other, &mut text, 0);
                    EnvValue::Json(text)
                }
            };
            variables.push((name.to_string(), value));
        }
        variables
    }
}

/// A hint for what belongs in an application but stands in `defaults`.
fn only_for_apps(key: &str) -> Option<String> {
    matches!(key, "name" | "hostname" | "path" | "env" | "services")
        .then(|| "each application has its own".to_string())
}

/// An IP address, or `localhost`, with a port.
pub(super) fn parse_socket_address(text: &str) -> Option<SocketAddr> {
    if let Ok(address) = text.parse() {
        return Some(address);
    }
    let (host, port) = text.rsplit_once(':')?;
    host.eq_ignore_ascii_case("localhost").then_some(())?;
    Some(SocketAddr::new(super::DEFAULT_HOST, port.parse().ok()?))
}
