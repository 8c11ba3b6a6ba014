//! AES in four modes: GCM, CBC, CTR, key wrap. Web Cryptography, sections 27 to 30.

use crate::algorithm::{AesMode, CipherParams, Format};
use crate::error::{Error, Result};
use crate::format::KeyData;
use crate::jwk::JsonWebKey;
use crate::usage::Usages;
use crate::{gcm, random, ring_backend};
use ::aes::cipher::block_padding::Pkcs7;
use ::aes::cipher::{
    BlockModeDecrypt, BlockModeEncrypt, InnerIvInit, KeyInit, StreamCipher, StreamCipherCoreWrapper,
};
use ::aes::{Aes128, Aes192, Aes256};
use aes_kw::{AesKw, InnerInit};
use ctr::{CtrCore, flavors::Ctr128BE};
use ghash::GHash;
use zeroize::{Zeroize, Zeroizing};

const BLOCK_BYTES: usize = 16;

/// A key with its round keys. Hardware instructions use them if the processor has those (found out at run
/// time).
pub(crate) struct AesKey {
    raw: Zeroizing<Vec<u8>>,
    cipher: Cipher,
    /// The hash of GCM, for a key of that mode.
    hash: Option<GHash>,
    /// The key for the lengths of GCM that ring has.
    ring: Option<ring_backend::Gcm>,
}

enum Cipher {
    Aes128(Aes128),
    Aes192(Aes192),
    Aes256(Aes256),
}

macro_rules! with_cipher {
    ($cipher:expr, $inner:ident => $body:expr) => {
        match $cipher {
            Cipher::Aes128($inner) => $body,
            Cipher::Aes192($inner) => $body,
            Cipher::Aes256($inner) => $body,
        }
    };
}

impl AesKey {
    fn new(mode: AesMode, raw: Zeroizing<Vec<u8>>) -> Result<Self> {
        let cipher = match raw.len() {
            16 => Aes128::new_from_slice(&raw).map(Cipher::Aes128),
            24 => Aes192::new_from_slice(&raw).map(Cipher::Aes192),
            32 => Aes256::new_from_slice(&raw).map(Cipher::Aes256),
            _ => return Err(Error::data("an AES key has 128, 192 or 256 bits")),
        }
        .map_err(|_| Error::data("an AES key has 128, 192 or 256 bits"))?;
        let hash = match mode {
            AesMode::Gcm => Some(with_cipher!(&cipher, cipher => gcm::hash_key(cipher))),
            _ => None,
        };
        let ring = if mode == AesMode::Gcm { ring_backend::Gcm::new(&raw) } else { None };
        Ok(Self { raw, cipher, hash, ring })
    }

    pub(crate) fn length_bits(&self) -> u16 {
        self.raw.len() as u16 * 8
    }
}

fn usages_of(mode: AesMode) -> Usages {
    match mode {
        AesMode::Kw => Usages::WRAP,
        _ => Usages::CIPHER,
    }
}

fn check_usages(mode: AesMode, usages: Usages) -> Result<()> {
    usages.require_within(usages_of(mode), "key", mode.name())
}

/// Refuses a length of a new key that AES does not have.
pub(crate) fn check_length(length_bits: u16) -> Result<()> {
    match length_bits {
        128 | 192 | 256 => Ok(()),
        _ => Err(Error::operation("an AES key has 128, 192 or 256 bits")),
    }
}

pub(crate) fn generate(mode: AesMode, length_bits: u16, usages: Usages) -> Result<Box<AesKey>> {
    check_usages(mode, usages)?;
    check_length(length_bits)?;
    Ok(Box::new(AesKey::new(mode, random::secret(usize::from(length_bits) / 8)?)?))
}

pub(crate) fn import(
    format: Format,
    data: KeyData<'_>,
    mode: AesMode,
    extractable: bool,
    usages: Usages,
) -> Result<Box<AesKey>> {
    check_usages(mode, usages)?;
    let raw = match (format, data) {
        (Format::Raw | Format::RawSecret, KeyData::Bytes(bytes)) => Zeroizing::new(bytes.to_vec()),
        (Format::Jwk, KeyData::Jwk(jwk)) => {
            let raw = jwk.octets()?;
            jwk.check_alg(jwk_alg(mode, raw.len()))?;
            jwk.check_use("enc", usages, extractable)?;
            raw
        }
        _ => return Err(Error::unsupported(format!("an AES key cannot be imported as {}", format.name()))),
    };
    Ok(Box::new(AesKey::new(mode, raw)?))
}

fn jwk_alg(mode: AesMode, bytes: usize) -> Option<String> {
    let suffix = match mode {
        AesMode::Gcm => "GCM",
        AesMode::Cbc => "CBC",
        AesMode::Ctr => "CTR",
        AesMode::Kw => "KW",
    };
    Some(format!("A{}{suffix}", bytes * 8))
}

pub(crate) fn export_jwk(aes: &AesKey, mode: AesMode) -> JsonWebKey {
    JsonWebKey::for_octets(&aes.raw, jwk_alg(mode, aes.raw.len()))
}

pub(crate) fn export_raw(aes: &AesKey) -> Vec<u8> {
    aes.raw.to_vec()
}

/// The bytes of a tag of `tagLength` bits. Section 29.4
fn tag_bytes(tag_length: Option<u8>) -> Result<usize> {
    match tag_length.unwrap_or(128) {
        bits @ (32 | 64 | 96 | 104 | 112 | 120 | 128) => Ok(usize::from(bits) / 8),
        _ => Err(Error::operation("AES-GCM has tags of 32, 64, 96, 104, 112, 120 and 128 bits")),
    }
}

pub(crate) fn encrypt(aes: &AesKey, params: &CipherParams<'_>, data: &[u8]) -> Result<Vec<u8>> {
    match *params {
        CipherParams::AesGcm { iv, additional_data, tag_length } => {
            let tag = tag_bytes(tag_length)?;
            let Some(hash) = &aes.hash else { return Err(Error::opaque()) };
            if let Some(done) =
                aes.ring.as_ref().and_then(|ring| ring.encrypt(iv, additional_data, tag, data))
            {
                return Ok(done);
            }
            with_cipher!(&aes.cipher, cipher => gcm::encrypt(cipher, hash, iv, additional_data, tag, data))
        }
        CipherParams::AesCbc { iv } => with_cipher!(&aes.cipher, cipher => {
            let mode = cbc::Encryptor::inner_iv_slice_init(cipher, iv).map_err(|_| bad_iv())?;
            Ok(mode.encrypt_padded_vec::<Pkcs7>(data))
        }),
        CipherParams::AesCtr { counter, length } => ctr(aes, counter, length, data),
        _ => Err(Error::opaque()),
    }
}

pub(crate) fn decrypt(aes: &AesKey, params: &CipherParams<'_>, data: &[u8]) -> Result<Vec<u8>> {
    match *params {
        CipherParams::AesGcm { iv, additional_data, tag_length } => {
            let tag = tag_bytes(tag_length)?;
            let Some(hash) = &aes.hash else { return Err(Error::opaque()) };
            if let Some(done) =
                aes.ring.as_ref().and_then(|ring| ring.decrypt(iv, additional_data, tag, data))
            {
                return done;
            }
            with_cipher!(&aes.cipher, cipher => gcm::decrypt(cipher, hash, iv, additional_data, tag, data))
        }
        CipherParams::AesCbc { iv } => with_cipher!(&aes.cipher, cipher => {
            let mode = cbc::Decryptor::inner_iv_slice_init(cipher, iv).map_err(|_| bad_iv())?;
            if data.is_empty() || !data.len().is_multiple_of(BLOCK_BYTES) {
                return Err(Error::operation("AES-CBC decrypts whole blocks of 16 bytes, one or more"));
            }
            mode.decrypt_padded_vec::<Pkcs7>(data).map_err(|_| Error::opaque())
        }),
        CipherParams::AesCtr { counter, length } => ctr(aes, counter, length, data),
        _ => Err(Error::opaque()),
    }
}

fn bad_iv() -> Error {
    Error::operation("AES-CBC has an iv of 16 bytes")
}

/// Counter mode whose counter is the low `length` bits of the block. Section 27.4, NIST SP 800-38A, section
/// 6.5
fn ctr(aes: &AesKey, counter: &[u8], length: u8, data: &[u8]) -> Result<Vec<u8>> {
    let Ok(counter) = <[u8; BLOCK_BYTES]>::try_from(counter) else {
        return Err(Error::operation("AES-CTR has a counter of 16 bytes"));
    };
    if length == 0 || length > 128 {
        return Err(Error::operation("AES-CTR counts with 1 to 128 bits"));
    }
    let counter = u128::from_be_bytes(counter);
    let mask = if length == 128 { u128::MAX } else { (1 << length) - 1 };
    let blocks = data.len().div_ceil(BLOCK_BYTES) as u128;
    if blocks > 0 && blocks - 1 > mask {
        return Err(Error::operation("the data has more blocks than the counter has values"));
    }
    // If the counter wraps around, a second run begins with its low bits at zero: the bits above never
    // change.
    let until_wrap = mask - (counter & mask);
    let first = if blocks > 0 && blocks - 1 > until_wrap {
        (until_wrap as usize + 1) * BLOCK_BYTES
    } else {
        data.len()
    };
    let mut output = vec![0; data.len()];
    with_cipher!(&aes.cipher, cipher => {
        let mut run = |start: u128, range: std::ops::Range<usize>| {
            let iv = start.to_be_bytes();
            let core = CtrCore::<_, Ctr128BE>::inner_iv_init(cipher, &iv.into());
            StreamCipherCoreWrapper::from_core(core).apply_keystream_b2b(&data[range.clone()], &mut output[range]);
        };
        run(counter, 0..first);
        if first < data.len() {
            run(counter & !mask, first..data.len());
        }
    });
    Ok(output)
}

/// Section 30.3.1, RFC 3394 section 2.2.1
pub(crate) fn wrap(aes: &AesKey, data: &[u8]) -> Result<Vec<u8>> {
    if data.len() < 16 || !data.len().is_multiple_of(8) {
        return Err(Error::operation("AES-KW wraps multiples of 8 bytes, from 16"));
    }
    let mut output = vec![0; data.len() + 8];
    with_cipher!(&aes.cipher, cipher => AesKw::inner_init(cipher).wrap_key(data, &mut output).map(drop))
        .map_err(|_| Error::opaque())?;
    Ok(output)
}

/// Section 30.3.2, RFC 3394 section 2.2.2
pub(crate) fn unwrap(aes: &AesKey, data: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
    if data.len() < 24 || !data.len().is_multiple_of(8) {
        return Err(Error::operation("AES-KW unwraps multiples of 8 bytes, from 24"));
    }
    let mut output = Zeroizing::new(vec![0; data.len() - 8]);
    let done = with_cipher!(&aes.cipher, cipher => {
        AesKw::inner_init(cipher).unwrap_key(data, &mut output).map(drop)
    });
    if done.is_err() {
        output.zeroize();
        return Err(Error::opaque());
    }
    Ok(output)
}
