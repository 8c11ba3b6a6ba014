//! The form in which heads cross to JavaScript and back: one text in Latin-1, in which JavaScript finds what
//! it is asked for, so that a head costs one string. This is the only encoder and the only decoder in Rust;
//! the decoder in JavaScript is `fetch/incoming.js` of nano-web.
//!
//! ```text
//! request   METHOD LF URL LF fields
//! response  STATUS SP FLAGS SP REASON LF URL LF fields
//! fields    (name ":" SP value CR LF)*
//! ```
//!
//! The URL is absolute and serialized. Names are in lower case; values have no white space around them, and
//! no CR, LF or NUL. Fields are in the order of arrival, as they are on the wire: a head that is passed on
//! from an upstream to a client is never encoded anew. FLAGS are `-`, or letters: `r` the request was
//! redirected, `e` there is nothing to read.

use crate::fields::FieldClasses;
use crate::headers::Iter;

/// Writes the head of a request into `out`, at its end. `push_url` appends the URL.
///
/// # Errors
/// What `push_url` returns; `out` is not valid then.
pub fn push_request_text<'a, E>(
    out: &mut Vec<u8>,
    method: &[u8],
    push_url: impl FnOnce(&mut Vec<u8>) -> Result<(), E>,
    fields: impl Iterator<Item = (&'a [u8], &'a [u8])>,
) -> Result<(), E> {
    out.extend_from_slice(method);
    out.push(b'\n');
    push_url(out)?;
    out.push(b'\n');
    for (name, value) in fields {
        let at = out.len();
        out.extend_from_slice(name);
        out[at..].make_ascii_lowercase();
        out.extend_from_slice(b": ");
        out.extend_from_slice(value);
        out.extend_from_slice(b"\r\n");
    }
    Ok(())
}

/// The head of a response, in parts.
///
/// ```
/// use nano_http::ResponseText;
///
/// let fields = b"server: x\r\nconnection: close\r\ncontent-length: 5\r\n";
/// let head = ResponseText { status: 200, reason: b"OK", url: b"http://a/", fields, ..ResponseText::default() };
/// let mut text = Vec::new();
/// head.push(&mut text);
/// assert!(text.starts_with(b"200 - OK\nhttp://a/\nserver: x\r\n"));
///
/// let passed = ResponseText::parse(&text).unwrap();
/// assert_eq!(passed, head);
/// assert_eq!(passed.content_length(), Some(5));
/// assert_eq!(passed.fields_to_pass_on(), b"server: x\r\n");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ResponseText<'a> {
    /// The status.
    pub status: u16,
    /// The request was redirected.
    pub is_redirected: bool,
    /// There is no body, or an empty one.
    pub is_empty: bool,
    /// The reason phrase, which may be empty.
    pub reason: &'a [u8],
    /// The URL of the last request.
    pub url: &'a [u8],
    /// The fields, as a block of lines.
    pub fields: &'a [u8],
}

/// Digits of a `Content-Length` that is passed on.
///
/// Limit (digits): more than any body has, and exact as a number of JavaScript.
const LENGTH_DIGITS_MAX: usize = 15;

impl<'a> ResponseText<'a> {
    /// Writes the head into `out`, at its end.
    pub fn push(&self, out: &mut Vec<u8>) {
        out.reserve(self.reason.len() + self.url.len() + self.fields.len() + 16);
        out.extend_from_slice(itoa::Buffer::new().format(self.status).as_bytes());
        out.extend_from_slice(match (self.is_redirected, self.is_empty) {
            (false, false) => b" - ",
            (true, false) => b" r ",
            (false, true) => b" e ",
            (true, true) => b" re ",
        });
        for part in [self.reason, b"\n", self.url, b"\n", self.fields] {
            out.extend_from_slice(part);
        }
    }

    /// Takes a text apart; `None` if it is not of this form.
    pub fn parse(text: &'a [u8]) -> Option<Self> {
        let (first, rest) = split_at_byte(text, b'\n')?;
        let (url, fields) = split_at_byte(rest, b'\n')?;
        let (status, first) = split_at_byte(first, b' ')?;
        let (flags, reason) = split_at_byte(first, b' ')?;
        let status = number(status).and_then(|status| u16::try_from(status).ok())?;
        let (is_redirected, is_empty) = (flags.contains(&b'r'), flags.contains(&b'e'));
        Some(Self { status, is_redirected, is_empty, reason, url, fields })
    }

    /// The body's length by Content-Length, if there is one such field, and it is valid.
    pub fn content_length(&self) -> Option<u64> {
        let mut lengths = Iter::of_block(self.fields).filter(|(name, _)| *name == b"content-length");
        let (_, value) = lengths.next()?;
        lengths.next().is_none().then(|| number(value))?
    }

    /// The fields without those that the writer of a message sets itself: [`FieldClasses::is_writers`].
    pub fn fields_to_pass_on(&self) -> Vec<u8> {
        let mut kept = Vec::with_capacity(self.fields.len());
        let mut rest = self.fields;
        while let Some(end) = memchr::memchr(b'\n', rest) {
            let (line, after) = rest.split_at(end + 1);
            rest = after;
            let name = memchr::memchr(b':', line).map_or(&[][..], |colon| &line[..colon]);
            if !name.is_empty() && line.ends_with(b"\r\n") && !FieldClasses::of(name).is_writers() {
                kept.extend_from_slice(line);
            }
        }
        kept
    }
}

fn split_at_byte(bytes: &[u8], byte: u8) -> Option<(&[u8], &[u8])> {
    let at = memchr::memchr(byte, bytes)?;
    Some((&bytes[..at], &bytes[at + 1..]))
}

fn number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || digits.len() > LENGTH_DIGITS_MAX || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some(digits.iter().fold(0, |number, digit| number * 10 + u64::from(digit - b'0')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests() {
        let mut out = Vec::new();
        let fields = [(&b"Host"[..], &b"a"[..]), (b"X-Two", b"")];
        let url = |out: &mut Vec<u8>| {
            out.extend_from_slice(b"http://a/b?c");
            Ok::<_, ()>(())
        };
        push_request_text(&mut out, b"GET", url, fields.into_iter()).unwrap();
        assert_eq!(out, b"GET\nhttp://a/b?c\nhost: a\r\nx-two: \r\n");
        assert_eq!(push_request_text(&mut out, b"GET", |_| Err(7), [].into_iter()), Err(7));
    }

    #[test]
    fn responses_come_back_as_they_were() {
        for is_redirected in [false, true] {
            for is_empty in [false, true] {
                for (reason, fields) in [(&b""[..], &b""[..]), (b"Not Found", b"a: b\r\nc: \xe9\r\n")] {
                    let url = b"https://a/?b#c";
                    let head = ResponseText { status: 404, is_redirected, is_empty, reason, url, fields };
                    let mut text = Vec::new();
                    head.push(&mut text);
                    assert_eq!(ResponseText::parse(&text), Some(head));
                }
            }
        }
        for other in
            [&b""[..], b"\n", b"200\n\n", b"200 -\n\n", b"x - \n\n", b"99999 - \n\n", b"200 - OK\nhttp"]
        {
            assert_eq!(ResponseText::parse(other), None, "{}", other.escape_ascii());
        }
    }

    #[test]
    fn what_is_passed_on() {
        let length = |fields| ResponseText { fields, ..ResponseText::default() }.content_length();
        assert_eq!(length(b"content-length: 12\r\n"), Some(12));
        for fields in [
            &b""[..],
            b"content-length: \r\n",
            b"content-length: 1x\r\n",
            b"content-length: 1234567890123456\r\n",
            b"content-length: 1\r\ncontent-length: 1\r\n",
        ] {
            assert_eq!(length(fields), None, "{}", fields.escape_ascii());
        }
        let kept = |fields| ResponseText { fields, ..ResponseText::default() }.fields_to_pass_on();
        let fields =
            b"server: x: y\r\nconnection: close\r\ncontent-length: 12\r\ntrailer: x\r\nset-cookie: a\r\n\
                       set-cookie: b\r\nte: trailers\r\nempty: \r\n";
        assert_eq!(kept(fields), b"server: x: y\r\nset-cookie: a\r\nset-cookie: b\r\nempty: \r\n");
        // Nothing that is no line of a field is sent.
        for fields in [&b": x\r\n"[..], b"x\r\n", b"\r\n", b"a: b\n", b"a: b"] {
            assert_eq!(kept(fields), b"", "{}", fields.escape_ascii());
        }
    }
}
