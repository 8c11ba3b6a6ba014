//! A request's head: parsed by httparse, judged here (RFC 9112, RFC 9110), and shown as a borrowed view.
//! It knows nothing of buffers or of what has been received beyond the head.

use std::mem::MaybeUninit;

use crate::framing::Framing;
use crate::grammar::{is_authority, list};
use crate::{Limits, Refusal};

/// A place in the head's bytes: from `start` up to, not including, `end`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Span {
    /// Offset of the first byte.
    pub start: u32,
    /// Offset after the last byte.
    pub end: u32,
}

impl Span {
    /// Heads are limited far below 4 GiB: offsets fit.
    #[inline]
    pub(crate) fn new(start: usize, end: usize) -> Span {
        Span { start: start as u32, end: end as u32 }
    }

    #[inline]
    pub(crate) fn shift(self, by: usize) -> Span {
        Span { start: self.start + by as u32, end: self.end + by as u32 }
    }

    /// Length in bytes.
    #[inline]
    pub fn len(self) -> usize {
        (self.end - self.start) as usize
    }

    /// Whether it holds no byte.
    #[inline]
    pub fn is_empty(self) -> bool {
        self.start == self.end
    }

    /// The bytes of `head` in this place; empty when `head` is not what the span was made for.
    #[inline]
    pub fn of(self, head: &[u8]) -> &[u8] {
        head.get(self.start as usize..self.end as usize).unwrap_or(&[])
    }
}

/// Where one header field lies in [`Head::head_bytes`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HeaderRange {
    /// The field's name as it was sent.
    pub name: Span,
    /// The field's value without white space around it.
    pub value: Span,
}

/// The version in a request line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Version {
    /// HTTP/1.0
    Http10,
    /// HTTP/1.1
    Http11,
}

impl Version {
    pub(crate) fn parse(bytes: &[u8]) -> Result<Version, Refusal> {
        match bytes {
            b"HTTP/1.1" => Ok(Version::Http11),
            b"HTTP/1.0" => Ok(Version::Http10),
            [b'H', b'T', b'T', b'P', b'/', major, b'.', minor]
                if major.is_ascii_digit() && minor.is_ascii_digit() =>
            {
                Err(Refusal::Version)
            }
            _ => Err(Refusal::RequestLine),
        }
    }
}

/// Whether a connection serves another request after the current one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Persistence {
    KeepAlive,
    Close,
}

/// What the connection and the view need to know of a head; the fields lie in a vector beside it.
#[derive(Clone, Debug)]
pub(crate) struct Parsed {
    pub len: usize,
    pub version: Version,
    pub framing: Framing,
    pub content_length: Option<u64>,
    pub persistence: Persistence,
    pub expects_continue: bool,
    pub is_head: bool,
    method: Span,
    target: Span,
    path: Span,
    query: Option<Span>,
    authority: Option<Span>,
    host: Option<Span>,
    upgrade: Option<Span>,
}

impl Parsed {
    /// The head of no request.
    pub(crate) const EMPTY: Parsed = Parsed {
        len: 0,
        version: Version::Http11,
        framing: Framing::None,
        content_length: None,
        persistence: Persistence::Close,
        expects_continue: false,
        is_head: false,
        method: Span { start: 0, end: 0 },
        target: Span { start: 0, end: 0 },
        path: Span { start: 0, end: 0 },
        query: None,
        authority: None,
        host: None,
        upgrade: None,
    };
}

/// What httparse made of the bytes.
pub(crate) enum Attempt {
    /// A head, syntactically sound by our stricter rules too.
    Whole(Parsed),
    /// A head that is sound, and refused for what it says.
    Refused(Refusal),
    /// Incomplete, or not sound: the scanner tells which, and why.
    Unclear,
}

/// Parses a head that may be whole in `bytes` (cut to the limit). `fields` receives the header fields.
pub(crate) fn parse(bytes: &[u8], limits: &Limits, fields: &mut Vec<HeaderRange>) -> Attempt {
    // httparse skips empty lines of either kind; by now none is allowed.
    if matches!(bytes.first(), None | Some(b'\r' | b'\n')) {
        return Attempt::Unclear;
    }
    let bytes = &bytes[..bytes.len().min(limits.head_bytes)];
    let mut space = [const { MaybeUninit::<httparse::Header<'_>>::uninit() }; Limits::MOST_FIELDS];
    let mut request = httparse::Request::new(&mut []);
    let most = limits.fields.min(Limits::MOST_FIELDS);
    let len = match request.parse_with_uninit_headers(bytes, &mut space[..most]) {
        Ok(httparse::Status::Complete(len)) => len,
        _ => return Attempt::Unclear,
    };
    let (Some(method), Some(target), Some(version)) = (request.method, request.path, request.version) else {
        return Attempt::Unclear;
    };
    // httparse lets a line end in LF alone. It lets LF stand nowhere else, so it is enough to look before the
    // start of each line.
    if !bytes[..len].ends_with(b"\r\n\r\n") {
        return Attempt::Unclear;
    }
    let base = bytes.as_ptr() as usize;
    let span = |part: &[u8]| {
        let start = part.as_ptr() as usize - base;
        Span::new(start, start + part.len())
    };
    fields.clear();
    for header in request.headers.iter() {
        let name = span(header.name.as_bytes());
        if bytes[name.start as usize - 2] != b'\r' {
            return Attempt::Unclear;
        }
        fields.push(HeaderRange { name, value: span(header.value) });
    }
    if target.as_bytes().contains(&b'#') {
        return Attempt::Unclear;
    }
    let line = RequestLine {
        method: span(method.as_bytes()),
        target: span(target.as_bytes()),
        version: if version == 1 { Version::Http11 } else { Version::Http10 },
    };
    match judge(&bytes[..len], line, fields) {
        Ok(parsed) => Attempt::Whole(parsed),
        Err(refusal) => Attempt::Refused(refusal),
    }
}

struct RequestLine {
    method: Span,
    target: Span,
    version: Version,
}

/// Decides what the head means: target, authority, framing, persistence.
fn judge(head: &[u8], line: RequestLine, fields: &[HeaderRange]) -> Result<Parsed, Refusal> {
    let method = line.method.of(head);
    let target = split_target(method, line.target.of(head))?;
    let mut host: Option<Span> = None;
    let mut length: Option<u64> = None;
    let mut coding = Coding::default();
    let mut expects_continue = false;
    let (mut close, mut keep_alive, mut asks_upgrade) = (false, false, false);
    let mut upgrade: Option<Span> = None;

    for field in fields {
        let name = field.name.of(head);
        let value = field.value.of(head);
        // Told apart by length first: most fields cost one comparison of a number.
        match name.len() {
            4 if name.eq_ignore_ascii_case(b"host") => {
                if host.is_some() {
                    return Err(Refusal::HostRepeated);
                }
                if !is_authority(value) {
                    return Err(Refusal::HostInvalid);
                }
                host = Some(field.value);
            }
            // RFC 9110 10.1.1: HTTP/1.0 has no expectations.
            6 if line.version == Version::Http11 && name.eq_ignore_ascii_case(b"expect") => {
                if !value.eq_ignore_ascii_case(b"100-continue") {
                    return Err(Refusal::Expectation);
                }
                expects_continue = true;
            }
            7 if name.eq_ignore_ascii_case(b"upgrade") => upgrade = upgrade.or(Some(field.value)),
            10 if name.eq_ignore_ascii_case(b"connection") => {
                for option in list(value) {
                    close |= option.eq_ignore_ascii_case(b"close");
                    keep_alive |= option.eq_ignore_ascii_case(b"keep-alive");
                    asks_upgrade |= option.eq_ignore_ascii_case(b"upgrade");
                }
            }
            14 if name.eq_ignore_ascii_case(b"content-length") => {
                // RFC 9112 6.3 would allow equal repetitions; two parsers in a row seldom agree on them.
                if length.is_some() {
                    return Err(Refusal::ContentLengthRepeated);
                }
                length = Some(content_length(value)?);
            }
            17 if name.eq_ignore_ascii_case(b"transfer-encoding") => coding.read(value)?,
            _ => {}
        }
    }

    if coding != Coding::Absent {
        if length.is_some() {
            return Err(Refusal::LengthAndCoding);
        }
        if line.version == Version::Http10 {
            return Err(Refusal::CodingInHttp10);
        }
        coding.decide()?;
    }
    if host.is_none() && line.version == Version::Http11 {
        return Err(Refusal::HostMissing);
    }
    let framing = match (coding, length) {
        (Coding::Absent, None | Some(0)) => Framing::None,
        (Coding::Absent, Some(n)) => Framing::Length(n),
        _ => Framing::Chunked,
    };
    let http11 = line.version == Version::Http11;
    let at = line.target.start as usize;
    Ok(Parsed {
        len: head.len(),
        version: line.version,
        framing,
        content_length: length,
        persistence: if !close && (http11 || keep_alive) {
            Persistence::KeepAlive
        } else {
            Persistence::Close
        },
        expects_continue: expects_continue && framing != Framing::None,
        is_head: method == b"HEAD",
        method: line.method,
        target: line.target,
        path: target.path.shift(at),
        query: target.query.map(|q| q.shift(at)),
        authority: target.authority.map(|a| a.shift(at)).or(host),
        host,
        upgrade: upgrade.filter(|u| http11 && asks_upgrade && !u.is_empty()),
    })
}

/// `1*DIGIT`. A number too large for 64 bits is a body too large for any limit.
fn content_length(value: &[u8]) -> Result<u64, Refusal> {
    if value.contains(&b',') {
        return Err(Refusal::ContentLengthRepeated);
    }
    if value.is_empty() || !value.iter().all(u8::is_ascii_digit) {
        return Err(Refusal::ContentLengthInvalid);
    }
    value
        .iter()
        .try_fold(0u64, |n, b| n.checked_mul(10)?.checked_add(u64::from(b - b'0')))
        .ok_or(Refusal::BodyTooLarge)
}

/// Transfer-Encoding over all its field lines: RFC 9112 6.1. Only chunked alone, once, is taken.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
enum Coding {
    /// There is no such field.
    #[default]
    Absent,
    Chunked,
    /// Other codings, and chunked nowhere.
    Unknown,
    /// Other codings, then chunked.
    UnknownThenChunked,
    /// Chunked twice, or not last.
    Invalid,
}

impl Coding {
    fn read(&mut self, value: &[u8]) -> Result<(), Refusal> {
        for coding in list(value) {
            let name = crate::grammar::trim(coding.split(|&b| b == b';').next().unwrap_or(&[]));
            if !crate::grammar::is_token(name) {
                return Err(Refusal::CodingInvalid);
            }
            let is_chunked = name.eq_ignore_ascii_case(b"chunked");
            // chunked has no parameters.
            if is_chunked && name.len() != coding.len() {
                return Err(Refusal::CodingInvalid);
            }
            *self = match (*self, is_chunked) {
                (Coding::Absent, true) => Coding::Chunked,
                (Coding::Absent | Coding::Unknown, false) => Coding::Unknown,
                (Coding::Unknown, true) => Coding::UnknownThenChunked,
                _ => Coding::Invalid,
            };
        }
        Ok(())
    }

    fn decide(self) -> Result<(), Refusal> {
        match self {
            Coding::Absent | Coding::Chunked => Ok(()),
            Coding::Unknown | Coding::UnknownThenChunked => Err(Refusal::CodingUnknown),
            Coding::Invalid => Err(Refusal::CodingInvalid),
        }
    }
}

struct Target {
    path: Span,
    query: Option<Span>,
    authority: Option<Span>,
}

/// The forms of a request target: RFC 9112 3.2. Spans are relative to the target.
fn split_target(method: &[u8], target: &[u8]) -> Result<Target, Refusal> {
    // CONNECT is a sound request for something that this server does not do: 501, not 400. Its
    // authority-form is taken for no other method.
    if method == b"CONNECT" {
        return Err(Refusal::Connect);
    }
    let (authority, from) = match target {
        [b'/', ..] => (None, 0),
        b"*" if method == b"OPTIONS" => {
            return Ok(Target { path: Span::new(0, 1), query: None, authority: None });
        }
        _ => {
            let scheme = [&b"http://"[..], b"https://"]
                .into_iter()
                .find(|s| target.len() > s.len() && target[..s.len()].eq_ignore_ascii_case(s))
                .ok_or(Refusal::Target)?;
            let start = scheme.len();
            let end = target[start..]
                .iter()
                .position(|b| matches!(b, b'/' | b'?'))
                .map_or(target.len(), |i| start + i);
            if !is_authority(&target[start..end]) {
                return Err(Refusal::HostInvalid);
            }
            (Some(Span::new(start, end)), end)
        }
    };
    let mark = memchr::memchr(b'?', &target[from..]).map(|i| from + i);
    Ok(Target {
        path: Span::new(from, mark.unwrap_or(target.len())),
        query: mark.map(|m| Span::new(m + 1, target.len())),
        authority,
    })
}

/// A borrowed view of the current request's head. Outside of a request everything in it is empty.
#[derive(Clone, Copy, Debug)]
pub struct Head<'a> {
    pub(crate) bytes: &'a [u8],
    pub(crate) parsed: &'a Parsed,
    pub(crate) fields: &'a [HeaderRange],
}

impl<'a> Head<'a> {
    /// The method, as sent: methods are case-sensitive.
    pub fn method(&self) -> &'a [u8] {
        self.parsed.method.of(self.bytes)
    }

    /// The request target as sent: origin-form, absolute-form, or `*`. It is UTF-8 and has no fragment.
    pub fn target(&self) -> &'a [u8] {
        self.parsed.target.of(self.bytes)
    }

    /// The path as sent, percent-encoding and dots untouched; `/` when an absolute-form target has none; `*`
    /// for `OPTIONS *`.
    pub fn path(&self) -> &'a [u8] {
        let path = self.parsed.path.of(self.bytes);
        if path.is_empty() { b"/" } else { path }
    }

    /// What follows the first `?`, which may be empty; `None` without `?`.
    pub fn query(&self) -> Option<&'a [u8]> {
        self.parsed.query.map(|q| q.of(self.bytes))
    }

    /// Whom the request is for, `host [":" port]`: from an absolute-form target, else from Host (RFC 9112
    /// 3.2.2). `None` only in HTTP/1.0. It is valid by the grammar; its case is as sent.
    pub fn authority(&self) -> Option<&'a [u8]> {
        self.parsed.authority.map(|a| a.of(self.bytes))
    }

    /// The Host field, which may differ from [`authority`](Head::authority).
    pub fn host(&self) -> Option<&'a [u8]> {
        self.parsed.host.map(|h| h.of(self.bytes))
    }

    /// The version of the request line.
    pub fn version(&self) -> Version {
        self.parsed.version
    }

    /// Number of header fields.
    pub fn len(&self) -> usize {
        self.fields.len()
    }

    /// Whether there is no header field.
    pub fn is_empty(&self) -> bool {
        self.fields.is_empty()
    }

    /// Names and values in the order sent; values without white space around them. Values may hold bytes
    /// beyond ASCII, but no control character other than HTAB.
    pub fn headers(&self) -> impl ExactSizeIterator<Item = (&'a [u8], &'a [u8])> + use<'a> {
        let bytes = self.bytes;
        self.fields.iter().map(move |f| (f.name.of(bytes), f.value.of(bytes)))
    }

    /// The first field of that name, whatever its case.
    pub fn header(&self, name: &[u8]) -> Option<&'a [u8]> {
        self.headers().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v)
    }

    /// Content-Length, when sent.
    pub fn content_length(&self) -> Option<u64> {
        self.parsed.content_length
    }

    /// Whether a body follows that is not known to be empty.
    pub fn has_body(&self) -> bool {
        self.parsed.framing != Framing::None
    }

    /// Whether the client waits for `100 Continue` before it sends its body.
    pub fn expects_continue(&self) -> bool {
        self.parsed.expects_continue
    }

    /// Whether the client asked to keep the connection (by version and Connection).
    pub fn keep_alive(&self) -> bool {
        self.parsed.persistence == Persistence::KeepAlive
    }

    /// The Upgrade field, when Connection names it too.
    pub fn upgrade(&self) -> Option<&'a [u8]> {
        self.parsed.upgrade.map(|u| u.of(self.bytes))
    }

    /// The head as it came, request line and empty line included. Copied once, it serves all of
    /// [`ranges`](Head::ranges) and the spans below.
    pub fn head_bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Where the header fields lie in [`head_bytes`](Head::head_bytes).
    pub fn ranges(&self) -> &'a [HeaderRange] {
        self.fields
    }

    /// Where the method lies in [`head_bytes`](Head::head_bytes).
    pub fn method_span(&self) -> Span {
        self.parsed.method
    }

    /// Where the target lies in [`head_bytes`](Head::head_bytes).
    pub fn target_span(&self) -> Span {
        self.parsed.target
    }

    /// Where the authority lies in [`head_bytes`](Head::head_bytes).
    pub fn authority_span(&self) -> Option<Span> {
        self.parsed.authority
    }
}
