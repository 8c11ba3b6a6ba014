//! ML-DSA, FIPS 204: signatures on lattices. "Modern Algorithms in the Web Cryptography API".

use crate::akp::{Akp, wrong_length};
use crate::algorithm::{Format, KeyAlgorithm, MlDsaSet};
use crate::error::{Error, Result};
use crate::key::{Key, KeyPair, KeyType, Material};
use crate::usage::Usages;
use crate::{Exported, random};
use ::ml_dsa::{Keypair, MlDsa44, MlDsa65, MlDsa87, Seed, Signature, SigningKey, VerifyingKey};
use der::asn1::ObjectIdentifier;
use zeroize::Zeroizing;

const SEED_BYTES: usize = 32;

pub(crate) enum Public {
    MlDsa44(Box<VerifyingKey<MlDsa44>>),
    MlDsa65(Box<VerifyingKey<MlDsa65>>),
    MlDsa87(Box<VerifyingKey<MlDsa87>>),
}

pub(crate) enum Private {
    MlDsa44(Box<SigningKey<MlDsa44>>),
    MlDsa65(Box<SigningKey<MlDsa65>>),
    MlDsa87(Box<SigningKey<MlDsa87>>),
}

macro_rules! each {
    ($type:ident, $key:expr, $inner:ident => $body:expr) => {
        match $key {
            $type::MlDsa44($inner) => $body,
            $type::MlDsa65($inner) => $body,
            $type::MlDsa87($inner) => $body,
        }
    };
}

/// The parts that depend on the parameter set.
macro_rules! akp {
    ($variant:ident, $arc:literal) => {
        Akp {
            name: MlDsaSet::$variant.name(),
            oid: ObjectIdentifier::new_unwrap(concat!("2.16.840.1.101.3.4.3.", $arc)),
            seed_bytes: SEED_BYTES,
            public_usages: Usages::VERIFY,
            private_usages: Usages::SIGN,
            jwk_use: "sig",
            make_public: |bytes, extractable, usages| {
                let bytes = bytes.try_into().map_err(|_| wrong_length(MlDsaSet::$variant.name()))?;
                let key = VerifyingKey::<$variant>::decode(bytes);
                let material = Material::MlDsaPublic(Public::$variant(Box::new(key)));
                let algorithm = KeyAlgorithm::MlDsa(MlDsaSet::$variant);
                Ok(Key::new(KeyType::Public, algorithm, extractable, usages, material))
            },
            make_private: |bytes, extractable, usages| {
                let seed = Zeroizing::new(
                    Seed::try_from(bytes).map_err(|_| wrong_length(MlDsaSet::$variant.name()))?,
                );
                let key = SigningKey::<$variant>::from_seed(&seed);
                let public = key.verifying_key().encode().to_vec();
                let material = Material::MlDsaPrivate(Private::$variant(Box::new(key)));
                let algorithm = KeyAlgorithm::MlDsa(MlDsaSet::$variant);
                Ok((Key::new(KeyType::Private, algorithm, extractable, usages, material), public))
            },
        }
    };
}

static ML_DSA_44: Akp = akp!(MlDsa44, "17");
static ML_DSA_65: Akp = akp!(MlDsa65, "18");
static ML_DSA_87: Akp = akp!(MlDsa87, "19");

pub(crate) fn akp(set: MlDsaSet) -> &'static Akp {
    match set {
        MlDsaSet::MlDsa44 => &ML_DSA_44,
        MlDsaSet::MlDsa65 => &ML_DSA_65,
        MlDsaSet::MlDsa87 => &ML_DSA_87,
    }
}

pub(crate) fn generate(set: MlDsaSet, extractable: bool, usages: Usages) -> Result<KeyPair> {
    let akp = akp(set);
    akp.check_usages(usages, akp.public_usages | akp.private_usages, "new")?;
    crate::require_some(usages.intersection(akp.private_usages))?;
    let seed = random::secret(SEED_BYTES)?;
    let (private, public) = (akp.make_private)(&seed, extractable, usages.intersection(akp.private_usages))?;
    let public = (akp.make_public)(&public, true, usages.intersection(akp.public_usages))?;
    Ok(KeyPair { public, private })
}

/// The hedged variant. FIPS 204, algorithm 2
pub(crate) fn sign(key: &Private, context: &[u8], data: &[u8]) -> Result<Vec<u8>> {
    random::check()?;
    each!(Private, key, key => {
        key.expanded_key()
            .sign_randomized(data, context, &mut random::rng())
            .map(|signature| signature.encode().to_vec())
            .map_err(|_| Error::operation("the context is longer than 255 bytes"))
    })
}

/// FIPS 204, algorithm 3
pub(crate) fn verify(key: &Public, context: &[u8], signature: &[u8], data: &[u8]) -> bool {
    each!(Public, key, key => match Signature::try_from(signature) {
        Ok(signature) => key.verify_with_context(data, context, &signature),
        Err(_) => false,
    })
}

pub(crate) fn public_of(set: MlDsaSet, key: &Private, extractable: bool, usages: Usages) -> Result<Key> {
    let bytes = each!(Private, key, key => key.verifying_key().encode().to_vec());
    (akp(set).make_public)(&bytes, extractable, usages)
}

pub(crate) fn export_public(set: MlDsaSet, key: &Public, format: Format) -> Result<Exported> {
    akp(set).export_public(format, each!(Public, key, key => key.encode().to_vec()))
}

pub(crate) fn export_private(set: MlDsaSet, key: &Private, format: Format) -> Result<Exported> {
    each!(Private, key, key => {
        akp(set).export_private(format, &key.as_seed()[..], &key.verifying_key().encode())
    })
}
