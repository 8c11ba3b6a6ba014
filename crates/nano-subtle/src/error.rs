//! Errors, by the names that the specification gives to exceptions.
//!
//! A message describes a mistake with public values (formats, lengths, names). A failure that depends on
//! secret data is always the same [`ErrorKind::Operation`] with the same message and without a source.

use std::borrow::Cow;
use std::fmt;

/// The DOMException, or TypeError, that the specification requires.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// `NotSupportedError`: the algorithm, format or parameter is not implemented.
    NotSupported,
    /// `SyntaxError`: a usage that the algorithm does not have, or none at all.
    Syntax,
    /// `InvalidAccessError`: the key is not for this algorithm or operation, or may not be exported.
    InvalidAccess,
    /// `DataError`: the imported data is not a key of that kind.
    Data,
    /// `OperationError`: the operation failed: a wrong length, a wrong tag, no random bytes.
    Operation,
    /// `TypeError`: a parameter has a value outside its range.
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

/// The result of this crate's operations.
pub type Result<T> = std::result::Result<T, Error>;

impl Error {
    /// Makes an error with a message for a person.
    pub fn new(kind: ErrorKind, message: impl Into<Cow<'static, str>>) -> Self {
        Self { kind, message: message.into() }
    }

    /// The exception that this error becomes.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The message, a sentence without a full stop.
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

    /// The one error of decryption and unwrapping, for every reason.
    pub(crate) const fn opaque() -> Self {
        Self { kind: ErrorKind::Operation, message: Cow::Borrowed("the operation failed") }
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
