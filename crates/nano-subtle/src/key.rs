//! A key: what it may be used for, and its material, which never leaves this crate but through an export.

use crate::algorithm::{CipherParams, KeyAlgorithm};
use crate::error::{Error, Result};
use crate::usage::Usages;
use crate::{aes, chacha, ec, hmac, ml_dsa, ml_kem, okp, rsa};
use std::fmt;
use std::sync::Arc;
use zeroize::Zeroizing;

/// `KeyType`: what kind of key it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KeyType {
    /// Known to both sides.
    Secret,
    /// May be known to everybody.
    Public,
    /// Known to one side.
    Private,
}

impl KeyType {
    /// `CryptoKey.type`
    pub const fn name(self) -> &'static str {
        match self {
            Self::Secret => "secret",
            Self::Public => "public",
            Self::Private => "private",
        }
    }
}

/// A key and what may be done with it. Clones are the same key; it may go to other threads.
///
/// Its material is wiped from memory when the last clone goes, and `Debug` does not show it.
#[derive(Clone)]
pub struct Key(Arc<Inner>);

struct Inner {
    kind: KeyType,
    algorithm: KeyAlgorithm,
    extractable: bool,
    usages: Usages,
    material: Material,
}

/// The bytes, ready for use. Each of these wipes itself.
pub(crate) enum Material {
    Aes(Box<aes::AesKey>),
    Hmac(Box<hmac::HmacKey>),
    RsaPublic(Box<rsa::PublicKey>),
    RsaPrivate(Box<rsa::PrivateKey>),
    EcPublic(ec::EcPublic),
    EcPrivate(Box<ec::EcPrivate>),
    Ed25519Public(Box<okp::Ed25519Public>),
    Ed25519Private(Box<okp::Ed25519Private>),
    X25519Public([u8; 32]),
    X25519Private(Box<okp::X25519Private>),
    /// What HKDF and PBKDF2 start from.
    Bytes(Zeroizing<Vec<u8>>),
    ChaCha(Box<chacha::ChaChaKey>),
    MlKemPublic(ml_kem::Public),
    MlKemPrivate(ml_kem::Private),
    MlDsaPublic(ml_dsa::Public),
    MlDsaPrivate(ml_dsa::Private),
}

impl Key {
    pub(crate) fn new(
        kind: KeyType,
        algorithm: KeyAlgorithm,
        extractable: bool,
        usages: Usages,
        material: Material,
    ) -> Self {
        Self(Arc::new(Inner { kind, algorithm, extractable, usages, material }))
    }

    /// `CryptoKey.type`
    pub fn kind(&self) -> KeyType {
        self.0.kind
    }

    /// `CryptoKey.algorithm`
    pub fn algorithm(&self) -> &KeyAlgorithm {
        &self.0.algorithm
    }

    /// `CryptoKey.extractable`: whether [`export_key`](crate::export_key) gives its material away.
    pub fn extractable(&self) -> bool {
        self.0.extractable
    }

    /// `CryptoKey.usages`
    pub fn usages(&self) -> Usages {
        self.0.usages
    }

    pub(crate) fn material(&self) -> &Material {
        &self.0.material
    }

    /// The two checks at the start of every operation: the key is for this algorithm, and may be used so.
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

    pub(crate) fn require_cipher(&self, params: &CipherParams<'_>, usage: Usages) -> Result<()> {
        self.require(params.name(), usage)
    }

    pub(crate) fn wrong_kind(&self) -> Error {
        Error::access(format!("a {} key cannot do this", self.0.kind.name()))
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key")
            .field("kind", &self.0.kind)
            .field("algorithm", &self.0.algorithm)
            .field("extractable", &self.0.extractable)
            .field("usages", &self.0.usages)
            .finish_non_exhaustive()
    }
}

/// A pair of keys that belong together.
#[derive(Clone, Debug)]
pub struct KeyPair {
    /// For everybody; always extractable.
    pub public: Key,
    /// For its owner.
    pub private: Key,
}

/// What [`generate_key`](crate::generate_key) has made.
#[derive(Clone, Debug)]
pub enum Generated {
    /// Of a symmetric algorithm.
    Secret(Key),
    /// Of an asymmetric one.
    Pair(KeyPair),
}
