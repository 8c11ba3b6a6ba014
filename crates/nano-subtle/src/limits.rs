//! The limits of one operation, each with its reason.

/// Bits of the smallest RSA modulus that is generated: smaller ones are no longer safe.
pub const RSA_GENERATE_BITS_MIN: u32 = 2048;

/// Bits of the smallest RSA modulus that is imported: old keys must still verify and decrypt.
pub const RSA_IMPORT_BITS_MIN: u32 = 1024;

/// Bits of the largest RSA modulus, generated or imported: work grows with the cube of the length, and
/// generating a key of 8192 bits takes a minute.
pub const RSA_BITS_MAX: u32 = 8192;

/// The largest RSA public exponent, 2^33 - 1: with a larger one, verification would take too long.
pub const RSA_EXPONENT_MAX: u64 = (1 << 33) - 1;

/// The most iterations of PBKDF2 times blocks of output: about three seconds of one core. Today's
/// recommendations are 600,000 iterations for one block.
pub const PBKDF2_WORK_MAX: u64 = 20_000_000;

/// The most bytes that PBKDF2 derives.
pub const PBKDF2_BYTES_MAX: usize = 1 << 20;

/// Bits of the longest HMAC key that is generated: 64 KiB. HMAC hashes a key that is longer than a block.
pub const HMAC_BITS_MAX: u32 = 8 * 65_536;
