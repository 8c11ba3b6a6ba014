//! Reads a head (or a trailer section) line by line as it arrives, each byte once.
//!
//! The fast path is httparse on a head that arrived whole. This scanner is for all else: heads that arrive in
//! pieces, which must not be parsed from the start with every byte, and heads that httparse refused or took
//! too leniently. Since what it finds depends on the bytes alone, never on how they were split, so does every
//! refusal. It knows lines; what the fields mean is in `head.rs`.

use crate::Refusal;
use crate::grammar::{is_field_byte, is_target_byte, is_token};
use crate::head::{Span, Version};

/// Where the scanner stands. Offsets are relative to the first byte of the section.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Scanner {
    pos: usize,
    line_start: usize,
    fields: usize,
    /// The request line has been read, or there is none (trailers).
    in_fields: bool,
}

/// The limits of one section.
pub(crate) struct SectionLimits {
    pub bytes: usize,
    pub fields: usize,
    pub too_large: Refusal,
}

impl Scanner {
    pub(crate) fn trailers() -> Scanner {
        Scanner { in_fields: true, ..Scanner::default() }
    }

    pub(crate) fn is_fresh(&self) -> bool {
        self.pos == 0
    }

    /// Reads on in `section`, which starts with the bytes seen before. Returns the section's length, its
    /// empty line included, or `None` when it is not complete yet.
    pub(crate) fn run(&mut self, section: &[u8], limits: &SectionLimits) -> Result<Option<usize>, Refusal> {
        while self.pos < section.len() {
            if self.pos >= limits.bytes {
                return Err(limits.too_large);
            }
            match section[self.pos] {
                b'\r' => match section.get(self.pos + 1) {
                    // CR is judged together with what follows it.
                    None => return Ok(None),
                    Some(b'\n') if self.pos + 1 >= limits.bytes => return Err(limits.too_large),
                    Some(b'\n') => {
                        let line = &section[self.line_start..self.pos];
                        self.pos += 2;
                        self.line_start = self.pos;
                        if !self.in_fields {
                            request_line(line)?;
                            self.in_fields = true;
                        } else if line.is_empty() {
                            return Ok(Some(self.pos));
                        } else {
                            field_line(line)?;
                            self.fields += 1;
                            if self.fields > limits.fields {
                                return Err(Refusal::TooManyFields);
                            }
                        }
                    }
                    Some(_) => return Err(Refusal::BareCarriageReturn),
                },
                b'\n' => return Err(Refusal::BareLineFeed),
                b if is_field_byte(b) => self.pos += 1,
                _ => return Err(Refusal::ControlCharacter),
            }
        }
        Ok(None)
    }
}

/// `request-line = method SP request-target SP HTTP-version`, RFC 9112 3: single spaces, nothing else.
fn request_line(line: &[u8]) -> Result<(), Refusal> {
    let mut parts = line.split(|&b| b == b' ');
    let (Some(method), Some(target), Some(version), None) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return Err(Refusal::RequestLine);
    };
    if !is_token(method) {
        return Err(Refusal::RequestLine);
    }
    if target.is_empty() {
        return Err(Refusal::RequestLine);
    }
    if !is_target(target) {
        return Err(Refusal::Target);
    }
    Version::parse(version).map(|_| ())
}

/// The characters of a target: no white space, no fragment; beyond ASCII only as UTF-8, which the URL parser
/// percent-encodes as browsers do.
pub(crate) fn is_target(target: &[u8]) -> bool {
    target.iter().all(|&b| is_target_byte(b)) && std::str::from_utf8(target).is_ok()
}

/// `field-line = field-name ":" OWS field-value OWS`, RFC 9112 5: the name's and the trimmed value's place.
pub(crate) fn field_line(line: &[u8]) -> Result<(Span, Span), Refusal> {
    if matches!(line.first(), Some(b' ' | b'\t')) {
        return Err(Refusal::LineFolding);
    }
    let Some(colon) = memchr::memchr(b':', line) else { return Err(Refusal::FieldName) };
    if !is_token(&line[..colon]) {
        return Err(Refusal::FieldName);
    }
    let (mut start, mut end) = (colon + 1, line.len());
    while start < end && matches!(line[start], b' ' | b'\t') {
        start += 1;
    }
    while end > start && matches!(line[end - 1], b' ' | b'\t') {
        end -= 1;
    }
    Ok((Span::new(0, colon), Span::new(start, end)))
}
