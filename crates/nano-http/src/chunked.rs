//! The chunked transfer coding, RFC 9112 7.1: chunk-size lines. Data and trailers are the connection's business.

use crate::grammar::{is_tchar, is_token};
use crate::{Limits, Refusal};

/// A chunk-size line.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct ChunkLine {
    /// Length of the line with its CRLF.
    pub len: usize,
    /// Data bytes that follow; 0 for the last chunk.
    pub size: u64,
    /// Bytes of extensions in the line.
    pub extensions: usize,
}

/// Most hexadecimal digits of a chunk size: 64 bits. Leading zeros count, so that no size has endless spellings.
const SIZE_DIGITS: usize = 16;

/// Reads the line at the start of `bytes`; `None` when it is not complete yet. What it says depends on the
/// line alone, not on how much of it has arrived.
pub(crate) fn chunk_line(bytes: &[u8], limits: &Limits) -> Result<Option<ChunkLine>, Refusal> {
    let window = &bytes[..bytes.len().min(limits.chunk_line_bytes)];
    let Some(end) = memchr::memchr(b'\n', window) else {
        return if window.len() < limits.chunk_line_bytes {
            Ok(None)
        } else {
            Err(Refusal::ChunkLineTooLong)
        };
    };
    let Some(line) = window[..end].strip_suffix(b"\r") else { return Err(Refusal::BareLineFeed) };
    let digits = line.iter().take_while(|b| b.is_ascii_hexdigit()).count();
    if digits == 0 || digits > SIZE_DIGITS {
        return Err(Refusal::ChunkSize);
    }
    let size = line[..digits].iter().fold(0u64, |n, &b| n << 4 | u64::from(hex_value(b)));
    let extensions = &line[digits..];
    check_extensions(extensions)?;
    Ok(Some(ChunkLine { len: end + 1, size, extensions: extensions.len() }))
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
        chunk_line(line, &Limits::default()).map(|l| l.map(|l| l.size))
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
