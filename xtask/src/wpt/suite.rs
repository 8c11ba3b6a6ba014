//! The tests of a checkout: which suites there are for a server, which files of them run, and what a file's
//! META lines ask.
//!
//! Knows the checkout's conventions; nothing of how a test is run.

use std::fs;
use std::path::{Path, PathBuf};

use super::expect::Expectations;

/// The suites that are run, and what each is about.
pub const SUITES: &[(&str, &str)] = &[
    ("url", "URL, URLSearchParams"),
    ("encoding", "TextEncoder, TextDecoder and their streams"),
    ("streams", "ReadableStream, WritableStream, TransformStream"),
    ("dom/abort", "AbortController, AbortSignal"),
    ("dom/events", "Event, EventTarget, CustomEvent"),
    ("FileAPI", "Blob, File"),
    ("xhr/formdata", "FormData"),
    ("fetch/api/idlharness.any.js", "the interfaces of fetch"),
    ("fetch/api/headers", "Headers"),
    ("fetch/api/request", "Request"),
    ("fetch/api/response", "Response"),
    ("fetch/api/body", "bodies of requests and responses"),
    ("fetch/api/basic", "fetch: methods, headers, bodies, schemes, integrity"),
    ("fetch/api/abort", "fetch: aborting"),
    ("fetch/api/redirect", "fetch: redirects"),
    ("fetch/api/credentials", "fetch: authentication, cookies"),
    ("fetch/content-encoding", "fetch: coded bodies"),
    ("fetch/data-urls", "fetch of data: URLs"),
    ("mimesniff", "MIME types"),
    ("console", "console"),
    ("hr-time", "performance.now, timeOrigin"),
    ("user-timing", "performance.mark, performance.measure"),
    ("performance-timeline", "PerformanceObserver, entries"),
    ("compression", "CompressionStream, DecompressionStream"),
    ("urlpattern", "URLPattern"),
    ("WebCryptoAPI", "crypto, SubtleCrypto, CryptoKey"),
    ("webidl", "Web IDL bindings, DOMException"),
    ("html/webappapis", "timers, queueMicrotask, atob and btoa, reportError, navigator, structuredClone"),
    ("html/infrastructure/safe-passing-of-structured-data", "structured clone through message channels"),
    ("websockets", "WebSocket, CloseEvent"),
    ("eventsource", "EventSource"),
    ("webmessaging", "MessageChannel, MessagePort, MessageEvent, BroadcastChannel"),
];

/// One run of a file: a file with several variants is several tests.
#[derive(Debug)]
pub struct Test {
    /// The path in the checkout, with the variant: `url/url-constructor.any.js?1-1000`.
    pub name: String,
    /// The path in the checkout.
    pub path: String,
    /// The query that the variant adds to the test's address, or nothing.
    pub variant: String,
    pub source: String,
    pub meta: Meta,
}

/// What the `// META:` lines at a file's beginning say.
#[derive(Debug, Default, PartialEq)]
pub struct Meta {
    /// Scripts to evaluate before, as written: absolute ones start at the checkout's root.
    pub scripts: Vec<String>,
    pub variants: Vec<String>,
    /// The kinds of global object that the test is for; without a line, windows and dedicated workers.
    pub globals: Option<Vec<String>>,
    /// `timeout=long`.
    pub long: bool,
}

impl Meta {
    pub fn parse(source: &str) -> Self {
        let mut meta = Self::default();
        for line in source.lines().map(str::trim) {
            let Some(comment) = line.strip_prefix("//") else {
                if line.is_empty() {
                    continue;
                }
                break;
            };
            let Some((key, value)) =
                comment.trim_start().strip_prefix("META:").and_then(|rest| rest.split_once('='))
            else {
                continue;
            };
            let value = value.trim();
            match key.trim() {
                "script" => meta.scripts.push(value.into()),
                "variant" => meta.variants.push(value.into()),
                "global" => meta.globals = Some(value.split(',').map(|name| name.trim().into()).collect()),
                "timeout" => meta.long = value == "long",
                _ => {}
            }
        }
        meta
    }

    /// Whether the test is for a global object like NANO's, which is that of a worker without a page.
    fn is_for_workers(&self) -> bool {
        match &self.globals {
            None => true,
            Some(globals) => {
                globals.iter().any(|name| matches!(name.as_str(), "worker" | "dedicatedworker" | "jsshell"))
            }
        }
    }
}

/// The tests of a suite, sorted by name: `.any.js` files for workers except those left out, and those named
/// in `also`.
pub fn find(root: &Path, suite: &str, expectations: &Expectations) -> Result<Vec<Test>, String> {
    let folder = root.join(suite);
    if !folder.exists() {
        return Err(format!("the checkout has no {suite}"));
    }
    let mut files = Vec::new();
    if folder.is_file() {
        files.push(folder)
    } else {
        walk(&folder, &mut files)?
    }
    files.sort();
    let mut tests = Vec::new();
    for file in files {
        let Some(path) = file.strip_prefix(root).ok().and_then(Path::to_str) else { continue };
        let also = expectations.also.iter().any(|name| name == path);
        if !(also || path.ends_with(".any.js")) || expectations.leaves_out(path) {
            continue;
        }
        let text = fs::read_to_string(&file).map_err(|error| format!("{}: {error}", file.display()))?;
        let (source, meta) = if path.ends_with(".html") || path.ends_with(".htm") {
            scripts_of_page(&text)
        } else {
            let meta = Meta::parse(&text);
            (text, meta)
        };
        if !also && !meta.is_for_workers() {
            continue;
        }
        let none = [String::new()];
        for variant in if meta.variants.is_empty() { &none[..] } else { &meta.variants } {
            // WebSockets over HTTP/2 (RFC 8441), which the server here does not speak.
            if variant.contains("wpt_flags=h2") {
                continue;
            }
            tests.push(Test {
                name: format!("{path}{variant}"),
                path: path.into(),
                variant: variant.clone(),
                source: source.clone(),
                meta: Meta { long: meta.long, scripts: meta.scripts.clone(), ..Meta::default() },
            });
        }
    }
    Ok(tests)
}

/// A page that is nothing but its scripts: those between tags as the source, those from files as what it
/// includes.
fn scripts_of_page(page: &str) -> (String, Meta) {
    let (mut source, mut meta) = (String::new(), Meta::default());
    for part in page.split("<script").skip(1) {
        let Some((attributes, rest)) = part.split_once('>') else { continue };
        let text = rest.split("</script").next().unwrap_or_default();
        let file = attributes.split_once("src=").map(|(_, value)| {
            value.trim_start_matches(['"', '\'']).split(['"', '\'', ' ', '>']).next().unwrap_or_default()
        });
        match file {
            // The harness is there anyway.
            Some(file) if file.contains("/testharness") => {}
            Some(file) => meta.scripts.push(file.into()),
            None => source.extend(["\n;", text]),
        }
    }
    (source, meta)
}

fn walk(folder: &Path, files: &mut Vec<PathBuf>) -> Result<(), String> {
    let fail = |error: std::io::Error| format!("cannot list {}: {error}", folder.display());
    for entry in fs::read_dir(folder).map_err(fail)? {
        let entry = entry.map_err(fail)?;
        if entry.file_type().map_err(fail)?.is_dir() {
            walk(&entry.path(), files)?;
        } else {
            files.push(entry.path());
        }
    }
    Ok(())
}

/// The checkout's date, `2022-12-03`: of its last commit, or of the harness's file where there is no
/// repository (an archive keeps the commit's time).
pub fn date(root: &Path) -> Result<String, String> {
    let mut git = std::process::Command::new("git");
    git.arg("-C").arg(root).args(["log", "-1", "--format=%cs"]);
    if root.join(".git").exists() {
        return crate::util::capture(&mut git).map(|date| date.trim().into());
    }
    let harness = root.join("resources/testharness.js");
    let mut date = std::process::Command::new("date");
    crate::util::capture(date.args(["-u", "+%Y-%m-%d", "-r"]).arg(harness)).map(|date| date.trim().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_are_found_in_pages() {
        let (source, meta) = scripts_of_page(
            "<!doctype html><script src=\"/resources/testharness.js\"></script><script src=a.js></script>\n\
             <script src='b.js'></script><script>one();</script><p><script type=x>two();</script>",
        );
        assert_eq!(meta.scripts, ["a.js", "b.js"]);
        assert_eq!(source, "\n;one();\n;two();");
    }

    #[test]
    fn meta_lines_end_with_the_comments() {
        let meta = Meta::parse(
            "// a comment\n// META: global=window,worker\n//META: script=/common/x.js\n// META: timeout=long\n\
             // META: variant=?1-10\n// META: variant=?11-last\n\ncode();\n// META: script=never.js\n",
        );
        assert_eq!(meta.scripts, ["/common/x.js"]);
        assert_eq!(meta.variants, ["?1-10", "?11-last"]);
        assert!(meta.long && meta.is_for_workers());
        assert!(Meta::parse("test();").is_for_workers());
        assert!(!Meta::parse("// META: global=window,shadowrealm").is_for_workers());
    }
}
