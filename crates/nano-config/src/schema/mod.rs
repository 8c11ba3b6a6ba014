//! The keys of a configuration file: which there are, where, of which type, and what they become. Each file
//! reads the objects of one subject. Where something is wrong it records that and goes on with a default,
//! which nobody sees: a configuration with problems is not returned.
//!
//! In reading order: this file has the top of the file; `apps` the applications; `settings` what applications
//! and `defaults` have in common; `listener` addresses and certificates; `network` proxies and telemetry;
//! `keys` the names.

mod apps;
mod keys;
mod listener;
mod network;
mod settings;

use std::path::Path;

use jsonc_parser::ast::{ObjectProp, Value};
use jsonc_parser::common::Ranged as _;
use nano_log::Format;

use crate::error::{ConfigErrors, Source};
use crate::limits::{self, ServerLimits};
use crate::model::{App, Config, Defaults, Sandbox};
use crate::reader::{Reader, describe};
use crate::{suggest, syntax};

use apps::Apps;

/// Reads a whole configuration. `exists` is asked for every application's path.
pub(crate) fn read(
    text: &str,
    file: &Path,
    base: &Path,
    exists: impl Fn(&Path) -> bool,
) -> Result<Config, ConfigErrors> {
    let source = Source::new(file, text);
    let root = syntax::parse(&source)?;
    let mut reader = Reader::new(source, base);
    let config = top(&mut reader, &root, &exists);
    reader.finish(config)
}

/// Reads one entry of `apps` by itself. The caller checks that no other application has its name and hosts.
pub(crate) fn read_app(
    text: &str,
    file: &Path,
    base: &Path,
    defaults: &Defaults,
    exists: impl Fn(&Path) -> bool,
) -> Result<App, ConfigErrors> {
    let source = Source::new(file, text);
    let root = syntax::parse(&source)?;
    let mut reader = Reader::new(source, base);
    match Apps::new(&mut reader, defaults, &exists).app(&root) {
        Some(app) => reader.finish(app),
        None => Err(ConfigErrors::new(reader.errors)),
    }
}

fn top<'t>(reader: &mut Reader<'t, '_>, root: &Value<'t>, exists: &dyn Fn(&Path) -> bool) -> Config {
    let mut config = Config::empty();
    let Value::Object(root) = root else {
        let message = format!("a configuration is an object in {{ }}, not {}", describe(root));
        reader.error(root.range(), message);
        return config;
    };
    let fields = reader.fields(root, keys::TOP, |key| {
        let known = suggest::nearest(key, &keys::APP).filter(|_| suggest::nearest(key, &keys::TOP).is_none());
        known.map(|known| match keys::DEFAULTS.contains(&known) {
            true => format!("\"{known}\" belongs in \"defaults\" or in an application"),
            false => format!("\"{known}\" belongs in an application, an entry of \"apps\""),
        })
    });
    let [
        port,
        host,
        threads,
        numbers @ ..,
        watch,
        tls,
        sandbox,
        log,
        defaults,
        admin,
        network,
        telemetry,
        apps,
    ] = fields;
    if let Some(port) = reader.integer(port, &limits::PORT) {
        config.port = port as u16;
    }
    if let Some(host) = listener::host(reader, host) {
        config.host = host;
    }
    config.threads = reader.integer(threads, &limits::THREADS).map(|threads| threads as u16);
    reader.integers(numbers, &ServerLimits::ALL, |index, number| config.limits.set(index, number));
    if let Some(watch) = reader.boolean(watch) {
        config.watch = watch;
    }
    config.certificates = listener::certificates(reader, tls);
    config.sandbox = read_sandbox(reader, sandbox);
    config.log_format = log_format(reader, log);
    config.defaults = settings::defaults(reader, defaults);
    config.admin = listener::admin(reader, admin);
    config.network = network::network(reader, network);
    config.telemetry = network::telemetry(reader, telemetry);
    if apps.is_none() {
        reader.missing(root, "apps", "the list of applications to serve");
    }
    if let Some(array) = reader.array(apps) {
        if array.elements.is_empty() && admin.is_none() {
            reader.error(array.range, "\"apps\" is empty: there is nothing to serve");
        }
        config.apps = Apps::new(reader, &config.defaults, exists).list(array);
    }
    config
}

fn log_format<'t>(reader: &mut Reader<'t, '_>, property: Option<&ObjectProp<'t>>) -> Option<Format> {
    let object = reader.object(property)?;
    let [format] = reader.fields(object, ["format"], |_| None);
    let literal = reader.string(format)?;
    let format = Format::from_name(&literal.value);
    if format.is_none() {
        let message = format!("\"format\" must be \"text\", \"json\" or \"apache\", not {:?}", literal.value);
        reader.error(literal.range, message);
    }
    format
}

fn read_sandbox<'t>(reader: &mut Reader<'t, '_>, property: Option<&ObjectProp<'t>>) -> Sandbox {
    let mut sandbox = Sandbox::default();
    let Some(object) = reader.object(property) else { return sandbox };
    let [enabled, read] = reader.fields(object, ["enabled", "read"], |_| None);
    if let Some(enabled) = reader.boolean(enabled) {
        sandbox.enabled = enabled;
    }
    let Some(array) = reader.array(read) else { return sandbox };
    for element in &array.elements {
        match element {
            Value::StringLit(literal) => sandbox.read.push(reader.resolve(&literal.value)),
            other => reader.wrong_type(other, "read", "a list of paths"),
        }
    }
    sandbox
}
