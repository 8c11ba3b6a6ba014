//! The head of a response that is passed on as it was received: from the form in which JavaScript has it to the one in which it is sent.
//!
//! Knows nothing of who received it, and nothing of how it is sent.

use crate::host::ResponseHead;
use nano_http::ResponseText;
use std::borrow::Cow;

/// A head in the form in which JavaScript has it, ready to be sent.
pub(super) struct PassedHead<'a> {
    status: u16,
    reason: Cow<'a, str>,
    /// The fields, without those that the writer of a message sets itself.
    block: Vec<u8>,
    content_length: Option<u64>,
}

impl<'a> PassedHead<'a> {
    /// Takes a head apart. One that is not of the form becomes an empty one with the status 500.
    pub(super) fn of(received: &'a [u8]) -> Self {
        let text =
            ResponseText::parse(received).unwrap_or(ResponseText { status: 500, ..ResponseText::default() });
        Self {
            status: text.status,
            reason: latin1(text.reason),
            block: text.fields_to_pass_on(),
            content_length: text.content_length(),
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

#[cfg(test)]
mod tests {
    use super::PassedHead;

    #[test]
    fn a_head_is_sent_as_it_came_but_for_what_concerns_the_connection() {
        let received =
            b"200 r OK then\nhttp://a/b:c\nserver: x: y\r\nconnection: close\r\ncontent-length: 12\r\n\
              trailer: x\r\nte: trailers\r\nset-cookie: a\r\nset-cookie: b\r\nempty: \r\n";
        let passed = PassedHead::of(received);
        let head = passed.head();
        assert_eq!((head.status, head.status_text, head.content_length), (200, "OK then", Some(12)));
        assert_eq!(head.headers, b"server: x: y\r\nset-cookie: a\r\nset-cookie: b\r\nempty: \r\n");
    }

    #[test]
    fn a_length_that_is_none_or_comes_twice_is_not_known() {
        for field in [
            "content-length: \r\n",
            "content-length: 1x\r\n",
            "content-length: 1234567890123456\r\n",
            "content-length: 1\r\ncontent-length: 1\r\n",
        ] {
            let received = format!("404 - \nhttp://a/\n{field}");
            let passed = PassedHead::of(received.as_bytes());
            assert_eq!(passed.head().content_length, None, "{field}");
            assert_eq!((passed.head().status, passed.head().status_text), (404, ""));
        }
    }

    #[test]
    fn a_reason_is_latin1() {
        assert_eq!(PassedHead::of(b"200 - \xe9t\xe9\nhttp://a/\n").head().status_text, "\u{e9}t\u{e9}");
    }

    #[test]
    fn anything_else_is_survived() {
        for received in [&b""[..], b"\n", b"x y z\n\n:\na", b"99999 - \n\n"] {
            assert_eq!(PassedHead::of(received).head().status, 500);
        }
    }
}
