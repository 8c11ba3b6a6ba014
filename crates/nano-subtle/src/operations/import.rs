//! Importing keys. Web Cryptography, section 14.3.9

use crate::algorithm::{Format, ImportParams, KeyAlgorithm};
use crate::error::{Error, Result};
use crate::format::{KeyData, cannot_import};
use crate::key::{Key, KeyType, Material};
use crate::okp::Okp;
use crate::usage::Usages;
use crate::{aes, chacha, ec, hmac, ml_dsa, ml_kem, rsa};
use zeroize::Zeroizing;

/// Imports a key from its bytes or its JWK.
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
/// Syntax: usages that the key cannot have, or none for a secret or private key. Data: the data is not a key
/// of this kind. NotSupported: keys of this algorithm do not have this format.
pub fn import_key(
    format: Format,
    data: KeyData<'_>,
    params: &ImportParams,
    extractable: bool,
    usages: Usages,
) -> Result<Key> {
    let (algorithm, material) = match *params {
        ImportParams::Aes(mode) => {
            let key = aes::import(format, data, mode, extractable, usages)?;
            (KeyAlgorithm::Aes { mode, length: key.length_bits() }, Material::Aes(key))
        }
        ImportParams::Hmac { hash, length } => {
            let key = hmac::import(format, data, hash, length, extractable, usages)?;
            (KeyAlgorithm::Hmac { hash, length: key.length_bits() }, Material::Hmac(key))
        }
        ImportParams::ChaCha20Poly1305 => {
            let key = chacha::import(format, data, extractable, usages)?;
            (KeyAlgorithm::ChaCha20Poly1305, Material::ChaCha(key))
        }
        ImportParams::Hkdf => {
            let input = import_input(KeyAlgorithm::Hkdf.name(), format, data, extractable, usages)?;
            (KeyAlgorithm::Hkdf, input)
        }
        ImportParams::Pbkdf2 => {
            let input = import_input(KeyAlgorithm::Pbkdf2.name(), format, data, extractable, usages)?;
            (KeyAlgorithm::Pbkdf2, input)
        }
        ImportParams::Rsa { scheme, hash } => {
            let half = rsa::import(format, data, scheme, hash, extractable, usages)?;
            half.map(
                |key| (key.algorithm(scheme, hash), Material::RsaPublic(key)),
                |key| (key.algorithm(scheme, hash), Material::RsaPrivate(key)),
            )
        }
        ImportParams::Ec { scheme, curve } => {
            let half = ec::import(format, data, scheme, curve, extractable, usages)?;
            (KeyAlgorithm::Ec { scheme, curve }, half.map(Material::EcPublic, Material::EcPrivate))
        }
        ImportParams::Ed25519 => {
            let half = Okp::Ed25519.import(format, data, extractable, usages)?;
            (KeyAlgorithm::Ed25519, half.map(Material::OkpPublic, Material::OkpPrivate))
        }
        ImportParams::X25519 => {
            let half = Okp::X25519.import(format, data, extractable, usages)?;
            (KeyAlgorithm::X25519, half.map(Material::OkpPublic, Material::OkpPrivate))
        }
        ImportParams::MlKem(set) => {
            let half = ml_kem::akp(set).import(format, data, extractable, usages)?;
            (KeyAlgorithm::MlKem(set), half.map(Material::MlKemPublic, Material::MlKemPrivate))
        }
        ImportParams::MlDsa(set) => {
            let half = ml_dsa::akp(set).import(format, data, extractable, usages)?;
            (KeyAlgorithm::MlDsa(set), half.map(Material::MlDsaPublic, Material::MlDsaPrivate))
        }
    };
    let key = Key::new(algorithm, material, extractable, usages);
    if key.kind() != KeyType::Public {
        usages.require_some()?;
    }
    Ok(key)
}

/// Imports the input of HKDF or PBKDF2. Sections 32.4.2, 33.4.2
fn import_input(
    algorithm: &str,
    format: Format,
    data: KeyData<'_>,
    extractable: bool,
    usages: Usages,
) -> Result<Material> {
    let (Format::Raw | Format::RawSecret, KeyData::Bytes(bytes)) = (format, data) else {
        return Err(cannot_import(algorithm, format));
    };
    usages.require_within(Usages::DERIVE, "key", algorithm)?;
    if extractable {
        return Err(Error::syntax(format!("a key for {algorithm} cannot be extractable")));
    }
    Ok(Material::Input(Zeroizing::new(bytes.to_vec())))
}
