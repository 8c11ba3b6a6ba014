//! Apache's Combined Log Format, with the application, the request's id and the duration in microseconds
//! after it: programs that know the format read a prefix of each line and skip the rest. Console output and
//! messages have the form of Apache's error log, whose lines begin with `[`.

use super::clock::Stamp;
use super::escape::{Style, push, push_address, push_number};
use super::{Field, Level, RequestRecord};

pub(super) fn request(into: &mut Vec<u8>, stamp: &Stamp, record: &RequestRecord<'_>) {
    push_address(into, record.client);
    into.extend_from_slice(b" - - [");
    into.extend_from_slice(stamp.apache.as_bytes());
    into.extend_from_slice(b"] \"");
    push(into, record.method, Style::Apache);
    into.push(b' ');
    push(into, record.target, Style::Apache);
    into.extend_from_slice(if record.http_minor == 0 { b" HTTP/1.0\" " } else { b" HTTP/1.1\" " });
    push_number(into, record.status);
    into.push(b' ');
    match record.bytes {
        0 => into.push(b'-'),
        bytes => push_number(into, bytes),
    }
    for field in [record.referer, record.user_agent] {
        into.extend_from_slice(b" \"");
        push(into, field.unwrap_or(b"-"), Style::Apache);
        into.push(b'"');
    }
    into.push(b' ');
    push(into, record.app.as_bytes(), Style::Apache);
    into.push(b' ');
    into.extend_from_slice(&record.id.to_hex());
    into.push(b' ');
    push_number(into, record.duration.as_micros() as u64);
    into.push(b'\n');
}

pub(super) fn console(into: &mut Vec<u8>, stamp: &Stamp, app: &str, level: Level, text: &str) {
    begin(into, stamp, level);
    into.extend_from_slice(b" [");
    push(into, app.as_bytes(), Style::Apache);
    into.extend_from_slice(b"] ");
    push(into, text.as_bytes(), Style::Apache);
    into.push(b'\n');
}

pub(super) fn message(
    into: &mut Vec<u8>,
    stamp: &Stamp,
    level: Level,
    text: &str,
    fields: &[(&str, Field<'_>)],
) {
    begin(into, stamp, level);
    into.push(b' ');
    push(into, text.as_bytes(), Style::Apache);
    for (name, value) in fields {
        into.push(b' ');
        into.extend_from_slice(name.as_bytes());
        into.push(b'=');
        match value {
            Field::Text(text) => {
                into.push(b'"');
                push(into, text.as_bytes(), Style::Apache);
                into.push(b'"');
            }
            Field::Number(number) => push_number(into, *number),
            Field::Id(id) => into.extend_from_slice(&id.to_hex()),
        }
    }
    into.push(b'\n');
}

fn begin(into: &mut Vec<u8>, stamp: &Stamp, level: Level) {
    into.push(b'[');
    into.extend_from_slice(stamp.apache.as_bytes());
    into.extend_from_slice(b"] [");
    into.extend_from_slice(level.name().as_bytes());
    into.push(b']');
}
