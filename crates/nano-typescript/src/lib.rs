#![doc = include_str!("../README.md")]
//!
//! # How it is put together
//!
//! oxc parses. `names` finds the names that are only types. `strip` walks the tree and records in `edits`,
//! with the helpers of `blank`, what becomes spaces. `types` decides which declarations are only types;
//! `enums` translates enums, the only declarations that become code of another shape. `stack` bounds the
//! recursion of it all.

mod blank;
mod edits;
mod enums;
mod names;
mod problem;
mod stack;
mod strip;
mod types;

pub use problem::Problem;
pub use stack::MAX_NESTING;

/// Removes the types from a TypeScript module.
///
/// Lines keep their numbers. Columns (in UTF-16 units) stay the same too, except after an enum's
/// initializers, after parameters of a constructor that are properties, and after a type assertion `<T>` that
/// must become a bracket.
///
/// # Errors
///
/// All syntax errors that the parser finds, or the first construct that is neither JavaScript nor translated:
/// decorators, namespaces with values, `import x = require(…)`, `export =`. A source that could nest deeper
/// than [`MAX_NESTING`] is refused too.
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
