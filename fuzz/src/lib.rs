//! What several fuzz targets share.

pub mod decompress;
pub mod keys;
#[cfg(feature = "v8")]
pub mod multipart;
