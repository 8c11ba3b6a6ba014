//! Problems of a configuration file: their places, their messages, and how they are shown.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::Path;
use std::sync::Arc;

use crate::limits::ERRORS_MAX;

/// Characters of a source line that are shown around a problem. Longer lines are cut on both sides.
const SHOWN_CHARS: usize = 120;

/// One problem of a configuration file.
///
/// Its [`Display`](fmt::Display) is `FILE:LINE:COLUMN: MESSAGE`, then the line of the file with a caret
/// below:
///
/// ```text
/// nano.jsonc:12:17: unknown key "hostnam" (did you mean "hostname"?)
///     { "name": "api", "hostnam": "api.example.com" },
///                      ^^^^^^^^^
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    file: String,
    position: Option<Position>,
    message: String,
    cause: Option<Cause>,
}

/// The error of the system that a problem comes from. Two are equal if they say the same.
#[derive(Debug, Clone)]
struct Cause(Arc<io::Error>);

impl PartialEq for Cause {
    fn eq(&self, other: &Cause) -> bool {
        self.0.kind() == other.0.kind() && self.0.to_string() == other.0.to_string()
    }
}

impl Eq for Cause {}

/// Where in a text a problem is, with what is needed to show the place.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Position {
    line: usize,
    column: usize,
    /// The line's characters around the problem, safe to print.
    shown: String,
    /// How many characters of `shown` come before the caret.
    caret_start: usize,
    caret_len: usize,
}

impl ConfigError {
    /// A problem of the file as a whole, such as that it cannot be read.
    pub(crate) fn of_file(file: &Path, message: impl Into<String>) -> Self {
        ConfigError { file: file.display().to_string(), position: None, message: message.into(), cause: None }
    }

    /// The file cannot be read.
    pub(crate) fn of_unreadable(file: &Path, error: io::Error) -> Self {
        let message = format!("the configuration cannot be read: {error}");
        ConfigError { cause: Some(Cause(Arc::new(error))), ..ConfigError::of_file(file, message) }
    }

    /// The file, as it was named by the caller.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// The line, counted from 1. `None` if the problem is with the file as a whole.
    pub fn line(&self) -> Option<usize> {
        self.position.as_ref().map(|position| position.line)
    }

    /// The column, counted from 1 in characters (Unicode scalar values; a tab is one).
    pub fn column(&self) -> Option<usize> {
        self.position.as_ref().map(|position| position.column)
    }

    /// The problem and its remedy, without the place.
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(position) = &self.position else {
            return write!(f, "{}: {}", self.file, self.message);
        };
        writeln!(f, "{}:{}:{}: {}", self.file, position.line, position.column, self.message)?;
        writeln!(f, "    {}", position.shown)?;
        f.write_str("    ")?;
        for c in position.shown.chars().take(position.caret_start) {
            // Tabs are repeated so that the caret stands below its character whatever their width.
            f.write_str(if c == '\t' { "\t" } else { " " })?;
        }
        for _ in 0..position.caret_len {
            f.write_str("^")?;
        }
        Ok(())
    }
}

impl Error for ConfigError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.cause.as_ref().map(|cause| &*cause.0 as &(dyn Error + 'static))
    }
}

/// All problems found in a configuration, in the order of the file. There is at least one.
///
/// [`Display`](fmt::Display) shows one below the other; after the first hundred the rest are only counted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigErrors {
    errors: Vec<ConfigError>,
    not_shown: usize,
}

impl ConfigErrors {
    /// Sorts by position. Problems of the file as a whole come first.
    pub(crate) fn new(mut errors: Vec<ConfigError>) -> Self {
        debug_assert!(!errors.is_empty());
        errors.sort_by_key(|error| (error.line(), error.column()));
        let not_shown = errors.len().saturating_sub(ERRORS_MAX);
        errors.truncate(ERRORS_MAX);
        ConfigErrors { errors, not_shown }
    }

    /// The problems, at most a hundred of them.
    pub fn iter(&self) -> std::slice::Iter<'_, ConfigError> {
        self.errors.iter()
    }

    /// How many problems there are, including those that are not listed.
    pub fn count(&self) -> usize {
        self.errors.len() + self.not_shown
    }
}

impl From<ConfigError> for ConfigErrors {
    fn from(error: ConfigError) -> Self {
        ConfigErrors::new(vec![error])
    }
}

impl<'a> IntoIterator for &'a ConfigErrors {
    type Item = &'a ConfigError;
    type IntoIter = std::slice::Iter<'a, ConfigError>;
    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, error) in self.errors.iter().enumerate() {
            if index > 0 {
                f.write_str("\n")?;
            }
            error.fmt(f)?;
        }
        if self.not_shown > 0 {
            write!(f, "\nand {} more problems", self.not_shown)?;
        }
        Ok(())
    }
}

impl Error for ConfigErrors {
    /// The system's error, if the file could not be read.
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.errors.first().and_then(Error::source)
    }
}

/// The text of a file with an index of its lines, so that any number of problems can be placed in it.
pub(crate) struct Source<'t> {
    file: String,
    text: &'t str,
    /// Byte offset of the start of each line.
    line_starts: Vec<usize>,
}

impl<'t> Source<'t> {
    /// Leaves a byte order mark out, which some editors put at the front.
    pub(crate) fn new(file: &Path, text: &'t str) -> Self {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let line_starts = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1)).collect();
        Source { file: file.display().to_string(), text, line_starts }
    }

    pub(crate) fn text(&self) -> &'t str {
        self.text
    }

    /// The line, counted from 1, of a byte offset.
    pub(crate) fn line(&self, offset: usize) -> usize {
        self.line_starts.partition_point(|&start| start <= offset)
    }

    /// A problem at the bytes `start..end`. The caret covers what of them is on the first line. Offsets that
    /// are not on a character boundary, or beyond the end, are moved down to one.
    pub(crate) fn error(&self, start: usize, end: usize, message: impl Into<String>) -> ConfigError {
        let start = floor_char_boundary(self.text, start);
        let end = floor_char_boundary(self.text, end).max(start);
        let line = self.line(start);
        let line_start = self.line_starts[line - 1];
        let line_end = self.text[start..].find(['\n', '\r']).map_or(self.text.len(), |at| start + at);
        let before = self.text[line_start..start].chars().count();
        let within = self.text[start..end.min(line_end).max(start)].chars().count();
        // A window of the line that begins at most half its width before the caret.
        let skipped = if before + within > SHOWN_CHARS { before.saturating_sub(SHOWN_CHARS / 2) } else { 0 };
        let shown: String = self.text[line_start..line_end.max(start)]
            .chars()
            .skip(skipped)
            .take(SHOWN_CHARS)
            .map(|c| if c != '\t' && c.is_control() { char::REPLACEMENT_CHARACTER } else { c })
            .collect();
        let caret_start = before - skipped;
        let caret_len = within.clamp(1, SHOWN_CHARS.saturating_sub(caret_start).max(1));
        let shown = shown.trim_end().to_string();
        let position = Position { line, column: before + 1, shown, caret_start, caret_len };
        ConfigError {
            file: self.file.clone(),
            position: Some(position),
            message: message.into(),
            cause: None,
        }
    }
}

fn floor_char_boundary(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}
