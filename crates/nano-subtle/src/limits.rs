//! The limits of one operation, each with its reason.

/// Smallest RSA modulus that is generated.
///
/// Limit (bits): less is no longer safe.
pub const RSA_GENERATE_BITS_MIN: u32 = 2048;

/// Smallest RSA modulus that is imported.
///
/// Limit (bits): old keys still have to verify and decrypt.
pub const RSA_IMPORT_BITS_MIN: u32 = 1024;

/// Largest RSA modulus, generated or imported.
///
/// Limit (bits): work grows with the cube, and 8192 bits take a minute to generate.
pub const RSA_BITS_MAX: u32 = 8192;

/// Largest RSA public exponent, 2^33 - 1.
///
/// Limit (as a number): beyond it, verification becomes a way to burn time.
pub const RSA_EXPONENT_MAX: u64 = (1 << 33) - 1;

/// Iterations of PBKDF2 times the blocks of output that they are for.
///
/// Limit (rounds): about three seconds of a core; recommendations of today are 600,000 for one block.
pub const PBKDF2_WORK_MAX: u64 = 20_000_000;

/// Output of PBKDF2.
///
/// Limit (bytes): keys are far shorter.
pub const PBKDF2_BYTES_MAX: usize = 1 << 20;

/// Longest HMAC key that is generated.
///
/// Limit (bits): 64 KiB; a key longer than a block is hashed anyway.
pub const HMAC_BITS_MAX: u32 = 8 * 65_536;
