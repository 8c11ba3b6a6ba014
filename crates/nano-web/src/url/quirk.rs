//! The URL Standard beyond the `url` crate: parsing and setting of single components,
//! with the crate's result corrected where the standard has moved on.
//!
//! Knows no JavaScript. The remaining differences are listed in tests/wpt/url.json and data.json. URLs of
//! files are [`super::file`]'s.

use super::file::{self, FileUrl};
use std::borrow::Cow;
use url::{Url, quirks};

/// A URL.
pub(super) enum Parsed {
    /// The crate's, which may stand for one with labels that the crate refuses.
    Url(Box<Url>, Option<Mask>),
    /// Of a file.
    File(FileUrl),
}

impl Parsed {
    fn new(url: Url, mask: Option<Mask>) -> Self {
        Self::Url(Box::new(url), mask)
    }

    /// The serialization.
    pub(super) fn href(&self) -> String {
        self.parts().0
    }

    /// The serialization and the offsets in it, as `url.js` has them: scheme end, username end, host start,
    /// host end, port, path start, query start, fragment start; and whether there is an authority.
    pub(super) fn parts(&self) -> (String, [Option<u32>; 8], bool) {
        match self {
            Self::Url(url, mask) => {
                let parts = quirks::internal_components(url);
                let authority =
                    url.as_str()[parts.scheme_end as usize + 1..].starts_with("//") && url.has_authority();
                let offsets = [
                    Some(parts.scheme_end),
                    Some(parts.username_end),
                    Some(parts.host_start),
                    Some(parts.host_end),
                    parts.port.map(u32::from),
                    Some(parts.path_start),
                    parts.query_start,
                    parts.fragment_start,
                ];
                (show(mask.as_ref(), url.as_str()).into_owned(), offsets, authority)
            }
            Self::File(file) => {
                let (href, offsets) = file.serialize();
                (href, offsets, true)
            }
        }
    }
}

/// A text that was taken from a URL, as it was before it was masked. Offsets are the same in both.
fn show<'t>(mask: Option<&Mask>, text: &'t str) -> Cow<'t, str> {
    match mask {
        None => Cow::Borrowed(text),
        Some(mask) => Cow::Owned(mask.remove(text)),
    }
}

/// URL section 4.4, "URL parser". None for failure.
pub(super) fn parse(input: &str, base: Option<&str>) -> Option<Parsed> {
    if let Some(parsed) = file::parse(input, base, parse_special_host) {
        return parsed.map(Parsed::File);
    }
    if let Some(url) = parse_with(input, base) {
        return Some(Parsed::new(corrected(url), None));
    }
    let mask = Mask::new(&[input, base.unwrap_or_default()])?;
    if [input, base.unwrap_or_default()]
        .iter()
        .any(|text| authority(text).is_some_and(|host| !host.is_ascii()))
    {
        return None;
    }
    let base = base.map(|base| mask.add(base));
    let url = parse_with(&mask.add(input), base.as_deref())?;
    if url.host_str().is_some_and(|host| host.contains("xn--")) {
        return None;
    }
    Some(Parsed::new(corrected(url), Some(mask)))
}

fn parse_with(input: &str, base: Option<&str>) -> Option<Url> {
    match base {
        None => Url::parse(input).ok(),
        Some(base) => {
            let base = Url::parse(base).ok()?;
            let input = match base.scheme() {
                "file" => Cow::Borrowed(input),
                _ if is_special(&base) => few_slashes(input),
                _ => no_backslash(input),
            };
            base.join(&input).ok()
        }
    }
}

/// URL section 4.4, "special authority ignore slashes state", also for an input without a scheme: more than
/// two slashes are as good as two.
fn few_slashes(input: &str) -> Cow<'_, str> {
    let start = input.trim_start_matches(|c: char| c <= ' ');
    let rest = start.trim_start_matches(['/', '\\', '\t', '\n', '\r']);
    let slashes = start[..start.len() - rest.len()].bytes().filter(|byte| b"/\\".contains(byte)).count();
    if slashes > 2 { Cow::Owned(format!("//{rest}")) } else { Cow::Borrowed(input) }
}

/// Against a base that is not special, a backslash is a character of a path; the crate takes one at the
/// beginning for a slash.
fn no_backslash(input: &str) -> Cow<'_, str> {
    let start = input.trim_start_matches(|c: char| c <= ' ');
    if start.starts_with('\\') { Cow::Owned(format!("./{start}")) } else { Cow::Borrowed(input) }
}

fn is_special(url: &Url) -> bool {
    matches!(url.scheme(), "http" | "https" | "ws" | "wss" | "ftp" | "file")
}

/// The crate's URL as the standard would have it.
fn corrected(url: Url) -> Url {
    let parts = quirks::internal_components(&url);
    let href = url.as_str();
    let start = parts.path_start as usize;
    let end = parts.query_start.or(parts.fragment_start).map_or(href.len(), |at| at as usize);
    let path = &href[start..end];
    let path = if url.cannot_be_a_base() {
        // Section 4.4, "opaque path state": a space before the query or fragment would be lost with them.
        match path.strip_suffix(' ') {
            Some(rest) if end < href.len() => format!("{rest}%20"),
            _ => return url,
        }
    } else if path.contains('^') {
        // Section 1.3: it is in the path percent-encode set since 2024.
        path.replace('^', "%5E")
    } else {
        return url;
    };
    Url::parse(&format!("{}{path}{}", &href[..start], &href[end..])).unwrap_or(url)
}

/// URL section 3.5, "host parser", for a host that is not opaque.
pub(super) fn parse_special_host(host: &str) -> Option<String> {
    let href = parse(&format!("https://{host}/"), None)?.href();
    href.strip_prefix("https://")?.strip_suffix('/').map(str::to_owned)
}

/// URL section 6.1, the setters other than href's: `which` as in `url.js`. None where nothing changes.
pub(super) fn set(href: &str, which: u32, value: &str) -> Option<Parsed> {
    if let Some(Some(file)) = file::parse(href, None, parse_special_host)
        && let Ok(changed) = file.set(which, value, parse_special_host)
    {
        return changed.map(Parsed::File);
    }
    if let Ok(url) = Url::parse(href)
        && let Some(url) = set_component(url, which, value)
    {
        return Some(Parsed::new(corrected(url), None));
    }
    let mask = Mask::new(&[href, value])?;
    let is_host = matches!(which, 4 | 5);
    if is_host && !value.is_ascii() {
        return None;
    }
    let url = set_component(Url::parse(&mask.add(href)).ok()?, which, &mask.add(value))?;
    Some(Parsed::new(corrected(url), Some(mask)))
}

fn set_component(mut url: Url, which: u32, value: &str) -> Option<Url> {
    let done = match which {
        0 => quirks::set_href(&mut url, value).is_ok(),
        1 => quirks::set_protocol(&mut url, value).is_ok(),
        2 => quirks::set_username(&mut url, value).is_ok(),
        3 => quirks::set_password(&mut url, value).is_ok(),
        4 | 5 => return set_host(url, which == 4, value),
        6 => {
            // The basic URL parser removes tabs and newlines; the crate looks at the first character before
            // it does.
            let digits = value.replace(['\t', '\n', '\r'], "");
            (!digits.is_empty() || value.is_empty()) && quirks::set_port(&mut url, &digits).is_ok()
        }
        7 => return Some(set_pathname(url, value)),
        8 => {
            quirks::set_search(&mut url, value);
            true
        }
        _ => {
            quirks::set_hash(&mut url, value);
            true
        }
    };
    done.then_some(url)
}

fn set_host(mut url: Url, with_port: bool, value: &str) -> Option<Url> {
    // Section 4.5, URL serializing: "/." stands before a path of "//…" only as long as there is no host.
    let dotted = !url.has_authority() && url.as_str()[url.scheme().len() + 1..].starts_with("/.//");
    if with_port { quirks::set_host(&mut url, value) } else { quirks::set_hostname(&mut url, value) }.ok()?;
    let start = quirks::internal_components(&url).path_start as usize;
    let href = url.as_str();
    if dotted && url.has_authority() {
        let head = href[..start].strip_suffix("/.").unwrap_or(&href[..start]);
        let path =
            href[start..].strip_prefix("/.").filter(|rest| rest.starts_with('/')).unwrap_or(&href[start..]);
        return Url::parse(&format!("{head}{path}")).ok();
    }
    Some(url)
}

fn set_pathname(mut url: Url, value: &str) -> Url {
    if url.cannot_be_a_base() || is_special(&url) {
        quirks::set_pathname(&mut url, value);
        return url;
    }
    let parts = quirks::internal_components(&url);
    let href = url.as_str();
    let tail = parts.query_start.or(parts.fragment_start).map_or("", |at| &href[at as usize..]);
    // Characters that would end the path, or that the parser would strip from the end of its input.
    let mut path = String::with_capacity(value.len());
    for c in value.chars() {
        match c {
            '\t' | '\n' | '\r' => {}
            '?' | '#' | '\0'..=' ' => path.push_str(&format!("%{:02X}", u32::from(c))),
            _ => path.push(c),
        }
    }
    let anew = if url.has_authority() {
        let head = &href[..parts.path_start as usize];
        let slash = if path.is_empty() || path.starts_with('/') { "" } else { "/" };
        format!("{head}{slash}{path}{tail}")
    } else {
        // "/." keeps a path of "//…" from being taken for a host; it goes by itself where it is not needed.
        let slash = if path.starts_with('/') { "" } else { "/" };
        format!("{}:/.{slash}{path}{tail}", url.scheme())
    };
    Url::parse(&anew).unwrap_or(url)
}

/// URL section 4.7, "origin", serialized.
pub(super) fn origin(href: &str) -> String {
    let Some(Parsed::Url(url, mask)) = parse(href, None) else { return "null".into() };
    if url.scheme() == "blob" {
        return match parse(url.path(), None) {
            Some(Parsed::Url(inner, mask)) if matches!(inner.scheme(), "http" | "https") => {
                show(mask.as_ref(), &quirks::origin(&inner)).into_owned()
            }
            _ => "null".into(),
        };
    }
    show(mask.as_ref(), &quirks::origin(&url)).into_owned()
}

/// The part of an input where a host would be, with user and port.
fn authority(input: &str) -> Option<&str> {
    let input = input.trim_start_matches(|c: char| c <= ' ');
    let scheme = input.bytes().position(|byte| !(byte.is_ascii_alphanumeric() || b"+-.".contains(&byte)));
    let rest = match scheme {
        Some(end) if input.as_bytes()[end] == b':' => &input[end + 1..],
        _ if input.starts_with(['/', '\\']) && input[1..].starts_with(['/', '\\']) => input,
        _ => return None,
    };
    let rest = rest.trim_start_matches(['/', '\\']);
    let authority = rest.split(['/', '\\', '?', '#']).next()?;
    authority.rsplit('@').next()
}

/// The standard takes any host of ASCII alone, in lower case, even one with labels that are Punycode of
/// nothing that could be a label (section 3.3, "domain to ASCII"); the crate refuses those. So where it has
/// refused, each `xn--` is replaced by a text of the same length that stands nowhere else, and put back in
/// the result.
pub(super) struct Mask {
    digits: String,
}

impl Mask {
    /// None if there is nothing to replace.
    fn new(texts: &[&str]) -> Option<Self> {
        let lower: Vec<String> = texts.iter().map(|text| text.to_ascii_lowercase()).collect();
        if !lower.iter().any(|text| text.contains("xn--")) {
            return None;
        }
        let mut free = (0..100).map(|number| format!("{number:02}"));
        let digits = free.find(|digits| !lower.iter().any(|text| text.contains(&format!("xn{digits}"))))?;
        Some(Self { digits })
    }

    fn add(&self, text: &str) -> String {
        Self::replace(text, "--", &self.digits)
    }

    fn remove(&self, text: &str) -> String {
        Self::replace(text, &self.digits, "--")
    }

    /// Replaces `from` by `to` wherever it follows `xn`, whatever the case of those.
    fn replace(text: &str, from: &str, to: &str) -> String {
        let lower = text.to_ascii_lowercase();
        let mut result = String::with_capacity(text.len());
        let mut at = 0;
        for (found, _) in lower.match_indices(&format!("xn{from}")) {
            result.push_str(&text[at..found + 2]);
            result.push_str(to);
            at = found + 4;
        }
        result.push_str(&text[at..]);
        result
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn href(input: &str, base: Option<&str>) -> Option<String> {
        parse(input, base).map(|parsed| parsed.href())
    }

    fn after(before: &str, which: u32, value: &str) -> Option<String> {
        set(before, which, value).map(|parsed| parsed.href())
    }

    #[test]
    fn hosts_of_ascii_need_not_be_punycode_of_anything() {
        assert_eq!(
            href("https://XN--a.Test:8/Xn--B?xn--", None).as_deref(),
            Some("https://xn--a.test:8/Xn--B?xn--")
        );
        assert_eq!(href("p/xn--", Some("https://xn--a/xn00/")).as_deref(), Some("https://xn--a/xn00/p/xn--"));
        assert_eq!(href("https://xn--a.\u{df}/", None), None, "what is not ASCII must be right");
        assert_eq!(after("https://xn--a/", 4, "b").as_deref(), Some("https://b/"));
        assert_eq!(after("https://b/", 5, "xn--a").as_deref(), Some("https://xn--a/"));
        assert_eq!(origin("https://xn--a:1/"), "https://xn--a:1");
    }

    #[test]
    fn slashes_before_an_authority_are_as_good_as_two() {
        let base = Some("http://example.org/");
        assert_eq!(href("///test", base).as_deref(), Some("http://test/"));
        assert_eq!(href("/\t/\\test", base).as_deref(), Some("http://test/"));
        assert_eq!(href("//test", base).as_deref(), Some("http://test/"));
        assert_eq!(href("/a//b", base).as_deref(), Some("http://example.org/a//b"));
    }

    #[test]
    fn paths_without_a_host_never_turn_into_one() {
        assert_eq!(after("a:/", 7, "//p").as_deref(), Some("a:/.//p"));
        assert_eq!(after("a:/.//x?q#f", 7, "p").as_deref(), Some("a:/p?q#f"));
        assert_eq!(after("a:/.//p", 5, "h").as_deref(), Some("a://h//p"));
        assert_eq!(after("foo:///some/path", 7, "").as_deref(), Some("foo://"));
    }

    #[test]
    fn only_blobs_of_the_web_have_an_origin() {
        assert_eq!(origin("blob:https://a.test:8443/x"), "https://a.test:8443");
        assert_eq!(origin("blob:ws://a.test/x"), "null");
        assert_eq!(origin("blob:blob:https://a.test/x"), "null");
    }
}
