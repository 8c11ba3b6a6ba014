//! Signatures. Web Cryptography, sections 14.3.3 and 14.3.4

use crate::algorithm::{KeyAlgorithm, SignParams};
use crate::error::{Error, Result};
use crate::key::{Key, Material};
use crate::usage::Usages;
use crate::{hmac, ml_dsa, okp};

/// Signs data.
///
/// # Errors
///
/// InvalidAccess: the key is for another algorithm or operation. Operation: the key is too short for hash and
/// salt, or there are no random bytes.
pub fn sign(params: &SignParams<'_>, key: &Key, data: &[u8]) -> Result<Vec<u8>> {
    key.require(params.name(), Usages::SIGN)?;
    match (key.material(), params, key.algorithm()) {
        (Material::Hmac(hmac), ..) => Ok(hmac::sign(hmac, data).to_vec()),
        (Material::RsaPrivate(rsa), SignParams::RsaPkcs1, KeyAlgorithm::Rsa { hash, .. }) => {
            rsa.sign_pkcs1(*hash, data)
        }
        (Material::RsaPrivate(rsa), SignParams::RsaPss { salt_length }, KeyAlgorithm::Rsa { hash, .. }) => {
            rsa.sign_pss(*hash, *salt_length as usize, data)
        }
        (Material::EcPrivate(ec), SignParams::Ecdsa { hash }, _) => ec.sign(*hash, data),
        (Material::OkpPrivate(okp::Private::Ed25519(private)), ..) => Ok(private.sign(data)),
        (Material::MlDsaPrivate(private), SignParams::MlDsa { context, .. }, _) => {
            ml_dsa::sign(private, context, data)
        }
        _ => Err(key.wrong_type()),
    }
}

/// Whether a signature is genuine.
///
/// # Errors
///
/// InvalidAccess: the key is for another algorithm or operation. A malformed signature is not an error: it is
/// not genuine.
pub fn verify(params: &SignParams<'_>, key: &Key, signature: &[u8], data: &[u8]) -> Result<bool> {
    key.require(params.name(), Usages::VERIFY)?;
    match (key.material(), params, key.algorithm()) {
        (Material::Hmac(hmac), ..) => Ok(hmac::verify(hmac, signature, data)),
        (Material::RsaPublic(rsa), SignParams::RsaPkcs1, KeyAlgorithm::Rsa { hash, .. }) => {
            Ok(rsa.verify_pkcs1(*hash, signature, data))
        }
        (Material::RsaPublic(rsa), SignParams::RsaPss { salt_length }, KeyAlgorithm::Rsa { hash, .. }) => {
            Ok(rsa.verify_pss(*hash, *salt_length, signature, data))
        }
        (Material::EcPublic(ec), SignParams::Ecdsa { hash }, _) => Ok(ec.verify(*hash, signature, data)),
        (Material::OkpPublic(okp::Public::Ed25519(public)), ..) => Ok(public.verify(signature, data)),
        (Material::MlDsaPublic(public), SignParams::MlDsa { context, .. }, _) => {
            if context.len() > 255 {
                return Err(Error::operation("the context is longer than 255 bytes"));
            }
            Ok(ml_dsa::verify(public, context, signature, data))
        }
        _ => Err(key.wrong_type()),
    }
}
