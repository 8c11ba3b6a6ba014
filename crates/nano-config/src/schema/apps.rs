//! Applications: the entries of `apps`. Checks that no two have the same name or host.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use jsonc_parser::ast::{Array, Object, ObjectProp, StringLit, Value};
use jsonc_parser::common::{Range, Ranged as _};

use super::{keys, settings};
use crate::limits::{ENV_NAME_BYTES_MAX, NAME_BYTES_MAX, SOCKET_PATH_BYTES_MAX};
use crate::model::{App, Defaults, EnvValue, Service};
use crate::reader::{Reader, describe};
use crate::routes::HostPattern;
use crate::{env, suggest};

/// The beginning of a service's address on a socket of the file system; the socket's path follows.
const UNIX: &str = "unix:";

/// Reads applications of one file.
pub(super) struct Apps<'r, 't, 'b> {
    reader: &'r mut Reader<'t, 'b>,
    defaults: &'r Defaults,
    exists: &'r dyn Fn(&Path) -> bool,
    /// The names so far, each with its line.
    names: HashMap<String, usize>,
    /// The hosts so far, each with its application and line.
    hosts: HashMap<HostPattern, (String, usize)>,
}

impl<'r, 't, 'b> Apps<'r, 't, 'b> {
    pub(super) fn new(
        reader: &'r mut Reader<'t, 'b>,
        defaults: &'r Defaults,
        exists: &'r dyn Fn(&Path) -> bool,
    ) -> Self {
        Apps { reader, defaults, exists, names: HashMap::new(), hosts: HashMap::new() }
    }

    pub(super) fn list(mut self, array: &Array<'t>) -> Vec<App> {
        array.elements.iter().filter_map(|element| self.app(element)).collect()
    }

    pub(super) fn app(&mut self, value: &Value<'t>) -> Option<App> {
        let Value::Object(object) = value else {
            let message = format!("an application is an object in {{ }}, not {}", describe(value));
            self.reader.error(value.range(), message);
            return None;
        };
        let [name, hostname, path, env, services, fetch, hardening, numbers @ ..] =
            self.reader.fields(object, keys::APP, hint);
        let mut app = App {
            name: String::new(),
            hosts: Vec::new(),
            path: PathBuf::new(),
            limits: self.defaults.limits,
            env: Vec::new(),
            services: Vec::new(),
            fetch: self.defaults.fetch,
            hardening: self.defaults.hardening,
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
        settings::limits(self.reader, &mut app.limits, numbers);
        settings::fetch(self.reader, &mut app.fetch, fetch);
        settings::hardening(self.reader, &mut app.hardening, hardening);
        if let Some(object) = self.reader.object(env) {
            app.env = self.env(object);
        }
        if let Some(object) = self.reader.object(services) {
            app.services = self.services(object, &app.env);
        }
        Some(app)
    }

    /// The name, if it is valid and no application before has it.
    fn name<'v>(&mut self, property: Option<&'v ObjectProp<'t>>) -> Option<&'v StringLit<'t>> {
        let literal = self.reader.string(property)?;
        let name: &str = &literal.value;
        let is_name = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
        if name.is_empty() || name.len() > NAME_BYTES_MAX || !name.chars().all(is_name) {
            let message =
                format!("\"name\" must be 1 to {NAME_BYTES_MAX} letters, digits, \"-\", \"_\" and \".\"");
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

    /// Takes a host for an application, unless another application has it.
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
        let path = self.reader.resolve(&literal.value);
        if !(self.exists)(&path) {
            let message = format!("there is no {path:?} (paths are relative to the configuration file)");
            self.reader.error(literal.range, message);
            return None;
        }
        Some(path)
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
                    env::write_json(self.reader, other, &mut text, 0);
                    EnvValue::Json(text)
                }
            };
            variables.push((name.to_string(), value));
        }
        variables
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
            let path = literal.value.strip_prefix(UNIX).map(|path| self.reader.resolve(path));
            let is_path = |path: &PathBuf| {
                literal.value.len() > UNIX.len()
                    && !literal.value.contains('\0')
                    && path.as_os_str().len() <= SOCKET_PATH_BYTES_MAX
            };
            match path.filter(is_path) {
                Some(path) => services.push((name.to_string(), Service::Unix(path))),
                None => {
                    let message = format!(
                        "a service is \"{UNIX}\" and the path of a socket, of at most {SOCKET_PATH_BYTES_MAX} bytes, not {:?}",
                        literal.value
                    );
                    self.reader.error(literal.range, message);
                }
            }
        }
        services
    }

    /// The key of a variable or service, if it is valid and not in `lines`, which has the keys before it.
    fn env_name<'v>(
        &mut self,
        property: &'v ObjectProp<'t>,
        what: &str,
        lines: &mut HashMap<&'v str, usize>,
    ) -> Option<&'v str> {
        let name = property.name.as_str();
        let range = property.name.range();
        if name.is_empty() || name.len() > ENV_NAME_BYTES_MAX || name.chars().any(char::is_control) {
            let message =
                format!("the name of a {what} has 1 to {ENV_NAME_BYTES_MAX} bytes and no control characters");
            self.reader.error(range, message);
            return None;
        }
        if let Some(line) = lines.insert(name, self.reader.source.line(range.start)) {
            self.reader.error(range, format!("duplicate key {name:?}: it is set on line {line} already"));
            return None;
        }
        Some(name)
    }
}

/// More about an unknown key than the nearest known one.
fn hint(key: &str) -> Option<String> {
    let top = suggest::nearest(key, &keys::TOP).filter(|_| suggest::nearest(key, &keys::APP).is_none());
    match key {
        "host" | "hosts" | "hostnames" | "domain" | "domains" => {
            Some("did you mean \"hostname\"?".to_string())
        }
        "main" | "entry" | "script" | "dir" | "file" => Some("did you mean \"path\"?".to_string()),
        "vars" | "environment" => Some("did you mean \"env\"?".to_string()),
        "bindings" | "service" => Some("did you mean \"services\"?".to_string()),
        "allow_private" => Some("it belongs in \"fetch\"".to_string()),
        _ => top.map(|top| format!("\"{top}\" belongs at the top of the file, not in an application")),
    }
}
