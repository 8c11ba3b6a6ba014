//! Applications that a test writes into a directory of its own.

use std::path::{Path, PathBuf};

/// A temporary directory, gone when this is dropped.
#[derive(Debug)]
pub struct Dir(tempfile::TempDir);

impl Dir {
    /// A directory with these files: name (folders are made) and content.
    ///
    /// # Panics
    ///
    /// If it cannot be written.
    pub fn new(files: &[(&str, &str)]) -> Self {
        let dir = Self(tempfile::tempdir().expect("a temporary directory"));
        for (name, content) in files {
            dir.write(name, content.as_bytes());
        }
        dir
    }

    /// An application of one module: `index.js`.
    pub fn app(code: &str) -> Self {
        Self::new(&[("index.js", code)])
    }

    /// Writes a file.
    ///
    /// # Panics
    ///
    /// If it cannot be written.
    pub fn write(&self, name: &str, content: &[u8]) {
        let path = self.join(name);
        std::fs::create_dir_all(path.parent().expect("a file in the directory"))
            .expect("folders can be made");
        std::fs::write(&path, content).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }

    /// The directory's path.
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// A path in the directory.
    pub fn join(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// A path in the directory, as text.
    ///
    /// # Panics
    ///
    /// If the system's temporary directory is not named in UTF-8.
    pub fn text(&self, name: &str) -> String {
        self.join(name).to_str().expect("a path in UTF-8").to_owned()
    }
}
