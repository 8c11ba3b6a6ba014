//! The operations of `SubtleCrypto` (Web Cryptography, section 14.3), each with the checks of the specification in its order.
//!
//! All of them run to their end on the calling thread. What takes longer than a millisecond or so: [`generate_key`] of
//! RSA (seconds), private operations of RSA, PBKDF2, and megabytes of data.

use crate::algorithm::{
    CipherParams, DeriveParams, Format, GenerateParams, ImportParams, KeyAlgorithm, MlKemSet, SignParams,
};
use crate::error::{Error, Result};
use crate::key::{Generated, Key, KeyType, Material};
use crate::okp::Okp;
use crate::usage::Usages;
use crate::{Exported, KeyData, aes, chacha, ec, hmac, limits, ml_dsa, ml_kem, rsa, rsa_format};
use std::sync::atomic::AtomicBool;
use zeroize::Zeroizing;

/// Makes a key or a pair. Section 14.3.6
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
/// Syntax: usages that the algorithm does not have, or none for a secret or private key. Operation: lengths or an exponent out of
/// range, no random bytes.
pub fn generate_key(params: &GenerateParams, extractable: bool, usages: Usages) -> Result<Generated> {
    generate_key_unless(params, extractable, usages, &AtomicBool::new(false))
}

/// What [`generate_key`] would refuse at once, without making a key: for who is about to have it made on another thread.
///
/// # Errors
///
/// As [`generate_key`]; only RSA is checked, the others are made as fast.
pub fn check_generate_key(params: &GenerateParams, usages: Usages) -> Result<()> {
    match params {
        GenerateParams::Rsa { scheme, modulus_length, public_exponent, .. } => {
            rsa::check_generate(*scheme, *modulus_length, public_exponent, usages)
        }
        _ => Ok(()),
    }
}

/// The same, until `cancelled` is set by another thread: RSA looks at it after each candidate for a prime.
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
    let secret = |key: Key| {
        crate::require_some(usages)?;
        Ok(Generated::Secret(key))
    };
    match params {
        GenerateParams::Aes { mode, length } => secret(aes::generate(*mode, *length, extractable, usages)?),
        GenerateParams::Hmac { hash, length } => secret(hmac::generate(*hash, *length, extractable, usages)?),
        GenerateParams::ChaCha20Poly1305 => secret(chacha::generate(extractable, usages)?),
        GenerateParams::Rsa { scheme, modulus_length, public_exponent, hash } => {
            rsa::generate(*scheme, *hash, *modulus_length, public_exponent, extractable, usages, cancelled)
                .map(Generated::Pair)
        }
        GenerateParams::Ec { scheme, curve } => {
            ec::generate(*scheme, *curve, extractable, usages).map(Generated::Pair)
        }
        GenerateParams::Ed25519 => Okp::Ed25519.generate(extractable, usages).map(Generated::Pair),
        GenerateParams::X25519 => Okp::X25519.generate(extractable, usages).map(Generated::Pair),
        GenerateParams::MlKem(set) => ml_kem::generate(*set, extractable, usages).map(Generated::Pair),
        GenerateParams::MlDsa(set) => ml_dsa::generate(*set, extractable, usages).map(Generated::Pair),
    }
}

/// Makes a key of its bytes or its JWK. Section 14.3.9
///
/// ```
/// use nano_subtle::{Format, Hash, ImportParams, KeyData, SignParams, Usages, import_key, sign};
/// let params = ImportParams::Hmac { hash: Hash::Sha256, length: None };
/// let key = import_key(Format::Raw, KeyData::Bytes(b"Jefe"), &params, false, Usages::SIGN)?;
/// let signature = sign(&SignParams::Hmac, &key, b"what do ya want for nothing?")?;
/// assert_eq!(signature[..4], [0x5b, 0xdc, 0xc1, 0x46]);
/// # Ok::<(), nano_subtle::Error>(())
/// ```
///
/// # Errors
///
/// Syntax: usages that the key cannot have, or none for a secret or private key. Data: it is no key of this kind. NotSupported: keys
/// of this algorithm do not come in this format.
pub fn import_key(
    format: Format,
    data: KeyData<'_>,
    params: &ImportParams,
    extractable: bool,
    usages: Usages,
) -> Result<Key> {
    let key = match *params {
        ImportParams::Aes(mode) => aes::import(format, data, mode, extractable, usages)?,
        ImportParams::Hmac { hash, length } => hmac::import(format, data, hash, length, extractable, usages)?,
        ImportParams::Rsa { scheme, hash } => {
            rsa_format::import(format, data, scheme, hash, extractable, usages)?
        }
        ImportParams::Ec { scheme, curve } => ec::import(format, data, scheme, curve, extractable, usages)?,
        ImportParams::Ed25519 => Okp::Ed25519.import(format, data, extractable, usages)?,
        ImportParams::X25519 => Okp::X25519.import(format, data, extractable, usages)?,
        ImportParams::Hkdf => import_input(KeyAlgorithm::Hkdf, format, data, extractable, usages)?,
        ImportParams::Pbkdf2 => import_input(KeyAlgorithm::Pbkdf2, format, data, extractable, usages)?,
        ImportParams::ChaCha20Poly1305 => chacha::import(format, data, extractable, usages)?,
        ImportParams::MlKem(set) => ml_kem::akp(set).import(format, data, extractable, usages)?,
        ImportParams::MlDsa(set) => ml_dsa::akp(set).import(format, data, extractable, usages)?,
    };
    if key.kind() != KeyType::Public {
        crate::require_some(usages)?;
    }
    Ok(key)
}

/// What HKDF and PBKDF2 start from. Sections 32.4.2, 33.4.2
fn import_input(
    algorithm: KeyAlgorithm,
    format: Format,
    data: KeyData<'_>,
    extractable: bool,
    usages: Usages,
) -> Result<Key> {
    let (Format::Raw | Format::RawSecret, KeyData::Bytes(bytes)) = (format, data) else {
        let message = format!("a key for {} cannot be imported as {}", algorithm.name(), format.name());
        return Err(Error::unsupported(message));
    };
    if !Usages::DERIVE.contains(usages) {
        return Err(Error::syntax(format!("a key for {} cannot have all of these usages", algorithm.name())));
    }
    if extractable {
        return Err(Error::syntax(format!("a key for {} cannot be extractable", algorithm.name())));
    }
    let material = Material::Bytes(Zeroizing::new(bytes.to_vec()));
    Ok(Key::new(KeyType::Secret, algorithm, extractable, usages, material))
}

/// A key's material for the serialization steps of structured clone (section 13.6), whether or not it is extractable: what comes
/// out is for nobody's eyes, and [`import_key`] in the same format makes the key again.
///
/// # Errors
///
/// Operation: the key cannot be encoded.
pub fn serialize_key(key: &Key) -> Result<(Format, Zeroizing<Vec<u8>>)> {
    let format = match (key.material(), key.kind()) {
        (Material::Bytes(bytes), _) => return Ok((Format::RawSecret, bytes.clone())),
        (Material::MlKemPrivate(_) | Material::MlDsaPrivate(_), _) => Format::RawSeed,
        (_, KeyType::Secret) => Format::RawSecret,
        (_, KeyType::Public) => Format::Spki,
        (_, KeyType::Private) => Format::Pkcs8,
    };
    match export_material(format, key)? {
        Exported::Bytes(bytes) => Ok((format, bytes)),
        Exported::Jwk(_) => Err(Error::opaque()),
    }
}

/// Gives a key's material. Section 14.3.10
///
/// # Errors
///
/// InvalidAccess: the key is not extractable, or keys of its type do not come in this format. NotSupported: none of its algorithm do.
pub fn export_key(format: Format, key: &Key) -> Result<Exported> {
    let algorithm = key.algorithm();
    if matches!(algorithm, KeyAlgorithm::Hkdf | KeyAlgorithm::Pbkdf2) {
        return Err(Error::unsupported(format!("a key for {} cannot be exported", algorithm.name())));
    }
    if !key.extractable() {
        return Err(Error::access("the key is not extractable"));
    }
    export_material(format, key).map(|exported| match exported {
        Exported::Jwk(jwk) => Exported::Jwk(jwk.with_use(key.usages(), key.extractable())),
        bytes => bytes,
    })
}

fn export_material(format: Format, key: &Key) -> Result<Exported> {
    let raw = |bytes: Vec<u8>| Ok(Exported::Bytes(Zeroizing::new(bytes)));
    let algorithm = key.algorithm();
    match (key.material(), algorithm) {
        (Material::Aes(aes), KeyAlgorithm::Aes { mode, .. }) => match format {
            Format::Raw | Format::RawSecret => raw(aes::export_raw(aes)),
            Format::Jwk => Ok(Exported::Jwk(aes::export_jwk(aes, *mode))),
            _ => Err(no_such_format(algorithm, format)),
        },
        (Material::Hmac(hmac), KeyAlgorithm::Hmac { hash, .. }) => match format {
            Format::Raw | Format::RawSecret => raw(hmac::export_raw(hmac)),
            Format::Jwk => Ok(Exported::Jwk(hmac::export_jwk(hmac, *hash))),
            _ => Err(no_such_format(algorithm, format)),
        },
        (Material::ChaCha(chacha), _) => match format {
            Format::RawSecret => raw(chacha::export_raw(chacha)),
            Format::Jwk => Ok(Exported::Jwk(chacha::export_jwk(chacha))),
            _ => Err(no_such_format(algorithm, format)),
        },
        (Material::RsaPublic(rsa), KeyAlgorithm::Rsa { scheme, hash, .. }) => match format {
            Format::Raw | Format::RawPublic => Err(no_such_format(algorithm, format)),
            _ => rsa_format::export_public(rsa, *scheme, *hash, format),
        },
        (Material::RsaPrivate(rsa), KeyAlgorithm::Rsa { scheme, hash, .. }) => match format {
            Format::Raw | Format::RawPublic => Err(no_such_format(algorithm, format)),
            _ => rsa_format::export_private(rsa, *scheme, *hash, format),
        },
        (Material::EcPublic(ec), KeyAlgorithm::Ec { scheme, curve }) => {
            ec::export_public(ec, *scheme, *curve, format)
        }
        (Material::EcPrivate(ec), KeyAlgorithm::Ec { scheme, curve }) => {
            ec::export_private(ec, *scheme, *curve, format)
        }
        (Material::Ed25519Public(public), _) => Okp::Ed25519.export_public(format, public.bytes()),
        (Material::Ed25519Private(private), _) => {
            Okp::Ed25519.export_private(format, private.secret(), &private.public())
        }
        (Material::X25519Public(public), _) => Okp::X25519.export_public(format, public),
        (Material::X25519Private(private), _) => {
            Okp::X25519.export_private(format, private.secret(), private.public())
        }
        (Material::MlKemPublic(public), KeyAlgorithm::MlKem(set)) => {
            ml_kem::export_public(*set, public, format)
        }
        (Material::MlKemPrivate(private), KeyAlgorithm::MlKem(set)) => {
            ml_kem::export_private(*set, private, format)
        }
        (Material::MlDsaPublic(public), KeyAlgorithm::MlDsa(set)) => {
            ml_dsa::export_public(*set, public, format)
        }
        (Material::MlDsaPrivate(private), KeyAlgorithm::MlDsa(set)) => {
            ml_dsa::export_private(*set, private, format)
        }
        _ => Err(Error::opaque()),
    }
}

fn no_such_format(algorithm: &KeyAlgorithm, format: Format) -> Error {
    Error::unsupported(format!("a key for {} cannot be exported as {}", algorithm.name(), format.name()))
}

/// Encrypts. Section 14.3.1
///
/// ```
/// use nano_subtle::*;
/// let key = import_key(
///     Format::Raw, KeyData::Bytes(&[7; 16]), &ImportParams::Aes(AesMode::Gcm), false, Usages::ENCRYPT | Usages::DECRYPT,
/// )?;
/// let params = CipherParams::AesGcm { iv: &[1; 12], additional_data: b"", tag_length: None };
/// let ciphertext = encrypt(&params, &key, b"secret")?;
/// assert_eq!(ciphertext.len(), 6 + 16);
/// assert_eq!(decrypt(&params, &key, &ciphertext)?, b"secret");
/// # Ok::<(), nano_subtle::Error>(())
/// ```
///
/// # Errors
///
/// InvalidAccess: the key is for something else. Operation: a parameter or the data has a length that cannot be.
pub fn encrypt(params: &CipherParams<'_>, key: &Key, data: &[u8]) -> Result<Vec<u8>> {
    key.require_cipher(params, Usages::ENCRYPT)?;
    cipher_encrypt(params, key, data)
}

fn cipher_encrypt(params: &CipherParams<'_>, key: &Key, data: &[u8]) -> Result<Vec<u8>> {
    match (key.material(), params, key.algorithm()) {
        (Material::Aes(aes), ..) => aes::encrypt(aes, params, data),
        (Material::ChaCha(chacha), ..) => chacha::encrypt(chacha, params, data),
        (Material::RsaPublic(rsa), CipherParams::RsaOaep { label }, KeyAlgorithm::Rsa { hash, .. }) => {
            rsa::encrypt(rsa, *hash, label, data)
        }
        _ => Err(key.wrong_kind()),
    }
}

/// Decrypts. Section 14.3.2
///
/// # Errors
///
/// InvalidAccess: the key is for something else. Operation: everything else, alike for every reason that lies in the data.
pub fn decrypt(params: &CipherParams<'_>, key: &Key, data: &[u8]) -> Result<Vec<u8>> {
    key.require_cipher(params, Usages::DECRYPT)?;
    cipher_decrypt(params, key, data)
}

fn cipher_decrypt(params: &CipherParams<'_>, key: &Key, data: &[u8]) -> Result<Vec<u8>> {
    match (key.material(), params, key.algorithm()) {
        (Material::Aes(aes), ..) => aes::decrypt(aes, params, data),
        (Material::ChaCha(chacha), ..) => chacha::decrypt(chacha, params, data),
        (Material::RsaPrivate(rsa), CipherParams::RsaOaep { label }, KeyAlgorithm::Rsa { hash, .. }) => {
            rsa::decrypt(rsa, *hash, label, data).map(|plain| plain.to_vec())
        }
        _ => Err(key.wrong_kind()),
    }
}

/// Signs. Section 14.3.3
///
/// # Errors
///
/// InvalidAccess: the key is for something else. Operation: the key is too short for hash and salt, no random bytes.
pub fn sign(params: &SignParams<'_>, key: &Key, data: &[u8]) -> Result<Vec<u8>> {
    key.require(params.name(), Usages::SIGN)?;
    match (key.material(), params, key.algorithm()) {
        (Material::Hmac(hmac), ..) => Ok(hmac::sign(hmac, data).to_vec()),
        (Material::RsaPrivate(rsa), SignParams::RsaPkcs1, KeyAlgorithm::Rsa { hash, .. }) => {
            rsa::sign_pkcs1(rsa, *hash, data)
        }
        (Material::RsaPrivate(rsa), SignParams::RsaPss { salt_length }, KeyAlgorithm::Rsa { hash, .. }) => {
            rsa::sign_pss(rsa, *hash, *salt_length, data)
        }
        (Material::EcPrivate(ec), SignParams::Ecdsa { hash }, _) => ec.sign(*hash, data),
        (Material::Ed25519Private(private), ..) => Ok(private.sign(data)),
        (Material::MlDsaPrivate(private), SignParams::MlDsa { context, .. }, _) => {
            ml_dsa::sign(private, context, data)
        }
        _ => Err(key.wrong_kind()),
    }
}

/// Whether a signature is genuine. Section 14.3.4
///
/// # Errors
///
/// InvalidAccess: the key is for something else. A signature that is malformed is not genuine, and no error.
pub fn verify(params: &SignParams<'_>, key: &Key, signature: &[u8], data: &[u8]) -> Result<bool> {
    key.require(params.name(), Usages::VERIFY)?;
    match (key.material(), params, key.algorithm()) {
        (Material::Hmac(hmac), ..) => Ok(hmac::verify(hmac, signature, data)),
        (Material::RsaPublic(rsa), SignParams::RsaPkcs1, KeyAlgorithm::Rsa { hash, .. }) => {
            Ok(rsa::verify_pkcs1(rsa, *hash, signature, data))
        }
        (Material::RsaPublic(rsa), SignParams::RsaPss { salt_length }, KeyAlgorithm::Rsa { hash, .. }) => {
            Ok(rsa::verify_pss(rsa, *hash, *salt_length, signature, data))
        }
        (Material::EcPublic(ec), SignParams::Ecdsa { hash }, _) => Ok(ec.verify(*hash, signature, data)),
        (Material::Ed25519Public(public), ..) => Ok(public.verify(signature, data)),
        (Material::MlDsaPublic(public), SignParams::MlDsa { context, .. }, _) => {
            if context.len() > 255 {
                return Err(Error::operation("the context is longer than 255 bytes"));
            }
            Ok(ml_dsa::verify(public, context, signature, data))
        }
        _ => Err(key.wrong_kind()),
    }
}

/// Derives `length` bits; without a length as many as there are. Section 14.3.8
///
/// Bits that do not fill the last byte are its high ones; the others are zero.
///
/// # Errors
///
/// InvalidAccess: one of the keys is for something else. Operation: a length that cannot be, no iterations or too many, a public key
/// of small order.
pub fn derive_bits(params: &DeriveParams<'_>, key: &Key, length: Option<u32>) -> Result<Zeroizing<Vec<u8>>> {
    key.require(params.name(), Usages::DERIVE_BITS)?;
    derive(params, key, length)
}

/// Derives a key: the same with the usage `deriveKey`, and then an import. Section 14.3.7
///
/// `aes_length` is the length of an AES key in bits; others say theirs in `derived`, or have one only.
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

/// The bits that a key to be derived wants ("get key length"): `None` for as many as there are.
///
/// # Errors
///
/// Operation: a length that such keys do not have. NotSupported: such keys are not derived.
pub fn derived_length(derived: &ImportParams, aes_length: Option<u16>) -> Result<Option<u32>> {
    match derived {
        ImportParams::Aes(_) => {
            let length = aes_length.unwrap_or(0);
            aes::check_length(length)?;
            Ok(Some(u32::from(length)))
        }
        ImportParams::Hmac { length: Some(0), .. } => {
            Err(crate::Error::new(crate::ErrorKind::Type, "an HMAC key has at least one bit"))
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
                _ if public.kind() != KeyType::Public => return Err(public.wrong_kind()),
                Material::EcPublic(point) if public.algorithm() == key.algorithm() => point,
                _ => return Err(Error::access("the two keys are not for ECDH on the same curve")),
            };
            let secret = private.derive(point);
            truncate(secret.ok_or_else(|| Error::access("the two keys are on different curves"))?, length)
        }
        (Material::X25519Private(private), DeriveParams::X25519 { public }) => match public.material() {
            _ if public.kind() != KeyType::Public => Err(public.wrong_kind()),
            Material::X25519Public(point) => truncate(private.derive(point)?, length),
            _ => Err(Error::access("the two keys are not both for X25519")),
        },
        (Material::Bytes(secret), DeriveParams::Hkdf { hash, salt, info }) => {
            let mut output = Zeroizing::new(vec![0; whole_bytes(length)?]);
            if output.len() > 255 * hash.output_bytes() {
                return Err(Error::operation("HKDF derives at most 255 digests"));
            }
            hmac::hkdf(*hash, secret, salt, info, &mut output)?;
            Ok(output)
        }
        (Material::Bytes(secret), DeriveParams::Pbkdf2 { hash, salt, iterations }) => {
            let bytes = whole_bytes(length)?;
            if *iterations == 0 {
                return Err(Error::operation("PBKDF2 wants one iteration or more"));
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
        _ => Err(key.wrong_kind()),
    }
}

/// What a derivation costs, in iterations of HMAC: zero for all but PBKDF2.
pub fn pbkdf2_work(params: &DeriveParams<'_>, length: Option<u32>) -> u64 {
    match params {
        DeriveParams::Pbkdf2 { hash, iterations, .. } => {
            let blocks = (length.unwrap_or(0) as usize).div_ceil(8 * hash.output_bytes()) as u64;
            u64::from(*iterations) * blocks
        }
        _ => 0,
    }
}

/// HKDF and PBKDF2 derive whole bytes only. Sections 32.4.1, 33.4.1
fn whole_bytes(length: Option<u32>) -> Result<usize> {
    match length {
        Some(bits) if bits % 8 == 0 => Ok(bits as usize / 8),
        Some(_) => Err(Error::operation("the length is not a multiple of 8 bits")),
        None => Err(Error::operation("a length has to be given")),
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

/// How a key is wrapped: with a cipher, or with the one that is made for it.
#[derive(Clone, Copy, Debug)]
pub enum WrapParams<'a> {
    /// AES-KW
    AesKw,
    /// Any other.
    Cipher(CipherParams<'a>),
}

impl WrapParams<'_> {
    fn check(&self, key: &Key, usage: Usages) -> Result<()> {
        match self {
            Self::AesKw => key.require(crate::AesMode::Kw.name(), usage),
            Self::Cipher(params) => key.require_cipher(params, usage),
        }
    }
}

/// Encrypts a key's bytes with the usage `wrapKey`. Section 14.3.11, its steps 7, 8 and 14
///
/// # Errors
///
/// As [`encrypt`].
pub fn wrap_bytes(params: &WrapParams<'_>, key: &Key, data: &[u8]) -> Result<Vec<u8>> {
    params.check(key, Usages::WRAP_KEY)?;
    match (params, key.material()) {
        (WrapParams::AesKw, Material::Aes(aes)) => aes::wrap(aes, data),
        (WrapParams::Cipher(params), _) => cipher_encrypt(params, key, data),
        _ => Err(key.wrong_kind()),
    }
}

/// Decrypts a key's bytes with the usage `unwrapKey`. Section 14.3.12, its steps 10 to 12
///
/// # Errors
///
/// As [`decrypt`].
pub fn unwrap_bytes(params: &WrapParams<'_>, key: &Key, data: &[u8]) -> Result<Zeroizing<Vec<u8>>> {
    params.check(key, Usages::UNWRAP_KEY)?;
    match (params, key.material()) {
        (WrapParams::AesKw, Material::Aes(aes)) => aes::unwrap(aes, data),
        (WrapParams::Cipher(params), _) => cipher_decrypt(params, key, data).map(Zeroizing::new),
        _ => Err(key.wrong_kind()),
    }
}

/// Whether `wrapKey` with these parameters may be tried at all: its checks come before those of the key that is wrapped.
///
/// # Errors
///
/// InvalidAccess: the key is for something else.
pub fn check_wrap(params: &WrapParams<'_>, key: &Key) -> Result<()> {
    params.check(key, Usages::WRAP_KEY)
}

/// The same for `unwrapKey`.
///
/// # Errors
///
/// InvalidAccess: the key is for something else.
pub fn check_unwrap(params: &WrapParams<'_>, key: &Key) -> Result<()> {
    params.check(key, Usages::UNWRAP_KEY)
}

/// A fresh shared secret for the owner of a public key, and what they need to get at it: (secret, ciphertext). "Modern Algorithms"
///
/// # Errors
///
/// InvalidAccess: the key is for something else. Operation: no random bytes.
pub fn encapsulate_bits(set: MlKemSet, key: &Key, usage: Usages) -> Result<(Zeroizing<Vec<u8>>, Vec<u8>)> {
    key.require(set.name(), usage)?;
    match key.material() {
        Material::MlKemPublic(public) => ml_kem::encapsulate(public),
        _ => Err(key.wrong_kind()),
    }
}

/// The shared secret of a ciphertext. "Modern Algorithms"
///
/// # Errors
///
/// InvalidAccess: the key is for something else. Operation: the ciphertext has another length.
pub fn decapsulate_bits(
    set: MlKemSet,
    key: &Key,
    usage: Usages,
    ciphertext: &[u8],
) -> Result<Zeroizing<Vec<u8>>> {
    key.require(set.name(), usage)?;
    match key.material() {
        Material::MlKemPrivate(private) => ml_kem::decapsulate(private, ciphertext),
        _ => Err(key.wrong_kind()),
    }
}

/// The public key of a private one. "Modern Algorithms", `getPublicKey`
///
/// # Errors
///
/// InvalidAccess: the key is not private. Syntax: usages that a public key of the algorithm does not have. NotSupported: a secret key.
pub fn public_key(key: &Key, usages: Usages) -> Result<Key> {
    match (key.material(), key.algorithm()) {
        (Material::RsaPrivate(private), KeyAlgorithm::Rsa { scheme, hash, .. }) => {
            rsa::check_usages(*scheme, usages, rsa::public_usages(*scheme), "public")?;
            Ok(rsa::public_key(*scheme, *hash, private.inner().to_public_key(), true, usages))
        }
        (Material::EcPrivate(private), KeyAlgorithm::Ec { scheme, curve }) => {
            let point = ec::point_of(private);
            ec::import(Format::Raw, KeyData::Bytes(&point), *scheme, *curve, true, usages)
        }
        (Material::Ed25519Private(private), _) => {
            Okp::Ed25519.import(Format::Raw, KeyData::Bytes(&private.public()), true, usages)
        }
        (Material::X25519Private(private), _) => {
            Okp::X25519.import(Format::Raw, KeyData::Bytes(private.public()), true, usages)
        }
        (Material::MlKemPrivate(private), KeyAlgorithm::MlKem(set)) => {
            let akp = ml_kem::akp(*set);
            akp.check_usages(usages, akp.public_usages, "public")?;
            ml_kem::public_of(*set, private, true, usages)
        }
        (Material::MlDsaPrivate(private), KeyAlgorithm::MlDsa(set)) => {
            let akp = ml_dsa::akp(*set);
            akp.check_usages(usages, akp.public_usages, "public")?;
            ml_dsa::public_of(*set, private, true, usages)
        }
        _ if key.kind() == KeyType::Secret => Err(Error::unsupported("a secret key has no public key")),
        _ => Err(key.wrong_kind()),
    }
}
