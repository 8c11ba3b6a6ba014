//! How bodies are framed, and how strictly that is read: words that all files share.

/// How much that is not quite HTTP/1.1 is accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Strictness {
    /// Nothing that two parsers may read differently: for requests.
    Strict,
    /// What HTTP clients accept in a response: LF alone as a line's end, white space after a chunk's size,
    /// any bytes as a chunk's extension, any line as a trailer field, of which none is kept.
    Tolerant,
}

/// How a body is delimited: RFC 9112, section 6.3.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    None,
    Length(u64),
    Chunked,
    /// Only in responses: the end of the connection.
    UntilClose,
}
