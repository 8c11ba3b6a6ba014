//! Characters and small grammars of RFC 9110 and RFC 3986 that more than one file needs.

const TOKEN: u8 = 1;
const FIELD: u8 = 2;
const HOST: u8 = 4;
const TARGET: u8 = 8;

/// One bit per class of characters.
static CLASS: [u8; 256] = {
    let mut table = [0u8; 256];
    let mut i = 0usize;
    while i < 256 {
        let b = i as u8;
        let alnum = b.is_ascii_alphanumeric();
        // tchar, RFC 9110 5.6.2
        if alnum
            || matches!(
                b,
                b'!' | b'#'
                    | b'$'
                    | b'%'
                    | b'&'
                    | b'\''
                    | b'*'
                    | b'+'
                    | b'-'
                    | b'.'
                    | b'^'
                    | b'_'
                    | b'`'
                    | b'|'
                    | b'~'
            )
        {
            table[i] |= TOKEN;
        }
        // field-vchar, SP and HTAB, RFC 9110 5.5
        if b == b'\t' || (b >= 0x20 && b != 0x7f) {
            table[i] |= FIELD;
        }
        // reg-name without percent-encoding (checked apart), RFC 3986 3.2.2
        if alnum
            || matches!(
                b,
                b'-' | b'.'
                    | b'_'
                    | b'~'
                    | b'!'
                    | b'$'
                    | b'&'
                    | b'\''
                    | b'('
                    | b')'
                    | b'*'
                    | b'+'
                    | b','
                    | b';'
                    | b'='
            )
        {
            table[i] |= HOST;
        }
        // what a target may hold: everything visible but `#`, and what is not ASCII (it must be UTF-8)
        if b > 0x20 && b != 0x7f && b != b'#' {
            table[i] |= TARGET;
        }
        i += 1;
    }
    table
};

/// tchar
#[inline]
pub(crate) fn is_tchar(b: u8) -> bool {
    CLASS[b as usize] & TOKEN != 0
}

/// A byte of a field line's value: no control character but HTAB.
#[inline]
pub(crate) fn is_field_byte(b: u8) -> bool {
    CLASS[b as usize] & FIELD != 0
}

#[inline]
pub(crate) fn is_target_byte(b: u8) -> bool {
    CLASS[b as usize] & TARGET != 0
}

/// Whether `bytes` is a token, as names of methods and header fields are: RFC 9110, section 5.6.2.
pub fn is_token(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().all(|&b| is_tchar(b))
}

/// Removes OWS (SP and HTAB) at both ends.
#[inline]
pub(crate) fn trim(mut bytes: &[u8]) -> &[u8] {
    while let [b' ' | b'\t', rest @ ..] = bytes {
        bytes = rest;
    }
    while let [rest @ .., b' ' | b'\t'] = bytes {
        bytes = rest;
    }
    bytes
}

/// The trimmed elements of a comma-separated list, empty ones too.
pub(crate) fn list(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    value.split(|&b| b == b',').map(trim)
}

/// `uri-host [ ":" port ]` with a host that is not empty: RFC 9110 7.2, RFC 3986 3.2.2.
pub(crate) fn is_authority(bytes: &[u8]) -> bool {
    let port = if let [b'[', rest @ ..] = bytes {
        let Some(end) = memchr::memchr(b']', rest) else { return false };
        let (literal, after) = (&rest[..end], &rest[end + 1..]);
        let text = std::str::from_utf8(literal).unwrap_or("");
        if text.parse::<std::net::Ipv6Addr>().is_err() {
            return false;
        }
        match after {
            [] => return true,
            [b':', port @ ..] => port,
            _ => return false,
        }
    } else {
        let mut i = 0;
        loop {
            match bytes.get(i) {
                None => return i > 0,
                Some(&b) if CLASS[b as usize] & HOST != 0 => i += 1,
                Some(b'%') => match bytes.get(i + 1..i + 3) {
                    Some([a, b]) if a.is_ascii_hexdigit() && b.is_ascii_hexdigit() => i += 3,
                    _ => return false,
                },
                Some(b':') if i > 0 => break &bytes[i + 1..],
                Some(_) => return false,
            }
        }
    };
    // An empty port is allowed by the grammar.
    port.len() <= 5
        && port.iter().all(u8::is_ascii_digit)
        && port.iter().fold(0u32, |n, b| n * 10 + u32::from(b - b'0')) <= 65_535
}

/// A field that [`push_field`] cannot write without changing the meaning of the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidField;

impl std::fmt::Display for InvalidField {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(
            "not a valid header field: the name must be a token, the value free of control characters",
        )
    }
}

impl std::error::Error for InvalidField {}

/// Appends `name: value CRLF` to a header block for [`ResponseHead`](crate::ResponseHead) or trailers.
///
/// # Errors
/// [`InvalidField`] when the name is no token or the value holds a control character other than HTAB; nothing
/// is appended then. This is what makes response splitting impossible: build every block with it.
///
/// ```
/// let mut block = Vec::new();
/// nano_http::push_field(&mut block, b"x-a", b"1").unwrap();
/// assert_eq!(block, b"x-a: 1\r\n");
/// assert!(nano_http::push_field(&mut block, b"x-b", b"1\r\nx-c: 2").is_err());
/// ```
pub fn push_field(block: &mut Vec<u8>, name: &[u8], value: &[u8]) -> Result<(), InvalidField> {
    if !is_token(name) || !value.iter().all(|&b| is_field_byte(b)) {
        return Err(InvalidField);
    }
    block.reserve(name.len() + value.len() + 4);
    block.extend_from_slice(name);
    block.extend_from_slice(b": ");
    block.extend_from_slice(value);
    block.extend_from_slice(b"\r\n");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn authorities() {
        for good in [
            "a",
            "example.com",
            "example.com:80",
            "example.com:",
            "127.0.0.1:3000",
            "[::1]",
            "[::1]:8080",
            "a_b.c",
            "%41b",
            "xn--bcher-kva.example",
            "a:65535",
        ] {
            assert!(is_authority(good.as_bytes()), "{good}");
        }
        for bad in [
            "",
            ":80",
            "a:65536",
            "a:8o",
            "a:-1",
            "a b",
            "a/b",
            "a@b",
            "user@a",
            "[::1",
            "[::1]x",
            "[]",
            "[a]",
            "a%4",
            "a%zz",
            "a\\b",
            "a?b",
            "a#b",
            "::1",
            "a:80:80",
            "[::1]:99999",
            "\u{e9}",
        ] {
            assert!(!is_authority(bad.as_bytes()), "{bad}");
        }
    }
}
