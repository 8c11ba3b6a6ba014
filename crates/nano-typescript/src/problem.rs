//! Errors in a source.

/// An error in a source, with its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The error, and what to do about it where that is known.
    pub message: String,
    /// The line in the source, from 1.
    pub line: u32,
    /// The column in UTF-16 units, from 1.
    pub column: u32,
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}:{}: {}", self.line, self.column, self.message)
    }
}

impl std::error::Error for Problem {}
