//! RSA public keys: verification of signatures, encryption with OAEP. RFC 8017.

use crate::algorithm::{Hash, KeyAlgorithm, RsaScheme};
use crate::digest::{digest, with_hash};
use crate::error::{Error, Result};
use crate::integer::without_leading_zeros;
use crate::{random, ring_backend};
use ::rsa::traits::PublicKeyParts;
use ::rsa::{Oaep, Pkcs1v15Sign, Pss, RsaPublicKey};

pub(crate) struct PublicKey(RsaPublicKey);

impl PublicKey {
    pub(super) fn new(key: RsaPublicKey) -> Self {
        Self(key)
    }

    /// The key in the form of the rsa crate.
    pub(super) fn inner(&self) -> &RsaPublicKey {
        &self.0
    }

    /// The description of a pair to which this key belongs.
    pub(crate) fn algorithm(&self, scheme: RsaScheme, hash: Hash) -> KeyAlgorithm {
        algorithm(&self.0, scheme, hash)
    }

    /// RSASSA-PKCS1-v1_5: RFC 8017, section 8.2.2
    pub(crate) fn verify_pkcs1(&self, hash: Hash, signature: &[u8], data: &[u8]) -> bool {
        let by_ring = ring_backend::verify_rsa(&self.0, RsaScheme::Pkcs1, hash, signature, data);
        if let Some(genuine) = by_ring {
            return genuine;
        }
        let digest = digest(hash, data);
        with_hash!(hash, D => self.0.verify(Pkcs1v15Sign::new::<D>(), &digest, signature)).is_ok()
    }

    /// RSASSA-PSS: RFC 8017, section 8.1.2
    pub(crate) fn verify_pss(&self, hash: Hash, salt_bytes: u32, signature: &[u8], data: &[u8]) -> bool {
        if !salt_fits(&self.0, hash, salt_bytes as usize) {
            return false;
        }
        if salt_bytes as usize == hash.output_bytes()
            && let Some(genuine) = ring_backend::verify_rsa(&self.0, RsaScheme::Pss, hash, signature, data)
        {
            return genuine;
        }
        let digest = digest(hash, data);
        with_hash!(hash, D => {
            self.0.verify(Pss::<D>::new_with_salt(salt_bytes as usize), &digest, signature)
        })
        .is_ok()
    }

    /// RSAES-OAEP: RFC 8017, section 7.1.1
    pub(crate) fn encrypt(&self, hash: Hash, label: &[u8], data: &[u8]) -> Result<Vec<u8>> {
        random::check()?;
        with_hash!(hash, D => self.0.encrypt(&mut random::rng(), Oaep::<D>::new_with_label(label), data))
            .map_err(|_| Error::operation("the data is too long for this key and hash"))
    }
}

pub(super) fn algorithm(key: &RsaPublicKey, scheme: RsaScheme, hash: Hash) -> KeyAlgorithm {
    KeyAlgorithm::Rsa {
        scheme,
        modulus_length: key.n().bits_vartime(),
        public_exponent: without_leading_zeros(&key.e().to_be_bytes()).into(),
        hash,
    }
}

/// Whether a salt of this length fits. RFC 8017, section 9.1.1, step 3
pub(super) fn salt_fits(key: &impl PublicKeyParts, hash: Hash, salt_bytes: usize) -> bool {
    let encoded_bytes = (key.n().bits_vartime() as usize - 1).div_ceil(8);
    encoded_bytes.checked_sub(hash.output_bytes() + 2).is_some_and(|most| salt_bytes <= most)
}
