//! The public key of a private key: `getPublicKey` of "Modern Algorithms".

use crate::algorithm::KeyAlgorithm;
use crate::error::{Error, Result};
use crate::key::{Key, KeyType, Material};
use crate::usage::Usages;
use crate::{ec, ml_dsa, ml_kem, rsa};

/// Returns the public key of a private key.
///
/// # Errors
///
/// InvalidAccess: the key is public. Syntax: usages that a public key of the algorithm does not have.
/// NotSupported: the key is secret.
pub fn public_key(key: &Key, usages: Usages) -> Result<Key> {
    let material = match (key.material(), key.algorithm()) {
        (Material::RsaPrivate(private), KeyAlgorithm::Rsa { scheme, .. }) => {
            rsa::check_public_usages(*scheme, usages)?;
            Material::RsaPublic(private.public())
        }
        (Material::EcPrivate(private), KeyAlgorithm::Ec { scheme, .. }) => {
            ec::check_public_usages(*scheme, usages)?;
            Material::EcPublic(private.public())
        }
        (Material::OkpPrivate(private), _) => {
            private.okp().check_public_usages(usages)?;
            Material::OkpPublic(private.public())
        }
        (Material::MlKemPrivate(private), KeyAlgorithm::MlKem(set)) => {
            ml_kem::akp(*set).check_public_usages(usages)?;
            Material::MlKemPublic(ml_kem::public_of(*set, private)?)
        }
        (Material::MlDsaPrivate(private), KeyAlgorithm::MlDsa(set)) => {
            ml_dsa::akp(*set).check_public_usages(usages)?;
            Material::MlDsaPublic(ml_dsa::public_of(*set, private)?)
        }
        _ if key.kind() == KeyType::Secret => {
            return Err(Error::unsupported("a secret key has no public key"));
        }
        _ => return Err(key.wrong_type()),
    };
    Ok(Key::new(key.algorithm().clone(), material, true, usages))
}
