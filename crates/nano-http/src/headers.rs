//! Header fields as one block of lines, as they are on the wire: cheap to make, to pass on and to send.

use crate::grammar::{InvalidField, is_token, list, trim};
use std::fmt;

/// Header fields in order, as `name: value CRLF` lines in one buffer. Names are in lower case.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Headers {
    block: Vec<u8>,
    /// Which of the [`steering`] names are there.
    steering: u8,
}

/// A bit for each of the names that are looked for in every response, so that one which is not there is not
/// looked for; 0 for others.
const fn steering(name: &[u8]) -> u8 {
    match name {
        b"connection" => 1,
        b"content-encoding" => 2,
        b"content-length" => 4,
        b"keep-alive" => 8,
        b"location" => 16,
        b"transfer-encoding" => 32,
        _ => 0,
    }
}

/// field-vchar, SP and HTAB; other control characters than NUL, CR and LF harm nobody and the Fetch standard
/// lets them pass.
fn is_value(bytes: &[u8]) -> bool {
    memchr::memchr3(0, b'\r', b'\n', bytes).is_none()
}

impl Headers {
    /// No fields.
    pub fn new() -> Self {
        Self::default()
    }

    /// Fields from lines `name: value CRLF`, as [`block`](Self::block) gives them.
    ///
    /// # Errors
    ///
    /// If a line is no valid field.
    pub fn from_block(block: &[u8]) -> Result<Self, InvalidField> {
        let mut headers = Self { block: Vec::with_capacity(block.len()), steering: 0 };
        let mut rest = block;
        while !rest.is_empty() {
            let end = memchr::memchr(b'\n', rest).ok_or(InvalidField)?;
            let line = rest[..end].strip_suffix(b"\r").ok_or(InvalidField)?;
            let colon = memchr::memchr(b':', line).ok_or(InvalidField)?;
            headers.append(&line[..colon], trim(&line[colon + 1..]))?;
            rest = &rest[end + 1..];
        }
        Ok(headers)
    }

    /// Adds a field at the end.
    ///
    /// # Errors
    ///
    /// If it is not a valid one; nothing is added then.
    pub fn append(&mut self, name: &[u8], value: &[u8]) -> Result<(), InvalidField> {
        if !is_token(name) || !is_value(value) {
            return Err(InvalidField);
        }
        let start = self.block.len();
        self.block.extend_from_slice(name);
        self.block[start..].make_ascii_lowercase();
        self.steering |= steering(&self.block[start..]);
        self.block.extend_from_slice(b": ");
        self.block.extend_from_slice(value);
        self.block.extend_from_slice(b"\r\n");
        Ok(())
    }

    /// Names and values in order.
    pub fn iter(&self) -> Iter<'_> {
        Iter { rest: &self.block }
    }

    /// The first value of a name, which is in lower case.
    pub fn get(&self, name: &str) -> Option<&[u8]> {
        if self.lacks(name) {
            return None;
        }
        self.iter().find(|(other, _)| *other == name.as_bytes()).map(|(_, value)| value)
    }

    /// Whether it is known without a look that a name is not there.
    fn lacks(&self, name: &str) -> bool {
        let bit = steering(name.as_bytes());
        bit != 0 && self.steering & bit == 0
    }

    /// Whether a name, in lower case, is there.
    pub fn contains(&self, name: &str) -> bool {
        self.get(name).is_some()
    }

    /// The trimmed elements of all fields of a name, which is in lower case, as the comma-separated list that
    /// they are.
    pub fn list<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        let fields = if self.lacks(name) { Iter { rest: &[] } } else { self.iter() };
        fields
            .filter(move |(other, _)| *other == name.as_bytes())
            .flat_map(|(_, value)| list(value))
            .filter(|element| !element.is_empty())
    }

    /// Removes all fields of the names, which are in lower case.
    pub fn remove(&mut self, names: &[&str]) {
        if !names.iter().any(|name| self.contains(name)) {
            return;
        }
        let mut kept = Vec::with_capacity(self.block.len());
        for (name, value) in self.iter() {
            if !names.iter().any(|other| other.as_bytes() == name) {
                for part in [name, b": ", value, b"\r\n"] {
                    kept.extend_from_slice(part);
                }
            }
        }
        self.block = kept;
        self.steering &= !names.iter().fold(0, |bits, name| bits | steering(name.as_bytes()));
    }

    /// All lines, without a copy.
    pub fn into_block(self) -> Vec<u8> {
        self.block
    }

    /// All lines.
    pub fn block(&self) -> &[u8] {
        &self.block
    }

    /// Whether there is no field.
    pub fn is_empty(&self) -> bool {
        self.block.is_empty()
    }
}

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map()
            .entries(self.iter().map(|(n, v)| (n.escape_ascii().to_string(), v.escape_ascii().to_string())))
            .finish()
    }
}

/// Names and values of [`Headers`].
#[derive(Clone, Debug)]
pub struct Iter<'a> {
    rest: &'a [u8],
}

impl<'a> Iter<'a> {
    /// The fields of a block of lines `name: value CRLF`. The iteration ends at a line that is none.
    pub fn of_block(block: &'a [u8]) -> Self {
        Self { rest: block }
    }
}

impl<'a> Iterator for Iter<'a> {
    type Item = (&'a [u8], &'a [u8]);

    fn next(&mut self) -> Option<Self::Item> {
        // Lines were checked when they were added: no value has a line break, no name a colon.
        let end = memchr::memchr(b'\n', self.rest)?;
        let line = &self.rest[..end.saturating_sub(1)];
        self.rest = &self.rest[end + 1..];
        let colon = memchr::memchr(b':', line)?;
        Some((&line[..colon], line.get(colon + 2..).unwrap_or_default()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_kept_in_order_and_checked() {
        let mut headers = Headers::new();
        headers.append(b"X-A", b"1").unwrap();
        headers.append(b"Connection", b"close, Upgrade").unwrap();
        headers.append(b"x-a", b"").unwrap();
        assert_eq!(headers.block(), b"x-a: 1\r\nconnection: close, Upgrade\r\nx-a: \r\n");
        assert_eq!(headers.iter().count(), 3);
        assert_eq!(headers.get("x-a"), Some(&b"1"[..]));
        assert_eq!(headers.list("connection").collect::<Vec<_>>(), [&b"close"[..], b"Upgrade"]);
        assert_eq!(Headers::from_block(headers.block()).as_ref(), Ok(&headers));
        headers.remove(&["x-a"]);
        assert_eq!(headers.block(), b"connection: close, Upgrade\r\n");
        for (name, value) in
            [(&b"a b"[..], &b"1"[..]), (b"", b"1"), (b"a:", b"1"), (b"a", b"1\r\nb: 2"), (b"a", b"\0")]
        {
            assert_eq!(headers.append(name, value), Err(InvalidField));
        }
        for block in [&b"a: 1"[..], b"a: 1\n", b": 1\r\n", b"a\r\n", b"a: \r1\r\n"] {
            assert!(Headers::from_block(block).is_err(), "{}", block.escape_ascii());
        }
    }
}
