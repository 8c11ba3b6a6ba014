//! ML-DSA, FIPS 204: signatures on lattices. "Modern Algorithms in the Web Cryptography API".

use crate::akp::{Akp, wrong_length};
use crate::algorithm::{Format, MlDsaSet};
use crate::error::{Error, Result};
use crate::format::Exported;
use crate::random;
use crate::usage::Usages;
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
            make_public: |bytes| {
                let bytes = bytes.try_into().map_err(|_| wrong_length(MlDsaSet::$variant.name()))?;
                let key = VerifyingKey::<$variant>::decode(bytes);
                Ok(Public::$variant(Box::new(key)))
            },
            make_private: |bytes| {
                let seed = Zeroizing::new(
                    Seed::try_from(bytes).map_err(|_| wrong_length(MlDsaSet::$variant.name()))?,
                );
                let key = SigningKey::<$variant>::from_seed(&seed);
                let public = key.verifying_key().encode().to_vec();
                Ok((Private::$variant(Box::new(key)), public))
            },
        }
    };
}

static ML_DSA_44: Akp<Public, Private> = akp!(MlDsa44, "17");
static ML_DSA_65: Akp<Public, Private> = akp!(MlDsa65, "18");
static ML_DSA_87: Akp<Public, Private> = akp!(MlDsa87, "19");

pub(crate) fn akp(set: MlDsaSet) -> &'static Akp<Public, Private> {
    match set {
        MlDsaSet::MlDsa44 => &ML_DSA_44,
        MlDsaSet::MlDsa65 => &ML_DSA_65,
        MlDsaSet::MlDsa87 => &ML_DSA_87,
    }
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

pub(crate) fn public_of(set: MlDsaSet, key: &Private) -> Result<Public> {
    let bytes = each!(Private, key, key => key.verifying_key().encode().to_vec());
    (akp(set).make_public)(&bytes)
}

pub(crate) fn export_public(set: MlDsaSet, key: &Public, format: Format) -> Result<Exported> {
    akp(set).export_public(format, each!(Public, key, key => key.encode().to_vec()))
}

pub(crate) fn export_private(set: MlDsaSet, key: &Private, format: Format) -> Result<Exported> {
    each!(Private, key, key => {
        akp(set).export_private(format, &key.as_seed()[..], &key.verifying_key().encode())
    })
}
