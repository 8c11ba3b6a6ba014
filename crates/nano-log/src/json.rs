//! The format for machines: a JSON object (RFC 8259) on each line. `type` is `request`, `console` or
//! `message`; keys come in a fixed order, and those without a value are left out.

use super::clock::Stamp;
use super::escape::{Style, push, push_address, push_milliseconds, push_number};
use super::{Field, Level, RequestRecord};

pub(super) fn request(into: &mut Vec<u8>, stamp: &Stamp, record: &RequestRecord<'_>) {
    begin(into, stamp, "request");
    string(into, ",\"app\":\"", record.app.as_bytes());
    into.extend_from_slice(b",\"id\":\"");
    into.extend_from_slice(&record.id.to_hex());
    into.push(b'"');
    string(into, ",\"method\":\"", record.method);
    string(into, ",\"path\":\"", record.target);
    into.extend_from_slice(b",\"status\":");
    push_number(into, record.status);
    into.extend_from_slice(b",\"bytes\":");
    push_number(into, record.bytes);
    into.extend_from_slice(b",\"duration_ms\":");
    push_milliseconds(into, record.duration);
    into.extend_from_slice(b",\"client\":\"");
    push_address(into, record.client);
    into.push(b'"');
    if let Some(referer) = record.referer {
        string(into, ",\"referer\":\"", referer);
    }
    if let Some(user_agent) = record.user_agent {
        string(into, ",\"user_agent\":\"", user_agent);
    }
    if let Some(trace) = record.trace {
        string(into, ",\"trace\":\"", trace);
    }
    into.extend_from_slice(b"}\n");
}

pub(super) fn console(into: &mut Vec<u8>, stamp: &Stamp, app: &str, level: Level, text: &str) {
    begin(into, stamp, "console");
    string(into, ",\"app\":\"", app.as_bytes());
    string(into, ",\"level\":\"", level.name().as_bytes());
    string(into, ",\"text\":\"", text.as_bytes());
    into.extend_from_slice(b"}\n");
}

pub(super) fn message(
    into: &mut Vec<u8>,
    stamp: &Stamp,
    level: Level,
    text: &str,
    fields: &[(&str, Field<'_>)],
) {
    begin(into, stamp, "message");
    string(into, ",\"level\":\"", level.name().as_bytes());
    string(into, ",\"text\":\"", text.as_bytes());
    for (name, value) in fields {
        into.extend_from_slice(b",\"");
        push(into, name.as_bytes(), Style::Json);
        into.extend_from_slice(b"\":");
        match value {
            Field::Text(text) => string(into, "\"", text.as_bytes()),
            Field::Number(number) => push_number(into, *number),
            Field::Id(id) => {
                into.push(b'"');
                into.extend_from_slice(&id.to_hex());
                into.push(b'"');
            }
        }
    }
    into.extend_from_slice(b"}\n");
}

fn begin(into: &mut Vec<u8>, stamp: &Stamp, kind: &str) {
    into.extend_from_slice(b"{\"time\":\"");
    stamp.write_iso(into);
    into.extend_from_slice(b"\",\"type\":\"");
    into.extend_from_slice(kind.as_bytes());
    into.push(b'"');
}

/// `open` is everything up to and with the opening quote.
fn string(into: &mut Vec<u8>, open: &str, bytes: &[u8]) {
    into.extend_from_slice(open.as_bytes());
    push(into, bytes, Style::Json);
    into.push(b'"');
}
