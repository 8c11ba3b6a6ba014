//! What ring does faster than RustCrypto, for the cases that it has: AES-GCM with the usual lengths, ECDSA on P-256, and the verification
//! of RSA signatures. Why, and by how much: docs/decisions/cryptography.md.
//!
//! Everything here has an equivalent that is not fast, and gives the same answers. Knows nothing of keys' formats.

use crate::algorithm::Hash;
use crate::error::{Error, Result};
use ring::aead::{AES_128_GCM, AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use ring::rand::SystemRandom;
use ring::signature::{self, EcdsaKeyPair, RsaParameters, RsaPublicKeyComponents};
use rsa::traits::PublicKeyParts;
use std::mem::{ManuallyDrop, needs_drop};
use zeroize::Zeroize;

/// Bytes of ring's tags.
const TAG_BYTES: usize = 16;

/// A key of ring's, which ring itself does not wipe. It must be flat: owning nothing elsewhere.
struct Wiped<T>(ManuallyDrop<T>);

impl<T> Wiped<T> {
    fn new(key: T) -> Self {
        const { assert!(!needs_drop::<T>(), "what owns memory elsewhere is not wiped by overwriting it") };
        Self(ManuallyDrop::new(key))
    }
}

impl<T> Drop for Wiped<T> {
    fn drop(&mut self) {
        // SAFETY: the value is not used again and nothing has to be dropped (asserted above), so any bytes will do.
        unsafe { zeroize::zeroize_flat_type(&raw mut *self.0) };
    }
}

/// A key for AES-GCM with 96 bits of iv and a whole tag.
pub(crate) struct Gcm(Wiped<LessSafeKey>);

impl Gcm {
    /// `None`: ring has no keys of this length.
    pub(crate) fn new(raw: &[u8]) -> Option<Self> {
        let algorithm = match raw.len() {
            16 => &AES_128_GCM,
            32 => &AES_256_GCM,
            _ => return None,
        };
        Some(Self(Wiped::new(LessSafeKey::new(UnboundKey::new(algorithm, raw).ok()?))))
    }

    /// `None`: these lengths are not ring's business.
    fn nonce(iv: &[u8], tag_bytes: usize) -> Option<Nonce> {
        let iv: [u8; NONCE_LEN] = iv.try_into().ok()?;
        // Whether an iv is used twice is up to the application, as Web Cryptography has it.
        (tag_bytes == TAG_BYTES).then(|| Nonce::assume_unique_for_key(iv))
    }

    /// Ciphertext and tag. `None`: to be done otherwise.
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

    /// The plaintext, or the error that tells nothing. `None`: to be done otherwise.
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
            // What was decrypted without being authentic is seen by nobody.
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
    /// `scalar` has 32 bytes, `point` is the uncompressed public key.
    pub(crate) fn new(scalar: &[u8], point: &[u8]) -> Option<Self> {
        let algorithm = &signature::ECDSA_P256_SHA256_FIXED_SIGNING;
        let key =
            EcdsaKeyPair::from_private_key_and_public_key(algorithm, scalar, point, &SystemRandom::new());
        Some(Self(Wiped::new(key.ok()?)))
    }

    /// r and s. The nonce is of random bytes and the key (never of random bytes alone).
    pub(crate) fn sign(&self, data: &[u8]) -> Result<Vec<u8>> {
        let made = self.0.0.sign(&SystemRandom::new(), data);
        made.map(|made| made.as_ref().to_vec()).map_err(|_| Error::operation("there are no random bytes"))
    }
}

/// Whether r and s are a signature of SHA-256 on P-256. `point` is the uncompressed public key.
pub(crate) fn verify_p256(point: &[u8], made: &[u8], data: &[u8]) -> Option<bool> {
    let key = signature::UnparsedPublicKey::new(&signature::ECDSA_P256_SHA256_FIXED, point);
    Some(key.verify(data, made).is_ok())
}

/// How an RSA signature is padded.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Padding {
    Pkcs1,
    /// With a salt as long as the digest.
    Pss,
}

/// Whether an RSA signature is genuine. `None`: to be found out otherwise.
pub(crate) fn verify_rsa(
    key: &rsa::RsaPublicKey,
    padding: Padding,
    hash: Hash,
    made: &[u8],
    data: &[u8],
) -> Option<bool> {
    let bits = key.n().bits_vartime();
    // ring does not say whether it dislikes the key or the signature, so only keys that it takes come to it.
    if !(2048..=8192).contains(&bits)
        || !bits.is_multiple_of(8)
        || !(2..=33).contains(&key.e().bits_vartime())
    {
        return None;
    }
    let parameters: &RsaParameters = match (padding, hash) {
        (Padding::Pkcs1, Hash::Sha256) => &signature::RSA_PKCS1_2048_8192_SHA256,
        (Padding::Pkcs1, Hash::Sha384) => &signature::RSA_PKCS1_2048_8192_SHA384,
        (Padding::Pkcs1, Hash::Sha512) => &signature::RSA_PKCS1_2048_8192_SHA512,
        (Padding::Pss, Hash::Sha256) => &signature::RSA_PSS_2048_8192_SHA256,
        (Padding::Pss, Hash::Sha384) => &signature::RSA_PSS_2048_8192_SHA384,
        (Padding::Pss, Hash::Sha512) => &signature::RSA_PSS_2048_8192_SHA512,
        _ => return None,
    };
    let (n, e) = (key.n().to_be_bytes(), key.e().to_be_bytes());
    let components =
        RsaPublicKeyComponents { n: crate::rsa_format::minimal(&n), e: crate::rsa_format::minimal(&e) };
    Some(components.verify(parameters, data, made).is_ok())
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
    fn gcm_is_the_same_either_way() {
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
        // Lengths that are not ring's.
        assert!(long.encrypt(&[7; 16], b"", 16, b"a").is_none());
        assert!(long.encrypt(&iv, b"", 12, b"a").is_none());
        assert!(long.decrypt(&iv, b"", 16, b"short").is_none());
    }

    #[test]
    fn ecdsa_is_verified_either_way() {
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
    fn rsa_signatures_are_verified_either_way() {
        let key = rsa::RsaPrivateKey::new(&mut random::rng(), 2048).unwrap();
        let public = key.to_public_key();
        macro_rules! compare {
            ($hash:ident) => {
                let digest = digest(Hash::$hash, b"data");
                let made = key.sign(Pkcs1v15Sign::new::<$hash>(), &digest).unwrap();
                assert_eq!(verify_rsa(&public, Padding::Pkcs1, Hash::$hash, &made, b"data"), Some(true));
                assert_eq!(verify_rsa(&public, Padding::Pkcs1, Hash::$hash, &made, b"date"), Some(false));
                assert_eq!(verify_rsa(&public, Padding::Pss, Hash::$hash, &made, b"data"), Some(false));
                let made = key
                    .sign_with_rng(
                        &mut random::rng(),
                        Pss::<$hash>::new_blinded_with_salt(digest.len()),
                        &digest,
                    )
                    .unwrap();
                assert_eq!(verify_rsa(&public, Padding::Pss, Hash::$hash, &made, b"data"), Some(true));
            };
        }
        compare!(Sha256);
        compare!(Sha384);
        compare!(Sha512);
        assert!(verify_rsa(&public, Padding::Pkcs1, Hash::Sha1, b"", b"data").is_none());
    }
}
