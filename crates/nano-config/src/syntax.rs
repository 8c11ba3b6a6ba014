//! From text to a syntax tree: JSON with `//` and `/* */` comments and trailing commas, nothing else beyond
//! JSON. Knows nothing of the configuration's keys.

use jsonc_parser::ast::Value;
use jsonc_parser::errors::{ParseError, ParseErrorKind};
use jsonc_parser::{CollectOptions, ParseOptions, parse_to_ast};

use crate::error::{ConfigError, Source};

/// The tree of a file's single value, or the first place where it is not JSON.
pub(crate) fn parse<'t>(source: &Source<'t>) -> Result<Value<'t>, ConfigError> {
    let text = source.text();
    // A forgotten quote swallows text up to the next quote, and the parser then complains about some innocent
    // place after that. JSON has no line breaks in strings, so the culprit can be named.
    if let Some((start, end)) = string_across_lines(text) {
        return Err(source.error(
            start,
            end,
            "this string does not end on its line: is a closing quote missing?",
        ));
    }
    let options = ParseOptions {
        allow_comments: true,
        allow_trailing_commas: true,
        allow_loose_object_property_names: false,
        allow_missing_commas: false,
        allow_single_quoted_strings: false,
        allow_hexadecimal_numbers: false,
        allow_unary_plus_numbers: false,
        allow_bare_decimal_point_numbers: false,
        allow_non_finite_numbers: false,
        allow_extended_string_escapes: false,
    };
    match parse_to_ast(text, &CollectOptions::default(), &options) {
        Ok(result) => result.value.ok_or_else(|| {
            source.error(
                0,
                0,
                "the file holds no configuration; the least is { \"apps\": [{ \"name\": …, \"path\": … }] }",
            )
        }),
        Err(error) => Err(source.error(error.range().start, error.range().end, explain(&error, text))),
    }
}

/// What to do about a syntax error, where the parser's own words leave that open.
fn explain(error: &ParseError, text: &str) -> String {
    use ParseErrorKind as Kind;
    match error.kind() {
        Kind::ExpectedComma => "a comma is missing here".into(),
        Kind::ExpectedColonAfterObjectKey => "a key is followed by a colon and its value".into(),
        Kind::ExpectedObjectValue => "a value is missing after the colon".into(),
        Kind::ExpectedStringObjectProperty => {
            let name = text.get(error.range().start..error.range().end).unwrap_or_default();
            format!("keys are written in double quotes: \"{name}\"")
        }
        Kind::SingleQuotedStringsNotAllowed => "strings are written in double quotes".into(),
        Kind::MultipleRootJsonValues => {
            "the file goes on after its end: is there a brace too many above?".into()
        }
        Kind::UnterminatedObject => "this { has no matching }".into(),
        Kind::UnterminatedArray => "this [ has no matching ]".into(),
        Kind::UnterminatedCommentBlock => "this comment has no closing */".into(),
        Kind::UnexpectedCloseBrace => "unexpected }".into(),
        Kind::UnexpectedCloseBracket => "unexpected ]".into(),
        Kind::UnexpectedComma => "unexpected comma: a value is missing before it".into(),
        Kind::UnexpectedColon => "unexpected colon: only a key in { } is followed by one".into(),
        Kind::UnexpectedWord | Kind::UnexpectedToken => {
            "this is not JSON: strings need double quotes; the only words are true, false and null".into()
        }
        Kind::UnexpectedTokenInObject => "a key in double quotes is expected here".into(),
        Kind::NestingDepthExceeded => "brackets are nested too deeply".into(),
        other => {
            let words = other.to_string();
            let mut chars = words.chars();
            chars.next().map(|first| first.to_lowercase().chain(chars).collect()).unwrap_or(words)
        }
    }
}

/// The byte range of the first string literal that meets a line break before its closing quote, up to the
/// break.
fn string_across_lines(text: &str) -> Option<(usize, usize)> {
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        match (bytes[at], bytes.get(at + 1)) {
            (b'/', Some(b'/')) => at += memchr::memchr(b'\n', &bytes[at..])?,
            (b'/', Some(b'*')) => at += 4 + text[at + 2..].find("*/")?,
            (b'"', _) => {
                let start = at;
                at += 1;
                loop {
                    match bytes.get(at)? {
                        b'"' => break,
                        b'\n' | b'\r' => return Some((start, at)),
                        // The escaped character cannot be part of a line break: that is invalid too.
                        b'\\' if bytes.get(at + 1).is_some_and(|&b| b != b'\n' && b != b'\r') => at += 2,
                        _ => at += 1,
                    }
                }
                at += 1;
            }
            _ => at += 1,
        }
    }
    None
}
