//! Source maps: where in the original source a place of compiled code came from. ECMA-426, "Source Map
//! Format".
//!
//! A map is read when the first stack trace wants it, never before. A broken map maps nothing: an error must
//! not be hidden by an error about its map. Knows no V8; files only by the path that it is given.

use serde_json::Value;
use std::path::{Component, Path, PathBuf};

/// Largest source map that is read.
///
/// Limit (bytes): a larger one would be parsed for long on the thread that serves.
const MAX_MAP_BYTES: u64 = 64 << 20;

/// What a comment that names a map begins with.
const COMMENT: &str = "sourceMappingURL=";

/// One place of the compiled code, with the place that it came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Segment {
    line: u32,
    column: u32,
    source: u32,
    original_line: u32,
    original_column: u32,
}

/// A place in an original source; lines and columns from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Original {
    /// The source's name, relative to the application's root.
    pub name: String,
    /// The line, from 1.
    pub line: u32,
    /// The column, from 1.
    pub column: u32,
}

/// A map that was read.
#[derive(Debug, Default)]
pub(crate) struct SourceMap {
    /// As stack traces name them.
    sources: Vec<String>,
    /// By line and column.
    segments: Vec<Segment>,
}

/// Where the map of a source is: the URL of its last `//# sourceMappingURL=` comment.
pub(crate) fn url(source: &str) -> Option<&str> {
    let at = source.rfind(COMMENT)?;
    let before = source[..at].trim_end_matches([' ', '\t']);
    if !(before.ends_with("//#") || before.ends_with("//@")) {
        return None;
    }
    let rest = &source[at + COMMENT.len()..];
    let url = rest.split(|character: char| character.is_whitespace()).next()?;
    // Only the last comment counts, and code may not follow it.
    let after = rest[url.len()..].trim();
    (!url.is_empty() && (after.is_empty() || after.starts_with("//"))).then_some(url)
}

impl SourceMap {
    /// The map that `url` names, for the module `name` at `path`. With `confine`, files outside of that
    /// directory are not read.
    pub(crate) fn load(url: &str, name: &str, path: &Path, confine: Option<&Path>) -> Option<Self> {
        let bytes = match url.strip_prefix("data:") {
            Some(data) => decode_data_url(data)?,
            None if url.contains("://") => return None,
            None => {
                let name = percent_decode(url.split(['?', '#']).next()?);
                let file = path.parent()?.join(String::from_utf8(name).ok()?);
                let file = std::fs::canonicalize(file).ok()?;
                if confine.is_some_and(|root| !file.starts_with(root)) {
                    return None;
                }
                let metadata = std::fs::metadata(&file).ok()?;
                if !metadata.is_file() || metadata.len() > MAX_MAP_BYTES {
                    return None;
                }
                std::fs::read(file).ok()?
            }
        };
        let directory = match url.starts_with("data:") {
            true => Path::new(name).parent().unwrap_or(Path::new("")).to_owned(),
            false => Path::new(name).parent().unwrap_or(Path::new("")).join(Path::new(url).parent()?),
        };
        let json: Value = serde_json::from_slice(&bytes).ok()?;
        let mut map = Self::default();
        map.add(&json, &directory, 0, 0)?;
        map.segments.sort_by_key(|segment| (segment.line, segment.column));
        Some(map)
    }

    /// Decodes one map, or each of an index map's sections at its offset.
    fn add(&mut self, json: &Value, directory: &Path, line: u32, column: u32) -> Option<()> {
        if let Some(sections) = json.get("sections").and_then(Value::as_array) {
            for section in sections {
                let at = section.get("offset")?;
                let number = |key: &str| at.get(key).and_then(Value::as_u64).map(|number| number as u32);
                let map = section.get("map")?;
                // Sections do not nest.
                if map.get("sections").is_none() {
                    self.add(map, directory, number("line")?, number("column")?)?;
                }
            }
            return Some(());
        }
        let root = json.get("sourceRoot").and_then(Value::as_str).unwrap_or_default();
        let first = self.sources.len() as u32;
        for source in json.get("sources")?.as_array()? {
            self.sources.push(original_name(root, source.as_str().unwrap_or_default(), directory));
        }
        let count = self.sources.len() as u32 - first;
        let mappings = json.get("mappings")?.as_str()?;
        let (mut source, mut original_line, mut original_column) = (0i64, 0i64, 0i64);
        for (row, text) in mappings.split(';').enumerate() {
            let row = row as u32;
            let mut generated = 0i64;
            for group in text.split(',').filter(|group| !group.is_empty()) {
                let mut fields = [0i64; 5];
                let length = decode_vlq(group, &mut fields)?;
                generated += fields[0];
                if length < 4 {
                    continue;
                }
                source += fields[1];
                original_line += fields[2];
                original_column += fields[3];
                if !(0..i64::from(count)).contains(&source) {
                    return None;
                }
                let shift = if row == 0 { column } else { 0 };
                self.segments.push(Segment {
                    line: line + row,
                    column: shift + u32::try_from(generated).ok()?,
                    source: first + source as u32,
                    original_line: u32::try_from(original_line).ok()?,
                    original_column: u32::try_from(original_column).ok()?,
                });
            }
        }
        Some(())
    }

    /// Where a place of the compiled code, from 1, came from.
    pub(crate) fn look_up(&self, line: u32, column: u32) -> Option<Original> {
        let (line, column) = (line.checked_sub(1)?, column.saturating_sub(1));
        let after = self.segments.partition_point(|segment| (segment.line, segment.column) <= (line, column));
        let found = self.segments[..after].last().filter(|segment| segment.line == line)?;
        Some(Original {
            name: self.sources.get(found.source as usize)?.clone(),
            line: found.original_line + 1,
            column: found.original_column + 1,
        })
    }
}

/// A source's name, relative to the application's root where it is a path.
fn original_name(root: &str, source: &str, directory: &Path) -> String {
    let source = match root {
        "" => source.to_owned(),
        root => format!("{}/{source}", root.trim_end_matches('/')),
    };
    if source.contains("://") || source.starts_with('/') {
        return source.strip_prefix("file://").unwrap_or(&source).to_owned();
    }
    let mut path = PathBuf::new();
    for component in directory.join(&source).components() {
        match component {
            Component::CurDir => {}
            Component::ParentDir if path.file_name().is_some() => {
                path.pop();
            }
            other => path.push(other),
        }
    }
    path.display().to_string()
}

/// Reads up to five base64 VLQ numbers; how many there were.
fn decode_vlq(text: &str, fields: &mut [i64; 5]) -> Option<usize> {
    let mut length = 0;
    let (mut value, mut shift) = (0i64, 0);
    for byte in text.bytes() {
        let digit = i64::from(match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        });
        value |= (digit & 31) << shift;
        if digit & 32 != 0 {
            shift += 5;
            if shift > 30 {
                return None;
            }
            continue;
        }
        *fields.get_mut(length)? = if value & 1 == 1 { -(value >> 1) } else { value >> 1 };
        length += 1;
        (value, shift) = (0, 0);
    }
    (shift == 0).then_some(length)
}

fn decode_data_url(data: &str) -> Option<Vec<u8>> {
    let (head, body) = data.split_once(',')?;
    if body.len() as u64 > MAX_MAP_BYTES {
        return None;
    }
    let body = percent_decode(body);
    if !head.trim_end().to_ascii_lowercase().ends_with("base64") {
        return Some(body);
    }
    let mut bytes = Vec::with_capacity(body.len() / 4 * 3);
    let (mut bits, mut count) = (0u32, 0);
    for byte in body {
        let digit = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            b'=' => break,
            _ => return None,
        };
        bits = bits << 6 | u32::from(digit);
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
        }
    }
    Some(bytes)
}

fn percent_decode(text: &str) -> Vec<u8> {
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex = bytes.get(at + 1..at + 3).and_then(|digits| std::str::from_utf8(digits).ok());
        match (bytes[at], hex.and_then(|digits| u8::from_str_radix(digits, 16).ok())) {
            (b'%', Some(byte)) => {
                decoded.push(byte);
                at += 3;
            }
            (byte, _) => {
                decoded.push(byte);
                at += 1;
            }
        }
    }
    decoded
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inline(json: &str) -> String {
        format!("data:application/json,{}", json.replace('%', "%25").replace(' ', "%20"))
    }

    fn original(name: &str, line: u32, column: u32) -> Option<Original> {
        Some(Original { name: name.into(), line, column })
    }

    #[test]
    fn the_last_comment_names_the_map() {
        assert_eq!(url("a();\n//# sourceMappingURL=a.js.map\n"), Some("a.js.map"));
        assert_eq!(url("a();\n//@ sourceMappingURL=a.js.map"), Some("a.js.map"));
        assert_eq!(url("//# sourceMappingURL=a\n//# sourceMappingURL=b"), Some("b"));
        assert_eq!(url("//# sourceMappingURL=a\n//# sourceURL=c"), Some("a"));
        assert_eq!(url("const x = 'sourceMappingURL=a';"), None);
        assert_eq!(url("//# sourceMappingURL=a\nb()"), None);
        assert_eq!(url("a()"), None);
    }

    #[test]
    fn places_are_found() {
        // Line 1: columns 1 and 11 from a.ts 1:1 and 3:5; line 3: column 5 from b.ts 2:1.
        let json = r#"{"version":3,"sources":["a.ts","b.ts"],"names":[],"mappings":"AAAA,UAEI;;ICDJ"}"#;
        let map = SourceMap::load(&inline(json), "dist/x.js", Path::new("/app/dist/x.js"), None).unwrap();
        assert_eq!(map.look_up(1, 1), original("dist/a.ts", 1, 1));
        assert_eq!(map.look_up(1, 10), original("dist/a.ts", 1, 1));
        assert_eq!(map.look_up(1, 11), original("dist/a.ts", 3, 5));
        assert_eq!(map.look_up(1, 999), original("dist/a.ts", 3, 5));
        assert_eq!(map.look_up(2, 1), None);
        assert_eq!(map.look_up(3, 1), None);
        assert_eq!(map.look_up(3, 5), original("dist/b.ts", 2, 1));
        assert_eq!(map.look_up(0, 0), None);
    }

    #[test]
    fn sections_and_roots() {
        let json = r#"{"version":3,"sections":[{"offset":{"line":0,"column":0},"map":{"version":3,"sources":["a.ts"],"mappings":"AAAA"}},
            {"offset":{"line":4,"column":2},"map":{"version":3,"sourceRoot":"../src/","sources":["b.ts"],"mappings":"AAAA"}}]}"#
            .replace('\n', "");
        let map = SourceMap::load(&inline(&json), "dist/x.js", Path::new("/app/dist/x.js"), None).unwrap();
        assert_eq!(map.look_up(1, 5), original("dist/a.ts", 1, 1));
        assert_eq!(map.look_up(5, 1), None);
        assert_eq!(map.look_up(5, 3), original("src/b.ts", 1, 1));
    }

    #[test]
    fn files_within_the_directory_only() {
        let dir = tempfile::tempdir().unwrap();
        let root = dir.path().canonicalize().unwrap();
        std::fs::create_dir(root.join("app")).unwrap();
        let json = r#"{"version":3,"sources":["../src/a.ts"],"mappings":"AAAA"}"#;
        std::fs::write(root.join("app/x.js.map"), json).unwrap();
        std::fs::write(root.join("y.map"), json).unwrap();
        let (path, confine) = (root.join("app/x.js"), root.join("app"));
        let load = |url: &str, confine| SourceMap::load(url, "x.js", &path, confine);
        assert_eq!(load("x.js.map", Some(&*confine)).unwrap().look_up(1, 1), original("../src/a.ts", 1, 1));
        assert!(load("../y.map", None).is_some());
        assert!(load("../y.map", Some(&*confine)).is_none());
        assert!(load("missing.map", None).is_none());
        assert!(load("https://example.com/x.map", None).is_none());
    }

    #[test]
    fn a_broken_map_maps_nothing() {
        for json in [
            "",
            "{",
            "[]",
            "{}",
            r#"{"sources":[],"mappings":"AAAA"}"#,
            r#"{"sources":["a"],"mappings":"A!"}"#,
            r#"{"sources":["a"],"mappings":"AAAAAAAA"}"#,
            r#"{"sources":["a"],"mappings":"AAAg"}"#,
            r#"{"sources":["a"],"mappings":"gggggggggggB"}"#,
            r#"{"sources":["a"],"mappings":"AADA"}"#,
        ] {
            assert!(SourceMap::load(&inline(json), "x.js", Path::new("/x.js"), None).is_none(), "{json}");
        }
    }

    #[test]
    fn base64() {
        let url =
            "data:application/json;charset=utf-8;base64,eyJzb3VyY2VzIjpbImEiXSwibWFwcGluZ3MiOiJBQUFBIn0=";
        let map = SourceMap::load(url, "x.js", Path::new("/x.js"), None).unwrap();
        assert_eq!(map.look_up(1, 1), original("a", 1, 1));
    }
}
