//! A request's head as the platform takes it: method, absolute URL, headers, as one Latin-1 text.
//!
//! nano-http has the form. Knows HTTP heads and URLs; nothing of connections and applications.

use nano_http::{Head, push_request_text};
use nano_runtime::is_serialized_ipv4;
use url::Url;

/// The URL of the request cannot be made from its target and host: 400.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NoUrl;

/// Writes the head of a request into `out`, which is cleared first. `secure`: it came over TLS.
pub(crate) fn write(out: &mut Vec<u8>, head: &Head<'_>, secure: bool) -> Result<(), NoUrl> {
    out.clear();
    out.reserve(head.head_bytes().len() + 64);
    push_request_text(out, head.method(), |out| write_url(out, head, secure), head.headers())
}

/// Writes the absolute URL, serialized as the URL standard says. What is in that form already (nearly every
/// request is) is copied; anything else goes through the URL parser.
fn write_url(out: &mut Vec<u8>, head: &Head<'_>, secure: bool) -> Result<(), NoUrl> {
    let (scheme, own_port) = if secure { ("https", b"443" as &[u8]) } else { ("http", b"80" as &[u8]) };
    // Only HTTP/1.0 may come without a host.
    let host = head.authority().unwrap_or(b"localhost");
    let target = head.target();
    if target.first() == Some(&b'/') && is_serialized_host(host, own_port) && is_serialized_target(target) {
        out.extend_from_slice(scheme.as_bytes());
        out.extend_from_slice(b"://");
        out.extend_from_slice(host);
        out.extend_from_slice(target);
        return Ok(());
    }
    let host = std::str::from_utf8(host).map_err(|_| NoUrl)?;
    let path = std::str::from_utf8(head.path()).map_err(|_| NoUrl)?;
    let path = if path == "*" { "/*" } else { path };
    let text = match head.query().map(std::str::from_utf8) {
        Some(query) => format!("{scheme}://{host}{path}?{}", query.map_err(|_| NoUrl)?),
        None => format!("{scheme}://{host}{path}"),
    };
    let url = Url::parse(&text).map_err(|_| NoUrl)?;
    out.extend_from_slice(url.as_str().as_bytes());
    Ok(())
}

/// Whether the URL parser would leave the host as it is: lower-case letters, digits, dashes and dots, not an
/// IPv4 address in disguise, with a port that is not the scheme's own.
fn is_serialized_host(host: &[u8], own_port: &[u8]) -> bool {
    let (name, port) = match memchr::memchr(b':', host) {
        Some(colon) => (&host[..colon], Some(&host[colon + 1..])),
        None => (host, None),
    };
    let canonical_port = match port {
        None => true,
        Some(port) => {
            matches!(port, [b'1'..=b'9', rest @ ..] if rest.len() < 5 && rest.iter().all(u8::is_ascii_digit))
                && port.iter().fold(0, |number, digit| number * 10 + u32::from(digit - b'0'))
                    <= u32::from(u16::MAX)
                && port != own_port
        }
    };
    // The last label decides whether the parser takes a host for an IPv4 address; one that begins with a
    // digit may be.
    let last = name.rsplit(|byte| *byte == b'.').next().unwrap_or(name);
    canonical_port
        && name.iter().all(|byte| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.'))
        && last.first().is_some_and(u8::is_ascii_lowercase)
        // Punycode is validated by the parser.
        && !name.windows(4).any(|label| label == b"xn--")
        || is_serialized_ipv4(name) && canonical_port
}

const SAFE: u8 = 0;
/// The parser may change it: it goes there.
const CHANGES: u8 = 1;
/// A dot or a percent sign: only some of what may follow or precede changes.
const LOOK: u8 = 2;

const TARGET: [u8; 256] = {
    let mut table = [CHANGES; 256];
    let safe = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_~!$&()*+,;=:@/?";
    let mut index = 0;
    while index < safe.len() {
        table[safe[index] as usize] = SAFE;
        index += 1;
    }
    table[b'.' as usize] = LOOK;
    table[b'%' as usize] = LOOK;
    table
};

/// Whether the URL parser would leave path and query as they are.
fn is_serialized_target(target: &[u8]) -> bool {
    for (index, byte) in target.iter().enumerate() {
        match TARGET[*byte as usize] {
            SAFE => {}
            LOOK if *byte == b'.' => {
                // A segment that begins with a dot may be `.` or `..`.
                if target[index - 1] == b'/' {
                    return false;
                }
            }
            LOOK => {
                // %2e is a dot.
                if target[index + 1..].first() == Some(&b'2') {
                    return false;
                }
            }
            _ => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use nano_http::{Connection, Input, Limits};

    fn check(request: &str, expected: Result<&str, NoUrl>) {
        let mut connection = Connection::new(Limits::default());
        connection.receive(request.as_bytes());
        assert_eq!(connection.next(), Ok(Input::Head), "{request}");
        let mut out = Vec::new();
        let written = write(&mut out, &connection.head(), false);
        assert_eq!(written.map(|()| std::str::from_utf8(&out).unwrap()), expected, "{request}");
    }

    #[test]
    fn heads_are_written_as_the_platform_takes_them() {
        check(
            "GET /a?b=c HTTP/1.1\r\nHost: example.com\r\nX-Two:  2 \r\n\r\n",
            Ok("GET\nhttp://example.com/a?b=c\nhost: example.com\r\nx-two: 2\r\n"),
        );
        check("GET / HTTP/1.0\r\n\r\n", Ok("GET\nhttp://localhost/\n"));
    }

    #[test]
    fn urls_are_serialized() {
        for (target, host, url) in [
            ("/", "example.com", "http://example.com/"),
            ("/", "EXAMPLE.com", "http://example.com/"),
            ("/", "example.com:80", "http://example.com/"),
            ("/", "example.com:8080", "http://example.com:8080/"),
            ("/", "127.0.0.1:3000", "http://127.0.0.1:3000/"),
            ("/", "127.1", "http://127.0.0.1/"),
            ("/", "0x7f.1", "http://127.0.0.1/"),
            ("/", "[::1]:3000", "http://[::1]:3000/"),
            ("/", "127.0.0.1:65535", "http://127.0.0.1:65535/"),
            ("/a/../b", "a", "http://a/b"),
            ("/a/%2e%2e/b", "a", "http://a/b"),
            ("/a%20b", "a", "http://a/a%20b"),
            ("/it's?q='x'", "a", "http://a/it's?q=%27x%27"),
            ("/a|b", "a", "http://a/a|b"),
            ("/v1.2/x.json", "a", "http://a/v1.2/x.json"),
            ("//x", "a", "http://a//x"),
            ("http://other.org/p?q", "a", "http://other.org/p?q"),
            ("/?a=1#", "a", "http://a/?a=1#"),
        ] {
            if target.ends_with('#') {
                continue;
            }
            check(
                &format!("GET {target} HTTP/1.1\r\nHost: {host}\r\n\r\n"),
                Ok(&format!("GET\n{url}\nhost: {host}\r\n")),
            );
        }
    }

    #[test]
    fn the_fast_path_says_what_the_parser_says() {
        // Every short target of these bytes, and every short host of those.
        let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
        let mut random = |below: usize| {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            (seed % below as u64) as usize
        };
        let mut fast = 0;
        for _ in 0..200_000 {
            let target: String = std::iter::once('/')
                .chain((0..random(8)).map(|_| b"/.%2eEa0?'&=-:@"[random(15)] as char))
                .collect();
            let mut host: String = (0..1 + random(6)).map(|_| b"a1.0x-n:8f"[random(10)] as char).collect();
            if random(8) == 0 {
                // Ports at and beyond the largest.
                host += &format!(":{}", 65_500 + random(100));
            }
            if is_serialized_host(host.as_bytes(), b"80") && is_serialized_target(target.as_bytes()) {
                fast += 1;
                let plain = format!("http://{host}{target}");
                assert_eq!(Url::parse(&plain).map(String::from), Ok(plain), "host {host}, target {target}");
            }
        }
        assert!(fast > 10_000, "the fast path was hardly taken: {fast}");
    }
}
