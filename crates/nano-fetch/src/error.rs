//! Why a fetch failed: a kind for programs, a text for people.

use std::fmt;
use std::io;

/// What went wrong, for programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The request itself cannot be sent: its URL, its port or one of its headers.
    Request,
    /// The policy refuses the address.
    Policy,
    /// The name could not be resolved.
    Resolve,
    /// No address could be connected to.
    Connect,
    /// TLS could not be agreed on, or the certificate is not to be trusted.
    Tls,
    /// A phase, or the whole, took too long.
    Timeout,
    /// What the server sent is no HTTP/1.1.
    Protocol,
    /// The response ended before it was complete.
    Truncated,
    /// The response is larger than a limit allows.
    TooLarge,
    /// The body is not what its Content-Encoding says.
    Decode,
    /// A redirect that cannot be followed.
    Redirect,
    /// The connection broke.
    Reset,
    /// The proxy refused, or is not usable.
    Proxy,
    /// The request's own body failed.
    Body,
    /// Too much at the same time: a limit of the client's.
    Busy,
}

impl ErrorKind {
    /// A short name that stays as it is, for logs and programs in other languages.
    pub fn code(self) -> &'static str {
        match self {
            ErrorKind::Request => "ERR_REQUEST",
            ErrorKind::Policy => "ERR_ADDRESS_REFUSED",
            ErrorKind::Resolve => "ENOTFOUND",
            ErrorKind::Connect => "ECONNREFUSED",
            ErrorKind::Tls => "ERR_TLS",
            ErrorKind::Timeout => "ETIMEDOUT",
            ErrorKind::Protocol => "ERR_PROTOCOL",
            ErrorKind::Truncated => "ERR_TRUNCATED",
            ErrorKind::TooLarge => "ERR_TOO_LARGE",
            ErrorKind::Decode => "ERR_CONTENT_ENCODING",
            ErrorKind::Redirect => "ERR_REDIRECT",
            ErrorKind::Reset => "ECONNRESET",
            ErrorKind::Proxy => "ERR_PROXY",
            ErrorKind::Body => "ERR_BODY",
            ErrorKind::Busy => "EBUSY",
        }
    }
}

/// Why a fetch failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FetchError {
    /// For programs.
    pub kind: ErrorKind,
    /// For people: names the host and the reason.
    pub message: String,
}

impl FetchError {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }
}

impl fmt::Display for FetchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for FetchError {}

/// An error of the system without the number that it ends with.
pub(crate) fn io_text(error: &io::Error) -> String {
    let text = error.to_string();
    match text.find(" (os error") {
        Some(end) => text[..end].to_owned(),
        None => text,
    }
}
