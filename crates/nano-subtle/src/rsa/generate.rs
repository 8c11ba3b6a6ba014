//! Generating RSA keys: FIPS 186-5, appendix A.1.3.

use super::private::PrivateKey;
use super::usages::{private_usages, public_usages};
use crate::algorithm::RsaScheme;
use crate::error::{Error, Result};
use crate::integer::without_leading_zeros;
use crate::usage::Usages;
use crate::{limits, random};
use ::rsa::RsaPrivateKey;
use ::rsa::traits::PublicKeyParts;
use crypto_bigint::{BoxedUint, Gcd};
use crypto_primes::hazmat::{SetBits, SmallFactorsSieveFactory};
use crypto_primes::{Flavor, is_prime, sieve_and_find};
use std::sync::atomic::{AtomicBool, Ordering};

/// Generates a private key. `cancelled` is read between candidates for a prime; if it is set, the result is
/// an error. Section 20.8.1 and the same sections of the other schemes
pub(crate) fn generate(
    scheme: RsaScheme,
    bits: u32,
    public_exponent: &[u8],
    usages: Usages,
    cancelled: &AtomicBool,
) -> Result<Box<PrivateKey>> {
    check_generate(scheme, bits, public_exponent, usages)?;
    let exponent = exponent(public_exponent)?;
    random::check()?;
    Ok(Box::new(PrivateKey::new(new_key(bits, exponent, cancelled)?)))
}

/// Checks the parameters of a generation, in the order of the specification.
pub(crate) fn check_generate(
    scheme: RsaScheme,
    bits: u32,
    public_exponent: &[u8],
    usages: Usages,
) -> Result<()> {
    usages.require_within(public_usages(scheme) | private_usages(scheme), "new key", scheme.name())?;
    if !(limits::RSA_GENERATE_BITS_MIN..=limits::RSA_BITS_MAX).contains(&bits) || !bits.is_multiple_of(8) {
        return Err(Error::operation(format!(
            "RSA keys of {} to {} bits are generated, in steps of 8",
            limits::RSA_GENERATE_BITS_MIN,
            limits::RSA_BITS_MAX
        )));
    }
    exponent(public_exponent)?;
    usages.intersection(private_usages(scheme)).require_some()
}

/// FIPS 186-5, appendix A.1.3: two random probable primes with their two high bits set, each of which leaves
/// the exponent invertible.
fn new_key(bits: u32, exponent: u64, cancelled: &AtomicBool) -> Result<RsaPrivateKey> {
    let e = BoxedUint::from(exponent);
    loop {
        let p = prime(bits / 2, &e, cancelled)?;
        let q = prime(bits / 2, &e, cancelled)?;
        // FIPS 186-5 wants |p - q| of at least 2^(bits/2 - 100); once in 2^100 times it is smaller.
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

/// Reads a public exponent, which must be odd and from 3 to [`limits::RSA_EXPONENT_MAX`].
fn exponent(bytes: &[u8]) -> Result<u64> {
    let bytes = without_leading_zeros(bytes);
    let value = bytes.iter().try_fold(0u64, |value, byte| Some(value.checked_mul(256)? + u64::from(*byte)));
    match value {
        Some(value) if value % 2 == 1 && (3..=limits::RSA_EXPONENT_MAX).contains(&value) => Ok(value),
        _ => Err(Error::operation(format!(
            "an RSA public exponent is odd, and from 3 to {}",
            limits::RSA_EXPONENT_MAX
        ))),
    }
}
