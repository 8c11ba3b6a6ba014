//! One module as all isolates share it: its content, and what an engine has made of it.

use crate::LoadError;
use crate::resolve::ModuleKind;
use crate::source_map::{self, Original, SourceMap};
use std::any::Any;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

/// Largest file that is a module.
///
/// Limit (bytes): its text is one string, and V8 makes none of more than half a gigabyte.
pub const MAX_MODULE_BYTES: u64 = 500 << 20;

/// A module's text, in a form that isolates share without copying it.
#[derive(Debug)]
pub enum Text {
    /// Characters up to U+00FF, one byte each.
    Latin1(Arc<[u8]>),
    /// UTF-16.
    Wide(Arc<[u16]>),
}

impl Text {
    /// The text in the narrowest form that holds it.
    pub fn new(text: &str) -> Self {
        if text.is_ascii() {
            Self::Latin1(text.as_bytes().into())
        } else if text.chars().all(|character| u32::from(character) <= 0xff) {
            Self::Latin1(text.chars().map(|character| character as u8).collect())
        } else {
            Self::Wide(text.encode_utf16().collect())
        }
    }

    /// Its length in units: characters up to U+00FF, or UTF-16 units.
    pub fn len(&self) -> usize {
        match self {
            Self::Latin1(bytes) => bytes.len(),
            Self::Wide(units) => units.len(),
        }
    }

    /// Whether there is nothing in it.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn to_text(&self) -> String {
        match self {
            Self::Latin1(bytes) => bytes.iter().map(|byte| char::from(*byte)).collect(),
            Self::Wide(units) => String::from_utf16_lossy(units),
        }
    }
}

/// What a module is made of.
#[derive(Debug)]
pub enum Content {
    /// JavaScript.
    Code(Text),
    /// A JSON document.
    Json(Text),
    /// Text, as it is.
    Text(Text),
    /// Bytes, as they are.
    Bytes(Vec<u8>),
    /// WebAssembly.
    Wasm(Vec<u8>),
}

/// One import of a module: what it says, and the module that it means.
#[derive(Debug)]
pub struct Import {
    /// What the source says.
    pub specifier: String,
    /// The value of the import attribute `type`.
    pub attribute: Option<String>,
    /// The module that it means, by its index in [`Sources`](crate::Sources).
    pub target: usize,
}

/// What an engine has made of a module, for its other isolates. Each is set once, by the isolate that makes
/// it first.
#[derive(Default)]
pub struct Compiled {
    /// The engine's code cache.
    pub code_cache: OnceLock<Vec<u8>>,
    /// The engine's compiled form of WebAssembly.
    pub wasm: OnceLock<Box<dyn Any + Send + Sync>>,
}

/// One module's source.
pub struct Source {
    /// As stack traces have it: relative to the application's root.
    pub name: String,
    /// The file, without symbolic links.
    pub path: PathBuf,
    /// What is in it.
    pub content: Content,
    /// What an engine has made of it.
    pub compiled: Compiled,
    /// All its static imports, once some isolate has compiled it and they were resolved.
    pub imports: OnceLock<Vec<Import>>,
    /// Of the file's bytes, to see whether it has changed.
    pub(crate) digest: u64,
    map: Map,
}

/// A module's source map.
enum Map {
    /// The code names none.
    None,
    /// It names one, which is read when a stack trace wants it; `None` inside: it cannot be read.
    Named(OnceLock<Option<SourceMap>>),
}

impl Source {
    /// Code that was given as text.
    pub(crate) fn from_code(name: &str, path: PathBuf, code: &str) -> Self {
        Self::new(name.to_owned(), path, Content::Code(Text::new(code)), 0, Map::None)
    }

    /// Makes a module of a file's bytes. The error names no file.
    pub(crate) fn from_bytes(
        name: String,
        path: &Path,
        kind: ModuleKind,
        bytes: Vec<u8>,
    ) -> Result<Self, LoadError> {
        let digest = digest(&bytes);
        let mut map = Map::None;
        let content = match kind {
            ModuleKind::JavaScript => {
                let text = text(bytes)?;
                if source_map::url(&text).is_some() {
                    map = Map::Named(OnceLock::new());
                }
                Content::Code(Text::new(without_mark(&text)))
            }
            ModuleKind::TypeScript => Content::Code(Text::new(&strip_types(bytes)?)),
            ModuleKind::Json => Content::Json(Text::new(without_mark(&text(bytes)?))),
            ModuleKind::Text => Content::Text(Text::new(without_mark(&text(bytes)?))),
            ModuleKind::Bytes => Content::Bytes(bytes),
            ModuleKind::Wasm => Content::Wasm(bytes),
        };
        Ok(Self::new(name, path.to_owned(), content, digest, map))
    }

    fn new(name: String, path: PathBuf, content: Content, digest: u64, map: Map) -> Self {
        Self { name, path, content, compiled: Compiled::default(), imports: OnceLock::new(), digest, map }
    }

    /// Whether it names a source map.
    pub fn has_source_map(&self) -> bool {
        matches!(self.map, Map::Named(_))
    }

    /// Where a place of the code, from 1, came from, if there is a source map that knows. With `confine`, a
    /// map outside of that directory is not read.
    pub(crate) fn original(&self, line: u32, column: u32, confine: Option<&Path>) -> Option<Original> {
        let Map::Named(map) = &self.map else { return None };
        let map = map.get_or_init(|| {
            let Content::Code(text) = &self.content else { return None };
            SourceMap::load(source_map::url(&text.to_text())?, &self.name, &self.path, confine)
        });
        map.as_ref()?.look_up(line, column)
    }
}

/// A hash of a file's bytes, to see changes. It need not resist forgery: forging it takes the right to write
/// the file.
pub(crate) fn digest(bytes: &[u8]) -> u64 {
    let mut hasher = std::hash::DefaultHasher::new();
    std::hash::Hasher::write(&mut hasher, bytes);
    std::hash::Hasher::finish(&hasher)
}

fn text(bytes: Vec<u8>) -> Result<String, LoadError> {
    String::from_utf8(bytes)
        .map_err(|error| LoadError::new(format!("is not UTF-8 (byte {})", error.utf8_error().valid_up_to())))
}

/// The text without a byte order mark.
fn without_mark(text: &str) -> &str {
    text.strip_prefix('\u{feff}').unwrap_or(text)
}

/// TypeScript without its types. What is left keeps its place, so that nothing has to be mapped back.
fn strip_types(bytes: Vec<u8>) -> Result<String, LoadError> {
    let text = text(bytes)?;
    nano_typescript::strip(without_mark(&text)).map_err(|problems| {
        problems.into_iter().next().map_or_else(
            || LoadError::new("is not TypeScript"),
            |problem| LoadError {
                position: Some((problem.line, problem.column)),
                ..LoadError::new(format!("SyntaxError: {}", problem.message))
            },
        )
    })
}
