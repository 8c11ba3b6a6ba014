//! Key encapsulation, of "Modern Algorithms".

use crate::algorithm::MlKemSet;
use crate::error::Result;
use crate::key::{Key, Material};
use crate::ml_kem;
use crate::usage::Usages;
use zeroize::Zeroizing;

/// Makes a new shared secret for the owner of a public key; returns the secret and its ciphertext.
///
/// # Errors
///
/// InvalidAccess: the key is for another algorithm or operation. Operation: there are no random bytes.
pub fn encapsulate_bits(set: MlKemSet, key: &Key, usage: Usages) -> Result<(Zeroizing<Vec<u8>>, Vec<u8>)> {
    key.require(set.name(), usage)?;
    match key.material() {
        Material::MlKemPublic(public) => ml_kem::encapsulate(public),
        _ => Err(key.wrong_type()),
    }
}

/// Returns the shared secret of a ciphertext.
///
/// # Errors
///
/// InvalidAccess: the key is for another algorithm or operation. Operation: the ciphertext has another
/// length.
pub fn decapsulate_bits(
    set: MlKemSet,
    key: &Key,
    usage: Usages,
    ciphertext: &[u8],
) -> Result<Zeroizing<Vec<u8>>> {
    key.require(set.name(), usage)?;
    match key.material() {
        Material::MlKemPrivate(private) => ml_kem::decapsulate(private, ciphertext),
        _ => Err(key.wrong_type()),
    }
}
