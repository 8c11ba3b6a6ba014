//! Every limit of the crate, with its default and its reason.

/// The limits of one operation. Beyond them it fails as a whole, with a [`CloneError`](crate::CloneError).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The most bytes of a serialized value.
    ///
    /// Default 1 GiB. V8's format repeats a string each time that it occurs, so a small value can serialize
    /// to far more bytes than it takes in memory; and V8 reads at most 4 GiB.
    pub bytes: usize,
    /// The most bytes of memory that reading untrusted bytes may take, estimated before anything is
    /// allocated.
    ///
    /// Default 256 MiB. If half of the isolate's free heap is less, that is the limit.
    pub memory: usize,
    /// The most levels that values may nest in untrusted bytes and in values for storage. Elsewhere V8's own
    /// limit applies, the stack.
    ///
    /// Default 2,000, for which V8's reader needs about 1.5 MB of stack.
    pub depth: u32,
}

impl Limits {
    /// The defaults.
    pub const DEFAULT: Self = Self { bytes: 1 << 30, memory: 256 << 20, depth: 2_000 };
}

impl Default for Limits {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// Bytes that one operation writes or reads, whatever its own limit.
///
/// Limit (bytes): V8 counts in 32 bits in some places.
pub(crate) const BYTES_MAX: usize = u32::MAX as usize / 2;

/// Buffer that a thread keeps for the next value that it clones.
///
/// Limit (bytes): most values are far smaller, and copying a larger one costs more than making its buffer.
pub(crate) const SCRATCH_BYTES_MAX: usize = 2 << 20;
