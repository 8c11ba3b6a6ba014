//! A request as the caller describes it, and the head that is sent for it.

use crate::address::Policy;
use crate::error::{ErrorKind, FetchError};
use nano_arena::Account;
use nano_http::{FieldClasses, Headers, is_token};
use std::path::PathBuf;
use std::rc::Rc;
use url::Url;

/// A request's body.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum RequestBody {
    /// None at all.
    #[default]
    None,
    /// Bytes, which may be sent again after a redirect or on another connection.
    Bytes(Vec<u8>),
    /// Written piece by piece with [`Client::write_body`](crate::Client::write_body); of that length, or
    /// chunked.
    Stream(Option<u64>),
}

/// What happens to a redirect: Fetch standard, section 2.2.5 "redirect mode".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RedirectMode {
    /// It is followed.
    #[default]
    Follow,
    /// It is an error.
    Error,
    /// It is the response.
    Manual,
}

/// A request.
#[derive(Clone)]
pub struct Request {
    /// The method, as it is sent.
    pub method: String,
    /// An `http` or `https` URL.
    pub url: Url,
    /// Fields in addition to those that the client sets itself: Host, and all that frame the message or steer
    /// the connection, are dropped from here.
    pub headers: Headers,
    /// The body.
    pub body: RequestBody,
    /// What happens to redirects.
    pub redirect: RedirectMode,
    /// Whether bodies with a known Content-Encoding are decoded, and such are asked for.
    pub decode: bool,
    /// Judges addresses.
    pub policy: Rc<dyn Policy>,
    /// Connections and names are shared only among requests of the same partition: a tenant, say.
    pub partition: u64,
    /// Connect to this socket of the file system instead of the URL's host.
    pub unix: Option<PathBuf>,
    /// Ask for another protocol with `Upgrade`: a response with the status 101 hands over the connection.
    pub upgrade: Option<String>,
    /// The account that pays for the memory that decoding the response takes.
    pub memory: Option<Account>,
    /// Bytes that the body may have; beyond, the fetch fails. What another protocol sends does not count.
    pub max_sent: u64,
    /// Bytes that the response's body may have after it is decoded; beyond, the fetch fails. What another
    /// protocol receives does not count.
    pub max_received: u64,
    /// For the caller: comes back with each event.
    pub owner: u64,
}

impl Request {
    /// A request without body and fields, which follows redirects, decodes, and may reach what `policy`
    /// allows.
    pub fn new(method: &str, url: Url, policy: Rc<dyn Policy>) -> Self {
        Self {
            method: method.to_owned(),
            url,
            headers: Headers::new(),
            body: RequestBody::None,
            redirect: RedirectMode::Follow,
            decode: true,
            policy,
            partition: 0,
            unix: None,
            upgrade: None,
            memory: None,
            max_sent: u64::MAX,
            max_received: u64::MAX,
            owner: 0,
        }
    }

    pub(crate) fn is_tls(&self) -> bool {
        self.url.scheme() == "https"
    }

    /// The host without brackets; never empty for http and https.
    pub(crate) fn host(&self) -> &str {
        let host = self.url.host_str().unwrap_or_default();
        host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host)
    }

    pub(crate) fn port(&self) -> u16 {
        self.url.port_or_known_default().unwrap_or(80)
    }

    /// RFC 9110 9.2.2
    pub(crate) fn is_idempotent(&self) -> bool {
        matches!(self.method.as_str(), "GET" | "HEAD" | "OPTIONS" | "PUT" | "DELETE" | "TRACE")
    }

    pub(crate) fn check(&self) -> Result<(), FetchError> {
        let fail = |reason: String| Err(FetchError::new(ErrorKind::Request, reason));
        if !matches!(self.url.scheme(), "http" | "https") {
            return fail(format!("the URL's scheme is {:?}, not http or https", self.url.scheme()));
        }
        if self.url.host_str().is_none_or(str::is_empty) {
            return fail("the URL has no host".to_owned());
        }
        if !is_token(self.method.as_bytes()) || self.method == "CONNECT" {
            return fail(format!("{:?} is no method that can be used", self.method));
        }
        if self.unix.is_none() && crate::address::is_blocked_port(self.port()) {
            return fail(format!("port {} is blocked: other protocols than HTTP live there", self.port()));
        }
        let length = match &self.body {
            RequestBody::None | RequestBody::Stream(None) => 0,
            RequestBody::Bytes(bytes) => bytes.len() as u64,
            RequestBody::Stream(Some(length)) => *length,
        };
        if length > self.max_sent { Err(self.too_large()) } else { Ok(()) }
    }

    /// The body is larger than it may be.
    pub(crate) fn too_large(&self) -> FetchError {
        let message = format!("the request's body is larger than {} bytes", self.max_sent);
        FetchError::new(ErrorKind::TooLarge, message)
    }

    /// Writes the head. `absolute`: for a proxy, the target is the whole URL.
    pub(crate) fn write_head(&self, output: &mut Vec<u8>, absolute: bool, authorization: Option<&str>) {
        let mut put = |parts: &[&[u8]]| {
            for part in parts {
                output.extend_from_slice(part);
            }
        };
        let url = &self.url;
        put(&[self.method.as_bytes(), b" "]);
        if absolute {
            put(&[url.scheme().as_bytes(), b"://", &authority(url)]);
        }
        put(&[url.path().as_bytes()]);
        if let Some(query) = url.query() {
            put(&[b"?", query.as_bytes()]);
        }
        put(&[b" HTTP/1.1\r\nhost: ", &authority(url), b"\r\n"]);
        if let Some(value) = authorization {
            put(&[b"proxy-authorization: ", value.as_bytes(), b"\r\n"]);
        }
        let (mut accept, mut encoding, mut agent, mut authorization, mut range) =
            (true, true, true, true, false);
        for (name, value) in self.headers.iter() {
            if FieldClasses::of(name).is_clients() {
                continue;
            }
            match name {
                b"accept" => accept = false,
                b"accept-encoding" => encoding = false,
                b"user-agent" => agent = false,
                b"authorization" => authorization = false,
                b"range" => range = true,
                _ => {}
            }
            put(&[name, b": ", value, b"\r\n"]);
        }
        if accept {
            put(&[b"accept: */*\r\n"]);
        }
        if agent {
            put(&[b"user-agent: NANO/", env!("CARGO_PKG_VERSION").as_bytes(), b"\r\n"]);
        }
        if encoding && self.decode && self.upgrade.is_none() {
            // Fetch standard, section 4.6: parts of an encoded body cannot be decoded.
            let codings: &[u8] = if range { b"identity" } else { b"gzip, deflate, br, zstd" };
            put(&[b"accept-encoding: ", codings, b"\r\n"]);
        }
        if authorization && let Some(value) = basic(url) {
            put(&[b"authorization: ", value.as_bytes(), b"\r\n"]);
        }
        if let Some(protocol) = &self.upgrade {
            put(&[b"connection: Upgrade\r\nupgrade: ", protocol.as_bytes(), b"\r\n"]);
        }
        match &self.body {
            // Fetch standard, section 4.6, "contentLengthHeaderValue"
            RequestBody::None if matches!(self.method.as_str(), "POST" | "PUT") => {
                put(&[b"content-length: 0\r\n"])
            }
            RequestBody::None => {}
            RequestBody::Bytes(bytes) => {
                put(&[b"content-length: ", bytes.len().to_string().as_bytes(), b"\r\n"]);
            }
            RequestBody::Stream(Some(length)) => {
                put(&[b"content-length: ", length.to_string().as_bytes(), b"\r\n"]);
            }
            RequestBody::Stream(None) => put(&[b"transfer-encoding: chunked\r\n"]),
        }
        put(&[b"\r\n"]);
    }
}

/// Host and port as they are in the URL: without the scheme's own port.
fn authority(url: &Url) -> Vec<u8> {
    let mut authority = url.host_str().unwrap_or_default().as_bytes().to_vec();
    if let Some(port) = url.port() {
        authority.push(b':');
        authority.extend_from_slice(port.to_string().as_bytes());
    }
    authority
}

/// The credentials of a URL as a value of Authorization: RFC 7617.
pub(crate) fn basic(url: &Url) -> Option<String> {
    if url.username().is_empty() && url.password().is_none() {
        return None;
    }
    let decode = |text: &str| {
        let mut bytes = Vec::with_capacity(text.len());
        let mut rest = text.as_bytes();
        while let [first, after @ ..] = rest {
            let hex = |at: usize| after.get(at).and_then(|digit| (*digit as char).to_digit(16));
            if let (b'%', Some(high), Some(low)) = (first, hex(0), hex(1)) {
                bytes.push((high << 4 | low) as u8);
                rest = &after[2..];
            } else {
                bytes.push(*first);
                rest = after;
            }
        }
        bytes
    };
    let mut pair = decode(url.username());
    pair.push(b':');
    pair.extend(decode(url.password().unwrap_or_default()));
    Some(format!("Basic {}", base64_simd::STANDARD.encode_to_string(pair)))
}

/// A response's head.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// 101, or 200 to 999.
    pub status: u16,
    /// The reason phrase, which may be empty.
    pub reason: Vec<u8>,
    /// The fields. Where the body is decoded, without its Content-Encoding and Content-Length, which no
    /// longer hold.
    pub headers: Headers,
    /// Where it came from: the URL of the last request, with the fragment.
    pub url: Url,
    /// How many redirects led there.
    pub redirects: u32,
    /// The body's length in bytes where that is known; `Some(0)` without a body.
    pub length: Option<u64>,
    /// Whether the body is decoded.
    pub decoded: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address::AllowAll;

    fn head(request: &Request, absolute: bool) -> String {
        let mut output = Vec::new();
        request.write_head(&mut output, absolute, None);
        String::from_utf8(output).unwrap()
    }

    fn request(method: &str, url: &str) -> Request {
        Request::new(method, Url::parse(url).unwrap(), Rc::new(AllowAll))
    }

    #[test]
    fn heads() {
        let agent = concat!("user-agent: NANO/", env!("CARGO_PKG_VERSION"), "\r\n");
        let mut get = request("GET", "http://u:p%40ss@example.com:8080/a?b=c#d");
        get.headers =
            Headers::from_block(b"Host: evil\r\nX-A: 1\r\nConnection: close\r\nContent-Length: 7\r\nTrailer: x\r\nTE: trailers\r\n")
                .unwrap();
        let rest = format!(
            " HTTP/1.1\r\nhost: example.com:8080\r\nx-a: 1\r\naccept: */*\r\n{agent}\
             accept-encoding: gzip, deflate, br, zstd\r\nauthorization: Basic dTpwQHNz\r\n\r\n"
        );
        assert_eq!(head(&get, false), format!("GET /a?b=c{rest}"));
        assert_eq!(head(&get, true), format!("GET http://example.com:8080/a?b=c{rest}"));
        let mut post = request("POST", "https://[::1]/");
        assert!(head(&post, false).contains("\r\nhost: [::1]\r\n"));
        assert!(head(&post, false).ends_with("\r\ncontent-length: 0\r\n\r\n"));
        post.body = RequestBody::Stream(None);
        assert!(head(&post, false).ends_with("\r\ntransfer-encoding: chunked\r\n\r\n"));
        post.body = RequestBody::Bytes(b"hello".to_vec());
        assert!(head(&post, false).ends_with("\r\ncontent-length: 5\r\n\r\n"));
        let mut range = request("GET", "http://example.com/");
        range.headers.append(b"Range", b"bytes=0-1").unwrap();
        assert!(head(&range, false).contains("accept-encoding: identity\r\n"));
    }

    #[test]
    fn what_cannot_be_sent() {
        for (method, url) in [
            ("GET", "ftp://example.com/"),
            ("GET", "http://example.com:25/"),
            ("GET", "data:,x"),
            ("G T", "http://example.com/"),
            ("CONNECT", "http://example.com/"),
        ] {
            let error = request(method, url).check().unwrap_err();
            assert_eq!(error.kind, ErrorKind::Request, "{method} {url}");
        }
        assert!(request("QUERY", "http://example.com:8080/").check().is_ok());
    }

    #[test]
    fn bodies_of_a_known_length_are_judged_before_anything_is_sent() {
        for (length, allowed) in [(9, true), (10, true), (11, false)] {
            for body in [RequestBody::Bytes(vec![0; length]), RequestBody::Stream(Some(length as u64))] {
                let mut post = request("POST", "http://example.com/");
                (post.body, post.max_sent) = (body, 10);
                let kind = post.check().map_err(|error| error.kind);
                assert_eq!(kind, if allowed { Ok(()) } else { Err(ErrorKind::TooLarge) }, "{length}");
            }
        }
    }
}
