//! Files of variables, as `--env-file` takes them. `docs/configuration.md` describes their syntax.
//!
//! ```
//! use nano_config::env_file;
//!
//! let variables = env_file::parse("STAGE=prod # a comment\nGREETING='hello \"you\"'\n").unwrap();
//! assert_eq!(variables[1], ("GREETING".to_string(), "hello \"you\"".to_string()));
//!
//! let problems = env_file::parse("1ST=a\nB=c\n").unwrap_err();
//! assert_eq!(problems[0].to_string(), "1:1: a name has letters, digits and _, and begins with no digit");
//! ```

use std::fmt;

/// A problem in a file of variables, with its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// The mistake, and what to write instead.
    pub message: &'static str,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.line, self.column, self.message)
    }
}

impl std::error::Error for Problem {}

/// Parses the variables of `text` in the order of the file. A name may occur several times: the last one
/// counts.
///
/// # Errors
///
/// All problems, at least one, in the order of the file.
pub fn parse(text: &str) -> Result<Vec<(String, String)>, Vec<Problem>> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut parser = Parser { text, at: 0 };
    let (mut variables, mut problems) = (Vec::new(), Vec::new());
    while parser.at < text.len() {
        match parser.line() {
            Ok(variable) => variables.extend(variable),
            Err((at, message)) => {
                let before = &text[..at];
                let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
                let line = 1 + before.matches('\n').count();
                problems.push(Problem { line, column: 1 + before[line_start..].chars().count(), message });
                // At most one problem for each line.
                parser.at = parser.at.max(at);
                parser.skip_line();
            }
        }
    }
    if problems.is_empty() { Ok(variables) } else { Err(problems) }
}

/// Byte offset and message of a problem.
type Fault = (usize, &'static str);

struct Parser<'t> {
    text: &'t str,
    at: usize,
}

impl<'t> Parser<'t> {
    /// Reads one line, or several if a quoted value spans them. `None` for an empty line or a comment.
    fn line(&mut self) -> Result<Option<(String, String)>, Fault> {
        self.skip_blanks();
        if matches!(self.peek(), None | Some('#' | '\n' | '\r')) {
            self.skip_line();
            return Ok(None);
        }
        if let Some(rest) = self.rest().strip_prefix("export")
            && rest.starts_with([' ', '\t'])
        {
            self.at += "export".len();
            self.skip_blanks();
        }
        let name = self.name()?;
        self.skip_blanks();
        if self.peek() != Some('=') {
            return Err((self.at, "a variable is written NAME=VALUE: there is no = here"));
        }
        self.at += 1;
        self.skip_blanks();
        let value = match self.peek() {
            Some(quote @ ('"' | '\'')) => self.quoted(quote)?,
            _ => self.unquoted(),
        };
        Ok(Some((name, value)))
    }

    fn name(&mut self) -> Result<String, Fault> {
        let start = self.at;
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
        let length = self.rest().find(|c| !is_name(c)).unwrap_or(self.rest().len());
        let name = &self.rest()[..length];
        if !crate::env::is_variable_name(name) {
            return Err((start, "a name has letters, digits and _, and begins with no digit"));
        }
        self.at += length;
        Ok(name.to_string())
    }

    /// Reads a value up to the end of the line or ` #`, without blanks around it.
    fn unquoted(&mut self) -> String {
        let line = self.rest().split('\n').next().unwrap_or_default();
        // There may be only a comment; blanks before it were skipped.
        let comment = match line.starts_with('#') {
            true => Some(0),
            false => line.match_indices('#').map(|(at, _)| at).find(|&at| line[..at].ends_with([' ', '\t'])),
        };
        let value = line[..comment.unwrap_or(line.len())].trim_end().to_string();
        self.skip_line();
        value
    }

    fn quoted(&mut self, quote: char) -> Result<String, Fault> {
        let start = self.at;
        let mut value = String::new();
        self.at += 1;
        loop {
            let Some(c) = self.peek() else {
                return Err((start, "this quote is never closed"));
            };
            self.at += c.len_utf8();
            if c == quote {
                break;
            }
            // A file with CRLF line ends has the same values.
            if c == '\r' && self.peek() == Some('\n') {
                continue;
            }
            if c != '\\' || quote == '\'' {
                value.push(c);
                continue;
            }
            let escaped = match self.peek() {
                Some('n') => '\n',
                Some('r') => '\r',
                Some('t') => '\t',
                Some(c @ ('\\' | '"' | '$')) => c,
                _ => {
                    let fault = "between double quotes, \\ stands only before n, r, t, \\, \" and $";
                    return Err((self.at - 1, fault));
                }
            };
            value.push(escaped);
            self.at += 1;
        }
        self.skip_blanks();
        if !matches!(self.peek(), None | Some('#' | '\n' | '\r')) {
            return Err((self.at, "after the closing quote only a comment may follow"));
        }
        self.skip_line();
        Ok(value)
    }

    fn rest(&self) -> &'t str {
        &self.text[self.at..]
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn skip_blanks(&mut self) {
        self.at += self.rest().len() - self.rest().trim_start_matches([' ', '\t']).len();
    }

    fn skip_line(&mut self) {
        self.at += self.rest().find('\n').map_or(self.rest().len(), |newline| newline + 1);
    }
}

#[cfg(test)]
mod tests {
    use super::parse;

    fn variables(text: &str) -> Vec<(String, String)> {
        parse(text).unwrap_or_else(|problems| panic!("{problems:?}"))
    }

    #[test]
    fn values_are_read_as_documented() {
        for (line, expected) in [
            ("A=b", "b"),
            ("A=", ""),
            ("A= ", ""),
            ("  A = b c  ", "b c"),
            ("A=b\r", "b"),
            ("export A=b", "b"),
            ("export\tA=b", "b"),
            ("A=b # comment", "b"),
            ("A=b#c", "b#c"),
            ("A=#c", ""),
            ("A= # c", ""),
            ("A=é=ü", "é=ü"),
            ("A=b\\n$HOME", "b\\n$HOME"),
            ("A=b'c\"", "b'c\""),
            ("A=''", ""),
            ("A=' b # \\n \"$x\" '  # comment", " b # \\n \"$x\" "),
            ("A=\"b\\n\\r\\t\\\\\\\"\\$ 'x' # é\"", "b\n\r\t\\\"$ 'x' # é"),
            ("A='b\nc'", "b\nc"),
            ("A=\"b\r\nc\"#x", "b\nc"),
        ] {
            let expected = vec![("A".to_string(), expected.to_string())];
            for text in [line.to_string(), format!("\u{feff}# x\n\n \t\r\n{line}\n")] {
                assert_eq!(variables(&text), expected, "{text:?}");
            }
        }
    }

    #[test]
    fn several_lines_are_several_variables() {
        let found = variables("A=1\nexport=2\n\nA='\n3'\n_b9=4");
        let expected = [("A", "1"), ("export", "2"), ("A", "\n3"), ("_b9", "4")];
        assert_eq!(found, expected.map(|(name, value)| (name.to_string(), value.to_string())));
        assert_eq!(variables(""), []);
    }

    #[test]
    fn the_example_of_the_documentation_is_read() {
        let docs = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/configuration.md");
        let docs = std::fs::read_to_string(docs).unwrap();
        let example = docs.split("```sh\n").nth(1).unwrap().split("```").next().unwrap();
        let expected = [
            ("STAGE", "production"),
            ("TOKEN", "abc#1      # \"export \" is allowed, so that a shell can read the file too"),
            ("GREETING", "as it is: \\n, \"quotes\" and # too"),
            ("MULTILINE", "first line\nsecond \"line\""),
        ]
        .map(|(name, value)| {
            (name.to_string(), value.split(" # \"export").next().unwrap().trim_end().to_string())
        });
        assert_eq!(variables(example), expected);
    }

    #[test]
    fn problems_have_places() {
        let shown = |text: &str| -> Vec<String> {
            parse(text).unwrap_err().iter().map(|problem| problem.to_string()).collect()
        };
        let name = "a name has letters, digits and _, and begins with no digit";
        assert_eq!(shown("1A=b"), [format!("1:1: {name}")]);
        assert_eq!(shown("=b"), [format!("1:1: {name}")]);
        assert_eq!(shown("é=b"), [format!("1:1: {name}")]);
        assert_eq!(shown("A"), ["1:2: a variable is written NAME=VALUE: there is no = here"]);
        assert_eq!(shown("A.b=c"), ["1:2: a variable is written NAME=VALUE: there is no = here"]);
        assert_eq!(shown("A='b' c"), ["1:7: after the closing quote only a comment may follow"]);
        assert_eq!(shown("\n A='é\n\n"), ["2:4: this quote is never closed"]);
        let escape = "between double quotes, \\ stands only before n, r, t, \\, \" and $";
        assert_eq!(shown("A=\"é\\q\""), [format!("1:5: {escape}")]);
        assert_eq!(shown("A=\"\\"), [format!("1:4: {escape}")]);
        assert_eq!(
            shown("A=1\nB\n# x\n2=3\nC=4"),
            ["2:2: a variable is written NAME=VALUE: there is no = here".to_string(), format!("4:1: {name}")]
        );
    }

    #[test]
    fn any_text_is_parsed_or_has_problems_with_places() {
        // All texts of up to six of these pieces: every branch of the parser.
        let pieces = ["A", "=", "'", "\"", "\\", "\n", " ", "#", "é"];
        let mut texts = vec![String::new()];
        for length in 0..6 {
            let longest: Vec<String> =
                texts.iter().filter(|text| text.chars().count() == length).cloned().collect();
            for text in longest {
                texts.extend(pieces.iter().map(|piece| format!("{text}{piece}")));
            }
        }
        for text in &texts {
            match parse(text) {
                Ok(variables) => assert!(variables.len() <= text.matches('=').count(), "{text:?}"),
                Err(problems) => {
                    for problem in problems {
                        let line = text.split('\n').nth(problem.line - 1).unwrap();
                        assert!(problem.column <= line.chars().count() + 1, "{text:?}");
                    }
                }
            }
        }
    }
}
