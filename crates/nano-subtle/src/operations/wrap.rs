//! Encryption and decryption of keys. Web Cryptography, sections 14.3.11 and 14.3.12
//!
//! The caller exports and imports the key that is wrapped, since a JWK is wrapped as JSON text.

use super::cipher::{decrypt_unchecked, encrypt_unchecked};
use crate::aes;
use crate::algorithm::{AesMode, CipherParams};
use crate::error::Result;
use crate::key::{Key, Material};
use crate::usage::Usages;
use zeroize::Zeroizing;

/// The parameters of wrapping a key: AES-KW, or a cipher.
#[derive(Clone, Copy, Debug)]
pub enum WrapParams<'a> {
    /// AES-KW, the cipher that is only for keys.
    AesKw,
    /// Another cipher with its parameters.
    Cipher(CipherParams<'a>),
}

impl WrapParams<'_> {
    fn check(&self, key: &Key, usage: Usages) -> Result<()> {
        match self {
            Self::AesKw => key.require(AesMode::Kw.name(), usage),
            Self::Cipher(params) => key.require(params.name(), usage),
        }
    }
}

/// Encrypts the bytes of a key with the usage `wrapKey`. Section 14.3.11, steps 7, 8 and 14
///
/// # Errors
///
/// As [`encrypt`](crate::encrypt).
pub fn wrap_bytes(params: &WrapParams<'_>, key: &Key, data: &[u8]) -> Result<Vec<u8>> {
    params.check(key, Usages::WRAP_KEY)?;
    match (params, key.material()) {
        (WrapParams::AesKw, Material::Aes(aes)) => aes::wrap(aes, data),
        (WrapParams::Cipher(params), _) => encrypt_unchecked(params, key, data),
        _ => Err(key.wrong_type()),
    }
}

/// Decrypts the bytes of a key with the usage `unwrapKey`. Section 14.3.12, steps 10 to 12
///
/// # Errors
///
/// As [`decrypt`](crate::decrypt).
pub fn unwrap_bytes(params: &WrapParams<'_>, key: &Key, data: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
    params.check(key, Usages::UNWRAP_KEY)?;
    match (params, key.material()) {
        (WrapParams::AesKw, Material::Aes(aes)) => aes::unwrap(aes, data),
        (WrapParams::Cipher(params), _) => decrypt_unchecked(params, key, data).map(Zeroizing::new),
        _ => Err(key.wrong_type()),
    }
}

/// Checks the wrapping key, which `wrapKey` does before it checks the key that is wrapped.
///
/// # Errors
///
/// InvalidAccess: the key is for another algorithm or operation.
pub fn check_wrap(params: &WrapParams<'_>, key: &Key) -> Result<()> {
    params.check(key, Usages::WRAP_KEY)
}

/// Checks the unwrapping key, which `unwrapKey` does before it decrypts.
///
/// # Errors
///
/// InvalidAccess: the key is for another algorithm or operation.
pub fn check_unwrap(params: &WrapParams<'_>, key: &Key) -> Result<()> {
    params.check(key, Usages::UNWRAP_KEY)
}
