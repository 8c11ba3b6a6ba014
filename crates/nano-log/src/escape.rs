//! Appends untrusted text to a line so that it stays one line, has no effect on a terminal, and cannot be
//! confused with the text around it. Also the small pieces that all formats share.

use std::io::Write as _;
use std::net::IpAddr;
use std::time::Duration;

/// Bytes that some format does not copy as they are: control characters, quotes, the escape character, and
/// everything beyond ASCII, where the decision is per character.
const NEEDS_CARE: [bool; 256] = {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] =
            byte < 0x20 || byte == 0x7f || byte >= 0x80 || byte == b'"' as usize || byte == b'\\' as usize;
        byte += 1;
    }
    table
};

/// The surroundings of escaped text, which decide how it is escaped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    /// Plain words of the text format: backslash escapes; quotes stay.
    Text,
    /// The same between double quotes.
    Quoted,
    /// The same as `Quoted`, with every byte beyond ASCII as `\xHH`, as Apache writes it.
    Apache,
    /// A JSON string.
    Json,
}

/// Appends `bytes`, which need not be UTF-8.
pub(super) fn push(into: &mut Vec<u8>, bytes: &[u8], style: Style) {
    let mut rest = bytes;
    loop {
        let plain = rest.iter().position(|&byte| NEEDS_CARE[byte as usize]).unwrap_or(rest.len());
        into.extend_from_slice(&rest[..plain]);
        rest = &rest[plain..];
        let Some(&byte) = rest.first() else { return };
        let taken = if byte.is_ascii() || style == Style::Apache {
            push_byte(into, byte, style);
            1
        } else {
            push_beyond_ascii(into, rest, style)
        };
        rest = &rest[taken..];
    }
}

fn push_byte(into: &mut Vec<u8>, byte: u8, style: Style) {
    match byte {
        b'"' if style == Style::Text => into.push(b'"'),
        b'"' => into.extend_from_slice(b"\\\""),
        b'\\' => into.extend_from_slice(b"\\\\"),
        b'\n' => into.extend_from_slice(b"\\n"),
        b'\r' => into.extend_from_slice(b"\\r"),
        b'\t' => into.extend_from_slice(b"\\t"),
        // A vector takes every write.
        _ if style == Style::Json => drop(write!(into, "\\u{byte:04x}")),
        _ => drop(write!(into, "\\x{byte:02x}")),
    }
}

/// Appends the character at the front and answers how many bytes it took.
fn push_beyond_ascii(into: &mut Vec<u8>, rest: &[u8], style: Style) -> usize {
    // A character has at most four bytes, so invalid here means invalid in the whole.
    let head = &rest[..rest.len().min(4)];
    let valid = match std::str::from_utf8(head) {
        Ok(text) => text,
        Err(error) => std::str::from_utf8(&head[..error.valid_up_to()]).unwrap_or_default(),
    };
    match valid.chars().next() {
        Some(c) if is_deceptive(c) => {
            match style {
                Style::Json => drop(write!(into, "\\u{:04x}", c as u32)),
                _ => drop(write!(into, "\\u{{{:x}}}", c as u32)),
            }
            c.len_utf8()
        }
        Some(c) => {
            into.extend_from_slice(&head[..c.len_utf8()]);
            c.len_utf8()
        }
        // Not UTF-8. JSON cannot carry the byte, the others show it.
        None => {
            match style {
                Style::Json => into.extend_from_slice("\u{fffd}".as_bytes()),
                _ => drop(write!(into, "\\x{:02x}", rest[0])),
            }
            1
        }
    }
}

/// Characters that control a terminal, break lines in some viewers, or reorder the text around them. All are
/// below U+10000, so JSON needs no surrogates for them.
fn is_deceptive(c: char) -> bool {
    matches!(c, '\u{80}'..='\u{9f}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

/// Appends a number in decimal.
pub(super) fn push_number(into: &mut Vec<u8>, number: impl itoa::Integer) {
    into.extend_from_slice(itoa::Buffer::new().format(number).as_bytes());
}

/// Appends milliseconds with three decimals.
pub(super) fn push_milliseconds(into: &mut Vec<u8>, duration: Duration) {
    let microseconds = duration.as_micros() as u64;
    push_number(into, microseconds / 1000);
    let fraction = (microseconds % 1000) as u16;
    let digit = |power: u16| b'0' + (fraction / power % 10) as u8;
    into.extend_from_slice(&[b'.', digit(100), digit(10), digit(1)]);
}

/// Appends an address; one that is an IPv4 address in an IPv6 socket, as IPv4.
pub(super) fn push_address(into: &mut Vec<u8>, address: IpAddr) {
    match address.to_canonical() {
        IpAddr::V4(address) => {
            for (index, octet) in address.octets().into_iter().enumerate() {
                if index > 0 {
                    into.push(b'.');
                }
                push_number(into, octet);
            }
        }
        IpAddr::V6(address) => drop(write!(into, "{address}")),
    }
}
