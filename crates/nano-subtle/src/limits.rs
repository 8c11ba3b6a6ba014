//! What one operation may cost at most. Each limit says why it is what it is.

/// Bits of the smallest RSA modulus that is generated: less is no longer safe.
pub const RSA_GENERATE_BITS_MIN: u32 = 2048;

/// Bits of the smallest RSA modulus that is imported: old keys still have to verify and decrypt.
pub const RSA_IMPORT_BITS_MIN: u32 = 1024;

/// Bits of the largest RSA modulus, generated or imported: work grows with the cube, and 8192 bits take a minute to
/// generate as it is.
pub const RSA_BITS_MAX: u32 = 8192;

/// The largest RSA public exponent, 2^33 - 1: beyond it verification becomes a way to burn time.
pub const RSA_EXPONENT_MAX: u64 = (1 << 33) - 1;

/// PBKDF2's iterations times the blocks of output that they are for: about three seconds of a core. Recommendations of
/// today are 600,000 for one block.
pub const PBKDF2_WORK_MAX: u64 = 20_000_000;

/// Bytes that PBKDF2 derives at most.
pub const PBKDF2_BYTES_MAX: usize = 1 << 20;

/// Bits of the longest HMAC key that is generated: 64 KiB. A key longer than a block is hashed anyway.
pub const HMAC_BITS_MAX: u32 = 8 * 65_536;
