//! The errors of this crate. They carry figures, no text of the tenant's, and allocate nothing.

use std::fmt;

/// Which limit refused memory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum RefusedBy {
    /// The arena's own limit ([`Arena::with_limit`](crate::Arena::with_limit)).
    ArenaLimit,
    /// An [`Account`](crate::Account), or one of those above it.
    Account,
    /// The system's allocator, or a size that no address space can hold.
    System,
}

/// Memory was refused. What was there before the refused operation is as it was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Exhausted {
    pub(crate) requested: usize,
    pub(crate) used: usize,
    pub(crate) limit: usize,
    pub(crate) by: RefusedBy,
}

impl Exhausted {
    pub(crate) fn system(requested: usize) -> Exhausted {
        Exhausted { requested, used: 0, limit: usize::MAX, by: RefusedBy::System }
    }

    /// Bytes that were asked for. For an arena these are the bytes of the allocation itself, without its
    /// chunk's.
    pub fn requested(&self) -> usize {
        self.requested
    }

    /// Bytes that were in use under the limit that refused; 0 if the system refused.
    pub fn used(&self) -> usize {
        self.used
    }

    /// The limit that refused, in bytes; `usize::MAX` if the system refused.
    pub fn limit(&self) -> usize {
        self.limit
    }

    /// Which limit refused.
    pub fn by(&self) -> RefusedBy {
        self.by
    }
}

impl fmt::Display for Exhausted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Exhausted { requested, used, limit, by } = self;
        match by {
            RefusedBy::System => write!(f, "the system has no {requested} bytes of memory to give"),
            RefusedBy::ArenaLimit => {
                write!(
                    f,
                    "{requested} more bytes do not fit: {used} of the arena's limit of {limit} are held"
                )
            }
            RefusedBy::Account => {
                write!(
                    f,
                    "{requested} more bytes do not fit: {used} of the account's limit of {limit} are charged"
                )
            }
        }
    }
}

impl std::error::Error for Exhausted {}

impl From<Exhausted> for std::io::Error {
    /// An error of kind `OutOfMemory`, made without allocating.
    fn from(_: Exhausted) -> std::io::Error {
        std::io::ErrorKind::OutOfMemory.into()
    }
}

/// Why formatted text was not written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum FormatError {
    /// There was no memory for the text.
    Exhausted(Exhausted),
    /// A `Display` (or other formatting) implementation returned an error of its own.
    Display,
}

impl fmt::Display for FormatError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FormatError::Exhausted(_) => f.write_str("there is no memory for the formatted text"),
            FormatError::Display => f.write_str("a value to be formatted reported an error"),
        }
    }
}

impl std::error::Error for FormatError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            FormatError::Exhausted(e) => Some(e),
            FormatError::Display => None,
        }
    }
}

impl From<Exhausted> for FormatError {
    fn from(e: Exhausted) -> FormatError {
        FormatError::Exhausted(e)
    }
}
