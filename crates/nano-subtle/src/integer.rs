//! Unsigned integers as formats of keys have them: bytes, big endian.

/// The bytes from the first one that is not zero.
pub(crate) fn without_leading_zeros(bytes: &[u8]) -> &[u8] {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    &bytes[zeros..]
}
