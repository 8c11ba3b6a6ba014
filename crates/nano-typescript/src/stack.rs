//! Room for the parser, which recurses as deep as its source nests: a stack of its own, as large as the source could need.
//!
//! A nested source must never overflow a stack, which would end the process and all who live in it.

use crate::Problem;

/// How deep a source may nest by the count of what can nest in it: brackets, operators and keywords. A megabyte of ordinary code has
/// about 150,000.
pub const MAX_NESTING: usize = 1 << 18;

/// Stack for one level, with room to spare: the tests nest 20,000 deep in every way there is.
const BYTES_PER_LEVEL: usize = if cfg!(debug_assertions) { 16 << 10 } else { 4 << 10 };

/// What the parser needs before it nests.
const BASE_BYTES: usize = 1 << 20;

/// Words that can follow each other without a bracket between them, each a level deeper.
const NESTING_WORDS: [&str; 20] = [
    "await", "yield", "typeof", "void", "delete", "new", "throw", "if", "else", "for", "while", "do", "with",
    "keyof", "unique", "readonly", "infer", "asserts", "async", "extends",
];

/// An upper bound of how deep the source nests. What stands in strings and comments counts too.
fn nesting(source: &str) -> usize {
    let bytes = source.as_bytes();
    let mut count = 0;
    let mut at = 0;
    while at < bytes.len() {
        let byte = bytes[at];
        if byte.is_ascii_alphabetic() {
            let start = at;
            while at < bytes.len() && (bytes[at].is_ascii_alphanumeric() || matches!(bytes[at], b'_' | b'$'))
            {
                at += 1;
            }
            count += usize::from(NESTING_WORDS.contains(&&source[start..at]));
            continue;
        }
        let flat = matches!(byte, b';' | b',' | b')' | b']' | b'}' | b'"' | b'\'' | b'_' | b'$');
        count += usize::from(byte.is_ascii_punctuation() && !flat);
        at += 1;
    }
    count
}

/// Calls `work` on a thread whose stack suffices for the source. Only what is touched of it takes memory.
pub(crate) fn with_enough<R: Send>(
    source: &str,
    work: impl FnOnce() -> Result<R, Vec<Problem>> + Send,
) -> Result<R, Vec<Problem>> {
    let fail = |message: &str| Err(vec![Problem { message: message.to_owned(), line: 1, column: 1 }]);
    let depth = nesting(source);
    if depth > MAX_NESTING {
        return fail("this TypeScript file is too large: compile it to JavaScript first");
    }
    std::thread::scope(|scope| {
        let builder = std::thread::Builder::new()
            .name("nano-typescript".into())
            .stack_size(BASE_BYTES + depth * BYTES_PER_LEVEL);
        match builder.spawn_scoped(scope, work) {
            Ok(thread) => match thread.join() {
                Ok(result) => result,
                // The panic hook has said what happened.
                Err(_) => fail("a fault of the runtime: the TypeScript parser gave up"),
            },
            Err(_) => fail("there is no memory to parse this TypeScript file"),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_can_nest_is_counted() {
        assert_eq!(nesting("a;b,c"), 0);
        assert_eq!(nesting("((1))"), 2);
        assert_eq!(nesting("!typeof await x"), 3);
        assert_eq!(nesting("elsewhere newest"), 0);
    }
}
