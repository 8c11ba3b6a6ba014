//! ChaCha20-Poly1305, RFC 8439, as "Modern Algorithms in the Web Cryptography API" has it.

use crate::algorithm::{CipherParams, Format, KeyAlgorithm};
use crate::error::{Error, Result};
use crate::format::{KeyData, cannot_import};
use crate::jwk::JsonWebKey;
use crate::random;
use crate::usage::Usages;
use chacha20poly1305::ChaCha20Poly1305;
use chacha20poly1305::aead::{AeadInOut, KeyInit, inout::InOutBuf};
use zeroize::Zeroizing;

const KEY_BYTES: usize = 32;
const TAG_BYTES: usize = 16;

pub(crate) struct ChaChaKey {
    raw: Zeroizing<Vec<u8>>,
    cipher: ChaCha20Poly1305,
}

fn check_usages(usages: Usages) -> Result<()> {
    usages.require_within(Usages::CIPHER, "key", KeyAlgorithm::ChaCha20Poly1305.name())
}

impl ChaChaKey {
    fn new(raw: Zeroizing<Vec<u8>>) -> Result<Self> {
        let cipher = ChaCha20Poly1305::new_from_slice(&raw)
            .map_err(|_| Error::data("a key for ChaCha20-Poly1305 has 256 bits"))?;
        Ok(Self { raw, cipher })
    }
}

pub(crate) fn generate(usages: Usages) -> Result<Box<ChaChaKey>> {
    check_usages(usages)?;
    Ok(Box::new(ChaChaKey::new(random::secret(KEY_BYTES)?)?))
}

pub(crate) fn import(
    format: Format,
    data: KeyData<'_>,
    extractable: bool,
    usages: Usages,
) -> Result<Box<ChaChaKey>> {
    check_usages(usages)?;
    let raw = match (format, data) {
        (Format::RawSecret, KeyData::Bytes(bytes)) => Zeroizing::new(bytes.to_vec()),
        (Format::Jwk, KeyData::Jwk(jwk)) => {
            let raw = jwk.octets()?;
            jwk.check_alg(Some("C20P".into()))?;
            jwk.check_use("enc", usages, extractable)?;
            raw
        }
        _ => return Err(cannot_import(KeyAlgorithm::ChaCha20Poly1305.name(), format)),
    };
    Ok(Box::new(ChaChaKey::new(raw)?))
}

pub(crate) fn export_raw(key: &ChaChaKey) -> Vec<u8> {
    key.raw.to_vec()
}

pub(crate) fn export_jwk(key: &ChaChaKey) -> JsonWebKey {
    JsonWebKey::for_octets(&key.raw, Some("C20P".into()))
}

fn nonce<'a>(params: &CipherParams<'a>) -> Result<(&'a [u8; 12], &'a [u8])> {
    let CipherParams::ChaCha20Poly1305 { iv, additional_data, tag_length } = *params else {
        return Err(Error::opaque());
    };
    let Ok(iv) = <&[u8; 12]>::try_from(iv) else {
        return Err(Error::operation("ChaCha20-Poly1305 has an iv of 12 bytes"));
    };
    if tag_length.is_some_and(|bits| bits != 128) {
        return Err(Error::operation("ChaCha20-Poly1305 has tags of 128 bits"));
    }
    Ok((iv, additional_data))
}

pub(crate) fn encrypt(key: &ChaChaKey, params: &CipherParams<'_>, data: &[u8]) -> Result<Vec<u8>> {
    let (iv, additional_data) = nonce(params)?;
    let mut output = vec![0; data.len() + TAG_BYTES];
    let (text, place) = output.split_at_mut(data.len());
    let buffer = InOutBuf::new(data, text).map_err(|_| Error::opaque())?;
    let tag = key
        .cipher
        .encrypt_inout_detached(iv.into(), additional_data, buffer)
        .map_err(|_| Error::operation("ChaCha20-Poly1305 takes less than 256 GiB at once"))?;
    place.copy_from_slice(&tag);
    Ok(output)
}

pub(crate) fn decrypt(key: &ChaChaKey, params: &CipherParams<'_>, data: &[u8]) -> Result<Vec<u8>> {
    let (iv, additional_data) = nonce(params)?;
    let Some(length) = data.len().checked_sub(TAG_BYTES) else {
        return Err(Error::operation("the data is shorter than its tag"));
    };
    let (data, tag) = data.split_at(length);
    let Ok(tag) = <&[u8; TAG_BYTES]>::try_from(tag) else { return Err(Error::opaque()) };
    let mut output = vec![0; length];
    let buffer = InOutBuf::new(data, &mut output).map_err(|_| Error::opaque())?;
    key.cipher
        .decrypt_inout_detached(iv.into(), additional_data, buffer, tag.into())
        .map_err(|_| Error::opaque())?;
    Ok(output)
}
