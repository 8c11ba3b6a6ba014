//! Deriving bits and keys. Web Cryptography, sections 14.3.7 and 14.3.8

use super::import::import_key;
use crate::algorithm::{EcScheme, Format, Hash, ImportParams, KeyAlgorithm};
use crate::error::{Error, ErrorKind, Result};
use crate::format::KeyData;
use crate::key::{Key, KeyType, Material};
use crate::usage::Usages;
use crate::{aes, hmac, limits, okp};
use zeroize::Zeroizing;

/// The parameters of [`derive_bits`].
#[derive(Clone, Copy, Debug)]
pub enum DeriveParams<'a> {
    /// `EcdhKeyDeriveParams`
    Ecdh {
        /// The public key of the other side.
        public: &'a Key,
    },
    /// `EcdhKeyDeriveParams` for X25519
    X25519 {
        /// The public key of the other side.
        public: &'a Key,
    },
    /// `HkdfParams`
    Hkdf {
        /// The hash of the HMAC inside.
        hash: Hash,
        /// The salt, of any length.
        salt: &'a [u8],
        /// The context, of any length.
        info: &'a [u8],
    },
    /// `Pbkdf2Params`
    Pbkdf2 {
        /// The hash of the HMAC inside.
        hash: Hash,
        /// The salt, of any length.
        salt: &'a [u8],
        /// At least one; [`PBKDF2_WORK_MAX`](limits::PBKDF2_WORK_MAX) bounds the iterations over all blocks.
        iterations: u32,
    },
}

impl DeriveParams<'_> {
    fn name(&self) -> &'static str {
        match self {
            Self::Ecdh { .. } => EcScheme::Ecdh.name(),
            Self::X25519 { .. } => KeyAlgorithm::X25519.name(),
            Self::Hkdf { .. } => KeyAlgorithm::Hkdf.name(),
            Self::Pbkdf2 { .. } => KeyAlgorithm::Pbkdf2.name(),
        }
    }
}

/// Derives `length` bits, or all bits of the shared secret without a length.
///
/// If the bits do not fill the last byte, they are its high bits and the others are zero.
///
/// # Errors
///
/// InvalidAccess: one of the keys is for another algorithm or operation. Operation: a length that the
/// algorithm does not have, no iterations or too many, or a public key of small order.
pub fn derive_bits(params: &DeriveParams<'_>, key: &Key, length: Option<u32>) -> Result<Zeroizing<Vec<u8>>> {
    key.require(params.name(), Usages::DERIVE_BITS)?;
    derive(params, key, length)
}

/// Derives bits with the usage `deriveKey`, and imports them as a key. Section 14.3.7
///
/// `aes_length` is the length of an AES key in bits; for other keys `derived` gives the length, or there is
/// only one.
///
/// # Errors
///
/// As [`derive_bits`] and [`import_key`].
pub fn derive_key(
    params: &DeriveParams<'_>,
    key: &Key,
    derived: &ImportParams,
    aes_length: Option<u16>,
    extractable: bool,
    usages: Usages,
) -> Result<Key> {
    key.require(params.name(), Usages::DERIVE_KEY)?;
    let length = derived_length(derived, aes_length)?;
    let bits = derive(params, key, length)?;
    import_key(Format::RawSecret, KeyData::Bytes(&bits), derived, extractable, usages)
}

/// The number of bits of a derived key ("get key length"); `None` for all bits of the shared secret.
///
/// # Errors
///
/// Operation: a length that such keys do not have. NotSupported: such keys cannot be derived.
pub fn derived_length(derived: &ImportParams, aes_length: Option<u16>) -> Result<Option<u32>> {
    match derived {
        ImportParams::Aes(_) => {
            let length = aes_length.unwrap_or(0);
            aes::check_length(length)?;
            Ok(Some(u32::from(length)))
        }
        ImportParams::Hmac { length: Some(0), .. } => {
            Err(Error::new(ErrorKind::Type, "an HMAC key has at least one bit"))
        }
        ImportParams::Hmac { hash, length } => {
            Ok(Some(length.unwrap_or_else(|| hmac::default_length(*hash))))
        }
        ImportParams::ChaCha20Poly1305 => Ok(Some(256)),
        ImportParams::Hkdf | ImportParams::Pbkdf2 => Ok(None),
        _ => Err(Error::unsupported("such a key cannot be derived")),
    }
}

fn derive(params: &DeriveParams<'_>, key: &Key, length: Option<u32>) -> Result<Zeroizing<Vec<u8>>> {
    match (key.material(), params) {
        (Material::EcPrivate(private), DeriveParams::Ecdh { public }) => {
            let point = match public.material() {
                _ if public.kind() != KeyType::Public => return Err(public.wrong_type()),
                Material::EcPublic(point) if public.algorithm() == key.algorithm() => point,
                _ => return Err(Error::access("the two keys are not for ECDH on the same curve")),
            };
            let secret = private.derive(point);
            truncate(secret.ok_or_else(|| Error::access("the two keys are on different curves"))?, length)
        }
        (Material::OkpPrivate(okp::Private::X25519(private)), DeriveParams::X25519 { public }) => {
            match public.material() {
                _ if public.kind() != KeyType::Public => Err(public.wrong_type()),
                Material::OkpPublic(okp::Public::X25519(point)) => truncate(private.derive(point)?, length),
                _ => Err(Error::access("the two keys are not both for X25519")),
            }
        }
        (Material::Input(secret), DeriveParams::Hkdf { hash, salt, info }) => {
            let mut output = Zeroizing::new(vec![0; whole_bytes(length)?]);
            if output.len() > 255 * hash.output_bytes() {
                return Err(Error::operation("HKDF derives at most 255 digests"));
            }
            hmac::hkdf(*hash, secret, salt, info, &mut output)?;
            Ok(output)
        }
        (Material::Input(secret), DeriveParams::Pbkdf2 { hash, salt, iterations }) => {
            let bytes = whole_bytes(length)?;
            if *iterations == 0 {
                return Err(Error::operation("PBKDF2 needs at least one iteration"));
            }
            if bytes > limits::PBKDF2_BYTES_MAX || pbkdf2_work(params, length) > limits::PBKDF2_WORK_MAX {
                return Err(Error::operation(format!(
                    "PBKDF2 derives {} bytes at most, and iterates at most {} times over all blocks",
                    limits::PBKDF2_BYTES_MAX,
                    limits::PBKDF2_WORK_MAX
                )));
            }
            let mut output = Zeroizing::new(vec![0; bytes]);
            hmac::pbkdf2(*hash, secret, salt, *iterations, &mut output)?;
            Ok(output)
        }
        _ => Err(key.wrong_type()),
    }
}

/// The cost of a derivation in iterations of HMAC; zero for every algorithm but PBKDF2.
pub fn pbkdf2_work(params: &DeriveParams<'_>, length: Option<u32>) -> u64 {
    match params {
        DeriveParams::Pbkdf2 { hash, iterations, .. } => {
            let blocks = (length.unwrap_or(0) as usize).div_ceil(8 * hash.output_bytes()) as u64;
            u64::from(*iterations) * blocks
        }
        _ => 0,
    }
}

/// The bytes of a length for HKDF and PBKDF2, which derive only whole bytes. Sections 32.4.1, 33.4.1
fn whole_bytes(length: Option<u32>) -> Result<usize> {
    match length {
        Some(bits) if bits % 8 == 0 => Ok(bits as usize / 8),
        Some(_) => Err(Error::operation("the length is not a multiple of 8 bits")),
        None => Err(Error::operation("the length is missing")),
    }
}

/// The first bits of a shared secret. Sections 24.4.2, 26.3.1
fn truncate(mut secret: Zeroizing<Vec<u8>>, length: Option<u32>) -> Result<Zeroizing<Vec<u8>>> {
    let Some(bits) = length else { return Ok(secret) };
    let bytes = bits.div_ceil(8) as usize;
    if bytes > secret.len() {
        return Err(Error::operation("the shared secret has fewer bits than that"));
    }
    secret[bytes..].fill(0);
    secret.truncate(bytes);
    if bits % 8 != 0
        && let Some(last) = secret.last_mut()
    {
        *last &= 0xff << (8 - bits % 8);
    }
    Ok(secret)
}
