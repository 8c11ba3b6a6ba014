//! How the process reaches others: `network` and `telemetry`.

use jsonc_parser::ast::ObjectProp;
use url::Url;

use super::keys;
use crate::limits::SAMPLE_PERCENT;
use crate::model::{Network, Telemetry};
use crate::reader::Reader;

pub(super) fn network<'t>(reader: &mut Reader<'t, '_>, property: Option<&ObjectProp<'t>>) -> Network {
    let mut network = Network::default();
    let Some(object) = reader.object(property) else { return network };
    let [proxy, no_proxy, ca_file] = reader.fields(object, ["proxy", "no_proxy", "ca_file"], |key| {
        matches!(key, "http_proxy" | "https_proxy")
            .then(|| "\"proxy\" is for http and https URLs alike".to_string())
    });
    if let Some(literal) = reader.string(proxy) {
        let is_proxy = Url::parse(&literal.value)
            .is_ok_and(|url| url.scheme() == "http" && url.host_str().is_some_and(|host| !host.is_empty()));
        if is_proxy {
            network.proxy = Some(literal.value.to_string());
        } else {
            let message = "\"proxy\" must be the URL of an HTTP proxy, such as \"http://10.0.0.1:3128\"";
            reader.error(literal.range, message);
        }
    }
    network.no_proxy = reader.string(no_proxy).map(|literal| literal.value.to_string());
    network.ca_file = reader.string(ca_file).map(|literal| reader.resolve(&literal.value));
    network
}

pub(super) fn telemetry<'t>(
    reader: &mut Reader<'t, '_>,
    property: Option<&ObjectProp<'t>>,
) -> Option<Telemetry> {
    let object = reader.object(property)?;
    let [endpoint, sample, headers] = reader.fields(object, keys::TELEMETRY, |key| {
        matches!(key, "url" | "collector").then(|| "\"endpoint\" is the collector's URL".to_string())
    });
    if endpoint.is_none() {
        reader.missing(object, "endpoint", "the collector's URL, such as \"http://127.0.0.1:4318\"");
    }
    let sample_percent = reader.integer(sample, &SAMPLE_PERCENT).unwrap_or(SAMPLE_PERCENT.default);
    let headers = header_fields(reader, headers);
    let literal = reader.string(endpoint)?;
    // As OTEL_EXPORTER_OTLP_ENDPOINT has it: the paths of the signals are below.
    let url = Url::parse(&format!("{}/v1/traces", literal.value.trim_end_matches('/')));
    match url {
        Ok(url) if matches!(url.scheme(), "http" | "https") && url.host_str().is_some() => {
            Some(Telemetry { url, sample_percent, headers })
        }
        _ => {
            let message = "\"endpoint\" must be the URL of a collector, such as \"http://127.0.0.1:4318\"; it speaks OTLP by HTTP";
            reader.error(literal.range, message);
            None
        }
    }
}

fn header_fields<'t>(
    reader: &mut Reader<'t, '_>,
    property: Option<&ObjectProp<'t>>,
) -> Vec<(String, String)> {
    let Some(object) = reader.object(property) else { return Vec::new() };
    let mut headers = Vec::with_capacity(object.properties.len());
    for property in &object.properties {
        let name = property.name.as_str();
        let Some(literal) = reader.string(Some(property)) else { continue };
        let mut line = Vec::new();
        if nano_http::push_field(&mut line, name.as_bytes(), literal.value.as_bytes()).is_err() {
            reader.error(property.range, "this cannot be a field of a request's head");
            continue;
        }
        headers.push((name.to_string(), literal.value.to_string()));
    }
    headers
}
