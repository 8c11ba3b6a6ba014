//! Spans as OpenTelemetry's protocol has them in JSON (opentelemetry-proto 1.x, `ExportTraceServiceRequest`):
//! each application is a service of its own.

use super::{Kind, Span, Value};
use serde_json::{Value as Json, json};
use std::collections::BTreeMap;

/// One request's body.
pub(super) fn encode(spans: &[Span]) -> Vec<u8> {
    let mut by_app: BTreeMap<&str, Vec<Json>> = BTreeMap::new();
    for span in spans {
        by_app.entry(&span.app).or_default().push(one(span));
    }
    let resources: Vec<Json> = by_app
        .into_iter()
        .map(|(app, spans)| {
            json!({
                "resource": { "attributes": [
                    attribute("service.name", text(app)),
                    attribute("service.namespace", text("nano")),
                ] },
                "scopeSpans": [{
                    "scope": { "name": "nano", "version": env!("CARGO_PKG_VERSION") },
                    "spans": spans,
                }],
            })
        })
        .collect();
    json!({ "resourceSpans": resources }).to_string().into_bytes()
}

fn one(span: &Span) -> Json {
    let hex = |digits: &[u8]| String::from_utf8_lossy(digits).into_owned();
    let attributes: Vec<Json> = span
        .attributes
        .iter()
        .map(|(key, value)| match value {
            Value::Text(value) => attribute(key, text(value)),
            // 64-bit numbers are texts in the JSON of protocol buffers.
            Value::Number(value) => attribute(key, json!({ "intValue": value.to_string() })),
        })
        .collect();
    let end = span.begun.saturating_add(u64::try_from(span.duration.as_nanos()).unwrap_or(u64::MAX));
    let mut json = json!({
        "traceId": hex(&span.ids.trace),
        "spanId": hex(&span.ids.span),
        "name": span.name,
        "kind": match span.kind { Kind::Server => 2, Kind::Client => 3 },
        "startTimeUnixNano": span.begun.to_string(),
        "endTimeUnixNano": end.to_string(),
        "attributes": attributes,
        // Unset, or an error.
        "status": if span.failed { json!({ "code": 2 }) } else { json!({}) },
    });
    if let Some(parent) = &span.parent {
        json["parentSpanId"] = hex(parent).into();
    }
    json
}

fn text(text: &str) -> Json {
    json!({ "stringValue": text })
}

fn attribute(key: &str, value: Json) -> Json {
    json!({ "key": key, "value": value })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::TraceIds;
    use std::time::Duration;

    fn span(app: &str, parent: Option<[u8; 16]>) -> Span {
        Span {
            app: app.to_owned(),
            kind: Kind::Server,
            ids: TraceIds { trace: [b'a'; 32], span: [b'b'; 16] },
            parent,
            name: "GET".to_owned(),
            begun: 1_700_000_000_000_000_000,
            duration: Duration::from_micros(1500),
            failed: false,
            attributes: vec![("url.path", Value::Text("/\"".into())), ("server.port", Value::Number(80))],
        }
    }

    #[test]
    fn each_application_is_a_service_with_its_spans() {
        let spans = [span("one", None), span("two", Some([b'c'; 16])), span("one", None)];
        let json: Json = serde_json::from_slice(&encode(&spans)).unwrap();
        let resources = json["resourceSpans"].as_array().unwrap();
        assert_eq!(resources.len(), 2);
        assert_eq!(resources[0]["resource"]["attributes"][0]["value"]["stringValue"], "one");
        let first = &resources[0]["scopeSpans"][0]["spans"];
        assert_eq!(first.as_array().unwrap().len(), 2);
        assert_eq!(first[0]["traceId"], "a".repeat(32));
        assert_eq!(first[0]["startTimeUnixNano"], "1700000000000000000");
        assert_eq!(first[0]["endTimeUnixNano"], "1700000000001500000");
        assert_eq!(first[0]["attributes"][0]["value"]["stringValue"], "/\"");
        assert_eq!(first[0]["attributes"][1]["value"]["intValue"], "80");
        assert!(first[0].get("parentSpanId").is_none());
        assert_eq!(resources[1]["scopeSpans"][0]["spans"][0]["parentSpanId"], "c".repeat(16));
    }

    #[test]
    fn what_has_failed_says_so() {
        let mut failed = span("one", None);
        failed.failed = true;
        assert_eq!(one(&failed)["status"]["code"], 2);
        assert_eq!(one(&span("one", None))["status"], json!({}));
    }
}
