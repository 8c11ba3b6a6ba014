//! URLs of the scheme file, which the `url` crate reads in a way of its own where drive letters or empty path
//! segments are. URL section 4.4: "file state" and those after it.
//!
//! A host's own syntax is the crate's business: the caller passes a [`HostParser`].

/// URL section 3.5, "host parser", for a host that is not opaque: its serialization, or `None` for failure.
pub(super) type HostParser = fn(&str) -> Option<String>;

/// A parsed file URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FileUrl {
    host: String,
    path: Vec<String>,
    query: Option<String>,
    fragment: Option<String>,
}

/// The characters that are percent-encoded beside controls and non-ASCII ones. URL section 1.3
const PATH: &[u8] = b" \"#<>?^`{}";
const QUERY: &[u8] = b" \"#<>'";
const FRAGMENT: &[u8] = b" \"<>`";

fn encode(text: &str, set: &[u8]) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        if !(0x20..0x7f).contains(&byte) || set.contains(&byte) {
            encoded.push_str(&format!("%{byte:02X}"));
        } else {
            encoded.push(char::from(byte));
        }
    }
    encoded
}

/// Two characters: a letter, and `:` or `|`.
fn is_drive_letter(text: &str) -> bool {
    matches!(text.as_bytes(), [letter, b':' | b'|'] if letter.is_ascii_alphabetic())
}

fn is_normalized_drive_letter(text: &str) -> bool {
    is_drive_letter(text) && text.ends_with(':')
}

/// Section 4.2, "starts with a Windows drive letter".
fn starts_with_drive_letter(text: &str) -> bool {
    text.get(..2).is_some_and(is_drive_letter)
        && (text.len() == 2 || text[2..].starts_with(['/', '\\', '?', '#']))
}

fn is_slash(byte: Option<&u8>) -> bool {
    matches!(byte, Some(b'/' | b'\\'))
}

fn is_dot(segment: &str) -> bool {
    segment == "." || segment.eq_ignore_ascii_case("%2e")
}

fn is_double_dot(segment: &str) -> bool {
    ["..", ".%2e", "%2e.", "%2e%2e"].iter().any(|dots| segment.eq_ignore_ascii_case(dots))
}

/// Section 4.2, "shorten a url's path".
fn shorten(path: &mut Vec<String>) {
    if !(path.len() == 1 && is_normalized_drive_letter(&path[0])) {
        path.pop();
    }
}

/// Section 4.4, "path state": what comes after `path`.
fn append(path: &mut Vec<String>, text: &str) {
    let mut rest = text;
    loop {
        let end = rest.find(['/', '\\']);
        let segment = encode(&rest[..end.unwrap_or(rest.len())], PATH);
        if is_double_dot(&segment) {
            shorten(path);
            if end.is_none() {
                path.push(String::new());
            }
        } else if is_dot(&segment) {
            if end.is_none() {
                path.push(String::new());
            }
        } else if path.is_empty() && is_drive_letter(&segment) {
            path.push(format!("{}:", &segment[..1]));
        } else {
            path.push(segment);
        }
        match end {
            Some(end) => rest = &rest[end + 1..],
            None => return,
        }
    }
}

/// Section 4.4, "file host state", and "path start state" after it.
fn parse_host(text: &str, parser: HostParser) -> Option<String> {
    if text.is_empty() {
        return Some(String::new());
    }
    let host = if text.starts_with('[') {
        text.ends_with(']').then_some(text)?
    } else if text.contains([':', '@']) {
        return None;
    } else {
        text
    };
    let host = parser(host)?;
    Some(if host == "localhost" { String::new() } else { host })
}

/// An input without what the parser takes away first.
fn cleaned(input: &str) -> String {
    input.trim_matches(|c: char| c <= ' ').replace(['\t', '\n', '\r'], "")
}

/// The scheme of an input, in lower case, and the rest.
fn scheme(input: &str) -> Option<(String, &str)> {
    let end = input.bytes().position(|byte| !(byte.is_ascii_alphanumeric() || b"+-.".contains(&byte)))?;
    if !input.starts_with(|first: char| first.is_ascii_alphabetic()) || input.as_bytes()[end] != b':' {
        return None;
    }
    Some((input[..end].to_ascii_lowercase(), &input[end + 1..]))
}

/// Parses an input that is a file URL, or relative to one; `None` for any other. Inside, `None` is failure.
pub(super) fn parse(input: &str, base: Option<&str>, parser: HostParser) -> Option<Option<FileUrl>> {
    // Quick for what is none.
    let may = |text: &str| text.get(..64.min(text.len())).is_none_or(|head| head.contains(['f', 'F']));
    if !may(input) && !base.is_some_and(may) {
        return None;
    }
    let input = cleaned(input);
    let (rest, base) = match scheme(&input) {
        Some((scheme, rest)) if scheme == "file" => (rest, base),
        Some(_) => return None,
        None => {
            let base = base?;
            scheme(base.trim_start_matches(|c: char| c <= ' ')).filter(|(scheme, _)| scheme == "file")?;
            (input.as_str(), Some(base))
        }
    };
    let base = match base.and_then(|base| parse(base, None, parser)) {
        Some(Some(base)) => Some(base),
        Some(None) => return Some(None),
        None => None,
    };
    Some(file_state(rest, base, parser))
}

fn file_state(rest: &str, base: Option<FileUrl>, parser: HostParser) -> Option<FileUrl> {
    let (rest, fragment) = match rest.split_once('#') {
        Some((rest, fragment)) => (rest, Some(encode(fragment, FRAGMENT))),
        None => (rest, None),
    };
    let (text, query) = match rest.split_once('?') {
        Some((text, query)) => (text, Some(encode(query, QUERY))),
        None => (rest, None),
    };
    let bytes = text.as_bytes();
    let mut url = FileUrl { host: String::new(), path: Vec::new(), query, fragment };
    if is_slash(bytes.first()) && is_slash(bytes.get(1)) {
        let after = &text[2..];
        let end = after.find(['/', '\\']).unwrap_or(after.len());
        if is_drive_letter(&after[..end]) {
            append(&mut url.path, after);
        } else {
            url.host = parse_host(&after[..end], parser)?;
            append(&mut url.path, after.get(end + 1..).unwrap_or_default());
        }
        return Some(url);
    }
    if is_slash(bytes.first()) {
        if let Some(base) = base {
            url.host = base.host;
            if let Some(drive) = base.path.into_iter().next()
                && !starts_with_drive_letter(&text[1..])
                && is_normalized_drive_letter(&drive)
            {
                url.path.push(drive);
            }
        }
        append(&mut url.path, &text[1..]);
        return Some(url);
    }
    match base {
        Some(base) => {
            url.host = base.host;
            if text.is_empty() {
                url.path = base.path;
                url.query = url.query.or(base.query);
                return Some(url);
            }
            if !starts_with_drive_letter(text) {
                url.path = base.path;
                shorten(&mut url.path);
            }
            append(&mut url.path, text);
        }
        None => append(&mut url.path, text),
    }
    Some(url)
}

impl FileUrl {
    /// The serialization, and the offsets as `url.js` wants them: but for port and flags.
    pub(super) fn serialize(&self) -> (String, [Option<u32>; 8]) {
        let mut href = format!("file://{}", self.host);
        let host_end = href.len() as u32;
        for segment in &self.path {
            href.push('/');
            href.push_str(segment);
        }
        let mut part = |mark: char, text: &Option<String>| {
            let text = text.as_ref()?;
            let at = href.len() as u32;
            href.push(mark);
            href.push_str(text);
            Some(at)
        };
        let query = part('?', &self.query);
        let fragment = part('#', &self.fragment);
        (href, [Some(4), Some(7), Some(7), Some(host_end), None, Some(host_end), query, fragment])
    }

    /// Section 6.1, the setters: `which` as in `url.js`. `None` where nothing changes; `Err`: not for this
    /// file.
    pub(super) fn set(mut self, which: u32, value: &str, parser: HostParser) -> Result<Option<Self>, Self> {
        let value = value.replace(['\t', '\n', '\r'], "");
        match which {
            1 if !self.host.is_empty() => return Err(self),
            4 | 5 => {
                let end = value.find(['/', '\\', '?', '#']).unwrap_or(value.len());
                let Some(host) = parse_host(&value[..end], parser) else { return Ok(None) };
                self.host = host;
            }
            7 => {
                self.path.clear();
                let text = value.strip_prefix(['/', '\\']).unwrap_or(&value);
                append(&mut self.path, text);
            }
            8 => {
                let text = value.strip_prefix('?').unwrap_or(&value);
                self.query = (!value.is_empty()).then(|| encode(text, QUERY));
            }
            9 => {
                let text = value.strip_prefix('#').unwrap_or(&value);
                self.fragment = (!value.is_empty()).then(|| encode(text, FRAGMENT));
            }
            _ => return Ok(None),
        }
        Ok(Some(self))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::url::quirk::parse_special_host;

    fn href(input: &str, base: Option<&str>) -> Option<String> {
        parse(input, base, parse_special_host).unwrap().map(|url| url.serialize().0)
    }

    #[test]
    fn drive_letters_and_empty_segments() {
        for (input, base, expected) in [
            ("file:", None, "file:///"),
            ("file:c|/x", None, "file:///c:/x"),
            ("FILE://c|/x", None, "file:///c:/x"),
            ("file://host/C:/", None, "file://host/C:/"),
            ("file:////foo", None, "file:////foo"),
            ("file://localhost//a//../..//", None, "file://///"),
            ("/", Some("file://h/C:/a/b"), "file://h/C:/"),
            ("/C:/", Some("file://host/"), "file://host/C:/"),
            ("C|#", Some("file://host/dir/file"), "file://host/C:#"),
            ("..", Some("file:///C:/"), "file:///C:/"),
            ("?q", Some("file:///a?b#c"), "file:///a?q"),
            ("", Some("file:///a?b#c"), "file:///a?b"),
            ("file:b", Some("https://x/"), "file:///b"),
            (" \tb ^c\u{e9} ", Some("file:///x/y"), "file:///x/b%20%5Ec%C3%A9"),
        ] {
            assert_eq!(href(input, base).as_deref(), Some(expected), "{input}");
        }
        assert_eq!(href("file://a:80/", None), None);
        assert_eq!(href("file://a@b/", None), None);
        assert!(parse("http://f/", Some("file:///"), parse_special_host).is_none());
        assert!(parse("f", Some("http://f/"), parse_special_host).is_none());
    }
}
