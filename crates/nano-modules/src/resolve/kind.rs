//! What a module is: from its file's name and its import attributes.

use std::path::Path;

use super::error::{Reason, ResolveError};

/// What is made of a file when it is imported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ModuleKind {
    /// An ES module: `.js`, `.mjs`.
    JavaScript,
    /// An ES module once its types are stripped: `.ts`, `.mts`.
    TypeScript,
    /// A module whose default export is the parsed JSON: `.json`.
    Json,
    /// A module whose default export is the text: `.txt`, `.html`, `.sql`, or any file with `type: "text"`.
    Text,
    /// A module whose default export is the bytes: `.bin`, or any file with `type: "bytes"`.
    Bytes,
    /// A module whose default export is a `WebAssembly.Module`: `.wasm`.
    Wasm,
}

impl ModuleKind {
    /// The kind of the module at `path` when it is imported with the attribute `type` (that of `with { type:
    /// … }`), if any.
    ///
    /// A JSON file may be imported with or without `with { type: "json" }`; no other file may be imported
    /// with it.
    ///
    /// # Errors
    /// For an unknown type or extension, JSON asked of another file, and CommonJS (`.cjs`, `.cts`). The error
    /// has no referrer: `specifier` is what it names.
    pub fn of(specifier: &str, path: &Path, attribute: Option<&str>) -> Result<ModuleKind, ResolveError> {
        let fail = |message: String| {
            Err(ResolveError::new(specifier, Reason::Kind { path: path.to_owned(), message }))
        };
        let extension =
            path.extension().map(|it| it.to_string_lossy().to_ascii_lowercase()).unwrap_or_default();
        match attribute {
            Some("json") if extension == "json" => return Ok(ModuleKind::Json),
            Some("json") => return fail("type \"json\" is for files that end in .json".to_owned()),
            Some("text") => return Ok(ModuleKind::Text),
            Some("bytes") => return Ok(ModuleKind::Bytes),
            Some(other) => {
                return fail(format!(
                    "the type {other:?} is not supported; \"json\", \"text\" and \"bytes\" are"
                ));
            }
            None => {}
        }
        Ok(match extension.as_str() {
            "js" | "mjs" => ModuleKind::JavaScript,
            "ts" | "mts" => ModuleKind::TypeScript,
            "json" => ModuleKind::Json,
            "txt" | "html" | "sql" => ModuleKind::Text,
            "bin" => ModuleKind::Bytes,
            "wasm" => ModuleKind::Wasm,
            "cjs" | "cts" => {
                return Err(ResolveError::new(specifier, Reason::CommonJs { path: path.to_owned() }));
            }
            "jsx" | "tsx" => return fail("JSX is not supported; compile it to JavaScript first".to_owned()),
            _ => {
                return fail(
                    "the extension names no kind of module; known are .js, .mjs, .ts, .mts, .json, .txt, .html, .sql, .bin and \
                     .wasm, and any file with { type: \"text\" } or { type: \"bytes\" }"
                        .to_owned(),
                );
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds() {
        use ModuleKind::*;
        const JSON: Option<&str> = Some("json");
        const TEXT: Option<&str> = Some("text");
        const BYTES: Option<&str> = Some("bytes");
        let good: [(&str, Option<&str>, ModuleKind); 20] = [
            ("a.js", None, JavaScript),
            ("a.mjs", None, JavaScript),
            ("a.min.JS", None, JavaScript),
            ("a.ts", None, TypeScript),
            ("a.d.mts", None, TypeScript),
            ("a.json", None, Json),
            ("a.json", JSON, Json),
            ("a.json", TEXT, Text),
            ("a.txt", None, Text),
            ("a.html", None, Text),
            ("a.sql", None, Text),
            ("a.md", TEXT, Text),
            ("a.js", TEXT, Text),
            ("a", TEXT, Text),
            ("a.bin", None, Bytes),
            ("a.bin", TEXT, Text),
            ("a.png", BYTES, Bytes),
            ("a.wasm", None, Wasm),
            ("a.wasm", BYTES, Bytes),
            ("dir.txt/a.wasm", None, Wasm),
        ];
        for (path, attribute, kind) in good {
            assert_eq!(
                ModuleKind::of("x", Path::new(path), attribute).unwrap(),
                kind,
                "{path} {attribute:?}"
            );
        }
        let bad: [(&str, Option<&str>, &str); 8] = [
            ("a.js", JSON, "x: a.js: type \"json\" is for files that end in .json"),
            ("a.jsonc", JSON, "x: a.jsonc: type \"json\" is for files that end in .json"),
            ("a.json", Some("css"), "the type \"css\" is not supported"),
            ("a.cjs", None, "CommonJS"),
            ("a.cts", None, "CommonJS"),
            ("a.tsx", None, "JSX"),
            ("a.css", None, "the extension names no kind"),
            ("js", None, "the extension names no kind"),
        ];
        for (path, attribute, part) in bad {
            let error = ModuleKind::of("x", Path::new(path), attribute).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
        }
    }
}
