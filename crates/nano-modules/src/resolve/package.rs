//! A package.json as resolution needs it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value};

use super::error::Reason;

/// Largest package.json that is read.
///
/// Limit (bytes): published ones have some kilobytes; without a bound a tenant's file could fill the memory.
pub(super) const MAX_PACKAGE_JSON_BYTES: u64 = 4 << 20;

/// A directory with a package.json.
#[derive(Debug)]
pub(super) struct Package {
    pub(super) directory: PathBuf,
    fields: Map<String, Value>,
}

impl Package {
    /// READ_PACKAGE_JSON: `None` if the directory has none.
    pub(super) fn read(directory: &Path) -> Result<Option<Package>, Reason> {
        let path = directory.join("package.json");
        let unreadable = |error: io::Error| Reason::Io { path: path.clone(), message: error.to_string() };
        match fs::metadata(&path) {
            Ok(metadata) if !metadata.is_file() => return Ok(None),
            Ok(metadata) if metadata.len() > MAX_PACKAGE_JSON_BYTES => {
                let message = format!("a package.json may have {MAX_PACKAGE_JSON_BYTES} bytes at most");
                return Err(Reason::PackageJsonInvalid { path, message });
            }
            Ok(_) => {}
            Err(error) if is_absent(&error) => return Ok(None),
            Err(error) => return Err(unreadable(error)),
        }
        let bytes = fs::read(&path).map_err(unreadable)?;
        let fields = parse(&path, &bytes)?;
        Ok(Some(Package { directory: directory.to_owned(), fields }))
    }

    /// The file itself.
    pub(super) fn path(&self) -> PathBuf {
        self.directory.join("package.json")
    }

    pub(super) fn name(&self) -> Option<&str> {
        self.fields.get("name")?.as_str()
    }

    /// A field that is a string and not empty.
    pub(super) fn string(&self, field: &str) -> Option<&str> {
        self.fields.get(field)?.as_str().filter(|text| !text.is_empty())
    }

    /// `exports`, unless it is `null`.
    pub(super) fn exports(&self) -> Option<&Value> {
        self.fields.get("exports").filter(|value| !value.is_null())
    }

    /// `imports`, unless it is `null`.
    pub(super) fn imports(&self) -> Option<&Value> {
        self.fields.get("imports").filter(|value| !value.is_null())
    }

    /// If its `.js` files say of themselves that they are ES modules.
    pub(super) fn is_module(&self) -> bool {
        self.string("type") == Some("module")
    }
}

fn parse(path: &Path, bytes: &[u8]) -> Result<Map<String, Value>, Reason> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    match serde_json::from_slice(bytes) {
        Ok(Value::Object(fields)) => Ok(fields),
        Ok(_) => Err(Reason::PackageJsonInvalid {
            path: path.to_owned(),
            message: "it is not an object".to_owned(),
        }),
        Err(error) => {
            let text = error.to_string();
            let place = format!(" at line {} column {}", error.line(), error.column());
            let message = text.strip_suffix(&place).unwrap_or(&text).to_owned();
            Err(Reason::PackageJsonSyntax {
                path: path.to_owned(),
                line: error.line().max(1),
                column: error.column().max(1),
                message,
            })
        }
    }
}

/// If the error says that nothing is there.
pub(super) fn is_absent(error: &io::Error) -> bool {
    // A name that is too long, or with a file where a directory would be, names nothing either.
    matches!(
        error.kind(),
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory | io::ErrorKind::InvalidFilename
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(content: &[u8]) -> Result<Option<Package>, Reason> {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("package.json"), content).unwrap();
        Package::read(directory.path())
    }

    #[test]
    fn fields() {
        let text = "\u{feff}{\"name\": \"a\", \"main\": \"\", \"module\": 3, \"exports\": null, \"type\": \"module\"}";
        let package = read(text.as_bytes()).unwrap().unwrap();
        assert_eq!(
            (package.name(), package.string("main"), package.string("module")),
            (Some("a"), None, None)
        );
        assert!(package.exports().is_none() && package.is_module());
        assert!(Package::read(Path::new("/nowhere/at/all")).unwrap().is_none());
    }

    #[test]
    fn the_order_of_an_object_is_kept() {
        let package = read(br#"{"exports": {"z": 1, "a": 2, "m": 3}}"#).unwrap().unwrap();
        let keys: Vec<_> = package.exports().unwrap().as_object().unwrap().keys().collect();
        assert_eq!(keys, ["z", "a", "m"]);
    }

    #[test]
    fn syntax_errors_have_a_place() {
        let place = |content: &[u8]| match read(content) {
            Err(Reason::PackageJsonSyntax { line, column, message, .. }) => (line, column, message),
            other => panic!("{other:?}"),
        };
        assert_eq!(place(b"{\n  \"name\": \"a\",\n}"), (3, 1, "trailing comma".to_owned()));
        assert_eq!(place(b"{\n  name: 1}"), (2, 3, "key must be a string".to_owned()));
        let (line, _, message) = place(b"");
        assert_eq!((line, message.starts_with("EOF")), (1, true));
        assert_eq!(place(b"{\"a\": \"\xff\"}").0, 1);
        // Depth is limited, so that no file can exhaust the stack.
        assert!(place("[".repeat(100_000).as_bytes()).2.contains("recursion"));
        assert!(matches!(read(b"[]"), Err(Reason::PackageJsonInvalid { .. })));
    }

    #[test]
    fn the_size_is_limited() {
        let mut content = b"{}".to_vec();
        content.resize(MAX_PACKAGE_JSON_BYTES as usize, b' ');
        assert!(read(&content).is_ok());
        content.push(b' ');
        assert!(matches!(read(&content), Err(Reason::PackageJsonInvalid { .. })));
    }
}
