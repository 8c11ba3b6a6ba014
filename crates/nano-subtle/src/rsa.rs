//! RSA: signatures with both paddings, encryption with OAEP. Web Cryptography, sections 20 to 22; RFC 8017.
//!
//! Every private operation is blinded, here or (decryption) by the rsa crate, and its result checked against the public key.

use crate::algorithm::{Hash, KeyAlgorithm, RsaScheme};
use crate::digest::{digest, with_hash};
use crate::error::{Error, Result};
use crate::fast::{self, Padding};
use crate::key::{Key, KeyPair, KeyType, Material};
pub(crate) use crate::rsa_private::PrivateKey;
use crate::usage::Usages;
use crate::{limits, random};
use ::rsa::traits::PublicKeyParts;
use ::rsa::{Oaep, Pkcs1v15Sign, Pss, RsaPrivateKey, RsaPublicKey};
use crypto_bigint::{BoxedUint, Gcd, Odd};
use crypto_primes::hazmat::{SetBits, SmallFactorsSieveFactory};
use crypto_primes::{Flavor, is_prime, sieve_and_find};
use std::sync::atomic::{AtomicBool, Ordering};
use zeroize::Zeroizing;

pub(crate) struct PublicKey(pub(crate) RsaPublicKey);

pub(crate) fn public_usages(scheme: RsaScheme) -> Usages {
    match scheme {
        RsaScheme::Oaep => Usages::ENCRYPT | Usages::WRAP_KEY,
        _ => Usages::VERIFY,
    }
}

pub(crate) fn private_usages(scheme: RsaScheme) -> Usages {
    match scheme {
        RsaScheme::Oaep => Usages::DECRYPT | Usages::UNWRAP_KEY,
        _ => Usages::SIGN,
    }
}

pub(crate) fn check_usages(scheme: RsaScheme, usages: Usages, allowed: Usages, what: &str) -> Result<()> {
    if allowed.contains(usages) {
        return Ok(());
    }
    Err(Error::syntax(format!("a {what} key for {} cannot have all of these usages", scheme.name())))
}

fn algorithm(scheme: RsaScheme, hash: Hash, key: &RsaPublicKey) -> KeyAlgorithm {
    KeyAlgorithm::Rsa {
        scheme,
        modulus_length: key.n().bits_vartime(),
        public_exponent: crate::rsa_format::minimal(&key.e().to_be_bytes()).into(),
        hash,
    }
}

pub(crate) fn public_key(
    scheme: RsaScheme,
    hash: Hash,
    key: RsaPublicKey,
    extractable: bool,
    usages: Usages,
) -> Key {
    let algorithm = algorithm(scheme, hash, &key);
    let material = Material::RsaPublic(Box::new(PublicKey(key)));
    Key::new(KeyType::Public, algorithm, extractable, usages, material)
}

pub(crate) fn private_key(
    scheme: RsaScheme,
    hash: Hash,
    key: RsaPrivateKey,
    extractable: bool,
    usages: Usages,
) -> Key {
    let algorithm = algorithm(scheme, hash, key.as_public_key());
    let material = Material::RsaPrivate(Box::new(PrivateKey::new(key)));
    Key::new(KeyType::Private, algorithm, extractable, usages, material)
}

/// What is known of an exponent before any work is done: odd, from 3 to the limit.
fn exponent(bytes: &[u8]) -> Result<u64> {
    let bytes = crate::rsa_format::minimal(bytes);
    let value = bytes.iter().try_fold(0u64, |value, byte| Some(value.checked_mul(256)? + u64::from(*byte)));
    match value {
        Some(value) if value % 2 == 1 && (3..=limits::RSA_EXPONENT_MAX).contains(&value) => Ok(value),
        _ => Err(Error::operation(format!(
            "an RSA public exponent is odd, and from 3 to {}",
            limits::RSA_EXPONENT_MAX
        ))),
    }
}

/// Section 20.8.1 and its siblings. `cancelled` is looked at between candidates: then the result is an error.
pub(crate) fn generate(
    scheme: RsaScheme,
    hash: Hash,
    bits: u32,
    public_exponent: &[u8],
    extractable: bool,
    usages: Usages,
    cancelled: &AtomicBool,
) -> Result<KeyPair> {
    check_generate(scheme, bits, public_exponent, usages)?;
    let private_usages = usages.intersection(private_usages(scheme));
    let exponent = exponent(public_exponent)?;
    random::check()?;
    let key = new_key(bits, exponent, cancelled)?;
    Ok(KeyPair {
        public: public_key(
            scheme,
            hash,
            key.to_public_key(),
            true,
            usages.intersection(public_usages(scheme)),
        ),
        private: private_key(scheme, hash, key, extractable, private_usages),
    })
}

/// All that can be wrong with the parameters, in the order of the specification.
pub(crate) fn check_generate(
    scheme: RsaScheme,
    bits: u32,
    public_exponent: &[u8],
    usages: Usages,
) -> Result<()> {
    check_usages(scheme, usages, public_usages(scheme) | private_usages(scheme), "new")?;
    if !(limits::RSA_GENERATE_BITS_MIN..=limits::RSA_BITS_MAX).contains(&bits) || !bits.is_multiple_of(8) {
        return Err(Error::operation(format!(
            "RSA keys of {} to {} bits are generated, in steps of 8",
            limits::RSA_GENERATE_BITS_MIN,
            limits::RSA_BITS_MAX
        )));
    }
    exponent(public_exponent)?;
    crate::require_some(usages.intersection(private_usages(scheme)))
}

/// FIPS 186-5, appendix A.1.3: two random probable primes with their two high bits set, each of which leaves the exponent
/// invertible.
fn new_key(bits: u32, exponent: u64, cancelled: &AtomicBool) -> Result<RsaPrivateKey> {
    let e = BoxedUint::from(exponent);
    loop {
        let p = prime(bits / 2, &e, cancelled)?;
        let q = prime(bits / 2, &e, cancelled)?;
        // |p - q| is too small once in 2^100 times (FIPS 186-5: at least 2^(bits/2 - 100)).
        let (p, q) = if p > q { (p, q) } else { (q, p) };
        if p.wrapping_sub(&q).bits() + 100 <= bits / 2 {
            continue;
        }
        let key = RsaPrivateKey::from_p_q(p, q, e.clone())
            .map_err(|_| Error::operation("the RSA key could not be made"))?;
        if key.n().bits_vartime() == bits {
            return Ok(key);
        }
    }
}

fn prime(bits: u32, e: &BoxedUint, cancelled: &AtomicBool) -> Result<BoxedUint> {
    let failed = || Error::operation("no prime was found");
    let sieve = SmallFactorsSieveFactory::<BoxedUint>::new(Flavor::Any, bits, SetBits::TwoMsb)
        .map_err(|_| failed())?;
    let one = BoxedUint::one();
    let found = sieve_and_find(&mut random::rng(), sieve, |_, candidate: &BoxedUint| {
        cancelled.load(Ordering::Relaxed)
            || is_prime(Flavor::Any, candidate) && {
                let before = candidate.wrapping_sub(&one);
                bool::from(before.gcd(e).is_one())
            }
    });
    if cancelled.load(Ordering::Relaxed) {
        return Err(Error::operation("the generation of the key was cancelled"));
    }
    found.map_err(|_| failed())?.ok_or_else(failed)
}

/// Section 20.8.1's sign: RFC 8017, section 8.2.1
pub(crate) fn sign_pkcs1(key: &PrivateKey, hash: Hash, data: &[u8]) -> Result<Vec<u8>> {
    random::check()?;
    key.sign_pkcs1(hash, data)
}

/// RFC 8017, section 8.2.2
pub(crate) fn verify_pkcs1(key: &PublicKey, hash: Hash, signature: &[u8], data: &[u8]) -> bool {
    if let Some(genuine) = fast::verify_rsa(&key.0, Padding::Pkcs1, hash, signature, data) {
        return genuine;
    }
    let digest = digest(hash, data);
    with_hash!(hash, D => key.0.verify(Pkcs1v15Sign::new::<D>(), &digest, signature)).is_ok()
}

/// Whether a salt of this length fits. RFC 8017, section 9.1.1, step 3
fn salt_fits(key: &impl PublicKeyParts, hash: Hash, salt: u32) -> bool {
    let room = (key.n().bits_vartime() as usize - 1).div_ceil(8);
    room >= hash.output_bytes() + 2 + salt as usize
}

/// RFC 8017, section 8.1.1
pub(crate) fn sign_pss(key: &PrivateKey, hash: Hash, salt: u32, data: &[u8]) -> Result<Vec<u8>> {
    random::check()?;
    key.sign_pss(hash, salt as usize, data)
}

/// RFC 8017, section 8.1.2
pub(crate) fn verify_pss(key: &PublicKey, hash: Hash, salt: u32, signature: &[u8], data: &[u8]) -> bool {
    if !salt_fits(&key.0, hash, salt) {
        return false;
    }
    if salt as usize == hash.output_bytes()
        && let Some(genuine) = fast::verify_rsa(&key.0, Padding::Pss, hash, signature, data)
    {
        return genuine;
    }
    let digest = digest(hash, data);
    with_hash!(hash, D => key.0.verify(Pss::<D>::new_with_salt(salt as usize), &digest, signature)).is_ok()
}

/// RFC 8017, section 7.1.1
pub(crate) fn encrypt(key: &PublicKey, hash: Hash, label: &[u8], data: &[u8]) -> Result<Vec<u8>> {
    random::check()?;
    with_hash!(hash, D => key.0.encrypt(&mut random::rng(), Oaep::<D>::new_with_label(label), data))
        .map_err(|_| Error::operation("the data is too long for this key and hash"))
}

/// RFC 8017, section 7.1.2; all failures look the same.
pub(crate) fn decrypt(key: &PrivateKey, hash: Hash, label: &[u8], data: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
    random::check()?;
    with_hash!(hash, D => {
        key.inner().decrypt_blinded(&mut random::rng(), Oaep::<D>::new_with_label(label), data)
    })
    .map(Zeroizing::new)
    .map_err(|_| Error::opaque())
}

/// Whether a number may be a modulus: its size, and that it is odd.
pub(crate) fn check_modulus(n: &BoxedUint) -> Result<()> {
    let bits = n.bits_vartime();
    if !(limits::RSA_IMPORT_BITS_MIN..=limits::RSA_BITS_MAX).contains(&bits) {
        return Err(Error::data(format!(
            "RSA keys of {} to {} bits are imported, this one has {bits}",
            limits::RSA_IMPORT_BITS_MIN,
            limits::RSA_BITS_MAX
        )));
    }
    if Odd::new(n.clone()).is_none().into() {
        return Err(Error::data("an RSA modulus is odd"));
    }
    Ok(())
}
