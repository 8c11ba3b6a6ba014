//! The input of an import and the output of an export, and the errors about formats.

use crate::algorithm::Format;
use crate::error::Error;
use crate::jwk::JsonWebKey;
use zeroize::Zeroizing;

/// The data from which a key is imported.
#[derive(Clone, Copy, Debug)]
pub enum KeyData<'a> {
    /// The bytes of a key, for every format but [`Format::Jwk`].
    Bytes(&'a [u8]),
    /// A JSON Web Key, for [`Format::Jwk`].
    Jwk(&'a JsonWebKey),
}

/// An exported key. It is wiped from memory when it is dropped.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::large_enum_variant, reason = "callers take it apart where it is made")]
pub enum Exported {
    /// The bytes of a key, in every format but [`Format::Jwk`].
    Bytes(Zeroizing<Vec<u8>>),
    /// A JSON Web Key, in [`Format::Jwk`].
    Jwk(JsonWebKey),
}

/// The half of a key pair that an import has made.
pub(crate) enum Half<P, S> {
    Public(P),
    Private(S),
}

impl<P, S> Half<P, S> {
    /// Converts either half to one type.
    pub(crate) fn map<T>(self, public: impl FnOnce(P) -> T, private: impl FnOnce(S) -> T) -> T {
        match self {
            Self::Public(key) => public(key),
            Self::Private(key) => private(key),
        }
    }
}

pub(crate) fn cannot_import(algorithm: &str, format: Format) -> Error {
    Error::unsupported(format!("a key for {algorithm} cannot be imported as {}", format.name()))
}

/// No key of this algorithm is exported in this format.
pub(crate) fn cannot_export(algorithm: &str, format: Format) -> Error {
    Error::unsupported(format!("a key for {algorithm} cannot be exported as {}", format.name()))
}

/// Keys of this algorithm are exported in this format, but not keys of type `what` (`public` or `private`).
pub(crate) fn cannot_export_half(what: &str, algorithm: &str, format: Format) -> Error {
    Error::access(format!("a {what} key for {algorithm} cannot be exported as {}", format.name()))
}
