//! Why a value was not cloned.

use std::fmt;

/// Why a value could not be serialized or deserialized. Handles are of the scope that the operation was called with.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum CloneError<'s> {
    /// Something cannot be cloned. The text names it, as in `() => {} could not be cloned.`: the message of the
    /// `DataCloneError` that the HTML standard wants thrown.
    NotCloneable(String),
    /// A getter, or the embedder's own code, threw this.
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
    /// Reading the bytes would take more than [`Limits::memory`](crate::Limits::memory), or than the isolate's heap has left.
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
        /// Where in the bytes, as far as that is known.
        at: usize,
        /// What is wrong there.
        what: &'static str,
    },
    /// The value depends on its isolate, or holds what can be read once, so it cannot be kept or sent as asked.
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
