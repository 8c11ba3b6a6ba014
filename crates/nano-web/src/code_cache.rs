//! The compiled form of the platform's lazily evaluated files, one after the other, each with its length
//! before it.
//!
//! Knows nothing of the files: `infra/parts.rs` numbers them.

/// The compiled form of all parts, as [`snapshot::create`](crate::snapshot::create) made it, for each
/// isolate's [`State`](crate::State).
///
/// Bytes that do not fit the parts or V8 are no error: such a part is compiled from its text.
#[derive(Clone, Copy, Debug, Default)]
pub struct CodeCaches(&'static [u8]);

impl CodeCaches {
    /// From the bytes that were made with the snapshot in use.
    pub fn new(bytes: &'static [u8]) -> Self {
        Self(bytes)
    }

    /// The cache of one file, if there is one.
    pub(crate) fn get(self, index: usize) -> Option<&'static [u8]> {
        let mut rest = self.0;
        for _ in 0..index {
            rest = split(rest)?.1;
        }
        split(rest).map(|(cache, _)| cache).filter(|cache| !cache.is_empty())
    }

    /// Appends the next file's cache to bytes that `new` will be given.
    pub(crate) fn append(bytes: &mut Vec<u8>, cache: &[u8]) {
        // No build has 4 GiB of bytecode.
        bytes.extend_from_slice(&u32::try_from(cache.len()).unwrap_or(0).to_le_bytes());
        bytes.extend_from_slice(cache);
    }
}

/// The first of length-prefixed pieces, and the others.
fn split(bytes: &'static [u8]) -> Option<(&'static [u8], &'static [u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    rest.split_at_checked(u32::from_le_bytes(*length) as usize)
}
