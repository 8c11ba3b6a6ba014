//! The head of a response that is passed on as it was received: from the form in which JavaScript has it to the one in which it is sent.
//!
//! Knows nothing of who received it, and nothing of how it is sent.

use crate::host::ResponseHead;
use std::borrow::Cow;

/// The most digits of a Content-Length: more than any body has, and exact as a number of JavaScript's.
const LENGTH_DIGITS_MAX: usize = 15;

/// A head of the form `STATUS SP FLAGS SP REASON LF URL [LF name ":" value]...`, in Latin-1, ready to be sent.
pub(super) struct PassedHead<'a> {
    status: u16,
    reason: Cow<'a, str>,
    /// `name: value CR LF` for each header that does not concern the connection or the framing.
    block: Vec<u8>,
    content_length: Option<u64>,
}

impl<'a> PassedHead<'a> {
    /// Takes a head apart. One that is not of the form becomes something that is, with what could be read of it.
    pub(super) fn of(received: &'a [u8]) -> Self {
        let mut lines = received.split(|byte| *byte == b'\n');
        let mut first = lines.next().unwrap_or_default().splitn(3, |byte| *byte == b' ');
        let status = first.next().and_then(number).and_then(|status| u16::try_from(status).ok());
        let reason = first.nth(1).unwrap_or_default();
        let _url = lines.next();
        let mut block = Vec::with_capacity(received.len() + 64);
        let (mut content_length, mut lengths) = (None, 0);
        for line in lines {
            let Some(colon) = line.iter().position(|byte| *byte == b':') else { continue };
            let (name, value) = (&line[..colon], &line[colon + 1..]);
            if name == b"content-length" {
                lengths += 1;
                content_length = number(value);
            }
            if !concerns_connection(name) {
                block.extend_from_slice(name);
                block.extend_from_slice(b": ");
                block.extend_from_slice(value);
                block.extend_from_slice(b"\r\n");
            }
        }
        Self {
            status: status.unwrap_or(500),
            reason: latin1(reason),
            block,
            content_length: content_length.filter(|_| lengths == 1),
        }
    }

    /// As an exchange takes it.
    pub(super) fn head(&self) -> ResponseHead<'_> {
        ResponseHead {
            status: self.status,
            status_text: &self.reason,
            headers: &self.block,
            content_length: self.content_length,
        }
    }
}

fn latin1(bytes: &[u8]) -> Cow<'_, str> {
    match std::str::from_utf8(bytes) {
        Ok(text) if bytes.is_ascii() => Cow::Borrowed(text),
        _ => bytes.iter().map(|byte| char::from(*byte)).collect::<String>().into(),
    }
}

fn number(digits: &[u8]) -> Option<u64> {
    if digits.is_empty() || digits.len() > LENGTH_DIGITS_MAX || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some(digits.iter().fold(0, |number, digit| number * 10 + u64::from(digit - b'0')))
}

/// Headers that belong to the connection or to the framing of the message, which are the writer's. As in `fetch/response.js`.
fn concerns_connection(name: &[u8]) -> bool {
    matches!(
        name,
        b"upgrade"
            | b"connection"
            | b"keep-alive"
            | b"content-length"
            | b"proxy-connection"
            | b"transfer-encoding"
    )
}

#[cfg(test)]
mod tests {
    use super::PassedHead;

    #[test]
    fn a_head_is_sent_as_it_came_but_for_what_concerns_the_connection() {
        let received = b"200 r OK then\nhttp://a/b:c\nserver:x: y\nconnection:close\ncontent-length:12\nset-cookie:a\nset-cookie:b\nempty:";
        let passed = PassedHead::of(received);
        let head = passed.head();
        assert_eq!((head.status, head.status_text, head.content_length), (200, "OK then", Some(12)));
        assert_eq!(head.headers, b"server: x: y\r\nset-cookie: a\r\nset-cookie: b\r\nempty: \r\n");
    }

    #[test]
    fn a_length_that_is_none_or_comes_twice_is_not_known() {
        for field in [
            "content-length:",
            "content-length:1x",
            "content-length:1234567890123456",
            "content-length:1\ncontent-length:1",
        ] {
            let received = format!("404 - \nhttp://a/\n{field}");
            let passed = PassedHead::of(received.as_bytes());
            assert_eq!(passed.head().content_length, None, "{field}");
            assert_eq!((passed.head().status, passed.head().status_text), (404, ""));
        }
    }

    #[test]
    fn a_reason_is_latin1() {
        assert_eq!(PassedHead::of(b"200 - \xe9t\xe9\nhttp://a/").head().status_text, "\u{e9}t\u{e9}");
    }

    #[test]
    fn anything_else_is_survived() {
        for received in [&b""[..], b"\n", b"x y z\n\n:\na", b"99999 - \n\n"] {
            assert_eq!(PassedHead::of(received).head().status, 500);
        }
    }
}
