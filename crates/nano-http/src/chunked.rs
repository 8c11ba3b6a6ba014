//! The chunked transfer coding, RFC 9112, section 7.1: chunk-size lines, read and written.

use crate::Refusal;
use crate::framing::Strictness;
use crate::grammar::{is_tchar, is_token};

/// A chunk-size line.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ChunkLine {
    /// Length of the line with its end.
    pub len: usize,
    /// Data bytes that follow; 0 for the last chunk.
    pub size: u64,
    /// Bytes of extensions in the line.
    pub extensions: usize,
}

/// Hexadecimal digits of a chunk size, leading zeros included.
///
/// Limit (digits): 64 bits; without a bound one size had endless spellings.
const SIZE_DIGITS: usize = 16;

/// The last chunk without trailer fields.
pub const LAST_CHUNK: &[u8] = b"0\r\n\r\n";

/// The line before a chunk of `size` bytes, which is not 0; CRLF follows the chunk.
pub fn push_chunk_line(out: &mut Vec<u8>, size: usize) {
    let digits = (usize::BITS - size.leading_zeros()).div_ceil(4).max(1);
    for at in (0..digits).rev() {
        out.push(b"0123456789abcdef"[size >> (4 * at) & 15]);
    }
    out.extend_from_slice(b"\r\n");
}

/// Reads the line at the start of `bytes`; `None` when it is not complete yet. In a strict reading the answer
/// depends on the line alone, not on how much of it has arrived; a tolerant one refuses what cannot become a
/// line at once.
pub(crate) fn chunk_line(
    bytes: &[u8],
    line_bytes: usize,
    strictness: Strictness,
) -> Result<Option<ChunkLine>, Refusal> {
    let window = &bytes[..bytes.len().min(line_bytes)];
    let Some(end) = memchr::memchr(b'\n', window) else {
        if window.len() >= line_bytes {
            return Err(Refusal::ChunkLineTooLong);
        }
        if strictness == Strictness::Tolerant {
            tolerant_size(window.strip_suffix(b"\r").unwrap_or(window), window.is_empty())?;
        }
        return Ok(None);
    };
    let line = match (window[..end].strip_suffix(b"\r"), strictness) {
        (Some(line), _) => line,
        (None, Strictness::Tolerant) => &window[..end],
        (None, Strictness::Strict) => return Err(Refusal::BareLineFeed),
    };
    let digits = match strictness {
        Strictness::Strict => {
            let digits = size_digits(line);
            if digits == 0 || digits > SIZE_DIGITS {
                return Err(Refusal::ChunkSize);
            }
            check_extensions(&line[digits..])?;
            digits
        }
        Strictness::Tolerant => tolerant_size(line, false)?,
    };
    let size = line[..digits].iter().fold(0u64, |n, &b| n << 4 | u64::from(hex_value(b)));
    Ok(Some(ChunkLine { len: end + 1, size, extensions: line.len() - digits }))
}

fn size_digits(line: &[u8]) -> usize {
    line.iter().take_while(|b| b.is_ascii_hexdigit()).count()
}

/// The digits at the start of a line, or of the part of one that has arrived, without its end; anything may
/// follow a `;` or white space after them.
fn tolerant_size(line: &[u8], may_be_empty: bool) -> Result<usize, Refusal> {
    let digits = size_digits(line);
    let follows = matches!(line.get(digits), None | Some(b';' | b' ' | b'\t'));
    let valid = follows && digits <= SIZE_DIGITS && !line.contains(&b'\r') && (digits > 0 || may_be_empty);
    if valid { Ok(digits) } else { Err(Refusal::ChunkSize) }
}

fn hex_value(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        b'a'..=b'f' => digit - b'a' + 10,
        _ => digit - b'A' + 10,
    }
}

/// `chunk-ext = *( ";" chunk-ext-name [ "=" chunk-ext-val ] )`, RFC 9112 7.1.1. The "bad" white space of the
/// grammar is not taken before the first `;` (nor is it after the size): parsers differ on it.
fn check_extensions(mut rest: &[u8]) -> Result<(), Refusal> {
    while !rest.is_empty() {
        let Some(after) = rest.strip_prefix(b";") else {
            // Directly after the size anything but `;` is a bad size.
            return Err(Refusal::ChunkSize);
        };
        rest = skip_blanks(after);
        let name = rest.iter().take_while(|&&b| is_tchar(b)).count();
        if !is_token(&rest[..name]) {
            return Err(Refusal::ChunkExtension);
        }
        rest = skip_blanks(&rest[name..]);
        if let Some(value) = rest.strip_prefix(b"=") {
            let value = skip_blanks(value);
            let len = match value.first() {
                Some(b'"') => quoted_string(value).ok_or(Refusal::ChunkExtension)?,
                _ => value.iter().take_while(|&&b| is_tchar(b)).count(),
            };
            if len == 0 {
                return Err(Refusal::ChunkExtension);
            }
            rest = skip_blanks(&value[len..]);
        }
        if !rest.is_empty() && rest[0] != b';' {
            return Err(Refusal::ChunkExtension);
        }
    }
    Ok(())
}

fn skip_blanks(bytes: &[u8]) -> &[u8] {
    let blanks = bytes.iter().take_while(|b| matches!(b, b' ' | b'\t')).count();
    &bytes[blanks..]
}

/// The length of the quoted-string at the start of `bytes`: RFC 9110 5.6.4.
fn quoted_string(bytes: &[u8]) -> Option<usize> {
    let mut i = 1;
    loop {
        match *bytes.get(i)? {
            b'"' => return Some(i + 1),
            b'\\' => {
                let escaped = *bytes.get(i + 1)?;
                if !crate::grammar::is_field_byte(escaped) {
                    return None;
                }
                i += 2;
            }
            b if crate::grammar::is_field_byte(b) => i += 1,
            _ => return None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn size(line: &[u8]) -> Result<Option<u64>, Refusal> {
        chunk_line(line, 256, Strictness::Strict).map(|l| l.map(|l| l.size))
    }

    #[test]
    fn tolerant_lines() {
        let size = |line: &[u8]| chunk_line(line, 256, Strictness::Tolerant).map(|l| l.map(|l| l.size));
        for good in [&b"5\r\nhello"[..], b"5\n", b"5 \r\n", b"5;anything = at \"all\r\n", b"0005\t\n"] {
            assert_eq!(size(good), Ok(Some(5)), "{}", good.escape_ascii());
        }
        for partial in [&b""[..], b"5", b"5\r", b"5;a", b"ffffffffffffffff"] {
            assert_eq!(size(partial), Ok(None), "{}", partial.escape_ascii());
        }
        for bad in [&b"\r"[..], b"\n", b"x", b"5x", b"5\rx", b"5;a\rb\r\n", b"00000000000000005", b"\r\n"] {
            assert_eq!(size(bad), Err(Refusal::ChunkSize), "{}", bad.escape_ascii());
        }
    }

    #[test]
    fn lines_are_written_as_they_are_read() {
        for size in [1, 15, 16, 255, 4096, 65_537, usize::MAX] {
            let mut out = Vec::new();
            push_chunk_line(&mut out, size);
            assert_eq!(out, format!("{size:x}\r\n").into_bytes());
        }
    }

    #[test]
    fn lines() {
        assert_eq!(size(b"5\r\nhello"), Ok(Some(5)));
        assert_eq!(size(b"fF\r\n"), Ok(Some(255)));
        assert_eq!(size(b"0000000000000005\r\n"), Ok(Some(5)));
        assert_eq!(size(b"FFFFFFFFFFFFFFFF\r\n"), Ok(Some(u64::MAX)));
        assert_eq!(size(b"5;a=b;c;d=\"x;\\\"y\"\r\n"), Ok(Some(5)));
        assert_eq!(size(b"5; a = b ; c\r\n"), Ok(Some(5)));
        assert_eq!(size(b"5"), Ok(None));
        assert_eq!(size(b"5\r"), Ok(None));
        for bad in [
            &b"\r\n"[..],
            b"x\r\n",
            b"-5\r\n",
            b"+5\r\n",
            b"0x5\r\n",
            b" 5\r\n",
            b"5 \r\n",
            b"5\t\r\n",
            b"5 ;a\r\n",
            b"5,\r\n",
            b"00000000000000005\r\n",
            b"10000000000000005\r\n",
            b"5\r\r\n",
            b"5_0\r\n",
        ] {
            assert_eq!(size(bad), Err(Refusal::ChunkSize), "{:?}", bad.escape_ascii().to_string());
        }
        for bad in [
            &b"5;\r\n"[..],
            b"5;=\r\n",
            b"5;a=\r\n",
            b"5;a=\"x\r\n",
            b"5;a\rb\r\n",
            b"5;a\0\r\n",
            b"5;a=\"\0\"\r\n",
        ] {
            assert_eq!(size(bad), Err(Refusal::ChunkExtension), "{:?}", bad.escape_ascii().to_string());
        }
        assert_eq!(size(b"5\n"), Err(Refusal::BareLineFeed));
    }
}
