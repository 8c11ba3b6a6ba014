//! HMAC. Web Cryptography, section 31; RFC 2104.

use crate::algorithm::{Format, Hash};
use crate::digest::{Output, with_hash};
use crate::error::{Error, Result};
use crate::format::KeyData;
use crate::jwk::JsonWebKey;
use crate::usage::Usages;
use crate::{limits, random};
use ::hmac::{Hmac, KeyInit, Mac, SimpleHmac};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// A key, with the states of the two hashes after its padded blocks, from which every signature starts.
pub(crate) struct HmacKey {
    raw: Zeroizing<Vec<u8>>,
    length_bits: u32,
    state: State,
}

enum State {
    Sha1(Hmac<sha1::Sha1>),
    Sha256(Hmac<sha2::Sha256>),
    Sha384(Hmac<sha2::Sha384>),
    Sha512(Hmac<sha2::Sha512>),
    Sha3_256(SimpleHmac<sha3::Sha3_256>),
    Sha3_384(SimpleHmac<sha3::Sha3_384>),
    Sha3_512(SimpleHmac<sha3::Sha3_512>),
}

macro_rules! each {
    ($state:expr, $inner:ident => $body:expr) => {
        match $state {
            State::Sha1($inner) => $body,
            State::Sha256($inner) => $body,
            State::Sha384($inner) => $body,
            State::Sha512($inner) => $body,
            State::Sha3_256($inner) => $body,
            State::Sha3_384($inner) => $body,
            State::Sha3_512($inner) => $body,
        }
    };
}

impl HmacKey {
    fn new(hash: Hash, raw: Zeroizing<Vec<u8>>, length_bits: u32) -> Result<Self> {
        let state = match hash {
            Hash::Sha1 => Hmac::new_from_slice(&raw).map(State::Sha1),
            Hash::Sha256 => Hmac::new_from_slice(&raw).map(State::Sha256),
            Hash::Sha384 => Hmac::new_from_slice(&raw).map(State::Sha384),
            Hash::Sha512 => Hmac::new_from_slice(&raw).map(State::Sha512),
            Hash::Sha3_256 => SimpleHmac::new_from_slice(&raw).map(State::Sha3_256),
            Hash::Sha3_384 => SimpleHmac::new_from_slice(&raw).map(State::Sha3_384),
            Hash::Sha3_512 => SimpleHmac::new_from_slice(&raw).map(State::Sha3_512),
        };
        // HMAC takes keys of every length.
        let state = state.map_err(|_| Error::opaque())?;
        Ok(Self { raw, length_bits, state })
    }

    pub(crate) fn length_bits(&self) -> u32 {
        self.length_bits
    }
}

fn check_usages(usages: Usages) -> Result<()> {
    usages.require_within(Usages::SIGNATURE, "key", "HMAC")
}

/// The bits of a key if the parameters give no length. Section 31.6.6
pub(crate) fn default_length(hash: Hash) -> u32 {
    hash.block_bytes() as u32 * 8
}

/// Section 31.6.3
pub(crate) fn generate(hash: Hash, length: Option<u32>, usages: Usages) -> Result<Box<HmacKey>> {
    check_usages(usages)?;
    let length = length.unwrap_or_else(|| default_length(hash));
    if length == 0 || length > limits::HMAC_BITS_MAX {
        return Err(Error::operation(format!("an HMAC key has 1 to {} bits", limits::HMAC_BITS_MAX)));
    }
    let mut raw = random::secret(length.div_ceil(8) as usize)?;
    mask_tail(&mut raw, length);
    Ok(Box::new(HmacKey::new(hash, raw, length)?))
}

/// Clears the bits of the last byte beyond `length_bits`.
fn mask_tail(raw: &mut [u8], length_bits: u32) {
    if !length_bits.is_multiple_of(8)
        && let Some(last) = raw.last_mut()
    {
        *last &= 0xff << (8 - length_bits % 8);
    }
}

/// Section 31.6.4
pub(crate) fn import(
    format: Format,
    data: KeyData<'_>,
    hash: Hash,
    length: Option<u32>,
    extractable: bool,
    usages: Usages,
) -> Result<Box<HmacKey>> {
    check_usages(usages)?;
    let mut raw = match (format, data) {
        (Format::Raw | Format::RawSecret, KeyData::Bytes(bytes)) => Zeroizing::new(bytes.to_vec()),
        (Format::Jwk, KeyData::Jwk(jwk)) => {
            let raw = jwk.octets()?;
            jwk.check_alg(jwk_alg(hash))?;
            jwk.check_use("sig", usages, extractable)?;
            raw
        }
        _ => return Err(Error::unsupported(format!("an HMAC key cannot be imported as {}", format.name()))),
    };
    let Some(bits) = u32::try_from(raw.len()).ok().and_then(|bytes| bytes.checked_mul(8)) else {
        return Err(Error::data("the HMAC key is too long"));
    };
    if bits == 0 {
        return Err(Error::data("an HMAC key has at least one bit"));
    }
    let length = length.unwrap_or(bits);
    if length > bits || length <= bits - 8 {
        return Err(Error::data(format!("the data has {bits} bits, the length says {length}")));
    }
    mask_tail(&mut raw, length);
    Ok(Box::new(HmacKey::new(hash, raw, length)?))
}

fn jwk_alg(hash: Hash) -> Option<String> {
    hash.jwa_suffix().map(|suffix| format!("HS{suffix}"))
}

pub(crate) fn export_raw(key: &HmacKey) -> Vec<u8> {
    key.raw.to_vec()
}

pub(crate) fn export_jwk(key: &HmacKey, hash: Hash) -> JsonWebKey {
    JsonWebKey::for_octets(&key.raw, jwk_alg(hash))
}

/// Section 31.6.1
pub(crate) fn sign(key: &HmacKey, data: &[u8]) -> Output {
    each!(&key.state, state => {
        let mut mac = state.clone();
        mac.update(data);
        Output::of(&mac.finalize().into_bytes())
    })
}

/// Section 31.6.2. The time that it takes does not depend on where the signatures differ.
pub(crate) fn verify(key: &HmacKey, signature: &[u8], data: &[u8]) -> bool {
    sign(key, data).ct_eq(signature).into()
}

/// HKDF with this hash. RFC 5869
pub(crate) fn hkdf(hash: Hash, secret: &[u8], salt: &[u8], info: &[u8], output: &mut [u8]) -> Result<()> {
    with_hash!(hash, D => hkdf::SimpleHkdf::<D>::new(Some(salt), secret).expand(info, output))
        .map_err(|_| Error::operation("HKDF derives at most 255 digests"))
}

/// PBKDF2 with HMAC and this hash. RFC 8018, section 5.2
pub(crate) fn pbkdf2(
    hash: Hash,
    password: &[u8],
    salt: &[u8],
    iterations: u32,
    output: &mut [u8],
) -> Result<()> {
    match hash {
        Hash::Sha1 => ::pbkdf2::pbkdf2::<Hmac<sha1::Sha1>>(password, salt, iterations, output),
        Hash::Sha256 => ::pbkdf2::pbkdf2::<Hmac<sha2::Sha256>>(password, salt, iterations, output),
        Hash::Sha384 => ::pbkdf2::pbkdf2::<Hmac<sha2::Sha384>>(password, salt, iterations, output),
        Hash::Sha512 => ::pbkdf2::pbkdf2::<Hmac<sha2::Sha512>>(password, salt, iterations, output),
        Hash::Sha3_256 => ::pbkdf2::pbkdf2::<SimpleHmac<sha3::Sha3_256>>(password, salt, iterations, output),
        Hash::Sha3_384 => ::pbkdf2::pbkdf2::<SimpleHmac<sha3::Sha3_384>>(password, salt, iterations, output),
        Hash::Sha3_512 => ::pbkdf2::pbkdf2::<SimpleHmac<sha3::Sha3_512>>(password, salt, iterations, output),
    }
    .map_err(|_| Error::opaque())
}
