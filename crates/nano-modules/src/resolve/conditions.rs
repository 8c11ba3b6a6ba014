//! The conditions under which `exports` and `imports` of a package.json are read.

/// The conditions that hold, besides `default`: what a package for the web platform calls itself. An object
/// of conditions is read in its own order; which of these comes first here is of no meaning.
pub(super) const CONDITIONS: [&str; 4] = ["workerd", "worker", "import", "default"];

/// The conditions under which only Node's `require` would find something: to tell that a package is CommonJS
/// only.
pub(super) const COMMONJS_CONDITIONS: [&str; 3] = ["node", "require", "default"];
