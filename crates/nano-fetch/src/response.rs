//! Reading a response: head, body framing, trailers (RFC 9112), byte by byte if need be. It knows no connection and no coding
//! of contents; where a response ends is all its business.

use crate::error::{ErrorKind, FetchError};
use crate::headers::{Headers, list, trim};
use crate::limits::Limits;
use std::mem::MaybeUninit;

/// A response's head.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Head {
    pub status: u16,
    pub reason: Vec<u8>,
    pub headers: Headers,
    /// The connection may serve another request after this response.
    pub keep_alive: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Head,
    Length(u64),
    Chunk(Chunk),
    UntilClose,
    Done,
}

/// Where in a chunked body, RFC 9112 7.1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Chunk {
    /// In the digits of a chunk's size: the value and how many there were.
    Size(u64, u8),
    /// In what follows them up to the line's end; bytes of it.
    Extension(u64, u32),
    /// After the CR of the size's line.
    SizeEnd(u64),
    Data(u64),
    /// After a chunk's data.
    DataCr,
    DataLf,
    /// In the trailer section; bytes of the current line.
    Trailer(u32),
}

/// What [`Reader::body`] has found. The number is how many bytes of framing precede it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// All was framing; more is needed.
    More(usize),
    /// So many bytes of the body follow here; say with [`Reader::took`] how many were used.
    Data(usize, usize),
    /// The response is complete; what follows is not part of it.
    End(usize),
}

/// The longest chunk extension, in bytes; nobody uses them.
const EXTENSION_BYTES: u32 = 4096;

/// Reads one response, and the interim ones before it.
#[derive(Debug)]
pub(crate) struct Reader {
    stage: Stage,
    is_head: bool,
    is_connect: bool,
    /// Bytes looked through in vain for the head's end.
    searched: usize,
    head_bytes: usize,
    interim: u32,
    trailer_bytes: usize,
}

impl Reader {
    pub(crate) fn new(method: &str) -> Self {
        Self {
            stage: Stage::Head,
            is_head: method == "HEAD",
            is_connect: method == "CONNECT",
            searched: 0,
            head_bytes: 0,
            interim: 0,
            trailer_bytes: 0,
        }
    }

    /// Whether the body is complete, or there is none.
    pub(crate) fn is_done(&self) -> bool {
        self.stage == Stage::Done
    }

    /// Whether the head is still due.
    pub(crate) fn wants_head(&self) -> bool {
        self.stage == Stage::Head
    }

    /// Bytes of the body that are still to come, where that is known.
    pub(crate) fn remaining(&self) -> Option<u64> {
        match self.stage {
            Stage::Length(left) => Some(left),
            Stage::Done => Some(0),
            _ => None,
        }
    }

    /// Looks for the final response's head at the start of `input`. The number of bytes to consume (also without a head: interim
    /// responses), and the head.
    pub(crate) fn head(
        &mut self,
        input: &[u8],
        limits: &Limits,
    ) -> Result<(usize, Option<Head>), FetchError> {
        let mut at = 0;
        loop {
            let rest = &input[at..];
            let Some(end) = self.find_end(rest) else {
                if self.head_bytes + rest.len() > limits.head_bytes {
                    return Err(too_large(limits));
                }
                reject_garbage(rest)?;
                return Ok((at, None));
            };
            self.head_bytes += end;
            if self.head_bytes > limits.head_bytes {
                return Err(too_large(limits));
            }
            self.searched = 0;
            let (head, framing) = self.parse(&rest[..end], limits)?;
            at += end;
            if (100..200).contains(&head.status) && head.status != 101 {
                self.interim += 1;
                if self.interim > limits.interim {
                    return Err(protocol("too many interim responses"));
                }
                continue;
            }
            self.stage = framing;
            return Ok((at, Some(head)));
        }
    }

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

    fn parse(&self, bytes: &[u8], limits: &Limits) -> Result<(Head, Stage), FetchError> {
        let mut fields = [const { MaybeUninit::uninit() }; Limits::MOST_FIELDS];
        let most = limits.fields.min(Limits::MOST_FIELDS);
        let mut parsed = httparse::Response::new(&mut []);
        let mut config = httparse::ParserConfig::default();
        config
            .allow_obsolete_multiline_headers_in_responses(true)
            .allow_multiple_spaces_in_response_status_delimiters(true);
        match config.parse_response_with_uninit_headers(&mut parsed, bytes, &mut fields[..most]) {
            Ok(httparse::Status::Complete(_)) => {}
            Ok(httparse::Status::Partial) => return Err(protocol("its head is malformed")),
            Err(httparse::Error::TooManyHeaders) => return Err(too_large(limits)),
            Err(error) => return Err(protocol(&format!("its head is malformed: {error}"))),
        }
        let status = parsed.code.unwrap_or_default();
        if status < 100 {
            // RFC 9110, section 15: codes are from 100 on. Beyond 599 they are invalid, but other clients take them too.
            return Err(protocol(&format!("its status {status:03} is none")));
        }
        let mut headers = Headers::new();
        for field in parsed.headers.iter() {
            let invalid = |_| protocol(&format!("its header field {} is malformed", field.name));
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
                headers.append(field.name.as_bytes(), &value).map_err(invalid)?;
            } else {
                headers.append(field.name.as_bytes(), trim(field.value)).map_err(invalid)?;
            }
        }
        let version = parsed.version.unwrap_or(0);
        let has =
            |option: &[u8]| list(&headers, "connection").any(|other| other.eq_ignore_ascii_case(option));
        let mut keep_alive = !has(b"close") && (version == 1 || has(b"keep-alive"));
        let framing = self.framing(status, &headers, version, &mut keep_alive)?;
        let reason = parsed.reason.unwrap_or_default().as_bytes().to_vec();
        Ok((Head { status, reason, headers, keep_alive }, framing))
    }

    /// RFC 9112 6.3
    fn framing(
        &self,
        status: u16,
        headers: &Headers,
        version: u8,
        keep_alive: &mut bool,
    ) -> Result<Stage, FetchError> {
        let length = content_length(headers)?;
        if status == 101 || self.is_connect && (200..300).contains(&status) {
            // Another protocol takes over.
            *keep_alive = false;
            return Ok(Stage::Done);
        }
        if self.is_head || (100..200).contains(&status) || matches!(status, 204 | 304) {
            return Ok(Stage::Done);
        }
        let mut codings = list(headers, "transfer-encoding").peekable();
        if codings.peek().is_some() {
            // Whoever sends both, or chunks in HTTP/1.0, may be talking about something else with somebody in between.
            *keep_alive &= length.is_none() && version == 1;
            let mut chunked = false;
            for coding in codings {
                if chunked || !coding.eq_ignore_ascii_case(b"chunked") {
                    let coding = coding.escape_ascii();
                    return Err(protocol(&format!("its transfer coding {coding} is not supported")));
                }
                chunked = true;
            }
            return Ok(Stage::Chunk(Chunk::Size(0, 0)));
        }
        match length {
            Some(0) => Ok(Stage::Done),
            Some(length) => Ok(Stage::Length(length)),
            None => {
                *keep_alive = false;
                Ok(Stage::UntilClose)
            }
        }
    }

    /// Finds what is next of the body at the start of `input`.
    pub(crate) fn body(&mut self, input: &[u8], limits: &Limits) -> Result<Step, FetchError> {
        let mut at = 0;
        loop {
            let rest = input.len() - at;
            let available = |left: u64| usize::try_from(left).unwrap_or(usize::MAX).min(rest);
            let chunk = match self.stage {
                Stage::Head => return Ok(Step::More(0)),
                Stage::Done => return Ok(Step::End(at)),
                _ if rest == 0 => return Ok(Step::More(at)),
                Stage::Length(left) => return Ok(Step::Data(at, available(left))),
                Stage::UntilClose => return Ok(Step::Data(at, rest)),
                Stage::Chunk(Chunk::Data(left)) => return Ok(Step::Data(at, available(left))),
                Stage::Chunk(chunk) => chunk,
            };
            let byte = input[at];
            at += 1;
            self.stage = match (chunk, byte) {
                (Chunk::Size(size, digits), b'0'..=b'9' | b'a'..=b'f' | b'A'..=b'F') => {
                    if digits == 16 {
                        return Err(protocol("the size of a chunk is malformed"));
                    }
                    let digit = u64::from((byte as char).to_digit(16).unwrap_or_default());
                    Stage::Chunk(Chunk::Size(size << 4 | digit, digits + 1))
                }
                (Chunk::Size(_, 0), _) => return Err(protocol("the size of a chunk is malformed")),
                (Chunk::Size(size, _), b'\r') => Stage::Chunk(Chunk::SizeEnd(size)),
                (Chunk::Size(size, _) | Chunk::Extension(size, _) | Chunk::SizeEnd(size), b'\n') => {
                    Stage::Chunk(if size == 0 { Chunk::Trailer(0) } else { Chunk::Data(size) })
                }
                (Chunk::Size(size, _), b';' | b' ' | b'\t') => Stage::Chunk(Chunk::Extension(size, 1)),
                (Chunk::Size(..) | Chunk::SizeEnd(_), _) => {
                    return Err(protocol("the size of a chunk is malformed"));
                }
                (Chunk::Extension(size, _), b'\r') => Stage::Chunk(Chunk::SizeEnd(size)),
                (Chunk::Extension(size, bytes), _) => {
                    if bytes >= EXTENSION_BYTES {
                        return Err(protocol("a chunk's extension is too long"));
                    }
                    Stage::Chunk(Chunk::Extension(size, bytes + 1))
                }
                (Chunk::DataCr, b'\r') => Stage::Chunk(Chunk::DataLf),
                (Chunk::DataCr | Chunk::DataLf, b'\n') => Stage::Chunk(Chunk::Size(0, 0)),
                (Chunk::DataCr | Chunk::DataLf, _) => {
                    return Err(protocol("a chunk is longer than its size"));
                }
                (Chunk::Trailer(bytes), _) => {
                    self.trailer_bytes += 1;
                    if self.trailer_bytes > limits.head_bytes {
                        return Err(too_large(limits));
                    }
                    match byte {
                        b'\n' if bytes == 0 => Stage::Done,
                        b'\n' => Stage::Chunk(Chunk::Trailer(0)),
                        // Of an empty line, or before the LF of another.
                        b'\r' => Stage::Chunk(Chunk::Trailer(bytes)),
                        0 => return Err(protocol("a trailer field is malformed")),
                        _ => Stage::Chunk(Chunk::Trailer(bytes.saturating_add(1))),
                    }
                }
                // Handled above.
                (Chunk::Data(_), _) => return Ok(Step::More(at)),
            };
        }
    }

    /// So many bytes of [`Step::Data`] were used.
    pub(crate) fn took(&mut self, count: usize) {
        let count = count as u64;
        self.stage = match self.stage {
            Stage::Length(left) if left > count => Stage::Length(left - count),
            Stage::Length(_) => Stage::Done,
            Stage::Chunk(Chunk::Data(left)) if left > count => Stage::Chunk(Chunk::Data(left - count)),
            Stage::Chunk(Chunk::Data(_)) => Stage::Chunk(Chunk::DataCr),
            other => other,
        };
    }

    /// The server sends no more. An error if that is too early.
    pub(crate) fn end(&mut self) -> Result<(), FetchError> {
        let missing = match self.stage {
            Stage::Done => return Ok(()),
            Stage::UntilClose => {
                self.stage = Stage::Done;
                return Ok(());
            }
            Stage::Head => "the connection was closed before the response's head was complete".to_owned(),
            Stage::Length(left) => {
                format!("the connection was closed {left} bytes before the response's end")
            }
            Stage::Chunk(_) => "the connection was closed before the response's last chunk".to_owned(),
        };
        Err(FetchError::new(ErrorKind::Truncated, missing))
    }
}

/// The value of Content-Length: RFC 9110 8.6. Repetitions of the same are harmless.
fn content_length(headers: &Headers) -> Result<Option<u64>, FetchError> {
    let mut length = None;
    for element in list(headers, "content-length") {
        let malformed = || protocol("its Content-Length is malformed");
        if element.len() > 19 || !element.iter().all(u8::is_ascii_digit) {
            return Err(malformed());
        }
        let value = element.iter().fold(0u64, |value, digit| value * 10 + u64::from(digit - b'0'));
        if length.is_some_and(|length| length != value) {
            return Err(protocol("it has two different values of Content-Length"));
        }
        length = Some(value);
    }
    if length.is_none() && headers.contains("content-length") {
        return Err(protocol("its Content-Length is malformed"));
    }
    Ok(length)
}

/// What can never become a status line is refused before a head's worth of it has come.
fn reject_garbage(bytes: &[u8]) -> Result<(), FetchError> {
    let lead = bytes.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
    let start = &bytes[lead..];
    let expected = b"HTTP/1.";
    let count = start.len().min(expected.len());
    if lead > 8 || start[..count] != expected[..count] {
        return Err(protocol("it does not begin with HTTP/1"));
    }
    Ok(())
}

fn protocol(reason: &str) -> FetchError {
    FetchError::new(ErrorKind::Protocol, format!("the response cannot be understood: {reason}"))
}

fn too_large(limits: &Limits) -> FetchError {
    let (bytes, fields) = (limits.head_bytes, limits.fields);
    FetchError::new(
        ErrorKind::TooLarge,
        format!("the response's head is larger than {bytes} bytes or {fields} fields"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads a whole response that arrives in pieces of `size` bytes and then ends: status, body, bytes left over.
    fn read(method: &str, bytes: &[u8], size: usize) -> Result<(u16, Vec<u8>, usize), FetchError> {
        let limits = Limits::default();
        let mut reader = Reader::new(method);
        let (mut input, mut body, mut status) = (Vec::new(), Vec::new(), 0);
        let mut pieces = bytes.chunks(size);
        loop {
            let Some(piece) = pieces.next() else {
                reader.end()?;
                return Ok((status, body, input.len()));
            };
            input.extend_from_slice(piece);
            if reader.wants_head() {
                let (used, head) = reader.head(&input, &limits)?;
                input.drain(..used);
                let Some(head) = head else { continue };
                status = head.status;
            }
            loop {
                match reader.body(&input, &limits)? {
                    Step::More(used) => {
                        input.drain(..used);
                        break;
                    }
                    Step::Data(skip, len) => {
                        // Half of it, to see that the rest is found again.
                        let used = len.div_ceil(2);
                        body.extend_from_slice(&input[skip..skip + used]);
                        input.drain(..skip + used);
                        reader.took(used);
                    }
                    Step::End(used) => {
                        input.drain(..used);
                        let left = input.len() + pieces.map(<[u8]>::len).sum::<usize>();
                        return Ok((status, body, left));
                    }
                }
            }
        }
    }

    #[test]
    fn framings_at_every_split() {
        let cases: &[(&str, &str, u16, &str, usize)] = &[
            ("GET", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", 200, "hello", 0),
            ("GET", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhelloHTTP", 200, "hello", 4),
            ("GET", "HTTP/1.1 200 OK\nContent-Length: 5, 5\n\nhello", 200, "hello", 0),
            ("GET", "\r\nHTTP/1.1 200\r\nContent-Length: 0\r\n\r\n", 200, "", 0),
            ("GET", "HTTP/1.1 200 OK\r\n\r\nuntil close", 200, "until close", 0),
            ("HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", 200, "", 0),
            ("GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", 304, "", 0),
            ("GET", "HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n", 204, "", 0),
            (
                "GET",
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n3\r\nhel\r\n2;x=\"y\"\r\nlo\r\n0\r\nA: b\r\n\r\n!",
                200,
                "hello",
                1,
            ),
            (
                "GET",
                "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nLink: x\r\n\r\nHTTP/1.1 201 Yes\r\nContent-Length: 1\r\n\r\n!",
                201,
                "!",
                0,
            ),
        ];
        for (method, text, status, body, left) in cases {
            for size in 1..=text.len() {
                let got = read(method, text.as_bytes(), size);
                assert_eq!(got, Ok((*status, body.as_bytes().to_vec(), *left)), "{text:?} by {size}");
            }
        }
    }

    #[test]
    fn truncations_are_errors() {
        for text in [
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nA: b\r\n",
            "HTTP/1.1 200 OK\r\nContent-",
            "HTTP/1.1 200 OK\r\nA: b\r\n",
            "HT",
        ] {
            for size in 1..=text.len() {
                let kind = read("GET", text.as_bytes(), size).map_err(|error| error.kind);
                assert_eq!(kind, Err(ErrorKind::Truncated), "{text:?}");
            }
        }
    }

    #[test]
    fn what_is_refused() {
        for text in [
            "HTTP/2.0 200 OK\r\n\r\n",
            "hello",
            "SSH-2.0-OpenSSH\r\n",
            "HTTP/1.1 OK\r\n\r\n",
            "HTTP/1.1 099 OK\r\n\r\n",
            "HTTP/1.1 000 OK\r\n\r\n",
            "HTTP/1.1 200 OK\r\nA b\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
            "HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\nhello",
            "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\nhello",
            "HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\nhello",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhellox\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n00000000000000005\r\nhello\r\n",
        ] {
            for size in 1..=text.len() {
                let kind = read("GET", text.as_bytes(), size).map_err(|error| error.kind);
                assert_eq!(kind, Err(ErrorKind::Protocol), "{text:?} by {size}");
            }
        }
        let many = "HTTP/1.1 100 Continue\r\n\r\n".repeat(17);
        assert_eq!(read("GET", many.as_bytes(), 7).map_err(|error| error.kind), Err(ErrorKind::Protocol));
        let fields = |count: usize| format!("HTTP/1.1 200 OK\r\n{}\r\n", "a: b\r\n".repeat(count));
        assert!(read("HEAD", fields(256).as_bytes(), 999).is_ok());
        assert_eq!(read("HEAD", fields(257).as_bytes(), 999).map_err(|e| e.kind), Err(ErrorKind::TooLarge));
        let sized = |size: usize| format!("HTTP/1.1 200 OK\r\na: {}\r\n\r\n", "b".repeat(size - 24));
        assert!(read("HEAD", sized(256 << 10).as_bytes(), 4096).is_ok());
        let beyond = read("HEAD", sized((256 << 10) + 1).as_bytes(), 4096);
        assert_eq!(beyond.map_err(|e| e.kind), Err(ErrorKind::TooLarge));
    }

    #[test]
    fn keep_alive() {
        let limits = Limits::default();
        for (text, expected) in [
            ("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", true),
            ("HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: x, Close\r\n\r\n", false),
            ("HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", false),
            ("HTTP/1.0 200 OK\r\nContent-Length: 0\r\nConnection: Keep-Alive\r\n\r\n", true),
            ("HTTP/1.1 200 OK\r\n\r\n", false),
            ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n", false),
            ("HTTP/1.1 101 Switching Protocols\r\n\r\n", false),
        ] {
            let head = Reader::new("GET").head(text.as_bytes(), &limits).unwrap().1.unwrap();
            assert_eq!(head.keep_alive, expected, "{text:?}");
        }
    }

    #[test]
    fn folded_lines_become_spaces() {
        let text = b"HTTP/1.1 200 OK\r\nA: b\r\n  c\r\n\td\r\n\r\n";
        let head = Reader::new("GET").head(text, &Limits::default()).unwrap().1.unwrap();
        assert_eq!(head.headers.get("a"), Some(&b"b c d"[..]));
    }
}
