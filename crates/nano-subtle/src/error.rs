//! Why an operation failed, by the names that the specification gives to exceptions.
//!
//! Messages say what a caller did wrong with public things (formats, lengths, names). What depends on secret data is
//! always the same [`ErrorKind::Operation`] with the same words.

use std::borrow::Cow;
use std::fmt;

/// The name of the DOMException (or TypeError) that the specification wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// `NotSupportedError`: no such algorithm, format or parameter here.
    NotSupported,
    /// `SyntaxError`: a usage that the algorithm does not have, or none at all.
    Syntax,
    /// `InvalidAccessError`: the key is not for this algorithm or operation, or may not be exported.
    InvalidAccess,
    /// `DataError`: what was to be imported is no key of that kind.
    Data,
    /// `OperationError`: the operation itself failed: a bad length, a tag that does not fit, no random bytes.
    Operation,
    /// `TypeError`
    Type,
}

impl ErrorKind {
    /// The name, as `DOMException.name` has it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::NotSupported => "NotSupportedError",
            Self::Syntax => "SyntaxError",
            Self::InvalidAccess => "InvalidAccessError",
            Self::Data => "DataError",
            Self::Operation => "OperationError",
            Self::Type => "TypeError",
        }
    }
}

/// An operation failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    kind: ErrorKind,
    message: Cow<'static, str>,
}

/// What the operations of this crate return.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// An error of a kind, with what a person needs to know.
    pub fn new(kind: ErrorKind, message: impl Into<Cow<'static, str>>) -> Self {
        Self { kind, message: message.into() }
    }

    /// Which exception it is.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// What happened, in a sentence without its full stop.
    pub fn message(&self) -> &str {
        &self.message
    }

    pub(crate) fn unsupported(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorKind::NotSupported, message)
    }

    pub(crate) fn syntax(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorKind::Syntax, message)
    }

    pub(crate) fn access(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorKind::InvalidAccess, message)
    }

    pub(crate) fn data(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorKind::Data, message)
    }

    pub(crate) fn operation(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(ErrorKind::Operation, message)
    }

    /// Decryption and unwrapping fail in this one way, whatever the reason.
    pub(crate) const fn opaque() -> Self {
        Self {
            kind: ErrorKind::Operation,
            message: Cow::Borrowed("the operation failed for a reason that is not told"),
        }
    }

    /// The system gave no random bytes.
    pub(crate) const fn random() -> Self {
        Self { kind: ErrorKind::Operation, message: Cow::Borrowed("the system gave no random bytes") }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.kind.name(), self.message)
    }
}

impl std::error::Error for Error {}
