//! A stack for the parser, which recurses as deep as its source nests: as large as the source could need.
//!
//! A source must never overflow a stack, which would end the process and every tenant in it.

use crate::problem::Problem;

/// Nesting of a source, by the count of brackets, operators and keywords in it.
///
/// Limit (levels): a megabyte of ordinary code has about 150,000.
pub const MAX_NESTING: usize = 1 << 18;

/// The bytes of stack for one level, with a reserve: the tests nest every construct 20,000 levels deep.
const BYTES_PER_LEVEL: usize = if cfg!(debug_assertions) { 16 << 10 } else { 4 << 10 };

/// The bytes of stack that the parser needs without nesting.
const BASE_BYTES: usize = 1 << 20;

/// Words that can follow each other without a bracket between them, each one level deeper.
const NESTING_WORDS: [&str; 20] = [
    "await", "yield", "typeof", "void", "delete", "new", "throw", "if", "else", "for", "while", "do", "with",
    "keyof", "unique", "readonly", "infer", "asserts", "async", "extends",
];

/// An upper bound of the levels that a source nests. Characters in strings and comments count too.
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

/// Calls `work` on a thread whose stack is large enough for the source. Only the part that is used takes
/// memory.
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
                // The panic hook has printed the message.
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
    fn brackets_operators_and_keywords_are_counted() {
        assert_eq!(nesting("a;b,c"), 0);
        assert_eq!(nesting("((1))"), 2);
        assert_eq!(nesting("!typeof await x"), 3);
        assert_eq!(nesting("elsewhere newest"), 0);
    }
}
