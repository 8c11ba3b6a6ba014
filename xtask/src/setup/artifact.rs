//! The two files that the `v8` crate's build script wants for a build of V8, what they are called, and the
//! download cache that it looks for them in (both documented in the crate's README).
//!
//! Knows names and how to tell an intact file from a broken one; not where files come from.

use crate::util::{capture, cargo_home, target_dir, write_whole};
use std::fmt;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The version of the `v8` crate that the workspace's Cargo.toml pins (a test compares them).
pub const V8_VERSION: &str = "152.2.0";

/// A build of V8, as the `v8` crate distinguishes them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Build {
    /// With compressed pointers: the crate's feature `v8_enable_pointer_compression`, and our default.
    Compressed,
    /// With plain pointers.
    Plain,
}

impl fmt::Display for Build {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Build::Compressed => "compressed pointers",
            Build::Plain => "plain pointers",
        })
    }
}

impl Build {
    /// The part of the files' names that the crate's features make.
    pub fn features(self) -> &'static str {
        match self {
            Build::Compressed => "_ptrcomp",
            Build::Plain => "",
        }
    }

    /// The library's file name on the release page.
    pub fn library(self, target: &str) -> String {
        format!("librusty_v8{}_release_{target}.a.gz", self.features())
    }

    /// The binding's file name on the release page.
    pub fn binding(self, target: &str) -> String {
        format!("src_binding{}_release_{target}.rs", self.features())
    }
}

/// The platform that the toolchain builds for.
pub fn host_triple() -> Result<String, String> {
    let version = capture(Command::new("rustc").arg("-vV"))?;
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_string).ok_or_else(|| "`rustc -vV` names no host".into())
}

/// The crate's download cache.
pub fn cache_dir() -> Result<PathBuf, String> {
    Ok(cargo_home()?.join(".rusty_v8"))
}

/// What a file of the release page is called in the cache: tag and name with everything but letters and
/// digits replaced.
pub fn cache_name(file: &str) -> String {
    let key = format!("v{V8_VERSION}/{file}");
    key.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect()
}

/// Whether a file is a whole static library, gzipped or not. Error: what is wrong with it.
pub fn check_library(path: &Path) -> Result<(), String> {
    const ARCHIVE: &[u8; 8] = b"!<arch>\n";
    let mut start = Vec::new();
    File::open(path)
        .and_then(|file| file.take(8).read_to_end(&mut start))
        .map_err(|error| error.to_string())?;
    if start.starts_with(ARCHIVE) {
        return Ok(());
    }
    if !start.starts_with(&[0x1f, 0x8b]) {
        return Err("it is neither a static library nor a gzipped one".into());
    }
    // Reads it to the end: gzip's checksum comes last.
    capture(Command::new("gzip").arg("-t").stdin(File::open(path).map_err(|error| error.to_string())?))
        .map_err(|error| format!("it is damaged or incomplete: {}", error.trim()))?;
    Ok(())
}

/// Whether the cache holds a build's library, whole. `Err` says in words why not. A library once checked is
/// recognized by its size and time of change, so that this costs nothing the next time.
pub fn cached(build: Build, target: &str) -> Result<PathBuf, String> {
    let path = cache_dir()?.join(cache_name(&build.library(target)));
    let meta = fs::metadata(&path).map_err(|_| format!("{} is not there", path.display()))?;
    let changed = meta.modified().ok().and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok());
    let line = format!("{} {} {}\n", path.display(), meta.len(), changed.unwrap_or_default().as_nanos());
    let record = target_dir().join(format!("xtask-v8-checked{}", build.features()));
    if fs::read_to_string(&record).is_ok_and(|checked| checked == line) {
        return Ok(path);
    }
    check_library(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    write_whole(&record, &mut line.as_bytes())?;
    Ok(path)
}

/// A file's SHA-256 in hexadecimal digits.
pub fn sha256(path: &Path) -> Result<String, String> {
    let tools: [(&str, &[&str]); 2] = [("sha256sum", &[]), ("shasum", &["-a", "256"])];
    let mut failed = String::new();
    for (tool, args) in tools {
        match capture(Command::new(tool).args(args).arg(path)) {
            Ok(said) => match said.split_whitespace().next() {
                // GNU's puts a backslash before the sum when it had to escape the file's name.
                Some(sum) => return Ok(sum.trim_start_matches('\\').to_string()),
                None => failed = format!("{tool} said nothing"),
            },
            Err(error) => failed = error,
        }
    }
    Err(failed)
}
