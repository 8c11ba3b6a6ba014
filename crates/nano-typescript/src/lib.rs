#![doc = include_str!("../README.md")]
//!
//! # How it is put together
//!
//! oxc parses; `names.rs` finds which names are only types; [`strip()`] walks the tree once more and notes what is to be
//! blanked (`edits.rs`); enums, the only declarations that become code of another shape, are in `enums.rs`.

mod edits;
mod enums;
mod names;
mod stack;
mod strip;

pub use stack::MAX_NESTING;

/// What is wrong with a source, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// What is wrong, and what to do where that is known.
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

/// Takes the types out of a TypeScript module.
///
/// Lines stay where they were. So do columns (in UTF-16 units), but for those after an enum's initializers, after parameters of a
/// constructor that are properties, and after a type assertion `<T>` that has to become a bracket.
///
/// # Errors
///
/// All syntax errors that the parser finds, or the first construct without a meaning in JavaScript that is not translated:
/// decorators, namespaces with values, `import x = require(…)`, `export =`. A source that could nest deeper than
/// [`MAX_NESTING`] is refused too.
///
/// # Examples
///
/// ```
/// let code = nano_typescript::strip("const answer: number = 42 as const;").unwrap();
/// assert_eq!(code, "const answer         = 42         ;");
/// ```
pub fn strip(source: &str) -> Result<String, Vec<Problem>> {
    stack::with_enough(source, || strip::strip(source))
}
