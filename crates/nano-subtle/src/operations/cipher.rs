//! Encryption and decryption. Web Cryptography, sections 14.3.1 and 14.3.2

use crate::algorithm::{CipherParams, KeyAlgorithm};
use crate::error::Result;
use crate::key::{Key, Material};
use crate::usage::Usages;
use crate::{aes, chacha};

/// Encrypts data.
///
/// ```
/// use nano_subtle::*;
/// let usages = Usages::ENCRYPT | Usages::DECRYPT;
/// let params = ImportParams::Aes(AesMode::Gcm);
/// let key = import_key(Format::Raw, KeyData::Bytes(&[7; 16]), &params, false, usages)?;
/// let params = CipherParams::AesGcm { iv: &[1; 12], additional_data: b"", tag_length: None };
/// let ciphertext = encrypt(&params, &key, b"secret")?;
/// assert_eq!(ciphertext.len(), 6 + 16);
/// assert_eq!(decrypt(&params, &key, &ciphertext)?, b"secret");
/// # Ok::<(), nano_subtle::Error>(())
/// ```
///
/// # Errors
///
/// InvalidAccess: the key is for another algorithm or operation. Operation: a parameter or the data has a
/// length that the algorithm does not have.
pub fn encrypt(params: &CipherParams<'_>, key: &Key, data: &[u8]) -> Result<Vec<u8>> {
    key.require(params.name(), Usages::ENCRYPT)?;
    encrypt_unchecked(params, key, data)
}

/// Encrypts data with a key whose algorithm and usage were checked.
pub(super) fn encrypt_unchecked(params: &CipherParams<'_>, key: &Key, data: &[u8]) -> Result<Vec<u8>> {
    match (key.material(), params, key.algorithm()) {
        (Material::Aes(aes), ..) => aes::encrypt(aes, params, data),
        (Material::ChaCha(chacha), ..) => chacha::encrypt(chacha, params, data),
        (Material::RsaPublic(rsa), CipherParams::RsaOaep { label }, KeyAlgorithm::Rsa { hash, .. }) => {
            rsa.encrypt(*hash, label, data)
        }
        _ => Err(key.wrong_type()),
    }
}

/// Decrypts data.
///
/// # Errors
///
/// InvalidAccess: the key is for another algorithm or operation. Operation: every other failure; the error is
/// the same for every reason that lies in the data.
pub fn decrypt(params: &CipherParams<'_>, key: &Key, data: &[u8]) -> Result<Vec<u8>> {
    key.require(params.name(), Usages::DECRYPT)?;
    decrypt_unchecked(params, key, data)
}

/// Decrypts data with a key whose algorithm and usage were checked.
pub(super) fn decrypt_unchecked(params: &CipherParams<'_>, key: &Key, data: &[u8]) -> Result<Vec<u8>> {
    match (key.material(), params, key.algorithm()) {
        (Material::Aes(aes), ..) => aes::decrypt(aes, params, data),
        (Material::ChaCha(chacha), ..) => chacha::decrypt(chacha, params, data),
        (Material::RsaPrivate(rsa), CipherParams::RsaOaep { label }, KeyAlgorithm::Rsa { hash, .. }) => {
            rsa.decrypt(*hash, label, data).map(|plain| plain.to_vec())
        }
        _ => Err(key.wrong_type()),
    }
}
