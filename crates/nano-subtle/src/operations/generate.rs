//! Generating keys. Web Cryptography, section 14.3.6

use crate::algorithm::{GenerateParams, KeyAlgorithm};
use crate::error::Result;
use crate::key::{Generated, Key, KeyPair, Material};
use crate::okp::{self, Okp};
use crate::usage::Usages;
use crate::{aes, chacha, ec, hmac, ml_dsa, ml_kem, rsa};
use std::sync::atomic::AtomicBool;

/// Generates a key or a pair of keys.
///
/// ```
/// use nano_subtle::{AesMode, GenerateParams, Generated, Usages, generate_key};
/// let params = GenerateParams::Aes { mode: AesMode::Gcm, length: 256 };
/// let made = generate_key(&params, false, Usages::ENCRYPT | Usages::DECRYPT)?;
/// assert!(matches!(made, Generated::Secret(key) if !key.extractable()));
/// # Ok::<(), nano_subtle::Error>(())
/// ```
///
/// # Errors
///
/// Syntax: usages that the algorithm does not have, or none for a secret or private key. Operation: a length
/// or an exponent out of range, or no random bytes.
pub fn generate_key(params: &GenerateParams, extractable: bool, usages: Usages) -> Result<Generated> {
    generate_key_unless(params, extractable, usages, &AtomicBool::new(false))
}

/// Checks the parameters of [`generate_key`] without making a key, for a caller that makes the key on another
/// thread.
///
/// # Errors
///
/// As [`generate_key`]; only RSA is checked, since other keys are made as fast as checked.
pub fn check_generate_key(params: &GenerateParams, usages: Usages) -> Result<()> {
    match params {
        GenerateParams::Rsa { scheme, modulus_length, public_exponent, .. } => {
            rsa::check_generate(*scheme, *modulus_length, public_exponent, usages)
        }
        _ => Ok(()),
    }
}

/// Generates a key, as [`generate_key`] does, until another thread sets `cancelled`.
///
/// RSA reads it after each candidate for a prime; other algorithms do not.
///
/// # Errors
///
/// As [`generate_key`], and Operation if it was cancelled.
pub fn generate_key_unless(
    params: &GenerateParams,
    extractable: bool,
    usages: Usages,
    cancelled: &AtomicBool,
) -> Result<Generated> {
    let secret = |algorithm, material| {
        usages.require_some()?;
        Ok(Generated::Secret(Key::new(algorithm, material, extractable, usages)))
    };
    let pair = |algorithm: KeyAlgorithm, public: (Material, Usages), private: (Material, Usages)| {
        let public_usages = usages.intersection(public.1);
        let private_usages = usages.intersection(private.1);
        Ok(Generated::Pair(KeyPair {
            public: Key::new(algorithm.clone(), public.0, true, public_usages),
            private: Key::new(algorithm, private.0, extractable, private_usages),
        }))
    };
    match params {
        GenerateParams::Aes { mode, length } => {
            let key = aes::generate(*mode, *length, usages)?;
            secret(KeyAlgorithm::Aes { mode: *mode, length: *length }, Material::Aes(key))
        }
        GenerateParams::Hmac { hash, length } => {
            let key = hmac::generate(*hash, *length, usages)?;
            let algorithm = KeyAlgorithm::Hmac { hash: *hash, length: key.length_bits() };
            secret(algorithm, Material::Hmac(key))
        }
        GenerateParams::ChaCha20Poly1305 => {
            secret(KeyAlgorithm::ChaCha20Poly1305, Material::ChaCha(chacha::generate(usages)?))
        }
        GenerateParams::Rsa { scheme, modulus_length, public_exponent, hash } => {
            let key = rsa::generate(*scheme, *modulus_length, public_exponent, usages, cancelled)?;
            let public = key.public();
            let algorithm = public.algorithm(*scheme, *hash);
            pair(
                algorithm,
                (Material::RsaPublic(public), rsa::public_usages(*scheme)),
                (Material::RsaPrivate(key), rsa::private_usages(*scheme)),
            )
        }
        GenerateParams::Ec { scheme, curve } => {
            let key = ec::generate(*scheme, *curve, usages)?;
            pair(
                KeyAlgorithm::Ec { scheme: *scheme, curve: *curve },
                (Material::EcPublic(key.public()), ec::public_usages(*scheme)),
                (Material::EcPrivate(key), ec::private_usages(*scheme)),
            )
        }
        GenerateParams::Ed25519 | GenerateParams::X25519 => {
            let (okp, algorithm) = match params {
                GenerateParams::Ed25519 => (Okp::Ed25519, KeyAlgorithm::Ed25519),
                _ => (Okp::X25519, KeyAlgorithm::X25519),
            };
            let key: okp::Private = okp.generate(usages)?;
            pair(
                algorithm,
                (Material::OkpPublic(key.public()), okp.public_usages()),
                (Material::OkpPrivate(key), okp.private_usages()),
            )
        }
        GenerateParams::MlKem(set) => {
            let akp = ml_kem::akp(*set);
            let (public, private) = akp.generate(usages)?;
            pair(
                KeyAlgorithm::MlKem(*set),
                (Material::MlKemPublic(public), akp.public_usages),
                (Material::MlKemPrivate(private), akp.private_usages),
            )
        }
        GenerateParams::MlDsa(set) => {
            let akp = ml_dsa::akp(*set);
            let (public, private) = akp.generate(usages)?;
            pair(
                KeyAlgorithm::MlDsa(*set),
                (Material::MlDsaPublic(public), akp.public_usages),
                (Material::MlDsaPrivate(private), akp.private_usages),
            )
        }
    }
}
