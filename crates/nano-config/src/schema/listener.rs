//! Addresses to listen on, and certificates: `host`, `tls`, `admin`.

use std::collections::HashSet;
use std::net::IpAddr;

use jsonc_parser::ast::{Object, ObjectProp, Value};
use jsonc_parser::common::Ranged as _;

use crate::address::{parse_listen_host, parse_socket_address};
use crate::env;
use crate::model::{Admin, Certificate};
use crate::reader::{Reader, describe};
use crate::routes::HostPattern;

pub(super) fn host<'t>(reader: &mut Reader<'t, '_>, property: Option<&ObjectProp<'t>>) -> Option<IpAddr> {
    let literal = reader.string(property)?;
    let host = parse_listen_host(&literal.value);
    host.map_err(|message| reader.error(literal.range, format!("\"host\": {message}"))).ok()
}

pub(super) fn certificates<'t>(
    reader: &mut Reader<'t, '_>,
    property: Option<&ObjectProp<'t>>,
) -> Vec<Certificate> {
    let Some(object) = reader.object(property) else { return Vec::new() };
    let [certificates] = reader.fields(object, ["certificates"], |key| {
        let guess = matches!(key, "cert" | "key" | "hostname");
        guess.then(|| "it belongs in an entry of \"certificates\"".to_string())
    });
    if certificates.is_none() {
        reader.missing(object, "certificates", "what the listener speaks TLS with");
    }
    let Some(array) = reader.array(certificates) else { return Vec::new() };
    if array.elements.is_empty() {
        reader.error(array.range, "\"certificates\" is empty: leave \"tls\" out for plain HTTP");
    }
    let mut taken = HashSet::new();
    let mut all = Vec::with_capacity(array.elements.len());
    for element in &array.elements {
        match element {
            Value::Object(object) => all.extend(certificate(reader, object, &mut taken)),
            other => {
                let message = format!("a certificate is an object in {{ }}, not {}", describe(other));
                reader.error(other.range(), message);
            }
        }
    }
    all
}

fn certificate<'t>(
    reader: &mut Reader<'t, '_>,
    object: &Object<'t>,
    taken: &mut HashSet<HostPattern>,
) -> Option<Certificate> {
    let [hostname, cert, key] = reader.fields(object, ["hostname", "cert", "key"], |_| None);
    if cert.is_none() {
        reader.missing(object, "cert", "the PEM file of the certificate and its chain");
    }
    if key.is_none() {
        reader.missing(object, "key", "the PEM file of its private key");
    }
    let mut hosts = Vec::new();
    let names: Vec<&Value<'t>> = match hostname.map(|property| &property.value) {
        None => Vec::new(),
        Some(Value::Array(array)) => array.elements.iter().collect(),
        Some(value) => vec![value],
    };
    for name in names {
        let Value::StringLit(literal) = name else {
            reader.wrong_type(name, "hostname", "a string or a list of strings");
            continue;
        };
        match HostPattern::parse(&literal.value) {
            Ok(host) if taken.insert(host.clone()) => hosts.push(host),
            Ok(host) => reader.error(literal.range, format!("another certificate has the host \"{host}\"")),
            Err(error) => reader.error(literal.range, format!("{:?}: {error}", literal.value)),
        }
    }
    let (cert, key) = (reader.string(cert)?, reader.string(key)?);
    Some(Certificate { hosts, cert: reader.resolve(&cert.value), key: reader.resolve(&key.value) })
}

pub(super) fn admin<'t>(reader: &mut Reader<'t, '_>, property: Option<&ObjectProp<'t>>) -> Option<Admin> {
    let object = reader.object(property)?;
    let [listen, token_env] = reader.fields(object, ["listen", "token_env"], |key| {
        let guess = matches!(key, "token" | "secret" | "password");
        guess.then(|| "\"token_env\" names the environment variable that holds the token".to_string())
    });
    let token_env = reader.string(token_env).and_then(|literal| {
        if env::is_variable_name(&literal.value) {
            return Some(literal.value.to_string());
        }
        let message = "\"token_env\" must be the name of an environment variable (letters, digits and _)";
        reader.error(literal.range, message);
        None
    });
    if listen.is_none() {
        reader.missing(object, "listen", "the address of the administration, such as \"127.0.0.1:9090\"");
    }
    let literal = reader.string(listen)?;
    let address = parse_socket_address(&literal.value);
    if address.is_none() {
        let message = format!(
            "\"listen\" must be an IP address and a port, such as \"127.0.0.1:9090\", not {:?}",
            literal.value
        );
        reader.error(literal.range, message);
    }
    Some(Admin { listen: address?, token_env })
}
