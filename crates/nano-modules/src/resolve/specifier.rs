//! What a module specifier is: which form it has and what its parts are. Knows no files.

use super::error::Reason;

/// The form of a specifier.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Specifier<'a> {
    /// `./x`, `../x`: a URL path relative to the importing file.
    Relative(UrlPath<'a>),
    /// `/x`, `file:///x`.
    Absolute(UrlPath<'a>),
    /// `#x`: by `imports` of the package that imports.
    Import(&'a str),
    /// `name`, `name/sub`, `@scope/name/sub`.
    Package(PackageSpecifier<'a>),
}

/// The path of a URL, still percent-encoded, and what follows it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct UrlPath<'a> {
    pub(super) path: &'a str,
    /// From `?` or `#` on: not part of the file's name, but of the module's identity.
    pub(super) suffix: &'a str,
}

/// A package's name and what is imported of it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct PackageSpecifier<'a> {
    pub(super) name: &'a str,
    /// Empty, or `/sub/path`.
    pub(super) rest: &'a str,
}

impl<'a> Specifier<'a> {
    pub(super) fn parse(text: &'a str) -> Result<Specifier<'a>, Reason> {
        if text.contains('\0') {
            return Err(invalid("it contains a NUL"));
        }
        let starts_relative = |dots: &str| match text.strip_prefix(dots) {
            Some(rest) => rest.is_empty() || rest.starts_with(['/', '\\', '?', '#']),
            None => false,
        };
        if starts_relative(".") || starts_relative("..") {
            return Ok(Specifier::Relative(UrlPath::split(text)));
        }
        if let Some(key) = text.strip_prefix('#') {
            return if key.is_empty() { Err(invalid("# needs a name")) } else { Ok(Specifier::Import(text)) };
        }
        if text.starts_with(['/', '\\']) {
            if text[1..].starts_with(['/', '\\']) {
                return Err(invalid("it names a host"));
            }
            return Ok(Specifier::Absolute(UrlPath::split(text)));
        }
        if let Some(scheme) = scheme(text) {
            return match scheme.to_ascii_lowercase().as_str() {
                "node" => Err(Reason::NodeModule),
                "file" => file_url(&text["file:".len()..]),
                _ => Err(Reason::UnsupportedScheme { scheme: scheme.to_owned() }),
            };
        }
        PackageSpecifier::parse(text).map(Specifier::Package)
    }
}

/// What follows `file:`.
fn file_url(rest: &str) -> Result<Specifier<'_>, Reason> {
    let path = match rest.strip_prefix("//") {
        Some(after) if after.starts_with('/') => after,
        Some(after) if after.get(..10).is_some_and(|host| host.eq_ignore_ascii_case("localhost/")) => {
            &after[9..]
        }
        Some(_) => return Err(invalid("it names a host")),
        None if rest.starts_with('/') => rest,
        None => return Err(invalid("a file: URL has an absolute path")),
    };
    Ok(Specifier::Absolute(UrlPath::split(path)))
}

impl<'a> PackageSpecifier<'a> {
    /// Node's PACKAGE_RESOLVE, steps 1 to 6.
    pub(super) fn parse(text: &'a str) -> Result<PackageSpecifier<'a>, Reason> {
        if text.is_empty() {
            return Err(invalid("it is empty"));
        }
        let mut slashes = text.match_indices('/').map(|(at, _)| at);
        let first = slashes.next();
        let end = if text.starts_with('@') {
            if first.is_none() {
                return Err(invalid("a scope needs a package: @scope/name"));
            }
            slashes.next()
        } else {
            first
        };
        let (name, rest) = text.split_at(end.unwrap_or(text.len()));
        if name.starts_with('.') || name.contains(['\\', '%']) || name.ends_with('/') || name.contains("/.") {
            return Err(invalid("this is no package's name"));
        }
        if rest.ends_with('/') {
            return Err(invalid("it ends with a slash"));
        }
        Ok(PackageSpecifier { name, rest })
    }

    /// If this is one of Node's own modules (or a path in one, such as `fs/promises`).
    pub(super) fn is_node_module(&self) -> bool {
        NODE_MODULES.contains(&self.name)
    }
}

impl<'a> UrlPath<'a> {
    pub(super) fn split(text: &'a str) -> UrlPath<'a> {
        let (path, suffix) = text.split_at(text.find(['?', '#']).unwrap_or(text.len()));
        UrlPath { path, suffix }
    }

    /// The path's segments, decoded, each without a slash or a NUL.
    pub(super) fn segments(&self) -> Result<Vec<String>, Reason> {
        self.path.split(['/', '\\']).map(decode).collect()
    }
}

/// Percent-decodes one segment.
fn decode(segment: &str) -> Result<String, Reason> {
    if !segment.contains('%') {
        return Ok(segment.to_owned());
    }
    let bytes = segment.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex = |offset: usize| bytes.get(at + offset).and_then(|&byte| char::from(byte).to_digit(16));
        match (bytes[at], hex(1), hex(2)) {
            (b'%', Some(high), Some(low)) => {
                decoded.push((high * 16 + low) as u8);
                at += 3;
            }
            (byte, ..) => {
                decoded.push(byte);
                at += 1;
            }
        }
    }
    if decoded.iter().any(|byte| matches!(byte, b'/' | b'\\' | 0)) {
        return Err(invalid("it contains an encoded slash, backslash or NUL"));
    }
    String::from_utf8(decoded).map_err(|_| invalid("it does not decode to UTF-8"))
}

/// The scheme of an absolute URL.
pub(super) fn scheme(text: &str) -> Option<&str> {
    let (scheme, _) = text.split_once(':')?;
    let valid = scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'));
    valid.then_some(scheme)
}

fn invalid(why: &'static str) -> Reason {
    Reason::InvalidSpecifier { why }
}

/// Node's own modules, by the names that they have without `node:`.
const NODE_MODULES: [&str; 42] = [
    "assert",
    "async_hooks",
    "buffer",
    "child_process",
    "cluster",
    "console",
    "constants",
    "crypto",
    "dgram",
    "diagnostics_channel",
    "dns",
    "domain",
    "events",
    "fs",
    "http",
    "http2",
    "https",
    "inspector",
    "module",
    "net",
    "os",
    "path",
    "perf_hooks",
    "process",
    "punycode",
    "querystring",
    "readline",
    "repl",
    "stream",
    "string_decoder",
    "sys",
    "timers",
    "tls",
    "trace_events",
    "tty",
    "url",
    "util",
    "v8",
    "vm",
    "wasi",
    "worker_threads",
    "zlib",
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms() {
        use Specifier::*;
        let url = |path, suffix| UrlPath { path, suffix };
        let package = |name, rest| Package(PackageSpecifier { name, rest });
        for (text, form) in [
            ("./a.js", Relative(url("./a.js", ""))),
            ("../a.js?v=1#x", Relative(url("../a.js", "?v=1#x"))),
            (".", Relative(url(".", ""))),
            ("..", Relative(url("..", ""))),
            ("./", Relative(url("./", ""))),
            (".\\a.js", Relative(url(".\\a.js", ""))),
            (".?x", Relative(url(".", "?x"))),
            ("/a.js", Absolute(url("/a.js", ""))),
            ("file:///a.js", Absolute(url("/a.js", ""))),
            ("FILE:/a.js", Absolute(url("/a.js", ""))),
            ("file://localhost/a.js", Absolute(url("/a.js", ""))),
            ("#a", Import("#a")),
            ("#/a", Import("#/a")),
            ("a", package("a", "")),
            ("a/b/c.js", package("a", "/b/c.js")),
            ("@s/a", package("@s/a", "")),
            ("@s/a/b", package("@s/a", "/b")),
            ("fs", package("fs", "")),
            ("a b", package("a b", "")),
        ] {
            assert_eq!(Specifier::parse(text).unwrap(), form, "{text}");
        }
    }

    #[test]
    fn invalid_specifiers() {
        for text in [
            "",
            "#",
            "@s",
            "@s/",
            "@/",
            ".a",
            "..a",
            "a/",
            "a%20b",
            "a\\b",
            "@s/.a",
            "//host/a",
            "file:a",
            "file://h/a",
            "a\0",
        ] {
            assert!(matches!(Specifier::parse(text), Err(Reason::InvalidSpecifier { .. })), "{text}");
        }
        for text in
            ["https://a.example/x.js", "data:text/javascript,1", "npm:a", "c:\\a", "cloudflare:sockets"]
        {
            assert!(matches!(Specifier::parse(text), Err(Reason::UnsupportedScheme { .. })), "{text}");
        }
        assert_eq!(Specifier::parse("node:fs"), Err(Reason::NodeModule));
    }

    #[test]
    fn segments_are_decoded() {
        let segments = |path| UrlPath { path, suffix: "" }.segments();
        assert_eq!(segments("./a%20b/%C3%A4%zz%").unwrap(), [".", "a b", "ä%zz%"]);
        assert_eq!(segments("%2e%2E/a").unwrap(), ["..", "a"]);
        for bad in ["a%2fb", "a%5Cb", "a%00", "%ff"] {
            assert!(segments(bad).is_err(), "{bad}");
        }
    }
}
