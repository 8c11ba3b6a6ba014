#![doc = include_str!("../README.md")]

mod disk;
mod now;
mod policy;
mod store;

pub use now::Now;
pub use store::{Body, Hit, Lookup, Store, Stored, Tenant};

use std::path::PathBuf;

/// What a store may take. Each bound holds for all tenants together but where it says otherwise.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of bodies and heads in memory. 64 MiB: a small part of what one process has for its tenants.
    pub memory_bytes: usize,
    /// Bytes of bodies in the file. 512 MiB; zero for none.
    pub disk_bytes: u64,
    /// Bytes of one body. 8 MiB: a larger one would drive out too many others.
    pub object_bytes: usize,
    /// Bytes of one tenant, in memory and in the file together. 128 MiB, so that no tenant has all.
    pub tenant_bytes: u64,
    /// Entries of one tenant: 20,000. Each costs a few hundred bytes beside its body and head.
    pub tenant_entries: usize,
    /// Where the file is made; it has no name there. The system's folder for temporary files.
    pub directory: PathBuf,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory_bytes: 64 << 20,
            disk_bytes: 512 << 20,
            object_bytes: 8 << 20,
            tenant_bytes: 128 << 20,
            tenant_entries: 20_000,
            directory: std::env::temp_dir(),
        }
    }
}

/// What identifies an entry: a request that was made with GET.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The URL without its fragment.
    pub url: &'a str,
    /// Names in lower case, and values.
    pub headers: &'a [(String, String)],
}

/// The head of a response.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// The status.
    pub status: u16,
    /// The reason phrase, or nothing.
    pub status_text: String,
    /// Names in lower case, and values.
    pub headers: Vec<(String, String)>,
}

/// Why a response was not stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NotStored {
    /// Its status, its Cache-Control or its Vary say so, or it is stale already.
    Forbidden,
    /// It is larger than [`Limits::object_bytes`] or what its tenant may have.
    TooLarge,
}

impl std::fmt::Display for NotStored {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Forbidden => "its headers do not allow it to be stored",
            Self::TooLarge => "it is too large to be stored",
        })
    }
}

impl std::error::Error for NotStored {}
