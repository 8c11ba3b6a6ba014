//! Errors of serialization and deserialization.

use std::fmt;

/// A value was not serialized or deserialized. Handles belong to the scope of the operation.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum CloneError<'s> {
    /// A value cannot be cloned. The text names it, as in `() => {} could not be cloned.`, and is the message
    /// of the `DataCloneError` that the HTML standard requires.
    NotCloneable(String),
    /// A getter or the embedder's code threw this exception.
    Thrown(v8::Local<'s, v8::Value>),
    /// The isolate is being terminated.
    Terminated,
    /// The value serializes to more than [`Limits::bytes`](crate::Limits::bytes).
    TooLarge {
        /// The limit, in bytes.
        limit: usize,
    },
    /// The [`Account`](crate::Account) has no room for the serialized value.
    OutOfMemory,
    /// Reading the bytes would take more than [`Limits::memory`](crate::Limits::memory), or than the
    /// isolate's heap has left.
    TooMuchMemory {
        /// The estimate when it became too much, in bytes.
        estimate: usize,
        /// The limit, in bytes.
        limit: usize,
    },
    /// Values nest more deeply than [`Limits::depth`](crate::Limits::depth).
    TooDeep {
        /// The limit.
        limit: u32,
    },
    /// The bytes are not what a serializer writes.
    Invalid {
        /// The offset in the bytes, as far as it is known.
        at: usize,
        /// The mistake at that place.
        what: &'static str,
    },
    /// The value depends on its isolate or can be read only once, so it cannot be stored or sent in this way.
    NotPortable(&'static str),
}

impl fmt::Display for CloneError<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotCloneable(message) => f.write_str(message),
            Self::Thrown(_) => f.write_str("JavaScript has thrown while the value was cloned"),
            Self::Terminated => f.write_str("the isolate is being terminated"),
            Self::TooLarge { limit } => write!(f, "the serialized value is larger than {limit} bytes"),
            Self::OutOfMemory => f.write_str("there is no memory for the serialized value"),
            Self::TooMuchMemory { estimate, limit } => {
                write!(f, "the value would take {estimate} bytes of memory or more; {limit} are allowed")
            }
            Self::TooDeep { limit } => write!(f, "the value nests more than {limit} levels deep"),
            Self::Invalid { at, what } => write!(f, "the bytes are no serialized value: at {at}, {what}"),
            Self::NotPortable(what) => f.write_str(what),
        }
    }
}

impl std::error::Error for CloneError<'_> {}
