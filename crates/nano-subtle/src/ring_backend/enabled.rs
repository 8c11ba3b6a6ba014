//! With the feature `ring`: ring's implementations.

use crate::algorithm::{Hash, RsaScheme};
use crate::error::{Error, Result};
use crate::integer::without_leading_zeros;
use ring::aead::{AES_128_GCM, AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::rand::SystemRandom;
use ring::signature::{EcdsaKeyPair, RsaParameters, RsaPublicKeyComponents, UnparsedPublicKey};
use rsa::traits::PublicKeyParts;
use std::mem::{ManuallyDrop, needs_drop};
use zeroize::Zeroize;

/// Bytes of ring's tags.
const TAG_BYTES: usize = 16;

/// A key of ring's, overwritten when it is dropped, since ring does not do that. The key must be flat: it
/// owns no memory elsewhere.
struct Wiped<T>(ManuallyDrop<T>);

impl<T> Wiped<T> {
    fn new(key: T) -> Self {
        const { assert!(!needs_drop::<T>(), "a key that owns memory elsewhere is not wiped by overwriting it") };
        Self(ManuallyDrop::new(key))
    }
}

impl<T> Drop for Wiped<T> {
    fn drop(&mut self) {
        // SAFETY: the value is not used again, and `T` has no destructor (asserted in `new`), so its bytes
        // need not be a valid `T` any more. The pointer is valid for `T`, since it comes from a reference.
        unsafe { zeroize::zeroize_flat_type(&raw mut *self.0) };
    }
}

/// A key for AES-GCM with 96 bits of iv and a whole tag.
pub(crate) struct Gcm(Wiped<LessSafeKey>);

impl Gcm {
    /// `None` for a length that ring does not have.
    pub(crate) fn new(raw: &[u8]) -> Option<Self> {
        let algorithm = match raw.len() {
            16 => &AES_128_GCM,
            32 => &AES_256_GCM,
            _ => return None,
        };
        Some(Self(Wiped::new(LessSafeKey::new(UnboundKey::new(algorithm, raw).ok()?))))
    }

    /// `None` for lengths that ring does not have.
    fn nonce(iv: &[u8], tag_bytes: usize) -> Option<Nonce> {
        let iv: [u8; NONCE_LEN] = iv.try_into().ok()?;
        // Web Cryptography leaves it to the application that no iv is used twice.
        (tag_bytes == TAG_BYTES).then(|| Nonce::assume_unique_for_key(iv))
    }

    /// Ciphertext and tag.
    pub(crate) fn encrypt(
        &self,
        iv: &[u8],
        additional_data: &[u8],
        tag_bytes: usize,
        data: &[u8],
    ) -> Option<Vec<u8>> {
        let nonce = Self::nonce(iv, tag_bytes)?;
        let mut output = Vec::with_capacity(data.len() + TAG_BYTES);
        output.extend_from_slice(data);
        match self.0.0.seal_in_place_append_tag(nonce, Aad::from(additional_data), &mut output) {
            Ok(()) => Some(output),
            Err(_) => {
                output.zeroize();
                None
            }
        }
    }

    /// The plaintext, or the one error that reveals no reason.
    pub(crate) fn decrypt(
        &self,
        iv: &[u8],
        additional_data: &[u8],
        tag_bytes: usize,
        data: &[u8],
    ) -> Option<Result<Vec<u8>>> {
        let nonce = Self::nonce(iv, tag_bytes)?;
        let length = data.len().checked_sub(TAG_BYTES)?;
        let mut output = data.to_vec();
        if self.0.0.open_in_place(nonce, Aad::from(additional_data), &mut output).is_err() {
            // Plaintext that is not authentic must not leave this function.
            output.zeroize();
            return Some(Err(Error::opaque()));
        }
        output.truncate(length);
        Some(Ok(output))
    }
}

/// A private key for ECDSA on P-256 with SHA-256.
pub(crate) struct P256(Wiped<EcdsaKeyPair>);

impl P256 {
    /// Makes a key of the 32 bytes of `scalar`; `point` is the uncompressed public key.
    pub(crate) fn new(scalar: &[u8], point: &[u8]) -> Option<Self> {
        let algorithm = &ring::signature::ECDSA_P256_SHA256_FIXED_SIGNING;
        let key =
            EcdsaKeyPair::from_private_key_and_public_key(algorithm, scalar, point, &SystemRandom::new());
        Some(Self(Wiped::new(key.ok()?)))
    }

    /// A signature: r and s. The nonce depends on random bytes and the key, never on random bytes alone.
    pub(crate) fn sign(&self, data: &[u8]) -> Result<Vec<u8>> {
        let signature = self.0.0.sign(&SystemRandom::new(), data).map_err(|_| Error::random())?;
        Ok(signature.as_ref().to_vec())
    }
}

/// Whether r and s are a signature of SHA-256 on P-256. `point` is the uncompressed public key.
pub(crate) fn verify_p256(point: &[u8], signature: &[u8], data: &[u8]) -> Option<bool> {
    let key = UnparsedPublicKey::new(&ring::signature::ECDSA_P256_SHA256_FIXED, point);
    Some(key.verify(data, signature).is_ok())
}

/// Whether an RSA signature is genuine; for RSA-PSS with a salt as long as the digest.
pub(crate) fn verify_rsa(
    key: &rsa::RsaPublicKey,
    scheme: RsaScheme,
    hash: Hash,
    signature: &[u8],
    data: &[u8],
) -> Option<bool> {
    let bits = key.n().bits_vartime();
    // ring returns the same error for a key that it does not accept and for a wrong signature, so only keys
    // that it accepts are passed to it.
    if !(2048..=8192).contains(&bits)
        || !bits.is_multiple_of(8)
        || !(2..=33).contains(&key.e().bits_vartime())
    {
        return None;
    }
    let parameters: &RsaParameters = match (scheme, hash) {
        (RsaScheme::Pkcs1, Hash::Sha256) => &ring::signature::RSA_PKCS1_2048_8192_SHA256,
        (RsaScheme::Pkcs1, Hash::Sha384) => &ring::signature::RSA_PKCS1_2048_8192_SHA384,
        (RsaScheme::Pkcs1, Hash::Sha512) => &ring::signature::RSA_PKCS1_2048_8192_SHA512,
        (RsaScheme::Pss, Hash::Sha256) => &ring::signature::RSA_PSS_2048_8192_SHA256,
        (RsaScheme::Pss, Hash::Sha384) => &ring::signature::RSA_PSS_2048_8192_SHA384,
        (RsaScheme::Pss, Hash::Sha512) => &ring::signature::RSA_PSS_2048_8192_SHA512,
        _ => return None,
    };
    let (n, e) = (key.n().to_be_bytes(), key.e().to_be_bytes());
    let components = RsaPublicKeyComponents { n: without_leading_zeros(&n), e: without_leading_zeros(&e) };
    Some(components.verify(parameters, data, signature).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::digest;
    use crate::{gcm, random};
    use ::aes::cipher::KeyInit;
    use rsa::{Pkcs1v15Sign, Pss};
    use sha2::{Sha256, Sha384, Sha512};

    #[test]
    fn gcm_gives_the_same_with_ring_and_without() {
        let data: Vec<u8> = (0..70_000u32).map(|at| ((at * 31) >> 3) as u8).collect();
        let (iv, key) = ([7; 12], [9; 32]);
        let (short, long) = (Gcm::new(&key[..16]), Gcm::new(&key));
        let (Some(short), Some(long)) = (short, long) else { panic!("ring has these lengths") };
        assert!(Gcm::new(&key[..24]).is_none());
        let ciphers = (
            ::aes::Aes128::new_from_slice(&key[..16]).unwrap(),
            ::aes::Aes256::new_from_slice(&key).unwrap(),
        );
        let hashes = (gcm::hash_key(&ciphers.0), gcm::hash_key(&ciphers.1));
        for length in (0..300).chain([1023, 1024, 1025, 8191, 8192, 16_385, 70_000]) {
            let (data, additional) = (&data[..length], &data[..length % 40]);
            let other = gcm::encrypt(&ciphers.0, &hashes.0, &iv, additional, 16, data).unwrap();
            assert_eq!(short.encrypt(&iv, additional, 16, data).as_ref(), Some(&other));
            assert_eq!(short.decrypt(&iv, additional, 16, &other).unwrap().unwrap(), data);
            let other = gcm::encrypt(&ciphers.1, &hashes.1, &iv, additional, 16, data).unwrap();
            let mut made = long.encrypt(&iv, additional, 16, data).unwrap();
            assert_eq!(made, other);
            assert_eq!(gcm::decrypt(&ciphers.1, &hashes.1, &iv, additional, 16, &made).unwrap(), data);
            made[length] ^= 1;
            assert!(long.decrypt(&iv, additional, 16, &made).unwrap().is_err());
        }
        // Lengths that ring does not have.
        assert!(long.encrypt(&[7; 16], b"", 16, b"a").is_none());
        assert!(long.encrypt(&iv, b"", 12, b"a").is_none());
        assert!(long.decrypt(&iv, b"", 16, b"short").is_none());
    }

    #[test]
    fn ecdsa_signatures_are_verified_by_both() {
        use p256::elliptic_curve::Generate;
        let other = p256::ecdsa::SigningKey::generate_from_rng(&mut random::rng());
        let point = other.verifying_key().to_sec1_point(false);
        let key = P256::new(&other.to_bytes(), point.as_bytes()).unwrap();
        let made = key.sign(b"data").unwrap();
        let parsed = p256::ecdsa::Signature::from_slice(&made).unwrap();
        let projective = p256::ProjectivePoint::from(*other.verifying_key().as_affine());
        ecdsa::hazmat::verify_prehashed(&projective, &digest(Hash::Sha256, b"data"), &parsed).unwrap();
        let made = ecdsa::hazmat::sign_prehashed_rfc6979::<_, Sha256>(
            other.as_nonzero_scalar(),
            &digest(Hash::Sha256, b"data"),
            &[],
        )
        .0
        .to_bytes();
        assert_eq!(verify_p256(point.as_bytes(), &made, b"data"), Some(true));
        assert_eq!(verify_p256(point.as_bytes(), &made, b"date"), Some(false));
        assert_eq!(verify_p256(point.as_bytes(), &made[..63], b"data"), Some(false));
    }

    #[test]
    fn rsa_signatures_are_verified_by_both() {
        let key = rsa::RsaPrivateKey::new(&mut random::rng(), 2048).unwrap();
        let public = key.to_public_key();
        macro_rules! compare {
            ($hash:ident) => {
                let digest = digest(Hash::$hash, b"data");
                let made = key.sign(Pkcs1v15Sign::new::<$hash>(), &digest).unwrap();
                assert_eq!(verify_rsa(&public, RsaScheme::Pkcs1, Hash::$hash, &made, b"data"), Some(true));
                assert_eq!(verify_rsa(&public, RsaScheme::Pkcs1, Hash::$hash, &made, b"date"), Some(false));
                assert_eq!(verify_rsa(&public, RsaScheme::Pss, Hash::$hash, &made, b"data"), Some(false));
                let made = key
                    .sign_with_rng(
                        &mut random::rng(),
                        Pss::<$hash>::new_blinded_with_salt(digest.len()),
                        &digest,
                    )
                    .unwrap();
                assert_eq!(verify_rsa(&public, RsaScheme::Pss, Hash::$hash, &made, b"data"), Some(true));
            };
        }
        compare!(Sha256);
        compare!(Sha384);
        compare!(Sha512);
        assert!(verify_rsa(&public, RsaScheme::Pkcs1, Hash::Sha1, b"", b"data").is_none());
    }
}
