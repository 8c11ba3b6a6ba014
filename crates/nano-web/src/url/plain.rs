//! The URL parser for most URLs: `http` and `https`, a host of plain ASCII labels, and nothing that would
//! have to be encoded. Other input falls through to [`super::quirk`]; a test compares both on input that both
//! parse.
//!
//! Knows no JavaScript.

use std::mem::MaybeUninit;

/// The longest URL that is made here, its base included.
const BYTES_MAX: usize = 1024;

/// Where a URL is made. Its owner's, so that it is neither cleared nor moved.
pub(super) type Room = [MaybeUninit<u8>; BYTES_MAX];

/// Room for a URL.
pub(super) fn room() -> Room {
    [MaybeUninit::uninit(); BYTES_MAX]
}

/// A URL that was parsed: its serialization, and the offsets in it as `url.js` has them.
pub(super) struct Plain<'a> {
    room: &'a mut Room,
    /// Bytes of the room that are written.
    length: usize,
    pub(super) scheme_end: u32,
    pub(super) username_end: u32,
    pub(super) host_start: u32,
    pub(super) host_end: u32,
    pub(super) port: Option<u16>,
    pub(super) path_start: u32,
    pub(super) query_start: Option<u32>,
    pub(super) fragment_start: Option<u32>,
    /// The input was serialized already.
    pub(super) is_input: bool,
}

const PATH: u8 = 1;
const QUERY: u8 = 2;
const FRAGMENT: u8 = 4;
const USER: u8 = 8;
const HOST: u8 = 16;

/// Where a byte may stand as it is. URL, section 1.3: none of these is in the percent-encode set of its
/// place.
static ALLOWED: [u8; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        table[byte] = match byte as u8 {
            b'a'..=b'z' | b'0'..=b'9' | b'-' => PATH | QUERY | FRAGMENT | USER | HOST,
            // A dot in the host parts labels.
            b'A'..=b'Z' | b'.' | b'_' | b'~' => PATH | QUERY | FRAGMENT | USER,
            b'!' | b'$' | b'&' | b'(' | b')' | b'*' | b'+' | b',' | b';' | b'=' | b':' | b'@' | b'%'
            | b'/' => PATH | QUERY | FRAGMENT,
            b'?' => QUERY | FRAGMENT,
            _ => 0,
        };
        byte += 1;
    }
    table
};

/// How many bytes from the beginning may stand in a place.
fn span(bytes: &[u8], place: u8) -> usize {
    bytes.iter().position(|byte| ALLOWED[usize::from(*byte)] & place == 0).unwrap_or(bytes.len())
}

/// URL section 4.4, "URL parser". `None`: it is to be parsed otherwise.
pub(super) fn parse<'a>(input: &[u8], base: Option<&[u8]>, room: &'a mut Room) -> Option<Plain<'a>> {
    if input.len() + base.map_or(0, <[u8]>::len) + 1 > BYTES_MAX {
        return None;
    }
    if input.starts_with(b"https://") || input.starts_with(b"http://") {
        // A base of whatever kind would have to be a URL.
        if base.is_some_and(|base| absolute(base, room).is_none()) {
            return None;
        }
        return absolute(input, room);
    }
    relative(input, absolute(base?, room)?)
}

impl Plain<'_> {
    /// The serialization.
    pub(super) fn href(&self) -> &[u8] {
        // SAFETY: the first `length` bytes are written: `push` alone makes it larger, by what it has written
        // there.
        unsafe { std::slice::from_raw_parts(self.room.as_ptr().cast(), self.length) }
    }

    fn push(&mut self, bytes: &[u8]) -> Option<()> {
        let end = self.length + bytes.len();
        let room = self.room.get_mut(self.length..end)?;
        // SAFETY: there is just so much room, and `bytes` are not a part of it, which is borrowed mutably.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), room.as_mut_ptr().cast(), bytes.len()) };
        self.length = end;
        Some(())
    }

    /// "path state", for what follows a slash: appends to the path that is there.
    fn path(&mut self, path: &[u8]) -> Option<()> {
        let mut rest = path;
        loop {
            let end = rest.iter().position(|byte| *byte == b'/');
            let segment = &rest[..end.unwrap_or(rest.len())];
            match segment {
                b"." => {}
                b".." => {
                    let start = self.path_start as usize;
                    let last = self.href()[start..].iter().rposition(|byte| *byte == b'/');
                    self.length = start + last.unwrap_or(0);
                }
                _ => {
                    self.push(b"/")?;
                    self.push(segment)?;
                }
            }
            match end {
                Some(end) => rest = &rest[end + 1..],
                None => {
                    if matches!(segment, b"." | b"..") {
                        self.push(b"/")?;
                    }
                    return Some(());
                }
            }
        }
    }

    /// The query and the fragment.
    fn query_and_fragment(&mut self, rest: &[u8]) -> Option<()> {
        let mut rest = rest;
        if rest.first() == Some(&b'?') {
            let length = 1 + span(&rest[1..], QUERY);
            self.query_start = Some(self.length as u32);
            self.push(&rest[..length])?;
            rest = &rest[length..];
        }
        if rest.first() == Some(&b'#') {
            let length = 1 + span(&rest[1..], FRAGMENT);
            self.fragment_start = Some(self.length as u32);
            self.push(&rest[..length])?;
            rest = &rest[length..];
        }
        rest.is_empty().then_some(())
    }
}

/// Whether `path` has a segment that would have to be decoded to be told from a dot.
fn has_encoded_dot(path: &[u8]) -> bool {
    path.windows(3).any(|bytes| bytes[0] == b'%' && bytes[1] == b'2' && bytes[2] | 0x20 == b'e')
}

/// A name of labels that need no mapping and are no number. Section 3.5, "host parser"
fn is_plain_host(host: &[u8]) -> bool {
    if host.is_empty() || host.len() > 253 {
        return false;
    }
    let mut last_is_name = false;
    for label in host.split(|byte| *byte == b'.') {
        // Two hyphens in these places announce a label in Punycode, or one that is reserved.
        if label.is_empty()
            || label.len() > 63
            || label.get(2..4) == Some(b"--")
            || span(label, HOST) != label.len()
        {
            return false;
        }
        last_is_name = label[0].is_ascii_lowercase();
    }
    last_is_name
}

/// Whether a host is an IPv4 address as the URL standard serializes it (section 3.6, "IPv4 serializer"): four
/// decimal numbers without leading zeros.
pub fn is_serialized_ipv4(host: &[u8]) -> bool {
    let mut parts = 0;
    host.split(|byte| *byte == b'.').all(|part| {
        parts += 1;
        match part {
            [b'0'] => true,
            [b'1'..=b'9', ..] if part.len() <= 3 => {
                part.iter().all(u8::is_ascii_digit)
                    && part.iter().fold(0u32, |sum, digit| sum * 10 + u32::from(digit - b'0')) <= 255
            }
            _ => false,
        }
    }) && parts == 4
}

/// A URL that begins with its scheme.
fn absolute<'a>(input: &[u8], room: &'a mut Room) -> Option<Plain<'a>> {
    let (scheme_end, default_port) = if input.starts_with(b"https://") {
        (5, 443)
    } else if input.starts_with(b"http://") {
        (4, 80)
    } else {
        return None;
    };
    let start = scheme_end + 3;
    let end = input[start..].iter().position(|byte| matches!(byte, b'/' | b'?' | b'#'));
    let end = end.map_or(input.len(), |end| start + end);
    let authority = &input[start..end];
    let (mut username_end, mut host_start) = (start, start);
    if let Some(at) = authority.iter().position(|byte| *byte == b'@') {
        let user = &authority[..at];
        let name = user.iter().position(|byte| *byte == b':').unwrap_or(at);
        // An empty name or password is left out of the serialization.
        let password = user.get(name + 1..);
        if name == 0
            || span(&user[..name], USER) != name
            || password.is_some_and(|password| password.is_empty() || span(password, USER) != password.len())
        {
            return None;
        }
        username_end = start + name;
        host_start = start + at + 1;
    }
    let host = &input[host_start..end];
    let (host, port) = match host.iter().position(|byte| *byte == b':') {
        None => (host, None),
        Some(colon) => {
            let digits = &host[colon + 1..];
            if digits.is_empty() || digits.len() > 5 || (digits[0] == b'0' && digits.len() > 1) {
                return None;
            }
            let port = std::str::from_utf8(digits).ok()?.parse::<u16>().ok()?;
            if port == default_port || !digits[0].is_ascii_digit() {
                return None;
            }
            (&host[..colon], Some(port))
        }
    };
    if !is_plain_host(host) && !is_serialized_ipv4(host) {
        return None;
    }
    let mut plain = Plain {
        room,
        length: 0,
        scheme_end: scheme_end as u32,
        username_end: username_end as u32,
        host_start: host_start as u32,
        host_end: (host_start + host.len()) as u32,
        port,
        path_start: end as u32,
        query_start: None,
        fragment_start: None,
        is_input: false,
    };
    plain.push(&input[..end])?;
    let rest = &input[end..];
    let path = span(rest, PATH);
    let (path, rest) = rest.split_at(path);
    if has_encoded_dot(path) {
        return None;
    }
    plain.path(path.get(1..).unwrap_or_default())?;
    plain.query_and_fragment(rest)?;
    plain.is_input = plain.href() == input;
    Some(plain)
}

/// A URL that continues its base. Section 4.4, "relative state"
fn relative<'a>(input: &[u8], mut base: Plain<'a>) -> Option<Plain<'a>> {
    let path = span(input, PATH);
    let (path, rest) = input.split_at(path);
    // An input with a colon before its first slash may have a scheme; one that begins with two slashes has an
    // authority.
    let first = path.split(|byte| *byte == b'/').next().unwrap_or_default();
    if first.contains(&b':') || path.starts_with(b"//") || has_encoded_dot(path) {
        return None;
    }
    let start = base.path_start as usize;
    match (path.first(), rest.first()) {
        (Some(b'/'), _) => {
            base.length = start;
            base.query_start = None;
            base.path(&path[1..])?;
        }
        (Some(_), _) => {
            let end = base.query_start.or(base.fragment_start).map_or(base.length, |end| end as usize);
            base.length = start + base.href()[start..end].iter().rposition(|byte| *byte == b'/')?;
            base.query_start = None;
            base.path(path)?;
        }
        (None, Some(b'?')) => {
            base.length = base.query_start.or(base.fragment_start).map_or(base.length, |end| end as usize);
            base.query_start = None;
        }
        (None, Some(b'#')) => {
            base.length = base.fragment_start.map_or(base.length, |end| end as usize);
        }
        _ => return None,
    }
    base.fragment_start = None;
    base.query_and_fragment(rest)?;
    base.is_input = false;
    Some(base)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::url::quirk;

    /// Whether it was parsed here; what was has to be as the other parser has it.
    fn compare(input: &str, base: Option<&str>) -> bool {
        let mut room = room();
        let Some(plain) = parse(input.as_bytes(), base.map(str::as_bytes), &mut room) else { return false };
        let expected = quirk::parse(input, base);
        let Some(expected) = expected else { panic!("{input:?} with {base:?} is no URL") };
        let (href, offsets, authority) = expected.parts();
        assert_eq!(std::str::from_utf8(plain.href()), Ok(href.as_str()), "{input:?} with {base:?}");
        let found = [
            Some(plain.scheme_end),
            Some(plain.username_end),
            Some(plain.host_start),
            Some(plain.host_end),
            plain.port.map(u32::from),
            Some(plain.path_start),
            plain.query_start,
            plain.fragment_start,
        ];
        assert_eq!((found, true), (offsets, authority), "{input:?} with {base:?}");
        true
    }

    #[test]
    fn what_is_parsed_here_is_as_the_other_parser_has_it() {
        let authorities = [
            "a",
            "example.com",
            "user@a.b",
            "user:pass@a.b",
            ":p@a",
            "u:@a",
            "@a",
            "u@@a",
            "a:1",
            "a:443",
            "a:80",
            "a:0",
            "a:00",
            "a:65535",
            "a:65536",
            "a:+1",
            "a:",
            "1.2.3.4",
            "127.0.0.1:38500",
            "user@255.255.255.0",
            "1.2.3",
            "1.2.3.4.",
            "1.2.3.04",
            "1.2.3.0x4",
            "1.a.3.4",
            "a.1.2.3.com",
            "a.1",
            "a.0x1",
            "1.a",
            "xn--a",
            "a..b",
            ".a",
            "a.",
            "a--b",
            "ab--c",
            "-a-",
            "A",
            "a_b",
            "[::1]",
            "",
            "a%41",
            "localhost",
            "x-y.z0",
            "user:pa:ss@a",
        ];
        let paths = [
            "",
            "/",
            "/a",
            "/a/",
            "/a/b",
            "//",
            "/.",
            "/..",
            "/./",
            "/../",
            "/a/.",
            "/a/..",
            "/a/../",
            "/a/./b/../c",
            "/a/b/../../../c",
            "/...",
            "/.a",
            "/a%2e",
            "/%2E/a",
            "/%2e%2E",
            "/a%20b",
            "/a b",
            "/\\a",
            "/a:b@c;d=e,f",
            "/a//..",
            "/a//../b",
            "/ä",
            "/a'b",
            "/a|b",
            "/a^b",
            "/{}",
            "/*+~!$&()",
        ];
        let tails = [
            "", "?", "#", "?#", "?a=b&c", "?a#b", "#a?b", "#a#b", "?a?b", "?a'b", "?a b", "#a`b", "?%zz",
            "?/../", "#/../",
        ];
        let mut plain = 0;
        for scheme in ["https://", "http://", "HTTP://", "ws://", "https:/", "https:"] {
            for authority in authorities {
                for path in paths {
                    for tail in tails {
                        plain += usize::from(compare(&format!("{scheme}{authority}{path}{tail}"), None));
                    }
                }
            }
        }
        assert!(plain > 5000, "{plain}");
    }

    #[test]
    fn so_is_what_is_relative() {
        let bases = [
            "https://a.b",
            "https://a.b/",
            "https://u:p@a.b:8/c/d",
            "http://a/c/d/?e",
            "http://a/c/d?e#f",
            "http://a/c#f",
            "http://a//",
            "http://a/b//c",
            "https://a.b/../x/./y?z",
            "http://1.2.3.4/a",
            "data:a",
            "http:",
            "file:///a/b",
            "ws://a/b",
        ];
        let paths = [
            "",
            "a",
            "a/b",
            "/",
            "/a",
            "//",
            "//a",
            "///a",
            ".",
            "..",
            "./",
            "../",
            "./a",
            "../a",
            "../../a",
            "../../../a/",
            "a/..",
            "a/../..",
            "a:b",
            "a/b:c",
            ":",
            "%2e",
            "%2e./a",
            "a//b",
            "/..",
            "/../a/.",
            "http://x/y",
            "https://x",
            "https:a",
            "a b",
            " a",
            "a\t",
            "\\a",
            "ä",
            "http:a",
        ];
        let tails = ["", "?", "#", "?q", "#f", "?q#f", "?q=1&r=/../x#g?h"];
        let mut plain = 0;
        for base in bases {
            for path in paths {
                for tail in tails {
                    plain += usize::from(compare(&format!("{path}{tail}"), Some(base)));
                }
            }
        }
        assert!(plain > 1000, "{plain}");
    }

    #[test]
    fn what_is_long_is_parsed_otherwise() {
        for length in 900..1100 {
            let url = format!("https://a/{}", "b".repeat(length));
            assert_eq!(compare(&url, None), url.len() < BYTES_MAX, "{length}");
        }
    }
}
