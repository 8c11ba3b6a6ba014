//! Why input is refused, and with which status.

use std::fmt;

/// A request that is not served. The connection answers with [`status`](Refusal::status) and closes: after
/// any of these the two sides may disagree about where the next request starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Refusal {
    /// The request line is not `method SP target SP version`.
    RequestLine,
    /// The request target has none of the forms of RFC 9112 3.2 that an origin server takes.
    Target,
    /// CONNECT: well-formed, but this server is no proxy.
    Connect,
    /// A version of HTTP other than 1.0 and 1.1.
    Version,
    /// LF without CR before it.
    BareLineFeed,
    /// CR without LF after it.
    BareCarriageReturn,
    /// NUL or another control character.
    ControlCharacter,
    /// A field name that is empty, is no token, or has white space before its colon.
    FieldName,
    /// A line that continues the field before it (obs-fold).
    LineFolding,
    /// The head exceeds [`Limits::head_bytes`](crate::Limits::head_bytes).
    HeadTooLarge,
    /// More fields than [`Limits::fields`](crate::Limits::fields).
    TooManyFields,
    /// HTTP/1.1 without Host.
    HostMissing,
    /// More than one Host.
    HostRepeated,
    /// Host, or the authority in the target, is no `host [":" port]`.
    HostInvalid,
    /// More than one Content-Length, or a list in one.
    ContentLengthRepeated,
    /// Content-Length is no decimal number.
    ContentLengthInvalid,
    /// Content-Length together with Transfer-Encoding.
    LengthAndCoding,
    /// Transfer-Encoding in HTTP/1.0, which has none.
    CodingInHttp10,
    /// Transfer-Encoding that is malformed, has chunked twice or not last.
    CodingInvalid,
    /// A transfer coding other than chunked.
    CodingUnknown,
    /// Expect asks for something other than `100-continue`.
    Expectation,
    /// The body exceeds the limit.
    BodyTooLarge,
    /// A chunk-size line without a valid size.
    ChunkSize,
    /// Chunk extensions that are malformed.
    ChunkExtension,
    /// A chunk-size line longer than [`Limits::chunk_line_bytes`](crate::Limits::chunk_line_bytes), or more
    /// extensions than [`Limits::chunk_extension_bytes`](crate::Limits::chunk_extension_bytes).
    ChunkLineTooLong,
    /// Chunk data without CRLF after it.
    ChunkEnd,
    /// A trailer field that would change framing or routing.
    TrailerForbidden,
    /// Trailers exceed [`Limits::trailer_bytes`](crate::Limits::trailer_bytes).
    TrailersTooLarge,
}

impl Refusal {
    /// The status to answer with: 400, 413, 417, 431, 501 or 505.
    pub fn status(self) -> u16 {
        match self {
            Refusal::BodyTooLarge => 413,
            Refusal::Expectation => 417,
            Refusal::HeadTooLarge | Refusal::TooManyFields | Refusal::TrailersTooLarge => 431,
            Refusal::CodingUnknown | Refusal::Connect => 501,
            Refusal::Version => 505,
            _ => 400,
        }
    }

    /// One sentence for the log and the client.
    pub fn message(self) -> &'static str {
        match self {
            Refusal::RequestLine => "malformed request line",
            Refusal::Target => "invalid request target",
            Refusal::Connect => "CONNECT is not implemented",
            Refusal::Version => "only HTTP/1.0 and HTTP/1.1 are spoken here",
            Refusal::BareLineFeed => "LF without CR",
            Refusal::BareCarriageReturn => "CR without LF",
            Refusal::ControlCharacter => "control character",
            Refusal::FieldName => "invalid field name",
            Refusal::LineFolding => "folded field line",
            Refusal::HeadTooLarge => "request head too large",
            Refusal::TooManyFields => "too many fields",
            Refusal::HostMissing => "Host is missing",
            Refusal::HostRepeated => "Host is repeated",
            Refusal::HostInvalid => "Host is invalid",
            Refusal::ContentLengthRepeated => "Content-Length is repeated",
            Refusal::ContentLengthInvalid => "Content-Length is invalid",
            Refusal::LengthAndCoding => "both Content-Length and Transfer-Encoding",
            Refusal::CodingInHttp10 => "Transfer-Encoding in HTTP/1.0",
            Refusal::CodingInvalid => "Transfer-Encoding is invalid",
            Refusal::CodingUnknown => "unknown transfer coding",
            Refusal::Expectation => "unknown expectation",
            Refusal::BodyTooLarge => "request body too large",
            Refusal::ChunkSize => "invalid chunk size",
            Refusal::ChunkExtension => "invalid chunk extension",
            Refusal::ChunkLineTooLong => "chunk-size line too long",
            Refusal::ChunkEnd => "chunk data without CRLF",
            Refusal::TrailerForbidden => "forbidden trailer field",
            Refusal::TrailersTooLarge => "trailers too large",
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.message(), self.status())
    }
}

impl std::error::Error for Refusal {}

/// A call that does not fit the state of the connection: a bug of the caller, never of the client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Misuse {
    /// There is no request to respond to.
    NoRequest,
    /// The response has been started already.
    AlreadyResponded,
    /// No response has been started, or it is finished.
    NotResponding,
    /// A status that a response cannot have (1xx, or above 999).
    Status,
    /// A header block that does not end in CRLF.
    HeaderBlock,
    /// More body than the announced length. The response is aborted.
    BodyTooLong,
    /// Finished before the announced length was reached. The response is aborted.
    BodyTooShort,
    /// An upgrade that the client did not ask for, or while request body is unread.
    Upgrade,
}

impl fmt::Display for Misuse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Misuse::NoRequest => "there is no request to respond to",
            Misuse::AlreadyResponded => "the response has been started already",
            Misuse::NotResponding => "no response is being sent",
            Misuse::Status => "no status of a final response",
            Misuse::HeaderBlock => "the header block does not end in CRLF",
            Misuse::BodyTooLong => "more body than Content-Length announced",
            Misuse::BodyTooShort => "less body than Content-Length announced",
            Misuse::Upgrade => "no upgrade was asked for, or the request has unread body",
        })
    }
}

impl std::error::Error for Misuse {}
