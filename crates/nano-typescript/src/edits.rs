//! Changes to a source: ranges that are blanked or replaced, in any order; and the lines and columns of
//! places.
//!
//! It knows bytes, newlines and comments, and nothing else of TypeScript.

use crate::problem::Problem;

/// The replacement of a range.
enum Change {
    /// Spaces, one for each UTF-16 unit.
    Blank,
    /// Spaces, the first of them replaced by this character.
    BlankWith(char),
    /// This text, and the newlines of the range.
    Text(String),
}

struct Edit {
    start: usize,
    end: usize,
    change: Change,
}

/// The changes to one source.
pub(crate) struct Edits<'s> {
    pub(crate) source: &'s str,
    edits: Vec<Edit>,
}

impl<'s> Edits<'s> {
    pub(crate) fn new(source: &'s str) -> Self {
        Self { source, edits: Vec::new() }
    }

    pub(crate) fn blank(&mut self, start: usize, end: usize) {
        self.push(start, end, Change::Blank);
    }

    /// Blanks a range that begins a statement or a member, and writes a semicolon, which separates what
    /// stands before and after it.
    pub(crate) fn blank_statement(&mut self, start: usize, end: usize) {
        self.push(start, end, Change::BlankWith(';'));
    }

    pub(crate) fn blank_with(&mut self, start: usize, end: usize, first: char) {
        self.push(start, end, Change::BlankWith(first));
    }

    pub(crate) fn replace(&mut self, start: usize, end: usize, text: String) {
        self.push(start, end, Change::Text(text));
    }

    fn push(&mut self, start: usize, end: usize, change: Change) {
        if start <= end {
            self.edits.push(Edit { start, end, change });
        }
    }

    /// Applies all changes to the source.
    pub(crate) fn apply(mut self) -> String {
        // Stable, so that texts inserted at one place keep their order.
        self.edits.sort_by_key(|edit| (edit.start, edit.end != edit.start));
        let mut out = String::with_capacity(self.source.len() + 64);
        let mut at = 0;
        for edit in &self.edits {
            if edit.end < at || edit.start < at && matches!(edit.change, Change::Text(_)) {
                continue;
            }
            let start = edit.start.max(at);
            out.push_str(&self.source[at..start]);
            let range = &self.source[start..edit.end];
            match &edit.change {
                Change::Blank => blank(&mut out, range),
                Change::BlankWith(first) => {
                    out.push(*first);
                    let mut rest = range.chars();
                    let units = rest.next().map_or(1, char::len_utf16);
                    out.extend(std::iter::repeat_n(' ', units - 1));
                    blank(&mut out, rest.as_str());
                }
                Change::Text(text) => {
                    out.push_str(text);
                    out.extend(range.chars().filter(|character| is_newline(*character)));
                }
            }
            at = edit.end;
        }
        out.push_str(&self.source[at..]);
        out
    }

    /// The first place from `at` on that is neither white space nor in a comment.
    pub(crate) fn skip_trivia(&self, mut at: usize) -> usize {
        loop {
            let rest = &self.source[at..];
            let trimmed = rest.trim_start();
            at += rest.len() - trimmed.len();
            let comment = if trimmed.starts_with("//") {
                trimmed.find(is_newline)
            } else if trimmed.starts_with("/*") {
                trimmed.find("*/").map(|end| end + 2)
            } else {
                return at;
            };
            at += comment.unwrap_or(trimmed.len());
        }
    }

    /// The place of `character`, if only white space and comments stand between `at` and it.
    pub(crate) fn next_is(&self, at: usize, character: u8) -> Option<usize> {
        let at = self.skip_trivia(at);
        (self.source.as_bytes().get(at) == Some(&character)).then_some(at)
    }

    pub(crate) fn has_newline(&self, start: usize, end: usize) -> bool {
        self.source[start..end].contains(is_newline)
    }

    pub(crate) fn problem(&self, at: usize, message: impl Into<String>) -> Problem {
        let (line, column) = position(self.source, at);
        Problem { message: message.into(), line, column }
    }
}

fn blank(out: &mut String, range: &str) {
    for character in range.chars() {
        if is_newline(character) {
            out.push(character);
        } else {
            out.extend(std::iter::repeat_n(' ', character.len_utf16()));
        }
    }
}

/// ECMAScript, section 12.3 "Line Terminators".
fn is_newline(character: char) -> bool {
    matches!(character, '\n' | '\r' | '\u{2028}' | '\u{2029}')
}

/// Line and column of a byte, from 1, the column in UTF-16 units.
pub(crate) fn position(source: &str, at: usize) -> (u32, u32) {
    let mut at = at.min(source.len());
    while !source.is_char_boundary(at) {
        at -= 1;
    }
    let before = &source[..at];
    let mut line = 1;
    let mut start = 0;
    let mut characters = before.char_indices().peekable();
    while let Some((index, character)) = characters.next() {
        if !is_newline(character) {
            continue;
        }
        if character == '\r' && characters.peek().is_some_and(|next| next.1 == '\n') {
            continue;
        }
        line += 1;
        start = index + character.len_utf8();
    }
    (line, before[start..].encode_utf16().count() as u32 + 1)
}
