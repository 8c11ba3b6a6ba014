//! Why a fetch failed: a kind for programs, a text for people.

use nano_http::ResponseError;
use std::error::Error;
use std::fmt;
use std::io;
use std::sync::Arc;

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
    /// The account that pays for decoding the response has reached its limit.
    NoMemory,
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
            ErrorKind::NoMemory => "ENOMEM",
        }
    }
}

/// Why a fetch failed.
#[derive(Clone, Debug)]
pub struct FetchError {
    /// For programs.
    pub kind: ErrorKind,
    /// For people: names the host and the reason.
    pub message: String,
    source: Option<Arc<dyn Error + Send + Sync>>,
}

impl FetchError {
    pub(crate) fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), source: None }
    }

    /// The same, with the error that caused it.
    pub(crate) fn with_source(mut self, source: impl Error + Send + Sync + 'static) -> Self {
        self.source = Some(Arc::new(source));
        self
    }
}

/// Errors with the same kind and message are equal, whatever caused them.
impl PartialEq for FetchError {
    fn eq(&self, other: &Self) -> bool {
        self.kind == other.kind && self.message == other.message
    }
}

impl Eq for FetchError {}

impl fmt::Display for FetchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for FetchError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as &(dyn Error + 'static))
    }
}

impl From<ResponseError> for FetchError {
    fn from(error: ResponseError) -> Self {
        let kind = match &error {
            ResponseError::HeadTooLarge(..) | ResponseError::BodyTooLarge(_) => ErrorKind::TooLarge,
            ResponseError::Truncated(_) | ResponseError::Missing(_) => ErrorKind::Truncated,
            _ => ErrorKind::Protocol,
        };
        FetchError::new(kind, error.to_string()).with_source(error)
    }
}

/// An error of the system without the number that it ends with.
pub(crate) fn io_text(error: &io::Error) -> String {
    let text = error.to_string();
    match text.find(" (os error") {
        Some(end) => text[..end].to_owned(),
        None => text,
    }
}

/// The same error once more, as the source of one of ours.
pub(crate) fn io_source(error: &io::Error) -> io::Error {
    error.raw_os_error().map_or_else(|| error.kind().into(), io::Error::from_raw_os_error)
}
