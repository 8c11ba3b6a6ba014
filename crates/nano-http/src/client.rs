//! The client's side of reading: a response's head, its body's framing and its trailers (RFC 9112), byte by
//! byte if need be, as tolerant as HTTP clients are. It knows no connection and no coding of contents.

use crate::Refusal;
use crate::body::{BodyDecoder, BodyLimits, BodyStep};
use crate::framing::{Framing, Strictness};
use crate::grammar::trim;
use crate::headers::Headers;
use std::fmt;
use std::mem::MaybeUninit;
use std::time::Duration;

/// What of a response is accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ResponseLimits {
    /// A head, all interim ones before it together with it, and a trailer section, in bytes each.
    pub head_bytes: usize,
    /// Header fields in a head. Values above [`ResponseLimits::MOST_FIELDS`] count as that.
    pub fields: usize,
    /// Interim (1xx) responses before the final one.
    pub interim: u32,
}

impl ResponseLimits {
    /// The most fields that [`ResponseLimits::fields`] can allow (their parse state lies on the stack).
    pub const MOST_FIELDS: usize = 512;

    /// The longest chunk-size line with its extension, in bytes. A client holds as much input at least: a
    /// line is complete before it is consumed.
    pub const CHUNK_LINE_BYTES: usize = 4096;
}

/// A response's head.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReceivedHead {
    /// 100 to 999.
    pub status: u16,
    /// The reason phrase, which may be empty.
    pub reason: Vec<u8>,
    /// The header fields.
    pub headers: Headers,
    /// Whether the connection may serve another request after this response.
    pub keep_alive: bool,
}

impl ReceivedHead {
    /// How long the server keeps the idle connection by its own word: the parameter `timeout` of Keep-Alive.
    pub fn idle_timeout(&self) -> Option<Duration> {
        self.headers.list("keep-alive").find_map(|parameter| {
            let seconds = std::str::from_utf8(parameter.strip_prefix(b"timeout=")?).ok()?;
            seconds.parse().ok().map(Duration::from_secs)
        })
    }
}

/// Why a response cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ResponseError {
    /// Its head is larger than the limits: bytes and fields.
    HeadTooLarge(usize, usize),
    /// Its body, or the framing of it, is larger than the limits.
    BodyTooLarge(Refusal),
    /// The framing of its body is not valid.
    Body(Refusal),
    /// Its head is not valid.
    Head(String),
    /// It has ended too early.
    Truncated(&'static str),
    /// So many bytes of it are missing.
    Missing(u64),
}

impl fmt::Display for ResponseError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::HeadTooLarge(bytes, fields) => {
                write!(f, "the response's head is larger than {bytes} bytes or {fields} fields")
            }
            Self::BodyTooLarge(refusal) => write!(f, "the response is too large: {}", refusal.message()),
            Self::Body(refusal) => {
                write!(f, "the response cannot be understood: {}", refusal.message())
            }
            Self::Head(reason) => write!(f, "the response cannot be understood: {reason}"),
            Self::Truncated(missing) => {
                write!(f, "the connection was closed before the response's {missing}")
            }
            Self::Missing(bytes) => {
                write!(f, "the connection was closed {bytes} bytes before the response's end")
            }
        }
    }
}

impl std::error::Error for ResponseError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Body(refusal) | Self::BodyTooLarge(refusal) => Some(refusal),
            _ => None,
        }
    }
}

/// What [`ResponseReader::body`] has found. The first number is how many bytes of framing precede it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResponseStep {
    /// All was framing; more is needed.
    More(usize),
    /// So many bytes of the body follow here; say with [`ResponseReader::took`] how many were used.
    Data(usize, usize),
    /// The response is complete; what follows is not part of it.
    End(usize),
}

/// Which method's response it is, as far as that decides about its body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    Head,
    Connect,
    Other,
}

#[derive(Debug)]
enum Stage {
    Head(HeadSearch),
    Body(BodyDecoder),
}

/// How far the search for the head's end has got.
#[derive(Clone, Copy, Debug, Default)]
struct HeadSearch {
    /// Bytes looked through in vain.
    searched: usize,
    /// Bytes of interim responses.
    head_bytes: usize,
    interim: u32,
}

/// Reads one response, and the interim ones before it. It holds no input: the driver keeps that, and consumes
/// it as it is told.
///
/// ```
/// use nano_http::{ResponseLimits, ResponseReader, ResponseStep};
///
/// let limits = ResponseLimits { head_bytes: 64 << 10, fields: 100, interim: 16 };
/// let mut reader = ResponseReader::new("GET", limits);
/// let input = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello";
/// let (used, head) = reader.head(input)?;
/// assert_eq!(head.map(|head| head.status), Some(200));
/// assert_eq!(reader.body(&input[used..])?, ResponseStep::Data(0, 5));
/// reader.took(5);
/// assert!(reader.is_done());
/// # Ok::<(), nano_http::ResponseError>(())
/// ```
#[derive(Debug)]
pub struct ResponseReader {
    stage: Stage,
    asked: Asked,
    limits: ResponseLimits,
}

impl ResponseReader {
    /// A reader for the response to a request with this method.
    pub fn new(method: &str, limits: ResponseLimits) -> Self {
        let asked = match method {
            "HEAD" => Asked::Head,
            "CONNECT" => Asked::Connect,
            _ => Asked::Other,
        };
        Self { stage: Stage::Head(HeadSearch::default()), asked, limits }
    }

    /// Whether the body is complete, or there is none.
    pub fn is_done(&self) -> bool {
        matches!(&self.stage, Stage::Body(body) if body.is_ended())
    }

    /// Whether the head is still due.
    pub fn wants_head(&self) -> bool {
        matches!(self.stage, Stage::Head(_))
    }

    /// Whether bytes of the body are next, and not their framing.
    pub fn is_in_data(&self) -> bool {
        matches!(&self.stage, Stage::Body(body) if body.is_in_data())
    }

    /// Bytes of the body that are still to come, where that is known.
    pub fn remaining(&self) -> Option<u64> {
        match &self.stage {
            Stage::Head(_) => None,
            Stage::Body(body) => body.remaining(),
        }
    }

    /// Looks for the final response's head at the start of `input`. The number of bytes to consume (also
    /// without a head: interim responses), and the head.
    ///
    /// # Errors
    ///
    /// The head is not valid or too large.
    pub fn head(&mut self, input: &[u8]) -> Result<(usize, Option<ReceivedHead>), ResponseError> {
        let limits = self.limits;
        let mut at = 0;
        loop {
            let Stage::Head(search) = &mut self.stage else { return Ok((at, None)) };
            let rest = &input[at..];
            let Some(end) = search.find_end(rest) else {
                if search.head_bytes + rest.len() > limits.head_bytes {
                    return Err(too_large(&limits));
                }
                reject_garbage(rest)?;
                return Ok((at, None));
            };
            search.head_bytes += end;
            if search.head_bytes > limits.head_bytes {
                return Err(too_large(&limits));
            }
            search.searched = 0;
            let (head, framing) = parse(&rest[..end], &limits, self.asked)?;
            at += end;
            if (100..200).contains(&head.status) && head.status != 101 {
                search.interim += 1;
                if search.interim > limits.interim {
                    return Err(invalid("too many interim responses"));
                }
                continue;
            }
            self.stage = Stage::Body(BodyDecoder::new(framing, Strictness::Tolerant));
            return Ok((at, Some(head)));
        }
    }

    /// Finds what is next of the body at the start of `input`.
    ///
    /// # Errors
    ///
    /// The framing of the body is not valid.
    pub fn body(&mut self, input: &[u8]) -> Result<ResponseStep, ResponseError> {
        let Stage::Body(body) = &mut self.stage else { return Ok(ResponseStep::More(0)) };
        let limits = BodyLimits {
            body_bytes: u64::MAX,
            line_bytes: ResponseLimits::CHUNK_LINE_BYTES,
            extension_bytes: usize::MAX,
            trailer_bytes: self.limits.head_bytes,
            trailer_fields: usize::MAX,
        };
        match body.step(input, &limits) {
            Ok(BodyStep::Data { skip, len }) => Ok(ResponseStep::Data(skip, len)),
            Ok(BodyStep::NeedMore { skip }) => Ok(ResponseStep::More(skip)),
            Ok(BodyStep::End { skip, trailers }) => Ok(ResponseStep::End(skip + trailers)),
            Err(refusal @ (Refusal::TrailersTooLarge | Refusal::BodyTooLarge)) => {
                Err(ResponseError::BodyTooLarge(refusal))
            }
            Err(refusal) => Err(ResponseError::Body(refusal)),
        }
    }

    /// So many bytes of [`ResponseStep::Data`] were used.
    pub fn took(&mut self, count: usize) {
        if let Stage::Body(body) = &mut self.stage {
            body.took(count);
        }
    }

    /// The server sends no more.
    ///
    /// # Errors
    ///
    /// That is too early.
    pub fn end(&mut self) -> Result<(), ResponseError> {
        match &mut self.stage {
            Stage::Head(_) => Err(ResponseError::Truncated("head was complete")),
            Stage::Body(body) => match (body.end(), body.remaining()) {
                (true, _) => Ok(()),
                (false, Some(missing)) => Err(ResponseError::Missing(missing)),
                (false, None) => Err(ResponseError::Truncated("last chunk")),
            },
        }
    }
}

impl HeadSearch {
    /// Where the head at the start of `bytes` ends: after an empty line.
    fn find_end(&mut self, bytes: &[u8]) -> Option<usize> {
        // Empty lines before the status line are skipped.
        let lead = bytes.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
        let from = self.searched.saturating_sub(3).max(lead);
        let mut at = from;
        while let Some(found) = memchr::memchr(b'\n', bytes.get(at..)?) {
            at += found + 1;
            match bytes.get(at..) {
                Some([b'\n', ..]) => return Some(at + 1),
                Some([b'\r', b'\n', ..]) => return Some(at + 2),
                _ => {}
            }
        }
        self.searched = bytes.len();
        None
    }
}

fn parse(
    bytes: &[u8],
    limits: &ResponseLimits,
    asked: Asked,
) -> Result<(ReceivedHead, Framing), ResponseError> {
    let mut fields = [const { MaybeUninit::uninit() }; ResponseLimits::MOST_FIELDS];
    let most = limits.fields.min(ResponseLimits::MOST_FIELDS);
    let mut parsed = httparse::Response::new(&mut []);
    let mut config = httparse::ParserConfig::default();
    config
        .allow_obsolete_multiline_headers_in_responses(true)
        .allow_multiple_spaces_in_response_status_delimiters(true);
    match config.parse_response_with_uninit_headers(&mut parsed, bytes, &mut fields[..most]) {
        Ok(httparse::Status::Complete(_)) => {}
        Ok(httparse::Status::Partial) => return Err(invalid("its head is malformed")),
        Err(httparse::Error::TooManyHeaders) => return Err(too_large(limits)),
        Err(error) => return Err(invalid(format!("its head is malformed: {error}"))),
    }
    let status = parsed.code.unwrap_or_default();
    if status < 100 {
        // RFC 9110, section 15: codes are from 100 on. Beyond 599 they are invalid, but other clients take
        // them too.
        return Err(invalid(format!("its status {status:03} is none")));
    }
    let mut headers = Headers::new();
    for field in parsed.headers.iter() {
        let malformed = |_| invalid(format!("its header field {} is malformed", field.name));
        if field.value.iter().any(|byte| matches!(byte, b'\r' | b'\n')) {
            // An obsolete line folding is a space: RFC 9112 5.2
            let mut value = Vec::with_capacity(field.value.len());
            for line in field.value.split(|byte| *byte == b'\n') {
                let line = trim(line.strip_suffix(b"\r").unwrap_or(line));
                if !value.is_empty() && !line.is_empty() {
                    value.push(b' ');
                }
                value.extend_from_slice(line);
            }
            headers.append(field.name.as_bytes(), &value).map_err(malformed)?;
        } else {
            headers.append(field.name.as_bytes(), trim(field.value)).map_err(malformed)?;
        }
    }
    let version = parsed.version.unwrap_or(0);
    let has = |option: &[u8]| headers.list("connection").any(|other| other.eq_ignore_ascii_case(option));
    let mut keep_alive = !has(b"close") && (version == 1 || has(b"keep-alive"));
    let framing = framing_of(asked, status, &headers, version, &mut keep_alive)?;
    let reason = parsed.reason.unwrap_or_default().as_bytes().to_vec();
    Ok((ReceivedHead { status, reason, headers, keep_alive }, framing))
}

/// RFC 9112 6.3
fn framing_of(
    asked: Asked,
    status: u16,
    headers: &Headers,
    version: u8,
    keep_alive: &mut bool,
) -> Result<Framing, ResponseError> {
    let length = content_length(headers)?;
    if status == 101 || asked == Asked::Connect && (200..300).contains(&status) {
        // Another protocol takes over.
        *keep_alive = false;
        return Ok(Framing::None);
    }
    if asked == Asked::Head || (100..200).contains(&status) || matches!(status, 204 | 304) {
        return Ok(Framing::None);
    }
    let mut codings = headers.list("transfer-encoding").peekable();
    if codings.peek().is_some() {
        // A server that sends both, or chunks in HTTP/1.0, may mean something else to a proxy in
        // between.
        *keep_alive &= length.is_none() && version == 1;
        let mut chunked = false;
        for coding in codings {
            if chunked || !coding.eq_ignore_ascii_case(b"chunked") {
                let coding = coding.escape_ascii();
                return Err(invalid(format!("its transfer coding {coding} is not supported")));
            }
            chunked = true;
        }
        return Ok(Framing::Chunked);
    }
    match length {
        Some(0) => Ok(Framing::None),
        Some(length) => Ok(Framing::Length(length)),
        None => {
            *keep_alive = false;
            Ok(Framing::UntilClose)
        }
    }
}

/// The value of Content-Length: RFC 9110 8.6. Repetitions of the same are harmless.
fn content_length(headers: &Headers) -> Result<Option<u64>, ResponseError> {
    let mut length = None;
    for element in headers.list("content-length") {
        let malformed = || invalid("its Content-Length is malformed");
        if element.len() > 19 || !element.iter().all(u8::is_ascii_digit) {
            return Err(malformed());
        }
        let value = element.iter().fold(0u64, |value, digit| value * 10 + u64::from(digit - b'0'));
        if length.is_some_and(|length| length != value) {
            return Err(invalid("it has two different values of Content-Length"));
        }
        length = Some(value);
    }
    if length.is_none() && headers.contains("content-length") {
        return Err(invalid("its Content-Length is malformed"));
    }
    Ok(length)
}

/// What can never become a status line is refused before a head's worth of it has come.
fn reject_garbage(bytes: &[u8]) -> Result<(), ResponseError> {
    let lead = bytes.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
    let start = &bytes[lead..];
    let expected = b"HTTP/1.";
    let count = start.len().min(expected.len());
    if lead > 8 || start[..count] != expected[..count] {
        return Err(invalid("it does not begin with HTTP/1"));
    }
    Ok(())
}

fn invalid(reason: impl Into<String>) -> ResponseError {
    ResponseError::Head(reason.into())
}

fn too_large(limits: &ResponseLimits) -> ResponseError {
    ResponseError::HeadTooLarge(limits.head_bytes, limits.fields)
}

#[cfg(test)]
mod tests;
