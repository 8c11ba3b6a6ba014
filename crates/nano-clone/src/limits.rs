//! What a serialization or a deserialization may cost: every limit of the crate, with its default and the reason for it.

/// Bounds of one operation. Beyond them it fails with [`CloneError`](crate::CloneError); nothing is ever half done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// The most bytes that a value may serialize to, or that are looked at when reading.
    ///
    /// Default: 1 GiB. V8's format repeats a string each time that it occurs, so a small value can serialize to far more than it takes
    /// itself; and V8 reads no more than 4 GiB.
    pub bytes: usize,
    /// The most memory, as estimated from the bytes before anything is made, that reading untrusted bytes may take.
    ///
    /// Default: 256 MiB. Less is used if the isolate's heap has less room: half of what is left.
    pub memory: usize,
    /// How deeply values may nest in untrusted bytes, and in values on their way to storage. Elsewhere V8's own limit holds:
    /// the stack.
    ///
    /// Default: 2,000, of which V8 needs about 1.5 MB of stack to read.
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

/// No limit lets an operation write or read more: V8 counts in 32 bits here and there.
pub(crate) const BYTES_MAX: usize = u32::MAX as usize / 2;

/// A thread keeps a buffer of at most this size for the next value that it clones.
///
/// Most values are far smaller; what a larger one costs to copy hides the cost of making its buffer.
pub(crate) const SCRATCH_BYTES_MAX: usize = 2 << 20;
