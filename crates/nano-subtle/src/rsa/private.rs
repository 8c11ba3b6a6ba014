//! RSA private keys: decryption with OAEP, and signatures, which blind the rsa crate's RSASP1 (RFC 8017,
//! section 5.2.1).
//!
//! The rsa crate makes a new blinding factor for each operation, whose inverse takes a fifth of the time.
//! Here a factor is squared together with its inverse for the next signature, and replaced after
//! [`FACTOR_USES`].

use super::public::{self, PublicKey};
use crate::algorithm::{Hash, KeyAlgorithm, RsaScheme};
use crate::digest::{digest, with_hash};
use crate::error::{Error, Result};
use crate::random;
use crate::wiping::wiping;
use ::rsa::hazmat::rsa_decrypt_and_check;
use ::rsa::traits::PublicKeyParts;
use ::rsa::{Oaep, Pkcs1v15Sign, RsaPrivateKey};
use crypto_bigint::modular::BoxedMontyForm;
use crypto_bigint::{BoxedUint, RandomMod};
use std::sync::{Mutex, PoisonError};
use zeroize::{Zeroize, Zeroizing};

/// How often a factor is used, each time as the square of the last. Other libraries do the same, so that a
/// guess about a factor is soon useless.
const FACTOR_USES: u32 = 32;

/// A random r modulo n in two forms: r^e, by which the input of an operation is multiplied, and r^-1, by
/// which its result is.
struct Factor {
    blinding: BoxedMontyForm,
    unblinding: BoxedMontyForm,
    uses: u32,
}

impl Factor {
    fn new(key: &RsaPrivateKey) -> Result<Self> {
        let params = key.n_params();
        loop {
            let r = BoxedUint::try_random_mod_vartime(&mut random::rng(), key.n())
                .map_err(|_| Error::random())?;
            let r = BoxedMontyForm::new(r, params);
            // Only a multiple of a prime factor has no inverse, which in practice never occurs.
            let Some(unblinding) = r.invert().into_option() else { continue };
            let blinding = r.pow_bounded_exp(key.e(), key.e().bits_vartime());
            return Ok(Self { blinding, unblinding, uses: 0 });
        }
    }

    fn next(&mut self) {
        self.blinding = self.blinding.square();
        self.unblinding = self.unblinding.square();
        self.uses += 1;
    }
}

impl Drop for Factor {
    fn drop(&mut self) {
        self.blinding.zeroize();
        self.unblinding.zeroize();
    }
}

pub(crate) struct PrivateKey {
    key: RsaPrivateKey,
    factor: Mutex<Option<Factor>>,
}

impl PrivateKey {
    pub(super) fn new(key: RsaPrivateKey) -> Self {
        Self { key, factor: Mutex::new(None) }
    }

    /// The key in the form of the rsa crate.
    pub(super) fn inner(&self) -> &RsaPrivateKey {
        &self.key
    }

    pub(crate) fn public(&self) -> Box<PublicKey> {
        Box::new(PublicKey::new(self.key.to_public_key()))
    }

    /// The description of the pair to which this key belongs.
    pub(crate) fn algorithm(&self, scheme: RsaScheme, hash: Hash) -> KeyAlgorithm {
        public::algorithm(self.key.as_public_key(), scheme, hash)
    }

    /// RSAES-OAEP: RFC 8017, section 7.1.2. The error is the same for every reason.
    pub(crate) fn decrypt(&self, hash: Hash, label: &[u8], data: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
        random::check()?;
        with_hash!(hash, D => {
            self.key.decrypt_blinded(&mut random::rng(), Oaep::<D>::new_with_label(label), data)
        })
        .map(Zeroizing::new)
        .map_err(|_| Error::opaque())
    }

    /// The two forms of a factor for one operation.
    fn factor(&self) -> Result<(BoxedMontyForm, BoxedMontyForm)> {
        let mut kept = self.factor.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *kept {
            Some(factor) if factor.uses < FACTOR_USES => factor.next(),
            other => *other = Some(Factor::new(&self.key)?),
        }
        let Some(factor) = &*kept else { return Err(Error::opaque()) };
        Ok((factor.blinding.clone(), factor.unblinding.clone()))
    }

    /// RSASP1, blinded; the result is checked with the public key. `encoded` is a number below the modulus.
    fn sign_encoded(&self, encoded: &[u8]) -> Result<Vec<u8>> {
        wiping(|| {
            let params = self.key.n_params();
            let message =
                BoxedUint::from_be_slice(encoded, params.bits_precision()).map_err(|_| Error::opaque())?;
            let (blinding, unblinding) = self.factor()?;
            let blinded = (BoxedMontyForm::new(message, params) * &blinding).retrieve();
            let signed = rsa_decrypt_and_check::<random::System>(&self.key, None, &blinded)
                .map_err(|_| Error::opaque())?;
            let signature = (BoxedMontyForm::new(signed, params) * &unblinding).retrieve();
            let bytes = signature.to_be_bytes();
            // I2OSP: the signature is as long as the modulus, while the number may have more limbs.
            let length = self.key.size();
            Ok(bytes[bytes.len() - length..].to_vec())
        })
    }

    /// RSASSA-PKCS1-v1_5: RFC 8017, section 8.2.1
    pub(crate) fn sign_pkcs1(&self, hash: Hash, data: &[u8]) -> Result<Vec<u8>> {
        random::check()?;
        let encoded = emsa_pkcs1(hash, data, self.key.size())
            .ok_or_else(|| Error::operation("the key is too short for this hash"))?;
        self.sign_encoded(&encoded)
    }

    /// RSASSA-PSS: RFC 8017, section 8.1.1
    pub(crate) fn sign_pss(&self, hash: Hash, salt_bytes: usize, data: &[u8]) -> Result<Vec<u8>> {
        let too_short = || Error::operation("the key is too short for this hash and salt");
        // Before the salt is made: a caller may ask for 4 GiB of it.
        if !public::salt_fits(&self.key, hash, salt_bytes) {
            return Err(too_short());
        }
        random::check()?;
        let salt = random::secret(salt_bytes)?;
        let bits = self.key.n().bits_vartime() as usize - 1;
        let encoded = emsa_pss(hash, &salt, data, bits).ok_or_else(too_short)?;
        self.sign_encoded(&encoded)
    }
}

/// EMSA-PKCS1-v1_5-ENCODE: RFC 8017, section 9.2. `None` if `length` is too short.
fn emsa_pkcs1(hash: Hash, data: &[u8], length: usize) -> Option<Vec<u8>> {
    let prefix = with_hash!(hash, D => Pkcs1v15Sign::new::<D>()).prefix;
    let digest = digest(hash, data);
    let padding = length.checked_sub(prefix.len() + digest.len() + 3).filter(|padding| *padding >= 8)?;
    let mut encoded = vec![0x00, 0x01];
    encoded.resize(2 + padding, 0xff);
    encoded.push(0x00);
    encoded.extend_from_slice(&prefix);
    encoded.extend_from_slice(&digest);
    Some(encoded)
}

/// EMSA-PSS-ENCODE: RFC 8017, section 9.1.1, with MGF1 of the same hash. `None` if there are too few `bits`.
fn emsa_pss(hash: Hash, salt: &[u8], data: &[u8], bits: usize) -> Option<Vec<u8>> {
    let length = bits.div_ceil(8);
    let hash_bytes = hash.output_bytes();
    let block_bytes = length.checked_sub(hash_bytes + 1)?;
    let mut message = vec![0; 8];
    message.extend_from_slice(&digest(hash, data));
    message.extend_from_slice(salt);
    let h = digest(hash, &message);
    // DB: zeroes, a one, the salt.
    let mut encoded = vec![0; block_bytes.checked_sub(salt.len() + 1)?];
    encoded.push(0x01);
    encoded.extend_from_slice(salt);
    // MGF1: appendix B.2.1
    let mut seed = h.to_vec();
    seed.extend_from_slice(&[0; 4]);
    for (counter, block) in (0u32..).zip(encoded.chunks_mut(hash_bytes)) {
        seed[hash_bytes..].copy_from_slice(&counter.to_be_bytes());
        for (byte, mask) in block.iter_mut().zip(&digest(hash, &seed)[..]) {
            *byte ^= mask;
        }
    }
    encoded[0] &= 0xff >> (8 * length - bits);
    encoded.extend_from_slice(&h);
    encoded.push(0xbc);
    Some(encoded)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ::rsa::Pss;

    #[test]
    fn signatures_equal_those_of_the_rsa_crate_and_factors_are_replaced() {
        // Also lengths that are no multiple of eight bits, since PSS encodes one bit less.
        for bits in [2048, 2049, 2055] {
            let key = PrivateKey::new(RsaPrivateKey::new(&mut random::rng(), bits).unwrap());
            let public = key.key.to_public_key();
            let mut factors = Vec::new();
            for round in 0..=FACTOR_USES + 1 {
                let data = [round as u8; 40];
                let made = key.sign_pkcs1(Hash::Sha256, &data).unwrap();
                let hashed = digest(Hash::Sha256, &data);
                assert_eq!(made, key.key.sign(Pkcs1v15Sign::new::<sha2::Sha256>(), &hashed).unwrap());
                let kept = key.factor.lock().unwrap();
                let factor = kept.as_ref().unwrap();
                assert!(factor.uses <= FACTOR_USES);
                factors.push(factor.unblinding.retrieve());
                if bits != 2048 && round > 2 {
                    break;
                }
            }
            let all = factors.len();
            factors.sort();
            factors.dedup();
            assert_eq!(factors.len(), all, "no factor comes twice");
            for salt in [0, 20, 32, 100] {
                let made = key.sign_pss(Hash::Sha256, salt, b"data").unwrap();
                let hashed = digest(Hash::Sha256, b"data");
                public.verify(Pss::<sha2::Sha256>::new_with_salt(salt), &hashed, &made).unwrap();
            }
            let most = (bits - 1).div_ceil(8) - 32 - 2;
            assert!(key.sign_pss(Hash::Sha256, most, b"data").is_ok());
            assert!(key.sign_pss(Hash::Sha256, most + 1, b"data").is_err());
            // Refused before its memory is requested, which no system has.
            assert!(key.sign_pss(Hash::Sha256, usize::MAX, b"data").is_err());
        }
    }

    #[test]
    fn a_key_too_short_for_its_hash_is_refused() {
        // RFC 8017 requires eleven bytes in addition to the hash and its prefix.
        assert!(emsa_pkcs1(Hash::Sha512, b"", 64 + 19 + 11).is_some());
        assert!(emsa_pkcs1(Hash::Sha512, b"", 64 + 19 + 10).is_none());
    }
}
