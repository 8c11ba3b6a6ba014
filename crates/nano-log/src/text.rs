//! The format for people. One record begins in the first column with its time; the further lines of a text of
//! several lines (a stack, say) are indented behind a bar, so that no text can pass for a record.

use super::clock::Stamp;
use super::escape::{Style, push, push_address, push_milliseconds, push_number};
use super::{Field, Level, RequestRecord};

pub(super) fn request(into: &mut Vec<u8>, stamp: &Stamp, record: &RequestRecord<'_>) {
    begin(into, stamp);
    push(into, record.app.as_bytes(), Style::Text);
    into.push(b' ');
    push(into, record.method, Style::Text);
    into.push(b' ');
    push(into, record.target, Style::Text);
    into.push(b' ');
    push_number(into, record.status);
    into.push(b' ');
    push_number(into, record.bytes);
    into.extend_from_slice(b"B ");
    push_milliseconds(into, record.duration);
    into.extend_from_slice(b"ms ");
    push_address(into, record.client);
    into.push(b' ');
    into.extend_from_slice(&record.id.to_hex());
    into.extend_from_slice(b" \"");
    push(into, record.user_agent.unwrap_or(b"-"), Style::Quoted);
    into.push(b'"');
    if let Some(trace) = record.trace {
        into.extend_from_slice(b" trace=");
        push(into, trace, Style::Text);
    }
    into.push(b'\n');
}

pub(super) fn console(into: &mut Vec<u8>, stamp: &Stamp, app: &str, level: Level, text: &str) {
    begin(into, stamp);
    push(into, app.as_bytes(), Style::Text);
    into.extend_from_slice(b" console.");
    into.extend_from_slice(level.name().as_bytes());
    into.extend_from_slice(b": ");
    let (first, rest) = split_first_line(text);
    push(into, first.as_bytes(), Style::Text);
    into.push(b'\n');
    further_lines(into, rest);
}

pub(super) fn message(
    into: &mut Vec<u8>,
    stamp: &Stamp,
    level: Level,
    text: &str,
    fields: &[(&str, Field<'_>)],
) {
    begin(into, stamp);
    into.extend_from_slice(level.name().as_bytes());
    into.extend_from_slice(b": ");
    let (first, rest) = split_first_line(text);
    push(into, first.as_bytes(), Style::Text);
    for (name, value) in fields {
        into.push(b' ');
        into.extend_from_slice(name.as_bytes());
        into.push(b'=');
        match value {
            Field::Text(text) if is_word(text) => into.extend_from_slice(text.as_bytes()),
            Field::Text(text) => {
                into.push(b'"');
                push(into, text.as_bytes(), Style::Quoted);
                into.push(b'"');
            }
            Field::Number(number) => push_number(into, *number),
            Field::Id(id) => into.extend_from_slice(&id.to_hex()),
        }
    }
    into.push(b'\n');
    further_lines(into, rest);
}

fn begin(into: &mut Vec<u8>, stamp: &Stamp) {
    stamp.write_iso(into);
    into.push(b' ');
}

fn split_first_line(text: &str) -> (&str, Option<&str>) {
    match text.split_once('\n') {
        Some((first, rest)) => (first, Some(rest)),
        None => (text, None),
    }
}

fn further_lines(into: &mut Vec<u8>, rest: Option<&str>) {
    for line in rest.into_iter().flat_map(|rest| rest.split('\n')) {
        into.extend_from_slice(b"    | ");
        push(into, line.as_bytes(), Style::Text);
        into.push(b'\n');
    }
}

fn is_word(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\' | b'='))
}
