//! The error of everything that keeps a module from running.

use crate::resolve::ResolveError;

/// Why a module could not be loaded.
#[derive(Clone, Debug)]
pub struct LoadError {
    /// What happened, and what to do.
    pub message: String,
    /// The file that it is about, as a person knows it.
    pub file: Option<String>,
    /// Line and column in that file, from 1.
    pub position: Option<(u32, u32)>,
}

impl LoadError {
    /// An error that is about no file.
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), file: None, position: None }
    }
}

impl std::fmt::Display for LoadError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match (&self.file, self.position) {
            (Some(file), Some((line, column))) => write!(f, "{file}:{line}:{column}: {}", self.message),
            (Some(file), None) => write!(f, "{file}: {}", self.message),
            _ => f.write_str(&self.message),
        }
    }
}

impl std::error::Error for LoadError {}

impl From<ResolveError> for LoadError {
    fn from(error: ResolveError) -> Self {
        Self::new(error.to_string())
    }
}
