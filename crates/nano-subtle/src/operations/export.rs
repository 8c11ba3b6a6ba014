//! Exporting and serializing keys. Web Cryptography, sections 14.3.10 and 13.6

use crate::algorithm::{Format, KeyAlgorithm};
use crate::error::{Error, Result};
use crate::format::{Exported, cannot_export};
use crate::key::{Key, KeyType, Material};
use crate::{aes, chacha, ec, hmac, ml_dsa, ml_kem, rsa};
use zeroize::Zeroizing;

/// Exports the material of an extractable key.
///
/// # Errors
///
/// InvalidAccess: the key is not extractable, or keys of its type do not have this format. NotSupported: no
/// key of its algorithm has this format.
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

/// Returns the material of a key for the serialization steps of structured clone, whether or not it is
/// extractable.
///
/// [`import_key`](crate::import_key) in the returned format makes the key again. No script may see these
/// bytes.
///
/// # Errors
///
/// Operation: the key cannot be encoded.
pub fn serialize_key(key: &Key) -> Result<(Format, Zeroizing<Vec<u8>>)> {
    let format = match (key.material(), key.kind()) {
        (Material::Input(bytes), _) => return Ok((Format::RawSecret, bytes.clone())),
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

fn export_material(format: Format, key: &Key) -> Result<Exported> {
    let raw = |bytes: Vec<u8>| Ok(Exported::Bytes(Zeroizing::new(bytes)));
    let algorithm = key.algorithm();
    match (key.material(), algorithm) {
        (Material::Aes(aes), KeyAlgorithm::Aes { mode, .. }) => match format {
            Format::Raw | Format::RawSecret => raw(aes::export_raw(aes)),
            Format::Jwk => Ok(Exported::Jwk(aes::export_jwk(aes, *mode))),
            _ => Err(cannot_export(algorithm.name(), format)),
        },
        (Material::Hmac(hmac), KeyAlgorithm::Hmac { hash, .. }) => match format {
            Format::Raw | Format::RawSecret => raw(hmac::export_raw(hmac)),
            Format::Jwk => Ok(Exported::Jwk(hmac::export_jwk(hmac, *hash))),
            _ => Err(cannot_export(algorithm.name(), format)),
        },
        (Material::ChaCha(chacha), _) => match format {
            Format::RawSecret => raw(chacha::export_raw(chacha)),
            Format::Jwk => Ok(Exported::Jwk(chacha::export_jwk(chacha))),
            _ => Err(cannot_export(algorithm.name(), format)),
        },
        (Material::RsaPublic(rsa), KeyAlgorithm::Rsa { scheme, hash, .. }) => match format {
            Format::Raw | Format::RawPublic => Err(cannot_export(algorithm.name(), format)),
            _ => rsa::export_public(rsa, *scheme, *hash, format),
        },
        (Material::RsaPrivate(rsa), KeyAlgorithm::Rsa { scheme, hash, .. }) => match format {
            Format::Raw | Format::RawPublic => Err(cannot_export(algorithm.name(), format)),
            _ => rsa::export_private(rsa, *scheme, *hash, format),
        },
        (Material::EcPublic(ec), KeyAlgorithm::Ec { scheme, curve }) => {
            ec::export_public(ec, *scheme, *curve, format)
        }
        (Material::EcPrivate(ec), KeyAlgorithm::Ec { scheme, curve }) => {
            ec::export_private(ec, *scheme, *curve, format)
        }
        (Material::OkpPublic(public), _) => public.export(format),
        (Material::OkpPrivate(private), _) => private.export(format),
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
