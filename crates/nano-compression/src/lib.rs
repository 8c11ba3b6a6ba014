#![doc = include_str!("../README.md")]

mod compress;
mod decompress;
mod memory;

pub use compress::Compressor;
pub use decompress::{Decompressor, Tolerance};

/// A compressed format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Format {
    /// RFC 1952.
    Gzip,
    /// RFC 1950, "zlib": what the web calls deflate.
    Deflate,
    /// RFC 1951, without a frame.
    DeflateRaw,
    /// RFC 7932, without its large-window extension.
    Brotli,
    /// RFC 8878, with windows up to [`MAX_WINDOW_LOG`].
    Zstd,
}

/// Largest window of Zstandard that is decompressed, as a power of two.
///
/// Limit (bits): 2^23 bytes are the 8 MiB that RFC 9659 allows on the web.
pub const MAX_WINDOW_LOG: u32 = 23;

impl Format {
    /// All formats.
    pub const ALL: [Format; 5] =
        [Format::Gzip, Format::Deflate, Format::DeflateRaw, Format::Brotli, Format::Zstd];

    /// By its name in the Compression Standard: `gzip`, `deflate`, `deflate-raw`, `brotli`, `zstd`.
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "gzip" => Self::Gzip,
            "deflate" => Self::Deflate,
            "deflate-raw" => Self::DeflateRaw,
            "brotli" => Self::Brotli,
            "zstd" => Self::Zstd,
            _ => return None,
        })
    }

    /// By the name of a content coding in HTTP, in any case: `gzip`, `x-gzip`, `deflate`, `br`, `zstd`.
    pub fn from_content_coding(coding: &str) -> Option<Self> {
        let codings = [
            ("gzip", Self::Gzip),
            ("x-gzip", Self::Gzip),
            ("deflate", Self::Deflate),
            ("br", Self::Brotli),
            ("zstd", Self::Zstd),
        ];
        codings.into_iter().find(|(name, _)| name.eq_ignore_ascii_case(coding)).map(|(_, format)| format)
    }
}

/// What a step did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Step {
    /// Bytes of the input that were taken; the others are to be given again.
    pub consumed: usize,
    /// Bytes of the output that were written.
    pub produced: usize,
    /// Whether there may be more output, or input was left: call again before giving new input.
    pub more: bool,
}

/// What can be wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// The bytes are not of this format, or their checksum does not fit.
    Invalid,
    /// Something follows the end of what was compressed.
    Trailing,
    /// What was compressed is not complete.
    Truncated,
    /// The system has no memory for it, or the account that pays for it has reached its limit.
    NoMemory,
}

impl std::fmt::Display for Error {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Invalid => "the compressed data is not valid",
            Self::Trailing => "there is something after the end of the compressed data",
            Self::Truncated => "the compressed data is not complete",
            Self::NoMemory => "there is no memory for it",
        })
    }
}

impl std::error::Error for Error {}
