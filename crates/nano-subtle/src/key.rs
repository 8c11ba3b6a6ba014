//! Keys: their usages and their material, which leaves this crate only by an export.

use crate::algorithm::KeyAlgorithm;
use crate::error::{Error, Result};
use crate::usage::Usages;
use crate::{aes, chacha, ec, hmac, ml_dsa, ml_kem, okp, rsa};
use std::fmt;
use std::sync::Arc;
use zeroize::Zeroizing;

/// The type of a key: `KeyType` of the specification.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyType {
    /// A key that both sides know.
    Secret,
    /// The half of a pair that everybody may know.
    Public,
    /// The half of a pair that one side knows.
    Private,
}

impl KeyType {
    /// The name, as `CryptoKey.type` has it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Secret => "secret",
            Self::Public => "public",
            Self::Private => "private",
        }
    }
}

/// A key with its algorithm and its usages. Clones are the same key; it may go to other threads.
///
/// Its material is wiped from memory when the last clone is dropped, and `Debug` does not show it.
#[derive(Clone)]
pub struct Key(Arc<Inner>);

struct Inner {
    algorithm: KeyAlgorithm,
    extractable: bool,
    usages: Usages,
    material: Material,
}

/// The material of a key, ready for use. Each variant wipes itself from memory.
pub(crate) enum Material {
    Aes(Box<aes::AesKey>),
    Hmac(Box<hmac::HmacKey>),
    ChaCha(Box<chacha::ChaChaKey>),
    /// The input of HKDF and PBKDF2.
    Input(Zeroizing<Vec<u8>>),
    RsaPublic(Box<rsa::PublicKey>),
    RsaPrivate(Box<rsa::PrivateKey>),
    EcPublic(ec::EcPublic),
    EcPrivate(Box<ec::EcPrivate>),
    OkpPublic(okp::Public),
    OkpPrivate(okp::Private),
    MlKemPublic(ml_kem::Public),
    MlKemPrivate(ml_kem::Private),
    MlDsaPublic(ml_dsa::Public),
    MlDsaPrivate(ml_dsa::Private),
}

impl Material {
    const fn key_type(&self) -> KeyType {
        match self {
            Self::Aes(_) | Self::Hmac(_) | Self::ChaCha(_) | Self::Input(_) => KeyType::Secret,
            Self::RsaPublic(_)
            | Self::EcPublic(_)
            | Self::OkpPublic(_)
            | Self::MlKemPublic(_)
            | Self::MlDsaPublic(_) => KeyType::Public,
            Self::RsaPrivate(_)
            | Self::EcPrivate(_)
            | Self::OkpPrivate(_)
            | Self::MlKemPrivate(_)
            | Self::MlDsaPrivate(_) => KeyType::Private,
        }
    }
}

impl Key {
    pub(crate) fn new(
        algorithm: KeyAlgorithm,
        material: Material,
        extractable: bool,
        usages: Usages,
    ) -> Self {
        Self(Arc::new(Inner { algorithm, extractable, usages, material }))
    }

    /// The type: `CryptoKey.type`.
    pub fn kind(&self) -> KeyType {
        self.0.material.key_type()
    }

    /// The algorithm with its parameters: `CryptoKey.algorithm`.
    pub fn algorithm(&self) -> &KeyAlgorithm {
        &self.0.algorithm
    }

    /// Whether [`export_key`](crate::export_key) returns its material: `CryptoKey.extractable`.
    pub fn extractable(&self) -> bool {
        self.0.extractable
    }

    /// The operations that the key may be used for: `CryptoKey.usages`.
    pub fn usages(&self) -> Usages {
        self.0.usages
    }

    pub(crate) fn material(&self) -> &Material {
        &self.0.material
    }

    /// The two checks at the start of every operation: the key is for this algorithm, and has this usage.
    #[inline]
    pub(crate) fn require(&self, name: &'static str, usage: Usages) -> Result<()> {
        // Names are static and mostly the same ones, so this compares pointers before bytes.
        if self.0.algorithm.name() != name {
            return Err(Error::access(format!("the key is for {}, not for {name}", self.0.algorithm.name())));
        }
        if !self.0.usages.intersects(usage) {
            let wanted = usage.names().next().unwrap_or_default();
            return Err(Error::access(format!("the key's usages do not permit {wanted}")));
        }
        Ok(())
    }

    /// The error of an operation that keys of this type do not have.
    pub(crate) fn wrong_type(&self) -> Error {
        Error::access(format!("a {} key cannot do this", self.kind().name()))
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key")
            .field("kind", &self.kind())
            .field("algorithm", &self.0.algorithm)
            .field("extractable", &self.0.extractable)
            .field("usages", &self.0.usages)
            .finish_non_exhaustive()
    }
}

/// A pair of keys that belong together.
#[derive(Clone, Debug)]
pub struct KeyPair {
    /// The public key, which is always extractable.
    pub public: Key,
    /// The private key.
    pub private: Key,
}

/// The result of [`generate_key`](crate::generate_key).
#[derive(Clone, Debug)]
pub enum Generated {
    /// A key of a symmetric algorithm.
    Secret(Key),
    /// A pair of an asymmetric algorithm.
    Pair(KeyPair),
}
