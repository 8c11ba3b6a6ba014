//! What a part of the platform is: files of JavaScript that are evaluated together, and the names that they
//! define.

/// Name and text of a file. The text is ASCII and static, so that all isolates share it: V8 refers to it and
/// never copies.
pub(crate) type File = (&'static str, v8::OneByteConst);

/// `files!["folder/name.js", …]`, for a `mod.rs` in a folder.
macro_rules! files {
    ($($path:literal),* $(,)?) => {
        &[$((
            $path,
            v8::String::create_external_onebyte_const(
                concat!("\"use strict\";", include_str!(concat!("../", $path))).as_bytes(),
            ),
        )),*]
    };
}
pub(crate) use files;

/// Something that is evaluated as a whole or not at all.
pub(crate) struct Part {
    /// In the order in which they are evaluated.
    pub(crate) files: &'static [File],
    /// The hooks of earlier folders that it implements, as `internal.hooks.<name>`.
    pub(crate) hooks: &'static [&'static str],
    /// Later folders find these as `internal.<name>`.
    pub(crate) exports: &'static [&'static str],
    /// Its interfaces and namespaces on the global object, which are not enumerable.
    pub(crate) globals: &'static [&'static str],
    /// Its functions and objects on the global object, which are enumerable.
    pub(crate) enumerable: &'static [&'static str],
    /// A script that uses the part as most applications will: the functions it calls are in the part's
    /// compiled form.
    pub(crate) exercise: &'static str,
}

/// The hooks of a part; none if it names none.
macro_rules! hooks {
    () => {
        &[]
    };
    ($hooks:expr) => {
        &$hooks
    };
}
pub(crate) use hooks;

/// A folder's parts.
macro_rules! parts {
    ($({
        files: [$($path:literal),*],
        $(hooks: $hooks:expr,)?
        exports: $exports:expr,
        globals: $globals:expr,
        enumerable: $enumerable:expr,
        exercise: $exercise:expr
    })*) => {
        &[$($crate::infra::part::Part {
            files: { static FILES: &[$crate::infra::part::File] = $crate::infra::part::files![$($path),*]; FILES },
            hooks: { const HOOKS: &[&str] = $crate::infra::part::hooks!($($hooks)?); HOOKS },
            exports: &$exports,
            globals: &$globals,
            enumerable: &$enumerable,
            exercise: $exercise,
        }),*]
    };
}
pub(crate) use parts;

/// The global that V8 makes itself, for each context and after it was read from the snapshot: see
/// [`prepare`](super::parts::prepare).
pub(crate) const WEBASSEMBLY: &str = "WebAssembly";
